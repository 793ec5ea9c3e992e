"""The composition root: start, signals, housekeeping and end of a daemon."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import anyio

from semctxd import health, logs, readings
from semctxd.config.sources import Sources
from semctxd.detach import Ready
from semctxd.errors import ConfigRefused
from semctxd.metrics import Metrics
from semctxd.notify import is_managed, notify, watchdog_interval
from semctxd.reload import reload
from semctxd.rpc.door import Door
from semctxd.rpc.listen import Listener
from semctxd.service import Service

_HOUSEKEEPING_S = 1.0
_LAG_S = 0.25
_READINGS: dict[str, Callable[[Service], Mapping[str, Any]]] = {"metrics": readings.metrics, "health": health.report}
"""Topics that are published while somebody wants them -> what is published."""
_OPEN_FILES = 8192
_log = logs.get("app")


async def serve(listener: Listener, sources: Sources, ready: Ready) -> None:
    """Serve until SIGTERM, SIGINT or `daemon/stop`, then drain. SIGHUP has the configuration read again."""
    async with anyio.create_task_group() as tasks:
        service = Service(sources, tasks)
        http = await _monitored(service, sources.config.http.port)
        door = Door(service, listener)
        door.open()
        tasks.start_soon(_obey_signals, service)
        tasks.start_soon(_keep_house, service, listener, door)
        if is_managed():
            service.spawn(lambda: _tell_manager(service))
        tasks.start_soon(_measure_lag, service.metrics)
        silence = service.publish_log()
        gc.freeze()
        _log.info("started", path=listener.path, pid=os.getpid())
        notify("READY=1")
        ready.ready()
        await service.stopping.wait()
        _log.info("stopping")
        notify("STOPPING=1", f"STATUS=leaving, requests under way: {service.under_way}")
        door.close()
        listener.socket.close()  # whoever comes now is refused and starts the next daemon, or waits in systemd's queue
        await service.drain()
        if http:
            http.close()
        silence()
        tasks.cancel_scope.cancel()


async def _monitored(service: Service, port: int) -> asyncio.Server | None:
    """The endpoint for monitoring, if there is to be one. Without it the daemon does all else."""
    if not port:
        return None
    from semctxd.web import pages

    try:
        return await pages.listen(service, port)
    except OSError as error:
        reason = f"[http] port {port} cannot be listened on: {error.strerror}: choose another one, and restart"
        service.problems["http"] = reason
        _log.warning("http_unusable", port=port, reason=reason)
        return None


async def _obey_signals(service: Service) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for received in signals:
            if received == signal.SIGHUP:
                with suppress(ConfigRefused):  # which the log and health say
                    reload(service)
            else:
                service.stopping.set()


async def _tell_manager(service: Service) -> None:
    """How the daemon is, whenever that changes; and that it lives, which is so while its loop turns and what the kernel
    says of files is read."""
    watchdog = watchdog_interval()
    told = ""
    while True:
        words = ["WATCHDOG=1"] if watchdog and service.gate.is_alive() else []
        if (status := health.line(service)) != told:
            told = status
            words.append(f"STATUS={status}")
        if words:
            notify(*words)
        await anyio.sleep(min(_HOUSEKEEPING_S, watchdog or _HOUSEKEEPING_S))


async def _keep_house(service: Service, listener: Listener, door: Door) -> None:
    """Once a second: what must not wait for a request."""
    while True:
        await anyio.sleep(_HOUSEKEEPING_S)
        if summary := service.metrics.summary_due():
            _log.info("summary", **summary)
        for topic, read in _READINGS.items():
            if service.wanted(topic):
                service.publish(topic, read(service))
        if not listener.is_ours():
            _log.warning("socket_taken_over", path=listener.path)
            service.stopping.set()
        door.leave_if_idle()
        await service.workspaces.close_idle()
        await service.workspaces.bound_memory()
        await service.terms.warden.keep()


async def _measure_lag(metrics: Metrics) -> None:
    """How late is a timer? As late as whatever else is due on the loop."""
    while True:
        due = time.monotonic() + _LAG_S
        await anyio.sleep(_LAG_S)
        metrics.loop_lag.add(max(0.0, time.monotonic() - due))


def _raise_limit_of_open_files() -> None:
    """As far as its user may, within reason: each client is an open file, and the usual limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(listener: Listener, sources: Sources, ready: Ready) -> None:
    """Run the daemon on uvloop where it can be had, else on the standard loop."""
    _raise_limit_of_open_files()
    try:
        import uvloop  # noqa: F401
    except ImportError:
        fast = False
    else:
        fast = True
    anyio.run(serve, listener, sources, ready, backend="asyncio", backend_options={"use_uvloop": fast})
