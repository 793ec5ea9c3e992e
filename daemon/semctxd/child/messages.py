"""What a child is asked, and what it says: JSON-RPC messages, their parts still raw."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import msgspec

from semctx.errors import SemctxError
from semctx.framing import Cut, FrameError
from semctxd.model import DISK, Overlays

Reply = Callable[[bytes | None, SemctxError | None], None]

_REPLY = re.compile(
    rb"""
    \s* \{ \s*
    (?: "jsonrpc" \s* : \s* "2\.0" \s* , \s* )?
    "id" \s* : \s* (\d+) \s* , \s*
    (?: "jsonrpc" \s* : \s* "2\.0" \s* , \s* )?
    "result" """,
    re.VERBOSE,
)


class Asked(msgspec.Struct):
    """One request: waiting for the child to be ready, or sent. `reply` is None once it was answered or given up."""

    method: str
    params: bytes
    reply: Reply | None
    overlays: Overlays = DISK  # what it is asked through
    timer: asyncio.TimerHandle | None = None
    is_own: bool = False  # of the session itself: it ends with the run
    request: str = ""  # the client's request that it is for, as in the log
    is_overdue: bool = False  # given up, and still without a reply when it should have had one long since
    sent_at: float = 0.0  # on `time.perf_counter()`'s clock; 0 while it waits


class Message(msgspec.Struct):
    """A message of a child."""

    id: msgspec.Raw = msgspec.Raw(b"")
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"null")
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"")
    took_ms: float = 0.0  # of the work itself, where the child says so


class TooLarge(Message):
    """A reply that was cut: only its number is known."""


_decode = msgspec.json.Decoder(Message).decode


def decode(raw: bytes) -> Message:
    """One message. Raises msgspec.DecodeError for what is none, FrameError for one that was cut and is no reply."""
    if not isinstance(raw, Cut):
        return _decode(raw)
    if reply := _REPLY.match(raw):
        return TooLarge(id=msgspec.Raw(reply[1]))
    raise FrameError("more bytes than an answer may have, and no reply")
