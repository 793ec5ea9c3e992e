"""A real daemon process in a place of its own, and a raw blocking client."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import semctxd
from bench.oracle import ENVIRONMENT

PATIENCE_S = 60.0
_NEWLINE = 10
_NOT_KEPT = ("XDG_", "SEMCTX_", "PYTHONDONTWRITEBYTECODE")  # the last: an installed program is compiled already


class Client:
    """One JSON text a line over a plain socket; no code of semctx's own client."""

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(PATIENCE_S)
        self._socket = connected
        self._number = 0

    def exchange(self, request: bytes) -> bytes:
        """Send one line, return one line: the path that is measured."""
        self._socket.sendall(request)
        data = self._receive()
        while data[-1] != _NEWLINE:
            data += self._receive()
        return data

    def send(self, request: bytes) -> None:
        """Send one line; its reply is for `receive`."""
        self._socket.sendall(request)

    def receive(self) -> Any:
        """The result of the one request under way. Raises RuntimeError for an error."""
        data = self._receive()
        while data[-1] != _NEWLINE:
            data += self._receive()
        return _result("the request", json.loads(data))

    def exchange_all(self, requests: list[bytes]) -> list[bytes]:
        """Send lines at once, return as many lines, in the order in which they come."""
        self._socket.sendall(b"".join(requests))
        data = self._receive()
        while data[-1] != _NEWLINE or data.count(b"\n") < len(requests):
            data += self._receive()
        return data.splitlines()

    def _receive(self) -> bytes:
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the other side closed the connection")
        return data

    def call(self, method: str, /, **params: object) -> dict[str, Any]:
        """The whole reply."""
        self._number += 1
        reply: dict[str, Any] = json.loads(self.exchange(request(self._number, method, params)))
        return reply

    def ask(self, method: str, /, **params: object) -> Any:
        """The result. Raises RuntimeError for an error."""
        return _result(method, self.call(method, **params))

    def fileno(self) -> int:
        """The connection's descriptor: who waits for several uses it."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _result(method: str, reply: dict[str, Any]) -> Any:
    if "error" in reply:
        raise RuntimeError(f"{method}: {reply['error']}")
    return reply["result"]


class Daemon:
    """Started on entering, stopped by its own process id on leaving."""

    def __init__(self, config: str = "", model: Path | None = None) -> None:
        """`model`: a file that it ranks by, rather than its own."""
        self.place = tempfile.mkdtemp(prefix="sb", dir="/tmp")  # a socket's path has at most 108 bytes
        if config:
            os.mkdir(os.path.join(self.place, "semctx"))
            with open(os.path.join(self.place, "semctx", "config.toml"), "w", encoding="utf-8") as file:
                file.write(config)
        self.socket = os.path.join(self.place, "s")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_KEPT)}
        places = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"), self.place)
        os.environ["XDG_CACHE_HOME"] = (
            self.place
        )  # a server beside it unpacks its own files there, too, as answers name them
        self.environment = {**kept, **places, "SEMCTX_SOCKET": self.socket, **ENVIRONMENT}
        if model:
            copy = shutil.copytree(Path(semctxd.__file__).parent, Path(self.place, "code", "semctxd"))
            shutil.copyfile(model, copy / "ranking" / "model.json")
            self.environment["PYTHONPATH"] = os.pathsep.join(
                [str(copy.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
            )
        self._clients: list[Client] = []
        self.process: subprocess.Popen[bytes]

    def start(self) -> Client:
        """Spawn the process; a first client, as soon as it listens."""
        with open(os.path.join(self.place, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "semctxd"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.place,
            )
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.client()
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the daemon does not listen:\n{self.log()}") from None
                time.sleep(0.001)

    def client(self) -> Client:
        """A new connection."""
        client = Client(connected(self.socket))
        self._clients.append(client)
        return client

    def pids(self, client: Client) -> dict[str, int]:
        """Process ids: of the daemon, and of each session by its name."""
        health = client.ask("health")
        sessions = (session for workspace in health["workspaces"] for session in workspace["sessions"])
        return {"daemon": self.process.pid, **{one["name"]: one["pid"] for one in sessions if one["pid"]}}

    def stop(self) -> None:
        """End the process, in order. Another may be started in its place."""
        for client in self._clients:
            client.close()
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def log(self) -> str:
        """What it logged."""
        with open(os.path.join(self.place, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self.process.kill()
            shutil.rmtree(self.place, ignore_errors=True)


def warm_up(root: str) -> None:
    """Start a daemon and have it answer, so that its bytecode is written, and its files and the root's are in memory,
    as those of what it is compared with are."""
    with Daemon() as daemon:
        daemon.start().ask("context/query", root=root, intent="Warm up")


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Take these environment variables alone: by them the client library finds its daemon, and starts another."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def connected(path: str) -> socket.socket:
    """A connection to a listening socket. Raises OSError where nobody listens."""
    made = socket.socket(socket.AF_UNIX)
    try:
        made.connect(path)
    except OSError:
        made.close()
        raise
    return made


def request(number: int, method: str, params: object) -> bytes:
    """A request as it goes on the wire."""
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def lsp(root: str, method: str, params: object, **more: object) -> dict[str, Any]:
    """The parameters of an lsp/request."""
    return {"root": root, "method": method, "params": params, **more}
