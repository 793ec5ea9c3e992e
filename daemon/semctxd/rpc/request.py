"""A request on the wire."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import msgspec

from semctxd.rpc.question import UNREADABLE


class Request(msgspec.Struct):
    """A JSON-RPC request, its parts still raw."""

    method: str
    jsonrpc: Literal["2.0"] = "2.0"
    id: msgspec.Raw = msgspec.Raw(b"")
    params: msgspec.Raw = msgspec.Raw(b"{}")


class _Cancel(msgspec.Struct):
    id: int | str


decode = msgspec.json.Decoder(Request).decode
"""A request from bytes. Raises UNREADABLE for a batch, and for what is no request."""


def id_of(number: bytes) -> object:
    """A request's id from raw JSON; something of its own where it has none, or one that the dispatch will refuse."""
    if number and number[0] not in b"[{":
        with suppress(*UNREADABLE):
            return msgspec.json.decode(number)
    return object()


def cancelled(request: Request) -> int | str:
    """The id that a `$/cancelRequest` names. Raises UNREADABLE."""
    return msgspec.json.decode(request.params, type=_Cancel).id
