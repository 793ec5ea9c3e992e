"""The blocking connection to the daemon.

    with semctx.connect() as daemon:
        print(daemon.context("validate an email address").to_prompt(max_tokens=2000))

One request is under way at a time, and a connection belongs to one thread. Every failure is a SemctxError.
A lost connection is made again by the next request.
"""

from __future__ import annotations

import os
import socket
import time
from functools import wraps

from semctx import calls, code_calls, paths, roots, spawn, symbol_calls, wire
from semctx.errors import SemctxError
from semctx.framing import Decoder, FrameError
from semctx.replay import Replay

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any, Concatenate, NoReturn, ParamSpec, Self, TypeVar

    from semctx.calls import Call
    from semctx.protocol import HelloResult

    P = ParamSpec("P")
    R = TypeVar("R")

_CHUNK_BYTES = 1 << 16
_CANCEL_S = 0.1  # a daemon that does not even take a cancellation within this is given up


def connect(
    root: str | None = None,
    *,
    start: bool = True,
    timeout: float = 30.0,
    on_notification: Callable[[str, Any], None] | None = None,
    view: str | None = None,
    greet: bool = True,
) -> Connection:
    """Connect to this user's daemon, starting one if there is none.

    Args:
        root: the workspace that requests are about; default: the one that holds the current directory.
        start: whether a daemon may be started (`SEMCTX_NO_START=1` in the environment says no, too).
        timeout: seconds that connecting, and later each request, may take; `math.inf` for as long as it takes.
        on_notification: called with method and parameters of each notification that arrives while a request
            waits; it must not use the connection.
        view: the `daemon["view"]` of a connection whose unsaved text this one wants to see, and share.
        greet: whether to say hello first, which tells the daemon where to find Python and compares versions.

    Raises:
        SemctxError: DaemonUnavailable, VersionMismatch, InvalidParams for a time-out that is no number, or
            ConnectionLost, ShuttingDown and Timeout while greeting.
    """
    connection = Connection(root, start=start, timeout=timeout, on_notification=on_notification, view=view, greet=greet)
    connection.open()
    return connection


def _method(build: Callable[Concatenate[str, P], Call[R]]) -> Callable[Concatenate[Connection, P], R]:
    """A method of the connection that makes the call that `build` describes."""

    @wraps(build)
    def method(self: Connection, /, *args: P.args, **kwargs: P.kwargs) -> R:
        name, params, convert = build(self.root, *args, **kwargs)
        return convert(self.request(name, params))

    return method


