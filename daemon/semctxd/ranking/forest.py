"""Boosted trees, kept as data, applied to all candidates at once in plain Python.

For all candidates together the answers to one question are one big integer with a byte for each candidate, and so are
the candidates that reach a node: a node costs a few operations on such integers, whatever the number of candidates, and
no array library is needed. Values are whole numbers of `unit`, so that sums are exact and the same everywhere.
"""

from __future__ import annotations

import struct
from array import array
from base64 import b64decode
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec

from semctxd.ranking.bins import LEVELS, Levels

Node = tuple[int, int, int]
"""The position of its question, and where the walk goes on if the answer is no, and if it is yes: to the node of that
position, or to leaf ~n."""

_NODE = struct.Struct("<3h")
_ABOVE = [bytes(one > level for one in range(256)) for level in range(LEVELS)]
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
    """Trees whose values add up to a score."""

    questions: list[tuple[int, int]]  # position of a feature, and a level: "is it above?"
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

    def packed(self) -> Forest:
        """The same in less memory."""
        return msgspec.structs.replace(self, trees=[Packed(tree) for tree in self.trees])

    def scores(self, levels: Levels, count: int) -> list[float]:
        """The score of each of `count` candidates."""
        answers = [int.from_bytes(levels[at].translate(_ABOVE[level]), "little") for at, level in self.questions]
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

    def shares(self, levels: Levels, candidates: Sequence[int]) -> Iterator[dict[int, float]]:
        """For each of some candidates, position of a feature -> its part of the score: the changes of the mean at its
        questions (Saabas, 2014)."""
        for candidate in candidates:
            answers = [levels[at][candidate] > level for at, level in self.questions]
            found: dict[int, float] = {}
            for tree, values in zip(self.trees, self._values, strict=True):
                at = 0
                while at >= 0:
                    question, no, yes = tree[at]
                    below = yes if answers[question] else no
                    change = values[below if below >= 0 else len(tree) + ~below] - values[at]
                    feature, _ = self.questions[question]
                    found[feature] = found.get(feature, 0.0) + self.unit * change
                    at = below
            yield found

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
