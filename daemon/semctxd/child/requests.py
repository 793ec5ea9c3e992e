"""The requests of one child that it has not answered: who waits for each, and until when.

Guarantees
- Every request calls its `reply` exactly once, with raw JSON bytes or with a typed error, unless it is given up.
- Every request has a deadline. One past it, or given up, is cancelled in the child too.
- A child that then says nothing for as long again hangs, and its owner is told; one that says something is slow.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Protocol

from semctx.errors import SemctxError
from semctxd import logs
from semctxd.child.messages import Asked, Message, TooLarge
from semctxd.child.terms import Terms
from semctxd.errors import AnswerTooLarge, DeadlineExceeded
from semctxd.metrics import Operations

_MAX_OVERDUE = 256  # a child that owes more replies past their deadline is ended

_log = logs.get("child")


class Owner(Protocol):
    """Whose requests they are."""

    name: str
    terms: Terms
    operations: Operations

    @property
    def is_starting(self) -> bool:
        """Whether requests wait for the child to be ready."""

    def withdraw(self, number: int) -> None:
        """Tell the child that nobody waits for a request any more."""

    def settled(self, number: int) -> None:
        """Nobody waits for the reply to a request any more."""

    def refused(self, error: bytes) -> SemctxError:
        """The typed error for a JSON-RPC error of the child. Raises msgspec.DecodeError if it is none."""

    def broken(self, why: str) -> None:
        """The child cannot be used."""


class Requests:
    """Requests by number. Lives on the loop; no method waits."""

    def __init__(self, owner: Owner) -> None:
        self.quiet_ns = 0  # wall clock of the last reply with nothing else under way; 0 while something is
        self.heard_at = 0.0  # when the child last said something, on `time.perf_counter()`'s clock
        self.answering: Asked | None = None  # the request whose reply was handed over last
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, Asked] = {}
        self._number = 0
        self._owed = 0  # replies that the running process has yet to send

    def __getitem__(self, number: int) -> Asked:
        return self._asked[number]

    def waiting(self) -> Iterator[tuple[int, Asked]]:
        """Those that somebody waits for. More may be added, and some may end, meanwhile."""
        return ((number, asked) for number, asked in tuple(self._asked.items()) if asked.reply is not None)

    @property
    def pending(self) -> int:
        """How many are waiting or under way; not those that were given up and never will be answered."""
        return sum(not asked.is_overdue for asked in self._asked.values())

    def add(self, asked: Asked, *, timed: bool = True) -> int:
        """Take a request on; its number. The deadline runs from now on, if it is `timed`."""
        self._number += 1
        self._asked[self._number] = asked
        if timed:
            asked.timer = self._loop.call_later(self._owner.terms.deadline_s, self._expire, self._number)
        return self._number

    def sent(self, number: int) -> None:
        """A request is about to be written to the child."""
        asked = self._asked[number]
        self.quiet_ns = 0
        self._owed += 1
        asked.sent_at = time.perf_counter()
        if logs.is_tracing():
            facts = {"session": self._owner.name, "method": asked.method, "request": asked.request}
            _log.debug("asked", number=number, **facts)

    def answered(self, message: Message) -> None:
        """The child replied. Raises msgspec.DecodeError for what is no reply."""
        text = bytes(message.id)
        asked = self._asked.get(int(text)) if text.isdigit() else None
        if asked is not None:
            with logs.for_request(asked.request):
                self._answered(int(text), asked, message)

    def fail(self, number: int, error: SemctxError) -> None:
        """End a request with an error, if somebody waits for it still."""
        asked = self._asked.get(number)
        if asked and (reply := asked.reply):
            self._record(asked, error)
            self.give_up(number)
            reply(None, error)

    def give_up(self, number: int) -> None:
        """Nobody waits for this answer any more. What was sent is owed still, and the child is not quiet before."""
        asked = self._asked.get(number)
        if asked is None or asked.reply is None:
            return
        asked.reply = None
        _stop(asked)
        if asked.sent_at:
            self._owner.withdraw(number)
            seconds = self._owner.terms.deadline_s
            asked.timer = self._loop.call_later(seconds, self._overdue, number, time.perf_counter())
        else:
            del self._asked[number]
        self._owner.settled(number)

    def fail_all(self, error: SemctxError) -> None:
        """The child has ended: whoever waits is told."""
        ended, self._asked = self._asked, {}
        for asked in ended.values():
            _stop(asked)
            if asked.reply:
                self._record(asked, error)
                asked.reply(None, error)

    def renew(self) -> None:
        """Another run of the child will answer: forget what concerned this one alone."""
        for number, asked in tuple(self._asked.items()):
            if asked.is_own or asked.reply is None:
                del self._asked[number]
                _stop(asked)
            asked.sent_at = 0.0

    def begin(self) -> None:
        """A process runs that owes nothing yet."""
        self._owed = 0

    def _answered(self, number: int, asked: Asked, message: Message) -> None:
        error = self._error(message)
        del self._asked[number]
        self._owed -= 1
        if not self._owed:
            self.quiet_ns = time.time_ns()
        _stop(asked)
        if asked.reply:
            self._owner.settled(number)
            self._record(asked, error, message.took_ms)
            self.answering = asked
            asked.reply(None if error else bytes(message.result), error)

    def _error(self, message: Message) -> SemctxError | None:
        if isinstance(message, TooLarge):
            limit = self._owner.terms.bounds.max_answer_bytes
            return AnswerTooLarge(f"{self._owner.name} answered with more than {limit} bytes")
        return self._owner.refused(bytes(message.error)) if message.error else None

    def _expire(self, number: int) -> None:
        owner = self._owner
        why = ": it is still being started" if owner.is_starting else ""
        self.fail(number, DeadlineExceeded(f"{owner.name} did not answer within {owner.terms.deadline_s:g} s{why}"))

    def _overdue(self, number: int, told_at: float) -> None:
        """The child was told to give a request up, and had as much time for that as for the request itself."""
        owner = self._owner
        self._asked[number].is_overdue = True
        if self.heard_at < told_at:
            owner.broken(f"{owner.name} hangs: it said nothing for {owner.terms.deadline_s:g} s after a deadline")
        elif len(self._asked) - self.pending > _MAX_OVERDUE:
            owner.broken(f"{owner.name} owes {_MAX_OVERDUE} replies that are long overdue")

    def _record(self, asked: Asked, error: SemctxError | None, took_ms: float = 0.0) -> None:
        """Count a request that ends; one that was never sent took no time of the child."""
        seconds = time.perf_counter() - asked.sent_at if asked.sent_at else 0.0
        kind = error.type if error else None
        self._owner.operations[asked.method].record(seconds, kind)
        if logs.is_tracing():
            took = {"took_ms": round(took_ms, 3)} if took_ms else {}
            facts = {"session": self._owner.name, "method": asked.method, "request": asked.request, **took}
            _log.debug("answered", ms=round(seconds * 1e3, 3), error=kind, **facts)


def _stop(asked: Asked) -> None:
    if asked.timer:
        asked.timer.cancel()
