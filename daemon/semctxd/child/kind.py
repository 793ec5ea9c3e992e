"""What kinds of child differ in: what `Child` asks its subclass, with the answers that do for most."""

from __future__ import annotations

from typing import Literal

from semctx.errors import SemctxError
from semctxd.child.messages import Message
from semctxd.errors import ServerCrashed, ServerUnavailable
from semctxd.model import Overlays

Completeness = Literal["", "unknown", "indexing"]
"""What an answer may lack: nothing, nobody knows, or what the child has not read yet."""


class Kind:
    """Called on the loop; nothing but `prepare` may wait."""

    def arguments(self) -> list[str]:
        """What the program is started with after `argv`, as it is configured now."""
        return []

    async def prepare(self) -> None:
        """Load what the session needs, before the process is started."""

    def bring(self, overlays: Overlays) -> None:
        """Write the outstanding notices, and show the overlays; called just before a request is sent."""

    def is_due(self, number: int, overlays: Overlays) -> bool:
        """Whether a request may be sent now; if not, `release` is called for it later."""
        return True

    def settled(self, number: int) -> None:
        """See Requests."""

    def farewell(self) -> None:
        """Write a last message before standard input is closed."""

    def forget(self) -> None:
        """The process is gone: what was due to it is due no more."""

    def message(self, message: Message) -> None:
        """A request or notification of the child."""

    def ended_itself(self) -> None:
        """The process ended, or had to be ended, and nobody else killed it; what was under way still is."""

    def crashed(self, why: str) -> SemctxError:
        """What those are told who waited when the child ended."""
        return ServerCrashed(why)

    @property
    def completeness(self) -> Completeness:
        """While a reply is handed over: what it may lack."""
        return ""

    def unavailable(self, why: str) -> SemctxError:
        """What those are told who ask a child that cannot be started, or that ended too often lately."""
        return ServerUnavailable(why)
