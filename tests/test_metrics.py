"""Counts, rates and percentiles, with a clock that the test moves."""

from __future__ import annotations

import statistics
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semctx.protocol import METHODS, OperationMetrics
from semctxd.metrics import BOUNDS_S, MAX_OPERATIONS, OTHER, Histogram, Metrics
from semctxd.rpc.question import QUERIES

latencies = st.lists(st.floats(0, 1000, allow_subnormal=False), min_size=1, max_size=300)


def operation(metrics: Metrics, name: str = "m") -> OperationMetrics:
    found: OperationMetrics = metrics.snapshot()["operations"][name]
    return found


def test_before_any_query() -> None:
    assert Metrics().snapshot() == {
        "queries": {"total": 0, "success": 0, "error": 0, "cached": 0},
        "rates": {"success_rate": 1.0, "cache_hit_rate": 0.0},
        "operations": {},
        "loop_lag": Histogram().latency(),
        "recent": [],
    }
    nothing = Histogram().latency()
    assert (nothing["total"], nothing["avg_ms"], nothing["p50_ms"], nothing["buckets"]["10"]) == (0, 0.0, 0.0, 0)


def test_every_outcome_is_counted_where_it_belongs() -> None:
    metrics = Metrics()
    metrics.hit("b", 0.001)
    metrics.record("b", 0.003)
    metrics.record("b", 0.002, cached=True)
    metrics.record("a", 0.1, "NotYetFresh")
    metrics.record("a", 0.1, "NotYetFresh")
    metrics.record("a", 0.1, "ServerError")
    snapshot = metrics.snapshot()
    assert snapshot["queries"] == {"total": 6, "success": 3, "error": 3, "cached": 2}
    assert snapshot["rates"] == {"success_rate": 0.5, "cache_hit_rate": pytest.approx(1 / 3)}
    assert list(snapshot["operations"]) == ["a", "b"]
    a, b = operation(metrics, "a"), operation(metrics, "b")
    assert (a["total"], a["success"], a["error"], a["cached"]) == (3, 0, 3, 0)
    assert a["errors"] == {"NotYetFresh": 2, "ServerError": 1}
    assert (b["total"], b["success"], b["error"], b["cached"], b["errors"]) == (3, 3, 0, 2, {})
    assert b["avg_ms"] == pytest.approx(2)
    assert b["max_ms"] == pytest.approx(3)


@given(latencies)
def test_percentiles_are_close_to_the_true_ones(seconds: list[float]) -> None:
    metrics = Metrics()
    for s in seconds:
        metrics.hit("m", s)
    found, ordered = operation(metrics), sorted(seconds)
    for percent, found_ms in ((50, found["p50_ms"]), (99, found["p99_ms"])):
        true_ms = ordered[-(-percent * len(ordered) // 100) - 1] * 1e3
        assert found_ms == pytest.approx(true_ms, rel=0.06, abs=2e-7)
        assert found_ms <= found["max_ms"]
    assert found["avg_ms"] == pytest.approx(statistics.fmean(seconds) * 1e3)


@given(latencies)
def test_buckets_count_what_took_no_longer(seconds: list[float]) -> None:
    histogram = Histogram()
    for s in seconds:
        histogram.add(s)
    buckets = histogram.latency()["buckets"]
    assert list(map(float, buckets)) == list(BOUNDS_S)
    for bound, up_to in zip(BOUNDS_S, buckets.values(), strict=True):
        assert sum(s < bound * 0.94 for s in seconds) <= up_to <= sum(s < bound * 1.06 for s in seconds)


def test_counting_begins_anew() -> None:
    now = [10.0]
    metrics = Metrics(lambda: now[0])
    for _ in range(100):
        metrics.hit("m", 0.001)
    metrics.loop_lag.add(0.1)
    now[0] = 12.0
    assert metrics.summary_due()
    metrics.reset()
    assert metrics.snapshot() == Metrics().snapshot()
    for _ in range(100):
        metrics.hit("m", 0.002)
    assert metrics.summary_due() is None
    now[0] = 13.0
    assert metrics.summary_due() == {"queries": 100, "cached": 100, "error": 0, "avg_ms": 2.0, "elapsed_s": 1.0}


def test_names_that_clients_make_up_do_not_fill_the_memory() -> None:
    metrics = Metrics()
    for i in range(MAX_OPERATIONS + 50):
        metrics.record(f"made/up/{i}", 0.001, "MethodNotFound")
    assert len(metrics.snapshot()["operations"]) == MAX_OPERATIONS + 1
    assert operation(metrics, OTHER)["total"] == 50


def test_a_summary_is_due_after_a_hundred_queries_and_at_most_once_a_second() -> None:
    now = [10.0]
    metrics = Metrics(lambda: now[0])
    for _ in range(98):
        metrics.hit("m", 0.001)
    metrics.record("m", 0.001, "NotYetFresh")
    now[0] = 11.5
    assert metrics.summary_due() is None  # 99 queries
    metrics.record("n", 0.101)
    due = metrics.summary_due()
    assert due == {"queries": 100, "cached": 98, "error": 1, "avg_ms": 2.0, "elapsed_s": 1.5}
    for _ in range(250):
        metrics.hit("m", 0.002)
    now[0] = 12.4
    assert metrics.summary_due() is None  # 0.9 s
    now[0] = 12.5
    due = metrics.summary_due()
    assert due == {"queries": 250, "cached": 250, "error": 0, "avg_ms": 2.0, "elapsed_s": 1.0}
    assert metrics.summary_due() is None


def test_summaries_add_up_to_all_queries() -> None:
    ticks = count()
    metrics = Metrics(lambda: next(ticks) * 0.5)
    seen = 0
    for _ in range(1000):
        metrics.hit("m", 0.001)
        if due := metrics.summary_due():
            seen += due["queries"]
    assert 1000 - 200 < seen <= 1000


def test_what_asks_nothing_about_code_is_an_operation_and_no_query() -> None:
    metrics = Metrics()
    for method in METHODS:
        metrics.hit(method, 0.001)
    snapshot = metrics.snapshot()
    assert snapshot["operations"].keys() == METHODS.keys()
    assert snapshot["queries"]["total"] == len(QUERIES)
