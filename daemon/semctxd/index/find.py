"""Symbols by name or name path, and the names nearest to one that does not exist."""

from __future__ import annotations

from difflib import SequenceMatcher, get_close_matches
from typing import Any

from semctx.errors import SemctxError
from semctxd.index.live import LiveIndex
from semctxd.index.symbols import to_json
from semctxd.ranking.records import Record

_FUZZY_CUTOFF = 0.7
_DEFAULT_LIMIT = 20
_NOTHING_NEAR = 'No name is near it: ask for a part of it with `match` "substring", or for likeness with "fuzzy".'


def find(live: LiveIndex, params: dict[str, Any]) -> dict[str, Any]:
    """The result of `symbols/find`. Raises SymbolNotFound with the nearest names."""
    parts = params["name"].replace("/", ".").strip(".").split(".")
    match, kind = params.get("match", "exact"), params.get("kind")
    limit = params.get("limits", {}).get("symbols", _DEFAULT_LIMIT)
    names = _names(live, parts[-1], match)
    found = []
    for rank, name in names:
        for id in live.store.by_name.get(name):
            symbol = live.store.symbols[id]
            if (kind is None or symbol.kind == kind) and _ends_with(live, symbol, parts[:-1]):
                found.append((rank, symbol.path, symbol.line, symbol.column, symbol))
    if not found:
        nearest = get_close_matches(parts[-1], sorted(live.store.by_name.keys()), 5, 0.6)
        hint = "" if nearest else _NOTHING_NEAR
        raise SemctxError("SymbolNotFound", f"No symbol has the name {params['name']!r}.", hint=hint, nearest=nearest)
    found.sort(key=lambda item: item[:4])
    symbols = [to_json(live, item[4]) for item in found[:limit]]
    return {"symbols": symbols, "left_out": len(found) - len(symbols)}


def _names(live: LiveIndex, wanted: str, match: str) -> list[tuple[float, str]]:
    """(rank, name) of the names that match, lower ranks being better."""
    if match == "exact":
        return [(0, wanted)]
    low = wanted.lower()
    names = live.store.by_name.keys()
    if match == "substring":
        return [
            ((name != wanted) + (name.lower() != low) + (wanted not in name), name)
            for name in names
            if low in name.lower()
        ]
    matcher = SequenceMatcher(b=low, autojunk=False)
    found = []
    for name in names:
        matcher.set_seq1(name.lower())
        if (
            matcher.real_quick_ratio() >= _FUZZY_CUTOFF
            and matcher.quick_ratio() >= _FUZZY_CUTOFF
            and matcher.ratio() >= _FUZZY_CUTOFF
        ):
            found.append((1 - matcher.ratio() + (name != wanted) * 1e-3, name))
    return found


def _ends_with(live: LiveIndex, symbol: Record, parents: list[str]) -> bool:
    """Whether the path of a symbol (module, classes) ends with these parts."""
    if not parents:
        return True
    path = live.modules.name(symbol.path).split(".") + (symbol.owner.split(".") if symbol.owner else [])
    return path[-len(parents) :] == parents
