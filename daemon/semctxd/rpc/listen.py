"""The listening socket: exactly one daemon serves a path, and only its user can reach it.

Terms: *ours* is a socket whose inode at `path` is the one that this process bound or was handed. Guarantees:

* Whoever serves holds the lock `PATH.lock` for as long. The lock file stays: unlinking it would let two
  daemons each hold a lock of the same name.
* A socket that somebody serves is never replaced, with or without a lock; one that refuses connections is.
* Only who bound a socket removes it. One handed over by systemd is systemd's.
* The folder is private (0700, the user's own, no link). A handed-over socket's own mode does not matter then.

Plain blocking sockets: this runs before there is a loop.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import MutableMapping
from contextlib import suppress

from semctxd.errors import AlreadyRunning, SocketRefused

_HANDED_FD = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)
BACKLOG = 1024
_MAX_PATH_BYTES = 103 if sys.platform == "darwin" else 107  # sun_path without its final NUL
_LOCK_POLL_S = 0.02


class Listener:
    """A listening socket and the lock that goes with it."""

    def __init__(self, sock: socket.socket, path: str, lock_fd: int, bound: bool) -> None:
        self.socket = sock
        self.path = path
        self._lock_fd = lock_fd
        self._bound = bound
        self._inode = _inode(path)

    @property
    def outlives(self) -> bool:
        """Whether somebody else keeps the socket: who connects when this process is gone waits, and is not refused."""
        return not self._bound

    def is_ours(self) -> bool:
        """Whether clients that connect to `path` still reach this process."""
        return self._inode is not None and _inode(self.path) == self._inode

    def close(self) -> None:
        """Stop listening, remove the socket if this process bound it, let the next daemon in. Idempotent."""
        self.socket.close()
        if self._lock_fd < 0:
            return
        if self._bound and self.is_ours():
            with suppress(OSError):
                os.unlink(self.path)
        os.close(self._lock_fd)
        self._lock_fd = -1


def acquire(path: str, env: MutableMapping[str, str] = os.environ, lock_wait_s: float = 10.0) -> Listener:
    """The socket that systemd handed over, or else one bound at `path`.

    An activated daemon waits `lock_wait_s` for the lock, as its predecessor may still be draining; systemd's
    variables are taken out of `env`, so that no child believes them.

    Raises AlreadyRunning where another daemon serves the path, SocketRefused where its place is not safe.
    """
    handed = env.pop("LISTEN_PID", "") == str(os.getpid())
    count = env.pop("LISTEN_FDS", "")
    env.pop("LISTEN_FDNAMES", None)
    try:
        return _handed(count, lock_wait_s) if handed else _own(path)
    except OSError as error:
        raise SocketRefused(f"{'the socket from systemd' if handed else path} cannot be served: {error}") from error


def peer_uid(sock: socket.socket) -> int:
    """The user id of the process at the other end of a connected Unix socket (asyncio's stand-in will do)."""
    if sys.platform != "linux":  # pragma: no cover (BSD and macOS have getpeereid(3) instead)
        return _getpeereid(sock.fileno())
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def _getpeereid(fd: int) -> int:  # pragma: no cover (Linux has no getpeereid)
    import ctypes

    uid, gid = ctypes.c_uint32(), ctypes.c_uint32()
    if ctypes.CDLL(None, use_errno=True).getpeereid(fd, ctypes.byref(uid), ctypes.byref(gid)):
        raise OSError(ctypes.get_errno(), "getpeereid failed")
    return uid.value


def _own(path: str) -> Listener:
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise SocketRefused(
            f"{path}: a socket's path has at most {_MAX_PATH_BYTES} bytes: set SEMCTX_SOCKET to a shorter one"
        )
    folder = os.path.dirname(path)
    os.makedirs(folder, 0o700, exist_ok=True)
    _check_folder(folder)
    lock_fd = _lock(path, 0.0)
    try:
        return Listener(_bind(path), path, lock_fd, bound=True)
    except BaseException:
        os.close(lock_fd)
        raise


def _handed(count: str, lock_wait_s: float) -> Listener:
    if count != "1":
        raise SocketRefused(f"systemd handed over {count or 'no'} sockets; one ListenStream= is expected")
    os.set_inheritable(_HANDED_FD, False)
    sock = socket.socket(fileno=_HANDED_FD)
    try:
        if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM or not _listens(sock):
            raise SocketRefused("the descriptor from systemd is no listening Unix stream socket")
        path = sock.getsockname()
        if not isinstance(path, str) or not path.startswith("/"):
            raise SocketRefused("the socket from systemd has no path: use an absolute ListenStream=")
        _check_folder(os.path.dirname(path))
        return Listener(sock, path, _lock(path, lock_wait_s), bound=False)
    except BaseException:
        sock.close()
        raise


def _listens(sock: socket.socket) -> bool:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def _check_folder(folder: str) -> None:
    """Refuse a folder in which somebody else could put a socket, or reach ours."""
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        raise SocketRefused(f"{folder}: is no directory (or a link to one): remove it")
    if found.st_uid != os.getuid():
        raise SocketRefused(
            f"{folder}: belongs to user {found.st_uid}: set SEMCTX_SOCKET to a path in a directory of yours"
        )
    if found.st_mode & 0o077:
        raise SocketRefused(
            f"{folder}: is open to others (mode {found.st_mode & 0o777:o}): chmod it 700, or set SEMCTX_SOCKET"
        )


def _lock(path: str, wait_s: float) -> int:
    """The descriptor that holds the lock of `path`, with our process id in its file."""
    fd = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    until = time.monotonic() + wait_s
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    holder = os.pread(fd, 20, 0)
                    raise AlreadyRunning(path, int(holder) if holder.isdigit() else None) from None
            time.sleep(_LOCK_POLL_S)  # flock(2) waits for ever or not at all
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"%d" % os.getpid(), 0)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _bind(path: str) -> socket.socket:
    """A socket listening at `path`. The caller holds the lock, so nobody else is between any two steps."""
    if _is_served(path):
        raise AlreadyRunning(path)
    with suppress(FileNotFoundError):
        os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        sock.bind(path)
        sock.listen(BACKLOG)
    finally:
        os.umask(mask)
    return sock


def _is_served(path: str) -> bool:
    """Whether something listens at `path` (a daemon of systemd's, say, that holds no lock yet)."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise SocketRefused(f"{path}: is no socket: remove it, or set SEMCTX_SOCKET")
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except BlockingIOError:  # its queue is full: somebody is slow, but there
            return True
    return True


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
