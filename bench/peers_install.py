"""The peers of `peers`, each installed in a place of its own below `.demo`, at the first use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple

from bench.repository import CACHE

SERENA = "serena-agent>=2.1"
KARELLEN = "karellen-lsp-mcp>=0.2.1"
CCLSP = "cclsp@>=0.7"
_PATIENCE_S = 600.0


class Installed(NamedTuple):
    """A program that is there."""

    command: list[str]
    version: str


class Missing(Exception):
    """A peer cannot be installed here; says why."""


def from_pypi(requirement: str, program: str) -> Installed:
    """A console script of a package, in a virtual environment of its own, of the Python that runs this.

    Raises Missing.
    """
    place = os.path.join(CACHE, "peers", requirement)
    scripts = os.path.join(place, "bin")
    python = os.path.join(scripts, "python")
    if not os.path.exists(os.path.join(scripts, program)):
        run_once([sys.executable, "-m", "venv", place])
        run_once([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement])
    asked = f"from importlib.metadata import version; print(version({requirement.partition('>=')[0]!r}))"
    return Installed([os.path.join(scripts, program)], run_once([python, "-c", asked]).strip())


def from_npm(requirement: str, program: str) -> Installed:
    """A JavaScript program of a package, in a folder of its own. Raises Missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Missing(f"{requirement.partition('@')[0]} needs node and npm, which are not installed")
    place = os.path.join(CACHE, "peers", requirement)
    package = os.path.join(place, "node_modules", requirement.partition("@")[0])
    if not os.path.exists(os.path.join(package, program)):
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, "package.json"), "w", encoding="utf-8") as file:
            file.write('{"private": true}\n')
        run_once([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", place, requirement])
    with open(os.path.join(package, "package.json"), encoding="utf-8") as file:
        version: str = json.load(file)["version"]
    return Installed([node, os.path.join(package, program)], version)


def run_once(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """What a command prints. Raises Missing where it fails, with what it complained of."""
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=_PATIENCE_S)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise Missing(f"{' '.join(command)}: {said.strip()[-500:]}") from error
    return done.stdout
