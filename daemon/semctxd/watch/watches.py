"""Who sees the events of one inotify descriptor, and as what.

Folders are watched by inode, so that workspaces, and several paths of one workspace, share a watch. Each path is held
in one of two roles: as a *folder* of a tree, whose every change counts, or as a *post* on the way to a tree, where few
names do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from semctxd.watch.inotify import IGNORED, WHOLE, Inotify
from semctxd.watch.trees import Trees


class View(NamedTuple):
    """Who sees an event, under which path, in which role."""

    trees: Trees
    path: bytes
    is_post: bool

    @property
    def held(self) -> dict[bytes, int]:
        """Where the watch descriptors of that role stand."""
        return self.trees.posts if self.is_post else self.trees.folders


class Watches:
    """The watches of all workspaces on one descriptor."""

    def __init__(self) -> None:
        self.inotify = Inotify()
        self._views: dict[int, list[View]] = {}  # by watch descriptor

    def events(self) -> Iterator[tuple[Iterable[View], int, bytes]]:
        """(who sees it, mask, name) of every event that is queued now; must be exhausted."""
        for wd, mask, name in self.inotify.queued():
            if mask & IGNORED:
                self._ended(wd)
            yield tuple(self._views.get(wd, ())), mask, name

    def add(self, view: View, mask: int = WHOLE) -> None:
        """Watch a path. Raises OSError where the kernel refuses."""
        wd = self.inotify.add(view.path, mask)
        if view.held.get(view.path, wd) != wd:  # another stands in its place
            self.drop(view)
        view.held[view.path] = wd
        views = self._views.setdefault(wd, [])
        if view not in views:
            views.append(view)

    def drop(self, view: View) -> None:
        """End a watch; the kernel's ends with its last view."""
        wd = view.held.pop(view.path)
        views = self._views.get(wd, [])
        if view in views:
            views.remove(view)
            if not views:
                del self._views[wd]
                self.inotify.remove(wd)

    def leave(self, trees: Trees) -> None:
        """End every watch of a workspace."""
        for is_post, held in ((False, trees.folders), (True, trees.posts)):
            for path in tuple(held):
                self.drop(View(trees, path, is_post))

    def _ended(self, wd: int) -> None:
        for view in self._views.pop(wd, ()):
            if view.held.get(view.path) == wd:
                del view.held[view.path]
