"""What both connections share: requests as bytes, replies as values, the greeting. Pure."""

from __future__ import annotations

import json

import semctx
from semctx.errors import PROTOCOL, SemctxError
from semctx.framing import MAX_FRAME_BYTES

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from semctx.protocol import HelloResult

LONGEST_S = 2e6
"""What anything is waited for at most, 23 days: poll(2) counts milliseconds, in 31 bits."""

LEAVING = ("ConnectionLost", "ShuttingDown")
"""What a greeting ends in that a daemon took which was about to leave: another one is greeted, once."""

_ENVIRONMENT = ("VIRTUAL_ENV", "CONDA_PREFIX", "PATH")

_loads = json.JSONDecoder().raw_decode
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encode(method: str, params: Mapping[str, Any], number: int | None = None) -> bytes:
    """A request, or without a number a notification, as a line.

    Raises SemctxError (InvalidParams) where the parameters are no JSON, or too many bytes.
    """
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        message["id"] = number
    try:
        line = _dumps(message).encode() + b"\n"
    except (TypeError, ValueError) as error:  # ValueError: not a number, a cycle, or half of a surrogate pair
        half = isinstance(error, UnicodeEncodeError) and error.object[error.start : error.end][:10]
        why = f"{half!r} is no text in UTF-8" if half else error
        raise SemctxError("InvalidParams", f"the parameters of {method} are no JSON: {why}") from error
    if len(line) > MAX_FRAME_BYTES:
        raise SemctxError("InvalidParams", f"{method}: {len(line)} bytes; at most {MAX_FRAME_BYTES} are allowed")
    return line


def seconds(timeout: object) -> float:
    """The seconds that a time-out allows, 0 to LONGEST_S. Raises SemctxError (InvalidParams) where it is no number."""
    if not (isinstance(timeout, int | float) and (timeout >= 0 or timeout < 0)):  # NaN is neither
        hint = "Give seconds as a number, such as 30; `math.inf` waits as long as it takes."
        raise SemctxError("InvalidParams", f"a time-out is a number of seconds, not {timeout!r}", hint=hint)
    return max(0.0, min(timeout, LONGEST_S))


def cancel(number: int) -> bytes:
    """The notification that cancels a request."""
    return encode("$/cancelRequest", {"id": number})


def decode(line: bytes) -> dict[str, Any]:
    """One message of the daemon. A SemctxError (ConnectionLost) where it is no JSON object."""
    try:
        message, _ = _loads(line.decode())  # json.loads would guess the encoding, and look for white space
    except ValueError as error:
        raise SemctxError("ConnectionLost", f"what answers is no daemon of semctx: {error}") from error
    if not isinstance(message, dict):
        raise SemctxError("ConnectionLost", "what answers is no daemon of semctx: its message is no object")
    return message


def result(reply: dict[str, Any]) -> Any:
    """The result of a reply, or its error raised."""
    if "error" in reply:
        raise SemctxError.from_json(reply["error"])
    return reply.get("result")


def hello_params(env: Mapping[str, str], view: str | None = None, *, restore: bool = False) -> dict[str, Any]:
    """The parameters of session/hello for a client with that environment, which looks through a view of that token;
    `restore` has a daemon that began anew make the view again."""
    greeting: dict[str, Any] = {
        "client": f"semctx-python/{semctx.__version__}",
        "protocol": PROTOCOL,
        "env": {name: env[name] for name in _ENVIRONMENT if env.get(name)},
    }
    if view is not None:
        greeting["view"] = view
    if restore:
        greeting["restore"] = True
    return greeting


def check_hello(daemon: HelloResult) -> HelloResult:
    """The daemon's answer to the greeting, if both speak one protocol (else VersionMismatch is raised)."""
    if daemon["protocol"] != PROTOCOL:
        raise SemctxError(
            "VersionMismatch",
            f"semctx {semctx.__version__} speaks protocol {PROTOCOL}, the daemon {daemon['version']} "
            f"(process {daemon['pid']}) speaks {daemon['protocol']}",
        )
    return daemon


def lost(reason: object = "") -> SemctxError:
    """The connection ended while a request was under way."""
    return SemctxError("ConnectionLost", f"the connection to the daemon was lost: {reason}" if reason else "")


def timed_out(method: str, seconds: float) -> SemctxError:
    """No reply came in time."""
    return SemctxError("Timeout", f"{method}: no reply within {seconds:g} s")
