"""Counts and latencies of every operation, since the daemon's start. Used on the loop only: no locks.

Latencies go to a histogram whose buckets grow by e^0.1, so that a percentile is within 6 % of the true one,
however many operations there were and at a cost that a cache hit can bear.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from math import expm1, log1p
from typing import Any

from semctx.protocol import OperationMetrics

_PER_E = 10  # buckets for each factor of e
_NS = 1e9
MAX_OPERATIONS = 200
"""Names beyond this many are counted together: a name may come from a client, and memory is bounded."""
OTHER = "(other)"

_SUMMARY_QUERIES = 100
_SUMMARY_S = 1.0


class _Operation:
    """One method's counters. What can be derived is not counted: each counter costs every hit."""

    __slots__ = ("buckets", "errors", "max_s", "sum_s", "uncached")

    def __init__(self) -> None:
        self.uncached = 0
        self.errors: defaultdict[str, int] = defaultdict(int)
        self.sum_s = 0.0
        self.max_s = 0.0
        self.buckets: defaultdict[int, int] = defaultdict(int)

    @property
    def total(self) -> int:
        return sum(self.buckets.values())

    @property
    def cached(self) -> int:
        return self.total - self.uncached

    def percentile_s(self, share: float) -> float:
        rank = share * self.total
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                break
        return min(expm1((bucket + 0.5) / _PER_E) / _NS, self.max_s)

    def describe(self) -> OperationMetrics:
        error = sum(self.errors.values())
        return {
            "total": self.total,
            "success": self.total - error,
            "error": error,
            "cached": self.cached,
            "errors": dict(self.errors),
            "avg_ms": self.sum_s / self.total * 1e3,
            "p50_ms": self.percentile_s(0.50) * 1e3,
            "p99_ms": self.percentile_s(0.99) * 1e3,
            "max_ms": self.max_s * 1e3,
        }


class _Operations(dict[str, _Operation]):
    """Operations by method; a new one comes on first use, up to a bound."""

    def __missing__(self, method: str) -> _Operation:
        if len(self) >= MAX_OPERATIONS and method != OTHER:
            return self[OTHER]
        operation = self[method] = _Operation()
        return operation


class Metrics:
    """Counters of one daemon. `clock` tells monotonic seconds; durations are measured by the caller."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._operations = _Operations()
        self._queries = 0
        self._summed_at = clock()
        self._summed = (0, 0, 0, 0.0)  # queries, cached, errors, seconds at the last summary

    def hit(self, method: str, seconds: float) -> None:
        """Count an answer from the cache. The hot path: see the module's docstring before adding to it."""
        operation = self._operations[method]
        operation.sum_s += seconds
        if seconds > operation.max_s:
            operation.max_s = seconds
        operation.buckets[int(log1p(seconds * _NS) * _PER_E)] += 1
        self._queries += 1

    def record(self, method: str, seconds: float, error_type: str | None = None, cached: bool = False) -> None:
        """Count any operation; `error_type` is None for a success."""
        self.hit(method, seconds)
        operation = self._operations[method]
        operation.uncached += not cached
        if error_type is not None:
            operation.errors[error_type] += 1

    def snapshot(self) -> dict[str, Any]:
        """`queries`, `rates` and `operations` of `semctx.protocol.MetricsResult`.

        With no query at all, the success rate is 1 and the hit rate 0.
        """
        total, cached, error, _ = self._sums()
        return {
            "queries": {"total": total, "success": total - error, "error": error, "cached": cached},
            "rates": {
                "success_rate": (total - error) / total if total else 1.0,
                "cache_hit_rate": cached / total if total else 0.0,
            },
            "operations": {name: self._operations[name].describe() for name in sorted(self._operations)},
        }

    def summary_due(self) -> dict[str, Any] | None:
        """What happened since the last summary, once 100 queries and a second have passed; else None."""
        if self._queries - self._summed[0] < _SUMMARY_QUERIES:
            return None
        now = self._clock()
        elapsed_s = now - self._summed_at
        if elapsed_s < _SUMMARY_S:
            return None
        sums = self._sums()
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
        operations = self._operations.values()
        return (
            self._queries,
            sum(o.cached for o in operations),
            sum(sum(o.errors.values()) for o in operations),
            sum(o.sum_s for o in operations),
        )
