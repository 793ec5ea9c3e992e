"""Sessions in this process, with language servers that misbehave: each asker gets one typed reply, in time."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from semctx.errors import SemctxError
from semctxd.child.base import Child
from semctxd.child.terms import Terms
from semctxd.child.warden import Warden
from semctxd.config.schema import Sessions
from semctxd.lsp.registry import Server, registry
from semctxd.lsp.session import Host, LspSession
from semctxd.model import Change, What
from tests.conftest import PATIENCE_S, until
from tests.zoo import command

HOVER = "textDocument/hover"


class Keeper:
    """A session, and what its owner would see of it."""

    def __init__(self, root: Path, argv: list[str], tasks: anyio.abc.TaskGroup, terms: Terms, entry: Server) -> None:
        self.states: list[str] = []
        self.watched: list[tuple[str, bool]] = []
        self.stand: list[Callable[[], None]] = []  # to be called when a watch stands
        self.applied: list[Change] = []
        self.session = LspSession(
            "zoo",
            argv,
            entry,
            identity="zoo",
            language_id="python",
            interpreter="/usr/bin/python3",
            host=Host(str(root), terms, tasks.start_soon, self._changed, self._watch, self.applied.extend),
        )

    def allow(self, deadline_s: float) -> None:
        """Give later requests that time."""
        self.session.terms.deadline_s = deadline_s

    def _changed(self, session: Child) -> None:
        self.states.append(session.state)

    def _watch(self, folder: str, below: bool, done: Callable[[], None]) -> None:
        self.watched.append((folder, below))
        self.stand.append(done)

    def start(self, method: str = HOVER, params: object = None) -> tuple[int, asyncio.Future[Any]]:
        """Ask; the number, and a future of the one reply."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(raw: bytes | None, error: SemctxError | None) -> None:
            if error:
                reply.set_exception(error)
            else:
                assert raw is not None
                reply.set_result(json.loads(raw))

        return self.session.ask(method, json.dumps(params or {"position": 1}).encode(), done), reply

    async def ask(self, method: str = HOVER) -> Any:
        return await asyncio.wait_for(self.start(method)[1], PATIENCE_S)

    async def fails(self) -> SemctxError:
        with pytest.raises(SemctxError) as caught:
            await self.ask()
        return caught.value


@asynccontextmanager
async def kept(
    root: Path, argv: list[str], deadline_s: float = 30.0, start_s: float = 60.0, entry: Server | None = None
) -> AsyncIterator[Keeper]:
    terms = Terms(deadline_s, Sessions(start_s=start_s, max_answer_bytes=1_000_000), Warden())
    async with anyio.create_task_group() as tasks:
        keeper = Keeper(root, argv, tasks, terms, entry or registry().servers["ty"])
        try:
            yield keeper
        finally:
            await keeper.session.stop()
            await keeper.session.terms.warden.close()
        assert keeper.session.pid is None
    assert not psutil.Process().children()


BOTH_LOOPS = pytest.mark.parametrize(
    "anyio_backend",
    [("asyncio", {"use_uvloop": True}), ("asyncio", {"use_uvloop": False})],
    ids=["uvloop", "asyncio"],
)
"""Where what happens depends on the loop's own transports."""


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The loop that a daemon runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record"


def received(record: Path) -> list[Any]:
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


async def test_one_that_ends_at_its_start(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "exits at start", record)) as keeper:
        for _ in range(4):  # each with a longer pause before it
            error = await keeper.fails()
            assert error.type == "ServerCrashed"
            assert "exit code 3: no licence found" in error.message
            assert keeper.session.state == "crashed"
        assert (await keeper.fails()).type == "ServerCrashed"
        assert keeper.session.state == "failed"
        assert keeper.session.restarts == 5
        error = await keeper.fails()
        assert error.type == "ServerUnavailable"
        assert "no licence found" in error.message
        keeper.session.warm()
        assert keeper.session.restarts == 5  # it is not tried any more
        assert keeper.session.state == "failed"
        assert keeper.session.pending == 0


