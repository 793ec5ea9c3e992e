"""Under a service manager: what it is told, a socket that it keeps, and leaving when nobody needs the daemon."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
import psutil
import pytest

from semctxd.config.schema import Config, Http
from semctxd.config.schema import Daemon as DaemonSection
from semctxd.rpc.door import Door
from semctxd.rpc.listen import Listener
from semctxd.service import Service
from tests.conftest import PATIENCE_S, Daemon, Wire, daemon_at, eventually, manager_at, sources


def heard(manager: socket.socket) -> dict[str, str]:
    """The assignments of the next message."""
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().split("\n"))


def heard_until(manager: socket.socket, word: str) -> list[dict[str, str]]:
    """The messages up to the one that has a word."""
    messages = [heard(manager)]
    while word not in messages[-1]:
        messages.append(heard(manager))
    return messages


def test_the_sequence_of_what_a_manager_is_told(tmp_path: Path, repo: Path) -> None:
    with (
        manager_at(tmp_path / "notify") as manager,
        daemon_at(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}) as daemon,
    ):
        assert heard(manager) == {"READY": "1"}
        assert heard(manager)["WATCHDOG"] == "1"
        daemon.client().ask("symbols/find", root=str(repo), name="Order")
        while heard(manager).get("STATUS") != "ok: connections: 1, workspaces: 1, under way: 0":
            pass
        daemon.configure("[cache]\nttl_s = -9\n")
        os.kill(daemon.pid, signal.SIGHUP)
        *_, reloading = heard_until(manager, "RELOADING")
        assert reloading["MONOTONIC_USEC"].isdecimal()
        assert heard(manager)["READY"] == "1"
        while "cache.ttl_s" not in (status := heard(manager).get("STATUS", "")):
            pass
        assert status.startswith("degraded: ")
        daemon.process.terminate()
        between = heard_until(manager, "STOPPING")[:-1]
        assert all("WATCHDOG" in message for message in between)
        assert daemon.process.wait(PATIENCE_S) == 0


BLOCKED = """
import os, signal, sys
from semctxd.__main__ import main

def block(*_):
    with open(os.environ["BLOCKED"]) as pipe:
        pipe.read()

