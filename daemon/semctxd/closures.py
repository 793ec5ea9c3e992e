"""The closures of a workspace's files, as the indexer knows them: whether a change can reach what a file imports.

A closure is asked for beside the answer, never before it, and holds from then on: it changes only with a file that is
in it, or when files come and go. Both make it forgotten, with every answer that relies on it.

Guarantee: a file that is not known to belong to a closure concerns every answer: one that is new, not indexed, or
outside the root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from semctxd.model import Change, What


class Closures:
    """File -> the files that it can depend on, as the bits of a number."""

    def __init__(self) -> None:
        self._bits: dict[str, int] = {}  # every file of the closures
        self._masks: dict[str, int] = {}

    def __contains__(self, file: str) -> bool:
        return file in self._masks

    def learn(self, file: str, closure: Iterable[str]) -> None:
        """What the indexer said of the present tree; paths are absolute."""
        numbers = [self._bits.setdefault(path, len(self._bits)) for path in closure]
        bits = bytearray(len(self._bits) // 8 + 1)
        for number in numbers:
            bits[number >> 3] |= 1 << (number & 7)
        self._masks[file] = int.from_bytes(bits, "little")

    def forget(self) -> None:
        """Nothing is known any more."""
        self._bits.clear()
        self._masks.clear()

    def touched_by(self, changes: Sequence[Change]) -> Callable[[str], bool]:
        """Take in changes: whether they may concern a file, or anything that it imports."""
        changed = 0
        for path, what, is_folder in changes:
            if path not in self._bits or is_folder or what is What.GONE:
                self.forget()
                return lambda file: True
            changed |= 1 << self._bits[path]
        for file in [file for file, mask in self._masks.items() if mask & changed]:
            del self._masks[file]
        return lambda file: file not in self._masks
