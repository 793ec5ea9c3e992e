"""The closures of a workspace's files, as the indexer knows them: whether a change can reach what a file imports.

A closure is asked for beside the answer, never before it, and holds from then on: it changes only with a file that is
in it, or when files come and go. Both make it forgotten, with every answer that relies on it.

Guarantee: a file that is not known to belong to a closure concerns every answer: one that is new, not indexed, or
outside the root.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from semctxd.model import Change, What


class Closures:
    """File -> the files that it can depend on, as the bits of a number."""

    def __init__(self) -> None:
        self._bits: dict[str, int] = {}  # every file of the closures
        self._masks: dict[str, int] = {}
        self._endless: set[str] = set()  # files that depend on nobody knows what, or too much

    def __contains__(self, file: str) -> bool:
        """Whether the indexer need not be asked."""
        return file in self._masks or file in self._endless

    def learn(self, file: str, closure: Collection[str]) -> None:
        """What the indexer said of the present tree; paths are absolute. Nothing: the file may depend on any."""
        if not closure:
            self._endless.add(file)
            return
        numbers = [self._bits.setdefault(path, len(self._bits)) for path in closure]
        bits = bytearray(len(self._bits) // 8 + 1)
        for number in numbers:
            bits[number >> 3] |= 1 << (number & 7)
        self._masks[file] = int.from_bytes(bits, "little")

    def forget(self) -> None:
        """Nothing is known any more."""
        self._bits.clear()
        self._masks.clear()
        self._endless.clear()

    def touched_by(self, changes: Sequence[Change]) -> Callable[[str], bool]:
        """Take in changes: whether they may concern a file, or anything that it imports."""
        if any(change.is_folder or change.what is What.GONE for change in changes):
            self.forget()
        self._endless.difference_update(change.path for change in changes)
        numbers = {self._bits[change.path] for change in changes if change.path in self._bits}
        if len(numbers) < len({change.path for change in changes}):
            self._bits.clear()
            self._masks.clear()
            return lambda file: True
        changed = sum(1 << number for number in numbers)
        for file in [file for file, mask in self._masks.items() if mask & changed]:
            del self._masks[file]
        return lambda file: file not in self._masks
