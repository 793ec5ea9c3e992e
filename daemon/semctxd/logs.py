"""The daemon's log: one event a line, JSON unless a person watches.

Logging never fails its caller: a full disk or a closed terminal loses lines, not requests. What libraries log
through the standard library lands in the same place, from warnings upwards: below, pygls logs whole messages.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import logging.handlers
import os
import select
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from semctxd import lean

with lean.instead({"rich": None, "colorama": None}):  # where they are, structlog loads them, to colour tracebacks
    import structlog

_ROOT = "semctxd"
_FILE_BYTES = 10 * 1024 * 1024
_FILES = 3
_STDERR = 2
_LATE_S = 0.01

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Levels -> priorities of syslog(3)."""

_logger = logging.getLogger(_ROOT)
_request: ContextVar[str] = ContextVar("request", default="")


def _add_request(logger: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor: the request that a line is about."""
    if number := _request.get():
        event.setdefault("request", number)
    return event


_EARLY: list[structlog.typing.Processor] = [
    _add_request,
    structlog.processors.MaybeTimeStamper(fmt="iso", utc=True),
]
"""What a line says of the moment that it is about."""

_SHARED: list[structlog.typing.Processor] = [
    *_EARLY,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
]


def configure(level: str, path: str | None, json: bool | None = None) -> None:
    """Send the log to the file `path` (kept to three of 10 MB), or to standard error.

    `level` is debug, info, warning or error. `json` defaults to what suits: text on a terminal, else JSON.
    Where the file cannot be opened, standard error is used, and says so. May be called again.
    """
    logging.raiseExceptions = False
    # every request has its line, none of which says this of itself: see "Optimization" in logging's own documentation
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler, problem = _handler(path)
    if json is None:
        json = path is not None or not os.isatty(_STDERR)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(
                    [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
                    if json
                    else [structlog.dev.ConsoleRenderer(colors=os.isatty(_STDERR))]
                ),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    set_level(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    if problem is not None:
        get("logs").warning("log_file_unusable", path=path, reason=str(problem))


def set_level(level: str) -> None:
    """What is logged from now on; see `configure`."""
    _logger.setLevel(level.upper())


def get(name: str) -> Any:
    """The logger of one part of the daemon: `get("rpc").info("request", method=…, ms=…)`."""
    return structlog.stdlib.get_logger(f"{_ROOT}.{name}")


def get_level() -> str:
    """What is logged at present."""
    return logging.getLevelName(_logger.level).lower()


def is_tracing() -> bool:
    """Whether each step of a request is logged; ask before saying one, as even a line that is dropped costs."""
    return _logger.isEnabledFor(logging.DEBUG)


def number_request(number: str) -> None:
    """What this task does, and whoever it starts, is for that request: every line of theirs says so."""
    _request.set(number)


def request_number() -> str:
    """The request that this task works for; "" for none."""
    return _request.get()


@contextmanager
def for_request(number: str) -> Iterator[None]:
    """What is done within is for that request."""
    before = _request.set(number)
    try:
        yield
    finally:
        _request.reset(before)


class Lines:
    """Lines that are written a moment after what they tell of, several in a row: one between two requests, with cold
    caches, costs two to three times as much. Lives on the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: list[Callable[[], None]] = []

    def add(self, say: Callable[..., None], event: str, facts: dict[str, Any]) -> None:
        """Have `say` write a line, with the request and the time of now."""
        for processor in _EARLY:
            processor(None, "", facts)
        if not self._due:
            self._loop.call_later(_LATE_S, self.flush)
        self._due.append(partial(say, event, **facts))

    def flush(self) -> None:
        """Write what is due."""
        due, self._due = self._due, []
        for write in due:
            write()


def tap(wanted: Callable[[], bool], deliver: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """While `wanted()`, give each event that is logged to `deliver`, in whichever thread logs it. Returns what ends
    that."""
    handler = _Tap(wanted, deliver)
    _logger.addHandler(handler)
    return lambda: _logger.removeHandler(handler)


def _handler(path: str | None) -> tuple[logging.Handler, OSError | None]:
    if path is None:
        return _StandardError(), None
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        if os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode):
            raise OSError(errno.EINVAL, "is a pipe, whose reader nobody waits for", path)
        return (
            logging.handlers.RotatingFileHandler(path, maxBytes=_FILE_BYTES, backupCount=_FILES - 1, encoding="utf-8"),
            None,
        )
    except OSError as error:
        return _StandardError(), error


def _is_journal() -> bool:
    """Whether standard error goes to the journal: `JOURNAL_STREAM` names its device and inode."""
    status = os.fstat(_STDERR)
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _Tap(logging.Handler):
    """See `tap`."""

    def __init__(self, wanted: Callable[[], bool], deliver: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._wanted = wanted
        self._deliver = deliver

    def emit(self, record: logging.LogRecord) -> None:
        """See Handler."""
        if isinstance(record.msg, dict) and self._wanted():
            self._deliver(dict(structlog.processors.format_exc_info(None, "", dict(record.msg))))


class _StandardError(logging.Handler):
    """Standard error, never waited for: a line that its reader has no room for is lost, as poll(2) and pipe(7) tell.
    The journal is told the priority of each, as sd-daemon(3) says.
    """

    def __init__(self) -> None:
        super().__init__()
        self._prioritised = _is_journal()
        self._poll = select.poll()
        self._poll.register(_STDERR, select.POLLOUT)
        self._torn = False  # only a part of the last line found room

    def emit(self, record: logging.LogRecord) -> None:
        """See Handler."""
        try:
            priority = b"<%d>" % _PRIORITIES[record.levelno] if self._prioritised else b""
            line = b"\n" * self._torn + priority + self.format(record).encode(errors="backslashreplace") + b"\n"
            for at in range(0, len(line), select.PIPE_BUF):
                if not self._poll.poll(0):
                    self._torn = at > 0 or self._torn
                    return
                os.write(_STDERR, line[at : at + select.PIPE_BUF])
            self._torn = False
        except Exception:  # as logging wants of a handler: a line that fails is not the caller's fault
            self.handleError(record)
