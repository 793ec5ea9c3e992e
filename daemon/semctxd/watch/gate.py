"""The gate: every change that the kernel has queued, applied, now.

The kernel queues an inotify event before the system call that caused it returns, so a queue that has been
emptied proves that every earlier change through a path under a watched folder has been seen. One
descriptor serves all workspaces: it is read when a request arrives, and between requests so that the queue
never fills.

Guarantees
- A folder is watched before it is listed, so nothing that appears in between is lost.
- `drain` returns True only if the queue was empty *after* every new folder had been watched and listed.
- An overflow is never silent: every tree is walked again, and what changed since the queue was last empty is told.
- What inotify does not tell (see guard.py) is found by comparing the files concerned by `stat` at each drain.
- A tree that is taken away or replaced, by whatever folder above it, is told and looked for (see posts.py).
- What cannot be watched, or not compared in time, is named in `Trees.degraded`.
"""

from __future__ import annotations

import errno
import os
import time
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Literal

from semctxd.model import What
from semctxd.tree import IGNORE_FILES, SKIPPED_FOLDERS, counts, is_environment, is_importable, is_skipped
from semctxd.watch import inotify
from semctxd.watch.compare import compare, guard_file, is_followed
from semctxd.watch.guard import Guard, Identity, Kind, guard, has_other_names, mtime_ns
from semctxd.watch.mounts import mounted, remote_within
from semctxd.watch.posts import Posts
from semctxd.watch.trees import Subscriber, Trees, Work, is_within
from semctxd.watch.watches import View, Watches

_CLOCK_SLACK_NS = 20_000_000  # the kernel stamps files with a clock that lags by one tick (at most 10 ms)
_SLICE_S = 0.001  # how long the loop may be held by watching a tree: a child that starts meanwhile takes 15 turns
_REARM_S = 0.02  # pause between two reads of the queue without a request
_NEVER_NS = 1 << 62  # newer than any file: a listing that reports nothing
_UNKNOWN_NS = -1  # a listing that reports what is not what was guarded before


