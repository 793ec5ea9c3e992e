"""The workspaces of one daemon: opened when first asked for, closed when unused, ended with the daemon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import anyio

from semctxd.cache import Cache
from semctxd.child import memory
from semctxd.child.base import Child, Spawn
from semctxd.child.terms import Terms
from semctxd.config.settings import Pins, Settings
from semctxd.config.sources import Sources
from semctxd.errors import DeadlineExceeded, ShuttingDown
from semctxd.lsp.registry import check
from semctxd.roots import Reaching, canonical_root
from semctxd.watch.trees import Gate
from semctxd.workspace import Publish, Workspace

_UNWITNESSED_S = 1.0  # the first answers come first: whatever opens a file there has an event made for watchfiles
_MEASURED_S = 10.0  # a session that rests is measured at least so often


class Workspaces:
    """Those of one daemon. Lives on the loop; `request` is what a draining daemon waits for."""

    def __init__(
        self,
        *,
        sources: Sources,
        pins: Pins,
        gate: Gate,
        cache: Cache,
        terms: Terms,
        spawn: Spawn,
        publish: Publish,
        request: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.opened: dict[str, Workspace] = {}  # by canonical root
        self._sources = sources
        self._pins = pins
        self._gate = gate
        self._cache = cache
        self._terms = terms
        self._spawn = spawn
        self._publish = publish
        self._request = request
        self._draining = False
        self._reaching = Reaching()
        self._opening: dict[str, asyncio.Task[Workspace]] = {}  # by canonical root
        self._witnesses: dict[str, anyio.CancelScope] = {}

    # -- roots

    async def canonical(self, root: str) -> str:
        """The root without symlinks. Raises RootRefused, RootNotFound or DeadlineExceeded."""
        with self._in_time(root):
            return await self._canonical(root)

    async def _canonical(self, root: str) -> str:
        return canonical_root(root) if root in self.opened else await self._reaching.canonical(root)

    @contextmanager
    def _in_time(self, root: str) -> Iterator[None]:
        """Raises DeadlineExceeded in place of what waits for the root's file system for longer than a request may."""
        try:
            with anyio.fail_after(self._sources.config.daemon.deadline_s):
                yield
        except TimeoutError:
            raise DeadlineExceeded(
                f"the folders of {root} could not be listed within the deadline",
                hint="Retry, as it goes on. See whether its file system answers, or name a smaller folder as the root.",
            ) from None

    async def chosen(self, root: str | None) -> list[Workspace]:
        """The open workspace of a root, or all. Raises as `canonical`."""
        if root is None:
            return list(self.opened.values())
        found = self.opened.get(await self.canonical(root))
        return [found] if found else []

    def settings(self, root: str) -> Settings:
        """What holds in the workspace of a canonical root, open or not."""
        if workspace := self.opened.get(root):
            return workspace.settings
        return Settings(root, self._sources.config, self._pins, check)

    # -- opening and closing

    async def open(self, root: str, *, indexed: bool = False) -> Workspace:
        """The workspace of a root, opened when first asked for; `indexed` says that its index is needed next.

        It goes on being opened when nobody waits any more. Raises RootRefused, RootNotFound, DeadlineExceeded or
        ShuttingDown.
        """
        with self._in_time(root):
            canonical = await self._canonical(root)
            if canonical in self.opened:
                return self.opened[canonical]
            if self._draining:
                raise ShuttingDown
            opening = self._opening.get(canonical)
            if opening is None:
                opening = self._opening[canonical] = asyncio.create_task(self._open(canonical, indexed))
                opening.add_done_callback(lambda _: self._opening.pop(canonical))
            await asyncio.wait({opening})  # who waits may be cancelled, which must not end it for the others
            if opening.cancelled():
                raise ShuttingDown
            return opening.result()

    async def _open(self, root: str, indexed: bool) -> Workspace:
        workspace = Workspace(
            root,
            gate=self._gate,
            cache=self._cache,
            settings=self.settings(root),
            terms=self._terms,
            spawn=self._spawn,
            publish=self._publish,
        )
        if indexed:  # it starts while the tree is being watched
            workspace.indexer.warm()
        try:
            await workspace.open()
        except asyncio.CancelledError:
            await workspace.close()
            raise
        self.opened[root] = workspace
        if self._gate.proves:
            self._spawn(lambda: self._witness(workspace))
        return workspace

    async def close(self, workspace: Workspace) -> None:
        """Forget a workspace, unless that is under way already."""
        if self.opened.pop(workspace.root, None) is None:
            return
        if scope := self._witnesses.pop(workspace.root, None):
            scope.cancel()
        self._cache.clear(workspace.shelf)
        with self._request(), anyio.CancelScope(shield=True):  # its children end, even if the daemon does meanwhile
            await workspace.close()

    async def close_all(self) -> None:
        """The daemon leaves: nothing is opened any more, and every child ends."""
        self._draining = True
        for opening in self._opening.values():
            opening.cancel()
        if self._opening:
            await asyncio.wait(self._opening.values())
        async with anyio.create_task_group() as closing:
            for workspace in list(self.opened.values()):
                closing.start_soon(self.close, workspace)

    async def _witness(self, workspace: Workspace) -> None:
        threads = anyio.to_thread.current_default_thread_limiter()
        threads.total_tokens += 1  # it keeps one busy; with many workspaces none would be left for other work
        try:
            with anyio.CancelScope() as scope:
                self._witnesses[workspace.root] = scope
                await anyio.sleep(_UNWITNESSED_S)
                from semctxd.watch.eager import follow  # takes 3 ms, for which nobody should wait

                await follow(workspace.folder_names, workspace.witnessed, recursive=False)
        finally:
            threads.total_tokens -= 1

    async def close_idle(self) -> None:
        """End workspaces and sessions that nobody has used for long."""
        since = time.perf_counter() - self._sources.config.daemon.idle_session_s
        async with anyio.create_task_group() as ending:
            for workspace in list(self.opened.values()):
                if workspace.used_at < since and not any(session.pending for session in workspace.sessions):
                    ending.start_soon(self.close, workspace)
                else:
                    ending.start_soon(workspace.stop_idle, since)

    async def bound_memory(self) -> None:
        """Measure the sessions, and end what takes more than `[sessions]` allows: at once what does so alone, and where
        all together do, those that are idle, the longest unused first. The one used last stays."""
        now = time.monotonic()
        children = [session for workspace in self.opened.values() for session in workspace.sessions]
        due = {session: pid for session in children if (pid := session.pid) and _is_to_be_measured(session, now)}
        if not due:
            return
        found = await anyio.to_thread.run_sync(memory.of_groups, tuple(due.values()))
        bounds = self._sources.config.sessions
        for session in [session for session, pid in due.items() if session.pid == pid]:  # the others ended meanwhile
            session.memory_bytes, session.measured_at = found.get(due[session], session.memory_bytes), now
            if session.memory_bytes > bounds.max_bytes:
                why = f"{session.name} took {session.memory_bytes} bytes of memory, of {bounds.max_bytes} that it may"
                session.broken(why, "Raise [sessions] max_bytes if it needs more.")
        running = [session for session in children if session.pid]
        excess = sum(session.memory_bytes for session in running) - memory.budget(bounds.budget_bytes)
        for session in sorted(running, key=lambda session: session.used_at)[:-1]:
            if excess > 0 and not session.pending:
                excess -= session.memory_bytes
                self._spawn(partial(session.stop, "its memory was needed: see [sessions] budget_bytes"))


def _is_to_be_measured(session: Child, now: float) -> bool:
    """What works is measured each time; what rests the more seldom, the longer it does: its memory hardly changes."""
    is_working = session.pending or session.is_starting or not session.memory_bytes
    rest_s = 0.0 if is_working else min((now - session.used_at) / 2, _MEASURED_S)
    return now - session.measured_at >= rest_s
