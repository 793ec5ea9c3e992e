"""Records as the protocol's Symbol."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from semctxd.index.live import LiveIndex
from semctxd.ranking.question import Question
from semctxd.ranking.records import Record


def to_json(live: LiveIndex, symbol: Record, question: Question | None = None) -> dict[str, Any]:
    """A symbol as the protocol names its fields; `scope` is relative to the question's target."""
    return {
        "name": symbol.name,
        "qualname": symbol.qualname,
        "kind": symbol.kind,
        "file": symbol.path,
        "line": symbol.line,
        "column": symbol.column,
        "module": live.modules.name(symbol.path),
        "signature": symbol.signature,
        "doc": symbol.doc,
        "scope": scope(symbol, question),
    }


def definitions(live: LiveIndex, file: str) -> list[Record]:
    """All that a file defines, in order; of a name that it defines several times, each."""
    symbols = [live.store.symbols[id] for id in live.store.ids(file)]
    more = live.store.files[file].more if symbols else ()
    return sorted([*symbols, *more], key=lambda one: (one.line, one.column)) if more else symbols


def every(live: LiveIndex, symbols: Iterable[Record]) -> list[Record]:
    """Symbols, each followed by the further definitions of its name, such as a property's setter."""
    symbols, further = list(symbols), defaultdict[int, list[Record]](list)
    for path in {symbol.path for symbol in symbols}:
        for one in live.store.files[path].more:
            further[one.id].append(one)
    return [one for symbol in symbols for one in (symbol, *further.get(symbol.id, ()))]


def scope(symbol: Record, question: Question | None) -> str:
    """Where a symbol stands, seen from the target: in its class, in its file, or elsewhere."""
    if question is None or symbol.path != question.file:
        return "workspace"
    owner = question.owner
    return "class" if owner and owner in (symbol.owner, symbol.qualname) else "file"
