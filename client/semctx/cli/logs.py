"""Show the log: the file of a daemon that a client started, or what any daemon logs from now on."""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import islice

from semctx import connection
from semctx.errors import SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TextIO

_POLL_S = 0.2
_SHOWN_FIRST = ("timestamp", "level", "event")


def presenter(request: str | None, *, raw: bool) -> Callable[[str], str]:
    """What makes of a line what is printed: JSON (`raw`) or text for a person, or nothing if another request's lines
    are wanted."""
    form: Callable[[str], str] = _json if raw else _readable
    return lambda line: form(line) if request is None or _event(line).get("request") == request else ""


def live(root: str | None, present: Callable[[str], str]) -> NoReturn:
    """Print what the daemon logs from now on. Raises SemctxError where there is none, or it ends."""

    def tell(method: str, event: Any) -> None:
        if method == "events/lost":  # the terminal was too slow
            event = {"event": "lost", **event}
        sys.stdout.write(present(json.dumps(event) + "\n"))
        sys.stdout.flush()

    with connection.connect(root, start=False, on_notification=tell) as daemon:
        daemon.subscribe(["log"])
        daemon.listen()


def show(path: str, lines: int, present: Callable[[str], str], *, follow: bool) -> int:
    """Print the last `lines` lines that there is something to print of, and with `follow` whatever comes. Raises
    SemctxError where there is no log."""
    try:
        log = _open(path)
    except FileNotFoundError:
        raise SemctxError(
            "FileUnusable",
            f"no log at {path}",
            hint="Only a daemon that a client started writes there;"
            " of a systemd service: journalctl --user -u semctxd\n"
            "  What any daemon logs from now on: semctx logs --live",
        ) from None
    with log:
        last = list(islice(filter(None, map(present, reversed(log.readlines()))), lines))  # a full log has 10 MiB
        sys.stdout.writelines(reversed(last))
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
        time.sleep(_POLL_S)  # a file tells no reader that it grew, in any way that all platforms have


def _is_renamed(log: TextIO) -> bool:
    try:
        return os.stat(log.name).st_ino != os.fstat(log.fileno()).st_ino
    except FileNotFoundError:  # not yet begun anew
        return False


def _event(line: str) -> dict[str, Any]:
    """The event in a line; nothing for what is none of ours."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _json(line: str) -> str:
    """The event as it stands there; what is none of ours, such as a traceback, as `{"text": …}`."""
    return line if _event(line) else json.dumps({"text": line.rstrip("\n")}) + "\n"


def _readable(line: str) -> str:
    """`2026-01-01T00:00:00Z info request method=health`; what is no event of ours stays as it is."""
    event = _event(line)
    if not event:
        return line
    words = [str(event.pop(name)) for name in _SHOWN_FIRST if name in event]
    words += [f"{name}={value}" for name, value in event.items()]
    return " ".join(words) + "\n"
