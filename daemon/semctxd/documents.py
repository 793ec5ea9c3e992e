"""Unsaved text: documents, and the views that show them.

A *view* is what its connections see instead of the disk: the documents that they opened. Each connection has one of
its own, and may join another's. A view lives while a connection holds it; its documents go with it, and the disk
rules again.

What is handed out (`View.overlays`) is immutable: whoever took it keeps looking through the text of that moment.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, Protocol

from semctxd.errors import DocumentNotOpen, DocumentOutOfStep, TextRefused, UnknownView
from semctxd.model import DISK, Overlays, Unsaved

MAX_TEXT_BYTES = 2_000_000
"""A larger text is generated data, which the index does not read from the disk either."""

_MAX_VIEW_BYTES = 64 * 1024 * 1024


class Document(NamedTuple):
    """One open document."""

    version: int
    unsaved: Unsaved


class Looker(Protocol):
    """Who looks through a view."""

    def look(self) -> None:
        """The view shows something else from now on."""


class View:
    """Documents, and the connections that see them. Lives on the loop."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.lookers: set[Looker] = set()
        self._overlays: Mapping[str, Overlays] = {}  # by root; replaced by each edit
        self._documents: dict[str, dict[str, Document]] = {}  # root -> absolute path -> document

    @property
    def overlays(self) -> Mapping[str, Overlays]:
        """Canonical root -> what the view shows there instead of the disk; no entry where that is nothing."""
        return self._overlays

    def through(self, root: str) -> Overlays:
        """What the view shows instead of the disk below a canonical root."""
        return self._overlays.get(root, DISK)

    def open(self, root: str, file: str, text: str, version: int) -> Document:
        """Show a text in place of a file (absolute path). Raises TextRefused."""
        document = Document(version, shown(text))
        held = sum(len(one.unsaved.text) for documents in self._documents.values() for one in documents.values())
        if held + len(text) > _MAX_VIEW_BYTES:
            raise TextRefused(f"the open documents hold more than {_MAX_VIEW_BYTES} bytes", hint="Close some.")
        self._documents.setdefault(root, {})[file] = document
        self._show(root)
        return document

    def change(self, root: str, file: str, edits: Sequence[Mapping[str, Any]], version: int) -> Document:
        """Edit a document. Raises DocumentNotOpen, DocumentOutOfStep or TextRefused, and then nothing is edited."""
        known = self._document(root, file)
        if version <= known.version:
            raise DocumentOutOfStep(f"version {version} of {file} is not above {known.version}")
        return self.open(root, file, edited(known.unsaved.text, edits), version)

    def close(self, root: str, file: str) -> Document:
        """Show the file again. Raises DocumentNotOpen."""
        known = self._document(root, file)
        del self._documents[root][file]
        self._show(root)
        return known

    def _document(self, root: str, file: str) -> Document:
        documents = self._documents.get(root, {})
        if file not in documents:
            raise DocumentNotOpen(f"{file} is not open", nearest=get_close_matches(file, documents, 3))
        return documents[file]

    def _show(self, root: str) -> None:
        documents = self._documents[root]
        seen = {**self._overlays, root: Overlays.of({file: one.unsaved for file, one in documents.items()})}
        self._overlays = {root: overlays for root, overlays in seen.items() if overlays is not DISK}
        for looker in self.lookers:
            looker.look()


class Views:
    """The views that somebody looks through, by token."""

    def __init__(self) -> None:
        self._views: dict[str, View] = {}

    def new(self, looker: Looker) -> View:
        """A view of one's own."""
        return self._make(looker, uuid.uuid4().hex)

    def join(self, looker: Looker, current: View, token: str, *, restore: bool) -> View:
        """Look through the view of that token from now on; `restore` makes one that is gone. Raises UnknownView."""
        if token not in self._views and not restore:
            raise UnknownView
        joined = self._views.get(token) or self._make(looker, token)
        joined.lookers.add(looker)
        if joined is not current:
            self.leave(looker, current)
        return joined

    def _make(self, looker: Looker, token: str) -> View:
        view = self._views[token] = View(token)
        view.lookers.add(looker)
        return view

    def leave(self, looker: Looker, view: View) -> None:
        """Look no more; the last one ends the view."""
        view.lookers.discard(looker)
        if not view.lookers:
            self._views.pop(view.token, None)


def shown(text: str) -> Unsaved:
    """A text that can be shown. Raises TextRefused."""
    if "\0" in text:
        raise TextRefused("it holds a NUL, as binary data does")
    if len(text) > MAX_TEXT_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        raise TextRefused(f"it has more than {MAX_TEXT_BYTES} bytes")
    return Unsaved.of(text)


def edited(text: str, edits: Sequence[Mapping[str, Any]]) -> str:
    """The text after LSP's content changes, one after the other. Raises DocumentOutOfStep for a line that it has not.

    Only the lines around an edit are made anew, so that a thousand edits of a large text (a symbol renamed) do not hold
    up the loop.
    """
    lines = _lines(text)
    for edit in edits:
        if (wanted := edit.get("range")) is None:
            lines = _lines(edit["text"])
            continue
        start, end = (_place(lines, wanted[side]) for side in ("start", "end"))
        if start > end:
            raise DocumentOutOfStep("an edit ends before it starts")
        (first, begin), (last, until) = start, end
        low, high = max(first - 1, 0), last + 2  # with the lines beside: a CR and a LF may have met
        before = "".join(lines[low:first]) + "".join(lines[first : first + 1])[:begin]
        after = "".join(lines[last : last + 1])[until:] + "".join(lines[last + 1 : high])
        lines[low:high] = _lines(before + edit["text"] + after)
    return "".join(lines)


def _lines(text: str) -> list[str]:
    """The lines as LSP ends them, with their ends: `str.splitlines` knows more of these."""
    return list(io.StringIO(text, newline=""))


def _place(lines: Sequence[str], position: Mapping[str, int]) -> tuple[int, int]:
    """Line, and column in code points, within the text; LSP counts UTF-16 units, and takes what lies behind a line's
    end for its end."""
    line, character = position["line"], position["character"]
    last = len(lines) if not lines or lines[-1].endswith(("\r", "\n")) else len(lines) - 1
    if not 0 <= line <= last or character < 0:
        raise DocumentOutOfStep(f"an edit of line {line}, character {character}: the text has {last + 1} lines")
    if line == len(lines):
        return line, 0
    content = lines[line].rstrip("\r\n")
    if content.isascii():
        return line, min(character, len(content))
    units = content.encode("utf-16-le", "surrogatepass")[: 2 * character]
    return line, len(units.decode("utf-16-le", "surrogatepass"))
