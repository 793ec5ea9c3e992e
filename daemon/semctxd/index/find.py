"""Symbols by name or name path, and the names nearest to one that does not exist."""

from __future__ import annotations

from difflib import SequenceMatcher, get_close_matches
from typing import Any, NoReturn

from semctx.errors import SemctxError
from semctxd.index.live import LiveIndex
from semctxd.index.symbols import every, to_json
from semctxd.index.unread import remark, sentence
from semctxd.ranking.records import Record

_FUZZY_CUTOFF = 0.7
_DEFAULT_LIMIT = 20
_NOTHING_NEAR = 'No name is near it: ask for a part of it with `match` "substring", or for likeness with "fuzzy".'


def find(live: LiveIndex, params: dict[str, Any]) -> dict[str, Any]:
    """The result of `symbols/find`. Raises SymbolNotFound with the nearest names, or NoSourceFiles."""
    limit = params.get("limits", {}).get("symbols", _DEFAULT_LIMIT)
    found = every(live, matching(live, params))
    symbols = [to_json(live, symbol) for symbol in found[:limit]]
    return {"symbols": symbols, "left_out": len(found) - len(symbols), **remark(live.store)}


def matching(live: LiveIndex, params: dict[str, Any]) -> list[Record]:
    """The symbols that parameters name (`name`, `kind`, `match`; with `file`, those that stand there), best first.

    Where a class has no member of that name itself, the one that it inherits. Raises SymbolNotFound or NoSourceFiles.
    """
    parts = params["name"].replace("/", ".").strip(".").split(".")
    found = [
        (rank, symbol.path, symbol.line, symbol.column, symbol)
        for rank, name in _names(live, parts[-1], params.get("match", "exact"))
        for symbol in map(live.store.symbols.__getitem__, live.store.by_name.get(name))
        if _is_meant(symbol, params) and _ends_with(live, symbol, parts[:-1])
    ]
    if found:
        found.sort(key=lambda item: item[:4])
        return [item[4] for item in found]
    owners = _owners(live, parts[:-1], params)
    members = [id for cls in owners if (id := live.resolver().member(cls, parts[-1])) is not None]
    inherited = [live.store.symbols[id] for id in dict.fromkeys(members)]
    if "kind" in params:
        inherited = [symbol for symbol in inherited if symbol.kind == params["kind"]]
    return inherited or _refuse(live, params, parts, owners)


def _is_meant(symbol: Record, params: dict[str, Any]) -> bool:
    return bool(params.get("kind", symbol.kind) == symbol.kind and params.get("file", symbol.path) == symbol.path)


def _owners(live: LiveIndex, parents: list[str], params: dict[str, Any]) -> list[int]:
    """The classes that a name path's parents name."""
    if not parents:
        return []
    classes = map(live.store.symbols.__getitem__, live.store.by_name.get(parents[-1]))
    wanted = {"kind": "class", **({"file": params["file"]} if "file" in params else {})}
    found = [one for one in classes if _is_meant(one, wanted) and _ends_with(live, one, parents[:-1])]
    return [one.id for one in sorted(found, key=lambda one: (one.path, one.line))]


def _refuse(live: LiveIndex, params: dict[str, Any], parts: list[str], owners: list[int]) -> NoReturn:
    if not live.store.files:
        raise SemctxError("NoSourceFiles")
    members = {name for cls in owners for name in live.resolver().all_members(cls)}
    nearest = get_close_matches(parts[-1], sorted(members), 5, 0.6)
    nearest = nearest or get_close_matches(parts[-1], sorted(live.store.by_name.keys()), 5, 0.6)
    where = f" in {params['file']}" if "file" in params else ""
    message = f"No symbol has the name {params['name']!r}{where}.{sentence(live.store, params.get('file', ''))}"
    raise SemctxError("SymbolNotFound", message, hint="" if nearest else _NOTHING_NEAR, nearest=nearest)


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
