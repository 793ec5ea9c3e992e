"""Reading a whole tree: the paths that count, and their records, by more than one process where that pays."""

from __future__ import annotations

import os
import sys
from _blake2 import blake2b  # hashlib has the same one, and loads OpenSSL beside it, 4 MB
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from io import FileIO
from select import select
from typing import NoReturn

import msgspec

from semctx.framing import Decoder, frame
from semctxd import tree
from semctxd.index.decoding import MAX_BYTES
from semctxd.index.extract import extract
from semctxd.ranking.records import FileRecord

UNREADABLE = b"\0"
"""What stands for the bytes of a file that cannot be read: no source text, and not those of an empty file."""

Stat = tuple[int, int, int, int]
"""What must be equal for a file to be the same: mtime and ctime in ns, size in bytes, inode."""

_FORKED_MAX = 5000  # files: what is changed while a fork lives is there twice, and a fork is a copy of many page tables
_FORKS_BYTES, _STARTS_BYTES = 400_000, 2_000_000  # below these, starting processes costs more than it saves
_WORKERS_MAX = 4
_BATCH, _BATCH_MAX = 16, 64  # files: what is left of the last ones keeps only one process busy; many share their cost
_CHUNK_BYTES, _BATCH_BYTES = 1 << 16, 1 << 32  # read at once from a helper; at most, in a batch
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[tuple[bytes, bytes, FileRecord]])
_HELPER = [sys.executable, "-P", "-c", "from semctxd.index.build import helper; helper()"]

Read = tuple[bytes, bytes, FileRecord]
"""A file's absolute path, the digest of its bytes, and its record."""


def scan(top: bytes, ignored: tree.Ignored) -> Iterator[tuple[bytes, Stat]]:
    """The source files below a folder (absolute path) with their stats, but for the `ignored` folders. Directory
    symlinks are not followed. Each folder is looked into once: four fifths of a tree's folders may hold no source."""
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:  # gone meanwhile, or not to be read: nothing below it can be known
            continue
        names = [entry.name for entry in entries]
        if b"pyvenv.cfg" in names and folder != top and tree.is_environment(folder):
            continue
        ignored.listed(folder, names)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in tree.SKIPPED_FOLDERS and entry.path not in ignored:
                    folders.append(entry.path)
            elif tree.is_source(entry.name) and (stat := stat_of(entry.path)):
                yield entry.path, stat


def stat_of(path: bytes) -> Stat | None:
    """The stat of a regular file (a symlink is read through), or None."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino) if _is_regular(found.st_mode) else None


def _is_regular(mode: int) -> bool:
    return mode & 0o170000 == 0o100000


def read(path: bytes) -> bytes:
    """A file's bytes (one byte over MAX_BYTES at most); UNREADABLE where it cannot be read."""
    try:
        return tree.contents(path, MAX_BYTES + 1)
    except OSError:
        return UNREADABLE


def records(root: bytes, files: Sequence[tuple[bytes, Stat]], workers: int = 0, held: int = 0) -> Iterator[list[Read]]:
    """The records of many files, in batches in any order, by so many helper processes (0: as many as pay). `held`: how
    many files' records this process holds; helpers are forks of it while these are few."""
    paths = [path for path, stat in sorted(files, key=lambda file: (-file[1][2], file[0]))]
    start, worth = (_fork, _FORKS_BYTES) if held <= _FORKED_MAX else (_start, _STARTS_BYTES)
    if not workers and sum(stat[2] for _, stat in files) >= worth:
        workers = min(os.cpu_count() or 1, _WORKERS_MAX, len(paths))
    missing = dict.fromkeys(paths)
    if workers > 1:
        for batch in _by_helpers(root, [paths[number::workers] for number in range(workers)], start):
            for path, _, _ in batch:
                del missing[path]
            yield batch
    yield from _batches(root, list(missing))


def _batches(root: bytes, paths: Sequence[bytes]) -> Iterator[list[Read]]:
    size = min(max(_BATCH, len(paths) // _BATCH), _BATCH_MAX)
    for start in range(0, len(paths), size):
        yield [one(root, path) for path in paths[start : start + size]]


Start = Callable[[Sequence[int], int, bytes, Sequence[bytes]], Callable[[], object]]
"""Starts a helper that has not these descriptors, and does `send` with the others; returns what waits for its end."""


def _by_helpers(root: bytes, shares: Sequence[Sequence[bytes]], start: Start) -> Iterator[list[Read]]:
    pipes: dict[FileIO, tuple[Decoder, Callable[[], object]]] = {}
    for share in shares:
        ours, theirs = os.pipe()
        reading = [ours, *(pipe.fileno() for pipe in pipes)]
        wait: Callable[[], object] = tuple  # nothing
        with suppress(OSError):  # where there can be no more processes, it is as if it had died
            wait = start(reading, theirs, root, share)
        pipes[FileIO(ours)] = Decoder(_BATCH_BYTES, headers=True), wait
        os.close(theirs)  # so that the end of the helper is the end of the pipe
    while pipes:
        for pipe in select(list(pipes), (), ())[0]:
            decoder, wait = pipes[pipe]
            data = pipe.read(_CHUNK_BYTES)
            for message in decoder.feed(data):
                yield _DECODER.decode(message)
            if not data:  # it is done, died, or never was: then this process reads what is missing
                pipe.close()
                del pipes[pipe]
                wait()


def _fork(reading: Sequence[int], sink: int, root: bytes, paths: Sequence[bytes]) -> Callable[[], object]:
    # multiprocessing takes 2 MB and 20 ms
    return partial(os.waitpid, os.fork() or _send_and_end(reading, sink, root, paths), 0)


def _send_and_end(reading: Sequence[int], sink: int, root: bytes, paths: Sequence[bytes]) -> NoReturn:
    """What a fork does, which holds all that this process does, and must not go on with it."""
    try:
        for descriptor in reading:  # else it would not learn that this process has ended
            os.close(descriptor)
        send(sink, root, paths)
    finally:
        os._exit(0)


def _start(_: Sequence[int], sink: int, root: bytes, paths: Sequence[bytes]) -> Callable[[], object]:
    from subprocess import Popen
    from tempfile import TemporaryFile

    with TemporaryFile() as told:
        told.write(_ENCODER.encode((sink, root, paths)))
        told.seek(0)
        return Popen(_HELPER, stdin=told, pass_fds=[sink]).wait


def helper() -> None:
    """What a helper process does that was started: `send`; standard input tells with what."""
    send(*msgspec.msgpack.decode(sys.stdin.buffer.read(), type=tuple[int, bytes, list[bytes]]))


def send(sink: int, root: bytes, paths: Sequence[bytes]) -> None:
    """What a helper process does: send the records of `paths` in batches, then close the descriptor."""
    with open(sink, "wb") as pipe:
        for batch in _batches(root, paths):
            pipe.write(frame(_ENCODER.encode(batch), headers=True))
            pipe.flush()


def one(root: bytes, path: bytes) -> Read:
    """Read one file."""
    data = read(path)
    return path, digest(data), extract(relative(root, path), data)


def digest(data: bytes | memoryview) -> bytes:
    """What tells contents apart."""
    return blake2b(data, digest_size=16).digest()


def relative(root: bytes, path: bytes) -> str:
    """A path relative to the root, as answers name it; bytes that are no UTF-8 are replaced."""
    return path[len(root) + 1 :].decode("utf-8", "backslashreplace")
