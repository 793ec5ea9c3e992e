"""What answers share that are composed of others: of what the indexer and a language server say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from semctx.errors import SemctxError
from semctxd import logs
from semctxd.child.messages import Reply
from semctxd.errors import InternalError
from semctxd.flights import Produce, Work
from semctxd.lsp.interpreter import Environment
from semctxd.lsp.requests import respell
from semctxd.lsp.session import LspSession
from semctxd.lsp.sync import to_uri
from semctxd.model import Overlays
from semctxd.workspace import Workspace

_LANGUAGE = "python"
_log = logs.get("compose")


def session(workspace: Workspace, env: Environment) -> LspSession:
    """The session of the workspace's language. Raises UnknownServer or ServerUnavailable."""
    return workspace.servers.session(_LANGUAGE, "", env)


def session_if_any(workspace: Workspace, env: Environment) -> LspSession | None:
    """That session; None where there is none to be had."""
    try:
        return session(workspace, env)
    except SemctxError:
        return None


def identity(workspace: Workspace, env: Environment) -> str:
    """Who answers: that session, or the index alone where there is none."""
    found = session_if_any(workspace, env)
    return found.identity if found else workspace.root


def about(
    workspace: Workspace,
    session: LspSession,
    method: str,
    file: str,
    at: tuple[int, int] | None = None,
    *,
    overlays: Overlays,
    **more: Any,
) -> Work:
    """An LSP request about a file (relative to the root), and a position in it (0-based), as work."""
    params: dict[str, Any] = {"textDocument": {"uri": to_uri(f"{workspace.root}/{file}")}, **more}
    if at is not None:
        params["position"] = {"line": at[0], "character": at[1]}
    return asking(workspace, session, method, params, overlays)


def asking(workspace: Workspace, session: LspSession, method: str, params: dict[str, Any], overlays: Overlays) -> Work:
    """An LSP request as work; its URIs are in the server's spelling."""
    return workspace.lsp_work(session, method, respell(params, workspace.root, workspace.root), overlays)


def produce(workspace: Workspace, run: Callable[[], Awaitable[bytes]]) -> Produce:
    """A coroutine function as work: what it returns is the answer, what it raises a typed error."""

    def start(reply: Reply) -> Callable[[], None]:
        scope = anyio.CancelScope()

        async def task() -> None:
            with scope:
                try:
                    reply(await run(), None)
                except SemctxError as error:
                    reply(None, error)
                except Exception:  # whatever fails: who waits must be told
                    fault = InternalError()
                    _log.exception("internal_error", correlation_id=fault.correlation_id)
                    reply(None, fault)

        workspace.spawn(task)
        return scope.cancel

    return start
