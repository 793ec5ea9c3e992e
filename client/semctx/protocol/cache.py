"""The stored answers."""

from __future__ import annotations

from typing import Required, TypedDict

from semctx.protocol.base import ROOT, Method, RootParams

__all__ = ["CacheStats", "Dropped", "InvalidateParams", "MethodCache"]


class InvalidateParams(TypedDict, total=False):
    """Drop what may depend on a file, or all of a workspace."""

    root: Required[str]
    file: str


class CacheStats(TypedDict):
    """State of the cache (of one workspace, or of all)."""

    size: int
    max_size: int
    bytes: int
    max_bytes: int
    hits: int
    misses: int
    hit_rate: float
    evictions: int
    invalidations: int
    ttl_s: float
    by_method: dict[str, MethodCache]


class MethodCache(TypedDict):
    """Look-ups of one method."""

    hits: int
    misses: int


class Dropped(TypedDict):
    """How many entries went."""

    dropped: int


METHODS: dict[str, Method] = {
    "cache/stats": Method(RootParams, CacheStats, "State of the cache.", ROOT),
    "cache/invalidate": Method(InvalidateParams, Dropped, "Drop what depends on a file.", (*ROOT, "OutsideRoot")),
    "cache/clear": Method(RootParams, Dropped, "Drop every entry.", ROOT),
}
