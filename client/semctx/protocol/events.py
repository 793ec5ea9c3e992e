"""Notifications."""

from __future__ import annotations

from typing import Literal, TypedDict

from semctx.protocol.base import Method

__all__ = ["SubscribeParams", "Subscribed"]


class SubscribeParams(TypedDict):
    """Which notifications the connection wants; replaces an earlier list."""

    topics: list[Literal["changes", "sessions", "metrics", "health", "log"]]


class Subscribed(TypedDict):
    """The topics now subscribed to."""

    topics: list[str]


METHODS: dict[str, Method] = {
    "events/subscribe": Method(
        SubscribeParams, Subscribed, "Ask for notifications `events/<topic>`; an empty list ends them."
    ),
}
