"""The features of all candidates, and their values as levels: small whole numbers, for what judges them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

LEVELS = 32
"""The highest level."""

Columns = Mapping[str, Sequence[float]]
"""Feature -> value for each candidate."""

Levels = Sequence[bytes]
"""Of each feature, how many borders are below the value of each candidate; borders begin with 0."""


def levels(borders: Mapping[str, Sequence[float]], columns: Columns) -> Levels:
    """Feature by feature, in the order of the borders; of each there are LEVELS at most. Raises KeyError for a feature
    that is missing."""
    return [_levels(of, columns[feature]) for feature, of in borders.items()]


def _levels(borders: Sequence[float], column: Sequence[float]) -> bytes:
    if column and column.count(column[0]) == len(column):  # most columns are the same for all, or sparse
        return bytes((bisect_left(borders, column[0]),)) * len(column)
    return bytes([bisect_left(borders, value) if value else 0 for value in column])
