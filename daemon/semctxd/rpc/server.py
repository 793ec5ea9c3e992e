"""Connections: bytes in, hits out at once, the rest through the dispatch.

The hot path is `Connection._hit`: a query that repeats is parsed once into its canonical form, passes the gate, and
its stored bytes are spliced into the reply, without a task and without being decoded. A query that has to be asked
(`Connection._ask`) is no task either: its reply is written when its flight lands. Everything else is a task of its own.
So replies overtake each other, and each request can be cancelled.
"""

from __future__ import annotations

import asyncio
import itertools
import select
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import cast

import anyio

from semctx.errors import SemctxError
from semctx.framing import Decoder, FrameError, frame
from semctxd import logs
from semctxd.errors import Cancelled, InvalidRequest, OutOfFiles, ParseError, ShuttingDown, TooManyRequests
from semctxd.flights import Answer
from semctxd.lsp.interpreter import Environment
from semctxd.rpc.dispatch import Method, dispatch, error_reply, refused_batch, told
from semctxd.rpc.listen import peer_uid
from semctxd.rpc.queries import Asking, Route, Routes, around, ask, no_routes, remember
from semctxd.rpc.question import UNREADABLE, question
from semctxd.rpc.record import record
from semctxd.rpc.request import Request, cancelled, decode, id_of
from semctxd.service import Service

_ALONE = frozenset({"session/hello", "document/open", "document/change", "document/close"})
"""What these change holds for every message after them."""


