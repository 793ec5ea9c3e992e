"""The ledger: what a language server may still hold that is no longer so, and what cures it.

A notice alone does not make a server fresh, and each wants another cure: its recipe is data in `servers.toml`. What
was measured of ty: a file that exists is told as *created* (told as changed, a new file stays unknown); a folder that
appeared is told by its top, or imports of it that failed once stay unresolved; a file whose modification time did not
rise stays stale whatever is told, and an open and a close of it cure that; a document whose file was not there is taken
for a file from then on, so that it is no news when the file comes, and imports of it stay unresolved until its folder
is told.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec

from semctxd.lsp.registry import Kind, Recipe
from semctxd.model import Change, What
from semctxd.tree import CONFIGURATION, IGNORE_FILES, is_source, sayable

_CREATED, _CHANGED, _DELETED = 1, 2, 3  # LSP's FileChangeType
_KINDS: dict[What, Kind] = {What.APPEARED: "appeared", What.MODIFIED: "modified", What.GONE: "gone"}
_DEPENDENCIES = ("/site-packages", "/dist-packages")


class Cure(NamedTuple):
    """What brings a server to the present."""

    messages: list[bytes]
    nudges: bool  # the messages show it a false state for a moment: what is under way meanwhile must be asked again
    read: list[str]  # URIs of files that it reads again when asked for their symbols
    signs: bool  # it will give its sign when it has taken the messages in


class Ledger:
    """The changes that one server has not been told of."""

    def __init__(self, root: str, recipe: Recipe, language_id: str) -> None:
        self._root = root
        self._recipe = recipe
        self._language_id = language_id
        self._due: dict[str, bool] = {}  # path -> whether it is new or gone, in the order of their last change
        self._phantoms: set[str] = set()  # files that were shown and are not there
        self.outdated = False  # nothing but another run of the server will do
        self.notices = 0
        self.nudges = 0

    def add(self, changes: Iterable[Change]) -> None:
        """Remember changes. Everything stands for the root, told as a folder that appeared. A name that is not UTF-8
        has no URI, and ends ty: its folder is told."""
        for change in changes:
            path = sayable(change.path) if change.what is not What.EVERYTHING else self._root
            self._due[path] = self._due.pop(path, False) or change.what is not What.MODIFIED
            if self._recipe.renews_on and self._kind(change) in (None, *self._recipe.renews_on):
                self.outdated = True

    def clear(self) -> None:
        """Nothing is due: the server is gone, and the next one reads the disk."""
        self._due.clear()
        self._phantoms.clear()
        self.outdated = False

    def shows(self, files: Iterable[str]) -> None:
        """The server is shown a text for each of these files from now on."""
        self._phantoms.update(file for file in files if not os.path.exists(file))

    def __bool__(self) -> bool:
        return bool(self._due)

    def settle(
        self,
        quiet_ns: int,
        now_ns: int,
        status: Callable[[str], os.stat_result] = os.stat,
        shown: Collection[str] = (),
    ) -> Cure:
        """The cure for what is due; nothing is due then.

        `quiet_ns` is the wall clock of the server's last reply while nothing was pending (0: something is). A
        plain notice is enough only for a file modified after that, and not in the future: the server cannot have
        read it with the time stamp it has now. Files in `shown` are open with a text of their own: closing them will
        cure them.
        """
        due, self._due = self._due, {}
        events: list[dict[str, object]] = []
        stale: list[str] = []
        signs = False
        for path, is_new in due.items():
            uri = to_uri(path)
            try:
                found = status(path)
            except OSError:
                found = None
            is_file = is_source(os.fsencode(path)) and not (found and stat.S_ISDIR(found.st_mode))
            kind: Kind = "gone" if not found else "appeared" if is_new else "modified"
            if self._recipe.signs and not (is_file or kind == "gone"):
                continue  # a server that says when it has taken a notice in says nothing of others
            signs |= kind in self._recipe.signs
            as_created = is_new or self._recipe.tells == "created"
            events.append({"uri": uri, "type": _DELETED if not found else _CREATED if as_created else _CHANGED})
            if found and path in self._phantoms:
                self._phantoms.discard(path)
                if not self._recipe.signs:
                    events.append({"uri": to_uri(os.path.dirname(path)), "type": _CREATED})
            elif not found and path in shown:
                self._phantoms.add(path)
            unread = found and 0 < quiet_ns < found.st_mtime_ns <= now_ns
            if is_file and found and not unread and path not in shown:
                stale.append(uri)
        messages = []
        if events and self._recipe.tells != "nothing":
            self.notices += len(events)
            messages.append(notification("workspace/didChangeWatchedFiles", {"changes": events}))
        if self._recipe.nudge == "nothing":
            return Cure(messages, False, [], signs)
        self.nudges += len(stale)
        if self._recipe.nudge == "symbols":
            return Cure(messages, False, stale, signs)
        for uri in stale:
            document = {"uri": uri, "languageId": self._language_id, "version": 0, "text": ""}
            messages.append(notification("textDocument/didOpen", {"textDocument": document}))
            messages.append(notification("textDocument/didClose", {"textDocument": {"uri": uri}}))
        return Cure(messages, bool(stale), [], signs)

    def _kind(self, change: Change) -> Kind | None:
        """None: anything may have changed."""
        if change.what is What.EVERYTHING:
            return None
        name = os.fsencode(os.path.basename(change.path))
        if name in CONFIGURATION and name not in IGNORE_FILES:
            return "configuration"
        if not change.path.startswith(self._root + "/") or any(part in change.path for part in _DEPENDENCIES):
            return "dependency"
        return _KINDS[change.what]


def notification(method: str, params: object) -> bytes:
    """A JSON-RPC notification."""
    return msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params})


def to_uri(path: str) -> str:
    """The file URI of an absolute path, as servers spell it: the WHATWG URL standard's path percent-encode set."""
    return "file://" + quote(os.fsencode(path), safe="/~@+()=,;'!$&*:[]|^")


def to_path(uri: str) -> str:
    """The path of a file URI."""
    return unquote(uri.removeprefix("file://"), errors="surrogateescape")
