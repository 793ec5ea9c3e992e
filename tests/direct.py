"""A conversation with a language server of one's own: the yardstick for what the daemon passes on.

Blocking, and independent of semctxd but for the capabilities that both announce.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semctxd.lsp.capabilities import CAPABILITIES

TY = [os.path.join(sysconfig.get_path("scripts"), "ty"), "server"]


class Refused(Exception):
    """The server answered with an error; its message is the argument."""


class Direct:
    """One server on one root, with one interpreter."""

    def __init__(self, process: subprocess.Popen[bytes], root: str, interpreter: str) -> None:
        self._process = process
        self._interpreter = interpreter
        self._number = 0
        folder = {"uri": Path(root).as_uri(), "name": os.path.basename(root)}
        self.ask(
            "initialize",
            {
                "processId": None,
                "rootUri": folder["uri"],
                "capabilities": CAPABILITIES,
                "workspaceFolders": [folder],
            },
        )
        self.tell("initialized", {})

    def ask(self, method: str, params: object) -> Any:
        """The result. Raises Refused."""
        self._number += 1
        self._send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message:
                self._serve(message)
            elif "error" in message:
                raise Refused(message["error"]["message"])
            else:
                assert message["id"] == self._number
                return message["result"]

    def tell(self, method: str, params: object) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _serve(self, message: dict[str, Any]) -> None:
        if "id" not in message:
            return
        result: object = None
        if message["method"] == "workspace/configuration":
            settings = {"configuration": {"environment": {"python": self._interpreter}}, "diagnosticMode": "workspace"}
            result = [settings if item.get("section") == "ty" else {} for item in message["params"]["items"]]
        self._send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _send(self, message: object) -> None:
        assert self._process.stdin
        raw = json.dumps(message).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(raw), raw))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


@contextmanager
def direct(root: Path, interpreter: str, caches: Path | None = None) -> Iterator[Direct]:
    """ty on that root, ended in the end. Below `caches` lie the files of its own that answers name."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # whose modules ty would offer
    if caches:
        env["XDG_CACHE_HOME"] = str(caches)
    process = subprocess.Popen(
        TY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root, env=env
    )
    with process:
        try:
            yield Direct(process, str(root), interpreter)
        finally:
            process.kill()