@BOTH_LOOPS
async def test_one_that_ends_while_it_is_asked(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "exits once", record)) as keeper:
        asked = [keeper.start()[1] for _ in range(3)]
        for reply in asked:
            with pytest.raises(SemctxError) as caught:
                await asyncio.wait_for(reply, PATIENCE_S)
            assert caught.value.type == "ServerCrashed"
        assert await keeper.ask() == "well again"
        assert keeper.states == ["starting", "ready", "crashed", "starting", "ready"]
        assert keeper.session.restarts == 1


async def test_one_that_hangs_is_ended_and_started_again(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "hangs", record)) as keeper:
        keeper.session.warm()
        await until(lambda: keeper.session.state == "ready")
        keeper.allow(0.3)
        error = await keeper.fails()
        assert error.type == "DeadlineExceeded"
        assert "0.3 s" in error.message
        keeper.allow(30)
        await until(lambda: keeper.session.state == "crashed")
        assert "zoo hangs" in keeper.session.why
        assert keeper.session.pending == 0
        asked = next(message for message in received(record) if message.get("params") == {"position": 1})
        assert {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": asked["id"]}} in received(record)
        keeper.session.argv = command("rude", "echoes", record)
        assert "argv" in await keeper.ask()
        assert keeper.session.restarts == 1


async def test_one_that_is_slow_but_says_something_is_not_ended(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "mutters", record)) as keeper:
        keeper.session.warm()
        await until(lambda: keeper.session.state == "ready")
        pid = keeper.session.pid
        keeper.allow(2)
        assert (await keeper.fails()).type == "DeadlineExceeded"
        assert keeper.session.pending == 1
        await until(lambda: keeper.session.pending == 0)  # it owes a reply, and may be idle all the same
        assert (keeper.session.pid, keeper.session.state, keeper.session.requests.quiet_ns) == (pid, "ready", 0)


async def test_one_that_owes_too_many_replies_is_ended(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "mutters", record)) as keeper:
        keeper.session.warm()
        await until(lambda: keeper.session.state == "ready")
        keeper.allow(2)
        for _ in range(257):
            keeper.session.cancel(keeper.start()[0])
        await until(lambda: keeper.session.state == "crashed")
        assert "owes 256 replies" in keeper.session.why


async def test_one_that_never_shakes_hands(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "never initializes", record), deadline_s=0.3, start_s=2) as keeper:
        error = await keeper.fails()
        assert (error.type, keeper.session.state) == ("DeadlineExceeded", "starting")  # it has more time than a request
        assert "still being started" in error.message
        keeper.allow(30)
        error = await keeper.fails()
        assert error.type == "ServerCrashed"
        assert "not ready within 2 s" in error.message
        assert "[sessions] start_s" in error.hint


async def test_an_answer_over_the_bound_costs_its_asker_alone(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "too much", record)) as keeper:
        other = keeper.start()[1]
        error = await keeper.fails()
        assert error.type == "AnswerTooLarge"
        assert "[sessions] max_answer_bytes" in error.hint
        with pytest.raises(SemctxError):
            await asyncio.wait_for(other, PATIENCE_S)
        assert keeper.states == ["starting", "ready"]


async def test_a_message_over_the_bound_that_is_no_reply(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "talks too much", record)) as keeper:
        error = await keeper.fails()
        assert error.type == "ServerCrashed"
        assert "more bytes than an answer may have" in error.message


async def test_one_that_refuses_to_shake_hands(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "refuses to initialize", record)) as keeper:
        error = await keeper.fails()
        assert error.type == "ServerCrashed"
        assert "wrong phase of the moon" in error.message


async def test_a_question_withdrawn(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "hangs", record)) as keeper:
        early, reply = keeper.start()
        keeper.session.cancel(early)  # before it was sent: nothing is due
        assert keeper.session.pending == 0
        number, reply = keeper.start()
        await until(lambda: any(message.get("id") == number for message in received(record)))
        keeper.session.cancel(number)
        keeper.session.cancel(number)
        await until(lambda: received(record)[-1].get("method") == "$/cancelRequest")
        assert sum(message.get("method") == "$/cancelRequest" for message in received(record)) == 1
        assert not reply.done()  # who withdrew is told nothing


