"""The index of a directory tree, kept equal to the disk by being told what changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from semctxd import tree
from semctxd.index import build
from semctxd.index.closure import Closures
from semctxd.index.extract import extract_text
from semctxd.index.memo import Memo
from semctxd.index.modules import Modules
from semctxd.index.near import Near
from semctxd.index.resolve import Resolver
from semctxd.index.snapshot import Snapshot
from semctxd.index.store import Store

_SETTLED_NS = (
    50_000_000  # a file system's clock ticks in steps of up to 10 ms; a younger stat may stand for two contents
)
_TELL_S = 0.1
_MANY = 8  # so many files are worth to say how far it is
_WORTH = 100  # changes of the store: with fewer, the snapshot is written only in the end
_NEVER = (0, 0, 0, 0)


class _Known(NamedTuple):
    """A file as it was when it was last read."""

    stat: build.Stat
    digest: bytes
    settled: bool  # whether an equal stat now proves that it is unchanged


class Scan(NamedTuple):
    """How far many files have been read."""

    read: int
    to_read: int
    seconds: float


class LiveIndex:
    """Store and resolver of a root. Not thread-safe; one question or change at a time."""

    def __init__(
        self, root: str, progress: Callable[[LiveIndex], None] = lambda live: None, snapshots: str = ""
    ) -> None:
        """`snapshots`: the folder where snapshots lie; "" for none."""
        self.root = os.fsencode(os.path.abspath(root))
        self.snapshot = Snapshot(snapshots, self.root) if snapshots else None
        self.restored = 0  # files of the first scan whose records were in the snapshot
        self.scan = Scan(0, 0, 0.0)  # the one under way, or the last
        self.updates = 0  # batches of changes taken in
        self._progress = progress  # called now and then while many files are read
        self.store = Store()
        self.closures = Closures(self.store)
        self._is_restored = False
        self.built = False  # whether everything below the root was read once
        self._ignored = tree.Ignored(self.root)
        self._known: dict[bytes, _Known] = {}
        self._kept = 0  # the generation of the store that the snapshot has
        self.unsaved: dict[bytes, str] = {}  # files that have another text than the disk's; none is among the known
        self._resolvers: dict[int, Resolver] = {}  # hidden function -> resolver, of this generation
        self._memo = Memo()  # theirs, with these modules
        self._generation = -1
        self._comings = self._importing = -1  # those of the store that the next three are of
        self._modules = self._by_paths = Modules(())  # with what imports say of them; by the paths alone
        self._sorted: list[str] = []  # paths

    # -- changes ----------------------------------------------------------------------------------

    def restore(self) -> None:
        """Begin with what an earlier run left, if it has not been looked at yet. It says nothing of the tree: that is
        for `refresh`."""
        if self.snapshot and not self._is_restored and (kept := self.snapshot.read()):
            self.store, digests = kept
            self.closures = Closures(self.store)
            self._known = {path: _Known(_NEVER, digest, False) for path, digest in digests.items()}
        self._is_restored = True

    def refresh(self) -> None:
        """Bring everything below the root to the present; the first build is the same."""
        if self.built:
            self._rescan([self.root])
            return
        started = time.perf_counter()
        self.restore()
        before = self._known.copy()
        self._rescan([self.root])
        self.restored = sum(
            path in self._known and self._known[path].digest == known.digest for path, known in before.items()
        )
        self.scan = self.scan._replace(seconds=time.perf_counter() - started)
        self.built = True

    def apply(self, paths: Iterable[str]) -> None:
        """Bring absolute paths, files or folders, to the present; what exists is decided by `stat` now."""
        self.updates += 1
        tops: set[bytes] = set()
        gone: set[bytes] = set()
        lost, told = [], []
        for path in dict.fromkeys(map(os.fsencode, paths)):
            folder, _, name = path.rpartition(b"/")
            if path != self.root and not path.startswith(self.root + b"/"):
                continue
            if name in tree.IGNORE_FILES:
                self._ignored = tree.Ignored(self.root)
                tops.add(folder)
            elif name == b"pyvenv.cfg":  # its folder becomes an environment, or ceases to be one
                tops.add(folder)
            elif os.path.isdir(path) and not os.path.islink(path):
                tops.add(path)
            elif tree.is_source(path) and not self._is_below_skipped(path) and (stat := build.stat_of(path)):
                told.append((path, stat))
            elif path in self._known:
                lost.append(path)
            else:
                gone.add(path)  # a folder, or nothing that was known
        self._forget(lost)
        self._forget(self._below(gone) if gone else ())
        self._take(told)
        if tops:
            self._rescan(tops)

    def overlay(self, paths: Iterable[str], texts: Mapping[str, str]) -> None:
        """Take these files (absolute paths) as having other texts than on the disk, and all others as they are;
        `texts` may leave out those that are overlaid with the same text already."""
        before, self.unsaved = self.unsaved, {}
        for path in map(os.fsencode, paths):
            text = texts.get(os.fsdecode(path))
            self.unsaved[path] = before[path] if text is None else text
        gone = [path for path in before if path not in self.unsaved]
        self.store.drop(*(build.relative(self.root, path) for path in gone))
        self.apply(map(os.fsdecode, gone))
        for path in map(os.fsencode, texts):
            if tree.is_source(path) and not self._is_below_skipped(path):
                self._known.pop(path, None)
                self.store.put(extract_text(build.relative(self.root, path), self.unsaved[path]))

    def _is_below_skipped(self, path: bytes) -> bool:
        folder = path.rpartition(b"/")[0]
        if folder in self._ignored:
            return True
        while len(folder) > len(self.root):
            if tree.is_skipped(folder) or os.path.islink(folder):
                return True
            folder = folder.rpartition(b"/")[0]
        return False

    def _rescan(self, tops: Collection[bytes]) -> None:
        found: dict[bytes, build.Stat] = {}
        for top in tops:
            is_root = top == self.root
            if is_root or not (tree.is_skipped(top) or top in self._ignored or self._is_below_skipped(top)):
                found.update(build.scan(top, self._ignored))
        self._forget([path for path in self._below(tops) if path not in found])
        self._take([file for file in found.items() if not self._is_known(*file)])

    def _below(self, tops: Collection[bytes]) -> list[bytes]:
        """The known files that are one of these paths, or lie below one."""
        verdicts: dict[bytes, bool] = {}

        def lies_below(folder: bytes) -> bool:
            verdict = verdicts.get(folder)
            if verdict is None:
                above = len(folder) > len(self.root) and lies_below(folder.rpartition(b"/")[0])
                verdict = verdicts[folder] = above or folder in tops
            return verdict

        return [path for path in self._known if path in tops or lies_below(path.rpartition(b"/")[0])]

    def _take(self, files: Iterable[tuple[bytes, build.Stat]]) -> None:
        """Read files, which may be as they were."""
        stats = {path: stat for path, stat in files if path not in self.unsaved}
        many = len(stats) >= _MANY
        now = time.time_ns()
        started = told = time.perf_counter()
        count = 0
        for batch in build.records(self.root, list(stats.items()), held=len(self._known)):
            changed = []
            for path, digest, record in batch:
                known = self._known.get(path)
                self._known[path] = _Known(stats[path], digest, now - stats[path][1] > _SETTLED_NS)
                if known is None or known.digest != digest:
                    changed.append(record)
            self.store.put(*changed)
            count += len(batch)
            if many:
                clock = time.perf_counter()
                self.scan = Scan(count, len(stats), clock - started)
                if clock - told > _TELL_S:
                    told = clock
                    self._progress(self)

    def _is_known(self, path: bytes, stat: build.Stat) -> bool:
        """Whether a file is as it was when it was last read."""
        known = self._known.get(path)
        if known is None or (known.settled and known.stat == stat):
            return known is not None
        now = time.time_ns()
        if build.digest(build.read(path)) != known.digest:
            return False
        self._known[path] = _Known(stat, known.digest, now - stat[1] > _SETTLED_NS)
        return True

    def _forget(self, paths: Collection[bytes]) -> None:
        for path in paths:
            del self._known[path]
        self.store.drop(*(build.relative(self.root, path) for path in paths))

    # -- snapshot ---------------------------------------------------------------------------------

    @property
    def is_worth_keeping(self) -> bool:
        """Whether so much has changed since the snapshot that it should be written now, and could be."""
        return bool(self.snapshot) and not self.unsaved and self.store.generation - self._kept >= _WORTH

    def keep(self) -> Iterator[None]:
        """Write the snapshot, if it is not of the present, a slice at each step; who stops before the end has changed
        nothing. What cannot be written is said, and left."""
        if self.snapshot and self._kept != self.store.generation:
            generation = self.store.generation
            try:
                yield from self.snapshot.write(self.store, {path: known.digest for path, known in self._known.items()})
            except (OSError, UnicodeError) as error:
                self.snapshot.said = f"not written: {error}"
            self._kept = generation

    # -- views ------------------------------------------------------------------------------------

    @property
    def modules(self) -> Modules:
        """Module names of the present files."""
        self._renew()
        return self._modules

    def resolver(self, hidden: int = 0) -> Resolver:
        """The resolver of the present state that believes nothing of what the function `hidden` says."""
        self._renew()
        found = self._resolvers.get(hidden)
        if found is None:
            for other in [key for key in self._resolvers if key]:
                del self._resolvers[other]
            found = self._resolvers[hidden] = Resolver(self.store, self._modules, self._memo, hidden)
        return found

    def near(self, target: str) -> Near:
        """The present files in the order in which they are near `target`."""
        self._renew()
        return Near(target, self._sorted)

    def _renew(self) -> None:
        if self._generation != self.store.generation:
            comings, importing = self.store.comings, self.store.importing
            if self._comings != comings:
                self._by_paths = Modules(self.store.files)
                self._sorted = sorted(self.store.files)
            if (self._comings, self._importing) != (comings, importing):
                namespaces = self._by_paths.namespaces_by(self.store.is_imported)
                if self._modules.paths is not self._by_paths.paths or self._modules.namespaces != namespaces:
                    self._modules = Modules(self._by_paths.paths, namespaces)
                    self._memo = Memo()
            self._comings, self._importing = comings, importing
            self._memo.forget(self.store.changed)
            self.store.changed.clear()
            self._resolvers.clear()
            self._generation = self.store.generation
