"""What the daemon says of itself: health with reasons, and every counter."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from semctx import __version__

if TYPE_CHECKING:
    from semctxd.app import App
    from semctxd.child import Child
    from semctxd.workspace import Workspace

_WHAT_TO_DO = {
    "watch-limit": "the kernel's watch limit is reached: raise fs.inotify.max_user_watches",
    "many-linked-files": "too many source files are links, which are compared by stat: nothing is kept in memory",
    "unproven": "this platform has no inotify: a change is noticed with a delay",
}


def report(app: App) -> dict[str, Any]:
    """`HealthResult` of the protocol."""
    workspaces = [_workspace(workspace) for workspace in app.workspaces.values()]
    reasons = [
        f"{state['root']}: {_WHAT_TO_DO.get(reason, reason)}" for state in workspaces for reason in state["degraded"]
    ]
    failed = [
        f"{state['root']}: {session['name']} failed: {session['why']}"
        for state in workspaces
        for session in state["sessions"]
        if session["state"] == "failed"
    ]
    missed = sum(workspace.witness["missed"] for workspace in app.workspaces.values())
    if missed:
        reasons.append(f"the second watcher saw {missed} changes that the gate had not: please report this")
    return {
        "status": "failing" if failed else "degraded" if reasons else "ok",
        "reasons": failed + reasons,
        "version": __version__,
        "pid": os.getpid(),
        "uptime_s": round(time.monotonic() - app.started, 3),
        "memory_bytes": _memory(os.getpid()),
        "connections": len(app.connections),
        "workspaces": workspaces,
    }


def metrics(app: App) -> dict[str, Any]:
    """`MetricsResult` of the protocol."""
    return {
        "uptime_s": round(time.monotonic() - app.started, 3),
        **app.metrics.snapshot(),
        "cache": app.cache.stats([workspace.shelf for workspace in app.workspaces.values()]),
        "workspaces": {
            root: {
                "epoch": workspace.epoch,
                "flights": workspace.counts,
                "witness": workspace.witness,
                "gate": app.gate.counts,
                "ledgers": {
                    session.name: {"notices": session.ledger.notices, "nudges": session.ledger.nudges}
                    for session in workspace.servers
                },
            }
            for root, workspace in app.workspaces.items()
        },
    }


def _workspace(workspace: Workspace) -> dict[str, Any]:
    return {
        "root": workspace.root,
        "epoch": workspace.epoch,
        "fresh": not workspace.trees.todo and not workspace.trees.lost,
        "degraded": sorted(workspace.degraded),
        "folders": len(workspace.trees.folders),
        "sessions": [_session(session) for session in workspace.sessions],
    }


def _session(session: Child) -> dict[str, Any]:
    return {
        "name": session.name,
        "state": session.state,
        "why": session.why,
        "pid": session.pid,
        "interpreter": getattr(session, "interpreter", ""),
        "restarts": session.restarts,
        "memory_bytes": _memory(session.pid) if session.pid else 0,
        "pending": session.pending,
    }


def _memory(pid: int) -> int:
    """Resident memory of a process in bytes; 0 where it is gone."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