@pytest.mark.parametrize(
    "how",
    [
        "garbage",
        "no end of headers",
        "length too small",
        "length too large",
        "no JSON",
        "no object",
        "error is no object",
    ],
)
async def test_one_that_speaks_no_lsp(tmp_path: Path, record: Path, how: str) -> None:
    async with kept(tmp_path, command("rude", how, record)) as keeper:
        error = await keeper.fails()
        assert error.type == "ServerCrashed"
        assert "zoo sent what is no LSP message" in error.message
        assert keeper.session.restarts == 1


async def test_one_that_asks_without_sense(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "request without sense", record)) as keeper:
        error = await keeper.fails()
        assert error.type == "ServerCrashed"
        assert "zoo sent a workspace/configuration that is none" in error.message


@BOTH_LOOPS
async def test_a_megabyte_on_standard_error_blocks_nothing(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "floods standard error", record)) as keeper:
        for _ in range(3):
            assert await keeper.ask() == {"standard error": "through"}


async def test_replies_that_nobody_waits_for(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "strange replies", record)) as keeper:
        for _ in range(3):
            assert await keeper.ask() == "the right one"


async def test_the_server_s_own_error(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "refuses", record)) as keeper:
        error = await keeper.fails()
        assert (error.type, error.message) == ("ServerError", "zoo: the file is too strange")


@BOTH_LOOPS
async def test_one_that_stops_reading_is_ended(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "stops reading", record)) as keeper:
        _, first = keeper.start()
        asked = [keeper.start(params={"text": "x" * 1_000_000})[1] for _ in range(70)]
        for reply in (first, *asked):
            with pytest.raises(SemctxError) as caught:
                await asyncio.wait_for(reply, PATIENCE_S)
            assert caught.value.type == "ServerCrashed"


@BOTH_LOOPS
async def test_one_that_closes_its_standard_input(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "closes its ears", record)) as keeper:
        keeper.session.warm()
        await until(lambda: keeper.session.state == "ready")
        keeper.allow(0.3)
        assert (await keeper.fails()).type == "DeadlineExceeded"
        await until(lambda: keeper.session.state == "crashed")
        assert "zoo hangs" in keeper.session.why


def plain(record: Path, tasks: anyio.abc.TaskGroup, terms: Terms) -> Child:
    """A child that has nothing to prepare, and shakes no hands."""
    argv = command("rude", "echoes", record)
    return Child(
        "plain", argv, cwd="/", env=os.environ, terms=terms, spawn=tasks.start_soon, changed=lambda child: None
    )


async def answered(child: Child) -> bytes:
    reply: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    child.ask("any", b"{}", lambda raw, error: reply.set_result(raw))
    return await asyncio.wait_for(reply, PATIENCE_S) or b""


async def test_a_child_that_shakes_no_hands(record: Path) -> None:
    terms = Terms(PATIENCE_S, Sessions(), Warden())
    async with anyio.create_task_group() as tasks:
        child = plain(record, tasks, terms)
        assert b"argv" in await answered(child)
        with pytest.raises(NotImplementedError):
            child.notice([])  # what it is told of changes is its own kind's
        await child.stop()
        await terms.warden.close()


@BOTH_LOOPS
async def test_who_stops_one_does_not_wait_for_its_next_run_to_end(record: Path) -> None:
    terms = Terms(PATIENCE_S, Sessions(), Warden())
    async with anyio.create_task_group() as tasks:
        child, other = plain(record, tasks, terms), plain(record, tasks, terms)
        await answered(other)  # as long as it runs, the next run of any child needs no turn of the loop to begin
        for _ in range(5):
            await answered(child)
            stopping = asyncio.ensure_future(child.stop())
            await asyncio.sleep(0)
            assert child.state == "stopped"
            assert b"argv" in await answered(child)
            await asyncio.wait_for(stopping, PATIENCE_S)
        for one in (child, other):
            await one.stop()
        await terms.warden.close()


