"""What language servers say, as far as answers need it: LSP's own objects and names."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from semctx.errors import SemctxError

T = TypeVar("T")


class LspPosition(msgspec.Struct):
    """Counted from 0, in UTF-16 code units."""

    line: int
    character: int


class LspRange(msgspec.Struct):
    """The end is exclusive."""

    start: LspPosition
    end: LspPosition


class Location(msgspec.Struct):
    """A place in a file."""

    uri: str
    range: LspRange


class Link(msgspec.Struct):
    """A place in a file as the target of a link (LocationLink)."""

    targetUri: str  # noqa: N815 (the name is LSP's)
    targetSelectionRange: LspRange  # noqa: N815


class Markup(msgspec.Struct):
    """MarkupContent, or with a language MarkedString."""

    value: str
    language: str = ""


Contents = Markup | str | list[Markup | str]
"""Of a hover."""


class Hover(msgspec.Struct):
    """What is said of a symbol."""

    contents: Contents


class Item(msgspec.Struct):
    """One end of a call (CallHierarchyItem)."""

    name: str
    kind: int
    uri: str
    selectionRange: LspRange  # noqa: N815


class CallOf(msgspec.Struct, rename={"incoming": "from"}):
    """CallHierarchyIncomingCall (with `incoming`) or CallHierarchyOutgoingCall (with `to`)."""

    fromRanges: list[LspRange]  # noqa: N815
    incoming: Item | None = None
    to: Item | None = None

    @property
    def other(self) -> Item:
        """The function at the other end."""
        if (item := self.incoming or self.to) is None:
            raise misunderstood("a call without its other end")
        return item


class Diagnostic(msgspec.Struct):
    """One thing that is wrong."""

    range: LspRange
    message: str
    severity: int = 1
    code: int | str = ""


class Report(msgspec.Struct):
    """The diagnostics of a file."""

    items: list[Diagnostic] = []


def understood(said: Any, kind: type[T]) -> T:
    """A decoded answer of a server as one of these. Raises ServerError where it is none."""
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        raise misunderstood(str(error)) from None


def misunderstood(why: str) -> SemctxError:
    """The error for an answer that is not what LSP says."""
    return SemctxError("ServerError", f"the language server's answer is none of LSP's: {why}")
