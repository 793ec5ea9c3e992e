"""Metrics and health as text for a Prometheus server: one table of names, a pure function of what was read off.

`text` may run in a thread. Durations are histograms in seconds; their bounds are rounded to the nearest bucket that
is counted, which lies within 6 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from semctx.protocol import HealthResult, Latency, MetricsResult, OperationMetrics, WorkspaceMetrics

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LEVELS = ("ok", "degraded", "failing")
_MS = 1e-3
_FLIGHTS = ("joined", "stored", "not_stored", "asked_again")
_INDEX = ("files", "symbols", "read", "to_read", "restored")
_SESSION = ("root", "session", "interpreter")


class Row(NamedTuple):
    """One metric: what Prometheus is told of it, and its samples."""

    name: str
    kind: str  # counter, gauge or histogram
    help: str
    labels: tuple[str, ...]
    samples: Sequence[tuple[tuple[str, ...], Any]]  # values of the labels -> number, or Latency of a histogram


def text(metrics: MetricsResult, health: HealthResult) -> str:
    """Prometheus' text format, version 0.0.4."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import generate_latest

    class Collector:
        def collect(self) -> Iterator[Metric]:
            return map(_family, rows(metrics, health))

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return generate_latest(registry).decode()


def rows(metrics: MetricsResult, health: HealthResult) -> list[Row]:
    """Every metric, in the order of docs/monitoring.md."""
    return [
        *_daemon(metrics, health),
        *_operations("semctx_request", (), {(): metrics["operations"]}),
        *_cache(metrics["workspaces"]),
        *_freshness(metrics),
        *_index(metrics["workspaces"]),
        *_sessions(metrics["workspaces"]),
    ]


def _daemon(metrics: MetricsResult, health: HealthResult) -> list[Row]:
    process = metrics["process"]
    level = LEVELS.index(health["status"])
    return [
        Row("semctx_info", "gauge", "Version of the daemon; always 1.", ("version",), [((health["version"],), 1)]),
        _one("semctx_health", "gauge", "0 is ok, 1 degraded, 2 failing: `semctx health` says why.", level),
        _one("semctx_uptime_seconds", "gauge", "Since the daemon's start.", metrics["uptime_s"]),
        _one("semctx_memory_bytes", "gauge", "Resident memory of the daemon itself.", process["memory_bytes"]),
        _one("semctx_cpu_seconds", "counter", "Processor time of the daemon itself.", process["cpu_s"]),
        _one("semctx_open_files", "gauge", "Open descriptors of the daemon.", process["open_files"]),
        _one("semctx_connections", "gauge", "Connected clients.", metrics["connections"]),
        _one("semctx_requests_under_way", "gauge", "Requests without a reply yet.", metrics["under_way"]),
        _one("semctx_loop_lag_seconds", "histogram", "How late a timer of the loop was.", metrics["loop_lag"]),
    ]


def _operations(
    name: str, labels: tuple[str, ...], by_owner: Mapping[tuple[str, ...], Mapping[str, OperationMetrics]]
) -> list[Row]:
    """Durations, errors and, of the daemon's own, answers from memory, by method."""
    each = [((*owner, method), of) for owner, methods in by_owner.items() for method, of in methods.items()]
    labels = (*labels, "method")
    errors = [((*values, error), count) for values, of in each for error, count in of["errors"].items()]
    found = [
        Row(f"{name}_duration_seconds", "histogram", "From asking to the answer.", labels, list(each)),
        Row(f"{name}_errors", "counter", "Answers that were errors.", (*labels, "error"), errors),
    ]
    if labels == ("method",):  # the daemon's own
        cached = [(values, of["cached"]) for values, of in each]
        found.append(Row(f"{name}_cached", "counter", "Requests answered from memory.", labels, cached))
    return found


def _cache(workspaces: Mapping[str, WorkspaceMetrics]) -> list[Row]:
    of = {root: workspace["cache"] for root, workspace in workspaces.items()}
    lookups = [
        ((root, method, result), count)
        for root, stats in of.items()
        for method, counts in stats["by_method"].items()
        for result, count in (("hit", counts["hits"]), ("miss", counts["misses"]))
    ]
    return [
        Row("semctx_cache_entries", "gauge", "Stored answers.", ("root",), _each(of, "size")),
        Row("semctx_cache_bytes", "gauge", "Memory of stored answers.", ("root",), _each(of, "bytes")),
        Row("semctx_cache_lookups", "counter", "Look-ups.", ("root", "method", "result"), lookups),
        Row("semctx_cache_evictions", "counter", "Answers dropped for want of room or age.", ("root",),
            _each(of, "evictions")),
        Row("semctx_cache_invalidations", "counter", "Answers dropped because files changed.", ("root",),
            _each(of, "invalidations")),
    ]  # fmt: skip