@BOTH_LOOPS
async def test_a_program_that_is_missing(tmp_path: Path) -> None:
    async with kept(tmp_path, ["/nowhere/server"]) as keeper:
        error = await keeper.fails()
        assert error.type == "ServerUnavailable"
        assert "/nowhere/server could not be started: No such file" in error.message
        assert keeper.session.state == "crashed"


@BOTH_LOOPS
async def test_what_a_server_left_behind_ends_with_it(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "leaves a child", record)) as keeper:
        child = psutil.Process(await keeper.ask())
        await keeper.session.stop()
        child.wait(PATIENCE_S)


@BOTH_LOOPS
async def test_one_that_ignores_its_end_is_killed(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "ignores its end", record)) as keeper:
        pid = await keeper.ask()
        await keeper.session.stop()
        assert not psutil.pid_exists(pid)
        assert [message["method"] for message in received(record)][-2:] == ["shutdown", "exit"]


async def test_one_that_is_retired_is_not_started_again(tmp_path: Path, record: Path) -> None:
    """Who holds it still must not have it run on after nobody looks after it any more."""
    async with kept(tmp_path, command("rude", "echoes", record)) as keeper:
        await keeper.ask()
        await keeper.session.retire()
        assert (await keeper.fails()).type == "ShuttingDown"
        assert keeper.session.pid is None
        assert keeper.states == ["starting", "ready", "stopped"]


async def test_stopped_and_asked_again(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "echoes", record)) as keeper:
        await keeper.ask()
        first = keeper.session.pid
        await keeper.session.stop()
        await keeper.session.stop()
        assert keeper.session.pid is None
        await keeper.ask()
        assert keeper.session.pid not in (None, first)
        assert keeper.session.restarts == 0


@BOTH_LOOPS
async def test_asked_while_it_is_being_stopped(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "echoes", record)) as keeper:
        await keeper.ask()
        stopping = asyncio.ensure_future(keeper.session.stop())
        await until(lambda: keeper.session.state == "stopped")
        assert "argv" in await keeper.ask()
        await stopping
        assert keeper.session.state == "ready"
        assert keeper.session.restarts == 0


@BOTH_LOOPS
async def test_stopped_while_it_is_being_started(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "echoes", record)) as keeper:
        for turns in range(0, 60, 3):  # at another place of its start each time
            _, reply = keeper.start()
            for _ in range(turns):
                await asyncio.sleep(0)
            await keeper.session.stop()
            with pytest.raises(SemctxError) as caught:
                await asyncio.wait_for(reply, PATIENCE_S)
            assert caught.value.type == "ShuttingDown"
            assert keeper.session.pid is None
        assert keeper.session.restarts == 0


@BOTH_LOOPS
async def test_begun_anew_while_it_is_asked(tmp_path: Path, record: Path) -> None:
    """Who waits is answered by the next run; what an earlier one still says counts no more."""
    async with kept(tmp_path, command("rude", "hangs", record)) as keeper:
        keeper.session.renew()  # there is none: nothing is to be done
        assert keeper.session.state == "stopped"
        number, withdrawn = keeper.start()
        await until(lambda: any(message.get("id") == number for message in received(record)))
        keeper.session.cancel(number)
        _, waiting = keeper.start()
        first = keeper.session.pid
        keeper.session.argv = command("rude", "echoes", record)
        keeper.session.renew()
        assert "argv" in await asyncio.wait_for(waiting, PATIENCE_S)
        assert keeper.session.pid not in (None, first)
        assert not withdrawn.done()
        assert (keeper.session.pending, keeper.session.restarts) == (0, 1)
        assert "crashed" not in keeper.states


@BOTH_LOOPS
async def test_begun_anew_while_it_is_being_started(tmp_path: Path, record: Path) -> None:
    async with kept(tmp_path, command("rude", "echoes", record)) as keeper:
        for turns in range(0, 60, 3):  # at another place of its start each time
            _, reply = keeper.start()
            for _ in range(turns):
                await asyncio.sleep(0)
            keeper.session.renew()
            assert "argv" in await asyncio.wait_for(reply, PATIENCE_S)
            await keeper.session.stop()


