"""From a question to its answer: its key, who works on it, and the reply around the stored bytes.

What is stored is a language server's result as it came, or a result of ours without its closing brace, to which
the facts of the call are added.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from time import perf_counter
from typing import NamedTuple

import msgspec

from semctxd import check, compose, context, symbols
from semctxd.child.kind import Completeness
from semctxd.child.messages import Reply
from semctxd.errors import OutsideRoot
from semctxd.flights import Answer, Work
from semctxd.lsp.interpreter import Environment
from semctxd.lsp.requests import put_back, respell
from semctxd.model import Key, Overlays
from semctxd.rpc.dispatch import Served
from semctxd.rpc.question import QUERIES, Question
from semctxd.workspace import Workspace

_MAX_ENVIRONMENTS = 64
_MAX_ROUTES = 4096  # of one method and environment
_MAX_ROUTE_BYTES = 4096  # of the parameters


def key_of(workspace: Workspace, asked: Question, env: Environment, overlays: Overlays) -> Key:
    """The key of a question of a client of that environment and view that is not for a language server as it is.

    Raises UnknownServer or ServerUnavailable."""
    if asked.method == "context/query" or asked.method in symbols.SERVED | check.SERVED:
        return Key(compose.identity(workspace, env), asked.method, asked.params, overlays.digest)
    return Key(workspace.root, asked.method, asked.params, overlays.digest)


class Asking(NamedTuple):
    """A question that has been asked, and what its reply says beside the answer."""

    workspace: Workspace
    asked: Question
    generation: int  # of the workspace, when the key was made
    key: Key
    waiter: asyncio.Future[Answer]  # never raises
    completeness: Completeness  # of an answer that is kept
    started: float
    cached: bool  # the answer came from memory, and is there

    def leave(self) -> None:
        """The waiter was cancelled: nobody needs the answer."""
        self.workspace.leave(self.key, self.waiter)

    def parts(self, answer: Answer) -> tuple[bytes, bytes, bytes]:
        """What stands before the stored bytes in the result, those, and what stands after."""
        lsp, raw = self.asked.lsp, answer.raw
        if lsp and lsp.spelt.back:
            raw = put_back(raw, lsp.spelt.back)
        completeness = answer.completeness or self.completeness
        opening, closing = around(
            lsp is not None, answer.epoch, answer.degraded, completeness, self.started, self.cached
        )
        return opening, raw, closing


class Route:
    """Where the answer to a question that is asked again is kept, while the workspace's generation is the same."""

    __slots__ = ("asked", "completeness", "generation", "key", "lsp", "strict", "workspace")

    def __init__(self, asking: Asking) -> None:
        self.workspace = asking.workspace
        self.generation = asking.generation
        self.asked = asking.asked  # if it has to be asked again
        self.key = asking.key
        self.lsp = asking.asked.lsp is not None
        self.completeness = asking.completeness
        self.strict = asking.asked.strict


def no_routes() -> dict[str, dict[bytes, Route]]:
    """Method -> raw parameters -> route, with none yet."""
    return {method: {} for method in QUERIES}


def remember(routes: dict[bytes, Route], params: bytes, asking: Asking) -> None:
    """Keep the route of a question with these raw parameters."""
    if len(params) <= _MAX_ROUTE_BYTES and not asking.asked.respelt:
        if len(routes) >= _MAX_ROUTES:
            routes.clear()
        routes[params] = Route(asking)


class Routes:
    """The routes of all clients: those who look at the disk share them with others of the same environment."""

    def __init__(self) -> None:
        self._routes: dict[Environment, dict[str, dict[bytes, Route]]] = {}

    def of(self, env: Environment) -> dict[str, dict[bytes, Route]]:
        """Method -> raw parameters -> route."""
        if len(self._routes) > _MAX_ENVIRONMENTS:
            self._routes.clear()  # connections keep theirs
        return self._routes.setdefault(env, no_routes())


