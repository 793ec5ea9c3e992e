"""Answers in memory: raw JSON bytes, least recently used out first, invalidated by changes.

Bounded in entries and in bytes over all workspaces; an entry lives at most `ttl_s` on the caller's monotonic clock.
An entry depends either on its own file or on any source file of its workspace; a change of a folder, or of
everything, clears the workspace. Who stores guarantees that the answer belongs to the present epoch: the cache
knows nothing of epochs, clocks of files or watchers.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from semctx.protocol import CacheStats, MethodCache
from semctxd.model import Change, Key, What

_ENTRY_OVERHEAD_BYTES = 400  # objects and index of an entry, measured with tracemalloc


class Entry(NamedTuple):
    """One answer."""

    raw: bytes
    file: str | None  # the one file it depends on; None: any source file
    expires: float


class Shelf:
    """The entries of one workspace, by what they depend on."""

    def __init__(self) -> None:
        self.of_file: dict[str, set[Key]] = {}
        self.of_any: set[Key] = set()
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
    ) -> None:
        self.ttl_s = ttl_s
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._entries: OrderedDict[Key, tuple[Entry, Shelf]] = OrderedDict()
        self._bytes = 0

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

    def put(self, shelf: Shelf, key: Key, raw: bytes, file: str | None, now: float) -> None:
        """Store an answer that depends on `file`, or on any. One larger than a quarter of the cache is not kept."""
        if key in self._entries:
            self._drop(key)
        size = _size(key, raw)
        if size * 4 > self.max_bytes:
            return
        self._entries[key] = (Entry(raw, file, now + self.ttl_s), shelf)
        self._bytes += size
        shelf.bytes += size
        shelf.size += 1
        if file is None:
            shelf.of_any.add(key)
        else:
            shelf.of_file.setdefault(file, set()).add(key)
        while len(self._entries) > self.max_entries or self._bytes > self.max_bytes:
            oldest = next(iter(self._entries))
            self._entries[oldest][1].evictions += 1
            self._drop(oldest)

    def invalidate(self, shelf: Shelf, changes: Sequence[Change]) -> int:
        """Drop what the changes may have made wrong; how many entries went."""
        before = shelf.size
        if any(change.is_folder or change.what is What.EVERYTHING for change in changes):
            return self.clear(shelf)
        for key in tuple(shelf.of_any):
            self._drop(key)
        for change in changes:
            for key in tuple(shelf.of_file.get(change.path, ())):
                self._drop(key)
        dropped = before - shelf.size
        shelf.invalidations += dropped
        return dropped

    def clear(self, shelf: Shelf) -> int:
        """Drop every entry of a workspace; how many went."""
        dropped = shelf.size
        for key in [*shelf.of_any, *(key for keys in shelf.of_file.values() for key in keys)]:
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

    def _drop(self, key: Key) -> None:
        entry, shelf = self._entries.pop(key)
        size = _size(key, entry.raw)
        self._bytes -= size
        shelf.bytes -= size
        shelf.size -= 1
        if entry.file is None:
            shelf.of_any.discard(key)
        else:
            keys = shelf.of_file[entry.file]
            keys.discard(key)
            if not keys:
                del shelf.of_file[entry.file]


def _size(key: Key, raw: bytes) -> int:
    return len(raw) + len(key.params) + _ENTRY_OVERHEAD_BYTES
