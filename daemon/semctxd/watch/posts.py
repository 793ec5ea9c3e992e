"""The ways to the trees: who takes away a folder above a tree takes the tree along, and it is told only there.

The folders above each top are watched by themselves, for their names. Configuration and ignore files above the root
hold in it too, and so does `.git/info/exclude`: those are watched one by one, as the folders that they stand in, such
as a home or `/tmp`, are too busy to be told of every write.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

from semctxd.model import What
from semctxd.tree import CONFIGURATION_ABOVE, IGNORE_FILES
from semctxd.watch.inotify import ATTRIB, CREATE, DELETE, ISDIR, MODIFY, MOVED_FROM, NAMES, ONLYDIR
from semctxd.watch.trees import Trees
from semctxd.watch.watches import View, Watches

_NAMES = CONFIGURATION_ABOVE | {b"exclude"}  # a busy folder above many roots tells of much else


class Posts:
    """The posts of all workspaces. `lose(trees, path)` is called when a folder on the way to a top is another or gone,
    `rules_changed(trees, folder)` when ignore files of that folder may have changed."""

    def __init__(
        self, watches: Watches, lose: Callable[[Trees, bytes], None], rules_changed: Callable[[Trees, bytes], None]
    ) -> None:
        self._watches = watches
        self._lose = lose
        self._rules_changed = rules_changed

    def man(self, trees: Trees) -> None:
        """Watch the ways as they are now."""
        wanted = dict.fromkeys(_ways(trees), NAMES | ONLYDIR)
        wanted |= dict.fromkeys(_configuration(trees), MODIFY | ATTRIB)
        for path, mask in wanted.items():
            try:
                self._watches.add(View(trees, path, True), mask)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.ENOMEM):
                    trees.degraded.add("watch-limit")
                if path in trees.posts:  # it went away
                    self._watches.drop(View(trees, path, True))

    def event(self, trees: Trees, post: bytes, mask: int, name: bytes) -> None:
        """What an event at a post means for the trees."""
        path = post.rstrip(b"/") + b"/" + name
        if not name:
            if mask & (MODIFY | ATTRIB) and not mask & ISDIR:
                self._configured(trees, post, What.MODIFIED)
        elif not mask & NAMES:
            pass
        elif name in _NAMES and path in _configuration(trees):
            self.man(trees)
            self._configured(trees, path, What.GONE if mask & (DELETE | MOVED_FROM) else What.APPEARED)
        elif tops := set(trees.tops_within(path)):
            self.man(trees)
            if not mask & CREATE:  # nothing can be created in the place of what is there
                self._lose(trees, path)
            if not mask & (DELETE | MOVED_FROM):
                trees.lost |= trees.absent & tops
                trees.absent -= tops

    def note_all(self, trees: Trees) -> None:
        """Events were lost: any configuration may have changed."""
        before = set(trees.posts)
        self.man(trees)
        for path in _configuration(trees):
            if path in before or path in trees.posts:
                self._configured(trees, path, What.MODIFIED)

    def _configured(self, trees: Trees, path: bytes, what: What) -> None:
        folder, _, name = path.rpartition(b"/")
        if path == _exclude(trees):
            self.rules_told(trees, trees.root)
            return
        trees.note(path, what)
        if name in IGNORE_FILES:
            self._rules_changed(trees, folder)

    def rules_told(self, trees: Trees, folder: bytes) -> None:
        """What git ignores in a folder changed by other means than its `.gitignore`, which servers know."""
        trees.note(folder + b"/.gitignore", What.MODIFIED)
        self.man(trees)
        self._rules_changed(trees, folder)


def _ways(trees: Trees) -> set[bytes]:
    return {os.path.dirname(_exclude(trees)), *(folder for top in trees.tops for folder in _above(top))}


def _configuration(trees: Trees) -> list[bytes]:
    return [
        _exclude(trees),
        *(folder.rstrip(b"/") + b"/" + name for folder in _above(trees.root) for name in CONFIGURATION_ABOVE),
    ]


def _exclude(trees: Trees) -> bytes:
    return trees.root + b"/.git/info/exclude"


def _above(path: bytes) -> Iterator[bytes]:
    while len(path) > 1:
        path = os.path.dirname(path)
        yield path
