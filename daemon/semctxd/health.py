"""Whether all is well with the daemon, and if not, what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from typing import Literal, TypedDict

from semctx import __version__
from semctx.protocol import HealthResult, SessionState, WorkspaceState
from semctxd.child import memory
from semctxd.child.base import Child
from semctxd.service import HAS_INOTIFY, Service
from semctxd.workspace import Workspace

Status = Literal["ok", "degraded", "failing"]


class ServerState(SessionState):
    """A language server, and whose it is."""

    root: str


class ServersHealth(TypedDict):
    """What `/health/lsp` says."""

    status: Status
    servers: list[ServerState]


_NO_INOTIFY = '[watch] gate is "watchfiles"' if HAS_INOTIFY else "this platform has no inotify"
_WHAT_TO_DO = {
    "watch-limit": "the kernel's watch limit is reached: raise fs.inotify.max_user_watches",
    "many-linked-files": "too many source files are links, which are compared by stat, so nothing is kept in memory:"
    " ask with a folder that has fewer as the root",
    "open-files": "folders could not be listed: raise the limit of open files (`ulimit -n`), then `semctx restart`",
    "sweep": "the tree changes without a sign and has more files than can be compared in time:"
    " raise [daemon] gate_deadline_s, or ask with a smaller folder as the root",
    "nested-links": "a symlink that stands in a symlinked folder, or leads above the root, leads to files that are not"
    " watched, so nothing is kept in memory: remove it, or link to those files alone, from the root itself",
    "outer-project": "it lies in another project, which hides or ignores it, so language servers know little of it:"
    " put a pyproject.toml into the root, it may be empty",
    "unproven": f"{_NO_INOTIFY}, and a change is noticed with a delay: after an edit, wait a second before asking",
}


def report(service: Service, chosen: Collection[Workspace] | None = None) -> HealthResult:
    """`HealthResult` of the protocol: of the daemon, and of the chosen workspaces, or of all."""
    if chosen is None:
        chosen = service.workspaces.opened.values()
    workspaces = [_workspace(workspace) for workspace in chosen]
    reasons = [
        f"{state['root']}: {_WHAT_TO_DO.get(reason, reason)}" for state in workspaces for reason in state["degraded"]
    ]
    for workspace in chosen:
        if workspace.settings.problem:
            reasons.append(f"{workspace.root}: {workspace.settings.problem}")
        reasons += [
            f"{workspace.root}: {language}: {why}" for language, why in sorted(workspace.servers.unserved.items())
        ]
        reasons += [
            f"{workspace.root}: {session.name} ended, and is started again when it is needed: {session.why}"
            for session in workspace.sessions
            if session.state == "crashed"
        ]
    failed = [
        f"{state['root']}: {session['name']} ended too often, and is tried again in three minutes, or after"
        f" `semctx restart-server {session['name']} --root {state['root']}`: {session['why']}"
        for state in workspaces
        for session in state["sessions"]
        if session["state"] == "failed"
    ]
    reasons += service.problems.values()
    missed = sum(workspace.witness["missed"] for workspace in chosen)
    if missed:
        reasons.append(f"the second watcher saw {missed} changes that the gate had not: please report this")
    return {
        "status": "failing" if failed else "degraded" if reasons else "ok",
        "reasons": failed + reasons,
        "version": __version__,
        "pid": os.getpid(),
        "uptime_s": round(time.monotonic() - service.started, 3),
        "memory_bytes": memory.of_process(os.getpid()),
        "connections": len(service.clients),
        "workspaces": workspaces,
    }


def line(service: Service) -> str:
    """The same in one line, for a service manager."""
    found = report(service)
    if found["reasons"]:
        return " ".join(f"{found['status']}: {found['reasons'][0]}".split())
    workspaces = len(found["workspaces"])
    return f"ok: connections: {found['connections']}, workspaces: {workspaces}, under way: {service.under_way}"


def of_servers(report: HealthResult) -> ServersHealth:
    """The language servers' part of a report."""
    servers: list[ServerState] = [
        {"root": workspace["root"], **session}
        for workspace in report["workspaces"]
        for session in workspace["sessions"]
        if session["name"] != "indexer"
    ]
    states = {server["state"] for server in servers}
    status: Status = "failing" if "failed" in states else "degraded" if "crashed" in states else "ok"
    return {"status": status, "servers": servers}


def _workspace(workspace: Workspace) -> WorkspaceState:
    return {
        "root": workspace.root,
        "epoch": workspace.epoch,
        "fresh": not workspace.trees.todo and not workspace.trees.lost,
        "degraded": sorted(workspace.degraded),
        "folders": len(workspace.trees.folders),
        "not_indexed": workspace.indexer.index["not_indexed"],
        "sessions": [_session(session) for session in workspace.sessions],
    }


def _session(session: Child) -> SessionState:
    return {
        "name": session.name,
        "state": session.state,
        "why": session.why,
        "pid": session.pid,
        "interpreter": getattr(session, "interpreter", ""),
        "restarts": session.restarts,
        "memory_bytes": memory_bytes(session),
        "pending": session.pending,
    }


def memory_bytes(session: Child) -> int:
    """Resident memory of a session, as it was measured last; before the first time, that of its first process."""
    return session.memory_bytes or (memory.of_process(session.pid) if session.pid else 0)
