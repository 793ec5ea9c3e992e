"""Client and command line against a real daemon: started by them, shared, stopped, lost and found again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

import semctx.aio
from semctx import SemctxError
from tests.client.peer import HELLO, Peer
from tests.conftest import Daemon, Wire, daemon_at, eventually
from tests.zoo import command, configured

SEMCTX = [sys.executable, "-m", "semctx.cli"]


def run(*argv: str, code: int = 0, **options: Any) -> str:
    done = subprocess.run([*SEMCTX, *argv], capture_output=True, text=True, check=False, **options)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def home(place: str) -> Iterator[str]:
    """A place where clients may start a daemon; it is stopped in the end, and has left no trace of trouble."""
    yield place
    run("stop", code=0 if os.path.exists(os.environ["SEMCTX_SOCKET"]) else 3)
    eventually(lambda: not os.path.exists(os.environ["SEMCTX_SOCKET"]), "the socket is gone")
    log = Path(os.environ["SEMCTX_LOG"])
    assert not log.exists() or "Traceback" not in log.read_text()


@pytest.fixture
def running(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """A daemon that runs already, and that the clients of this process find."""
    monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
    return daemon


def test_the_first_question_starts_the_daemon(home: str, repo: Path) -> None:
    with semctx.connect(str(repo)) as daemon:
        context = daemon.context("validate an email address", target_file="shop/orders.py")
        assert "validate_email" in [symbol["name"] for symbol in context.functions]
        assert context.files[0]["path"] == "shop/validation.py"
        assert not context.cached
        assert daemon.context("validate an email address", target_file="shop/orders.py").cached
        assert "def validate_email(address: str) -> str" in context.to_prompt()
        assert daemon.daemon is not None
        assert daemon.health()["pid"] == daemon.daemon["pid"]


def test_fifty_clients_at_once_start_one_daemon(home: str) -> None:
    def connect(_: int) -> int:
        with semctx.connect("/tmp", timeout=120) as daemon:
            assert daemon.daemon is not None
            return daemon.daemon["pid"]

    with ThreadPoolExecutor(50) as threads:
        assert len(set(threads.map(connect, range(50)))) == 1


def test_start_stop_restart(home: str) -> None:
    first = json.loads(run("start", "--json"))
    assert json.loads(run("start", "--json"))["pid"] == first["pid"], "it runs already"
    assert json.loads(run("restart", "--json"))["pid"] != first["pid"]
    assert "has left" in run("stop")
    assert "no daemon listens" in run("stop", code=3)
    assert "no daemon listens" in run("status", code=3)
    assert run("status", "--json", code=3).startswith('{"error": ')


def test_a_daemon_that_was_killed_is_replaced_by_the_next_request(home: str) -> None:
    with semctx.connect("/tmp") as daemon:
        assert daemon.daemon is not None
        first = daemon.daemon["pid"]
        os.kill(first, signal.SIGKILL)
        pids: set[int] = set()

        def replaced() -> bool:
            try:
                pids.add(daemon.health()["pid"])
            except SemctxError as error:
                assert error.type == "ConnectionLost", "the request that was under way"
            return bool(pids - {first})

        eventually(replaced, "a new daemon answers")


def test_a_daemon_that_dies_when_it_is_greeted_is_replaced(home: str) -> None:
    dying = Peer(os.environ["SEMCTX_SOCKET"])
    dying.plays(lambda talk: (talk.read(), dying.leave()))
    with semctx.connect("/tmp") as daemon:
        assert daemon.health()["pid"] != HELLO["pid"]
    dying.finish()
    assert dying.accepted == 1


def test_a_wrong_configuration_is_told_by_who_wanted_to_start(home: str) -> None:
    Path(os.environ["SEMCTX_CONFIG"]).write_text("[cache]\nttl = 1\n")
    err = run("status", code=3)
    assert "no daemon listens" in err
    err = run("find", "x", code=3)
    assert "the daemon could not be started" in err
    assert "config.toml" in err


def test_the_command_line(running: Daemon, repo: Path) -> None:
    out = run("context", "validate an email address", cwd=repo)
    assert "shop.validation.validate_email" in out
    assert "      def validate_email(address: str) -> str" in out.splitlines()
    assert out.splitlines()[-1].endswith(" ms")
    assert run("context", "validate an email address", cwd=repo).splitlines()[-1].endswith(", cached")
    assert "shop/validation.py" in run("files", "validate an email address", cwd=repo / "shop")
    assert "shop/prices.py:12" in run("find", "Price.with_tax", "--root", str(repo))
    assert f"  {repo}  " in run("status")
    assert "context/query" in run("metrics")
    assert json.loads(run("cache", "stats", "--json"))["hits"] == 1
    assert run("cache", "invalidate", "shop/validation.py", cwd=repo).startswith("dropped ")
    assert run("cache", "clear").startswith("dropped ")
    assert "semctxd" in run("version")


def test_json_is_what_the_daemon_says(running: Daemon, client: Wire, repo: Path) -> None:
    result = client.ask("symbols/find", root=str(repo), name="Price")
    assert json.loads(run("find", "Price", "--json", "--root", str(repo)))["symbols"] == result["symbols"]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("find", "no_such_name"), "No symbol"),
        (("find", "x", "--root", "/no/such/folder"), "is no directory"),
        (("find", "x", "--root", "/"), "refused"),
        (("context", "x", "--file", "/etc/passwd"), "outside"),
        (("cache", "invalidate", "/etc/passwd"), "outside"),
        (("find", "\udcff"), "no JSON"),
    ],
)
def test_mistakes_are_told_in_a_sentence(running: Daemon, repo: Path, argv: tuple[str, ...], says: str) -> None:
    err = run(*argv, code=1, cwd=repo)
    assert says in err
    assert err.startswith("semctx: ")


def test_versions_that_differ(client: Wire) -> None:
    error = client.fails("session/hello", client="tomorrow's", protocol=2)
    assert error["data"]["type"] == "VersionMismatch"


@pytest.mark.anyio
async def test_many_requests_over_one_connection(running: Daemon, repo: Path) -> None:
    async with await semctx.aio.connect(str(repo)) as daemon:
        names = ["Price", "Order", "total", "parse_price", "validate_email"] * 80
        answers = await asyncio.gather(*(daemon.find(name) for name in names))
        assert [answer["symbols"][0]["name"] for answer in answers] == names
        assert (await daemon.health())["connections"] == 1


@pytest.mark.anyio
async def test_many_intents_at_once_are_answered_as_one_after_the_other(running: Daemon, repo: Path) -> None:
    intents = [
        f"{verb} {noun}" for verb in ("parse", "validate", "add") for noun in ("a price", "an email", "an order")
    ]
    async with await semctx.aio.connect(str(repo)) as daemon:
        at_once = await asyncio.gather(*(daemon.context(intent) for intent in intents))
        for intent, context in zip(intents, at_once, strict=True):
            again = await daemon.context(intent)
            assert again.cached
            assert (again.symbols, again.imports, again.to_prompt()) == (
                context.symbols,
                context.imports,
                context.to_prompt(),
            )


@pytest.mark.anyio
async def test_a_task_that_is_cancelled_is_cancelled_in_the_server(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "record"

    def said(what: str) -> bool:
        return record.exists() and what in record.read_text()

    with daemon_at(config=configured(command("rude", "hangs", record))) as running:
        monkeypatch.setenv("SEMCTX_SOCKET", running.socket)
        async with await semctx.aio.connect(str(repo)) as daemon:
            asking = asyncio.create_task(daemon.hover("Price"))
            await anyio.to_thread.run_sync(lambda: eventually(lambda: said("prices.py"), "the server is asked"))
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await anyio.to_thread.run_sync(lambda: eventually(lambda: said("$/cancelRequest"), "the server is told"))
            assert (await daemon.find("Price"))["symbols"]


@pytest.mark.anyio
async def test_changes_are_told_to_who_subscribed(running: Daemon, repo: Path) -> None:
    heard: list[tuple[str, Any]] = []
    came = asyncio.Event()

    def hears(method: str, params: Any) -> None:
        heard.append((method, params))
        came.set()

    async with await semctx.aio.connect(str(repo), on_notification=hears) as daemon:
        assert await daemon.subscribe(["changes"]) == {"topics": ["changes"]}
        await daemon.find("Price")
        (repo / "shop" / "new.py").write_text("def fresh() -> None: ...\n")
        assert (await daemon.find("fresh"))["symbols"][0]["file"] == "shop/new.py"
        async with asyncio.timeout(60):
            await came.wait()
    method, params = heard[0]
    assert method == "events/changes"
    assert params["root"] == os.path.realpath(repo)
    assert params["epoch"] >= 1
