"""Which paths are guarded, and what comparing them brings to light."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from itertools import islice

from semctxd.watch.guard import Guard, Identity, Kind, guard, identity
from semctxd.watch.trees import Trees, is_within

_MAX_LINKED = 2000
_STEP = 64  # how many paths are compared between two looks at the clock

Differs = Callable[[bytes, Guard, Identity | None], None]


def guard_file(trees: Trees, path: bytes, status: os.stat_result) -> bool:
    """Guard a file (with its `lstat`) if it can change without an event; whether it is not what was guarded before.

    In dependency folders files with several names are not: installers link whole caches into them.
    """
    if not trees.is_swept(path):
        if not (stat.S_ISLNK(status.st_mode) or status.st_nlink > 1) or not is_within(path, trees.root):
            before = trees.guarded.pop(path, None)
            return before is not None and before != guard(path, Kind.FILE)
        if len(trees.guarded) >= _MAX_LINKED:
            trees.degraded.add("many-linked-files")
            return False
    before, now = trees.guarded.get(path), guard(path, Kind.FILE)
    trees.guarded[path] = now
    return now != before


def is_followed(trees: Trees, path: bytes) -> bool:
    """Whether a symlink that names no file that counts leads to a folder to be watched; guards where it leads.

    A link within what another link leads to is not followed, so that a loop of links ends, nor is one that leads above
    the root, to all that stands there. What it leads to is not seen under that name: where it lies outside of what is
    watched anyway, answers say so.
    """
    parent = os.path.dirname(path)
    if not os.path.isdir(path):
        if not os.path.exists(path):  # it may yet lead to a folder
            trees.guarded[path] = Guard(Kind.LINK, None)
        return False
    target = os.path.realpath(path)
    if os.path.realpath(parent) == parent and (target == trees.root or not is_within(trees.root, target)):
        trees.guarded[path] = guard(path, Kind.LINK)
        return True
    folder = parent
    while len(folder) >= len(trees.root):
        if is_within(target, os.path.realpath(folder)):
            return False
        folder = os.path.dirname(folder)
    trees.nested_links.add(path)
    trees.degraded.add("nested-links")
    return False


def compare(trees: Trees, until: float, differs: Differs) -> int:
    """Call `differs` with each guarded path that is no longer what it was; how many were compared.

    Where `time.monotonic()` passes `until`, the next comparison begins with the rest, and `degraded` says so until one
    goes through.
    """
    number = len(trees.guarded)
    at = trees.sweep_at if trees.sweep_at < number else 0
    paths = [*islice(trees.guarded.items(), at, None), *islice(trees.guarded.items(), at)]
    for count, (path, known) in enumerate(paths):
        if count % _STEP == 0 and count and time.monotonic() > until:
            trees.sweep_at = (at + count) % number
            trees.degraded.add("sweep")
            return count
        now = identity(path, known.kind)
        if now != known.identity:
            differs(path, known, now)
    trees.sweep_at = 0
    trees.degraded.discard("sweep")
    return number
