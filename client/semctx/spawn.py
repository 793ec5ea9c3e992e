"""Reach the daemon's socket, and start a daemon where there is none.

Any number of clients may do so at once: the daemon decides by its lock which one stays, and everybody else
finds that one. A socket file that nobody listens on counts as no daemon; only a daemon ever removes it.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import time

from semctx.errors import SemctxError

_RETRY_S = 0.01
_EX_OK, _EX_CONFIG = 0, 78  # of `semctxd --check-config`
_PATIENCE_S = 0.2  # how long a daemon that is said to listen may refuse before another one is tried


def may_start(start: bool) -> bool:
    """Whether a daemon may be started: not if the caller or `SEMCTX_NO_START` says no."""
    return start and os.environ.get("SEMCTX_NO_START", "0") in ("", "0")


def open_socket(path: str, deadline: float, *, start: bool) -> socket.socket:
    """A connected socket of the daemon at `path`; with `start`, of a new one if there is none.

    `deadline` is on the clock of `time.monotonic`. Raises SemctxError (DaemonUnavailable).
    """
    if (connected := dial(path, deadline)) is not None:
        return connected
    if not start:
        raise SemctxError("DaemonUnavailable", f"no daemon listens on {path}")
    started = False
    while time.monotonic() < deadline:
        started |= _start_daemon(deadline)
        # The daemon that "already runs" may be one that is leaving: then its place is free in a moment.
        patience = min(deadline, time.monotonic() + _PATIENCE_S)
        while time.monotonic() < patience:
            if (connected := dial(path, deadline)) is not None:
                return connected
            time.sleep(_RETRY_S)  # nothing tells a stranger that a path is listened to, or a lock free
    if started:
        raise SemctxError("DaemonUnavailable", f"no daemon listens on {path} in time, although one was started")
    raise SemctxError(
        "DaemonUnavailable",
        f"no daemon listens on {path}, and one takes longer to start than the time-out allows",
        hint="Retry with more time; if that does not help, read `semctx logs`.",
    )


def dial(path: str, deadline: float) -> socket.socket | None:
    """A connected socket, or None where nobody listens. Raises SemctxError where it cannot be used."""
    while _is_private(os.path.dirname(path)):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(max(deadline - time.monotonic(), _RETRY_S))
        try:
            problem = connection.connect_ex(path)
        except OSError as error:  # longer than a socket's path may be
            connection.close()
            raise SemctxError("DaemonUnavailable", f"{path}: {error}") from error
        if not problem:
            return connection
        connection.close()
        if problem in (errno.ENOENT, errno.ECONNREFUSED):
            return None
        if problem != errno.EAGAIN or time.monotonic() > deadline:
            raise SemctxError("DaemonUnavailable", f"{path}: {os.strerror(problem)}")
        time.sleep(_RETRY_S)  # the daemon's backlog is full, and poll(2) does not tell when it has room
    return None


def _is_private(folder: str) -> bool:
    """Whether only this user can have put a socket there (True), or there is no such folder (False)."""
    try:
        owner = os.stat(folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise SemctxError("DaemonUnavailable", f"{folder}: {error.strerror}") from error
    if owner.st_uid != os.getuid() or owner.st_mode & 0o022:
        raise SemctxError(
            "DaemonUnavailable",
            f"{folder} is open to others, so anybody could listen there",
            hint=f"Remove {folder}, or set SEMCTX_SOCKET to a path in a folder of yours with mode 0700.",
        )
    return True


def is_installed() -> bool:
    """Whether the daemon's program can be run from here."""
    from importlib.util import find_spec

    return find_spec("semctxd") is not None


def check_config(root: str) -> list[str]:
    """What is wrong in the user's configuration, and in that of the workspace `root` unless it is "". Raises
    SemctxError."""
    import subprocess

    done = subprocess.run(_semctxd("--check-config", root), capture_output=True, text=True, check=False)
    if done.returncode not in (_EX_OK, _EX_CONFIG):
        said = done.stderr.strip().splitlines()
        raise SemctxError(
            "DaemonUnavailable",
            f"the daemon's program does not run: {said[-1] if said else f'exit code {done.returncode}'}",
            hint="Install it anew: pip install --force-reinstall 'semctx[daemon]'",
        )
    return done.stdout.splitlines()


def _semctxd(*arguments: str) -> list[str]:
    """The command that runs the daemon's program. Raises SemctxError where it is not installed."""
    if not is_installed():
        raise SemctxError(
            "DaemonUnavailable",
            "no daemon answers, and the daemon is not installed here",
            hint="pip install 'semctx[daemon]', or set SEMCTX_SOCKET to the socket of a daemon that runs.",
        )
    # -P: a folder of that name in the current directory is the user's data, not our program
    return [sys.executable, "-P", "-m", "semctxd", *arguments]


def _start_daemon(deadline: float) -> bool:
    """Run `semctxd --detach`: it returns once a daemon listens, this one or another. Whether it did by the deadline."""
    import subprocess

    command = _semctxd("--detach")
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=max(deadline - time.monotonic(), _RETRY_S),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False  # the caller's time is over, too
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise SemctxError("DaemonUnavailable", f"the daemon could not be started: {reason}")
    return True
