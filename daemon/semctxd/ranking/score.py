"""Order, confidence and explanation of candidates."""

from __future__ import annotations

import math
from typing import NamedTuple

from semctxd.ranking.features import CANDIDATES, candidates, columns
from semctxd.ranking.model import ensembles
from semctxd.ranking.signals import Signals, best, is_test

_TEST_PENALTY = 3.0  # log-odds; the model was fitted without tests, which code that is no test does not use
_SHARES = 8  # so many signals explain a symbol


class Ranked(NamedTuple):
    """One candidate, judged."""

    id: int
    confidence: float  # estimated chance that the code to be written uses it, 0 to 1
    shares: dict[str, float]  # signal -> its part of the log-odds, strongest first; empty unless asked for


def rank(signals: Signals, count: int, explain: int = 0) -> list[Ranked]:
    """The `count` best candidates, best first; the first `explain` of them with shares."""
    ids = candidates(signals, max(count, CANDIDATES))
    ensemble = ensembles()[_kind(signals)]
    table = columns(signals, ids)
    places = {id: at for at, id in enumerate(ids)}
    scores = dict(zip(ids, ensemble.scores(table, len(ids)), strict=True))
    if not signals.wants_tests:
        symbols = signals.corpus.store.symbols
        scores.update({id: score - _TEST_PENALTY for id, score in scores.items() if is_test(symbols[id].path)})
    order = best(signals.corpus, scores, count)
    explained = [places[id] for id in order[:explain]]
    told = map(_strongest, ensemble.shares(table, explained) if explained else ())
    return [Ranked(id, confidence(scores[id]), next(told, {})) for id in order]


def _kind(signals: Signals) -> str:
    """Of the question: where the code will stand may be known, what it will be called, and a draft of it."""
    named = bool(signals.question.name)
    if signals.question.file not in signals.corpus.store.files:
        return "free" if named else "bare"
    return "draft" if signals.question.draft else "target" if named else "bare-target"


def confidence(score: float) -> float:
    """Log-odds as a chance, to three digits."""
    return round(1 / (1 + math.exp(-score)), 3)


def _strongest(shares: dict[str, float]) -> dict[str, float]:
    order = sorted(shares, key=lambda name: (-abs(shares[name]), name))
    return {name: round(shares[name], 3) for name in order[:_SHARES]}
