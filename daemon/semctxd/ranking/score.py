"""Order, confidence and explanation of candidates."""

from __future__ import annotations

import math
from typing import NamedTuple

from semctxd.ranking.features import PRIORS, candidates
from semctxd.ranking.signals import Signals


class Ranked(NamedTuple):
    """One candidate, judged."""

    id: int
    confidence: float  # estimated chance that the code to be written uses it, 0 to 1
    shares: dict[str, float]  # signal -> its part of the score


def rank(signals: Signals, count: int) -> list[Ranked]:
    """The `count` best candidates, best first."""
    ranked = []
    for id in candidates(signals, count):
        shares = {
            name: round(weight * signals.of(name)[id], 3) for name, weight in PRIORS.items() if id in signals.of(name)
        }
        ranked.append(Ranked(id, round(1 / (1 + math.exp(3 - sum(shares.values()) / 2)), 3), shares))
    return ranked