def _freshness(metrics: MetricsResult) -> list[Row]:
    workspaces = metrics["workspaces"]
    gate = metrics["gate"]
    flights = {root: workspace["flights"] for root, workspace in workspaces.items()}
    degraded = [((root, reason), 1) for root, workspace in workspaces.items() for reason in workspace["degraded"]]
    landed = [((root, how), counts[how]) for root, counts in flights.items() for how in _FLIGHTS]
    witness = {root: workspace["witness"] for root, workspace in workspaces.items()}
    return [
        Row("semctx_workspace_epoch", "counter", "Batches of changes applied.", ("root",), _each(workspaces, "epoch")),
        Row("semctx_workspace_degraded", "gauge", "1 for each reason why answers may not be fresh.",
            ("root", "reason"), degraded),
        Row("semctx_workspace_folders", "gauge", "Watched folders.", ("root",), _each(workspaces, "folders")),
        Row("semctx_changes", "counter", "Changes of files and folders.", ("root",), _each(flights, "changes")),
        Row("semctx_gate_duration_seconds", "histogram", "Taking in queued changes while a request waits.",
            ("root",), _each(workspaces, "gate")),
        Row("semctx_not_yet_fresh", "counter", "Requests that the gate could not serve in time.", ("root",),
            _each(flights, "not_yet_fresh")),
        Row("semctx_gate_reads", "counter", "What the gate did.", ("what",),
            [((what,), count) for what, count in gate.items() if what != "max_batch"]),
        Row("semctx_witness_missed", "counter", "Changes that only the second watcher saw.", ("root",),
            _each(witness, "missed")),
        Row("semctx_flights", "counter", "How questions that were not in memory ended.", ("root", "how"), landed),
        Row("semctx_flights_under_way", "gauge", "Questions without an answer yet.", ("root",),
            _each(workspaces, "under_way")),
    ]  # fmt: skip


def _index(workspaces: Mapping[str, WorkspaceMetrics]) -> list[Row]:
    of: dict[str, Mapping[str, Any]] = {root: workspace["index"] for root, workspace in workspaces.items()}
    holds = [((root, what), index[what]) for root, index in of.items() for what in _INDEX]
    holds += [((root, "not_indexed"), index["not_indexed"]["count"]) for root, index in of.items()]
    seconds = [((root,), index["scan_ms"] * _MS) for root, index in of.items()]
    return [
        Row("semctx_index", "gauge", "What the index holds, and how far its scan is.", ("root", "what"), holds),
        Row(
            "semctx_index_scan_seconds", "gauge", "How long the scan under way, or the last, took.", ("root",), seconds
        ),
        Row("semctx_index_updates", "counter", "Batches of changes indexed.", ("root",), _each(of, "updates")),
    ]


def _sessions(workspaces: Mapping[str, WorkspaceMetrics]) -> list[Row]:
    of: dict[tuple[str, ...], Mapping[str, Any]] = {
        (root, session["name"], session["interpreter"]): session
        for root, workspace in workspaces.items()
        for session in workspace["sessions"]
    }

    def each(name: str) -> list[tuple[tuple[str, ...], Any]]:
        return [(values, session[name]) for values, session in of.items()]

    states = [((*values, session["state"]), 1) for values, session in of.items()]
    asked = {values: session["operations"] for values, session in of.items()}
    return [
        Row("semctx_session_state", "gauge", "1 for the state that a session is in.", (*_SESSION, "state"), states),
        Row("semctx_session_restarts", "counter", "How often it ended unasked.", _SESSION, each("restarts")),
        Row("semctx_session_memory_bytes", "gauge", "Resident memory.", _SESSION, each("memory_bytes")),
        Row("semctx_session_pending", "gauge", "Requests that it has not answered.", _SESSION, each("pending")),
        Row("semctx_session_unread_bytes", "gauge", "Written to it, not read yet.", _SESSION, each("unread_bytes")),
        Row("semctx_session_notices", "counter", "Changes it was told of.", _SESSION, each("notices")),
        Row("semctx_session_nudges", "counter", "Files opened to make it look again.", _SESSION, each("nudges")),
        *_operations("semctx_session_request", _SESSION, asked),
    ]


def _one(name: str, kind: str, help: str, value: float | Latency) -> Row:  # noqa: A002 (Prometheus' word)
    return Row(name, kind, help, (), [((), value)])


def _each(of: Mapping[str, Mapping[str, Any]], name: str) -> list[tuple[tuple[str, ...], Any]]:
    return [((root,), values[name]) for root, values in of.items()]


def _family(row: Row) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    if row.kind == "histogram":
        histogram = HistogramMetricFamily(row.name, row.help, labels=row.labels)
        for values, latency in row.samples:
            histogram.add_metric(values, *_buckets(latency))
        return histogram
    family = (CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily)(
        row.name, row.help, labels=row.labels
    )
    for values, number in row.samples:
        family.add_metric(values, number)
    return family


def _buckets(latency: Latency) -> tuple[Sequence[tuple[str, float]], float]:
    bounds = [(bound, float(count)) for bound, count in latency["buckets"].items()]
    return [*bounds, ("+Inf", float(latency["total"]))], latency["sum_ms"] * _MS
