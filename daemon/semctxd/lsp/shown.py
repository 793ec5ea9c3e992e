"""The overlays that a language server is shown, and the messages that switch it to others."""

from __future__ import annotations

from collections.abc import Collection

from semctxd.lsp.sync import notification, to_uri
from semctxd.model import DISK, Overlays


class Shown:
    """The documents that one run of a server has open, because a view shows them."""

    def __init__(self, language_id: str) -> None:
        self._language_id = language_id
        self._overlays = DISK
        self._version = 0

    @property
    def files(self) -> Collection[str]:
        """The files whose text on the disk it does not see."""
        return self._overlays.texts.keys()

    def switch(self, overlays: Overlays) -> list[bytes]:
        """The messages after which the server shows these overlays. What is closed is read from the disk again."""
        before, self._overlays = self._overlays, overlays
        if before.digest == overlays.digest:
            return []
        messages = [
            notification("textDocument/didClose", {"textDocument": {"uri": to_uri(file)}})
            for file in before.texts
            if file not in overlays.texts
        ]
        for file, (text, digest) in overlays.texts.items():
            self._version += 1
            document = {"uri": to_uri(file), "version": self._version}
            if (known := before.texts.get(file)) is None:
                opened = {"textDocument": {**document, "languageId": self._language_id, "text": text}}
                messages.append(notification("textDocument/didOpen", opened))
            elif known.digest != digest:
                changed = {"textDocument": document, "contentChanges": [{"text": text}]}
                messages.append(notification("textDocument/didChange", changed))
        return messages
