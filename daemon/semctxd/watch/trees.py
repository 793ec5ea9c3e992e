"""What is watched of one workspace, and what a workspace needs of a watcher."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Protocol

from semctxd.model import Change, What
from semctxd.tree import Ignored, counts
from semctxd.watch.guard import Guard

Subscriber = Callable[[list[Change]], None]
Work = tuple[bytes, int]  # a folder to watch and list, and since when (ns) a file in it counts as changed


class Trees:
    """The watched trees of one workspace: its root, and the dependency folders its servers asked for."""

    def __init__(self, root: str, deliver: Subscriber) -> None:
        self.root = os.fsencode(root)
        self.deliver = deliver
        self.tops: dict[bytes, bool] = {}  # top -> whether all below is watched too
        self.folders: dict[bytes, int] = {}  # path -> watch descriptor
        self.posts: dict[bytes, int] = {}  # the ways to the tops and the configuration beside them, likewise
        self.guarded: dict[bytes, Guard] = {}  # what can change without an event here
        self.swept: set[bytes] = set()  # tops in which anything can
        self.sweep_at = 0  # how many of `guarded` the last comparison reached, if it was cut short
        self.ignored = Ignored(self.root)
        self.left_out: set[bytes] = set()  # ignored folders that are not watched
        self.writing: dict[bytes, int] = {}  # files that are open for writing -> mtime when last told (ns)
        self.degraded: set[str] = set()
        self.nested_links: set[bytes] = set()  # links within links that lead to what is not watched
        self.lost: set[bytes] = set()  # tops that went away, looked for by each drain
        self.absent: set[bytes] = set()  # those that are looked for when something appears on the way to them
        self.linked_anew = False  # a file got another name: which of those known has it too?
        self.todo: list[Work] = []
        self._pending: dict[str, Change] = {}

    def covers(self, folder: bytes) -> bool:
        """Whether a change of a file in that folder is seen."""
        return folder in self.folders

    def knows(self, path: bytes) -> bool:
        """Whether a path is watched, or compared, or a link that is neither."""
        return path in self.folders or path in self.guarded or path in self.nested_links

    def is_plain(self, path: bytes) -> bool:
        """Whether a path is a watched folder, or names a file that counts in one, and no link is known in the
        workspace: then it is none, as links are guarded. Tells what the gate has taken in."""
        if self.guarded or self.nested_links or self.degraded:
            return False
        folder, _, name = path.rpartition(b"/")
        return path in self.folders or (counts(name) and folder in self.folders)

    def is_swept(self, path: bytes) -> bool:
        """Whether a path lies in a tree whose changes may cause no event."""
        return any(is_within(path, top) for top in self.swept)

    def tops_within(self, path: bytes) -> Iterator[bytes]:
        """The tops at or below a path."""
        return (top for top in tuple(self.tops) if is_within(top, path))

    def forget(self, top: bytes) -> None:
        """A folder is gone with all below, or another: what was known of its files holds no more."""
        for paths in (self.guarded, self.writing):
            for path in [path for path in paths if is_within(path, top)]:
                del paths[path]
        self.left_out = {path for path in self.left_out if not is_within(path, top)}
        self.nested_links = {path for path in self.nested_links if not is_within(path, top)}
        if not self.nested_links:
            self.degraded.discard("nested-links")
        self.ignored.forget(top)

    def note(self, path: bytes, what: What, is_folder: bool = False) -> None:
        """Remember a change for the next delivery: the last word on each path, in order. What appeared and was then
        written has appeared."""
        name = os.fsdecode(path)
        earlier = self._pending.pop(name, None)
        if earlier is not None and earlier.what is What.APPEARED and what is What.MODIFIED:
            what = What.APPEARED
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

    def is_alive(self) -> bool:
        """Whether what the kernel queues is still being read: asked now and then, by the watchdog."""

    def close(self, trees: Trees) -> None:
        """Forget a workspace."""

    def stop(self) -> None:
        """Release everything."""


def is_within(path: bytes, top: bytes) -> bool:
    """Whether a path is `top`, or lies below it."""
    return path == top or path.startswith(top.rstrip(b"/") + b"/")
