"""Import patterns: what a new function in a place would import, by what the repository's files import."""

from __future__ import annotations

from typing import Any, NamedTuple

from semctxd.index.live import LiveIndex
from semctxd.index.near import Near
from semctxd.index.resolve import Resolver
from semctxd.index.wanted import Name, Wanted, chance, module_of
from semctxd.ranking.score import Ranked
from semctxd.ranking.signals import Signals

_NAMES = 3  # of one module
_SHARE = 0.3  # of the likeliest name's chance that others of its module have
_EVIDENCE = 3
_IMPORTERS = 300  # so many files that import a name are looked at, the nearest first
_LEAST = 0.003  # what is less likely is left out


class Instance(NamedTuple):
    """Where a file imports it."""

    line: int
    at: tuple[int, int]


def patterns(live: LiveIndex, signals: Signals, ranked: list[Ranked], count: int) -> list[dict[str, Any]]:
    """So many imports at most that the target's file lacks and the new function may need, the likeliest first; those of
    one module stand together; a hidden function has no say."""
    wanted = Wanted(live, signals, ranked)
    chances = {name: chance(reasons) for name, reasons in wanted.reasons.items()}
    by_module: dict[str, list[Name]] = {}
    bound: set[str] = set()
    for name in sorted(chances, key=lambda name: (-chances[name], name)):
        if chances[name] < _LEAST:
            break
        names = by_module.setdefault(name.module if name.name else f"{name.module} as {name.bound}", [])
        is_likely = not names or chances[name] >= _SHARE * chances[names[0]]
        if is_likely and name.bound not in bound and len(names) < _NAMES:
            names.append(name)
            bound.add(name.bound)
    found = [names for names in by_module.values() if names]
    return [_pattern(live, wanted, names) for names in found[:count]]


def _pattern(live: LiveIndex, wanted: Wanted, names: list[Name]) -> dict[str, Any]:
    near = live.near(wanted.target)
    files: dict[str, Instance] = {}
    for name in names:
        for path, instance in _instances(live, wanted.resolver, near, name).items():
            files.setdefault(path, instance)
    count = len(files)
    if not files:  # nobody imports it
        symbol = live.store.symbols[wanted.defined[names[0]]]
        files[symbol.path] = Instance(symbol.line, (symbol.line - 1, symbol.column))
    evidence = near.first(files, _EVIDENCE)
    return {
        "module": names[0].module,
        "names": [name.name for name in names if name.name],
        "statement": _statement(names[0].module, names),
        "count": count,
        "evidence": [f"{path}:{files[path].line}" for path in evidence],
        "checked": False,
        "at": list(files[evidence[0]].at),
    }


def _instances(live: LiveIndex, resolver: Resolver, near: Near, name: Name) -> dict[str, Instance]:
    """Where the nearest files import a name in just this way; where all do, if none of these does."""
    paths = set(map(live.store.path, resolver.importers(name.name or name.module)))
    found: dict[str, Instance] = {}
    pair = name.name, name.bound
    for chosen in (near.first(paths, _IMPORTERS) if len(paths) > _IMPORTERS else (), paths):
        for path in () if found else chosen:
            for statement in resolver.imports(path):
                brings_it = pair in statement.names if name.name else name.bound == statement.bound
                if brings_it and module_of(live, path, statement) == name.module:
                    found[path] = Instance(statement.line, statement.at)
    return found


def _statement(module: str, names: list[Name]) -> str:
    if not names[0].name:
        bound = names[0].bound
        return f"import {module}" if bound == module.partition(".")[0] else f"import {module} as {bound}"
    listed = ", ".join(name.name if name.bound == name.name else f"{name.name} as {name.bound}" for name in names)
    return f"from {module} import {listed}"
