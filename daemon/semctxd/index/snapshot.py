"""What an index holds, kept on disk from one run of the indexer to the next.

A snapshot saves work, and decides nothing: a record is used for a file only if the file's bytes, read now, have the
digest of those that it was made of. No time, size or inode is believed. A snapshot that is in doubt (another version of
anything that shapes a record, another root, cut off, damaged, not the user's alone) is as if it were not there.

Format: `_kind`, the digest of all that follows, then sections, each with its length before it: the number of a table of
the store and a part of that table, or `_FILE` and some files. The head is written last. Sections are read one by one:
all of a large snapshot beside what is made of it would be too much memory.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from _blake2 import blake2b  # see `build`
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import BinaryIO

import msgspec
import tree_sitter
import tree_sitter_python

from semctxd import index, ranking, tree
from semctxd.index.build import digest
from semctxd.index.store import Store
from semctxd.ranking.records import FileRecord

_FORMAT = b"3"
_KIND_BYTES, _HEAD_BYTES, _LENGTH_BYTES = 16, 32, 4
_BATCH = 64  # files that are written at once
_PART_BYTES = 1 << 18  # read at once
_LARGEST_BYTES = 1 << 30  # of one snapshot
_ALL_BYTES, _ALL = 2 << 30, 64  # of all of them, and how many
_UNUSED_S = 30 * 86400.0
_UNFINISHED_S = 3600.0  # who began to write it has been ended
_UNFINISHED = ".new"

_ENCODER = msgspec.msgpack.Encoder()
_SECTION = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])
_FILE = 255
_FILES = msgspec.msgpack.Decoder(list[tuple[bytes, int, FileRecord]])  # digest, first id, record


class Snapshot:
    """The snapshot of one root (absolute path), in a folder of the user's."""

    def __init__(self, folder: str, root: bytes) -> None:
        self.said = ""  # what became of it: "used", or why it was not used or not written
        self.path = os.path.join(folder, digest(root).hex())
        self._folder = folder
        self._root = root

    def read(self) -> tuple[Store, dict[bytes, bytes]] | None:
        """What was kept: a store, and the digest of each of its files (absolute path) as it was. None where nothing
        was, or it is in doubt. Never raises."""
        store, digests = Store(), {}
        try:
            for number, section in self._sections():
                if number != _FILE:
                    store.tables[number].restore(section)
                    continue
                for kept, first, record in _FILES.decode(section):
                    store.enter(record, first)
                    digests[self._root + b"/" + record.path.encode()] = kept
            os.utime(self.path)  # those that are unused for longest go first
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, msgspec.MsgspecError) as error:
            self.said = f"discarded: {error}"
            return None
        self.said = "used"
        return store, digests

    def _sections(self) -> Iterator[tuple[int, msgspec.Raw]]:
        fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            status = os.fstat(fd)
            if not (stat.S_ISREG(status.st_mode) and _is_ours(status)):
                raise ValueError("it is not this user's alone")
            if status.st_size > _LARGEST_BYTES:
                raise ValueError("it is too large")
            if file.read(_KIND_BYTES) != _kind(self._root):
                raise ValueError("another version wrote it, or it is of another root")
            if file.read(_KIND_BYTES) != _digest_of_rest(file):
                raise ValueError("it is damaged")
            file.seek(_HEAD_BYTES)
            while length := file.read(_LENGTH_BYTES):
                yield _SECTION.decode(file.read(int.from_bytes(length, "big")))

    def write(self, store: Store, digests: Mapping[bytes, bytes]) -> Iterator[None]:
        """Keep a store, by the digests of its files, a slice at each step. Who stops before the last has changed
        nothing. Raises OSError, and UnicodeError where a name or a text in the tree cannot be written as UTF-8.
        """
        os.makedirs(self._folder, 0o700, exist_ok=True)
        if not _is_ours(os.stat(self._folder)):
            raise PermissionError(errno.EPERM, "others may write to it", self._folder)
        unfinished = f"{self.path}.{os.getpid()}{_UNFINISHED}"
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as file:
                file.seek(_HEAD_BYTES)
                whole = _new_digest()
                for section in self._written(store, digests):
                    sized = len(section).to_bytes(_LENGTH_BYTES, "big") + section
                    whole.update(sized)
                    if file.tell() + file.write(sized) > _LARGEST_BYTES:
                        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), self.path)
                    yield
                file.seek(0)
                file.write(_kind(self._root) + whole.digest())
            os.replace(unfinished, self.path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(unfinished)
        _sweep(self._folder)

    def _written(self, store: Store, digests: Mapping[bytes, bytes]) -> Iterator[bytes]:
        """The sections."""
        for number, table in enumerate(store.tables):
            for part in table.saved():
                yield _ENCODER.encode((number, msgspec.Raw(part)))
        paths = sorted(digests)
        for start in range(0, len(paths), _BATCH):
            names = {path: path[len(self._root) + 1 :].decode() for path in paths[start : start + _BATCH]}
            files = [(digests[path], store.ids(name).start, store.files[name]) for path, name in names.items()]
            yield _ENCODER.encode((_FILE, files))


def _new_digest() -> blake2b:
    return blake2b(digest_size=_KIND_BYTES)


def _digest_of_rest(file: BinaryIO) -> bytes:
    whole = _new_digest()
    while part := file.read(_PART_BYTES):
        whole.update(part)
    return whole.digest()


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid == os.getuid() and not stat.S_IMODE(status.st_mode) & 0o022


def _kind(root: bytes) -> bytes:
    """What a snapshot must have been made by and of."""
    return digest(_made_by() + root)


@cache
def _made_by() -> bytes:
    """All that shapes a record or a table: this code, the parser and its grammar, Python, this machine's numbers."""
    whole = blake2b(b"\0".join((_FORMAT, sys.version.encode(), sys.byteorder.encode())))
    for module in (ranking, index, tree_sitter, tree_sitter_python):
        folder = os.path.dirname(module.__file__ or "")
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.endswith((".py", ".so", ".pyd")):
                whole.update(_named(entry.path))
    whole.update(_named(tree.__file__))
    return whole.digest()


def _named(path: str) -> bytes:
    with open(path, "rb") as file:
        return os.path.basename(path).encode() + b"\0" + digest(file.read())


def _sweep(folder: str) -> None:
    """Remove what is beyond the bounds, the longest unused first, and what was never finished."""
    now, count, size = time.time(), 0, 0
    found = [(entry.stat(follow_symlinks=False), entry.path) for entry in os.scandir(folder)]
    for status, path in sorted(found, key=lambda one: -one[0].st_mtime):
        is_unfinished = path.endswith(_UNFINISHED)
        count, size = count + (not is_unfinished), size + status.st_size
        if count > _ALL or size > _ALL_BYTES or now - status.st_mtime > (_UNFINISHED_S if is_unfinished else _UNUSED_S):
            os.unlink(path)
