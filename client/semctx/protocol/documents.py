"""Unsaved text: what a client's editor holds and the disk does not."""

from __future__ import annotations

from typing import Required, TypedDict

from semctx.protocol.base import ROOT, Method

__all__ = [
    "ChangeParams",
    "CloseParams",
    "DocumentResult",
    "Edit",
    "OpenParams",
    "TextPosition",
    "TextRange",
]


class TextPosition(TypedDict):
    """A place in a text, as LSP has it."""

    line: int  # 0-based
    character: int  # 0-based, UTF-16 code units


class TextRange(TypedDict):
    """A part of a text, as LSP has it."""

    start: TextPosition
    end: TextPosition  # exclusive


class OpenParams(TypedDict, total=False):
    """A document with its text, which counts from now on instead of the file's."""

    root: Required[str]
    file: Required[str]  # absolute, or relative to the root; it need not exist
    text: Required[str]  # at most 2 000 000 bytes of UTF-8
    version: int  # default: 0


class Edit(TypedDict, total=False):
    """One change of a text."""

    range: TextRange  # what is replaced; missing: the whole text
    text: Required[str]


class ChangeParams(TypedDict):
    """Edits of an open document, each of the text that the one before it made."""

    root: str
    file: str
    version: int  # of the text with the edits; higher than before
    changes: list[Edit]


class CloseParams(TypedDict):
    """A document that counts no more: its file does."""

    root: str
    file: str


class DocumentResult(TypedDict):
    """The document, open or just closed."""

    file: str  # relative to the root
    version: int


METHODS: dict[str, Method] = {
    "document/open": Method(
        OpenParams,
        DocumentResult,
        "Have the connection's answers see a text that is not saved. One that is open already is replaced.",
        (*ROOT, "OutsideRoot", "TextRefused"),
    ),
    "document/change": Method(
        ChangeParams,
        DocumentResult,
        "Edit an open document: all edits are made, or none.",
        (*ROOT, "OutsideRoot", "DocumentNotOpen", "DocumentOutOfStep", "TextRefused"),
    ),
    "document/close": Method(
        CloseParams,
        DocumentResult,
        "Have the connection's answers see the file again.",
        (*ROOT, "OutsideRoot", "DocumentNotOpen"),
    ),
}
