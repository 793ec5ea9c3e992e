"""The ledger: what a language server may still hold that is no longer so, and the messages that cure it.

A notice alone does not make a server fresh. What was measured of ty, and is held by tests against it:
a file that exists is told as *created* (told as changed, a new file stays unknown); a folder that appeared
is told by its top, or imports of it that failed once stay unresolved; a file whose modification time did not
rise stays stale whatever is told, and an open and a close of it cure that.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable
from urllib.parse import quote

import msgspec

from semctxd.lsp.registry import Recipe
from semctxd.model import Change, What
from semctxd.tree import is_source, sayable

_FILE_CHANGE_TYPE = {"created": 1, "changed": 2, "deleted": 3}  # LSP's FileChangeType


class Ledger:
    """The changes that one server has not been told of."""

    def __init__(self, root: str, recipe: Recipe, language_id: str) -> None:
        self._root = root
        self._recipe = recipe
        self._language_id = language_id
        self._due: dict[str, None] = {}  # paths, in the order of their last change
        self.notices = 0
        self.nudges = 0

    def add(self, changes: Iterable[Change]) -> None:
        """Remember changes. Everything stands for the root, told as a folder that appeared. A name that is not UTF-8
        has no URI, and ends ty: its folder is told."""
        for change in changes:
            path = sayable(change.path) if change.what is not What.EVERYTHING else self._root
            self._due.pop(path, None)
            self._due[path] = None

    def clear(self) -> None:
        """Nothing is due: the server is gone, and the next one reads the disk."""
        self._due.clear()

    def __bool__(self) -> bool:
        return bool(self._due)

    def settle(
        self,
        quiet_ns: int,
        now_ns: int,
        status: Callable[[str], os.stat_result] = os.stat,
        shown: Collection[str] = (),
    ) -> tuple[list[bytes], bool]:
        """The messages that bring the server to the present, and whether they nudge it; nothing is due then.

        `quiet_ns` is the wall clock of the server's last reply while nothing was pending (0: something is). A
        plain notice is enough only for a file modified after that, and not in the future: the server cannot have
        read it with the time stamp it has now. A nudge shows the server an empty text for a moment, so whatever was
        under way meanwhile must be asked again. Files in `shown` are open with a text of their own: closing them
        will cure them.
        """
        due, self._due = self._due, {}
        events: list[dict[str, object]] = []
        nudges: list[str] = []
        for path in due:
            uri = to_uri(path)
            try:
                found = status(path)
            except OSError:
                events.append({"uri": uri, "type": _FILE_CHANGE_TYPE[self._recipe.gone]})
                continue
            events.append({"uri": uri, "type": _FILE_CHANGE_TYPE[self._recipe.exists]})
            unread = 0 < quiet_ns < found.st_mtime_ns <= now_ns
            if not unread and path not in shown and is_source(os.fsencode(path)) and not stat.S_ISDIR(found.st_mode):
                nudges.append(uri)
        self.notices += len(events)
        self.nudges += len(nudges)
        messages = [notification("workspace/didChangeWatchedFiles", {"changes": events})] if events else []
        for uri in nudges:
            document = {"uri": uri, "languageId": self._language_id, "version": 0, "text": ""}
            messages.append(notification("textDocument/didOpen", {"textDocument": document}))
            messages.append(notification("textDocument/didClose", {"textDocument": {"uri": uri}}))
        return messages, bool(nudges)


def notification(method: str, params: object) -> bytes:
    """A JSON-RPC notification."""
    return msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params})


def to_uri(path: str) -> str:
    """The file URI of an absolute path, as servers spell it: the WHATWG URL standard's path percent-encode set."""
    return "file://" + quote(os.fsencode(path), safe="/~@+()=,;'!$&*:[]|^")
