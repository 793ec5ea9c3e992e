"""What every test may use: a daemon of its own, as a real process, and a small repository."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from semctxd.config.schema import Config
from semctxd.config.sources import Sources
from tests.zoo import command, configured

PATIENCE_S = 60.0  # how long a condition may take on a busy machine; no test waits this long unless it fails

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in the background deaf to it


def eventually(condition: Callable[[], Any], what: str, every_s: float = 0.005) -> Any:
    """The first true value of `condition()`."""
    until = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < until, f"still not: {what}"
        time.sleep(every_s)  # the condition is of another process, which tells nobody
    return value


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition of this process, whose loop goes on meanwhile."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


class Wire:
    """A plain client: one JSON text a line, or headers; no code of semctx's client."""

    def __init__(self, path: str, headers: bool = False) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")
        self.headers = headers
        self._ids = itertools.count(1)

    def send(self, message: object) -> None:
        raw = json.dumps(message).encode()
        self.send_raw(b"Content-Length: %d\r\n\r\n%s" % (len(raw), raw) if self.headers else raw + b"\n")

    def send_raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> Any:
        if not self.headers:
            return json.loads(self.file.readline())
        length = 0
        while line := self.file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(self.file.read(length))

    def start(self, method: str, /, **params: object) -> int:
        """Send a request without waiting for its reply."""
        number = next(self._ids)
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return number

    def call(self, method: str, /, **params: object) -> Any:
        """The whole reply."""
        number = self.start(method, **params)
        while (message := self.receive()).get("id") != number:
            pass
        return message

    def ask(self, method: str, /, **params: object) -> Any:
        """The result; an error fails the test."""
        reply = self.call(method, **params)
        assert "result" in reply, reply
        return reply["result"]

    def fails(self, method: str, /, **params: object) -> Any:
        """The error; a result fails the test."""
        reply = self.call(method, **params)
        assert "error" in reply, reply
        return reply["error"]

    def lsp(self, root: Path | str, method: str, params: dict[str, Any], **more: object) -> Any:
        """What the language server said."""
        return self.ask("lsp/request", root=str(root), method=method, params=params, **more)["result"]

    def hover(self, root: Path | str, file: str, line: int, character: int, **more: object) -> str:
        """The text of a hover, "" if there is none."""
        params = {"textDocument": {"uri": f"file://{root}/{file}"}, "position": {"line": line, "character": character}}
        said = self.lsp(root, "textDocument/hover", params, **more)
        return said["contents"]["value"] if said else ""

    def sessions(self, root: Path | str, name: str = "") -> list[dict[str, Any]]:
        """What is said of the sessions of a root, or of those with a name."""
        spaces = [space for space in self.ask("health")["workspaces"] if space["root"] == str(root)]
        return [one for space in spaces for one in space["sessions"] if name in ("", one["name"])]

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Daemon:
    """A real daemon process in a place of its own."""

    def __init__(self, place: Path, env: Mapping[str, str], prefix: Sequence[str] = ()) -> None:
        self.place = place
        self.prefix = list(prefix)
        self.socket = str(place / "s.sock")
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "SEMCTX_"))},
            "SEMCTX_SOCKET": self.socket,
            "XDG_RUNTIME_DIR": str(place),
            "XDG_STATE_HOME": str(place / "state"),
            "XDG_CONFIG_HOME": str(place / "config"),
            "XDG_CACHE_HOME": str(place / "cache"),
            **env,
        }
        self.clients: list[Wire] = []
        self.process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return (self.place / "log").read_text(errors="replace")

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.log.splitlines()]

    def line(self, **facts: object) -> dict[str, Any]:
        """The first line of its log that says this; that of a request may be late."""
        return eventually(
            lambda: next((line for line in self.events if facts.items() <= line.items()), None), f"a line with {facts}"
        )

    def configure(self, toml: str) -> None:
        folder = self.place / "config" / "semctx"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(toml)

    def start(self) -> None:
        with open(self.place / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "semctxd"],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.place,
            )
        eventually(lambda: self.process.poll() is not None or self._listens(), "the daemon listens")
        assert self.process.poll() is None, self.log

    def _listens(self) -> bool:
        try:
            client = self.client()
        except OSError:
            return False
        client.call("ping")  # an error, but a reply: it serves
        client.close()
        return True

    def run_inside(self, *argv: str | Path) -> None:
        """Run a program as root of the daemon's own namespaces of users and mounts."""
        enter = ["nsenter", "-t", str(self.pid), "-U", "-m", "--preserve-credentials"]
        subprocess.run([*enter, *argv], check=True)

    def client(self, headers: bool = False) -> Wire:
        client = Wire(self.socket, headers)
        self.clients.append(client)
        return client

    def stop(self) -> int:
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(PATIENCE_S)


