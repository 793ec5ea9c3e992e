"""Who is on the other side."""

from __future__ import annotations

from typing import Required, TypedDict

from semctx.protocol.base import ROOT, Method

__all__ = ["HelloParams", "HelloResult", "RestartParams", "Restarted"]


class HelloParams(TypedDict, total=False):
    """Who is asking, and in which environment."""

    client: Required[str]  # name and version of the client program, for logs
    protocol: Required[int]  # PROTOCOL of the client
    env: dict[str, str]  # VIRTUAL_ENV, CONDA_PREFIX and PATH of the client: where its python is
    view: str  # the token of a connection whose unsaved text this one wants to see
    restore: bool  # make the view if nobody has it any more, as after a restart of the daemon; default: false


class HelloResult(TypedDict):
    """The daemon on the other side."""

    server: str
    version: str
    protocol: int
    pid: int
    view: str  # token of this connection's view


class RestartParams(TypedDict, total=False):
    """Which language servers, or the indexer, are to begin anew."""

    root: Required[str]
    name: str  # such as ty or indexer; default: all


class Restarted(TypedDict):
    """What began anew."""

    names: list[str]


METHODS: dict[str, Method] = {
    "session/hello": Method(
        HelloParams, HelloResult, "Introduce a client; optional.", ("VersionMismatch", "UnknownView")
    ),
    "session/restart": Method(
        RestartParams,
        Restarted,
        "Start language servers and the indexer anew, even those that ended too often. Requests under way are answered"
        " by the next run; stored answers are dropped.",
        (*ROOT, "UnknownServer"),
    ),
}
