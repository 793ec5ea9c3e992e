"""HTTP/1.1 with h11: one GET or HEAD a connection, which is then closed.

Guarantees
- Only requests whose `Host` is the loopback interface by name are served: a page of another site, whose name was
  made to lead here, reads nothing.
- A connection lasts ten seconds at most, and there are at most so many at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import h11

from semctxd import logs

_PATIENCE_S = 10.0
_MAX_CONNECTIONS = 64
_COMMON = (
    ("Connection", "close"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'",
    ),
)

_log = logs.get("web")


class Page(NamedTuple):
    """What is served."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


Pages = dict[str, Callable[[], Awaitable[Page]]]
"""Path -> what makes the page."""


def refusal(status: HTTPStatus, why: str = "") -> Page:
    """A page that says what is wrong."""
    return Page(f"{status.value} {status.phrase}{why and ': ' + why}\n".encode(), status=status)


class Site:
    """What all connections have in common."""

    def __init__(self, pages: Pages, spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]) -> None:
        self.pages = pages
        self.spawn = spawn
        self.connections: set[Connection] = set()

    async def listen(self, port: int) -> asyncio.Server:
        """Serve on 127.0.0.1. Raises OSError."""
        return await asyncio.get_running_loop().create_server(lambda: Connection(self), "127.0.0.1", port)


class Connection(asyncio.Protocol):
    """One client, one request."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._http = h11.Connection(h11.SERVER)
        self._is_head = False
        self._is_answered = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be patient for a while."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        if len(self._site.connections) >= _MAX_CONNECTIONS:
            self._transport.abort()
            return
        self._site.connections.add(self)
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE_S, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if self in self._site.connections:
            self._site.connections.remove(self)
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer the request once its head is there; pass over what comes after the answer."""
        if self._is_answered:
            return
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._send(refusal(HTTPStatus(error.error_status_hint), str(error)))
            return
        if isinstance(event, h11.Request):
            self._answer(event)

    def _answer(self, request: h11.Request) -> None:
        self._transport.pause_reading()  # what comes now, and be it the end, can wait for the answer
        self._is_head = request.method == b"HEAD"
        target = request.target.decode("latin-1")
        host = dict(request.headers).get(b"host", b"").decode("latin-1")
        if host.partition(":")[0].lower() not in ("localhost", "127.0.0.1"):
            self._send(refusal(HTTPStatus.FORBIDDEN, "ask as 127.0.0.1 or localhost"))
        elif request.method not in (b"GET", b"HEAD"):
            self._send(refusal(HTTPStatus.METHOD_NOT_ALLOWED))
        elif (make := self._site.pages.get(target.partition("?")[0])) is None:
            self._send(refusal(HTTPStatus.NOT_FOUND, f"there are {', '.join(self._site.pages)}"))
        else:

            async def run() -> None:
                try:
                    page = await make()
                except Exception:  # who asked must get a page, and learns no more of the fault
                    _log.exception("page_failed", target=target)
                    page = refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "see the daemon's log")
                self._send(page)

            self._site.spawn(run)

    def _send(self, page: Page) -> None:
        headers = [("Content-Type", page.content_type), ("Content-Length", str(len(page.body))), *_COMMON]
        reply = h11.Response(status_code=page.status, headers=headers, reason=page.status.phrase.encode())
        self._transport.write(self._http.send(reply) or b"")
        if not self._is_head:
            self._transport.write(self._http.send(h11.Data(data=page.body)) or b"")
        # the client closes: closed here with bytes unread, the connection would be reset, and the answer be lost
        self._transport.write_eof()
        self._transport.resume_reading()
        self._is_answered = True
