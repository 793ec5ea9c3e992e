"""Counts and latencies."""

from __future__ import annotations

from typing import TypedDict

from semctx.protocol.base import Method, NoParams, NotIndexed
from semctx.protocol.cache import CacheStats

__all__ = [
    "IndexMetrics",
    "Latency",
    "MetricsReset",
    "MetricsResult",
    "MetricsText",
    "OperationMetrics",
    "ProcessMetrics",
    "RecentRequest",
    "SessionMetrics",
    "WorkspaceMetrics",
]


class Latency(TypedDict):
    """How long something took, each time; percentiles are within 6 %."""

    total: int  # how often
    sum_ms: float
    avg_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    buckets: dict[str, int]  # upper bound in seconds -> how many took no longer


class OperationMetrics(Latency):
    """Counts and latency of one method."""

    success: int
    error: int
    cached: int  # answered from memory
    errors: dict[str, int]  # by error type


class SessionMetrics(TypedDict):
    """One child process, and what it was asked."""

    name: str  # ty, indexer
    interpreter: str  # of a language server
    state: str
    restarts: int
    memory_bytes: int  # resident
    pending: int  # requests that wait or are under way in it
    unread_bytes: int  # written to it, and not read by it yet
    notices: int  # changes that it was told of
    nudges: int  # files that were opened and closed to make it look again
    operations: dict[str, OperationMetrics]  # from sending the request to its answer


class IndexMetrics(TypedDict):
    """What an indexer holds, as it last said."""

    files: int
    symbols: int
    read: int  # files read so far in the scan under way, or in the last one
    to_read: int  # of how many
    scan_ms: float  # how long that has taken
    updates: int  # batches of changes taken in since the first scan
    restored: int  # files that its first scan had not to parse, as the snapshot of an earlier run had them
    not_indexed: NotIndexed
    snapshot: str  # what became of that: "used", "" without one, "off", or why it was not used or written


class WorkspaceMetrics(TypedDict):
    """One open workspace."""

    epoch: int
    folders: int  # watched
    degraded: list[str]
    flights: dict[str, int]  # joined, stored, not_stored, asked_again; changes; not_yet_fresh
    under_way: int  # questions that nobody has answered yet
    witness: dict[str, int]  # reports of the second watcher; changes that the gate had missed (expected: 0)
    gate: Latency  # taking in what the kernel had queued, where there was any
    cache: CacheStats
    index: IndexMetrics
    sessions: list[SessionMetrics]


class ProcessMetrics(TypedDict):
    """The daemon's own process."""

    memory_bytes: int  # resident
    cpu_s: float
    open_files: int


class RecentRequest(TypedDict):
    """A request that failed or was slow ([log] slow_s)."""

    at: float  # seconds since 1970, when it ended
    request: str  # its number, as in the log
    method: str
    ms: float
    error: str  # type; empty for one that was only slow
    client: str


class MetricsResult(TypedDict):
    """Everything that is counted, since the daemon's start or the last reset."""

    uptime_s: float
    queries: dict[str, int]  # total, success, error, cached; of the requests about code
    rates: dict[str, float]  # success_rate, cache_hit_rate
    operations: dict[str, OperationMetrics]  # from a request's arrival to its reply
    recent: list[RecentRequest]  # the last fifty, the newest last
    loop_lag: Latency  # how late a timer of the daemon's loop was
    connections: int
    under_way: int  # requests that have no reply yet
    gate: dict[str, int]  # reads of the kernel's queue: drains, events, overflows, listed, compared, max_batch
    cache: CacheStats  # over all workspaces
    process: ProcessMetrics
    workspaces: dict[str, WorkspaceMetrics]  # by root


class MetricsReset(TypedDict):
    """Counting began anew."""

    was_s: float  # how long had been counted


class MetricsText(TypedDict):
    """What a Prometheus server reads."""

    content_type: str
    text: str


METHODS: dict[str, Method] = {
    "metrics/get": Method(NoParams, MetricsResult, "Counts, rates and latencies of everything."),
    "metrics/reset": Method(
        NoParams,
        MetricsReset,
        "Count anew. State stays: restarts, epochs, what the cache holds, missed changes.",
    ),
    "metrics/prometheus": Method(NoParams, MetricsText, "The metrics as text for Prometheus (docs/monitoring.md)."),
}
