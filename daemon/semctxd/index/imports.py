"""Import patterns: what a new function in a place would import, by what the repository's files import."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from semctxd.index.live import LiveIndex
from semctxd.index.resolve import Resolver, root_of
from semctxd.ranking.question import Question
from semctxd.ranking.records import Import
from semctxd.ranking.score import Ranked
from semctxd.ranking.signals import Scores, Signals, best

_NEIGHBOURS = 20
_SYMBOLS = 20
_EVIDENCE = 3
_MEMBER = 3  # a member is mostly reached through a value, so its class is seldom imported for it
_IMPORTERS = 300  # so many files that import a name are looked at, the nearest first
_LEAST = 0.04  # what less speaks for is left out

_Key = TypeVar("_Key")


class Name(NamedTuple):
    """One thing that can be imported."""

    module: str  # absolute
    name: str  # "" for the module itself
    bound: str  # what it is called afterwards


class Instance(NamedTuple):
    """Where a file imports it."""

    line: int
    at: tuple[int, int]


def patterns(live: LiveIndex, signals: Signals, ranked: list[Ranked]) -> list[dict[str, Any]]:
    """Imports that most speaks for, best first; those of one module stand together; a hidden function has no say."""
    question = signals.question
    resolver = live.resolver(signals.corpus.hidden)
    symbols = _likely(_wanted_symbols(live, resolver, question, ranked))
    instances = _instances(
        live, resolver, symbols, _likely(_used_by_neighbours(live, resolver, signals.functions)), question.file
    )
    by_module: dict[str, list[tuple[float, Name]]] = {}
    for name, (score, _) in instances.items():
        group = name.module if name.name else f"{name.module} as {name.bound}"
        by_module.setdefault(group, []).append((score, name))
    groups = [sorted(names, key=lambda scored: (-scored[0], scored[1])) for names in by_module.values()]
    groups.sort(key=lambda names: (-names[0][0], names[0][1]))
    return [_pattern(live, question, [name for _, name in names], instances) for names in groups]


def _likely(scores: dict[_Key, float]) -> dict[_Key, float]:
    return {key: score for key, score in scores.items() if score >= _LEAST}


def _pattern(
    live: LiveIndex, question: Question, names: list[Name], instances: dict[Name, tuple[float, dict[str, Instance]]]
) -> dict[str, Any]:
    module = names[0].module
    shown = [name for name in names if name.name]
    files: dict[str, Instance] = {}
    for name in names:
        for path, instance in instances[name][1].items():
            files.setdefault(path, instance)
    evidence = live.near(question.file).first(files, _EVIDENCE)
    return {
        "module": module,
        "names": [name.name for name in shown],
        "statement": _statement(module, names),
        "count": len(files),
        "evidence": [f"{path}:{files[path].line}" for path in evidence],
        "checked": False,
        "at": list(files[evidence[0]].at),
    }


def _statement(module: str, names: list[Name]) -> str:
    if not names[0].name:
        bound = names[0].bound
        return f"import {module}" if bound == module.partition(".")[0] else f"import {module} as {bound}"
    listed = ", ".join(name.name if name.bound == name.name else f"{name.name} as {name.bound}" for name in names)
    return f"from {module} import {listed}"


def _wanted_symbols(live: LiveIndex, resolver: Resolver, question: Question, ranked: list[Ranked]) -> dict[int, float]:
    """Symbols of other files that will be used and have to be imported: for a member, its class."""
    wanted: dict[int, float] = {}
    for one in ranked[:_SYMBOLS]:
        symbol = live.store.symbols[one.id]
        id = one.id if not symbol.owner else resolver.named(symbol.path, symbol.owner.partition(".")[0])
        if id is not None and symbol.path != question.file:
            share = one.confidence / (_MEMBER if symbol.owner else 1)
            wanted[id] = max(share, wanted.get(id, 0.0))
    return wanted


def _used_by_neighbours(live: LiveIndex, resolver: Resolver, likeness: Scores) -> dict[Name, float]:
    """What functions like this one use of their files' imports, from inside the repository and outside."""
    symbols = live.store.symbols
    nearest_functions = best(resolver, likeness, _NEIGHBOURS)
    total = sum(likeness[id] for id in nearest_functions) or 1.0
    found: dict[Name, float] = {}
    for id in nearest_functions:
        path = symbols[id].path
        bound = {name.bound: name for statement in resolver.imports(path) for name in names_of(live, path, statement)}
        for root in dict.fromkeys(root_of(chain) for chain in resolver.body(id).uses):
            if name := bound.get(root):
                found[name] = found.get(name, 0.0) + likeness[id] / total
    return found


def _instances(
    live: LiveIndex, resolver: Resolver, symbols: dict[int, float], names: dict[Name, float], target: str
) -> dict[Name, tuple[float, dict[str, Instance]]]:
    """The imports of what is wanted, in the nearest files that import something of its name. A symbol counts under each
    spelling that imports it."""
    own = live.modules.name(target) if target else ""
    by_name = {live.store.symbols[id].name: id for id in sorted(symbols, key=lambda id: symbols[id])}
    sought = {*by_name, *(name.name or name.module for name in names)}
    near = live.near(target)
    importers: set[str] = set()
    for wanted in sought:
        paths = set(map(live.store.path, resolver.importers(wanted)))
        importers.update(near.first(paths, _IMPORTERS) if len(paths) > _IMPORTERS else paths)
    found: dict[Name, tuple[float, dict[str, Instance]]] = {}
    for path in sorted(importers):
        for statement in resolver.imports(path):
            if statement.names:
                brought = [one for one in statement.names if one[0] in sought]
            else:
                brought = [("", statement.bound)] if statement.module in sought else []
            for original, bound in brought:
                name = Name(module_of(live, path, statement), original, bound)
                score = names.get(name, 0.0)
                id = by_name.get(original)
                if id is not None and _means(resolver, path, statement, original, id):
                    score = max(score, symbols[id])
                if score and name.module not in (own, "__future__"):
                    known, files = found.get(name, (0.0, {}))
                    files.setdefault(path, Instance(statement.line, statement.at))
                    found[name] = max(known, score), files
    return _one_spelling(found)


def _one_spelling(
    found: dict[Name, tuple[float, dict[str, Instance]]],
) -> dict[Name, tuple[float, dict[str, Instance]]]:
    """Of the spellings that import one name, the most frequent."""
    best_of: dict[str, Name] = {}
    for name in sorted(found, key=lambda name: (-len(found[name][1]), name)):
        best_of.setdefault(name.bound, name)
    return {name: found[name] for name in best_of.values()}


def _means(resolver: Resolver, path: str, statement: Import, name: str, id: int) -> bool:
    source = resolver.imported_from(path, statement)
    value = resolver.exported(source, name) if source else None
    return value is not None and value.kind == "symbol" and value.of == id


def names_of(live: LiveIndex, path: str, statement: Import) -> list[Name]:
    """What an import statement brings, with absolute modules."""
    module = module_of(live, path, statement)
    if not statement.names:
        return [Name(module, "", statement.bound)]
    return [Name(module, original, bound) for original, bound in statement.names if original != "*"]


def module_of(live: LiveIndex, path: str, statement: Import) -> str:
    """The absolute module that an import statement of a file names."""
    if not statement.level:
        return statement.module
    package = live.modules.name(path).split(".")
    if not path.rpartition("/")[2].startswith("__init__."):
        package.pop()
    base = package[: len(package) - (statement.level - 1)]
    return ".".join([*base, *([statement.module] if statement.module else [])])
