"""Answers in memory: raw JSON bytes, least recently used out first, invalidated by changes.

Bounded in entries and in bytes over all workspaces; an entry lives at most `ttl_s` on the caller's monotonic clock.
What an entry depends on is said by who stores it (`Depends`); a change of a folder, or of everything, clears the
workspace. Who stores guarantees that the answer belongs to the present epoch: the cache knows nothing of epochs, clocks
of files or watchers.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from semctx.protocol import CacheStats, MethodCache
from semctxd.closures import Closures
from semctxd.model import Change, Depends, Key, What

_ENTRY_OVERHEAD_BYTES = 400  # objects and index of an entry, measured with tracemalloc


class Entry(NamedTuple):
    """One answer."""

    raw: bytes
    depends: Depends
    expires: float


class Shelf:
    """The entries of one workspace, by what they depend on."""

    def __init__(self) -> None:
        self.keys: dict[Depends, set[Key]] = {}
        self.closures = Closures()
        self.size = 0
        self.bytes = 0
        self.reset()

    def reset(self) -> None:
        """Count anew: not what it holds."""
        self.lookups: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])  # method -> [hits, misses]
        self.evictions = 0
        self.invalidations = 0


class Cache:
    """All entries of the daemon. Not thread-safe: it lives on the loop."""

    def __init__(
        self,
        *,
        ttl_s: float,
        max_entries: int,
        max_bytes: int,
        narrow: bool = True,
    ) -> None:
        self.ttl_s = ttl_s
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.narrow = narrow
        self._entries: OrderedDict[Key, tuple[Entry, Shelf]] = OrderedDict()
        self._bytes = 0

    def resize(self, *, ttl_s: float, max_entries: int, max_bytes: int, narrow: bool = True) -> None:
        """Other bounds from now on; what is stored keeps its expiry."""
        self.ttl_s, self.max_entries, self.max_bytes, self.narrow = ttl_s, max_entries, max_bytes, narrow
        self._make_room()

    def get(self, shelf: Shelf, key: Key, now: float) -> bytes | None:
        """The answer, counted as a hit under the key's method; or None."""
        found = self._entries.get(key)
        if found is None:
            return None
        if found[0].expires <= now:
            self._drop(key)
            shelf.evictions += 1
            return None
        self._entries.move_to_end(key)
        shelf.lookups[key.method][0] += 1
        return found[0].raw

    def missed(self, shelf: Shelf, key: Key) -> None:
        """Count a question that could not be answered from memory."""
        shelf.lookups[key.method][1] += 1

    def put(self, shelf: Shelf, key: Key, raw: bytes, depends: Depends, now: float) -> None:
        """Store an answer. One larger than a quarter of the cache is not kept."""
        if key in self._entries:
            self._drop(key)
        size = _size(key, raw)
        if size * 4 > self.max_bytes:
            return
        self._entries[key] = (Entry(raw, depends, now + self.ttl_s), shelf)
        self._bytes += size
        shelf.bytes += size
        shelf.size += 1
        shelf.keys.setdefault(depends, set()).add(key)
        self._make_room()

    def invalidate(self, shelf: Shelf, changes: Sequence[Change]) -> int:
        """Drop what the changes may have made wrong; how many entries went."""
        before = shelf.size
        if not self.narrow:
            shelf.closures.forget()
        touched = shelf.closures.touched_by(changes)
        if any(change.is_folder or change.what is What.EVERYTHING for change in changes):
            return self.clear(shelf)
        paths = {change.path for change in changes}
        for depends in tuple(shelf.keys):
            if touched(depends.file) if depends.imports else not depends.file or depends.file in paths:
                for key in tuple(shelf.keys[depends]):
                    self._drop(key)
        dropped = before - shelf.size
        shelf.invalidations += dropped
        return dropped

    def clear(self, shelf: Shelf) -> int:
        """Drop every entry of a workspace; how many went."""
        dropped = shelf.size
        for key in [key for keys in shelf.keys.values() for key in keys]:
            self._drop(key)
        shelf.invalidations += dropped
        return dropped

    def stats(self, shelves: Iterable[Shelf]) -> CacheStats:
        """`CacheStats` of the protocol, summed over the given workspaces."""
        shelves = list(shelves)
        by_method: dict[str, MethodCache] = {}
        for shelf in shelves:
            for method, (hits, misses) in shelf.lookups.items():
                sums = by_method.setdefault(method, {"hits": 0, "misses": 0})
                sums["hits"] += hits
                sums["misses"] += misses
        hits = sum(sums["hits"] for sums in by_method.values())
        misses = sum(sums["misses"] for sums in by_method.values())
        return {
            "size": sum(shelf.size for shelf in shelves),
            "max_size": self.max_entries,
            "bytes": sum(shelf.bytes for shelf in shelves),
            "max_bytes": self.max_bytes,
            "hits": hits,
            "misses": misses,
            "hit_rate": hits / (hits + misses) if hits + misses else 0.0,
            "evictions": sum(shelf.evictions for shelf in shelves),
            "invalidations": sum(shelf.invalidations for shelf in shelves),
            "ttl_s": self.ttl_s,
            "by_method": dict(sorted(by_method.items())),
        }

    def _make_room(self) -> None:
        while len(self._entries) > self.max_entries or self._bytes > self.max_bytes:
            oldest = next(iter(self._entries))
            self._entries[oldest][1].evictions += 1
            self._drop(oldest)

    def _drop(self, key: Key) -> None:
        entry, shelf = self._entries.pop(key)
        size = _size(key, entry.raw)
        self._bytes -= size
        shelf.bytes -= size
        shelf.size -= 1
        keys = shelf.keys[entry.depends]
        keys.discard(key)
        if not keys:
            del shelf.keys[entry.depends]


def _size(key: Key, raw: bytes) -> int:
    return len(raw) + len(key.params) + _ENTRY_OVERHEAD_BYTES
