"""Answers about the daemon's configuration."""

from __future__ import annotations

import json

from semctx.cli.render import DIM, PLAIN, columns

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterator

    from semctx.cli.render import Line
    from semctx.protocol import ConfigReloaded, ConfigResult


def values(answer: ConfigResult) -> Iterator[Line]:
    """config/get."""
    yield DIM, answer["file"]
    yield from columns((one["key"], json.dumps(one["value"]), one["source"]) for one in answer["values"])


def problems(answer: dict[str, list[str]]) -> Iterator[Line]:
    """What is wrong."""
    yield from ((PLAIN, problem) for problem in answer["problems"] or ["the configuration is right"])


def reloaded(answer: ConfigReloaded) -> Iterator[Line]:
    """config/reload."""
    yield from columns(
        (
            change["key"],
            f"{json.dumps(change['old'])} -> {json.dumps(change['new'])}",
            "after `semctx restart`" if change["restart"] else "",
        )
        for change in answer["changed"]
    )
    if not answer["changed"]:
        yield PLAIN, "nothing has changed"
