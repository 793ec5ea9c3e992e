"""The composition root: start, signals, housekeeping and end of a daemon."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import Any

import anyio

from semctxd import logs
from semctxd.config import Config
from semctxd.detach import Ready
from semctxd.notify import notify, watchdog_interval
from semctxd.rpc.listen import BACKLOG, Listener
from semctxd.rpc.queries import Routes
from semctxd.rpc.server import Connection
from semctxd.service import Service

_HOUSEKEEPING_S = 1.0
_log = logs.get("app")


async def serve(listener: Listener, config: Config, ready: Ready) -> None:
    """Serve until SIGTERM, SIGINT or `daemon/stop`, then drain."""
    async with anyio.create_task_group() as tasks:
        service = Service(config, tasks)
        routes = Routes()
        # from Python 3.13 on a loop removes the socket of a server that it closes, even one that is systemd's
        keep_socket: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
        server = await asyncio.get_running_loop().create_unix_server(
            lambda: Connection(service, routes), sock=listener.socket, backlog=BACKLOG, **keep_socket
        )
        tasks.start_soon(_stop_on_signal, service)
        tasks.start_soon(_keep_house, service, listener)
        gc.freeze()
        _log.info("started", path=listener.path, pid=os.getpid())
        notify("READY=1")
        ready.ready()
        await service.stopping.wait()
        _log.info("stopping")
        notify("STOPPING=1")
        server.close()
        await service.drain()
        tasks.cancel_scope.cancel()


async def _stop_on_signal(service: Service) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            service.stopping.set()


async def _keep_house(service: Service, listener: Listener) -> None:
    """Once a second: what must not wait for a request."""
    watchdog = watchdog_interval()
    while True:
        await anyio.sleep(min(_HOUSEKEEPING_S, watchdog or _HOUSEKEEPING_S))
        if watchdog:
            notify("WATCHDOG=1")
        if summary := service.metrics.summary_due():
            _log.info("summary", **summary)
        if not listener.is_ours():
            _log.warning("socket_taken_over", path=listener.path)
            service.stopping.set()
        await service.close_idle()


def run(listener: Listener, config: Config, ready: Ready) -> None:
    """Run the daemon on uvloop where it can be had, else on the standard loop."""
    try:
        import uvloop  # noqa: F401
    except ImportError:
        fast = False
    else:
        fast = True
    anyio.run(serve, listener, config, ready, backend="asyncio", backend_options={"use_uvloop": fast})
