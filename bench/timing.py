"""How long a call takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def timed(act: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> tuple[float, R]:
    """Milliseconds, and what it returned."""
    started = time.perf_counter()
    result = act(*args, **kwargs)
    return (time.perf_counter() - started) * 1e3, result


def ms(act: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> float:
    """Milliseconds."""
    return timed(act, *args, **kwargs)[0]
