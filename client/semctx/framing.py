"""Bytes <-> messages: the two framings of the protocol, pure and shared by both sides.

A stream is either *headers* (LSP's `Content-Length: N`, a blank line, N bytes of JSON) or *lines*
(one JSON text and a newline). Its first byte that is no white space tells which: JSON-RPC texts begin with `{` or `[`,
headers with a letter. A stream never changes its framing.
"""

from __future__ import annotations

MAX_FRAME_BYTES = 64 * 1024 * 1024
_MAX_HEADER_BYTES = 4096
_HEAD_BYTES = 256
_MAX_CUT_BYTES = 1 << 32  # a longer message is none


class FrameError(ValueError):
    """The bytes are no frame of either kind, or one over the limit; the stream cannot go on."""


class Cut(bytes):
    """The first bytes of a message over the limit, the rest of which is dropped as it arrives."""


class Decoder:
    """Cut a stream of bytes into messages.

    `headers` is True or False once the first byte came (None before): a reply uses the same framing.
    `feed` is incremental and never copies a byte twice: a message that arrives in one piece, the usual
    case, is a slice of it. With `cuts`, a message with headers that is over `max_bytes` comes as a `Cut`, and the
    stream goes on.
    """

    __slots__ = ("_buffer", "_cuts", "_drop", "_need", "_seen", "headers", "max_bytes")

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES, headers: bool | None = None, *, cuts: bool = False) -> None:
        self.max_bytes = max_bytes
        self.headers = headers
        self._cuts = cuts
        self._drop = 0  # bytes of a message over the limit that are still to come
        self._buffer = bytearray()
        self._need = 0  # bytes that must be there before another look pays
        self._seen = 0  # bytes of an incomplete line already searched for its end

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes, in order.

        Raises FrameError for a malformed header or a message over `max_bytes`; the messages completed
        before the bad one are lost with the stream, as it cannot be resynchronised.
        """
        if self.headers is None:
            head = data.lstrip()
            if not head:
                return []
            self.headers = head[0] not in b"{["
        if not self.headers and not self._buffer and data.find(b"\n") == len(data) - 1:
            if len(data) > self.max_bytes:
                raise FrameError(f"message over {self.max_bytes} bytes")
            return [data] if len(data) > 1 else []
        if self.headers and not (self._buffer or self._drop):
            end = data.find(b"\r\n\r\n", 0, _MAX_HEADER_BYTES)
            if end >= 0 and content_length(data[:end]) == len(data) - end - 4 <= self.max_bytes:
                return [data[end + 4 :]]
        if self._drop:
            dropped = min(self._drop, len(data))
            self._drop -= dropped
            data = data[dropped:]
        self._buffer += data
        if len(self._buffer) < self._need:
            return []
        return self._headers() if self.headers else self._lines()

    def _lines(self) -> list[bytes]:
        end = self._buffer.rfind(b"\n", self._seen)
        if end < 0:
            self._seen = len(self._buffer)
            if self._seen > self.max_bytes:
                raise FrameError(f"message over {self.max_bytes} bytes")
            return []
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest)
        self._seen = len(rest)
        if max(map(len, lines)) > self.max_bytes or self._seen > self.max_bytes:
            raise FrameError(f"message over {self.max_bytes} bytes")
        return [line for line in lines if line.strip()]

    def _headers(self) -> list[bytes]:
        buffer, at = self._buffer, 0
        out: list[bytes] = []
        self._need = 0
        while True:
            end = buffer.find(b"\r\n\r\n", at, at + _MAX_HEADER_BYTES)
            if end < 0:
                if len(buffer) - at >= _MAX_HEADER_BYTES:
                    raise FrameError(f"no end of the headers within {_MAX_HEADER_BYTES} bytes")
                break
            length = content_length(bytes(buffer[at:end]))
            if length > self.max_bytes:
                if not self._cuts or length > _MAX_CUT_BYTES:
                    raise FrameError(f"message of {length} bytes; at most {self.max_bytes} are allowed")
                head = min(length, _HEAD_BYTES)
                if len(buffer) < end + 4 + head:
                    self._need = end + 4 + head - at
                    break
                out.append(Cut(buffer[end + 4 : end + 4 + head]))
                at = min(end + 4 + length, len(buffer))
                self._drop = end + 4 + length - at
                continue
            if len(buffer) < end + 4 + length:
                self._need = end + 4 + length - at
                break
            with memoryview(buffer) as view:  # a slice of the buffer itself would be one more copy
                out.append(bytes(view[end + 4 : end + 4 + length]))
            at = end + 4 + length
        del buffer[:at]
        return out


def content_length(headers: bytes) -> int:
    """The value of `Content-Length` in a header block (names are case-insensitive, as in HTTP)."""
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    raise FrameError("no valid Content-Length header")


def frame(message: bytes, headers: bool) -> bytes:
    """One message as it goes on the wire. With lines it must not hold a raw newline (compact JSON never does)."""
    return b"Content-Length: %d\r\n\r\n%s" % (len(message), message) if headers else message + b"\n"
