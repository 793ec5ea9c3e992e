"""Records as the protocol's Symbol."""

from __future__ import annotations

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


def scope(symbol: Record, question: Question | None) -> str:
    """Where a symbol stands, seen from the target: in its class, in its file, or elsewhere."""
    if question is None or symbol.path != question.file:
        return "workspace"
    owner = question.owner
    return "class" if owner and owner in (symbol.owner, symbol.qualname) else "file"
