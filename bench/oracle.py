"""A conversation with a fresh `ty server`, by the shortest LSP client that will do.

It shares no code with the daemon: it is told of nothing but the Python, so it answers from the tree as it finds it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import threading
from typing import Any, Self
from urllib.parse import quote

_DEADLINE_S = 600.0  # of the whole conversation
_KEPT_ENVIRONMENT = ("HOME", "PATH", "TMPDIR", "XDG_CACHE_HOME")  # no PYTHONPATH
_CAPABILITIES = {
    "general": {"positionEncodings": ["utf-16"]},
    "workspace": {"configuration": True, "workspaceFolders": True},
    "textDocument": {
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "signatureHelp": {"signatureInformation": {"documentationFormat": ["markdown", "plaintext"]}},
        "diagnostic": {"relatedDocumentSupport": True},
        **{name: {"linkSupport": True} for name in ("definition", "typeDefinition")},
    },
}
ENVIRONMENT = {"VIRTUAL_ENV": sys.prefix}
"""Started with this, a daemon takes the Python that `Ty` takes, which messages name: a tree's own `.venv`, or else the
one that runs this."""


class Ty:
    """One server process on one root. Past the deadline the process is killed, and who waits is told."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.uri = uri(root)
        configuration = {"environment": {"python": _python(root)}}
        # diagnostics of files that no editor has open, too
        self._settings = {"ty": {"configuration": configuration, "diagnosticMode": "workspace"}}
        self._number = 0
        self._process = subprocess.Popen(
            [os.path.join(sysconfig.get_path("scripts"), "ty"), "server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=root,
            env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
        )
        assert self._process.stdin and self._process.stdout
        self._input, self._output = self._process.stdin, self._process.stdout
        self._guard = threading.Timer(_DEADLINE_S, self._process.kill)
        self._guard.daemon = True
        self._guard.start()
        folders = [{"uri": self.uri, "name": "tree"}]
        self.ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": self.uri,
                "workspaceFolders": folders,
                "capabilities": _CAPABILITIES,
            },
        )
        self.notify("initialized", {})

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def ask(self, method: str, params: object) -> Any:
        """The server's answer. Raises RuntimeError for an error."""
        return self.ask_all([(method, params)])[0]

    def ask_all(self, questions: list[tuple[str, object]]) -> list[Any]:
        """Send all at once; the answers in the order of the questions."""
        numbers = range(self._number + 1, self._number + 1 + len(questions))
        self._number += len(questions)
        for number, (method, params) in zip(numbers, questions, strict=True):
            self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answers: dict[int, Any] = {}
        while len(answers) < len(questions):
            message = self._receive()
            if "method" in message:
                if "id" in message:
                    items = message["params"].get("items") if message["method"] == "workspace/configuration" else None
                    told = None if items is None else [self._settings.get(item["section"], {}) for item in items]
                    self._send({"jsonrpc": "2.0", "id": message["id"], "result": told})
            elif "error" in message:
                raise RuntimeError(f"ty: {message['error']}")
            else:
                answers[message["id"]] = message["result"]
        return [answers[number] for number in numbers]

    def request(self, method: str, params: object) -> bytes:
        """A request as it goes on the wire, for `exchange`."""
        self._number += 1
        return _framed({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})

    def exchange(self, request: bytes) -> bytes:
        """The raw reply, which is not looked at. The server must ask nothing meanwhile."""
        self._input.write(request)
        self._input.flush()
        return self._receive_raw()

    def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._guard.cancel()
        self._process.kill()
        self._process.wait()
        self._input.close()
        self._output.close()

    def _send(self, message: object) -> None:
        self._input.write(_framed(message))
        self._input.flush()

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._receive_raw())
        return message

    def _receive_raw(self) -> bytes:
        length = 0
        while line := self._output.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            raise RuntimeError("ty ended")
        return self._output.read(length)


def _framed(message: object) -> bytes:
    raw = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(raw), raw)


def _python(root: str) -> str:
    own = os.path.join(root, ".venv", "bin", "python")
    return own if os.path.exists(own) else sys.executable


def uri(path: str) -> str:
    """The file URI of an absolute path."""
    return "file://" + quote(path)


def at(root: str, file: str, line: int | None = None, character: int = 0) -> dict[str, Any]:
    """A text document, or a position in it (0-based, UTF-16 code units)."""
    document: dict[str, Any] = {"textDocument": {"uri": uri(f"{root}/{file}")}}
    if line is not None:
        document["position"] = {"line": line, "character": character}
    return document
