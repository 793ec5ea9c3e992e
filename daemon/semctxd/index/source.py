"""The text of files as answers show it: lines as LSP counts them, columns in UTF-16 code units."""

from __future__ import annotations

import os
import re

from semctx.errors import SemctxError
from semctxd.index import build
from semctxd.index.decoding import MAX_BYTES, NO_TEXT, decode, encoding_of
from semctxd.index.live import LiveIndex

_LINE_END = re.compile(r"\r\n|\n|\r")
_SHOWN_MAX = 300  # characters of a line; what is longer is data


class Source:
    """The text of one file."""

    def __init__(self, text: str) -> None:
        self.lines = _LINE_END.split(text)

    def line(self, number: int) -> str:
        """A line (0-based) without its end; "" for one that is not there."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def shown(self, number: int) -> str:
        """A line (0-based) as an answer shows it."""
        line = self.line(number).rstrip()
        return line if len(line) <= _SHOWN_MAX else line[: _SHOWN_MAX - 1] + "…"


def width(text: str) -> int:
    """Its length in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def index_of(line: str, column: int) -> int:
    """The index in a line of a column in UTF-16 code units; its end, for one beyond it."""
    if line.isascii():
        return min(column, len(line))
    return len(line.encode("utf-16-le", "surrogatepass")[: 2 * column].decode("utf-16-le", "replace"))


def path_of(live: LiveIndex, file: str) -> bytes:
    """The absolute path of a file that is named relative to the root."""
    return os.path.join(live.root, os.fsencode(file))


def read(live: LiveIndex, file: str) -> Source:
    """The text of a file that was asked for. Raises FileNotFound or FileRefused."""
    path = path_of(live, file)
    if (text := live.unsaved.get(path)) is not None:
        return Source(text)
    if not os.path.isfile(path):
        what = "is a folder" if os.path.isdir(path) else "does not exist, or is a link that leads nowhere"
        raise SemctxError("FileNotFound", f"{file or 'the root'} {what}")
    data = build.read(path)
    if len(data) > MAX_BYTES:
        raise SemctxError("FileRefused", f"{file} is larger than {MAX_BYTES // 1_000_000} MB")
    if data == build.UNREADABLE:
        raise SemctxError("FileRefused", f"{file} cannot be read")
    if b"\0" in data:
        raise SemctxError("FileRefused", f"{file} is binary")
    try:
        return Source(data.decode(encoding_of(data)))
    except NO_TEXT as error:
        raise SemctxError("FileRefused", f"{file} is no text: {error}") from None


def show(live: LiveIndex, file: str) -> Source:
    """The text of a file that an answer names, in the root or (absolute) outside; empty if it cannot be read."""
    path = path_of(live, file)
    return Source(live.unsaved[path] if path in live.unsaved else decode(build.read(path)) or "")
