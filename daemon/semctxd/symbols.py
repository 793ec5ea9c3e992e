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
from semctxd.errors import FileEndsServer
from semctxd.flights import Work
from semctxd.lsp.interpreter import Environment
from semctxd.lsp.session import LspSession
from semctxd.model import Key, Overlays
from semctxd.workspace import Workspace

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
_AT_ONCE = 8  # requests of one question: others are served between them, and the last is not late for its deadline
_DOES_NOT_KNOW = ("ServerError", "ServerUnavailable")


def work(workspace: Workspace, key: Key, env: Environment, overlays: Overlays) -> Work:
    """One of the served methods as work; the key's parameters are canonical. The answer lacks its closing brace."""

    async def run() -> bytes:
        answer = _diagnostics if key.method == "diagnostics" else _about_symbols
        return (await answer(workspace, key, env, overlays))[:-1]

    file = msgspec.json.decode(key.params).get("file", "")
    server = compose.session_if_any(workspace, env)
    refuses = server is not None and (server.state == "failed" or server.refuses_files)  # and may not in a while
    keep = workspace.sees(file) and not refuses
    return Work(key, compose.produce(workspace, run), workspace.indexer, keep=keep, is_composed=True)


async def _about_symbols(workspace: Workspace, key: Key, env: Environment, overlays: Overlays) -> bytes:
    found = msgspec.json.decode(await workspace.indexed("symbols/targets", key.params, overlays))
    shown = {"of": key.method, "asked": msgspec.Raw(key.params), **found}
    way = _WAYS[key.method]
    try:
        server = _Server(workspace, compose.session(workspace, env), overlays)
        shown["answers"] = await _all(server.answer(way, target) for target in found["targets"])
        shown["completeness"] = server.completeness
    except SemctxError as error:
        if error.type not in _DOES_NOT_KNOW:
            raise
        shown["answers"] = [_NULL] * len(found["targets"])
    return await workspace.indexed(way.show, msgspec.json.encode(shown), overlays)


async def _diagnostics(workspace: Workspace, key: Key, env: Environment, overlays: Overlays) -> bytes:
    found = msgspec.json.decode(await workspace.indexed("symbols/files", key.params, overlays))
    server = _Server(workspace, compose.session(workspace, env), overlays)
    refused: list[str] = []

    async def said(file: str) -> msgspec.Raw:
        try:
            return await server.diagnostics(file)
        except FileEndsServer:
            if not found["is_folder"]:
                raise
            refused.append(file)
            return _NULL

    answers = await _all(map(said, found["files"]))
    shown = {
        "asked": msgspec.Raw(key.params),
        "answers": answers,
        "refused": sorted(refused),
        "completeness": server.completeness,
        **found,
    }
    return await workspace.indexed("show/diagnostics", msgspec.json.encode(shown), overlays)


class _Server:
    """A language server as one question asks it, and how complete what it said was."""

    def __init__(self, workspace: Workspace, session: LspSession, overlays: Overlays) -> None:
        self.completeness = session.usual_completeness
        self._workspace = workspace
        self._session = session
        self._overlays = overlays
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def answer(self, way: _Way, target: dict[str, Any]) -> msgspec.Raw:
        """What it says of a target; null where it does not know such requests."""
        at = target["line"] - 1, target["column"]
        said = await self._known(self._about(way.request, target["file"], at, **way.more))
        if not way.calls or said == _NULL:
            return said
        items = msgspec.json.decode(said)
        works = [
            compose.asking(self._workspace, self._session, way.calls, {"item": item}, self._overlays) for item in items
        ]
        some = await _all(self._known(one) for one in works)
        calls = [call for calls in some for call in msgspec.json.decode(calls) or ()]
        return msgspec.Raw(msgspec.json.encode(calls))

    async def diagnostics(self, file: str) -> msgspec.Raw:
        """What it finds wrong in a file. Raises its errors."""
        return await self._said(self._about("textDocument/diagnostic", file))

    def _about(self, method: str, file: str, at: tuple[int, int] | None = None, **more: Any) -> Work:
        return compose.about(self._workspace, self._session, method, file, at, overlays=self._overlays, **more)

    async def _known(self, work: Work) -> msgspec.Raw:
        try:
            return await self._said(work)
        except SemctxError as error:
            if error.type != "ServerError":
                raise
            return _NULL

    async def _said(self, work: Work) -> msgspec.Raw:
        async with self._slots:
            answer = await self._workspace.answer(work)
        if answer.completeness == "indexing":
            self.completeness = "indexing"
        return msgspec.Raw(answer.raw)


async def _all(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results; the first error ends the others."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
