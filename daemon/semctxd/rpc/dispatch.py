"""jsonrpcserver, kept in one place: everything that is no hit goes through its method table.

Its defaults would cost a tenth of a millisecond a request and tell clients the text of unexpected exceptions: it
is given our own decoder, validator and serializer, and methods that raise nothing.
"""

from __future__ import annotations

import errno
import inspect
import warnings
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import msgspec

from semctx.errors import ERRORS, SemctxError
from semctxd import lean, logs
from semctxd.errors import Cancelled, InternalError, InvalidRequest, OutOfFiles


class _Unasked:
    """A JSON Schema validator that is never asked: jsonrpcserver makes one when it is imported, and is given ours."""

    def __init__(self, schema: object) -> None:
        """Nothing is kept of it."""

    @staticmethod
    def check_schema(schema: object) -> None:
        """See jsonschema."""

    def validate(self, instance: object) -> None:
        """See jsonschema."""


_UNUSED = {
    "jsonschema.validators": lean.module("jsonschema.validators", validator_for=lambda schema: _Unasked),
    "http.server": lean.module("http.server", BaseHTTPRequestHandler=object, HTTPServer=object),
}
"""What jsonrpcserver imports for what is not used here: together a quarter of the daemon's start, and 4 MB."""

with warnings.catch_warnings(), lean.instead(_UNUSED):
    warnings.simplefilter("ignore", DeprecationWarning)  # jsonrpcserver 5.0.9 reads its schema with importlib's old API
    from jsonrpcserver import Error, Result, Success, async_dispatch

Method = Callable[..., Awaitable[Result]]
_TYPES = {kind.code: name for name, kind in ERRORS.items()}


class Context(Protocol):
    """What a request needs of its connection."""

    def admit(self) -> None:
        """Raise where nothing is to be served any more."""

    def finished(
        self, method: str, root: object, params: object, seconds: float, error: str | None, cached: bool
    ) -> None:
        """A request ended, with an error of that type or with none; `params` may be raw JSON."""


class Served(NamedTuple):
    """A result that may have come from memory."""

    result: object
    cached: bool


def told(problem: Exception, method: str) -> SemctxError:
    """What a client is told of an exception that is being handled: of one that nobody foresaw, where the log has it."""
    if isinstance(problem, SemctxError):
        return problem
    if isinstance(problem, OSError) and problem.errno in (errno.EMFILE, errno.ENFILE):
        return OutOfFiles()
    error = InternalError()
    logs.get("rpc").exception("internal_error", method=method, correlation_id=error.correlation_id)
    return error


def method(
    name: str,
    handler: Callable[[Any, dict[str, Any]], Awaitable[object]],
    check: Callable[[object, str], dict[str, Any]],
) -> Method:
    """`handler(context, params)` as a method of the table: parameters checked, every exception a typed error."""

    async def call(context: Context, /, **params: object) -> Result:
        started = perf_counter()
        error: SemctxError | None = Cancelled()
        served = Served(None, cached=False)
        try:
            context.admit()
            result = await handler(context, check(params, name))
            served = result if isinstance(result, Served) else Served(result, cached=False)
            error = None
            return Success(served.result)
        except Exception as problem:  # a client is told of any, and the connection goes on
            error = told(problem, name)
        finally:
            seconds, kind = perf_counter() - started, error.type if error else None
            context.finished(name, params.get("root", ""), params, seconds, kind, served.cached)
        described = error.to_json()
        return Error(described["code"], described["message"], described["data"])

    call.__signature__ = _SIGNATURE  # type: ignore[attr-defined]  # it is asked for, and worked out anew, by each request
    return call


async def _any(context: Context, /, **params: object) -> None: ...


_SIGNATURE = inspect.signature(_any)
_INVALID_MEMBER: dict[str, Any] = {"jsonrpc": "2.0", "id": None, "method": "", "params": {}}


async def _invalid_member(context: Context, /) -> Result:
    described = InvalidRequest().to_json()
    return Error(described["code"], described["message"], described["data"])


async def dispatch(message: bytes, methods: Mapping[str, Method], context: Context, max_batch: int) -> bytes:
    """The reply to a message (a request or a batch), or b"" where none is due."""

    def decode(raw: bytes) -> Any:
        """A member of a batch that is no request becomes one that says so: the others are served."""
        decoded = msgspec.json.decode(raw)
        if isinstance(decoded, list) and len(decoded) <= max_batch:
            return [one if _is_request(one) else _INVALID_MEMBER for one in decoded]
        return decoded

    def valid(decoded: Any) -> Any:
        if not (0 < len(decoded) <= max_batch if isinstance(decoded, list) else _is_request(decoded)):
            raise ValueError

    reply: Any = await async_dispatch(
        message,
        {**methods, _INVALID_MEMBER["method"]: _invalid_member},
        context=context,
        deserializer=decode,
        validator=valid,
        serializer=_serialize,  # type: ignore[arg-type]  # bytes will do: it only passes them on
    )
    return reply or b""


def error_reply(request_id: bytes, error: SemctxError) -> bytes:
    """A reply with an error; `request_id` is raw JSON."""
    return b'{"jsonrpc":"2.0","id":%s,"error":%s}' % (request_id, msgspec.json.encode(error.to_json()))


def refused_batch(message: bytes, error: SemctxError) -> bytes:
    """The reply to a batch that was given up, which has been decoded before; b"" where none is due."""
    decoded = msgspec.json.decode(message)
    members = decoded if isinstance(decoded, list) else []
    asked = [one for one in members if not isinstance(one, dict) or "id" in one]
    replies = (error_reply(msgspec.json.encode(one["id"] if isinstance(one, dict) else None), error) for one in asked)
    return b"[%s]" % b",".join(replies) if asked else b""


def _is_request(request: Any) -> bool:
    return (
        isinstance(request, dict)
        and request.get("jsonrpc", "2.0") == "2.0"
        and isinstance(request.get("method"), str)
        and isinstance(request.get("params", {}), dict | list)
        and isinstance(request.get("id"), int | str | None)
        and not isinstance(request.get("id"), bool)
    )


def _serialize(replies: Any) -> bytes:
    for reply in replies if isinstance(replies, list) else [replies]:
        if reply and (error := reply.get("error")) and not isinstance(error.get("data"), dict):
            name = _TYPES.get(error["code"], "InternalError")
            detail = f"{ERRORS[name].when} {error['data']}" if isinstance(error.get("data"), str) else ERRORS[name].when
            reply["error"] = SemctxError(name, detail).to_json()
    return msgspec.json.encode(replies) if replies else b""
