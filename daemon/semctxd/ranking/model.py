"""The fitted model: for each kind of question, a forest and a network that judge every candidate.

Features are known by their names; a candidate's column that a model does not ask for is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from semctxd.ranking.bins import Columns, levels
from semctxd.ranking.forest import Forest
from semctxd.ranking.net import Net


class Ensemble(msgspec.Struct, frozen=True):
    """How candidates of one kind of question are judged: two scores, whose weighted sum is the log-odds."""

    borders: dict[str, list[float]]  # feature -> what its levels from 1 on are above, ascending: 0 and more
    forest: Forest
    net: Net
    weights: tuple[float, float]  # of the forest's scores and of the network's
    offset: float  # added to the sum; it makes the log-odds honest

    def scores(self, columns: Columns, count: int) -> list[float]:
        """The log-odds of each of `count` candidates. Raises KeyError for a feature that is missing."""
        (first, second), offset = self.weights, self.offset
        seen = levels(self.borders, columns)
        pairs = zip(self.forest.scores(seen, count), self.net.scores(seen, count), strict=True)
        return [offset + first * trees + second * net for trees, net in pairs]

    def shares(self, columns: Columns, candidates: Sequence[int]) -> Iterator[dict[str, float]]:
        """For each of some candidates, feature -> its part of the log-odds."""
        first, second = self.weights
        seen = levels(self.borders, columns)
        for trees, net in zip(self.forest.shares(seen, candidates), self.net.shares(seen, candidates), strict=True):
            yield {
                name: first * trees.get(feature, 0.0) + second * net[feature]
                for feature, name in enumerate(self.borders)
            }

    @property
    def mean(self) -> float:
        """The log-odds before anything is known of a candidate; with all shares it adds up to the score."""
        return self.offset + self.weights[0] * self.forest.mean + self.weights[1] * self.net.mean


class Calibration(msgspec.Struct, frozen=True):
    """Weights and offset that are honest for questions of another kind than the ensemble's own."""

    ensemble: str
    weights: tuple[float, float]
    offset: float


class Model(msgspec.Struct, frozen=True):
    """What `model.json` holds."""

    ensembles: dict[str, Ensemble]
    calibrations: dict[str, Calibration]  # kind of question -> the ensemble that judges it, and how

    def by_kind(self) -> dict[str, Ensemble]:
        """Kind of question -> its ensemble; forests and networks are shared."""
        return self.ensembles | {
            kind: msgspec.structs.replace(self.ensembles[one.ensemble], weights=one.weights, offset=one.offset)
            for kind, one in self.calibrations.items()
        }


@lru_cache(maxsize=1)
def ensembles() -> dict[str, Ensemble]:
    """The shipped model: `target` (the place is known), `draft` (and so is a draft), `free` (the place is not); of what
    has no name yet, `bare-target` and `bare`."""
    model = msgspec.json.decode(Path(__file__).with_name("model.json").read_bytes(), type=Model)
    for kind, ensemble in model.ensembles.items():
        model.ensembles[kind] = msgspec.structs.replace(ensemble, forest=ensemble.forest.packed())
    return model.by_kind()
