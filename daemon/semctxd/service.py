"""The state of one daemon: its workspaces, its clients, what they share, and its end."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import anyio
import msgspec

from semctx.paths import snapshots_path, trust_path
from semctxd import logs
from semctxd.cache import Cache
from semctxd.child.terms import Terms
from semctxd.child.warden import Warden
from semctxd.config.schema import Config
from semctxd.config.settings import Pins
from semctxd.config.sources import Sources
from semctxd.documents import Views
from semctxd.lsp.interpreter import Environment
from semctxd.metrics import Metrics
from semctxd.watch.gate import InotifyGate
from semctxd.watch.trees import Gate
from semctxd.workspaces import Workspaces

_MAX_UNREAD_BYTES, _MAX_ALL_UNREAD_BYTES = 64 << 20, 256 << 20  # of one client, of all together
HAS_INOTIFY = os.uname().sysname == "Linux"
_RESERVED_FILES = 64  # of the limit of open files: a child that starts takes ten for a moment
_log = logs.get("service")


class Client(Protocol):
    """A connection, as the service sees it."""

    log_hits: bool
    topics: frozenset[str]

    @property
    def unread(self) -> int:
        """Bytes that were written to the client, and that it has not read yet."""

    def notify(self, topic: str, message: bytes) -> None:
        """Send a notification, if the client subscribed to its topic."""

    def cancel_all(self) -> None:
        """Give every request under way its last reply."""

    def close(self) -> None:
        """Write what is queued, then close."""

    def drop(self) -> None:
        """Close at once, whatever is queued."""


class Service:
    """All state of one daemon. Lives on the loop, within the task group `tasks`."""

    def __init__(self, sources: Sources, tasks: anyio.abc.TaskGroup) -> None:
        self.sources = sources
        config = sources.config
        self.started = self.counted_since = self._quiet_since = time.monotonic()
        self.uid = os.getuid()
        self.env = Environment.of(dict(os.environ))
        self.metrics = Metrics()
        self.lines = logs.Lines()  # about requests
        self.pins = Pins(trust_path())
        self.cache = Cache(**msgspec.structs.asdict(config.cache))
        self.clients: set[Client] = set()
        self.problems: dict[str, str] = {}  # what of the daemon itself does not work -> why, and what to do
        self.views = Views()
        self.stopping = anyio.Event()
        self.draining = False
        self.max_clients = _max_clients()
        self.terms = Terms(config.daemon.deadline_s, config.sessions, Warden(), _snapshots(config))
        self._running = 0
        self._rest = anyio.Event()
        self._tasks = tasks
        use_inotify = config.watch.gate == "inotify" or (config.watch.gate == "auto" and HAS_INOTIFY)
        self.gate: Gate
        if use_inotify:
            self.gate = InotifyGate(asyncio.get_running_loop(), config.watch.sweep)
        else:
            from semctxd.watch.eager import EagerGate

            self.gate = EagerGate(self.spawn)
        self.workspaces = Workspaces(
            sources=sources,
            pins=self.pins,
            gate=self.gate,
            cache=self.cache,
            terms=self.terms,
            spawn=self.spawn,
            publish=self.publish,
            request=self.request,
        )

    @property
    def config(self) -> Config:
        """The user's configuration as it holds now."""
        return self.sources.config

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine function in the daemon's task group. One that fails is logged, and takes nothing along."""

        async def run() -> None:
            try:
                await work()
            except Exception:  # in the task group it would cancel every other task
                _log.exception("task_failed")

        self._tasks.start_soon(run)

    @contextmanager
    def request(self) -> Iterator[None]:
        """While a request is under way, or a workspace is being closed: a draining daemon waits for it."""
        self.began()
        try:
            yield
        finally:
            self.ended()

    def began(self) -> None:
        """See `request`."""
        self._running += 1

    def ended(self) -> None:
        """See `request`."""
        self._running -= 1
        if not self._running:
            self._rest.set()

    async def _rested(self) -> None:
        while self._running:
            self._rest = anyio.Event()
            await self._rest.wait()

    def publish_log(self) -> Callable[[], None]:
        """Notify who subscribed of each line of the log, from now until what is returned is called."""
        loop = asyncio.get_running_loop()

        def deliver(event: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(self.publish, "log", event)

        return logs.tap(lambda: self.wanted("log"), deliver)

    def publish(self, topic: str, payload: Mapping[str, Any]) -> None:
        """Notify who subscribed."""
        if self.wanted(topic):
            message = msgspec.json.encode({"jsonrpc": "2.0", "method": f"events/{topic}", "params": payload})
            for client in self.clients:
                client.notify(topic, message)

    def bound_unread(self) -> None:
        """Drop the clients that leave the most unread, while one or all together leave more than the daemon holds."""
        clients = sorted(self.clients, key=lambda client: client.unread, reverse=True)
        total = sum(client.unread for client in clients)
        for client in clients:
            if client.unread <= _MAX_UNREAD_BYTES and total <= _MAX_ALL_UNREAD_BYTES:
                break
            total -= client.unread
            client.drop()

    def left(self, client: Client) -> None:
        """A client has gone."""
        self.clients.discard(client)
        self._quiet_since = time.monotonic()

    def is_idle(self) -> bool:
        """Whether nobody has needed this daemon for `idle_exit_s`. One that is monitored over HTTP always is needed."""
        idle_s = self.config.daemon.idle_exit_s
        busy = self.clients or self._running or self.config.http.port
        return bool(idle_s) and not busy and time.monotonic() - self._quiet_since >= idle_s

    @property
    def under_way(self) -> int:
        """Requests that have no reply yet, hits aside."""
        return self._running

    def wanted(self, topic: str) -> bool:
        """Whether anybody subscribed to a topic."""
        return any(topic in client.topics for client in self.clients)

    def reconfigure(self) -> None:
        """The sources were read again, and the configuration is another one."""
        config = self.config
        logs.set_level(config.log.level)
        self.terms.deadline_s, self.terms.bounds = config.daemon.deadline_s, config.sessions
        self.terms.snapshots = _snapshots(config)
        self.cache.resize(**msgspec.structs.asdict(config.cache))
        for client in self.clients:
            client.log_hits = config.log.hits
        for workspace in self.workspaces.opened.values():
            workspace.base(config)

    def reset_metrics(self) -> float:
        """Count anew; for how many seconds it was counted until now."""
        now = time.monotonic()
        counted_s, self.counted_since = now - self.counted_since, now
        self.metrics.reset()
        self.gate.counts = dict.fromkeys(self.gate.counts, 0)
        for workspace in self.workspaces.opened.values():
            workspace.reset_metrics()
        return counted_s

    async def drain(self) -> None:
        """Take no new work, let what runs finish within its time, tell the rest to retry, end every child."""
        self.draining = True
        for workspace in self.workspaces.opened.values():
            workspace.servers.reroute()
        with anyio.move_on_after(self.config.daemon.drain_s):
            await self._rested()
        for client in self.clients:
            client.cancel_all()
        await self._rested()
        for client in tuple(self.clients):
            client.close()
        await self.workspaces.close_all()
        await self._rested()  # workspaces that were being closed already
        await self.terms.warden.close()
        self.gate.stop()
        self.lines.flush()


def _snapshots(config: Config) -> str:
    return snapshots_path() if config.index.snapshot else ""


def _max_clients() -> int:
    """How many connections leave the daemon the open files that it needs for its work."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(min(limit * 3 // 4, limit - _RESERVED_FILES), 1) if limit != resource.RLIM_INFINITY else sys.maxsize
