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
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 60.0


class Client:
    """One JSON text a line over a plain socket; no code of semctx's own client."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self._number = 0

    def exchange(self, request: bytes, replies: int = 1) -> bytes:
        """Send whole lines, and return as many lines: the path that is measured."""
        self.socket.sendall(request)
        data = self.socket.recv(1 << 18)
        while data.count(b"\n") < replies or not data.endswith(b"\n"):
            more = self.socket.recv(1 << 18)
            if not more:
                raise ConnectionError("the daemon closed the connection")
            data += more
        return data

    def call(self, method: str, /, **params: object) -> dict[str, Any]:
        """The whole reply."""
        self._number += 1
        reply: dict[str, Any] = json.loads(self.exchange(request(self._number, method, params)))
        return reply

    def ask(self, method: str, /, **params: object) -> Any:
        """The result. Raises RuntimeError for an error."""
        reply = self.call(method, **params)
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


class Daemon:
    """Started on entering, stopped by its own process id on leaving."""

    def __init__(self) -> None:
        self.place = tempfile.mkdtemp(prefix="sb", dir="/tmp")  # a socket's path has at most 108 bytes
        self.socket = os.path.join(self.place, "s")
        self._clients: list[Client] = []
        self.process: subprocess.Popen[bytes]

    def start(self) -> Client:
        """Spawn the process; a first client, as soon as it listens."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "SEMCTX_"))}
        places = {"SEMCTX_SOCKET": self.socket, "XDG_CONFIG_HOME": self.place, "XDG_STATE_HOME": self.place}
        with open(os.path.join(self.place, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "semctxd"],
                env={**kept, **places},
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
        client = Client(self.socket)
        self._clients.append(client)
        return client

    def log(self) -> str:
        """What it logged."""
        with open(os.path.join(self.place, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            shutil.rmtree(self.place, ignore_errors=True)


def request(number: int, method: str, params: object) -> bytes:
    """A request as it goes on the wire."""
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def lsp(root: str, method: str, params: object, **more: object) -> dict[str, object]:
    """The parameters of an lsp/request."""
    return {"root": root, "method": method, "params": params, **more}
