"""Questions about symbols by name or position, and about what is wrong in files.

The indexer says which positions are meant, the language server is asked about them all at once, and the indexer shows
what it said; where the server does not know (it has no such request, says null, or there is none), the index answers
for itself and the group says so. A server that ends or is late while it is asked is an error, as it is for
`lsp/request`: an answer that could be had a moment later must not be kept in a poorer form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import msgspec

from semctx.errors import SemctxError
from semctxd import compose
from semctxd.lsp.interpreter import Environment
from semctxd.lsp.session import LspSession
from semctxd.model import Key, Overlays
from semctxd.workspace import Work, Workspace

T = TypeVar("T")


class _Way(NamedTuple):
    """How a method is answered: LSP's request for it, more parameters of that, and the indexer's step that shows it."""

    request: str
    show: str
    more: Mapping[str, Any] = MappingProxyType({})
    calls: str = ""  # LSP's request for the calls of each item that `request` gave


_ALL_REFERENCES = {"context": {"includeDeclaration": True}}  # without it, ty leaves imports out, too
_PREPARE = "textDocument/prepareCallHierarchy"
_WAYS = {
    "symbols/definition": _Way("textDocument/definition", "show/places"),
    "symbols/implementations": _Way("textDocument/implementation", "show/places"),
    "symbols/references": _Way("textDocument/references", "show/places", _ALL_REFERENCES),
    "symbols/hover": _Way("textDocument/hover", "show/hover"),
    "symbols/callers": _Way(_PREPARE, "show/calls", calls="callHierarchy/incomingCalls"),
    "symbols/callees": _Way(_PREPARE, "show/calls", calls="callHierarchy/outgoingCalls"),
}
SERVED = frozenset({*_WAYS, "diagnostics"})
"""The methods that a language server has a part in."""

_NULL = msgspec.Raw(b"null")
_DOES_NOT_KNOW = ("ServerError", "ServerUnavailable")


def work(workspace: Workspace, key: Key, env: Environment, overlays: Overlays) -> Work:
    """One of the served methods as work; the key's parameters are canonical. The answer lacks its closing brace."""

    async def run() -> bytes:
        answer = _diagnostics if key.method == "diagnostics" else _about_symbols
        return (await answer(workspace, key, env, overlays))[:-1]

    file = msgspec.json.decode(key.params).get("file", "")
    return Work(key, compose.produce(workspace, run), workspace.indexer, keep=workspace.sees(file))


async def _about_symbols(workspace: Workspace, key: Key, env: Environment, overlays: Overlays) -> bytes:
    found = msgspec.json.decode(await workspace.indexed("symbols/targets", key.params, overlays))
    way = _WAYS[key.method]
    try:
        session = compose.session(workspace, env)
        answers = await _all(_answer(workspace, session, way, target, overlays) for target in found["targets"])
    except SemctxError as error:
        if error.type not in _DOES_NOT_KNOW:
            raise
        answers = [_NULL] * len(found["targets"])
    shown = {"of": key.method, "asked": msgspec.Raw(key.params), "answers": answers, **found}
    return await workspace.indexed(way.show, msgspec.json.encode(shown), overlays)


async def _answer(
    workspace: Workspace, session: LspSession, way: _Way, target: dict[str, Any], overlays: Overlays
) -> msgspec.Raw:
    at = target["line"] - 1, target["column"]
    file = target["file"]
    asked = compose.about(workspace, session, way.request, file, at, overlays=overlays, **way.more)
    said = await _said(workspace, asked)
    if not way.calls or said == _NULL:
        return said
    items = msgspec.json.decode(said)
    works = [compose.asking(workspace, session, way.calls, {"item": item}, overlays) for item in items]
    some = await _all(_said(workspace, one) for one in works)
    calls = [call for calls in some for call in msgspec.json.decode(calls) or ()]
    return msgspec.Raw(msgspec.json.encode(calls))


async def _diagnostics(workspace: Workspace, key: Key, env: Environment, overlays: Overlays) -> bytes:
    found = msgspec.json.decode(await workspace.indexed("symbols/files", key.params, overlays))
    session = compose.session(workspace, env)
    works = [
        compose.about(workspace, session, "textDocument/diagnostic", file, overlays=overlays) for file in found["files"]
    ]
    answers = [answer.raw for answer in await _all(workspace.answer(one) for one in works)]
    shown = {"asked": msgspec.Raw(key.params), "answers": [msgspec.Raw(raw) for raw in answers], **found}
    return await workspace.indexed("show/diagnostics", msgspec.json.encode(shown), overlays)


async def _said(workspace: Workspace, work: Work) -> msgspec.Raw:
    """What the server says; null where it does not know such requests."""
    try:
        return msgspec.Raw((await workspace.answer(work)).raw)
    except SemctxError as error:
        if error.type != "ServerError":
            raise
        return _NULL


async def _all(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results; the first error ends the others."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
