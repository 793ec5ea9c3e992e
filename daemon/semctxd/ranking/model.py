"""The fitted model: boosted regression trees, kept as data, walked in plain Python.

`model.json` holds two forests, with and without a target file. A tree's node is `[feature, threshold, low, high,
mean]`: `feature` is a position in FEATURES, `low` is followed when the feature is at most the threshold, `mean` is
the average of the leaves below, weighted by how many examples reached them. A leaf is a number. The sum over
the trees is the log-odds that a symbol is used. They were fitted (LightGBM, binary log-loss) on functions of
public packages with their bodies hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec

Node = Any
"""A node or, where it is a number, a leaf: a recursive union costs a check at every step for a type checker alone."""


class Forest(msgspec.Struct, frozen=True):
    """Trees whose values add up to log-odds."""

    features: list[str]  # what the positions in the trees mean
    offset: float  # added to the sum, so that a confidence of 0.5 has the wanted precision
    trees: list[Node]

    def score(self, row: Sequence[float]) -> float:
        """Log-odds for one candidate."""
        total = self.offset
        for root in self.trees:
            node = root
            while type(node) is list:
                node = node[2] if row[node[0]] <= node[1] else node[3]
            total += node
        return total

    def shares(self, row: Sequence[float]) -> dict[str, float]:
        """Feature -> its part of the score: the changes of the mean at its decisions (Saabas, 2014)."""
        found: dict[str, float] = {}
        for root in self.trees:
            node = root
            while type(node) is list:
                child = node[2] if row[node[0]] <= node[1] else node[3]
                name = self.features[node[0]]
                found[name] = found.get(name, 0.0) + (child[4] if type(child) is list else child) - node[4]
                node = child
        return found


@lru_cache(maxsize=1)
def forests() -> dict[str, Forest]:
    """The forests by name: `target` and `free`."""
    return msgspec.json.decode(files(__package__).joinpath("model.json").read_bytes(), type=dict[str, Forest])
