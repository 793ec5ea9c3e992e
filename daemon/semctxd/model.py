"""Values that pass between the parts of the daemon. Frozen; nothing here does I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from hashlib import blake2b
from types import MappingProxyType
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
    view: str = ""  # digest of the overlays that it is asked through; "": the disk alone


class Unsaved(NamedTuple):
    """The text of a document that differs, or may differ, from the file's."""

    text: str
    digest: bytes

    @classmethod
    def of(cls, text: str) -> Unsaved:
        """A text with its digest."""
        return cls(text, blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())


class Overlays(NamedTuple):
    """What a view shows instead of the disk: absolute path -> text. Equal overlays have equal digests."""

    digest: str
    texts: Mapping[str, Unsaved]

    @classmethod
    def of(cls, texts: Mapping[str, Unsaved]) -> Overlays:
        """Overlays of these texts."""
        if not texts:
            return DISK
        summed = blake2b(digest_size=16)
        for path in sorted(texts):
            summed.update(path.encode("utf-8", "surrogatepass") + b"\0" + texts[path].digest)
        return cls(summed.hexdigest(), MappingProxyType(dict(texts)))

    def seen_by(self, depends: Depends) -> Overlays:
        """The part that an answer can depend on."""
        if not depends.file or depends.imports:
            return self
        return Overlays.of({depends.file: self.texts[depends.file]}) if depends.file in self.texts else DISK

    def having(self, file: str, unsaved: Unsaved) -> Overlays:
        """These, with another text of one file."""
        return Overlays.of({**self.texts, file: unsaved})


DISK = Overlays("", MappingProxyType({}))
"""The view of the disk alone."""
