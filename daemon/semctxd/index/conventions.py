"""How this repository does things: the marks of its files, added up, with the nearest instances as evidence."""

from __future__ import annotations

from typing import Any

from semctxd.index.live import LiveIndex

_KEYS = (
    "errors raised", "docstring style", "type hints", "logging", "string formatting", "project imports",
    "data classes", "paths", "error classes", "optional types", "annotations", "function names", "constants",
    "quotes", "functions", "docstrings", "class names", "test framework", "test files", "tests",
)  # fmt: skip
"""In order of what a generator most needs to be told."""
_SEVERAL = {"errors raised": 3}  # how many values of a key are worth telling; else the commonest one
_EVIDENCE = 3
_FEW = 2  # what was seen less often is no convention


def mine(live: LiveIndex, target: str) -> list[dict[str, Any]]:
    """The conventions of the workspace; evidence is taken from near `target` (a relative path, or "")."""
    near = live.near(target)
    by_key: dict[str, list[tuple[int, str]]] = {}
    for (key, value), count in live.store.mark_counts.items():
        by_key.setdefault(key, []).append((count, value))
    found = []
    for key in _KEYS:
        values = sorted(by_key.get(key, ()), key=lambda counted: (-counted[0], counted[1]))
        total = sum(count for count, _ in values)
        for count, value in values[: _SEVERAL.get(key, 1)]:
            if count >= _FEW:
                files = live.store.marks[key, value]
                evidence = [f"{path}:{files[path][3]}" for path in near.first(files, _EVIDENCE)]
                found.append({"key": key, "value": value, "count": count, "of": total, "evidence": evidence})
    return found
