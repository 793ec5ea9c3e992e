"""What two readings of the metrics say of the time between them. Pure functions and values."""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from semctx.protocol import MetricsResult, OperationMetrics

LENGTH = 60
"""How many intervals are shown."""


class Trend:
    """Requests a second, milliseconds of each and share of answers from memory, interval by interval."""

    def __init__(self) -> None:
        self.rates: deque[float] = deque([0.0] * LENGTH, LENGTH)
        self.latencies_ms: deque[float] = deque([0.0] * LENGTH, LENGTH)
        self.hit_rate = 0.0  # of the last interval with a request
        self._before: tuple[float, int, int, float] | None = None

    def add(self, reading: MetricsResult) -> None:
        """Take in the next reading; the first one, or the first after counting began anew, says nothing of a rate."""
        total, cached, sum_ms = _sums(reading["operations"].values())
        before, self._before = self._before, (reading["uptime_s"], total, cached, sum_ms)
        if before is None or total < before[1] or reading["uptime_s"] <= before[0]:
            return
        seconds, requests = reading["uptime_s"] - before[0], total - before[1]
        self.rates.append(requests / seconds)
        self.latencies_ms.append((sum_ms - before[3]) / requests if requests else 0.0)
        if requests:
            self.hit_rate = (cached - before[2]) / requests


def _sums(operations: Iterable[OperationMetrics]) -> tuple[int, int, float]:
    total, cached, sum_ms = 0, 0, 0.0
    for operation in operations:
        total += operation["total"]
        cached += operation["cached"]
        sum_ms += operation["sum_ms"]
    return total, cached, sum_ms
