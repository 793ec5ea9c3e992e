"""Counts and latencies of what the daemon does. Used on the loop only: no locks.

Latencies go to a histogram whose buckets grow by e^0.1, so that a percentile is within 6 % of the true one,
however many there were and at a cost that a cache hit can bear. What is reported is plain data of
`semctx.protocol`.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from itertools import accumulate
from math import expm1, log1p
from typing import Any

from semctx.protocol import Latency, OperationMetrics, RecentRequest

_PER_E = 10  # buckets for each factor of e
_NS = 1e9
BOUNDS_S = (*(float(f"{step}e{power}") for power in range(-5, 1) for step in (1, 2.5, 5)), 10.0)
"""Upper bounds of the buckets that are reported: 10 µs to 10 s."""
MAX_OPERATIONS = 200
"""Names beyond this many are counted together: a name may come from a client, and memory is bounded."""
OTHER = "(other)"

_MAX_RECENT = 50
_NO_QUERIES = frozenset(
    {"session", "document", "cache", "metrics", "health", "events", "config", "log", "trust", "daemon"}
)
"""The nouns of methods that ask nothing about code: operations, but no queries."""

_SUMMARY_QUERIES = 100
_SUMMARY_S = 1.0


class Histogram:
    """Durations. What can be derived is not counted: each counter costs every hit."""

    __slots__ = ("_buckets", "_max_s", "sum_s")

    def __init__(self) -> None:
        self._buckets: defaultdict[int, int] = defaultdict(int)
        self._max_s = 0.0
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one. The hot path: see the module's docstring before adding to it."""
        self.sum_s += seconds
        if seconds > self._max_s:
            self._max_s = seconds
        self._buckets[int(log1p(seconds * _NS) * _PER_E)] += 1

    @property
    def total(self) -> int:
        """How many."""
        return sum(self._buckets.values())

    def latency(self) -> Latency:
        """All that is reported of it; zeros where there was none."""
        total = self.total
        below = [0] * (len(BOUNDS_S) + 1)
        for bucket, count in self._buckets.items():
            middle_s = _middle_s(bucket)
            below[sum(bound < middle_s for bound in BOUNDS_S)] += count
        return {
            "total": total,
            "sum_ms": self.sum_s * 1e3,
            "avg_ms": self.sum_s / total * 1e3 if total else 0.0,
            "p50_ms": self._percentile_s(0.50) * 1e3,
            "p90_ms": self._percentile_s(0.90) * 1e3,
            "p99_ms": self._percentile_s(0.99) * 1e3,
            "max_ms": self._max_s * 1e3,
            "buckets": {f"{bound:g}": up_to for bound, up_to in zip(BOUNDS_S, accumulate(below), strict=False)},
        }

    def _percentile_s(self, share: float) -> float:
        rank = share * self.total
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                return min(_middle_s(bucket), self._max_s)
        return 0.0


def _middle_s(bucket: int) -> float:
    return expm1((bucket + 0.5) / _PER_E) / _NS


class Operation(Histogram):
    """What is counted of one method."""

    __slots__ = ("errors", "uncached")

    def __init__(self) -> None:
        super().__init__()
        self.uncached = 0
        self.errors: defaultdict[str, int] = defaultdict(int)

    @property
    def cached(self) -> int:
        """How many came from memory."""
        return self.total - self.uncached

    @property
    def failed(self) -> int:
        """How many ended with an error."""
        return sum(self.errors.values())

    def record(self, seconds: float, error_type: str | None, cached: bool = False) -> None:
        """Count one; `error_type` is None for a success."""
        self.add(seconds)
        self.uncached += not cached
        if error_type is not None:
            self.errors[error_type] += 1

    def describe(self) -> OperationMetrics:
        """All that is reported of it."""
        return {
            **self.latency(),
            "success": self.total - self.failed,
            "error": self.failed,
            "cached": self.cached,
            "errors": dict(self.errors),
        }


class Operations(dict[str, Operation]):
    """Operations by method; a new one comes on first use, up to a bound."""

    def __missing__(self, method: str) -> Operation:
        if len(self) >= MAX_OPERATIONS and method != OTHER:
            return self[OTHER]
        operation = self[method] = Operation()
        return operation

    def describe(self) -> dict[str, OperationMetrics]:
        """All that is reported of each, by name."""
        return {name: self[name].describe() for name in sorted(self)}


class Metrics:
    """Counters of one daemon. `clock` tells monotonic seconds; durations are measured by the caller."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._operations = Operations()
        self._summed_at = clock()
        self._summed = (0, 0, 0, 0.0)  # queries, cached, errors, seconds at the last summary
        self.loop_lag = Histogram()
        self.recent: deque[RecentRequest] = deque(maxlen=_MAX_RECENT)

    def reset(self) -> None:
        """Begin anew."""
        self._operations.clear()
        self._summed_at, self._summed = self._clock(), (0, 0, 0, 0.0)
        self.loop_lag = Histogram()
        self.recent.clear()

    def hit(self, method: str, seconds: float) -> None:
        """Count an answer from the cache, on the hot path."""
        self._operations[method].add(seconds)

    def record(self, method: str, seconds: float, error_type: str | None = None, cached: bool = False) -> None:
        """Count any operation; `error_type` is None for a success."""
        self._operations[method].record(seconds, error_type, cached)

    def snapshot(self) -> dict[str, Any]:
        """`queries`, `rates`, `operations`, `loop_lag` and `recent` of `semctx.protocol.MetricsResult`.

        With no query at all, the success rate is 1 and the hit rate 0.
        """
        total, cached, error, _ = self._sums()
        return {
            "queries": {"total": total, "success": total - error, "error": error, "cached": cached},
            "rates": {
                "success_rate": (total - error) / total if total else 1.0,
                "cache_hit_rate": cached / total if total else 0.0,
            },
            "operations": self._operations.describe(),
            "loop_lag": self.loop_lag.latency(),
            "recent": list(self.recent),
        }

    def summary_due(self) -> dict[str, Any] | None:
        """What happened since the last summary, once 100 queries and a second have passed; else None."""
        sums = self._sums()
        if sums[0] - self._summed[0] < _SUMMARY_QUERIES:
            return None
        now = self._clock()
        elapsed_s = now - self._summed_at
        if elapsed_s < _SUMMARY_S:
            return None
        queries, cached, error, seconds = (new - old for new, old in zip(sums, self._summed, strict=True))
        self._summed_at, self._summed = now, sums
        return {
            "queries": queries,
            "cached": cached,
            "error": error,
            "avg_ms": round(seconds / queries * 1e3, 3),
            "elapsed_s": round(elapsed_s, 3),
        }

    def _sums(self) -> tuple[int, int, int, float]:
        operations = [of for name, of in self._operations.items() if name.partition("/")[0] not in _NO_QUERIES]
        return (
            sum(o.total for o in operations),
            sum(o.cached for o in operations),
            sum(o.failed for o in operations),
            sum(o.sum_s for o in operations),
        )
