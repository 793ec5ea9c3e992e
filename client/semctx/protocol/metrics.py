"""Counts and latencies."""

from __future__ import annotations

from typing import Any, TypedDict

from semctx.protocol.base import Method, NoParams
from semctx.protocol.cache import CacheStats

__all__ = ["MetricsResult", "OperationMetrics"]


class OperationMetrics(TypedDict):
    """Counts and latency of one method."""

    total: int
    success: int
    error: int
    cached: int
    errors: dict[str, int]  # by error type
    avg_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float


class MetricsResult(TypedDict):
    """Every operation since the daemon's start."""

    uptime_s: float
    queries: dict[str, int]  # total, success, error, cached
    rates: dict[str, float]  # success_rate, cache_hit_rate
    operations: dict[str, OperationMetrics]
    cache: CacheStats
    workspaces: dict[str, dict[str, Any]]  # guard counters of each: gate, flights, witness, sessions


METHODS: dict[str, Method] = {
    "metrics/get": Method(NoParams, MetricsResult, "Counts, rates and latencies of every operation."),
}
