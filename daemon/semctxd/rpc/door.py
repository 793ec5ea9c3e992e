"""Where clients come in, from the listening socket to their connection.

Nobody is between two chairs: a client waits in the socket's queue, is being let in, or is one of the service's. So an
idle daemon whose socket systemd keeps can leave at a moment when whoever comes will be the next daemon's.
"""

from __future__ import annotations

import asyncio
import socket

from semctxd import logs
from semctxd.rpc.listen import Listener
from semctxd.rpc.methods import TABLE
from semctxd.rpc.queries import Routes
from semctxd.rpc.server import Connection
from semctxd.service import Service

_PAUSE_S = 0.5  # after one could not be let in
_SEND_BYTES = 1 << 18  # the kernel takes twice that, if it may: room for an answer of 400 kB, which is then one write
_log = logs.get("door")


class Door:
    """The door of one daemon. Lives on the loop."""

    def __init__(self, service: Service, listener: Listener) -> None:
        self._service = service
        self._listener = listener
        self._routes = Routes()
        self._loop = asyncio.get_running_loop()
        self._entering = 0
        self._pause: asyncio.TimerHandle | None = None
        listener.socket.setblocking(False)

    def open(self) -> None:
        """Let clients in."""
        self._loop.add_reader(self._listener.socket, self._let_in)

    def close(self) -> None:
        """Let nobody in any more: whoever comes waits in the queue."""
        if self._pause:
            self._pause.cancel()
        self._loop.remove_reader(self._listener.socket)

    def leave_if_idle(self) -> None:
        """Have the daemon leave if nobody needs it and its socket stays."""
        if self._listener.outlives and not self._entering and self._service.is_idle():
            self.close()
            _log.info("idle", seconds=self._service.config.daemon.idle_exit_s)
            self._service.stopping.set()

    def _let_in(self) -> None:
        try:
            client, _ = self._listener.socket.accept()
        except OSError as error:  # there is no open file for it now; or it has gone again, and the pause does no harm
            self.close()
            self._pause = self._loop.call_later(_PAUSE_S, self.open)
            _log.warning("not_let_in", reason=error.strerror)
            return
        self._entering += 1
        self._service.spawn(lambda: self._enter(client))

    async def _enter(self, client: socket.socket) -> None:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
        try:
            await self._loop.connect_accepted_socket(lambda: Connection(self._service, self._routes, TABLE), client)
        finally:
            self._entering -= 1
