"""The documents that a server has open because it is asked about them.

Some servers say nothing, or too little, about a file that is not open. For those, each request is preceded by
`didOpen` with the text that the disk holds at that moment, and its reply is followed by `didClose`: between requests
the disk rules.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from semctxd.lsp.sync import notification, to_path
from semctxd.tree import contents

_MAX_BYTES = 4 * 1024 * 1024  # a larger file is asked about as it lies on the disk


class _Document(msgspec.Struct, frozen=True):
    uri: str = ""


class _Named(msgspec.Struct):
    """The files that LSP parameters are about."""

    textDocument: _Document = _Document()  # noqa: N815
    item: _Document = _Document()


class _Open(NamedTuple):
    version: int
    text: str
    users: set[int]  # requests


class Opened:
    """What is open in one run of a server."""

    def __init__(self, language_id: str) -> None:
        self._language_id = language_id
        self._open: dict[str, _Open] = {}  # by URI

    def before(self, number: int, params: bytes, shown: Collection[str]) -> list[bytes]:
        """What is to be written before the request `number`: the document that it is about, as it is on the disk; files
        in `shown` are open already."""
        named = msgspec.json.decode(params, type=_Named)
        uri = named.textDocument.uri or named.item.uri
        path = to_path(uri)
        text = _read(path) if uri and path not in shown else None
        if text is None:
            return []
        known = self._open.get(uri)
        if known is None:
            self._open[uri] = _Open(1, text, {number})
            document = {"uri": uri, "languageId": self._language_id, "version": 1, "text": text}
            return [notification("textDocument/didOpen", {"textDocument": document})]
        known.users.add(number)
        if known.text == text:
            return []
        self._open[uri] = _Open(known.version + 1, text, known.users)
        changed = {"textDocument": {"uri": uri, "version": known.version + 1}, "contentChanges": [{"text": text}]}
        return [notification("textDocument/didChange", changed)]

    def after(self, number: int) -> list[bytes]:
        """What is to be written after the reply to the request: documents that no other one needs are closed."""
        done = [uri for uri, document in self._open.items() if document.users == {number}]
        for document in self._open.values():
            document.users.discard(number)
        return self._close(done)

    def close_all(self) -> list[bytes]:
        """What closes every document."""
        return self._close(list(self._open))

    def _close(self, uris: list[str]) -> list[bytes]:
        for uri in uris:
            del self._open[uri]
        return [notification("textDocument/didClose", {"textDocument": {"uri": uri}}) for uri in uris]

    def clear(self) -> None:
        """The server is gone."""
        self._open.clear()


def _read(path: str) -> str | None:
    """The text of a file; None where it cannot be shown."""
    try:
        raw = contents(path, _MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError:
        return None
    return None if len(raw) > _MAX_BYTES else raw.decode(errors="replace")