class Connection:
    """A connection to the daemon for requests about one workspace; see `connect` for its parameters."""

    root: str  # absolute path
    daemon: HelloResult | None  # what the daemon said of itself when it was greeted

    def __init__(
        self,
        root: str | None,
        *,
        start: bool,
        timeout: float,
        on_notification: Callable[[str, Any], None] | None,
        view: str | None,
        greet: bool,
    ) -> None:
        self.root = roots.chosen(root)
        self.timeout = wire.seconds(timeout)
        self.daemon = None
        self._view = view
        self._replay = Replay()
        self._start = spawn.may_start(start)
        self._on_notification = on_notification
        self._greet = greet
        self._socket: socket.socket | None = None
        self._decoder = Decoder(headers=False)
        self._number = 0

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Leave the daemon; another request would connect again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def open(self) -> None:
        """Connect, if there is no connection; every request does so by itself. Raises SemctxError."""
        if self._socket is None:
            self._open(time.monotonic() + self.timeout)

    def request(self, method: str, params: Mapping[str, Any] | None = None, timeout: float | None = None) -> Any:
        """The result of any method of the protocol, as its JSON says.

        Raises SemctxError: the daemon's own, ConnectionLost, or after `timeout` seconds (default: the
        connection's) Timeout, upon which the daemon is told to give up.
        """
        seconds = wire.seconds(self.timeout if timeout is None else timeout)
        deadline = time.monotonic() + seconds
        params = params or {}
        connection = self._socket or self._open(deadline)
        result = self._exchange(connection, method, params, seconds, deadline, again=True)
        self._replay.note(method, params)
        return result

    context = _method(calls.context)
    files = _method(calls.files)
    find = _method(calls.find)
    overview = _method(symbol_calls.overview)
    body = _method(symbol_calls.body)
    definition = _method(symbol_calls.definition)
    references = _method(symbol_calls.references)
    implementations = _method(symbol_calls.implementations)
    hover = _method(symbol_calls.hover)
    callers = _method(symbol_calls.callers)
    callees = _method(symbol_calls.callees)
    diagnostics = _method(symbol_calls.diagnostics)
    check = _method(code_calls.check)
    resolve = _method(code_calls.resolve)
    open_document = _method(code_calls.open_document)
    change_document = _method(code_calls.change_document)
    close_document = _method(code_calls.close_document)
    lsp = _method(calls.lsp)
    health = _method(calls.health)
    metrics = _method(calls.metrics)
    metrics_reset = _method(calls.metrics_reset)
    metrics_prometheus = _method(calls.metrics_prometheus)
    config = _method(calls.config)
    config_reload = _method(calls.config_reload)
    log_level = _method(calls.log_level)
    cache_stats = _method(calls.cache_stats)
    cache_invalidate = _method(calls.cache_invalidate)
    cache_clear = _method(calls.cache_clear)
    subscribe = _method(calls.subscribe)
    trust = _method(calls.trust)
    trust_grant = _method(calls.trust_grant)
    trust_revoke = _method(calls.trust_revoke)
    trust_list = _method(calls.trust_list)
    restart_server = _method(calls.restart_server)
    stop = _method(calls.stop)

    def wait_closed(self, timeout: float) -> bool:
        """Whether the daemon ends the connection within `timeout` seconds, as it does when its work is done."""
        if self._socket is None:
            return True
        deadline = time.monotonic() + wire.seconds(timeout)
        try:
            while True:
                self._messages(self._socket, deadline)
        except TimeoutError:
            return False
        except SemctxError:
            return True

    def listen(self) -> NoReturn:
        """Wait for notifications, until the connection ends with a SemctxError (ConnectionLost). It is not made again:
        another one would have no subscription."""
        while True:
            if self._socket is None:
                raise wire.lost()
            for message in self._messages(self._socket, time.monotonic() + wire.LONGEST_S):
                if "method" in message:
                    self._notify(message)

    def _notify(self, message: dict[str, Any]) -> None:
        if self._on_notification is not None:
            self._on_notification(message["method"], message.get("params"))

    def _open(self, deadline: float) -> socket.socket:
        """A connection that has greeted. The daemon may leave just when it has taken it: another one is asked, once."""
        try:
            return self._greeted(deadline)
        except SemctxError as error:
            if error.type not in wire.LEAVING:
                raise
        return self._greeted(deadline)

    def _greeted(self, deadline: float) -> socket.socket:
        connection = spawn.open_socket(paths.socket_path(), deadline, start=self._start)
        self._socket = connection
        self._decoder = Decoder(headers=False)
        if self._greet:
            seconds = max(0.0, deadline - time.monotonic())
            try:
                greeting = wire.hello_params(os.environ, self._view, restore=self.daemon is not None)
                self.daemon = wire.check_hello(self._exchange(connection, "session/hello", greeting, seconds, deadline))
                self._view = self.daemon["view"]
                for method, params in self._replay.requests():
                    try:
                        self._exchange(connection, method, params, seconds, deadline)
                    except SemctxError as error:
                        self._replay.refused(params, error)
            except BaseException:
                self.close()
                raise
        return connection

    def _exchange(
        self,
        connection: socket.socket,
        method: str,
        params: Mapping[str, Any],
        seconds: float,
        deadline: float,
        again: bool = False,
    ) -> Any:
        """The result of one request. `again`: where the daemon left before it took the request, another is asked."""
        self._number = number = self._number + 1
        line = wire.encode(method, params, number)
        try:
            connection.settimeout(_left(deadline))
            connection.sendall(line)
        except TimeoutError:
            self.close()  # part of a line may be out: nothing can follow it
            raise wire.timed_out(method, seconds) from None
        except OSError as error:
            self.close()
            if again:
                return self._exchange(self._open(deadline), method, params, seconds, deadline)
            raise wire.lost(error.strerror) from error
        except BaseException:
            self.close()
            raise
        try:
            return wire.result(self._reply(connection, number, deadline))
        except TimeoutError:
            self._cancel(connection, number)
            raise wire.timed_out(method, seconds) from None
        except KeyboardInterrupt:
            self._cancel(connection, number)
            raise

    def _reply(self, connection: socket.socket, number: int, deadline: float) -> dict[str, Any]:
        """The reply to a request. Late replies, to requests that were given up, come before it."""
        reply = None
        while reply is None:
            for message in self._messages(connection, deadline):
                if "method" in message:
                    self._notify(message)
                elif message.get("id") in (number, None):  # without an id: the daemon could not read the request
                    reply = message
        return reply

    def _messages(self, connection: socket.socket, deadline: float) -> list[dict[str, Any]]:
        """The messages that have come by now. At the connection's end it raises SemctxError."""
        connection.settimeout(_left(deadline))
        try:
            if data := connection.recv(_CHUNK_BYTES):
                return [wire.decode(line) for line in self._decoder.feed(data)]
            raise wire.lost()
        except (ConnectionError, FrameError) as error:
            self.close()
            raise wire.lost(error) from error
        except SemctxError:
            self.close()
            raise

    def _cancel(self, connection: socket.socket, number: int) -> None:
        try:
            connection.settimeout(_CANCEL_S)
            connection.sendall(wire.cancel(number))
        except OSError:
            self.close()


def _left(deadline: float) -> float:
    """Seconds until the deadline; raises TimeoutError where there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
