"""Files that matter, judged by the symbols in them."""

from __future__ import annotations

from typing import Any

from semctxd.ranking.score import Ranked
from semctxd.ranking.signals import Signals

_NAMED = 3  # so many symbols are named in a file's `why`


def rank_files(signals: Signals, ranked: list[Ranked]) -> list[dict[str, Any]]:
    """Every file of the ranked symbols with the chance that one of its symbols is used, best first."""
    symbols = signals.corpus.store.symbols
    missing: dict[str, float] = {}
    best: dict[str, list[str]] = {}
    for one in ranked:
        symbol = symbols[one.id]
        missing[symbol.path] = missing.get(symbol.path, 1.0) * (1 - one.confidence)
        best.setdefault(symbol.path, []).append(symbol.qualname)
    scores = {path: round(1 - chance, 3) for path, chance in missing.items()}
    return [
        {"path": path, "score": scores[path], "why": _why(path, best[path], signals)}
        for path in sorted(scores, key=lambda path: (-scores[path], path))
    ]


def _why(path: str, names: list[str], signals: Signals) -> str:
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return f"{'the target file; ' if path == signals.question.file else ''}defines {shown}"
