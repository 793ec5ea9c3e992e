"""Files that matter, judged by the symbols in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from semctxd.ranking.score import Ranked
from semctxd.ranking.signals import Signals

_NAMED = 3  # so many symbols are named in a file's `why`


def rank_files(signals: Signals, ranked: list[Ranked]) -> list[dict[str, Any]]:
    """Every file of the ranked symbols with the chance that one of its symbols is used, best first."""
    symbols = signals.corpus.store.symbols
    best: dict[str, list[str]] = {}
    for one in ranked:
        best.setdefault(symbols[one.id].path, []).append(symbols[one.id].qualname)
    found = chances((symbols[one.id].path, one.confidence) for one in ranked)
    scores = {path: round(chance, 3) for path, chance in found.items()}
    return [
        {"path": path, "score": scores[path], "why": _why(path, best[path], signals)}
        for path in sorted(scores, key=lambda path: (-scores[path], path))
    ]


def chances(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    """(file, confidence of a symbol in it) -> file -> chance that at least one of its symbols is used."""
    missing: dict[str, float] = {}
    for path, confidence in pairs:
        missing[path] = missing.get(path, 1.0) * (1 - confidence)
    return {path: 1 - chance for path, chance in missing.items()}


def _why(path: str, names: list[str], signals: Signals) -> str:
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return f"{'the target file; ' if path == signals.question.file else ''}defines {shown}"
