"""Which workspaces may name programs to run."""

from __future__ import annotations

from typing import TypedDict

from semctx.protocol.base import ROOT, Method, NoParams

__all__ = ["GrantParams", "TrustList", "TrustParams", "TrustState"]


class TrustParams(TypedDict):
    """A workspace."""

    root: str


class GrantParams(TypedDict):
    """A workspace, and its file as it was looked at."""

    root: str
    sha256: str  # of `trust/show`: a file that changed since is not trusted


class TrustState(TypedDict):
    """What a workspace's own file says, and whether it is trusted."""

    root: str
    file: str  # absolute; empty: the workspace has no settings of its own
    sha256: str  # of the whole file
    programs: list[str]  # the settings that hold only if the file is trusted
    trusted: bool
    problem: str  # why not all of the file holds, and what to do; empty: it does


class TrustList(TypedDict):
    """Every workspace that was trusted."""

    workspaces: list[TrustState]  # one whose file changed since, or went, is not trusted any more


METHODS: dict[str, Method] = {
    "trust/show": Method(
        TrustParams, TrustState, "Which programs a workspace's own file names, and whether they may be run.", ROOT
    ),
    "trust/grant": Method(
        GrantParams, TrustState, "Trust the file as it is, until it changes.", (*ROOT, "StateUnwritable")
    ),
    "trust/revoke": Method(
        TrustParams, TrustState, "Trust it no more: what it started is ended.", (*ROOT, "StateUnwritable")
    ),
    "trust/list": Method(NoParams, TrustList, "Every workspace that was trusted."),
}
