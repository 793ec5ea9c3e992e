"""Questions under way: equal ones are asked once, and an answer is kept only if the tree rested meanwhile.

A *flight* is a question under way that equal ones of the same epoch join.

Invariants
- Nobody joins a flight of another epoch than the one after their own gate; an answer is kept only if its flight's epoch
  is still the tree's. Without the first, a question after an edit gets the answer from before it; without the second,
  that answer stays.
- An answer that was under way while the tree changed may be torn between two states: it is asked again. If the tree
  never rests, the last one is given with the reason `changing`, and not kept.
- While anything is in `degraded`, nothing is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from semctx.errors import SemctxError
from semctxd import logs
from semctxd.child.base import Child
from semctxd.child.kind import Completeness
from semctxd.child.messages import Reply
from semctxd.lsp.session import AskAgain
from semctxd.model import ANY, Depends, Key

Produce = Callable[[Reply], Callable[[], None]]
"""Start working on an answer; call `reply` once with it. Returns what cancels the work."""

_MAX_TRIES = 6
_OF_THE_TREE = (
    "SymbolNotFound",
    "NoSourceFiles",
    "FileNotFound",
    "FileRefused",
    "PositionOutside",
    "ServerError",
)  # errors that another state of the tree may not give

_log = logs.get("flights")


class Work(NamedTuple):
    """A question, and who can answer it."""

    key: Key
    produce: Produce
    session: Child
    depends: Depends = ANY
    keep: bool = True  # whether a change of what it depends on would be seen
    is_composed: bool = False  # of the answers of a language server, among others


class Answer(NamedTuple):
    """How a flight ended: one of `raw` and `error` is set."""

    raw: bytes
    error: SemctxError | None
    epoch: int
    degraded: frozenset[str] = frozenset()
    completeness: Completeness = ""


class Flight:
    """Work under way, and who waits for it."""

    __slots__ = ("cancel", "epoch", "nudged", "request", "started", "tries", "waiters", "work")

    def __init__(self, work: Work, epoch: int) -> None:
        self.work = work
        self.epoch = epoch
        self.started = time.perf_counter()
        self.nudged = 0
        self.request = logs.request_number()  # whose it was first
        self.tries = 0
        self.cancel: Callable[[], None] = lambda: None
        self.waiters: list[asyncio.Future[Answer]] = []


class Tree(Protocol):
    """What questions are about."""

    epoch: int
    counts: dict[str, int]

    @property
    def degraded(self) -> frozenset[str]:
        """Why an answer may not reflect everything."""

    @property
    def can_keep(self) -> bool:
        """Whether every change is noticed."""

    def pass_gate(self) -> None:
        """Apply every change that the kernel has queued. Raises NotYetFresh or RootNotFound."""

    def keep(self, work: Work, raw: bytes) -> None:
        """Store an answer that belongs to the present epoch."""


class Flights:
    """The flights over one tree. Lives on the loop."""

    def __init__(self, tree: Tree) -> None:
        self.newest: dict[Key, Flight] = {}
        self._tree = tree
        self._loop = asyncio.get_running_loop()
        self._indexed_at = 0.0  # when a server last gave an answer before it had read everything

    def __len__(self) -> int:
        return len(self.newest)

    def join(self, work: Work) -> asyncio.Future[Answer]:
        """After the gate: wait with who asks the same in this epoch, or start. The future never raises."""
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        flight = self.newest.get(work.key)
        if flight is not None and flight.epoch == self._tree.epoch:
            self._tree.counts["joined"] += 1
            if logs.is_tracing():
                _log.debug("joined", method=work.key.method, work=flight.request)
            flight.waiters.append(waiter)
        else:
            flight = self.newest[work.key] = Flight(work, self._tree.epoch)
            flight.waiters.append(waiter)
            self._fly(flight)
        return waiter

    def leave(self, key: Key, waiter: asyncio.Future[Answer]) -> None:
        """Who waited was cancelled; if it was the last, so is the work."""
        flight = self.newest.get(key)
        if flight and waiter in flight.waiters and all(other.done() for other in flight.waiters):
            del self.newest[key]
            flight.cancel()

    def landed(self, flight: Flight, raw: bytes | None, error: SemctxError | None) -> None:
        """The work is done. It passes the gate again: what was read may have changed just now."""
        tree, work = self._tree, flight.work
        try:
            tree.pass_gate()
        except SemctxError as late:
            raw, error = None, late
        moved = flight.epoch != tree.epoch and (error is None or error.type in _OF_THE_TREE)
        nudged = error is None and flight.nudged != work.session.nudged
        if self.newest.get(work.key) is flight:
            del self.newest[work.key]
        if (moved or nudged or isinstance(error, AskAgain)) and flight.tries < _MAX_TRIES:
            self._fly_again(flight)
            return
        completeness = "" if raw is None else work.session.completeness
        if completeness == "indexing":
            self._indexed_at = time.perf_counter()
        early = completeness == "indexing" or (work.is_composed and self._indexed_at > flight.started)
        if raw is not None and work.keep and tree.can_keep and not (moved or nudged or early):
            tree.counts["stored"] += 1
            tree.keep(work, raw)
        else:
            tree.counts["not_stored"] += 1
        degraded = tree.degraded | ({"changing"} if moved or nudged else set())
        answer = Answer(raw or b"", error, flight.epoch, degraded, completeness)
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_result(answer)

    def _fly(self, flight: Flight) -> None:
        flight.cancel = flight.work.produce(lambda raw, error: self.landed(flight, raw, error))
        flight.nudged = flight.work.session.nudged  # after its own notices were sent

    def _fly_again(self, flight: Flight) -> None:
        flight.tries += 1
        self._tree.counts["asked_again"] += 1
        newer = self.newest.get(flight.work.key)
        if newer is not None and newer.epoch == self._tree.epoch:
            newer.waiters += flight.waiters
            return
        flight.epoch = self._tree.epoch  # not older than the gate of anyone who waits
        self.newest[flight.work.key] = flight
        self._fly(flight)