async def test_a_watch_that_stands_only_for_the_run_before_counts_no_more(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    async with kept(tmp_path, command("curious", outside, "after")) as keeper:
        await told_by(keeper)
        early, keeper.stand = keeper.stand, []
        keeper.session.renew()
        await told_by(keeper)
        for stands in early:
            stands()
        assert keeper.applied == []


async def test_the_environment_is_watched_before_the_server_reads_it(tmp_path: Path, record: Path) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/pyvenv.cfg").write_text("version = 3.12\n")
    async with kept(tmp_path, command("rude", "echoes", record)) as keeper:
        keeper.session.interpreter = str(tmp_path / "venv/bin/python")
        _, reply = keeper.start()
        await until(lambda: keeper.stand)
        assert keeper.watched == [(str(tmp_path / "venv"), False)]
        assert received(record) == []
        [stands] = keeper.stand
        keeper.session.renew()
        stands()  # for a run that is no more
        await until(lambda: len(keeper.stand) == 2)
        assert received(record) == []
        keeper.stand[1]()
        assert "argv" in await asyncio.wait_for(reply, PATIENCE_S)


async def test_what_a_server_is_told_of_its_surroundings(
    tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SEMCTX_CANARY", "PYTHONPATH", "VIRTUAL_ENV", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    async with kept(tmp_path, command("rude", "echoes", record)) as keeper:
        told = await keeper.ask()
    assert "secret" not in told["env"].values()
    assert told["env"]["PATH"] == os.environ["PATH"]
    assert told["cwd"] == str(tmp_path)


async def told_by(keeper: Keeper) -> Any:
    _, reply = keeper.start("workspace/symbol", {"query": ""})
    return json.loads((await asyncio.wait_for(reply, PATIENCE_S))[0]["name"])


async def test_every_request_of_a_server_gets_a_result(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (tmp_path / "root").mkdir()
    async with kept(tmp_path / "root", command("curious", outside, "before")) as keeper:
        keeper.session.warm()
        await until(lambda: len(keeper.watched) == 2)
        assert keeper.watched == [(str(outside), False), (str(outside / "deep"), True)]
        keeper.stand[0]()
        assert keeper.session.state == "starting"  # not before all that it wants watched is watched
        keeper.stand[1]()
        told = await told_by(keeper)
    assert told.pop("changes") == [[outside.as_uri(), "Created"], [(outside / "deep").as_uri(), "Created"]]
    settings = {"configuration": {"environment": {"python": "/usr/bin/python3"}}, "diagnosticMode": "workspace"}
    assert told == {
        "client": "semctx",
        "encodings": ["utf-16"],
        "configuration": [settings, {}, {"ty": settings}],
        "folders": [(tmp_path / "root").as_uri()],
        "applied": False,
        "registered": None,
        "progress": None,
        "choice": None,
    }
    assert keeper.applied == []


async def test_a_folder_watched_only_after_the_server_answered_is_a_change(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    async with kept(tmp_path, command("curious", outside, "after")) as keeper:
        await told_by(keeper)
        for stands in keeper.stand:
            stands()
        assert keeper.applied == [
            Change(str(outside), What.APPEARED, is_folder=True),
            Change(str(outside / "deep"), What.APPEARED, is_folder=True),
        ]
        assert "changes" not in await told_by(keeper)  # it is the owner that tells everyone


async def test_files_outside_the_root_that_a_server_named(tmp_path: Path) -> None:
    async with kept(tmp_path / "caf\xe9", command("rude", "echoes", "record")) as keeper:
        raw = (
            '[{"uri":"file:///lib/a%20b.py"},{"uri":"file://'
            + str(tmp_path)
            + '/caf%C3%A9/own.py"},{"uri":"untitled:x"}]'
        )
        keeper.session.note_reported(raw.encode())
        assert list(keeper.session.reported) == ["/lib/a b.py"]
