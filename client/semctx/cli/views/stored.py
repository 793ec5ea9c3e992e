"""Answers about what the daemon keeps."""

from __future__ import annotations

from semctx.cli.render import PLAIN, TITLE, columns, duration, mib, section, times

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterator

    from semctx.cli.render import Line
    from semctx.protocol import (
        CacheStats,
        Dropped,
        MetricsReset,
        MetricsResult,
        MetricsText,
        OperationMetrics,
        WorkspaceMetrics,
    )


def metrics(answer: MetricsResult) -> Iterator[Line]:
    """metrics/get."""
    yield TITLE, f"up {duration(answer['uptime_s'])}"
    yield from columns((name, str(count)) for name, count in answer["queries"].items())
    yield from columns((name, f"{rate:.1%}") for name, rate in answer["rates"].items())
    yield from section("Operations", _operations(answer["operations"]))
    for root, workspace in answer["workspaces"].items():
        yield from section(root, columns([*_guards(workspace)]))
        for session in workspace["sessions"]:
            yield from section(f"{session['name']}, {session['state']}", _operations(session["operations"]))
    yield from section("Cache", cache_stats(answer["cache"]))


def _operations(operations: dict[str, OperationMetrics]) -> list[Line]:
    rows: list[tuple[str, ...]] = [("method", "total", "error", "cached", "p50 ms", "p99 ms", "max ms")]
    rows += [
        (
            name,
            *(str(count) for count in (of["total"], of["error"], of["cached"])),
            *(f"{time:.2f}" for time in (of["p50_ms"], of["p99_ms"], of["max_ms"])),
        )
        for name, of in operations.items()
    ]
    return columns(rows) if operations else []


def _guards(workspace: WorkspaceMetrics) -> Iterator[tuple[str, str]]:
    index, gate = workspace["index"], workspace["gate"]
    yield "epoch", str(workspace["epoch"])
    yield "indexed", f"{times(index['files'], 'file')}, {times(index['symbols'], 'symbol')}"
    yield "gate", f"{gate['total']} times, p50 {gate['p50_ms']:.2f} ms, p99 {gate['p99_ms']:.2f} ms"
    yield from ((name, str(count)) for name, count in workspace["flights"].items())
    yield "missed by the gate", str(workspace["witness"]["missed"])


def metrics_reset(answer: MetricsReset) -> Iterator[Line]:
    """metrics/reset."""
    yield PLAIN, f"what was counted for {duration(answer['was_s'])} is counted anew"


def metrics_prometheus(answer: MetricsText) -> Iterator[Line]:
    """metrics/prometheus."""
    yield from ((PLAIN, line) for line in answer["text"].splitlines())


def cache_stats(answer: CacheStats) -> Iterator[Line]:
    """cache/stats."""
    yield from columns(
        (
            ("entries", f"{answer['size']} of {answer['max_size']}"),
            ("size", f"{mib(answer['bytes'])} of {mib(answer['max_bytes'])}"),
            ("hits", f"{answer['hits']} ({answer['hit_rate']:.1%})"),
            ("misses", str(answer["misses"])),
            ("evictions", str(answer["evictions"])),
            ("invalidations", str(answer["invalidations"])),
            ("kept for", f"{answer['ttl_s']:g} s"),
        )
    )
    rows: list[tuple[str, ...]] = [("method", "hits", "misses")]
    rows += [(name, str(of["hits"]), str(of["misses"])) for name, of in answer["by_method"].items()]
    yield from section("By method", columns(rows))


def dropped(answer: Dropped) -> Iterator[Line]:
    """How many answers went."""
    yield PLAIN, f"dropped {answer['dropped']} stored answers"
