"""The connection to the daemon for asyncio programs, and for those of anyio on asyncio.

    async with await semctx.aio.connect() as daemon:
        first, second = await asyncio.gather(daemon.find("filter"), daemon.context("cache a query set"))

Requests share one connection and may overtake each other. Cancelling the task that awaits a request cancels
the request in the daemon. Every failure is a SemctxError. A lost connection is made again by the next request.
"""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial, wraps
from typing import cast  # asyncio has loaded it

from semctx import calls, code_calls, paths, roots, spawn, symbol_calls, wire
from semctx.errors import SemctxError
from semctx.framing import Decoder, FrameError
from semctx.replay import Replay

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType
    from typing import Any, Concatenate, ParamSpec, Self, TypeAlias, TypeVar

    from semctx.calls import Call
    from semctx.protocol import HelloResult

    P = ParamSpec("P")
    R = TypeVar("R")
    _Reply: TypeAlias = asyncio.Future[dict[str, Any]]

MAX_UNDER_WAY = 256
"""Requests of one connection that the daemon works on at once; more than that wait here."""


async def connect(
    root: str | None = None,
    *,
    start: bool = True,
    timeout: float = 30.0,  # noqa: ASYNC109 (it is the default of each request)
    on_notification: Callable[[str, Any], None] | None = None,
    view: str | None = None,
) -> Connection:
    """Connect to this user's daemon, starting one if there is none.

    The arguments are those of `semctx.connect`; `on_notification` is called whenever a notification arrives, and
    may use the connection. Raises SemctxError.
    """
    connection = Connection(root, start=start, timeout=timeout, on_notification=on_notification, view=view)
    await connection.open()
    return connection