def contain(workspace: Workspace, *files: str) -> None:
    """Raises OutsideRoot where a client names a file in the root (absolute, or relative to it) that a symlink leads out
    of it, to where no server has anything watched. Answers still come from what links lead to."""
    inside = workspace.root + "/"
    for file in files:
        path = os.path.join(inside, file)
        if not path.startswith(inside) or not _has_links(workspace, os.fsencode(path)):
            continue
        real = os.path.realpath(path)
        if not (real + "/").startswith(inside) and not workspace.sees(real):
            raise OutsideRoot(f"{file} leads to {real}, which lies outside {workspace.root}")


def _has_links(workspace: Workspace, path: bytes) -> bool:
    """Whether a part of a path in the root, below the root, is a symlink. Each question pays for each part that is
    looked at."""
    trees, end = workspace.trees, len(path)
    while end > len(trees.root):
        if not trees.is_plain(path[:end]) and os.path.islink(path[:end]):
            return True
        end = path.rfind(b"/", 0, end)
    return False


def around(
    lsp: bool, epoch: int, degraded: Collection[str], completeness: Completeness, started: float, cached: bool
) -> tuple[bytes, bytes]:
    """What stands before and after the stored bytes in a result."""
    reasons = b',"degraded":' + msgspec.json.encode(sorted(degraded)) if degraded else b""
    if completeness:
        reasons = b',"completeness":"%s"%s' % (completeness.encode(), reasons)
    if lsp:
        return b'{"result":', b',"epoch":%d%s}' % (epoch, reasons)
    elapsed_ms = (perf_counter() - started) * 1e3
    word = b"true" if cached else b"false"
    return b"", b'%s,"meta":{"elapsed_ms":%.3f,"cached":%s}}' % (reasons, elapsed_ms, word)


def ask(workspace: Workspace, asked: Question, env: Environment, overlays: Overlays) -> Asking:
    """Look a question up, or ask whoever knows. Raises the typed errors of its method."""
    started = perf_counter()
    if asked.strict:
        workspace.pass_gate()
    if asked.lsp and asked.root != workspace.root:  # through a symlink: asked in the root's own spelling
        spelt = respell(asked.lsp.params, asked.root, workspace.root)
        asked = asked._replace(params=spelt.params, lsp=asked.lsp._replace(spelt=spelt), files=spelt.files)
    contain(workspace, *asked.files)
    # before the key is made, which may tell that it is not to be relied on
    generation = workspace.servers.generation
    work = _work(workspace, asked, env, overlays)
    completeness = _usual_completeness(workspace, asked, env)
    waiter = workspace.ask(work)
    return Asking(workspace, asked, generation, work.key, waiter, completeness, started, waiter.done())


async def answer(workspace: Workspace, asked: Question, env: Environment, overlays: Overlays) -> Served:
    """The answer to a question, from memory or from whoever knows. Raises the typed errors of its method."""
    asking = ask(workspace, asked, env, overlays)
    found = await workspace.wait(asking.key, asking.waiter)
    return Served(msgspec.Raw(b"".join(asking.parts(found))), asking.cached)


def _usual_completeness(workspace: Workspace, asked: Question, env: Environment) -> Completeness:
    """What the answer may lack that is kept. What is composed of such answers says it in itself."""
    if asked.lsp is None:
        return ""
    return workspace.servers.session(asked.lsp.language, asked.lsp.server, env).usual_completeness


def _work(workspace: Workspace, asked: Question, env: Environment, overlays: Overlays) -> Work:
    if asked.lsp:
        session = workspace.servers.session(asked.lsp.language, asked.lsp.server, env)
        return workspace.lsp_work(session, asked.method, asked.lsp.spelt, overlays)
    key = key_of(workspace, asked, env, overlays)
    if asked.method == "context/query":
        start = context.produce(workspace, asked.params, env, overlays)
        return Work(key, start, workspace.indexer, is_composed=True)
    if asked.method in symbols.SERVED:
        return symbols.work(workspace, key, env, overlays)
    if asked.method in check.SERVED:
        return check.work(workspace, key, env, overlays, asked.unsaved)

    def produce(reply: Reply) -> Callable[[], None]:
        number = workspace.indexer.ask(
            asked.method, asked.params, lambda raw, error: reply(raw and raw[:-1], error), overlays
        )
        return lambda: workspace.indexer.cancel(number)

    return Work(key, produce, workspace.indexer)
