"""The session with the indexer: a child like a language server, told of changes in order, asked after."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping

import msgspec

from semctx.errors import SemctxError
from semctx.protocol import IndexMetrics
from semctxd import logs
from semctxd.child.base import Child, Spawn
from semctxd.child.messages import Message
from semctxd.child.terms import Terms
from semctxd.errors import IndexerFailed, InternalError
from semctxd.model import DISK, Change, Overlays, What
from semctxd.tree import IGNORE_FILES, sayable

_log = logs.get("index")
_IGNORE_FILES = frozenset(map(os.fsdecode, IGNORE_FILES))


EMPTY: IndexMetrics = {
    "files": 0,
    "symbols": 0,
    "read": 0,
    "to_read": 0,
    "scan_ms": 0.0,
    "updates": 0,
    "restored": 0,
    "snapshot": "",
    "not_indexed": {"count": 0, "files": []},
}
"""What there is without an indexer."""

_MALLOC = {"MALLOC_TRIM_THRESHOLD_": "131072"}
"""mallopt(3)'s usual value, but fixed: glibc raises it to twice the largest buffer that was freed, such as a part of a
snapshot, and then keeps so much free memory for good. Other libraries do not read it."""

_KEPT = ("HOME", "PATH", "LANG", "LC_", "TMPDIR", "PYTHON", "COVERAGE_")  # beginnings of names


class IndexerSession(Child):
    """The child process that holds the index of one workspace (`python -m semctxd.index ROOT`)."""

    def __init__(
        self, *, root: str, env: Mapping[str, str], terms: Terms, spawn: Spawn, changed: Callable[[Child], None]
    ) -> None:
        argv = [sys.executable, "-P", "-m", "semctxd.index", root]
        super().__init__("indexer", argv, cwd="/", env=_scrubbed(env), terms=terms, spawn=spawn, changed=changed)
        self._root = root
        self._due: dict[str, None] = {}
        self._is_watched = False
        self._waits = False  # the process runs, and has not been told to read
        self.index = EMPTY
        self._shown = DISK

    def notice(self, changes: Iterable[Change]) -> None:
        """See Child: what lies in the root. Everything stands for the root, an ignore file above it for one in it."""
        if self.state in ("starting", "ready"):
            for change in changes:
                path = sayable(change.path) if change.what is not What.EVERYTHING else self._root
                folder, _, name = path.rpartition("/")
                if name in _IGNORE_FILES and self._root.startswith(folder + "/"):
                    path = f"{self._root}/{name}"
                if (path + "/").startswith(self._root + "/"):
                    self._due.pop(path, None)
                    self._due[path] = None

    def arguments(self) -> list[str]:
        """See Child: where snapshots lie, if there are any."""
        return [self.terms.snapshots] if self.terms.snapshots else []

    def watched(self) -> None:
        """The tree is watched from now on: what changes after this, it is told."""
        self._is_watched = True
        self._read()

    def begin(self) -> None:
        """See Child. It takes longer to start than most trees take to be watched: one look at the tree is enough."""
        self._shown = DISK
        self._waits = True
        self._read()

    def _read(self) -> None:
        if self._waits and self._is_watched:
            self._waits = False
            self._tell([self._root])
            self.send("statistics", b"{}", lambda raw, error: self.ready())  # when it has read the tree

    def bring(self, overlays: Overlays) -> None:
        """See Child. It takes one message after the other: whatever it was shown, it can be switched at once."""
        if self._due:
            due, self._due = self._due, {}
            self._tell(list(due))
        if overlays.digest != self._shown.digest:
            texts = {
                path: text
                for path, (text, digest) in overlays.texts.items()
                if path not in self._shown.texts or self._shown.texts[path].digest != digest
            }
            self._notify("overlays", {"paths": list(overlays.texts), "texts": texts})
            self._shown = overlays

    def _tell(self, paths: list[str]) -> None:
        self._notify("changes", {"paths": paths})

    def _notify(self, method: str, params: dict[str, object]) -> None:
        self.write(msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params}))

    def message(self, message: Message) -> None:
        """See Child: what the index holds has changed, so it moves, however large the tree is."""
        self.progressed()
        before, self.index = self.index, msgspec.json.decode(message.params, type=IndexMetrics)
        if (said := self.index["snapshot"]) not in ("", "off", before["snapshot"]):
            say = _log.info if said == "used" else _log.warning
            say("snapshot", root=self._root, said=said, files=self.index["restored"])

    def refused(self, error: bytes) -> SemctxError:
        """See Child: a fault of the indexer is logged with its traceback, which no client sees."""
        refusal = super().refused(error)
        if refusal.type != "InternalError":
            return refusal
        fault = InternalError()
        _log.error("internal_error", correlation_id=fault.correlation_id, traceback=refusal.message)
        return fault

    def forget(self) -> None:
        """See Child."""
        self._due.clear()
        self._waits = False
        self.index = EMPTY

    def crashed(self, why: str) -> SemctxError:
        """See Child."""
        return IndexerFailed(why)

    def unavailable(self, why: str) -> SemctxError:
        """See Child."""
        return IndexerFailed(why, hint="Wait three minutes, or run `semctx restart`; `semctx logs` says why it ends.")


def _scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter needs to run our own code as the daemon does: nothing else of the environment."""
    return _MALLOC | {name: value for name, value in environment.items() if name.startswith(_KEPT)}
