"""One inotify descriptor: add and remove watches, and empty the queue without waiting (inotify(7)).

Beside it the table of mounts, which the kernel marks as changed before mount(2) returns (proc_pid_mountinfo(5)).
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterator

MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x2, 0x4, 0x8, 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, UNMOUNT, Q_OVERFLOW, IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
ONLYDIR, MASK_ADD, ISDIR = 0x01000000, 0x20000000, 0x40000000
NAMES = MOVED_FROM | MOVED_TO | CREATE | DELETE  # which names a folder has
CONTENT = MODIFY | ATTRIB | CLOSE_WRITE  # what they stand for
WHOLE = NAMES | CONTENT | DELETE_SELF | MOVE_SELF | ONLYDIR

_READ_BYTES = 256 * 1024
_HEADER = struct.Struct("iIII")  # wd, mask, cookie, length of the name


class Inotify:
    """The descriptor `fd`. Not thread-safe. Raises OSError where the kernel refuses."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._check(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), b"inotify")
        self._epoll = select.epoll(1)
        self._epoll.register(self.fd, select.EPOLLIN)
        self.mounts_changed = False  # since whoever heeds it said so; found by `is_empty`
        self._mounts = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._epoll.register(self._mounts, select.EPOLLPRI)

    def add(self, path: bytes, mask: int = WHOLE) -> int:
        """Watch a path, for more than before if it is watched already; its watch descriptor, one for each inode."""
        return self._check(self._libc.inotify_add_watch(self.fd, path, mask | MASK_ADD), path)

    def remove(self, wd: int) -> None:
        """End a watch; one that ended by itself is no error."""
        self._libc.inotify_rm_watch(self.fd, wd)

    def is_empty(self) -> bool:
        """Whether no event is queued and nothing was mounted: a quarter of the cost of a read that finds nothing."""
        ready = self._epoll.poll(0, 2)  # room for both: that for as many as epoll takes costs a tenth
        if not ready:
            return True
        self.mounts_changed |= any(fd == self._mounts for fd, _ in ready)
        return False

    def queued(self) -> Iterator[tuple[int, int, bytes]]:
        """(wd, mask, name) of every event that is queued now. The iterator must be exhausted."""
        while True:
            try:
                data = os.read(self.fd, _READ_BYTES)
            except BlockingIOError:
                return
            at, end = 0, len(data)
            while at < end:
                wd, mask, _, length = _HEADER.unpack_from(data, at)
                at += _HEADER.size
                yield wd, mask, data[at : at + length].rstrip(b"\0")
                at += length

    def close(self) -> None:
        """Close the descriptor; the kernel drops all watches."""
        self._epoll.close()
        os.close(self._mounts)
        os.close(self.fd)

    @staticmethod
    def _check(value: int, path: bytes) -> int:
        if value < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return value
