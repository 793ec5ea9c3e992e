"""Cutting an answer to so many tokens, what matters most first: as a prompt shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

CONFIDENT = 0.5
"""From this confidence on a symbol is expected to be used, and goes before all else."""

_CHARACTERS_PER_TOKEN = 3  # source code has more with every tokenizer in use, so the estimate errs to the safe side
_AROUND = 40  # characters of layout around an item, its part of a heading included


def cut(parts: dict[str, list[dict[str, Any]]], tokens: int) -> None:
    """Leave of `symbols`, `imports`, `conventions` and `files` what fits together into `tokens` (estimated from above):
    confident symbols, then imports, conventions and files, then other symbols. What is too long is skipped."""
    left = tokens * _CHARACTERS_PER_TOKEN
    kept: dict[str, list[dict[str, Any]]] = {name: [] for name in parts}
    for name, item, length in _in_order(parts):
        if length <= left:
            kept[name].append(item)
            left -= length
    parts.update(kept)


def _in_order(parts: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any], int]]:
    symbols = [
        (symbol, _length(symbol, "module", "qualname", "file", "signature", "doc")) for symbol in parts["symbols"]
    ]
    yield from (("symbols", one, length) for one, length in symbols if one["confidence"] >= CONFIDENT)
    yield from (("imports", one, _length(one, "statement")) for one in parts["imports"])
    yield from (("conventions", one, _length(one, "key", "value")) for one in parts["conventions"])
    yield from (("files", one, _length(one, "path", "why")) for one in parts["files"])
    yield from (("symbols", one, length) for one, length in symbols if one["confidence"] < CONFIDENT)


def _length(item: dict[str, Any], *fields: str) -> int:
    return _AROUND + sum(len(item[field]) for field in fields)
