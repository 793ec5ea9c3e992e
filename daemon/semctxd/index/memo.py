"""What was worked out from files, kept until one of them changes.

A set of files is an integer with a bit for each; files may share a bit, and then fall together. Whoever looks at a file
while a value is worked out says so (`Looking.look`); what a value was worked out from that is met on the way counts for
the outer one, too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from zlib import crc32

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Looking")

_BITS = 512
_KEPT_MAX = 20_000  # values, about 10 MB


class Memo:
    """Values by what they are of, each with the files that were looked at."""

    def __init__(self) -> None:
        self.values: dict[Hashable, tuple[int, Any]] = {}
        self._bits: dict[str, int] = {}
        self._sets: dict[int, int] = {}  # each set of files is there once: six values have the same

    def bit(self, path: str) -> int:
        """The set that holds one file."""
        found = self._bits.get(path)
        if found is None:
            found = self._bits[path] = 1 << crc32(path.encode("utf-8", "surrogatepass")) % _BITS
        return found

    def keep(self, key: Hashable, files: int, value: object) -> None:
        """Add a value and what was looked at for it; where there are too many, all others go."""
        if len(self.values) >= _KEPT_MAX:
            self.values.clear()
            self._sets.clear()
        self.values[key] = self._sets.setdefault(files, files), value

    def forget(self, paths: Iterable[str]) -> None:
        """Drop what was worked out from any of these files."""
        changed = 0
        for path in paths:
            changed |= self.bit(path)
        for key in [key for key, (files, _) in self.values.items() if files & changed]:
            del self.values[key]


class Looking:
    """Has methods whose values are `kept`. Those that were worked out from the file `hidden` ("": none) go with this
    object, and others do not see them."""

    def __init__(self, memo: Memo, hidden: str) -> None:
        self.memo = memo
        self.looked = 0  # at these files, for the value that is being worked out
        self.hides = memo.bit(hidden) if hidden else 0
        self.own: dict[Hashable, tuple[int, Any]] = {}

    def look(self, path: str) -> None:
        """Say that a file is looked at."""
        self.looked |= self.memo.bit(path)


def kept(work: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """A method whose values are kept. Nobody alters them."""
    kind = work.__name__

    @wraps(work)
    def method(self: S, *args: P.args, **named: P.kwargs) -> T:
        key = (kind, *args, *named.items())
        found = self.memo.values.get(key)
        if found is None or found[0] & self.hides:
            found = self.own.get(key)
        if found is None:
            outer, self.looked = self.looked, 0
            value = work(self, *args, **named)
            found = self.looked, value
            if self.looked & self.hides:
                self.own[key] = found
            else:
                self.memo.keep(key, *found)
            self.looked = outer
        self.looked |= found[0]
        return found[1]

    return cast(Callable[Concatenate[S, P], T], method)
