"""Who is on the other side."""

from __future__ import annotations

from typing import Required, TypedDict

from semctx.protocol.base import Method

__all__ = ["HelloParams", "HelloResult"]


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


METHODS: dict[str, Method] = {
    "session/hello": Method(
        HelloParams, HelloResult, "Introduce a client; optional.", ("VersionMismatch", "UnknownView")
    ),
}