@contextmanager
def daemon_at(
    env: Mapping[str, str] = {}, config: str = "", faulty: bool = False, prefix: Sequence[str] = ()
) -> Iterator[Daemon]:
    """A daemon that ends in order: exit code 0, nothing left behind, and no exception in its log unless `faulty`.
    `prefix` is a command that becomes the daemon."""
    with tempfile.TemporaryDirectory(prefix="sd", dir="/tmp") as name:
        daemon = Daemon(Path(name), env, prefix)
        if config:
            daemon.configure(config)
        daemon.start()
        try:
            yield daemon
        finally:
            code = daemon.stop()
        assert code == 0, daemon.log
        assert faulty or "Traceback" not in daemon.log, daemon.log


class Patient:
    """A language server that answers only when told to: what it read, and when it may answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, number: int) -> str:
        """The text that it read for its `number`th request, once it did."""
        path = self.folder / f"{number}.asked"
        eventually(path.exists, f"the server is asked for the {number}. time")
        return path.read_text()

    def was_asked(self, number: int) -> bool:
        return (self.folder / f"{number}.asked").exists()

    def let(self, *numbers: int) -> None:
        """Let it answer those requests."""
        for number in numbers:
            (self.folder / f"{number}.go").write_text("")


@contextmanager
def manager_at(path: Path) -> Iterator[socket.socket]:
    """A service manager's end of sd_notify."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(PATIENCE_S)
        yield manager


def importing(folder: Path) -> dict[str, str]:
    """The environment in which a daemon imports what lies in a folder before all else."""
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def sources(config: Config) -> Sources:
    """A configuration that comes from nowhere."""
    made = Sources()
    made.config = config
    return made


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What runs in the tests' own process leaves no snapshots with the user either."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("caches"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with daemon_at() as running:
        yield running


@pytest.fixture(scope="module")
def shared() -> Iterator[Daemon]:
    """One for all tests of a module that leave nothing behind but a root of their own."""
    with daemon_at() as running:
        yield running


@pytest.fixture
def client(daemon: Daemon) -> Wire:
    return daemon.client()


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    (tmp_path / "patient").mkdir()
    return Patient(tmp_path / "patient")


@pytest.fixture(scope="module")
def slow() -> Iterator[Daemon]:
    """One whose language server `patient` answers for."""
    with daemon_at(config="[daemon]\ndeadline_s = 20\n" + configured(command("patient", "../patient"))) as running:
        yield running


FILES = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n',
    "shop/__init__.py": '"""A shop."""\n',
    "shop/prices.py": '''"""Prices."""

from decimal import Decimal


class Price:
    """An amount of money."""

    def __init__(self, amount: Decimal) -> None:
        self.amount = amount

    def with_tax(self, rate: Decimal) -> "Price":
        """The price with tax added."""
        return Price(self.amount * (1 + rate))


def parse_price(text: str) -> Price:
    """Parse a price such as `12.50`."""
    return Price(Decimal(text))
''',
    "shop/validation.py": '''"""Checks of what users enter."""

import re

EMAIL = re.compile(r"[^@]+@[^@]+")


class ValidationError(ValueError):
    """What the user entered is wrong."""


def validate_email(address: str) -> str:
    """Validate the format of an email address and return it."""
    if not EMAIL.fullmatch(address):
        raise ValidationError(address)
    return address
''',
    "shop/orders.py": '''"""Orders."""

from shop.prices import Price, parse_price
from shop.validation import validate_email


class Order:
    """What somebody buys."""

    def __init__(self, email: str, price: str) -> None:
        self.email = validate_email(email)
        self.price = parse_price(price)


def total(orders: list[Order]) -> list[Price]:
    """The prices of all orders."""
    prices = [order.price for order in orders]
    return prices
''',
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A small repository without an environment of its own."""
    root = Path(os.path.realpath(tmp_path)) / "repo"
    write(root, FILES)
    return root
