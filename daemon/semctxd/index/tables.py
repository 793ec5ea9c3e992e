"""Keys -> ids, kept sorted as files come and go: of names, and of words with their weights.

A file that is read again gets ids above all others. So every table is a sorted array: what is added goes to its end,
what is removed is one slice.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, pairwise
from sys import intern
from typing import TypeVar

import msgspec

_BEST_MAX = 100  # terms whose best documents are kept, for as long as nothing changes (2 MB)
_PART = 256  # keys of a table that are saved at once: large buffers would leave holes in the heap
Buffer = bytes | msgspec.Raw
T = TypeVar("T")
N = TypeVar("N", int, float)
Gone = Mapping[str, Sequence[tuple[int, int]]]
"""Keys -> the ids that each loses, in order: from one (inclusive) to another (exclusive)."""
_NOTHING: tuple[Sequence[int], Sequence[float]] = ((), ())


class Table:
    """Keys -> sorted ids."""

    def __init__(self) -> None:
        self._ids: dict[str, array[int]] = {}

    def add(self, keys: Iterable[str], id: int) -> None:
        """Append an id, which is above all earlier ones, to each key."""
        for key in keys:
            self.append(key, id)

    def append(self, key: str, id: int) -> None:
        """Append an id, which is above all earlier ones, to one key."""
        if (found := self._ids.get(key)) is None:
            self._ids[intern(key)] = array("I", (id,))
        else:
            found.append(id)

    def remove(self, gone: Gone) -> None:
        """Drop ids."""
        for key, spans in gone.items():
            if (found := self._ids.get(key)) is not None:
                _cut(found, _places(found, spans))
                if not found:
                    del self._ids[key]

    def get(self, key: str) -> Sequence[int]:
        """The ids of a key, ascending."""
        return self._ids.get(key, ())

    def keys(self) -> Iterable[str]:
        """Every key that has an id."""
        return self._ids.keys()

    def fullest(self, count: int) -> list[str]:
        """The `count` keys that have most ids, and those that have as many as the last of these; in no order."""
        numbers = sorted(map(len, self._ids.values()))
        bar = numbers[-count] if len(numbers) >= count else 0
        return [key for key, ids in self._ids.items() if len(ids) >= bar]

    def saved(self) -> Iterator[bytes]:
        """All of it, in parts for `restore`."""
        return _parts(self._ids, array.tobytes)

    def restore(self, part: Buffer) -> None:
        """Take in a part of what was saved by the same version on the same kind of machine; an empty table has all of
        it when it has all parts. Raises MsgspecError or ValueError."""
        kept = msgspec.msgpack.decode(part, type=dict[str, bytes])
        self._ids.update((intern(key), array("I", ids)) for key, ids in kept.items())


class Postings:
    """Terms -> sorted ids and a weight for each: an inverted index with ready-made BM25 weights."""

    def __init__(self) -> None:
        self._lists: dict[str, tuple[array[int], array[float]]] = {}
        self._best: dict[tuple[str, int], tuple[Sequence[int], Sequence[float]]] = {}  # of terms asked for lately

    def add(self, terms: Sequence[str], weights: Iterable[float], id: int) -> None:
        """Append one document, whose id is above all earlier ones."""
        lists = self._lists
        self._best.clear()
        for term, weight in zip(terms, weights, strict=True):
            if (found := lists.get(term)) is None:
                lists[intern(term)] = array("I", (id,)), array("f", (weight,))
            else:
                found[0].append(id)
                found[1].append(weight)

    def remove(self, gone: Gone) -> None:
        """Drop documents."""
        self._best.clear()
        for term, spans in gone.items():
            if (found := self._lists.get(term)) is not None:
                ids, weights = found
                places = _places(ids, spans)
                _cut(ids, places)
                _cut(weights, places)
                if not ids:
                    del self._lists[term]

    def get(self, term: str) -> tuple[Sequence[int], Sequence[float]]:
        """(ids, weights) of a term; equally long, maybe empty."""
        return self._lists.get(term, _NOTHING)

    def best(self, term: str, count: int) -> tuple[Sequence[int], Sequence[float]]:
        """The same of the `count` highest weights of a term that has more, and of what equals the last of these."""
        found = self._best.get((term, count))
        if found is None:
            if len(self._best) >= _BEST_MAX:
                self._best.clear()
            ids, weights = self.get(term)
            bar = sorted(weights)[-count]
            chosen = bytes(map(bar.__le__, weights))
            found = array("I", compress(ids, chosen)), array("f", compress(weights, chosen))
            self._best[term, count] = found
        return found

    def saved(self) -> Iterator[bytes]:
        """See Table."""
        return _parts(self._lists, lambda lists: [numbers.tobytes() for numbers in lists])

    def restore(self, part: Buffer) -> None:
        """See Table."""
        kept = msgspec.msgpack.decode(part, type=dict[str, tuple[bytes, bytes]])
        self._lists.update(
            (intern(term), (array("I", ids), array("f", weights))) for term, (ids, weights) in kept.items()
        )


def _places(ids: array[int], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where ids stand, and end."""
    found, end = [], 0
    for low, high in spans:
        start = bisect_left(ids, low, end)
        end = bisect_left(ids, high, start, min(len(ids), start + high - low))
        found.append((start, end))
    return found


def _cut(numbers: array[N], places: Sequence[tuple[int, int]]) -> None:
    """Drop what stands there. What is kept moves once, however many places there are."""
    to = places[0][0]
    for (_, end), (start, _) in pairwise(places):
        numbers[to : to + start - end] = numbers[end:start]
        to += start - end
    del numbers[to : places[-1][1]]


def _parts(entries: Mapping[str, T], said: Callable[[T], object]) -> Iterator[bytes]:
    keys = list(entries)
    for start in range(0, len(keys), _PART):
        yield msgspec.msgpack.encode({key: said(entries[key]) for key in keys[start : start + _PART]})
