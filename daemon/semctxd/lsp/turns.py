"""Whose turn it is: a language server shows one view at a time, and requests look through several.

Requests through the view that is shown go out at once. One through another view waits until the replies under way
have come, and then the server is switched. Nobody starves, and nobody is switched to for one request at a time: as
soon as somebody waits, newcomers of the view that is shown wait too; views take turns in the order of their first
request that waits, and a turn is all that waits for it. While the server is held, it is nobody's turn.

Pure: who sends, and what switching takes, is the session's affair.
"""

from __future__ import annotations

from semctxd.model import Overlays


class Turns:
    """The turns of one run of a server. Requests are known by number, views by the digest of their overlays."""

    def __init__(self) -> None:
        self._shown = ""
        self._sent: set[int] = set()
        self._waiting: dict[str, list[int]] = {}
        self.is_held = False

    def ask(self, number: int, overlays: Overlays) -> bool:
        """Whether a request may go out now; if not, `settle` gives its number later."""
        view = overlays.digest
        if self.is_held or self._waiting or (self._sent and view != self._shown):
            self._waiting.setdefault(view, []).append(number)
            return False
        self._shown = view
        self._sent.add(number)
        return True

    def settle(self, number: int) -> list[int]:
        """A request was answered or given up; those that are due by that."""
        self._sent.discard(number)
        for view, numbers in self._waiting.items():
            if number in numbers:
                numbers.remove(number)
                if not numbers:
                    del self._waiting[view]
                break
        return self._next()

    def hold(self) -> None:
        """Nothing may go out until `resume`."""
        self.is_held = True

    def resume(self) -> list[int]:
        """The requests that are due by that."""
        self.is_held = False
        return self._next()

    def _next(self) -> list[int]:
        if self.is_held or self._sent or not self._waiting:
            return []
        self._shown = next(iter(self._waiting))
        due = self._waiting.pop(self._shown)
        self._sent.update(due)
        return due
