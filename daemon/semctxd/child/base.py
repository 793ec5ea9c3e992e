"""A child process that knows a workspace: told of changes in order, asked after.

Language servers and the indexer are both children. Notices and requests share one ordered pipe:
`ask` brings the child to the present (`Kind.bring`) just before it sends.

Guarantees
- Every `ask` calls its `reply` exactly once (see `Requests`), and never from within `ask`.
- A child that ends fails what waits on it at once; the next request starts it again, after a back-off. One that hangs
  is ended.
- A child is the leader of its own process group, and ends with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal

import msgspec

from semctx.errors import SemctxError
from semctx.framing import FrameError, frame
from semctxd import logs
from semctxd.child.crashes import MAX_CRASHES, WINDOW_S, Crashes
from semctxd.child.kind import Kind
from semctxd.child.messages import Asked, Message, Reply, decode
from semctxd.child.process import Process
from semctxd.child.requests import Requests
from semctxd.child.terms import Terms
from semctxd.errors import ShuttingDown
from semctxd.metrics import Operations
from semctxd.model import DISK, Change, Overlays

State = Literal["starting", "indexing", "ready", "crashed", "failed", "stopped"]

Spawn = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

_MAX_UNREAD_BYTES = 64 * 1024 * 1024  # a child that stops reading is ended
_TERM_GRACE_S = 2.0


class Child(Kind):
    """One child process and what is under way in it. Lives on the loop; no method waits.

    `spawn` runs a coroutine in the owner's task group; `changed` is called when the state changes.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        terms: Terms,
        spawn: Spawn,
        changed: Callable[[Child], None],
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.cwd = cwd
        self.env = dict(env)
        self.terms = terms
        self.state: State = "stopped"
        self.why = ""
        self.restarts = 0
        self.memory_bytes = 0  # resident, of its process group; measured by the owner
        self.measured_at = 0.0  # on the clock of `used_at`
        self.operations = Operations()  # what was asked of it, by method
        self.used_at = time.monotonic()
        self.nudged = 0  # how often it was shown a false state for a moment: what was under way then is asked again
        self.requests = Requests(self)
        self._spawn = spawn
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._process: Process | None = None
        self._run = 0  # raised by each start and stop: what an earlier run still does counts no more
        self._crashes = Crashes()
        self._hint = ""  # what to do about the end that `why` tells of
        self._progressed_at = 0.0  # on the loop's clock
        self._gone = asyncio.Event()
        self._gone.set()
        self._retired = False

    # -- what the workspace calls

    def notice(self, changes: Iterable[Change]) -> None:
        """Remember changes that the child must be told of before the next request."""
        raise NotImplementedError

    def ask(self, method: str, params: bytes, reply: Reply, overlays: Overlays = DISK) -> int:
        """Ask the child, as if the disk held the overlays; a number for `cancel`. Starts the child if there is none."""
        self.used_at = time.monotonic()
        asked = Asked(method, params, reply, overlays, request=logs.request_number())
        number = self.requests.add(asked)
        if error := self.refusal(asked):
            self._loop.call_soon(self.requests.fail, number, error)
        elif not self.takes_requests:
            self.warm()
        elif self.is_due(number, overlays):
            self._send(number, asked)
        return number

    def warm(self) -> None:
        """Start the child, if there is none, for a question that is about to come."""
        if self.state in ("stopped", "crashed") or (self.state == "failed" and not self._crashes.recent):
            self._run += 1
            self._set("starting")
            self._spawn(partial(self._start, self._run))

    def cancel(self, number: int) -> None:
        """Nobody waits for this answer any more: the child may stop working on it."""
        self.requests.give_up(number)

    @property
    def pid(self) -> int | None:
        """Process id of the running child."""
        return self._process.pid if self._process else None

    @property
    def takes_requests(self) -> bool:
        """Whether the handshake is done; before, requests wait."""
        return self.state in ("ready", "indexing")

    def progressed(self) -> None:
        """It is not ready yet, and nearer to it than it was: it may take as long again."""
        self._progressed_at = self._loop.time()

    @property
    def is_starting(self) -> bool:
        """Whether requests wait for the child to be ready."""
        return self.state == "starting"

    @property
    def unread(self) -> int:
        """Bytes that were written to the child, and that it has not read yet."""
        return self._process.unread if self._process else 0

    @property
    def pending(self) -> int:
        """Requests that are waiting or under way; not those that were given up and never will be answered."""
        return self.requests.pending

    async def stop(self, why: str = "") -> None:
        """End the child and its process group: politely, then by force. It may be started again by `ask`."""
        if self.state == "stopped":
            await self._gone.wait()  # another call ends it
            return
        self._run += 1
        self._set("stopped", why)
        self.requests.fail_all(ShuttingDown())
        if process := self._process:
            self.farewell()
            process.close_stdin()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), _TERM_GRACE_S)
            process.kill_group()
            if self._process is not process:  # another run may have begun meanwhile
                return
        await self._gone.wait()

    async def retire(self) -> None:
        """End the child for good: whoever holds it still, and asks it, is told to retry."""
        self._retired = True
        await self.stop()

    def restart(self) -> None:
        """Begin another run, as `renew` does, even of a child that failed; earlier crashes are forgotten."""
        self._crashes.clear()
        if self.state in ("crashed", "failed"):
            self.warm()
        else:
            self.renew()

    def renew(self) -> None:
        """Begin another run: what the child reads only at its start has changed. Who waits is answered by it."""
        if self.state not in ("starting", "indexing", "ready"):
            return
        self._run += 1
        self.requests.renew()
        if self._process:
            self._process.kill_group()
        self.restarts += 1
        self._set("starting")
        self._spawn(partial(self._start, self._run))

    # -- what a subclass says, beside what Kind has

    def refusal(self, asked: Asked) -> SemctxError | None:
        """Why a request is not even tried, if it is not."""
        if self._retired:
            return ShuttingDown()
        if self.state == "failed" and self._crashes.recent:
            error = self.unavailable(self.why)
            error.hint = f"Run `semctx restart-server {self.name}`, or wait {WINDOW_S:g} s; `semctx logs` may say more."
            return error
        return None

    def begin(self) -> None:
        """The process runs: shake hands, and call `ready` when requests can be sent."""
        self.ready()

    def replied(self, message: Message) -> None:
        """The child's reply to a request."""
        self.requests.answered(message)

    # -- for the subclass

    def write(self, *messages: bytes) -> None:
        """Send messages, in order."""
        assert self._process is not None
        if self._process.write(b"".join(frame(message, headers=True) for message in messages)) > _MAX_UNREAD_BYTES:
            self._process.kill_group()

    def send(self, method: str, params: bytes, reply: Reply) -> None:
        """Send a request past the queue, such as a handshake: as `ask`, but a start has its own deadline."""
        asked = Asked(method, params, reply, is_own=True)
        self._write(self.requests.add(asked, timed=self.takes_requests), asked)

    def release(self, number: int) -> None:
        """Send a request that was not due when it was asked."""
        self._send(number, self.requests[number])

    def ready(self, state: State = "ready", why: str = "") -> None:
        """Requests that are due can be sent from now on."""
        if self.state != "starting":
            return
        self._set(state, why)
        for number, asked in self.requests.waiting():
            if self.is_due(number, asked.overlays):
                self._send(number, asked)

    def withdraw(self, number: int) -> None:
        """See Requests."""
        self.write(b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}' % number)

    def refused(self, error: bytes) -> SemctxError:
        """See Requests."""
        return SemctxError.from_json(msgspec.json.decode(error))

    def broken(self, why: str, hint: str = "") -> None:
        """The child cannot be used: end it. Those who wait are told, and what to do about it."""
        if self._process:
            self.why, self._hint = why, hint
            self._process.kill_group()

    # -- what the process says

    def started(self, process: Process) -> None:
        """See Process."""
        self._process = process
        self._hint = ""
        self.requests.begin()
        self.terms.warden.watch(process.pid)

    def received(self, process: Process, data: bytes) -> None:
        """See Process: messages of this run; what an earlier one still says counts no more."""
        if process.run != self._run:
            return
        self.requests.heard_at = time.perf_counter()
        try:
            for raw in process.decoder.feed(data):
                message = decode(raw)
                if message.method:
                    self.message(message)
                else:
                    self.replied(message)
        except (FrameError, msgspec.DecodeError) as error:
            self.broken(f"{self.name} sent what is no LSP message: {error}")

    def exited(self, process: Process) -> None:
        """See Process."""
        self._process = None
        self.memory_bytes = 0
        self.terms.warden.release(process.pid)
        self.requests.quiet_ns = 0
        self.forget()
        self._gone.set()
        if process.run == self._run:
            tail = process.stderr_tail()
            why = self.why or f"{self.name} ended with exit code {process.code}" + (f": {tail}" if tail else "")
            if not process.was_killed:
                self.ended_itself()
            error = self.crashed(why)
            error.hint = self._hint or error.hint
            self._down(why, error)

    def _send(self, number: int, asked: Asked) -> None:
        self.bring(asked.overlays)
        self._write(number, asked)

    def _write(self, number: int, asked: Asked) -> None:
        self.requests.sent(number)
        self.write(
            b'{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}' % (number, asked.method.encode(), asked.params)
        )

    # -- lifecycle

    def _set(self, state: State, why: str = "") -> None:
        self.state, self.why = state, why
        self._changed(self)

    async def _start(self, run: int) -> None:
        await asyncio.sleep(self._crashes.pause_s)
        await self._gone.wait()  # a stopped predecessor
        try:
            await self.prepare()
            if run == self._run:
                await self.terms.warden.stand()
            if run != self._run:
                return
            self._gone.clear()
            _, process = await self._loop.subprocess_exec(
                lambda: Process(self, run, self.terms.bounds.max_answer_bytes),
                *self.argv,
                *self.arguments(),
                cwd=self.cwd,
                env=self.env,
                start_new_session=True,
            )
        except Exception as error:  # the program, or what the session needs of our own: nobody may wait for ever
            self._gone.set()
            if run == self._run:
                reason = error.strerror if isinstance(error, OSError) else repr(error)
                why = f"{self.argv[0]} could not be started: {reason}"
                self._down(why, self.unavailable(why))
            return
        if run == self._run:
            self.progressed()
            self._loop.call_later(self.terms.bounds.start_s, self._too_slow, run)
            self.begin()
        else:
            process.kill_group()

    def _too_slow(self, run: int) -> None:
        if run != self._run or self.state != "starting":
            return
        left_s = self._progressed_at + self.terms.bounds.start_s - self._loop.time()
        if left_s > 0:
            self._loop.call_later(left_s, self._too_slow, run)
        else:
            self.broken(
                f"{self.name} was not ready within {self.terms.bounds.start_s:g} s", "Raise [sessions] start_s."
            )

    def _down(self, why: str, error: SemctxError) -> None:
        self._crashes.add()
        self.restarts += 1
        self._set("failed" if self._crashes.recent == MAX_CRASHES else "crashed", why)
        self.requests.fail_all(error)
