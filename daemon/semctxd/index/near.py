"""Which files stand near a file: those that share most folders with it, then by path."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from heapq import nsmallest
from itertools import islice

_DEARER = 10  # what comparing a file costs, in steps on the way from the target


class Near:
    """The files of an index in the order in which they are near `target` (a relative path, or "": by path alone).

    Nothing is sorted: with the paths in order, the files below a folder stand together.
    """

    def __init__(self, target: str, paths: Sequence[str]) -> None:
        """`paths`: all files, sorted."""
        self._paths = paths
        self._parts = target.split("/")
        folders = ["", *(target[: at + 1] for at, letter in enumerate(target) if letter == "/")]
        self._around = [*reversed(folders)]
        at = bisect_left(paths, target)
        self._own = at, at + (paths[at : at + 1] == [target])

    def __iter__(self) -> Iterator[str]:
        low, high = self._own
        yield from self._paths[low:high]
        for folder in self._around:
            first = bisect_left(self._paths, folder)
            end = bisect_left(self._paths, folder[:-1] + "0") if folder else len(self._paths)  # "0" follows "/"
            yield from islice(self._paths, first, low)
            yield from islice(self._paths, high, end)
            low, high = first, end

    def rank(self, path: str) -> tuple[int, str]:
        """What files are sorted by."""
        shared = 0
        for mine, theirs in zip(self._parts, path.split("/"), strict=False):
            if mine != theirs:
                break
            shared += 1
        return -shared, path

    def first(self, files: Collection[str], count: int) -> list[str]:
        """The `count` nearest of some of the files: few are compared with each other; of many, some will be met soon on
        the way from the target."""
        if len(files) ** 2 * _DEARER <= len(self._paths) * count:
            return nsmallest(count, files, key=self.rank)
        return list(islice((path for path in self if path in files), count))
