"""A network with one hidden layer, kept as data, applied to all candidates of a question in plain Python.

A feature is two inputs: whether the candidate has it, which counts as the highest level, and its level. Both count
a second time as their means over the candidates, so that a candidate is judged beside the others. What an input adds to
the hidden units is one big integer with a lane for each; most features of a candidate are 0 and add nothing. Weights
are whole numbers, so that sums are exact and the same everywhere.
"""

from __future__ import annotations

import struct
from array import array
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from operator import add, mul
from typing import Literal

import msgspec

from semctxd.ranking.bins import LEVELS, Levels

BESIDE = 200
"""The means are over so many candidates, the most promising: a longer list does not change how it begins."""


class Lanes:
    """`count` whole numbers in one integer, which is added to others and multiplied as they would be."""

    def __init__(self, count: int, bits: Literal[32, 64]) -> None:
        self._bits = bits
        self._half = 1 << (bits - 1)
        self._each = self.packed([1] * count)
        self._bytes = struct.Struct(f"<{count}{'IQ'[bits == 64]}")

    def packed(self, numbers: Sequence[int]) -> int:
        """The integer; below a negative number, the next lane lacks 1."""
        total = 0
        for number in reversed(numbers):
            total = (total << self._bits) + number
        return total

    def unpacked(self, lanes: int) -> list[int]:
        """The numbers, of which none takes all bits."""
        raised = lanes + self._half * self._each
        return [one - self._half for one in self._bytes.unpack(raised.to_bytes(self._bytes.size, "little"))]

    def positive(self, lanes: int) -> tuple[int, ...]:
        """The numbers, with 0 in place of negative ones."""
        raised = lanes + self._half * self._each
        above = (raised >> (self._bits - 1)) & self._each
        return self._bytes.unpack((raised & (above * (self._half - 1))).to_bytes(self._bytes.size, "little"))


class Net(msgspec.Struct, frozen=True, dict=True):
    """score = bias + unit × Σ output × max(0, hidden + Σ weight × seen), where four numbers are seen of each feature:
    LEVELS if the candidate has it, else 0; its level; and the means of these two over the candidates."""

    usual: list[tuple[float, float]]  # of each feature, the means over all candidates in the data
    unit: float
    bias: float
    hidden: list[int]  # of each hidden unit, its sum before anything is seen
    output: list[int]  # its weight
    weights: str  # base64 of int16: of each feature, four times a weight for each hidden unit

    @cached_property
    def _weights(self) -> list[tuple[array[int], ...]]:
        """Of each feature, what each of its four numbers adds to the hidden units."""
        rows = [array("h", row) for row in struct.iter_unpack(f"<{len(self.hidden)}h", b64decode(self.weights))]
        return [tuple(rows[at : at + 4]) for at in range(0, len(rows), 4)]

    @cached_property
    def _narrow(self) -> Lanes:
        """For the sums of one candidate, whose weights are below 2^15, their factors 2^5 and their number 2^9."""
        return Lanes(len(self.hidden), 32)

    @cached_property
    def _wide(self) -> Lanes:
        """For sums over candidates."""
        return Lanes(len(self.hidden), 64)

    @cached_property
    def _own(self) -> list[tuple[int, int]]:
        """The first two of these, for all hidden units at once."""
        return [(self._narrow.packed(there), self._narrow.packed(level)) for there, level, _, _ in self._weights]

    @cached_property
    def _beside(self) -> list[tuple[int, int]]:
        """The other two."""
        return [(self._wide.packed(there), self._wide.packed(level)) for _, _, there, level in self._weights]

    @cached_property
    def _usual(self) -> list[float]:
        """The hidden units' sums where everything is as usual."""
        sums: list[float] = list(self.hidden)
        for usual, rows in zip(self.usual, self._weights, strict=True):
            for value, row in zip((*usual, *usual), rows, strict=True):
                sums = [before + value * weight for before, weight in zip(sums, row, strict=True)]
        return sums

    @property
    def mean(self) -> float:
        """The score where everything is as usual; with all shares it adds up to the score."""
        return self._score(max(0.0, one) for one in self._usual)

    def scores(self, levels: Levels, count: int) -> list[float]:
        """The score of each of `count` candidates."""
        return [self._score(self._narrow.positive(one)) for one in self._sums(levels, range(count))]

    def shares(self, levels: Levels, candidates: Sequence[int]) -> Iterator[dict[int, float]]:
        """For each of some candidates, position of a feature -> its part of the score: what it adds to the hidden units
        beyond what is usual, times how much of that comes out of each (DeepLIFT's rescale rule; Shrikumar et al.,
        2017)."""
        beside = [(LEVELS * have / count, total / count) for have, total, count in map(_totals, levels)]
        for at, sums in zip(candidates, self._sums(levels, candidates), strict=True):
            passed = [
                self.unit * weight * (max(0, now) - max(0, usual)) / (now - usual or 1)
                for now, usual, weight in zip(self._narrow.unpacked(sums), self._usual, self.output, strict=True)
            ]
            shares = {}
            for feature, (column, near, usual, rows) in enumerate(
                zip(levels, beside, self.usual, self._weights, strict=True)
            ):
                seen = (LEVELS * bool(column[at]), column[at], *near)
                shares[feature] = sum(
                    (now - then) * sum(map(mul, row, passed))
                    for now, then, row in zip(seen, (*usual, *usual), rows, strict=True)
                )
            yield shares

    def _score(self, outputs: Iterable[float]) -> float:
        total: float = sum(map(mul, outputs, self.output))
        return self.bias + self.unit * total

    def _sums(self, levels: Levels, candidates: Sequence[int]) -> list[int]:
        """The hidden units' sums of each of some candidates, packed."""
        beside, count = 0, 1
        for column, (there, level) in zip(levels, self._beside, strict=True):
            have, total, count = _totals(column)
            beside += LEVELS * have * there + total * level
        means = [total // count for total in self._wide.unpacked(beside)]
        common, found = self._narrow.packed(list(map(add, self.hidden, means))), [0] * len(candidates)
        for column, (there, level) in zip(levels, self._own, strict=True):
            added = {one: LEVELS * there + one * level if one else 0 for one in set(column)}
            if len(added) == 1:
                common += added[column[0]]
            else:
                for place, at in enumerate(candidates):
                    if one := column[at]:
                        found[place] += added[one]
        return [common + one for one in found]


def _totals(column: bytes) -> tuple[int, int, int]:
    """Of the candidates beside: how many have a feature, the sum of their levels, and how many candidates there are."""
    beside = column[:BESIDE]
    return len(beside) - beside.count(0), sum(beside), len(beside) or 1
