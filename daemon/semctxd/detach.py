"""Leave the starter: fork, cut every tie to its session and descriptors, and report back once.

The starter waits on a pipe until the daemon is ready or has failed, so that its exit code tells which. A
daemon that kept an inherited pipe would make whoever reads it wait for ever, so all other descriptors are closed.
Call this before anything heavy is imported: threads do not survive a fork, and the starter needs none of it.
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from typing import NoReturn

_DIED = 1  # exit code for a daemon that ended without a word


class Ready:
    """Whom the daemon tells how its start went: a waiting starter, or, in the foreground, standard error."""

    def __init__(self, fd: int | None = None) -> None:
        self._fd = fd

    def ready(self) -> None:
        """The daemon listens: the starter exits 0. Says nothing in the foreground."""
        self._tell(b"0\n")

    def failed(self, code: int, message: str) -> None:
        """The daemon leaves: its starter says so on standard error (in the foreground we do) and exits `code`."""
        if self._fd is None:
            print(f"semctxd: {message}", file=sys.stderr)
        self._tell(b"%d\n%s" % (code, message.encode(errors="backslashreplace")))

    def _tell(self, report: bytes) -> None:
        if self._fd is None:
            return
        with suppress(OSError):  # a starter that was killed is no reason to stop
            os.write(self._fd, report)
        os.close(self._fd)
        self._fd = None


def fill_standard_streams() -> None:
    """Make those that were closed /dev/null: the next file to be opened, a client's connection say, would take their
    place, and get what is meant for them."""
    for standard in (0, 1, 2):
        try:
            os.fstat(standard)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one


def detach(log_path: str) -> Ready:
    """Go on in a forked process that is tied to nothing; the calling process waits for its report and exits.

    Standard input and output become /dev/null; standard error, where the interpreter itself would report a
    crash, goes to the end of the file `log_path` if that can be opened. The current directory becomes `/`:
    resolve relative paths before.
    """
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_fd)
        _wait(read_fd, pid, log_path)
    os.setsid()
    os.chdir("/")
    fd = fcntl.fcntl(write_fd, fcntl.F_DUPFD_CLOEXEC, 3)  # clear of 0 to 2, should those have been closed
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    with suppress(OSError):
        os.makedirs(os.path.dirname(log_path), 0o700, exist_ok=True)
        # a pipe would wait for its reader
        os.dup2(os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600), 2)
    _close_all_but(fd)
    return Ready(fd)


def _close_all_but(keep: int) -> None:
    for fd in map(int, os.listdir("/dev/fd")):
        if fd > 2 and fd != keep:
            with suppress(OSError):  # the one that listed the folder is closed already
                os.close(fd)


def _wait(read_fd: int, pid: int, log_path: str) -> NoReturn:
    """Exit as the daemon's report says, or as befits its death."""
    with open(read_fd, "rb") as pipe:
        code, _, message = pipe.read().partition(b"\n")
    if not code:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        how = f"on signal {-status}" if status < 0 else f"with code {status}"
        code, message = b"%d" % _DIED, f"ended {how} before it listened; see {log_path}".encode()
    if message:
        print(f"semctxd: {message.decode()}", file=sys.stderr)
    sys.exit(int(code))
