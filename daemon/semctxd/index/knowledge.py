"""The built-in table (knowledge.toml): an answer for a repository that has nothing to say. Always marked as such."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from semctxd.ranking.text import stem

_CONFIDENCE = 0.1  # nothing of the repository speaks for it


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("knowledge.toml").read_text("utf-8"))


def context(said: list[str], limits: dict[str, int]) -> dict[str, Any]:
    """The result of `context/query`, without `meta`, for the words of an intent."""
    words = {stem(word) for word in said}
    scored = [
        (sum(stem(word) in words for word in topic["words"]), at, topic) for at, topic in enumerate(_table()["topic"])
    ]
    topics = [topic for hits, _, topic in sorted(scored, key=lambda item: (-item[0], item[1])) if hits]
    symbols = [_symbol(text) for topic in topics for text in topic["symbols"]][: limits.get("symbols", 20)]
    statements = dict.fromkeys(statement for topic in topics for statement in topic["imports"])
    return {
        "symbols": symbols,
        "types": [at for at, symbol in enumerate(symbols) if symbol["kind"] == "class"],
        "functions": [at for at, symbol in enumerate(symbols) if symbol["kind"] == "function"],
        "files": [],
        "imports": [_import(statement) for statement in statements][: limits.get("imports", 10)],
        "conventions": [
            {"key": key, "value": value, "count": 0, "of": 0, "evidence": []}
            for key, value in _table()["conventions"].items()
        ][: limits.get("conventions", 10)],
        "keywords": said,
        "source": "knowledge-base",
        "enriched": False,
    }


def _symbol(text: str) -> dict[str, Any]:
    path, bracket, rest = text.partition("(")
    module, _, name = path.rpartition(".")
    kind = "function" if bracket else "variable" if name.islower() and name != "dataclass" else "class"
    return {
        "name": name, "qualname": name, "kind": kind, "file": "", "line": 1, "column": 0, "module": module,
        "signature": f"{name}{bracket}{rest}", "doc": "", "scope": "workspace", "confidence": _CONFIDENCE,
    }  # fmt: skip


def _import(statement: str) -> dict[str, Any]:
    if statement.startswith("import "):
        module, names = statement.removeprefix("import "), []
    else:
        module, _, listed = statement.removeprefix("from ").partition(" import ")
        names = listed.split(", ")
    return {
        "module": module,
        "names": names,
        "statement": statement,
        "count": 0,
        "evidence": [],
        "checked": False,
        "at": [0, 0],
    }
