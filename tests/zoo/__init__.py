"""Language servers that misbehave, and two that are only slow or curious. None shares code with semctx."""

from __future__ import annotations

import json
import sys
from pathlib import Path

_HERE = Path(__file__).parent


def command(species: str, *arguments: str | Path) -> list[str]:
    """Program and arguments of a server: a module of this folder, and what it is told."""
    return [sys.executable, str(_HERE / f"{species}.py"), *map(str, arguments)]


def configured(argv: list[str], name: str = "ty") -> str:
    """The daemon's configuration for such a server in the place of one that it knows."""
    return f"[servers.{name}]\ncommand = {json.dumps(argv)}\n"
