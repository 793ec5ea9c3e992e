"""How often a child ended lately, and so when it may be started again. On a clock that nobody sets."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

MAX_CRASHES = 5
WINDOW_S = 180.0
_MAX_ENDS = 2
_FIRST_PAUSE_S = 0.1
_MAX_PAUSE_S = 10.0


class Crashes:
    """Those within the last `WINDOW_S` seconds count; after `MAX_CRASHES` of them the child is not started any more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=MAX_CRASHES)

    def add(self) -> None:
        """The child ended on its own, or had to be ended."""
        self._times.append(self._clock())

    def clear(self) -> None:
        """Somebody wants it to be tried anew."""
        self._times.clear()

    @property
    def recent(self) -> int:
        """How many count."""
        since = self._clock() - WINDOW_S
        return sum(at > since for at in self._times)

    @property
    def pause_s(self) -> float:
        """How long to wait before the next start: twice as long after each one that counts."""
        if not (recent := self.recent):
            return 0.0
        pause_s = min(_FIRST_PAUSE_S * 2.0 ** (recent - 1), _MAX_PAUSE_S)
        return max(0.0, self._times[-1] + pause_s - self._clock())


class Suspects:
    """The files about which a child was asked when it ended. One that was among them twice lately is to be asked about
    no more, so that it does not take the child from all the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: dict[str, Crashes] = {}

    def __bool__(self) -> bool:
        return bool(self._ends)

    @property
    def convicted(self) -> bool:
        """Whether there is a file that is to be asked about no more."""
        return any(file in self for file in self._ends)

    def __contains__(self, file: str) -> bool:
        return file in self._ends and self._ends[file].recent >= _MAX_ENDS

    def add(self, files: Iterable[str]) -> None:
        """The child ended on its own, while it was asked about these."""
        self._ends = {file: ends for file, ends in self._ends.items() if ends.recent}
        for file in files:
            self._ends.setdefault(file, Crashes(self._clock)).add()

    def clear(self, files: Iterable[str]) -> None:
        """These are to be tried anew."""
        for file in files:
            self._ends.pop(file, None)