_log = logs.get("rpc")
_numbers = itertools.count(1)  # of connections


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, service: Service, routes: Routes, methods: Mapping[str, Method]) -> None:
        self.service = service
        self._methods = methods
        self._all_routes = routes
        self.number = next(_numbers)
        self._numbers = itertools.count(1)  # of requests that are no hits
        self.view = service.views.new(self)
        self.topics: frozenset[str] = frozenset()
        self._decoder = Decoder()
        self._count_hit = service.metrics.hit
        self.log_hits = service.config.log.hits
        self._running: dict[object, anyio.CancelScope | asyncio.Future[Answer]] = {}  # by request id
        self._ended = False  # the client sends no more
        self._alone = False  # one of _ALONE is under way
        self._paused = False  # the client reads too slowly
        self._lost = 0  # notifications that were left out for that
        self._held: list[bytes] | None = None  # messages that came while either held
        self.introduce("", service.env)
        self._transport: asyncio.Transport

    def introduce(self, client: str, env: Environment) -> None:
        """Who the client is, and its environment."""
        self.client = client
        self.env = env
        self.look()

    def join(self, token: str, *, restore: bool) -> None:
        """Look through another connection's view from now on; `restore` makes one that is gone. Raises UnknownView."""
        self.view = self.service.views.join(self, self.view, token, restore=restore)
        self.look()

    def look(self) -> None:
        """The view shows something else. Through the disk alone the routes of questions are those of everybody."""
        self._routes = no_routes() if self.view.overlays else self._all_routes.of(self.env)

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Only the user of the daemon may talk to it, and only as many at once as leave it files to work with."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        if peer_uid(transport.get_extra_info("socket")) != self.service.uid:
            self._transport.abort()
            return
        if len(self.service.clients) >= self.service.max_clients:
            full = OutOfFiles("the daemon has as many connections as its limit of open files allows")
            self.send(error_reply(b"null", full))
            self._transport.close()
            return
        self.service.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more: cancel the work."""
        self.service.left(self)
        self.service.views.leave(self, self.view)
        self.cancel_all()

    def eof_received(self) -> bool:
        """Whether to go on writing: a client that only says that it sends no more (`nc -N`) still wants its replies."""
        self._ended = True
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)  # only POLLHUP, which is always told
        return bool(self._running or self._held) and not poll.poll(0)

    def pause_writing(self) -> None:
        """A slow reader gets no more work done until it has read: what came in one piece can ask for more than memory
        holds."""
        self._paused = True
        self._held = self._held or []
        self._transport.pause_reading()
        self.service.bound_unread()

    def resume_writing(self) -> None:
        """It caught up."""
        self._paused = False
        if lost := self._lost:
            self._lost = 0
            self.send(b'{"jsonrpc":"2.0","method":"events/lost","params":{"count":%d}}' % lost)
        self._release()
        if not self._paused:
            self._transport.resume_reading()
            self._close_if_done()

    def data_received(self, data: bytes) -> None:
        """See the module's docstring."""
        try:
            messages = self._decoder.feed(data)
        except FrameError as error:
            self.send(error_reply(b"null", ParseError(str(error))))
            self._transport.close()
            return
        for message in messages:
            self._message(message)

    # -- messages

    def _message(self, message: bytes) -> None:
        if self._held is not None:
            self._held.append(message)
            return
        try:
            request = decode(message)
        except UNREADABLE:  # a batch, or nothing that can be served: the dispatch tells
            if self._is_busy():
                self.send(error_reply(b"null", TooManyRequests()))
            else:
                self._spawn(message)
            return
        number = bytes(request.id)
        routes = self._routes.get(request.method)
        if (
            routes is not None
            and (number.isdigit() or number[:1] == b'"')
            and (self._hit(routes, request, number) or self._ask(routes, request, number))
        ):
            return
        if request.method == "$/cancelRequest":
            self._cancel(request)
        elif self._is_busy():
            if number:
                self.send(error_reply(number, TooManyRequests()))
        else:
            self._spawn(message, number, alone=request.method in _ALONE)

    def _release(self) -> None:
        """Go on with the messages that were held, if nothing holds them any more."""
        if not (self._alone or self._paused):
            held, self._held = self._held or [], None
            for message in held:
                self._message(message)

    def _hit(self, routes: dict[bytes, Route], request: Request, number: bytes) -> bool:
        """Answer from memory, if that holds. Any problem is left to those who say it in full."""
        started = perf_counter()
        route = routes.get(bytes(request.params))
        if route is None or route.generation != route.workspace.servers.generation:
            return False
        workspace = route.workspace
        if route.strict:
            try:
                workspace.pass_gate()
            except SemctxError:
                return False
        raw = workspace.lookup(route.key, started)
        if raw is None:
            return False
        opening, closing = around(route.lsp, workspace.epoch, workspace.standing, route.completeness, started, True)
        self._reply(number, opening, raw, closing)
        self._was_hit(request.method, perf_counter() - started)
        return True

    def _was_hit(self, method: str, seconds: float) -> None:
        self._count_hit(method, seconds)
        if self.log_hits:
            _log.info("hit", method=method, ms=round(seconds * 1e3, 3), client=self.client)

    def _ask(self, routes: dict[bytes, Route], request: Request, number: bytes) -> bool:
        """Ask a query, and reply when its flight lands. What is no question, or about a workspace that is not open, is
        left to the dispatch."""
        started = perf_counter()
        request_id, params = id_of(number), bytes(request.params)
        if request_id in self._running or self._is_busy() or self.service.draining:
            return False
        route = routes.get(params)
        try:
            asked = route.asked if route else question(request.method, params)
        except SemctxError:
            return False
        workspace = self.service.workspaces.opened.get(asked.root)
        if workspace is None:
            return False
        with logs.for_request(self._next_number()):
            try:
                asking = ask(workspace, asked, self.env, self.view.through(workspace.root))
            except Exception as problem:  # a client is told of any, and the connection goes on
                self._refuse(request, asked.root, number, started, told(problem, request.method))
                return True
            asking.waiter.add_done_callback(partial(self._answered, asking, request, request_id, number))
        self._running[request_id] = asking.waiter
        self.service.began()
        remember(routes, params, asking)
        return True

    def _answered(
        self, asking: Asking, request: Request, request_id: object, number: bytes, waiter: asyncio.Future[Answer]
    ) -> None:
        started, root = asking.started, asking.asked.root
        if waiter.cancelled():
            asking.leave()
            self._refuse(request, root, number, started, self._given_up())
        elif error := waiter.result().error:
            self._refuse(request, root, number, started, error)
        else:
            self._reply(number, *asking.parts(waiter.result()))
            seconds = perf_counter() - started
            if asking.cached:
                self._was_hit(request.method, seconds)
            else:
                self.finished(request.method, root, request.params, seconds, None, cached=False)
        del self._running[request_id]
        self.service.ended()
        self._close_if_done()

    def _refuse(self, request: Request, root: str, number: bytes, started: float, error: SemctxError) -> None:
        self.send(error_reply(number, error))
        self.finished(request.method, root, request.params, perf_counter() - started, error.type, cached=False)

    def _reply(self, number: bytes, opening: bytes, raw: bytes, closing: bytes) -> None:
        """Send a result in its parts, none of which is copied."""
        head = b'{"jsonrpc":"2.0","id":%s,"result":%s' % (number, opening)
        if self._decoder.headers:
            length = len(head) + len(raw) + len(closing) + 1
            self._write((b"Content-Length: %d\r\n\r\n" % length, head, raw, closing, b"}"))
        else:
            self._write((head, raw, closing, b"}\n"))

    def send(self, message: bytes) -> None:
        """Send a reply or a notification."""
        self._write((frame(message, bool(self._decoder.headers)),))

    def _write(self, parts: tuple[bytes, ...]) -> None:
        if not self._transport.is_closing():
            self._transport.writelines(parts)
            if self._paused:
                self.service.bound_unread()

    def notify(self, topic: str, message: bytes) -> None:
        """Send a notification, if the client subscribed to it; one that reads too slowly is told how many it lost."""
        if topic in self.topics:
            if self._paused:
                self._lost += 1
            else:
                self.send(message)

    @property
    def unread(self) -> int:
        """Bytes that were written to the client, and that it has not read yet."""
        return self._transport.get_write_buffer_size()

    def drop(self) -> None:
        """Close at once, whatever is queued."""
        self._transport.abort()

    # -- tasks

    def _next_number(self) -> str:
        return f"{self.number}.{next(self._numbers)}"

    def _given_up(self) -> SemctxError:
        return ShuttingDown() if self.service.draining else Cancelled()

    def _is_busy(self) -> bool:
        return len(self._running) >= self.service.config.daemon.max_requests

    def _spawn(self, message: bytes, number: bytes = b"", alone: bool = False) -> None:
        request_id = id_of(number)
        if request_id in self._running:
            self.send(error_reply(number, InvalidRequest(f"a request with id {request_id!r} is under way")))
            return
        scope = self._running[request_id] = anyio.CancelScope()
        if alone:
            self._alone = True
            self._held = self._held or []

        async def run() -> None:
            logs.number_request(self._next_number())
            with self.service.request():
                with scope:
                    reply = await dispatch(message, self._methods, self, self.service.config.daemon.max_batch)
                    if reply:
                        self.send(reply)
                if scope.cancelled_caught:
                    error = self._given_up()
                    if reply := error_reply(number, error) if number else refused_batch(message, error):
                        self.send(reply)
                del self._running[request_id]
                if alone:
                    self._alone = False
                    self._release()
                self._close_if_done()

        self.service.spawn(run)

    def _close_if_done(self) -> None:
        if self._ended and not self._running and not self._held:
            self._transport.close()

    def _cancel(self, request: Request) -> None:
        with suppress(*UNREADABLE):
            if under_way := self._running.get(cancelled(request)):
                under_way.cancel()

    def cancel_all(self) -> None:
        """Give every request under way its last reply."""
        for scope in self._running.values():
            scope.cancel()

    def close(self) -> None:
        """Write what is queued, then close."""
        self._transport.close()

    # -- dispatch.Context

    def admit(self) -> None:
        """See dispatch.Context."""
        if self.service.draining:
            raise ShuttingDown

    def finished(
        self, method: str, root: object, params: object, seconds: float, error: str | None, cached: bool
    ) -> None:
        """See dispatch.Context."""
        slow_s = self.service.config.log.slow_s
        metrics, lines = self.service.metrics, self.service.lines
        record(metrics, lines, slow_s, self.client, method, root, params, seconds, error, cached)
