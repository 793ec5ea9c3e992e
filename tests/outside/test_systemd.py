"""The unit files, and the daemon under systemd's own tools. Fails where these are not installed."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.conftest import eventually

pytestmark = pytest.mark.outside

REPOSITORY = Path(__file__).parent.parent.parent
UNITS = [REPOSITORY / "systemd" / name for name in ("semctxd.socket", "semctxd.service")]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder with a short path, for sockets."""
    with tempfile.TemporaryDirectory(prefix="sx", dir="/tmp") as name:
        yield Path(name)


def analyze(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--user", *arguments],
        env=os.environ | {"XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def installed(folder: Path) -> list[Path]:
    """The units as `semctx service install` writes them; no manager answers it."""
    (folder / "run").mkdir(0o700)
    env = os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}
    done = subprocess.run(
        [sys.executable, "-m", "semctx.cli", "service", "install"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "no service manager of yours answers here" in done.stdout
    return [folder / "systemd/user" / unit.name for unit in UNITS]


def test_the_units_verify_without_a_word(folder: Path, installed: list[Path]) -> None:
    for units in (UNITS, installed):
        done = analyze(folder, "verify", *units)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_hardened(folder: Path, installed: list[Path]) -> None:
    done = analyze(folder, "security", "--offline=true", installed[1])
    exposure = re.search(r"Overall exposure level for semctxd.service: ([\d.]+)", done.stdout)
    assert exposure, done.stderr
    assert float(exposure[1]) <= 6.5


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_nothing_hides_repositories_or_deletes_the_socket(unit: Path) -> None:
    settings = {line.partition("=")[0] for line in unit.read_text().splitlines() if "=" in line}
    harmful = {"PrivateTmp", "ProtectHome", "ProtectSystem", "MemoryDenyWriteExecute", "RuntimeDirectory"}
    assert not settings & harmful


class Activated:
    """A daemon behind systemd-socket-activate, and what it tells its service manager."""

    def __init__(self, folder: Path, stack: ExitStack, **settings: str) -> None:
        self.path = folder / "semctx" / "semctxd-v1.sock"
        self.path.parent.mkdir(0o700, exist_ok=True)
        (folder / "notify").unlink(missing_ok=True)
        self.manager = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(60)
        passed_on = {
            "PYTHONPATH": os.pathsep.join(str(REPOSITORY / name) for name in ("client", "daemon")),
            "WATCHDOG_USEC": "60000000",
            "NOTIFY_SOCKET": str(folder / "notify"),
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            **settings,
        }
        self.process = stack.enter_context(
            subprocess.Popen(
                [
                    "systemd-socket-activate",
                    f"--listen={self.path}",
                    *(f"--setenv={name}={value}" for name, value in passed_on.items()),
                    *(f"--setenv={name}" for name in os.environ if name.startswith(("COVERAGE", "COV_"))),
                    sys.executable,
                    "-m",
                    "semctxd",
                ],
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(self.end)
        assert self.process.stderr is not None
        assert "Listening on" in self.process.stderr.readline()

    def end(self) -> None:
        """Kill what is left, should a test have failed half-way."""
        if self.process.poll() is None:
            self.process.kill()

    def ask(self, method: str) -> dict[str, Any]:
        """The reply to one request on a connection of its own."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(self.path))
            client.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode() + b"\n")
            reply: dict[str, Any] = json.loads(client.makefile().readline())
            return reply

    def told(self, assignment: str) -> None:
        """Wait until the manager heard an assignment."""
        while assignment not in self.manager.recv(4096).decode().split("\n"):
            pass


@pytest.fixture
def activated(folder: Path) -> Iterator[Activated]:
    with ExitStack() as stack:
        yield Activated(folder, stack)


def test_a_socket_of_systemd_starts_the_daemon_and_outlives_it(activated: Activated) -> None:
    health = activated.ask("health")["result"]
    assert health["pid"] == activated.process.pid  # it took systemd-socket-activate's place
    activated.told("READY=1")
    activated.told("WATCHDOG=1")
    assert activated.ask("health")["result"]["pid"] == health["pid"]
    psutil.Process(health["pid"]).terminate()
    activated.told("STOPPING=1")
    assert activated.process.wait(60) == 0
    assert activated.path.exists()


def test_a_client_starts_no_second_daemon_beside_it(activated: Activated, folder: Path) -> None:
    environment = os.environ | {"SEMCTX_SOCKET": str(activated.path), "XDG_STATE_HOME": str(folder)}
    status = subprocess.run(
        [sys.executable, "-m", "semctx.cli", "health", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(status.stdout)["pid"] == activated.process.pid
    second = subprocess.run(
        [sys.executable, "-m", "semctxd"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert "already serves" in second.stderr
    activated.process.terminate()
    assert activated.process.wait(60) == 0


def test_an_idle_daemon_leaves_and_the_next_client_is_served(folder: Path) -> None:
    pids = set()
    for _ in range(2):
        with ExitStack() as stack:
            activated = Activated(folder, stack, SEMCTX_DAEMON_IDLE_EXIT_S="0.01")
            pids.add(activated.ask("health")["result"]["pid"])
            activated.told("STOPPING=1")
            assert activated.process.wait(60) == 0
    assert len(pids) == 2


def test_one_started_by_hand_leaves_when_systemd_takes_its_place(folder: Path) -> None:
    path = folder / "semctx" / "semctxd-v1.sock"
    path.parent.mkdir(0o700)
    env = os.environ | {"SEMCTX_SOCKET": str(path), "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with subprocess.Popen([sys.executable, "-m", "semctxd"], env=env, stdout=subprocess.DEVNULL) as by_hand:
        eventually(path.exists, "it listens")
        with ExitStack() as stack:
            activated = Activated(folder, stack)
            assert activated.ask("health")["result"]["pid"] == activated.process.pid  # it waited for the lock
            assert by_hand.wait(60) == 0
            assert activated.path.exists()
            activated.process.terminate()
            assert activated.process.wait(60) == 0
