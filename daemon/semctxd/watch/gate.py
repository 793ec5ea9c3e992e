"""The gate: every change that the kernel has queued, applied, now.

The kernel queues an inotify event before the system call that caused it returns, so a queue that has been
emptied proves that every earlier change through a path under a watched folder has been seen. One
descriptor serves all workspaces: it is read when a request arrives, and between requests so that the queue
never fills.

Guarantees
- A folder is watched before it is listed, so nothing that appears in between is lost.
- `drain` returns True only if the queue was empty *after* every new folder had been watched and listed.
- A root that is gone, or another folder under the same name, is noticed by `stat`: the kernel is silent where a parent
  was moved, and for as long as any process still works in the removed folder.
- An overflow is never silent: every tree is walked again, and what changed since the queue was last empty is told.
- What inotify does not tell (a write through another hard link, or to a symlink's target) is found by comparing
  the few files concerned by `stat` at each drain.
- What cannot be watched is named in `Trees.degraded`.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from semctxd.model import Change, What
from semctxd.tree import SKIPPED_FOLDERS, counts, is_environment, is_skipped
from semctxd.watch.inotify import (
    ATTRIB,
    CREATE,
    DELETE,
    DELETE_SELF,
    IGNORED,
    ISDIR,
    MOVE_SELF,
    MOVED_FROM,
    MOVED_TO,
    Q_OVERFLOW,
    UNMOUNT,
    Inotify,
)

Subscriber = Callable[[list[Change]], None]
Identity = tuple[int, int, int, int, int]  # device, inode, size, mtime, ctime
Work = tuple[bytes, int]  # a folder to watch and list, and since when (ns) a file in it counts as changed

_CLOCK_SLACK_NS = 20_000_000  # the kernel stamps files with a clock that lags by one tick (at most 10 ms)
_SLICE_S = 0.005  # how long the loop may be held by watching a tree nobody waits for yet
_REARM_S = 0.02  # pause between two reads of the queue without a request
_MAX_GUARDED = 2000
_NEVER_NS = 1 << 62  # newer than any file: a listing that reports nothing


class Trees:
    """The watched trees of one workspace: its root, and the dependency folders its servers asked for."""

    def __init__(self, root: str, deliver: Subscriber) -> None:
        self.root = os.fsencode(root)
        self.deliver = deliver
        self.inode: tuple[int, int] | None = None  # of the root, when it was watched
        self.tops: dict[bytes, bool] = {}  # top -> whether all below is watched too
        self.folders: dict[bytes, int] = {}  # path -> watch descriptor
        self.guarded: dict[bytes, Identity | None] = {}  # files that can change without an event here
        self.degraded: set[str] = set()
        self.lost: set[bytes] = set()  # tops that went away
        self.todo: list[Work] = []
        self._pending: dict[str, Change] = {}

    def covers(self, folder: bytes) -> bool:
        """Whether a change of a file in that folder is seen."""
        return folder in self.folders

    def note(self, path: bytes, what: What, is_folder: bool = False) -> None:
        """Remember a change for the next delivery: the last word on each path, in order."""
        name = os.fsdecode(path)
        self._pending.pop(name, None)
        self._pending[name] = Change(name, what, is_folder)

    def deliver_pending(self) -> None:
        """Hand over what was noted."""
        if self._pending:
            changes, self._pending = list(self._pending.values()), {}
            self.deliver(changes)


class Gate(Protocol):
    """What a workspace needs of a watcher. Where it `proves` nothing, answers say so."""

    proves: bool
    counts: dict[str, int]

    def open(self, root: str, deliver: Subscriber) -> Trees:
        """A new, empty set of trees; `deliver` is called on the loop, within `drain` and between requests."""

    def watch(self, trees: Trees, top: str, *, below: bool, done: Callable[[], None]) -> None:
        """Watch `top`, with all `below` it or by itself; `done()` is called when the watch stands."""

    def is_settled(self, trees: Trees) -> bool:
        """Whether `drain` would find nothing: the cheap question that comes with every request."""

    def drain(self, trees: Trees, until: float) -> bool:
        """Deliver what is queued; False where that could not be finished by `until` (`time.monotonic()`)."""

    def close(self, trees: Trees) -> None:
        """Forget a workspace."""

    def stop(self) -> None:
        """Release everything."""


class InotifyGate:
    """The gate on Linux. All calls happen on the loop; none waits."""

    proves = True

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._inotify = Inotify()
        self._all: list[Trees] = []
        self._at: dict[int, list[tuple[Trees, bytes]]] = {}  # watch descriptor -> who sees it, as what
        self._opening: list[tuple[Trees, list[Work], Callable[[], None]]] = []
        self._drained_ns = time.time_ns()
        self._catching_up = False
        self._timer: TimerHandle | None = None
        self.counts = {"drains": 0, "events": 0, "overflows": 0, "listed": 0, "max_batch": 0}
        self._listen()

    def open(self, root: str, deliver: Subscriber) -> Trees:
        """See Gate."""
        trees = Trees(root, deliver)
        self._all.append(trees)
        return trees

    def watch(self, trees: Trees, top: str, *, below: bool, done: Callable[[], None]) -> None:
        """See Gate. Works in slices of the loop's time.

        Files found on the way are not reported: whoever relies on the tree starts after `done`, or is told of
        `top` then.
        """
        path = os.fsencode(top)
        known = trees.tops.get(path)
        trees.tops[path] = below or bool(known)
        work = [] if known or known is below else [(path, _NEVER_NS)]
        self._opening.append((trees, work, done))
        if len(self._opening) == 1:
            self._loop.call_soon(self._open_slice)

    def is_settled(self, trees: Trees) -> bool:
        """See Gate."""
        return (
            self._inotify.is_empty()
            and not (trees.todo or trees.lost or trees.guarded)
            and _inode(trees.root) == trees.inode
        )

    def drain(self, trees: Trees, until: float) -> bool:
        """See Gate. What is left is finished between requests. Changes go to every workspace they concern."""
        self.counts["drains"] += 1
        started = time.time_ns()
        fresh = self._take(trees, until)
        if fresh:
            self._drained_ns = started
        for each in self._all:
            each.deliver_pending()
            if each.todo and not self._catching_up:
                self._catching_up = True
                self._loop.call_soon(self._catch_up)
        return fresh

    def close(self, trees: Trees) -> None:
        """See Gate. Watches that only this workspace had end."""
        self._all.remove(trees)
        self._opening = [work for work in self._opening if work[0] is not trees]
        for folder in list(trees.folders):
            self._unwatch(trees, folder)

    def stop(self) -> None:
        """See Gate."""
        if self._timer:
            self._timer.cancel()
        self._loop.remove_reader(self._inotify.fd)
        self._all.clear()
        self._opening.clear()
        self._inotify.close()

    # -- between requests

    def _listen(self) -> None:
        self._loop.add_reader(self._inotify.fd, self._readable)

    def _readable(self) -> None:
        self._loop.remove_reader(self._inotify.fd)
        self._timer = self._loop.call_later(_REARM_S, self._listen)
        self._catch_up()

    def _catch_up(self) -> None:
        self._catching_up = False
        until = time.monotonic() + _SLICE_S
        for trees in tuple(self._all):
            self.drain(trees, until)

    def _open_slice(self) -> None:
        until = time.monotonic() + _SLICE_S
        while self._opening:
            trees, work, done = self._opening[0]
            while work:
                self._list(trees, *work.pop(), work)
                if time.monotonic() > until:
                    self._loop.call_soon(self._open_slice)
                    return
            self._opening.pop(0)
            done()

    # -- the queue

    def _take(self, trees: Trees, until: float) -> bool:
        while True:
            self._read()
            if trees.root in trees.folders and _inode(trees.root) != trees.inode:
                self._lose(trees, trees.root)
            if trees.lost:
                self._find_again(trees)
            if not trees.todo:
                self._compare(trees)
                return True
            while trees.todo:
                self._list(trees, *trees.todo.pop(), trees.todo)
                if time.monotonic() > until:
                    return False

    def _read(self) -> None:
        number = 0
        for wd, mask, name in self._inotify.queued():
            number += 1
            if mask & Q_OVERFLOW:
                self._overflow()
            elif mask & IGNORED:
                for trees, folder in self._at.pop(wd, ()):
                    if trees.folders.get(folder) == wd:
                        del trees.folders[folder]
            else:
                for trees, folder in tuple(self._at.get(wd, ())):
                    self._event(trees, folder, mask, name)
        if number:
            self.counts["events"] += number
            self.counts["max_batch"] = max(self.counts["max_batch"], number)

    def _event(self, trees: Trees, folder: bytes, mask: int, name: bytes) -> None:
        path = folder + b"/" + name
        if not name:
            if mask & (DELETE_SELF | MOVE_SELF | UNMOUNT) and folder in trees.tops:
                self._lose(trees, folder)
        elif mask & ISDIR:
            self._folder_event(trees, path, mask)
        elif counts(name):
            self._file_event(trees, path, mask)
            if name == b"pyvenv.cfg" and folder not in trees.tops:
                self._forget(trees, folder)  # it became a virtual environment: a dependency, no source
        elif path in trees.folders or (mask & (CREATE | MOVED_TO) and _is_linked_folder(path)):
            self._folder_event(trees, path, mask)

    def _file_event(self, trees: Trees, path: bytes, mask: int) -> None:
        if mask & (DELETE | MOVED_FROM):
            trees.guarded.pop(path, None)
            trees.note(path, What.GONE)
            return
        trees.note(path, What.APPEARED if mask & (CREATE | MOVED_TO) else What.MODIFIED)
        if mask & (CREATE | MOVED_TO | ATTRIB):
            with suppress(OSError):
                self._guard(trees, path, os.lstat(path))

    def _folder_event(self, trees: Trees, path: bytes, mask: int) -> None:
        folder, _, name = path.rpartition(b"/")
        if name in SKIPPED_FOLDERS or not trees.tops.get(folder, True):
            return
        if path in trees.folders and not (mask & DELETE and mask & ISDIR):
            self._forget(trees, path)  # moved, or a link: its watches live on, which a deleted folder's do not
        if mask & (MOVED_FROM | DELETE):
            trees.note(path, What.GONE, is_folder=True)
        elif mask & (CREATE | MOVED_TO):
            if is_environment(path):
                trees.note(path + b"/pyvenv.cfg", What.APPEARED)
            else:
                trees.note(path, What.APPEARED, is_folder=True)
                trees.todo.append((path, 0))

    def _overflow(self) -> None:
        """Events were lost: walk every tree again and report what changed since the queue was last empty."""
        self.counts["overflows"] += 1
        since = self._drained_ns - _CLOCK_SLACK_NS
        for trees in self._all:
            for folder in [folder for folder in trees.folders if not os.path.isdir(folder)]:
                self._unwatch(trees, folder)
            trees.note(b"", What.EVERYTHING)
            trees.todo += [(top, since) for top in trees.tops]

    # -- tops that went away

    def _lose(self, trees: Trees, top: bytes) -> None:
        self._forget(trees, top)
        trees.lost.add(top)
        trees.note(top, What.GONE, is_folder=True)
        trees.note(b"", What.EVERYTHING)

    def _find_again(self, trees: Trees) -> None:
        for top in [top for top in trees.lost if os.path.isdir(top)]:
            trees.lost.discard(top)
            trees.note(top, What.APPEARED, is_folder=True)
            trees.todo.append((top, 0))

    # -- folders

    def _list(self, trees: Trees, folder: bytes, since_ns: int, todo: list[Work]) -> None:
        """Watch one folder, then list it: files newer than `since_ns` are changes, folders are work."""
        if folder == trees.root:
            trees.inode = _inode(folder)  # before it is watched: one that comes between is taken for another
        try:
            wd = self._inotify.add(folder)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                trees.degraded.add("watch-limit")
            return  # gone again (its parent tells), or not ours to read
        if (seen := trees.folders.get(folder)) is not None and seen != wd:
            self._unwatch(trees, folder)
        trees.folders[folder] = wd
        viewers = self._at.setdefault(wd, [])
        if (trees, folder) not in viewers:
            viewers.append((trees, folder))
        if not trees.tops.get(folder, True):
            return
        self.counts["listed"] += 1
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) or (
                    entry.is_symlink() and not counts(entry.name) and _is_linked_folder(entry.path)
                ):
                    if not is_skipped(entry.path):
                        todo.append((entry.path, since_ns))
                elif counts(entry.name):
                    with suppress(FileNotFoundError):  # gone again; the rest of the folder is not
                        status = entry.stat(follow_symlinks=False)
                        self._guard(trees, entry.path, status)
                        if status.st_ctime_ns > since_ns:
                            trees.note(entry.path, What.APPEARED)

    def _forget(self, trees: Trees, top: bytes) -> None:
        below = top + b"/"
        for folder in [f for f in trees.folders if f == top or f.startswith(below)]:
            self._unwatch(trees, folder)
        for path in [p for p in trees.guarded if p.startswith(below)]:
            del trees.guarded[path]

    def _unwatch(self, trees: Trees, folder: bytes) -> None:
        wd = trees.folders.pop(folder)
        viewers = self._at.get(wd, [])
        if (trees, folder) in viewers:
            viewers.remove((trees, folder))
            if not viewers:
                del self._at[wd]
                self._inotify.remove(wd)

    # -- files that change without an event

    def _guard(self, trees: Trees, path: bytes, status: os.stat_result) -> None:
        """Compare a file by `stat` from now on if its content can change under another name.

        Dependency folders are not guarded: installers link whole caches into them.
        """
        if not (stat.S_ISLNK(status.st_mode) or status.st_nlink > 1):
            trees.guarded.pop(path, None)
        elif path.startswith(trees.root + b"/"):
            if len(trees.guarded) >= _MAX_GUARDED:
                trees.degraded.add("many-linked-files")
            else:
                trees.guarded[path] = _identity(path)

    def _compare(self, trees: Trees) -> None:
        for path, known in trees.guarded.items():
            if (now := _identity(path)) != known:
                trees.guarded[path] = now
                trees.note(path, What.MODIFIED if now else What.GONE)


def _identity(path: bytes) -> Identity | None:
    try:
        s = os.stat(path)
    except OSError:
        return None
    return s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns


def _inode(path: bytes) -> tuple[int, int] | None:
    try:
        s = os.stat(path)
    except OSError:
        return None
    return s.st_dev, s.st_ino


def _is_linked_folder(path: bytes) -> bool:
    """A symlink to a folder, not itself reached through another one (so that a loop of links ends)."""
    parent = os.path.dirname(path)
    return os.path.isdir(path) and os.path.realpath(parent) == parent
