"""Imports that are offered, against those that only the hidden body needs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Name = tuple[str, str]
"""(module without leading dots, imported name or "" for the module itself)."""

FIRST = 5  # so many patterns count


class Offer(NamedTuple):
    """One task's."""

    needed: int
    found: int  # of the needed, among the first FIRST patterns
    offered: int  # names in them that the file does not have already


def names(text: str) -> set[Name]:
    """What a file imports, anywhere in it."""
    found: set[Name] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            found.update((node.module or "", alias.name) for alias in node.names if alias.name != "*")
    return found


def needed(original: str, hidden: str) -> set[Name]:
    """What only a hidden body needs of its file's imports."""
    return names(original) - names(hidden)


def judge(original: str, hidden: str, patterns: Sequence[dict[str, Any]]) -> Offer:
    """What a body needed, and whether the patterns offer it. A relative import is the same as the absolute one that
    ends alike."""
    kept, wanted = names(hidden), needed(original, hidden)
    offered = [
        (pattern["module"], name)
        for pattern in patterns[:FIRST]
        for name in (pattern["names"] or [""])
        if not _is_in((pattern["module"], name), kept)
    ]
    found = sum(any(is_same(one, other) for other in offered) for one in wanted)
    return Offer(len(wanted), found, len(offered))


def _is_in(offered: Name, there: Iterable[Name]) -> bool:
    return any(is_same(one, offered) for one in there)


def is_same(needed: Name, offered: Name) -> bool:
    """Whether they import the same. A relative import is the same as the absolute one that ends alike."""
    module, name = needed
    return name == offered[1] and f".{offered[0]}".endswith(f".{module}" if module else "")


def line(offers: Sequence[Offer]) -> str:
    """The figures over all tasks that needed any."""
    asked = [offer for offer in offers if offer.needed]
    needed, found = sum(offer.needed for offer in asked), sum(offer.found for offer in asked)
    offered = sum(offer.offered for offer in asked)
    return (
        f"imports that only the body needs: {needed} of {len(asked)} tasks; recall at {FIRST} patterns "
        f"{found / (needed or 1):.3f}, precision {found / (offered or 1):.3f} of what the file does not have already"
    )
