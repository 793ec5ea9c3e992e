"""The fitted model: boosted trees, kept as data, applied to all candidates at once in plain Python.

For all candidates together the answers to one question are one big integer with a byte for each candidate, and so are
the candidates that reach a node: a node costs a few operations on such integers, whatever the number of candidates, and
no array library is needed. Values are whole numbers of `unit`, so that sums are exact and the same everywhere.

`model.json` holds ensembles by the kind of question. Features are known by their names; a candidate's column that a
model does not ask for is not looked at.
"""

from __future__ import annotations

import struct
from array import array
from base64 import b64decode
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from sys import intern
from typing import Any

import msgspec

Columns = Mapping[str, Sequence[float]]
"""Feature -> value for each candidate."""

Node = tuple[int, int, int]
"""The position of its question, and where the walk goes on if the answer is no, and if it is yes: to the node of that
position, or to leaf ~n."""

_NODE = struct.Struct("<3h")
_ABOVE = [bytes(place > border for place in range(256)) for border in range(255)]
_LANE_MAX = 256  # so many bytes can be added in a lane of 16 bits


class Packed(Sequence[Node]):
    """A tree's nodes, in six bytes each: a tenth of the memory."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._bytes = b"".join(_NODE.pack(*node) for node in nodes)

    def __len__(self) -> int:
        return len(self._bytes) // _NODE.size

    def __getitem__(self, at: Any) -> Any:
        return _NODE.unpack_from(self._bytes, at * _NODE.size)

    def __iter__(self) -> Iterator[Any]:
        return _NODE.iter_unpack(self._bytes)


class Forest(msgspec.Struct, frozen=True, dict=True):
    """Trees whose values add up to a score. Their questions are the ensemble's."""

    unit: float  # of the trees' values
    bias: float  # added to the sum
    trees: Sequence[Sequence[Node]]  # a tree's nodes, each before those below it; at most 256 leaves
    values: str  # base64 of int16: of one tree after the other, the mean of each node, then the value of each leaf

    @cached_property
    def _values(self) -> list[array[int]]:
        """The values of each tree: of its nodes, then of its leaves."""
        data = b64decode(self.values)
        flat = array("h", struct.unpack(f"<{len(data) // 2}h", data))
        values, at = [], 0
        for tree in self.trees:
            size = 2 * len(tree) + 1
            values.append(flat[at : at + size])
            at += size
        return values

    @cached_property
    def _bytes(self) -> list[tuple[bytes, bytes]]:
        """For each tree, leaf -> low and high byte of its value + 2^15."""
        found = []
        for tree, values in zip(self.trees, self._values, strict=True):
            leaves = [value + 32768 for value in values[len(tree) :]]
            found.append((bytes(v & 255 for v in leaves).ljust(256), bytes(v >> 8 for v in leaves).ljust(256)))
        return found

    def scores(self, answers: Sequence[int], count: int) -> list[float]:
        """The score of each of `count` candidates; `answers` to each question, a byte of 0 or 1 for each candidate."""
        width = (count + 1) // 2 * 2
        even = int.from_bytes(b"\xff\x00" * (width // 2), "little")
        everybody = int.from_bytes(b"\x01" * count, "little")
        totals = [-32768 * len(self.trees)] * count
        low_even = low_odd = high_even = high_odd = 0  # sums of low and of high bytes, in lanes of 16 bits
        for done, (tree, (to_low, to_high)) in enumerate(zip(self.trees, self._bytes, strict=True), 1):
            leaves = _leaves(tree, answers, everybody).to_bytes(count, "little")
            found = int.from_bytes(leaves.translate(to_low), "little")
            low_even += found & even
            low_odd += (found >> 8) & even
            found = int.from_bytes(leaves.translate(to_high), "little")
            high_even += found & even
            high_odd += (found >> 8) & even
            if not done % _LANE_MAX or done == len(self.trees):
                sums = [lanes.to_bytes(width, "little") for lanes in (low_even, low_odd, high_even, high_odd)]
                low, odd_low, high, odd_high = (struct.unpack(f"<{width // 2}H", one) for one in sums)
                for first, lows, highs in ((0, low, high), (1, odd_low, odd_high)):
                    for place, small, large in zip(range(first, count, 2), lows, highs, strict=False):
                        totals[place] += small + 256 * large
                low_even = low_odd = high_even = high_odd = 0
        return [self.bias + self.unit * total for total in totals]

    def shares(self, answers: Sequence[bool], features: Sequence[str]) -> dict[str, float]:
        """Feature -> its part of one candidate's score: the changes of the mean at its questions (Saabas, 2014);
        `answers` to each question, and the feature that each is about."""
        found: dict[str, float] = {}
        for tree, values in zip(self.trees, self._values, strict=True):
            at = 0
            while at >= 0:
                question, no, yes = tree[at]
                below = yes if answers[question] else no
                change = values[below if below >= 0 else len(tree) + ~below] - values[at]
                found[features[question]] = found.get(features[question], 0.0) + self.unit * change
                at = below
        return found

    @property
    def mean(self) -> float:
        """What a score is before any question is asked; with all shares it adds up to the score."""
        return self.bias + self.unit * sum(values[0] for values in self._values)


def _leaves(tree: Sequence[Node], answers: Sequence[int], everybody: int) -> int:
    """The number of each candidate's leaf, a byte for each."""
    reached, found = [everybody, *[0] * (len(tree) - 1)], 0
    for here, (question, no, yes) in zip(reached, tree, strict=True):
        if here:  # most nodes are not reached by any candidate of a question
            above = here & answers[question]
            if no < 0:
                found |= (here ^ above) * ~no
            else:
                reached[no] = here ^ above
            if yes < 0:
                found |= above * ~yes
            else:
                reached[yes] = above
    return found


class Ensemble(msgspec.Struct, frozen=True):
    """How candidates of one kind of question are judged: forests whose weighted scores add up to log-odds."""

    borders: dict[str, list[float]]  # feature -> its thresholds, ascending; at most 254
    questions: list[tuple[str, int]]  # feature, position of its border: "is the value above?"
    forests: list[Forest]  # fitted to order the candidates of a task, or to the log-odds that one is used
    weights: list[float]  # of each forest's scores
    offset: float  # added to the sum; it makes the log-odds honest

    def scores(self, columns: Columns, count: int) -> list[float]:
        """The log-odds of each of `count` candidates. Raises KeyError for a feature that is missing."""
        binned = {name: _binned(borders, columns[name]) for name, borders in self.borders.items()}
        answers = [int.from_bytes(binned[name].translate(_ABOVE[at]), "little") for name, at in self.questions]
        parts = [forest.scores(answers, count) for forest in self.forests]
        return [
            self.offset + sum(weight * score for weight, score in zip(self.weights, row, strict=True))
            for row in zip(*parts, strict=True)
        ]

    def shares(self, columns: Columns, candidate: int) -> dict[str, float]:
        """Feature -> its part of the log-odds of one candidate."""
        places = {name: bisect_left(borders, columns[name][candidate]) for name, borders in self.borders.items()}
        answers = [places[name] > border for name, border in self.questions]
        features = [name for name, _ in self.questions]
        found: dict[str, float] = {}
        for forest, weight in zip(self.forests, self.weights, strict=True):
            for name, share in forest.shares(answers, features).items():
                found[name] = found.get(name, 0.0) + weight * share
        return found

    @property
    def mean(self) -> float:
        """The log-odds before any question is asked."""
        return self.offset + sum(w * forest.mean for w, forest in zip(self.weights, self.forests, strict=True))


class Calibration(msgspec.Struct, frozen=True):
    """Weights and offset that are honest for questions of another kind than the ensemble's own."""

    ensemble: str
    weights: list[float]
    offset: float


class Model(msgspec.Struct, frozen=True):
    """What `model.json` holds."""

    ensembles: dict[str, Ensemble]
    calibrations: dict[str, Calibration]  # kind of question -> the ensemble that judges it, and how

    def by_kind(self) -> dict[str, Ensemble]:
        """Kind of question -> its ensemble; the forests are shared."""
        return self.ensembles | {
            kind: msgspec.structs.replace(self.ensembles[one.ensemble], weights=one.weights, offset=one.offset)
            for kind, one in self.calibrations.items()
        }


def _binned(borders: Sequence[float], column: Sequence[float]) -> bytes:
    """How many borders are below each value. Most columns are sparse, or the same for all candidates."""
    if column and column.count(column[0]) == len(column):
        return bytes((bisect_left(borders, column[0]),)) * len(column)
    zero = bisect_left(borders, 0.0)
    return bytes([bisect_left(borders, value) if value else zero for value in column])


@lru_cache(maxsize=1)
def ensembles() -> dict[str, Ensemble]:
    """The shipped model: `target` (the place is known), `draft` (and so is a draft), `free` (the place is not); of what
    has no name yet, `bare-target` and `bare`."""
    model = msgspec.json.decode(Path(__file__).with_name("model.json").read_bytes(), type=Model)
    for kind, ensemble in model.ensembles.items():
        trees = [[Packed(tree) for tree in forest.trees] for forest in ensemble.forests]
        model.ensembles[kind] = msgspec.structs.replace(
            ensemble,
            questions=[(intern(feature), at) for feature, at in ensemble.questions],
            forests=[msgspec.structs.replace(one, trees=two) for one, two in zip(ensemble.forests, trees, strict=True)],
        )
    return model.by_kind()
