"""The life of a daemon's process: its start, its end, and who else wants its place."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import msgspec
import psutil
import pytest

from semctxd.child import memory
from semctxd.config.schema import Config
from semctxd.errors import ShuttingDown
from semctxd.service import Service
from semctxd.workspace import Workspace
from tests.conftest import PATIENCE_S, Daemon, daemon_at, eventually, importing, manager_at, sources, until
from tests.zoo import command, configured


def hover(repo: Path) -> dict[str, Any]:
    params = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}, "position": {"line": 11, "character": 30}}
    return {"root": str(repo), "method": "textDocument/hover", "params": params}


def kind(reply: dict[str, Any]) -> str:
    return str(reply["error"]["data"]["type"])


def leftovers(daemon: Daemon) -> list[psutil.Process]:
    """The daemon's children, to be asked later whether they are gone."""
    return psutil.Process(daemon.pid).children(recursive=True)


def assert_gone(processes: list[psutil.Process]) -> None:
    assert processes
    assert psutil.wait_procs(processes, PATIENCE_S)[1] == []


def another(daemon: Daemon, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Another daemon that wants the same place; returns once it has left or detached."""
    return subprocess.run(
        [sys.executable, "-m", "semctxd", *arguments],
        env=daemon.env if env is None else env,
        cwd=daemon.place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_a_request_under_way_gets_its_reply_and_new_ones_are_sent_elsewhere(repo: Path, tmp_path: Path) -> None:
    with daemon_at(config=configured(command("patient", tmp_path))) as daemon:
        client, other = daemon.client(), daemon.client(headers=True)
        other.ask("symbols/find", root=str(repo), name="Order")
        number = client.start("lsp/request", **hover(repo))
        eventually((tmp_path / "1.asked").exists, "it is under way")
        children = leftovers(daemon)
        daemon.process.send_signal(signal.SIGTERM)
        eventually(
            lambda: kind({"error": {"data": {"type": ""}}, **other.call("health")}) == "ShuttingDown", "it drains"
        )
        assert kind(other.call("symbols/find", root=str(repo), name="Order")) == "ShuttingDown"  # nor from memory
        assert kind(other.call("context/query", root=str(repo), intent="x")) == "ShuttingDown"
        (tmp_path / "1.go").write_text("")
        reply = client.receive()
        assert reply["id"] == number
        assert reply["result"]["result"]["contents"]["value"] == (repo / "shop/orders.py").read_text()
        assert client.file.read() == b""
        assert daemon.process.wait(PATIENCE_S) == 0
        assert not os.path.exists(daemon.socket)
        assert_gone(children)


def test_what_takes_too_long_is_told_to_retry(repo: Path, tmp_path: Path) -> None:
    config = "[daemon]\ndrain_s = 0.2\n" + configured(command("patient", tmp_path))
    with daemon_at(config=config) as daemon:
        client = daemon.client()
        number = client.start("lsp/request", **hover(repo))
        eventually((tmp_path / "1.asked").exists, "it is under way")
        children = leftovers(daemon)
        daemon.process.send_signal(signal.SIGINT)
        reply = client.receive()
        assert (reply["id"], reply["error"]["code"], kind(reply)) == (number, -32001, "ShuttingDown")
        assert daemon.process.wait(PATIENCE_S) == 0
        assert_gone(children)


def test_stopped_while_its_children_start(repo: Path, tmp_path: Path) -> None:
    with daemon_at(config="[daemon]\ndrain_s = 0.01\n") as daemon:
        client = daemon.client()
        client.start("context/query", root=str(repo), intent="parse a price")
        eventually(lambda: leftovers(daemon), "the first is there")
        children = leftovers(daemon)
        daemon.process.terminate()
        assert client.receive()
        assert daemon.process.wait(PATIENCE_S) == 0
        assert_gone(children)


def test_stopped_on_request(repo: Path) -> None:
    with daemon_at() as daemon:
        client = daemon.client()
        client.ask("symbols/find", root=str(repo), name="Order")
        children = leftovers(daemon)
        assert client.ask("daemon/stop") == {"pid": daemon.pid}
        assert daemon.process.wait(PATIENCE_S) == 0
        assert_gone(children)
        events = [line["event"] for line in daemon.events]
        assert events[0] == "started"
        assert "stopping" in events


def test_the_last_request_has_its_line() -> None:
    with daemon_at() as daemon:
        daemon.client().ask("daemon/stop")
        assert daemon.process.wait(PATIENCE_S) == 0
        assert daemon.events[-1]["method"] == "daemon/stop"


def test_the_second_daemon_says_who_is_there_and_leaves(daemon: Daemon) -> None:
    client = daemon.client()
    for arguments in ((), ("--detach",)):
        done = another(daemon, *arguments)
        assert done.returncode == 0
        assert f"a daemon (process {daemon.pid}) already serves {daemon.socket}" in done.stderr
    assert client.ask("health")["pid"] == daemon.pid


def serving(path: str) -> list[int]:
    """The daemons that were told of that socket."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            if "semctxd" in (process.info["cmdline"] or []) and process.environ().get("SEMCTX_SOCKET") == path:
                found.append(process.pid)
    return found


def test_fifty_starts_at_once_end_with_one_daemon(daemon: Daemon) -> None:
    daemon.stop()
    uncovered = {
        name: value for name, value in daemon.env.items() if not name.startswith("COVERAGE")
    }  # or it takes ages
    with ThreadPoolExecutor(50) as pool:
        done = list(pool.map(lambda _: another(daemon, "--detach", env=uncovered), range(50)))
    client = daemon.client()
    pid = client.ask("health")["pid"]
    assert {one.returncode for one in done} == {0}
    assert sum(one.stderr == "" for one in done) == 1
    assert sum(f"(process {pid})" in one.stderr for one in done) >= 1
    eventually(lambda: serving(daemon.socket) == [pid], "the others are gone")  # each a moment after its word
    client.ask("daemon/stop")
    psutil.Process(pid).wait(PATIENCE_S)


def test_a_stale_socket_is_replaced(daemon: Daemon) -> None:
    daemon.process.kill()
    daemon.process.wait(PATIENCE_S)
    assert os.path.exists(daemon.socket)
    daemon.start()
    assert daemon.client().ask("health")["pid"] == daemon.pid


def test_a_daemon_whose_socket_was_taken_over_leaves_it_alone(daemon: Daemon) -> None:
    os.unlink(daemon.socket)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(daemon.socket)
        assert daemon.process.wait(PATIENCE_S) == 0
        assert os.path.exists(daemon.socket)
    assert "socket_taken_over" in daemon.log


def test_without_uvloop_the_standard_loop_will_do(tmp_path: Path, repo: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError('not for this platform')\n")
    with daemon_at(env=importing(tmp_path)) as daemon:
        client = daemon.client(headers=True)
        assert not any("uvloop" in one.path for one in psutil.Process(daemon.pid).memory_maps())
        for _ in range(2):
            assert "parse_price" in client.hover(repo, "shop/orders.py", 11, 30)
        (repo / "shop/prices.py").write_text("def parse_price(text: str) -> bytes: ...\n")
        assert "bytes" in client.hover(repo, "shop/orders.py", 11, 30)
        assert client.ask("symbols/find", root=str(repo), name="Order")["symbols"]


def test_a_wrong_configuration(daemon: Daemon) -> None:
    daemon.configure("[daemon]\ndeadlines = 1\n")
    done = another(daemon)
    assert done.returncode == 78
    assert "[daemon] has no deadlines" in done.stderr


def test_a_place_that_others_can_reach(daemon: Daemon) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "semctxd"],
        env={**daemon.env, "SEMCTX_SOCKET": "/tmp/semctx-test.sock"},
        cwd=daemon.place,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "/tmp" in done.stderr
    assert not os.path.exists("/tmp/semctx-test.sock")


def test_queries_are_summed_up_in_the_log(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    for _ in range(150):
        client.ask("symbols/find", root=str(repo), name="Order")
    eventually(lambda: '"summary"' in daemon.log, "the summary")
    summary = json.loads(next(line for line in daemon.log.splitlines() if '"summary"' in line))
    assert summary["logger"] == "semctxd.app"


def test_the_watchdog_is_told(tmp_path: Path) -> None:
    with (
        manager_at(tmp_path / "notify") as manager,
        daemon_at(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}) as daemon,
    ):
        assert manager.recv(200) == b"READY=1"
        assert manager.recv(200).startswith(b"WATCHDOG=1\nSTATUS=ok: ")
        daemon.process.terminate()
        while (words := manager.recv(200)).startswith(b"WATCHDOG=1"):
            pass
        assert words == b"STOPPING=1\nSTATUS=leaving, requests under way: 0"
        assert daemon.process.wait(PATIENCE_S) == 0


async def test_a_task_that_fails_takes_nothing_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "root").mkdir()

    async def fail() -> None:
        raise RuntimeError("a fault")

    async with anyio.create_task_group() as tasks:
        service = Service(sources(Config()), tasks)
        service.spawn(fail)
        opened: list[Workspace] = []
        async with anyio.create_task_group() as both:

            async def open_it() -> None:
                opened.append(await service.workspaces.open(str(tmp_path / "root")))

            both.start_soon(open_it)
            both.start_soon(open_it)
        assert opened[0] is opened[1]
        await service.drain()
        (tmp_path / "other").mkdir()
        with pytest.raises(ShuttingDown):
            await service.workspaces.open(str(tmp_path / "other"))
        tasks.cancel_scope.cancel()
    assert "task_failed" in capsys.readouterr().out


async def test_a_workspace_that_is_being_closed_ends_its_children_even_if_its_closer_is_cancelled(
    tmp_path: Path,
) -> None:
    """The shield in `Workspaces.close`: housekeeping may be closing an idle workspace when the daemon leaves."""
    root = tmp_path / "root"
    root.mkdir()
    config = msgspec.toml.decode(configured(command("rude", "ignores its end", tmp_path / "record")), type=Config)
    async with anyio.create_task_group() as tasks:
        service = Service(sources(config), tasks)
        workspace = await service.workspaces.open(str(root))
        session = workspace.servers.session("python", "", service.env)
        session.warm()
        await until(lambda: session.state == "ready")
        pid = session.pid
        with anyio.CancelScope() as closing:
            closing.cancel()
            await service.workspaces.close(workspace)
        assert pid
        assert not psutil.pid_exists(pid)
        await service.drain()
        tasks.cancel_scope.cancel()


def test_a_process_that_is_gone_has_no_memory() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert memory.of_process(process.pid) == 0
    assert memory.of_process(os.getpid()) > 1_000_000