class InotifyGate:
    """The gate on Linux. All calls happen on the loop; none waits. `sweep` says which trees are compared as a whole:
    those on network file systems, or all."""

    proves = True

    def __init__(self, loop: AbstractEventLoop, sweep: Literal["auto", "always"] = "auto") -> None:
        self._loop = loop
        self._sweep = sweep
        self._watches = Watches()
        self._posts = Posts(self._watches, self._lose, self._rules_changed)
        self._all: list[Trees] = []
        self._opening: list[tuple[Trees, list[Work], Callable[[], None]]] = []
        self._drained_ns = (time.time_ns(), time.monotonic_ns())
        self._mounts = mounted()
        self._catching_up = False
        self._timer: TimerHandle | None = None
        self.counts = {"drains": 0, "events": 0, "overflows": 0, "listed": 0, "compared": 0, "max_batch": 0}
        self._drains_seen = 0
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
        work = []
        if known is None or (below and not known):
            if self._sweep == "always" or remote_within(top):
                trees.swept.add(path)
            self._posts.man(trees)
            if not os.path.isdir(path):
                trees.absent.add(path)
            work = [(path, _NEVER_NS)]
        self._opening.append((trees, work, done))
        if len(self._opening) == 1:
            self._loop.call_soon(self._open_slice)

    def is_settled(self, trees: Trees) -> bool:
        """See Gate."""
        return self._watches.inotify.is_empty() and not (trees.todo or trees.lost or trees.guarded)

    def drain(self, trees: Trees, until: float) -> bool:
        """See Gate. What is left is finished between requests. Changes go to every workspace they concern."""
        return self._drain(trees, until, compare_too=True)

    def is_alive(self) -> bool:
        """See Gate: it was read since this was asked last, or there is nothing to be read."""
        seen, self._drains_seen = self._drains_seen, self.counts["drains"]
        return seen != self._drains_seen or not self._all or self._watches.inotify.is_empty()

    def close(self, trees: Trees) -> None:
        """See Gate. Watches that only this workspace had end."""
        self._all.remove(trees)
        self._opening = [work for work in self._opening if work[0] is not trees]
        self._watches.leave(trees)

    def stop(self) -> None:
        """See Gate."""
        if self._timer:
            self._timer.cancel()
        self._loop.remove_reader(self._watches.inotify.fd)
        self._all.clear()
        self._opening.clear()
        self._watches.inotify.close()

    # -- between requests

    def _listen(self) -> None:
        self._loop.add_reader(self._watches.inotify.fd, self._readable)

    def _readable(self) -> None:
        self._loop.remove_reader(self._watches.inotify.fd)
        self._timer = self._loop.call_later(_REARM_S, self._listen)
        self._catch_up()

    def _catch_up(self) -> None:
        self._catching_up = False
        until = time.monotonic() + _SLICE_S
        for trees in tuple(self._all):
            self._drain(trees, until, compare_too=False)

    def _open_slice(self) -> None:
        until = time.monotonic() + _SLICE_S
        while self._opening:
            trees, work, done = self._opening[0]
            while work:
                self._list(trees, *work.pop(), work)
                if time.monotonic() > until:
                    self._opening.sort(key=lambda opening: opening[0] is trees)  # the others' turn
                    self._loop.call_soon(self._open_slice)
                    return
            self._opening.pop(0)
            done()

    # -- the queue

    def _drain(self, trees: Trees, until: float, compare_too: bool) -> bool:
        self.counts["drains"] += 1
        started = (time.time_ns(), time.monotonic_ns())
        fresh = self._take(trees, until, compare_too)
        if fresh:
            self._drained_ns = started
        for each in self._all:
            each.deliver_pending()
            if each.todo and not self._catching_up:
                self._catching_up = True
                self._loop.call_soon(self._catch_up)
        return fresh

    def _take(self, trees: Trees, until: float, compare_too: bool) -> bool:
        while True:
            self._read()
            if self._watches.inotify.mounts_changed:
                self._remounted()
            if trees.lost:
                self._find_again(trees)
            if trees.linked_anew:
                trees.linked_anew = False
                trees.todo += [(folder, _UNKNOWN_NS) for folder in trees.folders if is_within(folder, trees.root)]
            if not trees.todo:
                if not (compare_too and trees.guarded):
                    return True
                compare_too = False  # once is enough; what it found is still to be listed
                self.counts["compared"] += compare(trees, until, partial(self._differs, trees))
            while trees.todo:
                self._list(trees, *trees.todo.pop(), trees.todo)
                if time.monotonic() > until:
                    return False

    def _read(self) -> None:
        number = 0
        for views, mask, name in self._watches.events():
            number += 1
            if mask & inotify.Q_OVERFLOW:
                self._overflow()
            for trees, path, is_post in views:
                (self._posts.event if is_post else self._event)(trees, path, mask, name)
        self.counts["events"] += number
        self.counts["max_batch"] = max(self.counts["max_batch"], number)

    def _event(self, trees: Trees, folder: bytes, mask: int, name: bytes) -> None:
        path = folder + b"/" + name
        if not name:
            if mask & (inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.UNMOUNT) and folder in trees.tops:
                self._lose(trees, folder)
        elif name == b".git":
            if mask & inotify.NAMES:
                self._posts.rules_told(trees, folder)
        elif mask & inotify.ISDIR:
            was_unreadable = mask & inotify.ATTRIB and path not in trees.folders and not is_skipped(path)
            if mask & inotify.NAMES or was_unreadable:
                self._folder_event(trees, path, mask)
        elif counts(name):
            self._file_event(trees, path, mask)
            if name in IGNORE_FILES:
                self._rules_changed(trees, folder)
            elif name == b"pyvenv.cfg" and folder not in trees.tops:
                self._forget(trees, folder)  # it became a virtual environment: a dependency, no source
        elif mask & inotify.NAMES and (trees.knows(path) or os.path.islink(path)):
            self._folder_event(trees, path, mask)
        elif mask & (inotify.CREATE | inotify.MOVED_TO) and is_within(path, trees.root) and has_other_names(path):
            trees.linked_anew = True  # a source file may be written through any name

    def _file_event(self, trees: Trees, path: bytes, mask: int) -> None:
        if mask & (inotify.DELETE | inotify.MOVED_FROM):
            trees.guarded.pop(path, None)
            trees.writing.pop(path, None)
            trees.note(path, What.GONE)
        elif mask & inotify.CLOSE_WRITE:
            if trees.writing.pop(path, 0) != mtime_ns(path):  # written through a memory map since
                trees.note(path, What.MODIFIED)
        else:
            trees.note(path, What.APPEARED if mask & (inotify.CREATE | inotify.MOVED_TO) else What.MODIFIED)
            if mask & (inotify.CREATE | inotify.MODIFY):
                trees.writing[path] = mtime_ns(path)
            if mask & (inotify.CREATE | inotify.MOVED_TO | inotify.ATTRIB):
                with suppress(OSError):
                    status = os.lstat(path)
                    if guard_file(trees, path, status) and status.st_nlink > 1:
                        trees.linked_anew = True  # which of the files known is the same?

    def _folder_event(self, trees: Trees, path: bytes, mask: int) -> None:
        """A folder, or a symlink to one, came or went."""
        folder, _, name = path.rpartition(b"/")
        if name in SKIPPED_FOLDERS or not trees.tops.get(folder, True):
            return
        trees.guarded.pop(path, None)
        if path in trees.nested_links:
            trees.forget(path)
        was_followed = path in trees.folders
        if was_followed and not (mask & inotify.DELETE and mask & inotify.ISDIR):
            self._forget(trees, path)  # moved, or a link: its watches live on, which a deleted folder's do not
        if mask & (inotify.MOVED_FROM | inotify.DELETE) or (os.path.islink(path) and not is_followed(trees, path)):
            trees.ignored.forget(path)
            if path in trees.left_out:
                trees.left_out.discard(path)
            elif was_followed or mask & inotify.ISDIR:
                trees.note(path, What.GONE, is_folder=True)
        elif is_environment(path):
            trees.note(path + b"/pyvenv.cfg", What.APPEARED)
        elif not self._leave_out(trees, path):
            trees.note(path, What.APPEARED, is_folder=True)
            trees.todo.append((path, 0))

    def _overflow(self) -> None:
        """Events were lost: walk every tree again and report what changed since the queue was last empty."""
        self.counts["overflows"] += 1
        wall_ns, monotonic_ns = self._drained_ns  # the wall clock may have been set back since
        since = min(wall_ns, time.time_ns() - (time.monotonic_ns() - monotonic_ns)) - _CLOCK_SLACK_NS
        for trees in self._all:
            for folder in [folder for folder in trees.folders if not os.path.isdir(folder)]:
                self._watches.drop(View(trees, folder, False))
            trees.ignored.forget(trees.root)
            trees.note(b"", What.EVERYTHING)
            self._posts.note_all(trees)
            trees.lost |= trees.absent
            trees.absent.clear()
            trees.todo += [(top, since) for top in trees.tops]

    def _remounted(self) -> None:
        """Something was mounted or unmounted: what stands at those places is another, and no event told."""
        self._watches.inotify.mounts_changed = False
        before, self._mounts = self._mounts, mounted()
        for path in {path for path, _ in before ^ self._mounts}:
            for trees in self._all:
                self._lose(trees, path)
                if os.path.dirname(path) in trees.folders and trees.tops.get(os.path.dirname(path), True):
                    self._forget(trees, path)
                    trees.note(path, What.GONE, is_folder=True)
                    if os.path.isdir(path) and not is_skipped(path) and not self._leave_out(trees, path):
                        trees.note(path, What.APPEARED, is_folder=True)
                        trees.todo.append((path, 0))
                for top in trees.tops:
                    if is_within(path, top) and top not in trees.swept and remote_within(os.fsdecode(top)):
                        trees.swept.add(top)
                        trees.todo += [(folder, _UNKNOWN_NS) for folder in trees.folders if is_within(folder, top)]

    # -- tops that went away

    def _lose(self, trees: Trees, path: bytes) -> None:
        """A folder is no longer what it was, and with it the tops in it."""
        for top in trees.tops_within(path):
            if top not in trees.lost and top not in trees.absent:
                self._forget(trees, top)
                trees.lost.add(top)
                trees.note(top, What.GONE, is_folder=True)
                if top == trees.root:
                    trees.note(b"", What.EVERYTHING)

    def _find_again(self, trees: Trees) -> None:
        self._posts.man(trees)  # before anyone looks: what appears later is told
        for top in tuple(trees.lost):
            if os.path.isdir(top):
                trees.lost.discard(top)
                trees.note(top, What.APPEARED, is_folder=True)
                trees.todo.append((top, 0))
            elif top != trees.root:
                trees.lost.discard(top)
                trees.absent.add(top)

    # -- folders

    def _list(self, trees: Trees, folder: bytes, since_ns: int, todo: list[Work]) -> None:
        """Watch one folder, then list it: files newer than `since_ns` are changes, folders are work."""
        try:
            self._watches.add(View(trees, folder, False))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                trees.degraded.add("watch-limit")
            return  # gone again (its parent tells), or not ours to read
        if not trees.tops.get(folder, True):
            return
        self.counts["listed"] += 1
        if trees.swept and trees.is_swept(folder):
            trees.guarded[folder] = guard(folder, Kind.FOLDER)
        has_files = since_ns != _NEVER_NS or is_within(folder, trees.root) or trees.is_swept(folder)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if has_files or not entry.is_file(follow_symlinks=False):  # of others, none is reported or guarded
                        self._entry(trees, entry, since_ns, todo)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                trees.degraded.add("open-files")

    def _entry(self, trees: Trees, entry: os.DirEntry[bytes], since_ns: int, todo: list[Work]) -> None:
        if counts(entry.name) and not entry.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):  # gone again; the rest of the folder is not
                self._found(trees, entry.path, entry.stat(follow_symlinks=False), since_ns)
        elif entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and is_followed(trees, entry.path)):
            if is_skipped(entry.path) or self._leave_out(trees, entry.path):
                return
            if since_ns != _UNKNOWN_NS:
                todo.append((entry.path, since_ns))
            elif entry.path not in trees.folders:
                self._folder_event(trees, entry.path, inotify.CREATE)

    def _found(self, trees: Trees, path: bytes, status: os.stat_result, since_ns: int) -> None:
        is_other = guard_file(trees, path, status)
        if is_other if since_ns == _UNKNOWN_NS else status.st_ctime_ns > since_ns:
            trees.note(path, What.APPEARED)

    def _differs(self, trees: Trees, path: bytes, known: Guard, now: Identity | None) -> None:
        """A guarded path is another than it was, or gone (None)."""
        if known.kind is Kind.FOLDER and now:
            trees.todo.append((path, _UNKNOWN_NS))
        elif known.kind is Kind.FILE:
            trees.note(path, What.MODIFIED if now else What.GONE)
            trees.guarded[path] = Guard(Kind.FILE, now)
            if not now and not os.path.islink(path):
                del trees.guarded[path]
        else:
            self._folder_event(trees, path, inotify.MOVED_FROM)
            if now:
                self._folder_event(trees, path, inotify.MOVED_TO)
            elif os.path.islink(path):
                trees.guarded[path] = Guard(Kind.LINK, None)

    def _forget(self, trees: Trees, top: bytes) -> None:
        for folder in [folder for folder in trees.folders if is_within(folder, top)]:
            self._watches.drop(View(trees, folder, False))
        trees.forget(top)

    def _leave_out(self, trees: Trees, folder: bytes) -> bool:
        """Whether a folder is not watched: it is ignored, and no import statement can name it."""
        if is_importable(folder) or folder not in trees.ignored:
            return False
        trees.left_out.add(folder)
        return True

    def _rules_changed(self, trees: Trees, folder: bytes) -> None:
        """Watch what is no longer ignored. What is ignored from now on stays watched, which does no harm."""
        trees.ignored.forget(folder)
        for path in [path for path in trees.left_out if is_within(path, folder) and path not in trees.ignored]:
            trees.left_out.discard(path)
            self._folder_event(trees, path, inotify.CREATE)
