"""What a function's present body says has no say in the context for writing it anew.

The same question is asked of two trees: in one the function is whole, in the other its body, its docstring and the
imports that only it needs are gone. Equal answers mean that nothing leaks, whatever the signal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semctxd.index.answer import context
from semctxd.index.live import LiveIndex
from tests.conftest import write

WHOLE = '''\
import json
from lib.codec import Encoder, Frame
from lib.wire import Socket, flush_socket


class Channel:
    def __init__(self, socket: Socket):
        self.socket = socket

    def send(self, message):
        """Encode the zebra frame, flush the quagga socket."""
        self.frame = Frame(message)
        self.encoder = Encoder()
        flush_socket(self.encoder.encode(self.frame))
        return json.dumps(message)

    def close(self):
        self.socket.shut()

    def again(self, message):
        return self.send(message)
'''
MASKED = """\


from lib.wire import Socket


class Channel:
    def __init__(self, socket: Socket):
        self.socket = socket

    def send(self, message):
        ...





    def close(self):
        self.socket.shut()

    def again(self, message):
        return self.send(message)
"""
LIBRARY = {
    "lib/codec.py": (
        "class Encoder:\n    def encode(self, frame): ...\n\nclass Frame: ...\n\n"
        "def zebra(): ...\n\ndef decode_frame(data):\n    return Frame(data)\n"
    ),
    "lib/wire.py": (
        "class Socket:\n    def shut(self): ...\n    def write(self, data): ...\n\ndef flush_socket(data): ...\n\n"
        "def quagga(): ...\n"
    ),
    "lib/other.py": (
        "from lib.codec import Encoder\nfrom lib.wire import Socket\n\n"
        "def send_all(messages, socket: Socket):\n    for message in messages:\n"
        "        socket.write(Encoder().encode(message))\n"
    ),
}  # fmt: skip
QUESTIONS: list[dict[str, Any]] = [
    {"intent": "Send a message over the channel"},
    {"intent": "Encode a frame", "draft": "self.encoder.encode(message)\nself.socket.flush()"},
]


def answer(root: Path, text: str, question: dict[str, Any]) -> Any:
    write(root, {**LIBRARY, "lib/channel.py": text})
    live = LiveIndex(str(root))
    live.refresh()
    place = {"targetFile": "lib/channel.py", "qualname": "Channel.send", "signature": "def send(self, message)"}
    return context(live, {**question, **place, "explain": True, "limits": {"symbols": 50, "conventions": 0}})


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_body_that_is_there_changes_nothing(tmp_path: Path, question: dict[str, Any]) -> None:
    there, gone = answer(tmp_path / "a", WHOLE, question), answer(tmp_path / "b", MASKED, question)
    assert there["symbols"] == gone["symbols"]
    assert there["files"] == gone["files"]
    assert there["imports"] == gone["imports"]
    assert len(there["symbols"]) > 8


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("its docstring", '    """Encode the zebra frame, flush the quagga socket."""'),
        ("its uses", "    flush_socket(self.encoder.encode(Frame(message)))"),
        ("attributes that it sets", "    self.encoder = Encoder()"),
        ("its own imports", "    from lib.codec import Encoder, Frame\n        Encoder().encode(Frame(message))"),
    ],
)
def test_neither_does_any_part_of_it(tmp_path: Path, what: str, line: str) -> None:
    padding = "\n" * (5 - line.count("\n"))
    part = MASKED.replace("        ...\n\n\n\n\n", f"    {line}{padding}")
    assert part != MASKED, what
    assert part.count("\n") == MASKED.count("\n")
    question = QUESTIONS[0]
    there, gone = answer(tmp_path / "a", part, question), answer(tmp_path / "b", MASKED, question)
    assert there["symbols"] == gone["symbols"]
    assert there["imports"] == gone["imports"]


def test_the_function_itself_is_not_in_the_answer(tmp_path: Path) -> None:
    found = answer(tmp_path, WHOLE, {"intent": "Send a message"})
    assert "Channel.send" not in [symbol["qualname"] for symbol in found["symbols"]]
    assert "Channel.again" in [symbol["qualname"] for symbol in found["symbols"]]
