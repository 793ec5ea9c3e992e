"""How the daemon is, and its end."""

from __future__ import annotations

from typing import Literal, TypedDict

from semctx.protocol.base import ROOT, Method, NoParams, NotIndexed, RootParams

__all__ = ["HealthResult", "SessionState", "Stopping", "WorkspaceState"]


class SessionState(TypedDict):
    """One child process."""

    name: str  # ty, indexer
    state: Literal["starting", "indexing", "ready", "crashed", "failed", "stopped"]
    why: str  # of the state, where it needs a reason
    pid: int | None
    interpreter: str
    restarts: int
    memory_bytes: int
    pending: int


class WorkspaceState(TypedDict):
    """One workspace."""

    root: str
    epoch: int
    fresh: bool
    degraded: list[str]
    folders: int  # watched
    not_indexed: NotIndexed
    sessions: list[SessionState]


class HealthResult(TypedDict):
    """The daemon's health."""

    status: Literal["ok", "degraded", "failing"]
    reasons: list[str]  # why it is not ok, each with what to do
    version: str
    pid: int
    uptime_s: float
    memory_bytes: int
    connections: int
    workspaces: list[WorkspaceState]  # the open ones, or that of `root`, if it is open


class Stopping(TypedDict):
    """The daemon drains and leaves."""

    pid: int


METHODS: dict[str, Method] = {
    "health": Method(
        RootParams,
        HealthResult,
        "Is all well with the daemon and its workspaces, or the one of `root`, and if not, what to do.",
        ROOT,
    ),
    "daemon/stop": Method(NoParams, Stopping, "Drain and leave, as on SIGTERM."),
}