signal.signal(signal.SIGUSR1, block)
sys.exit(main([]))
"""
"""A daemon whose loop stands still from SIGUSR1 until the pipe `BLOCKED` was opened and closed."""


def test_a_loop_that_stands_still_misses_its_watchdog(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    env = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "100000",
        "BLOCKED": str(tmp_path / "pipe"),
    }
    with (
        manager_at(tmp_path / "notify") as manager,
        daemon_at(env=env, prefix=[sys.executable, "-c", BLOCKED]) as daemon,
    ):
        heard_until(manager, "WATCHDOG")
        os.kill(daemon.pid, signal.SIGUSR1)
        with open(tmp_path / "pipe", "w"):  # opened only once the daemon stands still
            manager.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    manager.recv(4096)
            manager.settimeout(1)
            with pytest.raises(TimeoutError):
                manager.recv(4096)
        manager.settimeout(PATIENCE_S)
        heard_until(manager, "WATCHDOG")


class Kept:
    """A socket that is kept, as systemd does, while daemons come and go."""

    def __init__(self, place: Path) -> None:
        self.daemon = Daemon(place, {})
        self.daemon.configure("[daemon]\nidle_exit_s = 0.01\n")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.daemon.socket)
        self.socket.listen()

    def serve(self) -> subprocess.Popen[bytes]:
        """Start a daemon with the socket as its descriptor 3, as sd_listen_fds(3) says."""
        activate = f'exec 3<&{self.socket.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" -m semctxd'
        return subprocess.Popen(
            ["bash", "-c", activate, sys.executable], env=self.daemon.env, pass_fds=(self.socket.fileno(),)
        )


@pytest.fixture
def kept() -> Iterator[Kept]:
    with tempfile.TemporaryDirectory(prefix="sk", dir="/tmp") as name:
        made = Kept(Path(name))
        with made.socket:
            yield made


def test_an_idle_daemon_leaves_and_who_comes_meanwhile_is_served_by_the_next(kept: Kept, repo: Path) -> None:
    waiting = Wire(kept.daemon.socket)
    for _ in range(2):
        number = waiting.start("symbols/find", root=str(repo), name="Order")  # nobody serves yet
        process = kept.serve()
        reply = waiting.receive()
        assert reply["id"] == number
        assert "error" not in reply
        assert process.poll() is None  # a client that stays keeps it
        waiting.close()
        assert process.wait(PATIENCE_S) == 0
        assert os.path.exists(kept.daemon.socket)
        waiting = Wire(kept.daemon.socket)
    waiting.close()


def idle(**more: object) -> Config:
    return Config(daemon=msgspec.structs.replace(DaemonSection(idle_exit_s=1e-9), **more))


async def test_nobody_is_lost_between_the_queue_and_being_a_client(tmp_path: Path) -> None:
    """However many turns of the loop have passed since a client came when the daemon looks whether it is idle."""
    loop = asyncio.get_running_loop()
    outcomes = set()
    for turns in range(8):
        path = f"/tmp/semctx-test-{os.getpid()}-{turns}"
        with socket.socket(socket.AF_UNIX) as kept, socket.socket(socket.AF_UNIX) as client:
            kept.bind(path)
            kept.listen()
            async with anyio.create_task_group() as tasks:
                service = Service(sources(idle()), tasks)
                door = Door(service, Listener(kept, path, os.open(os.devnull, os.O_RDONLY), bound=False))
                door.open()
                client.connect(path)
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                door.leave_if_idle()
                if service.stopping.is_set():
                    kept.accept()[0].close()  # it waits for the next daemon
                    outcomes.add("queued")
                else:
                    client.setblocking(False)
                    await loop.sock_sendall(client, b'{"jsonrpc":"2.0","id":1,"method":"health"}\n')
                    assert b'"status"' in await loop.sock_recv(client, 1 << 16)
                    outcomes.add("served")
                door.close()
                await service.drain()
                tasks.cancel_scope.cancel()
            os.unlink(path)
    assert outcomes == {"queued", "served"}


@contextmanager
def no_open_file_left(daemon: Daemon) -> Iterator[None]:
    process = psutil.Process(daemon.pid)
    limits = process.rlimit(psutil.RLIMIT_NOFILE)
    taken = set(os.listdir(f"/proc/{daemon.pid}/fd"))
    free = next(number for number in itertools.count() if str(number) not in taken)
    process.rlimit(psutil.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
        eventually(lambda: '"not_let_in"' in daemon.log, "a client is not let in")
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, limits)


def test_a_client_for_whom_there_is_no_open_file_waits_for_one(daemon: Daemon) -> None:
    first = daemon.client()
    first.ask("health")
    with no_open_file_left(daemon):
        number = (late := daemon.client()).start("health")
    assert late.receive()["id"] == number


def test_a_daemon_can_leave_while_nobody_can_be_let_in(daemon: Daemon) -> None:
    first = daemon.client()
    first.ask("health")
    with no_open_file_left(daemon):
        daemon.client()
    first.ask("daemon/stop")
    assert daemon.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    "config",
    [idle(idle_exit_s=0), idle(idle_exit_s=3600), msgspec.structs.replace(idle(), http=Http(port=9464)), idle()],
    ids=["off", "not yet", "monitored", "idle"],
)
async def test_when_a_daemon_is_idle(config: Config) -> None:
    async with anyio.create_task_group() as tasks:
        service = Service(sources(config), tasks)
        assert service.is_idle() == (config == idle())
        with service.request():
            assert not service.is_idle()
        await service.drain()


def test_a_daemon_that_bound_its_socket_stays(tmp_path: Path) -> None:
    with (
        manager_at(tmp_path / "notify") as manager,
        daemon_at(config="[daemon]\nidle_exit_s = 0.01\n", env={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as daemon,
    ):
        heard_until(manager, "READY")
        manager.settimeout(2.5)  # more than two rounds of housekeeping
        with pytest.raises(TimeoutError):
            heard_until(manager, "STOPPING")
        assert daemon.client().ask("health")["pid"] == daemon.pid
