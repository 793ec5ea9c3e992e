"""The methods: each handler takes checked parameters, asks a service, and gives back the result."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from anyio import to_thread

from semctx import __version__
from semctx.errors import PROTOCOL
from semctxd import health, prometheus, readings
from semctxd.errors import InvalidParams, UnknownServer, VersionMismatch
from semctxd.lsp.interpreter import Environment
from semctxd.model import DISK, Change, What
from semctxd.rpc import configuration, documents, trust
from semctxd.rpc.dispatch import Method, Served, method
from semctxd.rpc.queries import answer, contain
from semctxd.rpc.question import QUERIES, checked, question, relative

if TYPE_CHECKING:
    from semctxd.rpc.server import Connection

Params = dict[str, Any]
Handler = Callable[["Connection", Params], Awaitable[object]]


async def session_hello(connection: Connection, params: Params) -> object:
    """session/hello."""
    if (theirs := params["protocol"]) != PROTOCOL:
        older = "client" if theirs < PROTOCOL else "daemon"
        raise VersionMismatch(
            f"the client speaks protocol {theirs}, the daemon (semctx {__version__}) {PROTOCOL}: upgrade the {older}"
        )
    env = params.get("env", {})
    if any("\0" in value for value in env.values()):
        raise InvalidParams("session/hello: env: no variable can hold a NUL")
    if token := params.get("view"):
        connection.join(token, restore=params.get("restore", False))
    connection.introduce(params["client"], Environment.of(env))
    return {
        "server": "semctxd",
        "version": __version__,
        "protocol": PROTOCOL,
        "pid": os.getpid(),
        "view": connection.view.token,
    }


async def session_restart(connection: Connection, params: Params) -> object:
    """session/restart."""
    name = params.get("name")
    names: list[str] = []
    for workspace in await connection.service.workspaces.chosen(params["root"]):
        names += workspace.restart(name)
        if name and not names:
            known = [session.name for session in workspace.sessions]
            raise UnknownServer(f"no {name!r} has been started for {workspace.root}", nearest=known)
    return {"names": names}


async def query(name: str, connection: Connection, params: Params) -> Served:
    """The queries whose answers are kept."""
    asked = question(name, msgspec.json.encode(params))
    overlays = connection.view.overlays  # of now: what comes while the workspace is opened is of later requests
    workspace = await connection.service.workspaces.open(asked.root, indexed=asked.lsp is None)
    return await answer(workspace, asked, connection.env, overlays.get(workspace.root, DISK))


async def cache_stats(connection: Connection, params: Params) -> object:
    """cache/stats."""
    service = connection.service
    chosen = await service.workspaces.chosen(params.get("root"))
    return service.cache.stats([workspace.shelf for workspace in chosen])


async def cache_invalidate(connection: Connection, params: Params) -> object:
    """cache/invalidate."""
    workspace = await connection.service.workspaces.open(params["root"])
    before = workspace.shelf.invalidations
    if "file" in params:
        file = relative(params["file"], params["root"].rstrip("/"), workspace.root)
        contain(workspace, file)
        if not os.path.lexists(f"{workspace.root}/{file}"):
            raise InvalidParams(f"there is no {file} in {workspace.root}", hint="Name a file that exists, or none.")
        workspace.apply([Change(f"{workspace.root}/{file}", What.MODIFIED)])
    else:
        workspace.apply([Change("", What.EVERYTHING)])
    return {"dropped": workspace.shelf.invalidations - before}


async def cache_clear(connection: Connection, params: Params) -> object:
    """cache/clear."""
    service = connection.service
    chosen = await service.workspaces.chosen(params.get("root"))
    return {"dropped": sum(service.cache.clear(workspace.shelf) for workspace in chosen)}


async def metrics_get(connection: Connection, params: Params) -> object:
    """metrics/get."""
    return readings.metrics(connection.service)


async def metrics_reset(connection: Connection, params: Params) -> object:
    """metrics/reset."""
    return {"was_s": round(connection.service.reset_metrics(), 3)}


async def metrics_prometheus(connection: Connection, params: Params) -> object:
    """metrics/prometheus: the text is made in a thread, as its library takes a tenth of a second to import."""
    service = connection.service
    text = await to_thread.run_sync(prometheus.text, readings.metrics(service), health.report(service))
    return {"content_type": prometheus.CONTENT_TYPE, "text": text}


async def health_report(connection: Connection, params: Params) -> object:
    """health."""
    service = connection.service
    return health.report(service, await service.workspaces.chosen(params.get("root")))


async def events_subscribe(connection: Connection, params: Params) -> object:
    """events/subscribe."""
    connection.topics = frozenset(params["topics"])
    return {"topics": sorted(connection.topics)}


async def daemon_stop(connection: Connection, params: Params) -> object:
    """daemon/stop."""
    connection.service.stopping.set()
    return {"pid": os.getpid()}


_HANDLERS: dict[str, Handler] = {
    "session/hello": session_hello,
    "session/restart": session_restart,
    **{name: partial(query, name) for name in sorted(QUERIES)},
    "document/open": documents.opened,
    "document/change": documents.changed,
    "document/close": documents.closed,
    "cache/stats": cache_stats,
    "cache/invalidate": cache_invalidate,
    "cache/clear": cache_clear,
    "metrics/get": metrics_get,
    "metrics/reset": metrics_reset,
    "metrics/prometheus": metrics_prometheus,
    "health": health_report,
    "events/subscribe": events_subscribe,
    "config/get": configuration.get,
    "config/reload": configuration.read_again,
    "log/level": configuration.log_level,
    "trust/show": trust.show,
    "trust/grant": trust.grant,
    "trust/revoke": trust.revoke,
    "trust/list": trust.listed,
    "daemon/stop": daemon_stop,
}

TABLE: dict[str, Method] = {name: method(name, handler, checked) for name, handler in _HANDLERS.items()}
"""Every method of the protocol."""
