"""Every counter of the daemon, read off as plain data of the protocol. Called on the loop; takes O(sessions)."""

from __future__ import annotations

import time

from semctx.protocol import MetricsResult, ProcessMetrics, SessionMetrics, WorkspaceMetrics
from semctxd.child.base import Child
from semctxd.health import memory_bytes
from semctxd.lsp.session import LspSession
from semctxd.service import Service
from semctxd.workspace import Workspace


def metrics(service: Service) -> MetricsResult:
    """`MetricsResult` of the protocol."""
    workspaces = service.workspaces.opened
    counted = service.metrics.snapshot()
    return {
        "uptime_s": round(time.monotonic() - service.started, 3),
        "queries": counted["queries"],
        "rates": counted["rates"],
        "operations": counted["operations"],
        "recent": counted["recent"],
        "loop_lag": counted["loop_lag"],
        "connections": len(service.clients),
        "under_way": service.under_way,
        "gate": service.gate.counts,
        "cache": service.cache.stats([workspace.shelf for workspace in workspaces.values()]),
        "process": _process(),
        "workspaces": {root: _workspace(service, workspace) for root, workspace in workspaces.items()},
    }


def _workspace(service: Service, workspace: Workspace) -> WorkspaceMetrics:
    return {
        "epoch": workspace.epoch,
        "folders": len(workspace.trees.folders),
        "degraded": sorted(workspace.degraded),
        "flights": workspace.counts,
        "under_way": workspace.under_way,
        "witness": workspace.witness,
        "gate": workspace.gate_times.latency(),
        "cache": service.cache.stats([workspace.shelf]),
        "index": workspace.indexer.index,
        "sessions": [_session(session) for session in workspace.sessions],
    }


def _session(session: Child) -> SessionMetrics:
    server = session if isinstance(session, LspSession) else None
    return {
        "name": session.name,
        "interpreter": server.interpreter if server else "",
        "state": session.state,
        "restarts": session.restarts,
        "memory_bytes": memory_bytes(session),
        "pending": session.pending,
        "unread_bytes": session.unread,
        "notices": server.ledger.notices if server else 0,
        "nudges": server.ledger.nudges if server else 0,
        "operations": session.operations.describe(),
    }


def _process() -> ProcessMetrics:
    import psutil  # deferred: see watch/mounts.py

    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        return {
            "memory_bytes": process.memory_info().rss,
            "cpu_s": times.user + times.system,
            "open_files": process.num_fds(),
        }
