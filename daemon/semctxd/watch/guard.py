"""What changes without an event, told by comparing stats at each drain.

A file with several names changes through any of them, a symlink shows whatever its target is, and on a file system that
other machines write to anything can change. Who looks at all files of a tree *sweeps* it.
"""

from __future__ import annotations

import os
import stat
from enum import IntEnum
from typing import NamedTuple

Identity = tuple[int, ...]


class Kind(IntEnum):
    """What is guarded."""

    FILE = 0  # content
    LINK = 1  # a symlink to a folder, or to nothing so far: which folder it leads to
    FOLDER = 2  # which names it has


class Guard(NamedTuple):
    """A path's kind, and what it was when it was last told; None: nothing."""

    kind: Kind
    identity: Identity | None


def guard(path: bytes, kind: Kind) -> Guard:
    """The present state of a path."""
    return Guard(kind, identity(path, kind))


def identity(path: bytes, kind: Kind = Kind.FILE) -> Identity | None:
    """What tells one state of a path from another; None where it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if kind is Kind.LINK:
        return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def mtime_ns(path: bytes) -> int:
    """When a file was last written, as far as the file system knows; 0 where it is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def has_other_names(path: bytes) -> bool:
    """Whether what a path names has hard links beside it."""
    try:
        return os.lstat(path).st_nlink > 1
    except OSError:
        return False
