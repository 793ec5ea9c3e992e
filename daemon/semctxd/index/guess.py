"""What the index says of a symbol where no language server does: by names that it resolves, types unseen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from semctxd.index.live import LiveIndex
from semctxd.index.places import Range, Viewer, enclosing
from semctxd.index.source import index_of, width
from semctxd.index.symbols import definitions, every
from semctxd.ranking.records import Record

_CHAIN = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def at(live: LiveIndex, viewer: Viewer, file: str, line: int, column: int) -> Record | None:
    """The symbol that the name at a position (0-based) stands for: the definition there, or what the name means."""
    text = viewer.source(file).line(line)
    index = index_of(text, column)
    word = next((found for found in _CHAIN.finditer(text) if found.start() <= index <= found.end()), None)
    if word is None:
        return None
    end = next((dot for dot in range(index, word.end()) if text[dot] == "."), word.end())
    chain = text[word.start() : end]
    start = width(text[: word.start() + chain.rfind(".") + 1])
    for symbol in definitions(live, file):
        if symbol.line == line + 1 and symbol.column == start:
            return symbol
    resolver = live.resolver()
    around = enclosing(live, file, line + 1)
    if around is not None and around.is_callable:
        values = resolver.values(chain, around.id)
    else:
        value = resolver.static(chain, file)
        values = [value] if value else []
    return next((live.store.symbols[int(value.of)] for value in values if value.kind == "symbol"), None)


def name_of(symbol: Record) -> Range:
    """Where a symbol's name stands in its definition."""
    line = symbol.line - 1
    return Range(symbol.path, line, symbol.column, line, symbol.column + width(symbol.name))


def uses(live: LiveIndex, viewer: Viewer, symbol: Record) -> Iterator[Range]:
    """Where a symbol is named: its definition, in functions that use it, and where a module's names mean it."""
    resolver = live.resolver()
    for file in _files_naming(live, symbol):
        value = resolver.scope(file).get(symbol.name)
        is_meant = value is not None and value.of == symbol.id
        for place in _named(viewer, file, symbol.name, 0, len(viewer.source(file).lines)):
            around = enclosing(live, file, place.line + 1)
            inside = around is not None and around.is_callable and symbol.id in resolver.uses(around.id)
            if inside or (is_meant and _is_free(viewer, place)) or place == name_of(symbol):
                yield place


def _is_free(viewer: Viewer, place: Range) -> bool:
    """Whether a name is no attribute of something, and in no comment."""
    line = viewer.source(place.file).line(place.line)
    before = line[: index_of(line, place.column)]
    return not before.endswith(".") and "#" not in before


def _files_naming(live: LiveIndex, symbol: Record) -> list[str]:
    store = live.store
    importing = {store.path(first) for first in store.importers.get(symbol.name)}
    using = {other.path for other in store.saying(symbol.name)}
    return sorted(importing | using | {symbol.path})


def implementations(live: LiveIndex, symbol: Record) -> list[Record]:
    """A class and those below it; or a method and what overrides it in them."""
    resolver = live.resolver()
    owner = symbol.id if symbol.kind == "class" else resolver.owner(symbol.id)
    if owner is None:
        return [symbol]
    below = [one.id for one in live.store.symbols.values() if one.kind == "class" and owner in resolver.mro(one.id)]
    if symbol.kind != "class":
        members = (resolver.members(cls).get(symbol.name) for cls in below)
        below = [id for id in members if id is not None]
    return [live.store.symbols[id] for id in dict.fromkeys([symbol.id, *below])]


def callers(live: LiveIndex, symbol: Record) -> list[Record]:
    """The functions that use a symbol."""
    resolver = live.resolver()
    return _in_order(one for one in live.store.saying(symbol.name) if symbol.id in resolver.uses(one.id))


def callees(live: LiveIndex, symbol: Record) -> list[Record]:
    """The functions and classes that a function uses."""
    used = (live.store.symbols[id] for id in live.resolver().uses(symbol.id)) if symbol.is_callable else ()
    return _in_order(one for one in used if one.kind != "variable")


def _in_order(symbols: Iterable[Record]) -> list[Record]:
    return sorted(symbols, key=lambda one: (one.path, one.line, one.column))


def mentions(viewer: Viewer, inside: Record, name: str) -> list[Range]:
    """Where a name stands in a symbol's definitions, from the line after its own name."""
    return [
        place for one in every(viewer.live, [inside]) for place in _named(viewer, one.path, name, one.line, one.end)
    ]


def _named(viewer: Viewer, file: str, name: str, first: int, end: int) -> Iterator[Range]:
    """Where a name stands in the lines (0-based) from `first` until before `end`."""
    names = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    source = viewer.source(file)
    for number in range(first, end):
        line = source.line(number)
        for found in names.finditer(line):
            start = width(line[: found.start()])
            yield Range(file, number, start, number, start + width(name))
