"""What is kept of a request that ended: it is counted, and has its canonical line in the log; a slow one or a failed
one is remembered, too."""

from __future__ import annotations

import time

import msgspec

from semctx.protocol import RecentRequest
from semctxd import logs
from semctxd.metrics import Metrics

_MAX_SAID_BYTES = 500  # of a slow request's parameters in the log
_log = logs.get("rpc")


def record(
    metrics: Metrics,
    lines: logs.Lines,
    slow_s: float,
    client: str,
    method: str,
    root: object,
    params: object,
    seconds: float,
    error: str | None,
    cached: bool,
) -> None:
    """A request of that client ended, with an error of that type or with none; `params` may be raw JSON. From `slow_s`
    seconds on (0: never) its line is a warning, and says what was asked."""
    metrics.record(method, seconds, error, cached)
    facts = {"method": method, "ms": round(seconds * 1e3, 3), "error": error, "cached": cached}
    facts |= {"client": client, "root": root}
    is_slow = bool(slow_s) and seconds >= slow_s
    say = _log.info
    if is_slow:
        said = msgspec.json.encode(params)[:_MAX_SAID_BYTES].decode(errors="replace")
        facts |= {"slow": True, "params": said}
        say = _log.warning
    lines.add(say, "request", facts)
    if error or is_slow:
        recent: RecentRequest = {
            "at": round(time.time(), 3),
            "request": logs.request_number(),
            "method": method,
            "ms": round(seconds * 1e3, 3),
            "error": error or "",
            "client": client,
        }
        metrics.recent.append(recent)