def _method(build: Callable[Concatenate[str, P], Call[R]]) -> Callable[Concatenate[Connection, P], Awaitable[R]]:
    """A method of the connection that makes the call that `build` describes."""

    @wraps(build)
    async def method(self: Connection, /, *args: P.args, **kwargs: P.kwargs) -> R:
        name, params, convert = build(self.root, *args, **kwargs)
        return convert(await self.request(name, params))

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
    ) -> None:
        self.root = roots.chosen(root)
        self.timeout = wire.seconds(timeout)
        self.daemon = None
        self._view = view
        self._replay = Replay()
        self._start = spawn.may_start(start)
        self._on_notification = on_notification
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(MAX_UNDER_WAY)
        self._stream: _Stream | None = None

    async def __aenter__(self) -> Self:
        """The connection itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def open(self) -> None:
        """Connect, if there is no living connection; every request does so by itself. Raises SemctxError."""
        try:
            async with asyncio.timeout(self.timeout):
                await self._open()
        except TimeoutError:
            raise wire.timed_out("session/hello", self.timeout) from None

    async def close(self) -> None:
        """Leave the daemon: requests under way fail with ConnectionLost; another request would connect again."""
        if (stream := self._stream) is not None:
            self._stream = None
            await stream.close()

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (it becomes the error Timeout, and the daemon is told)
    ) -> Any:
        """The result of any method of the protocol, as its JSON says.

        Raises SemctxError: the daemon's own, ConnectionLost, or after `timeout` seconds (default: the
        connection's) Timeout, upon which the daemon is told to give up.
        """
        seconds = wire.seconds(self.timeout if timeout is None else timeout)
        params = params or {}
        try:
            async with asyncio.timeout(seconds):
                result = await self._answer(method, params)
        except TimeoutError:
            raise wire.timed_out(method, seconds) from None
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

    async def _answer(self, method: str, params: Mapping[str, Any]) -> Any:
        """The result. The place among those under way is free when the daemon has replied, to a cancellation too."""
        await self._slots.acquire()
        try:
            stream = await self._open()
            asked = stream.send(method, params, self._slots.release)
        except BaseException:
            self._slots.release()
            raise
        return await stream.result(*asked)

    async def _open(self) -> _Stream:
        if self._stream is not None and not self._stream.ended:
            return self._stream
        async with self._opening:
            if self._stream is None or self._stream.ended:
                self._stream = await self._connect()
            return self._stream

    async def _connect(self) -> _Stream:
        """A stream that has greeted. The daemon may leave just when it has taken it: another one is asked, once."""
        try:
            return await self._greeted()
        except SemctxError as error:
            if error.type not in wire.LEAVING:
                raise
        return await self._greeted()

    async def _greeted(self) -> _Stream:
        connected = await self._socket()
        stream = _Stream(self._on_notification)
        await asyncio.get_running_loop().create_unix_connection(lambda: stream, sock=connected)
        try:
            greeting = wire.hello_params(os.environ, self._view, restore=self.daemon is not None)
            self.daemon = wire.check_hello(await stream.request("session/hello", greeting))
            self._view = self.daemon["view"]
            for method, params in self._replay.requests():
                try:
                    await stream.request(method, params)
                except SemctxError as error:
                    self._replay.refused(params, error)
        except BaseException:
            await stream.close()
            raise
        return stream

    async def _socket(self) -> socket.socket:
        """A connected socket. It is made in a thread, because a daemon may have to be started for it."""
        deadline = time.monotonic() + self.timeout
        opening = asyncio.get_running_loop().run_in_executor(
            None, partial(spawn.open_socket, paths.socket_path(), deadline, start=self._start)
        )
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_discard)
            raise


class _Stream(asyncio.Protocol):
    """The life of one socket, and the requests that wait for their replies."""

    def __init__(self, on_notification: Callable[[str, Any], None] | None) -> None:
        self._on_notification = on_notification
        self._decoder = Decoder(headers=False)
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._waiting: dict[int, tuple[_Reply, Callable[[], object]]] = {}
        self._left = asyncio.Event()
        self._transport: asyncio.WriteTransport

    @property
    def ended(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._transport.is_closing()

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        """The result. Raises SemctxError."""
        return await self.result(*self.send(method, params, lambda: None))

    def send(self, method: str, params: Mapping[str, Any], replied: Callable[[], object]) -> tuple[int, _Reply]:
        """Send a request: its number and the reply to come. `replied` is called when the daemon has replied, be it to a
        cancellation, or can no more. Raises SemctxError."""
        if self.ended:  # between `_open` and here
            raise wire.lost()
        self._number = number = self._number + 1
        line = wire.encode(method, params, number)
        reply: _Reply = self._loop.create_future()
        self._waiting[number] = reply, replied
        self._transport.write(line)
        return number, reply

    async def result(self, number: int, reply: _Reply) -> Any:
        """The result in a reply. Who no longer waits for it cancels the request."""
        try:
            return wire.result(await reply)
        except asyncio.CancelledError:
            if number in self._waiting:
                self._transport.write(wire.cancel(number))
            raise

    async def close(self) -> None:
        """Leave, and fail all who wait."""
        self._end("it was closed")
        await self._left.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            for line in self._decoder.feed(data):
                self._take(wire.decode(line))
        except (FrameError, SemctxError) as error:
            self._end(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._end(str(exc or ""))
        self._left.set()

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message:
            if self._on_notification is not None:
                # not called from here: what it raises is its own affair, and goes to the loop's handler
                self._loop.call_soon(self._on_notification, message["method"], message.get("params"))
        elif (number := message.get("id")) is None:  # the daemon could not read one of them
            self._reply_to_all(message)
        elif number in self._waiting:
            self._settle(number, message)

    def _reply_to_all(self, message: dict[str, Any]) -> None:
        for number in list(self._waiting):
            self._settle(number, message)

    def _settle(self, number: int, message: dict[str, Any]) -> None:
        reply, replied = self._waiting.pop(number)
        replied()
        if not reply.done():  # else it was given up
            reply.set_result(message)

    def _end(self, reason: str) -> None:
        self._transport.close()
        self._reply_to_all({"error": wire.lost(reason).to_json()})


def _discard(opening: asyncio.Future[socket.socket]) -> None:
    """Close a socket that came after its connection had been given up."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
