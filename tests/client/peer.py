"""A peer that does as a test says: what a client must survive, no well-behaved daemon ever does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

HELLO = {"server": "semctxd", "version": "9.9", "protocol": 1, "pid": 4242, "view": "v1"}


class Talk:
    """One connection of the peer."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.file = connection.makefile("rb")

    def read(self) -> dict[str, Any]:
        """The next message; EOFError when the client has left."""
        if not (line := self.file.readline()):
            raise EOFError
        message: dict[str, Any] = json.loads(line)
        return message

    def send(self, *messages: Any) -> None:
        self.raw(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self, request: dict[str, Any], result: Any) -> None:
        self.send(reply(request, result))

    def hello(self, **changes: Any) -> dict[str, Any]:
        """Answer the greeting; its parameters are returned."""
        request = self.read()
        assert request["method"] == "session/hello"
        self.reply(request, HELLO | changes)
        params: dict[str, Any] = request["params"]
        return params


def reply(request: dict[str, Any], result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request["id"], "result": result}


def error(request: dict[str, Any], kind: str, message: str = "", **data: Any) -> dict[str, Any]:
    data["type"] = kind
    return {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -1, "message": message, "data": data}}


class Peer:
    """Listens on a socket; the n-th connection is handled by the n-th script, the last one by all further scripts."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.accepted = 0
        self.failures: list[BaseException] = []
        self._scripts: list[Callable[[Talk], object]] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def plays(self, *scripts: Callable[[Talk], object]) -> None:
        self._scripts = list(scripts)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(self.accepted, len(self._scripts) - 1)]
            self.accepted += 1
            thread = threading.Thread(target=self._play, args=(script, connection))
            thread.start()
            self._threads.append(thread)

    def _play(self, script: Callable[[Talk], object], connection: socket.socket) -> None:
        talk = Talk(connection)
        try:
            script(talk)
        except (EOFError, ConnectionError):
            pass
        except BaseException as failure:
            self.failures.append(failure)
        finally:
            talk.file.close()
            connection.close()

    def leave(self) -> None:
        """Listen no more, as a daemon that was killed: the socket file stays behind."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()

    def finish(self) -> None:
        if self._listener.fileno() >= 0:
            self.leave()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "the client left a connection open"
        assert not self.failures, self.failures


def answering(answers: dict[str, Any]) -> Callable[[Talk], None]:
    """A script that greets, then answers each method with its value, or with what a function makes of the request."""

    def script(talk: Talk) -> None:
        while True:
            request = talk.read()
            if request["method"] == "session/hello":
                talk.reply(request, HELLO)
                continue
            answer = answers[request["method"]]
            talk.send(answer(request) if callable(answer) else reply(request, answer))

    return script
