"""Values that pass between the parts of the daemon. Frozen; nothing here does I/O."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class What(IntEnum):
    """What happened to a path. Whether it exists is decided by `stat` when a session is told."""

    EVERYTHING = 0  # anything may have changed (the kernel's queue overflowed)
    APPEARED = 1  # created, or moved here
    MODIFIED = 2
    GONE = 3  # deleted, or moved away


class Change(NamedTuple):
    """One change of the file system.

    A folder's APPEARED or GONE stands for its whole tree; a move is GONE and APPEARED.
    """

    path: str  # absolute
    what: What
    is_folder: bool = False


class Depends(NamedTuple):
    """What an answer depends on: any source file; or one file's text alone; or with `imports` on all that the file
    imports, too, and what that imports in turn."""

    file: str = ""  # absolute; "" is any
    imports: bool = False


ANY = Depends()


class Key(NamedTuple):
    """What makes two requests equal, beside the epoch: who answers, what is asked, through which view."""

    session: str  # identity of the session: workspace, language, server, environment
    method: str
    params: bytes  # canonical JSON
    view: str = ""  # the disk alone
