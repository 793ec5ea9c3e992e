"""One root: ties its files, cache and sessions together.

Terms
- *epoch*: a counter that every applied change raises.
- *gate*: applying, when a request arrives, every change that the kernel has already queued.

Invariants
- `apply` has no await and reads no file: on the loop it is atomic.
- What questions are under way, and which answers are kept, is the affair of `Flights`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from semctx.errors import SemctxError
from semctxd import logs, tree
from semctxd.cache import Cache, Shelf
from semctxd.child.base import Child, Spawn
from semctxd.child.messages import Reply
from semctxd.child.terms import Terms
from semctxd.config.schema import LOCAL_FILES, Config, shaping
from semctxd.config.settings import Settings
from semctxd.errors import NotYetFresh, OutsideRoot, RootNotFound
from semctxd.flights import Answer, Flights, Work
from semctxd.index.session import IndexerSession
from semctxd.learning import Learning
from semctxd.lsp.interpreter import environment_file
from semctxd.lsp.requests import Spelt
from semctxd.lsp.servers import Servers
from semctxd.lsp.session import Host, LspSession
from semctxd.metrics import Histogram
from semctxd.model import ANY, DISK, Change, Key, Overlays, What
from semctxd.watch.trees import Gate

Publish = Callable[[str, dict[str, Any]], None]

_log = logs.get("workspace")

_SHAPES_PROJECTS = tuple("/" + os.fsdecode(name) for name in (*tree.PROJECT_FILES, *sorted(tree.IGNORE_FILES)))
_SEEN_S = 30.0  # how long a change is remembered at least: much longer than the witness is late


class Workspace:
    """One canonical root directory. Lives on the loop."""

    def __init__(
        self,
        root: str,
        *,
        gate: Gate,
        cache: Cache,
        settings: Settings,
        terms: Terms,
        spawn: Spawn,
        publish: Publish,
    ) -> None:
        self.root = root
        self.epoch = 0
        self.closed = False
        self._own_files = frozenset(f"{root}/{name}" for name in LOCAL_FILES)
        self.shelf = Shelf()
        self.witness = {"reports": 0, "missed": 0}
        self.counts = {"joined": 0, "stored": 0, "not_stored": 0, "asked_again": 0, "changes": 0, "not_yet_fresh": 0}
        self.settings = settings
        self.gate_times = Histogram()  # of gates that had something to take in
        self.spawn = spawn
        self.used_at = time.perf_counter()
        self._gate = gate
        self._cache = cache
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._flights = Flights(self)
        self._seen: tuple[set[str], set[str]] = (set(), set())  # paths changed lately, and before: for the witness
        self._seen_since = 0.0
        self.trees = gate.open(root, self.apply)
        self.standing = self._standing()
        self.indexer = IndexerSession(root=root, env=os.environ, terms=terms, spawn=spawn, changed=self._changed)
        self._learning = Learning(root, self.indexer, self.shelf.closures, lambda: self.epoch)
        self.servers = Servers(Host(root, terms, spawn, self._changed, self._watch, self.apply), settings)

    async def open(self) -> None:
        """Returns when the root is watched: only then may anything rely on it."""
        stands = asyncio.Event()
        self._gate.watch(self.trees, self.root, below=True, done=stands.set)
        await stands.wait()
        self.indexer.watched()

    async def close(self) -> None:
        """End the sessions and the watch."""
        self.closed = True
        self.servers.reroute()
        await asyncio.gather(*(session.retire() for session in self.sessions))
        self._gate.close(self.trees)

    async def stop_idle(self, since: float) -> None:
        """End the sessions that nobody has used since then (on `time.monotonic()`'s clock)."""
        for session in self.sessions:
            if session.used_at < since and not session.pending:
                await session.stop()

    def restart(self, name: str | None) -> list[str]:
        """Begin the sessions of that name, or all, anew; which these are. What is stored may be due to their faults."""
        chosen = [session for session in self.sessions if name in (None, session.name)]
        if chosen:
            self._cache.clear(self.shelf)
            self.servers.reroute()
        for session in chosen:
            session.restart()
        return [session.name for session in chosen]

    def folder_names(self) -> set[str]:
        """The watched folders in the root."""
        inside = os.fsencode(self.root)
        return {tree.sayable(os.fsdecode(folder)) for folder in self.trees.folders if folder.startswith(inside)}

    @property
    def sessions(self) -> list[Child]:
        """The indexer and every language server."""
        return [self.indexer, *self.servers]

    @property
    def config(self) -> Config:
        """What holds here: the user's configuration, and what the workspace's own file may say."""
        return self.settings.config

    def _standing(self) -> frozenset[str]:
        """Of `degraded`, what keeps no answer from being kept."""
        unproven = set() if self._gate.proves else {"unproven"}
        return frozenset(unproven | ({"outer-project"} if tree.is_left_out(os.fsencode(self.root)) else set()))

    @property
    def degraded(self) -> frozenset[str]:
        """Why an answer may not reflect everything; empty if it does."""
        return self.standing | self.trees.degraded

    @property
    def under_way(self) -> int:
        """Questions that nobody has answered yet."""
        return len(self._flights)

    def reset_metrics(self) -> None:
        """Count anew. What is state stays, and so does what the gate missed, which must not be overlooked."""
        self.counts = dict.fromkeys(self.counts, 0)
        self.gate_times = Histogram()
        self.shelf.reset()
        for session in self.sessions:
            session.operations.clear()
        for server in self.servers:
            server.ledger.notices = server.ledger.nudges = 0

    # -- changes

    def pass_gate(self) -> None:
        """Apply every change that the kernel has queued.

        Raises NotYetFresh past the gate's deadline, RootNotFound where the root went away.
        """
        if self._gate.is_settled(self.trees):
            return
        started = time.perf_counter()
        fresh = self._gate.drain(self.trees, time.monotonic() + self.config.daemon.gate_deadline_s)
        self.gate_times.add(time.perf_counter() - started)
        if not fresh:
            self.counts["not_yet_fresh"] += 1
            raise NotYetFresh
        if self.trees.lost and os.fsencode(self.root) in self.trees.lost:
            raise RootNotFound(f"{self.root} went away")

    def apply(self, changes: list[Change]) -> None:
        """The one place where a change takes effect: raise the epoch, invalidate, notice every session."""
        self.epoch += 1
        self.counts["changes"] += len(changes)
        self._cache.invalidate(self.shelf, changes)
        for session in self.sessions:
            session.notice(changes)
        for server in self.servers:
            if any(change.path == environment_file(server.interpreter) for change in changes):
                server.renew()  # servers read an environment's version at their start, and never again
        if any(change.is_folder or change.path.endswith(("/pyvenv.cfg", "/.python-version")) for change in changes):
            self.servers.reroute()  # the workspace may have another interpreter now
        if any(change.what is What.EVERYTHING or change.path in self._own_files for change in changes):
            self.reconfigure()
        if any(change.what is What.EVERYTHING or change.path.endswith(_SHAPES_PROJECTS) for change in changes):
            self.standing = self._standing()
        self._remember(changes)
        self._publish("changes", {"root": self.root, "epoch": self.epoch, "count": len(changes)})

    def base(self, user: Config) -> None:
        """The user's configuration is another one."""
        before = self.config
        self.settings.base(user)
        if shaping(before) != shaping(self.config):
            self.reconfigure()

    def reconfigure(self) -> None:
        """The workspace's own file, or the user's trust in it, may have changed: it is read again, soon or by the next
        question, and what another server may have said is dropped."""
        self._cache.clear(self.shelf)
        self.epoch += 1  # what is under way is asked again
        self.settings.forget()
        self.servers.reroute()
        self.spawn(self._reconfigured)

    async def _reconfigured(self) -> None:
        if not self.closed:
            self.servers.configured()

    def witnessed(self, changes: Iterable[Change]) -> None:
        """What the second, independent watcher saw: the gate should have seen it all. What it had not is applied."""
        if self.closed:  # its thread is told to stop, and may have had a last word
            return
        self._gate.drain(self.trees, time.monotonic() + self.config.daemon.gate_deadline_s)
        news = [change for change in changes if not any(change.path in paths for paths in self._seen)]
        self.witness["reports"] += 1
        self.witness["missed"] += len(news)
        if news:
            self.apply(news)

    def _remember(self, changes: list[Change]) -> None:
        now = time.monotonic()
        if now - self._seen_since > _SEEN_S:
            self._seen, self._seen_since = (set(), self._seen[0]), now
        self._seen[0].update(change.path for change in changes)

    # -- sessions

    def _watch(self, folder: str, below: bool, done: Callable[[], None]) -> None:
        self._gate.watch(self.trees, folder, below=below, done=done)

    def _changed(self, session: Child) -> None:
        if session is self.indexer:
            self._learning.forget()  # a new run knows files that the gate has not told of
        facts = {"root": self.root, "name": session.name, "state": session.state, "why": session.why}
        say = _log.warning if session.state in ("crashed", "failed") else _log.info
        say("session", **facts)
        self._publish("sessions", facts)

    # -- answers

    def lookup(self, key: Key, now: float) -> bytes | None:
        """After the gate: the stored answer, if it still holds; `now` is on `time.perf_counter()`'s clock."""
        self.used_at = now
        return None if self.trees.degraded else self._cache.get(self.shelf, key, now)

    def ask(self, work: Work) -> asyncio.Future[Answer]:
        """After the gate: from memory, or join the flight of this epoch, or start one. The future never raises."""
        if (raw := self.lookup(work.key, time.perf_counter())) is None:
            self._cache.missed(self.shelf, work.key)
            return self._flights.join(work)
        found: asyncio.Future[Answer] = self._loop.create_future()
        found.set_result(Answer(raw, None, self.epoch, self.standing))
        return found

    async def answer(self, work: Work) -> Answer:
        """As `ask`, awaited; raises the error that the flight ended with."""
        return await self.wait(work.key, self.ask(work))

    async def wait(self, key: Key, waiter: asyncio.Future[Answer]) -> Answer:
        """What the waiter waits for; raises the error that the flight ended with."""
        try:
            answer = await waiter
        except asyncio.CancelledError:  # which cancelled the future too
            self.leave(key, waiter)
            raise
        if answer.error:
            raise answer.error
        return answer

    def leave(self, key: Key, waiter: asyncio.Future[Answer]) -> None:
        """Who waited was cancelled; if it was the last, so is the work."""
        self._flights.leave(key, waiter)

    @property
    def can_keep(self) -> bool:
        """See Flights."""
        return not self.trees.degraded

    def keep(self, work: Work, raw: bytes) -> None:
        """See Flights."""
        self._cache.put(self.shelf, work.key, raw, work.depends, time.perf_counter())
        if work.depends.file and not work.key.view:
            self._learning.learn(work.depends.file)

    def lsp_work(self, session: LspSession, method: str, spelt: Spelt, overlays: Overlays = DISK) -> Work:
        """One LSP request as work, asked through the overlays. Raises OutsideRoot."""
        for file in spelt.files:
            if not self._may_ask(file, session):
                raise OutsideRoot(f"{file} lies outside {self.root}")

        unseen = [file for file in spelt.files if not self.sees(file)]
        depends = session.depends(method, spelt)
        seen = overlays.seen_by(depends)

        def produce(reply: Reply) -> Callable[[], None]:
            def heard(raw: bytes | None, error: SemctxError | None) -> None:
                if raw is not None:
                    session.note_reported(raw)
                reply(raw, error)

            session.doubt(unseen)
            number = session.ask(method, spelt.params, heard, seen)
            return lambda: session.cancel(number)

        return Work(
            Key(session.identity, method, spelt.params, seen.digest),
            produce,
            session,
            depends=ANY if seen.digest and depends.imports else depends,  # the indexer says what the disk imports
            keep=not unseen,
        )

    def sees(self, file: str) -> bool:
        """Whether a change of a file (absolute, or relative to the root) would be noticed."""
        return self.trees.covers(os.fsencode(os.path.dirname(os.path.join(self.root, file))))

    async def indexed(self, method: str, params: bytes, overlays: Overlays = DISK) -> bytes:
        """Ask the indexer, past the cache, through the overlays. Raises its typed errors."""
        waiter: asyncio.Future[tuple[bytes | None, SemctxError | None]] = self._loop.create_future()

        def reply(raw: bytes | None, error: SemctxError | None) -> None:
            if not waiter.done():
                waiter.set_result((raw, error))

        number = self.indexer.ask(method, params, reply, overlays)
        try:
            raw, error = await waiter
        except asyncio.CancelledError:
            self.indexer.cancel(number)
            raise
        if error:
            raise error
        assert raw is not None
        return raw

    def _may_ask(self, file: str, session: LspSession) -> bool:
        return file.startswith(self.root + "/") or file == self.root or file in session.reported or self.sees(file)
