"""Whether a server has read the workspace, and taken in what it was told: by the sign that it gives, if it gives any.

A server that has not yet gives answers that look like any other: no hover, three references instead of seventy. So
requests wait for the sign; past the server's patience they are sent, and their answers marked.
"""

from __future__ import annotations

import re

from semctxd.child.kind import Completeness
from semctxd.lsp.registry import Server

GIVE_UP_S = 120.0  # after that long without its first sign, a server is taken for one that gives none


class Readiness:
    """Of one run of a server. Times are on `time.perf_counter()`'s clock."""

    def __init__(self, server: Server) -> None:
        self._sign = server.sign
        self._pattern = re.compile(server.sign.pattern.encode() if server.sign else b"")
        self.due = 1 if server.sign else 0  # signs that are still to come
        self._since = 0.0  # when the last sign that was due came
        self.usual: Completeness = "unknown" if server.readiness == "unknown" else ""
        self.has_begun = not server.sign  # its first sign came
        self.is_late = False  # requests wait no longer

    def told(self, signs: bool) -> None:
        """The server was told something, which it will answer with its sign or not."""
        self.due += signs

    def hears(self, method: str, params: bytes, now: float) -> bool:
        """Whether a notification is the sign after which no other is due."""
        if not self.due or not self._sign or method != self._sign.method or not self._pattern.search(params):
            return False
        self.has_begun = True
        return self.settle(1, now)

    def settle(self, signs: int, now: float) -> bool:
        """So many signs came, or will not come; whether none is due now."""
        self.due, self.is_late = max(0, self.due - signs), False
        if not self.due:
            self._since = now
        return not self.due

    def give_up(self) -> None:
        """No sign will ever come."""
        self.usual = "unknown"
        self.settle(self.due, 0.0)

    def completeness(self, sent_at: float) -> Completeness:
        """What the reply that is here lacks, to a request that was sent then."""
        return "indexing" if self.due or sent_at < self._since else self.usual
