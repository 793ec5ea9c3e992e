"""Show the log file of a daemon that a client started."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque

from semctx.cli.parser import EXIT_FAILED

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

_POLL_S = 0.2
_SHOWN_FIRST = ("timestamp", "level", "event")


def show(path: str, lines: int, *, follow: bool, raw: bool) -> int:
    """Print the last `lines` lines, as they are (`raw`) or for a person, and with `follow` whatever comes."""
    present: Callable[[str], str] = str if raw else _readable
    try:
        log = _open(path)
    except FileNotFoundError:
        print(
            f"semctx: no log at {path}\n"
            "  Only a daemon that a client started writes there; of a systemd service: journalctl --user -u semctxd",
            file=sys.stderr,
        )
        return EXIT_FAILED
    with log:
        for line in deque(log, maxlen=lines):
            sys.stdout.write(present(line))
        if not follow:
            return 0
        _follow(log, present)
    while True:  # a full log is renamed and begun anew
        with _open(path) as log:
            _follow(log, present)


def _open(path: str) -> TextIO:
    return open(path, encoding="utf-8", errors="backslashreplace")


def _follow(log: TextIO, present: Callable[[str], str]) -> None:
    """Print each line that comes, until another file has taken the log's name."""
    line = ""
    while True:
        ended = _is_renamed(log)
        while part := log.readline():
            line += part
            if line.endswith("\n"):
                sys.stdout.write(present(line))
                line = ""
        sys.stdout.flush()
        if ended:
            return
        time.sleep(_POLL_S)


def _is_renamed(log: TextIO) -> bool:
    try:
        return os.stat(log.name).st_ino != os.fstat(log.fileno()).st_ino
    except FileNotFoundError:  # not yet begun anew
        return False


def _readable(line: str) -> str:
    """`2026-01-01T00:00:00Z info request method=health`; what is no event of ours stays as it is."""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict):
        return line
    words = [str(event.pop(name)) for name in _SHOWN_FIRST if name in event]
    words += [f"{name}={value}" for name, value in event.items()]
    return " ".join(words) + "\n"
