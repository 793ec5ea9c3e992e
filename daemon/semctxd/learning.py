"""Having the indexer say what files import, so that answers about them outlive edits of other files."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from semctx.errors import SemctxError
from semctxd.closures import Closures
from semctxd.index.session import IndexerSession


class _Closure(msgspec.Struct):
    files: list[str]


class Learning:
    """The closures that the indexer of a root is asked for. Lives on the loop."""

    def __init__(self, root: str, indexer: IndexerSession, closures: Closures, epoch: Callable[[], int]) -> None:
        self._root = root
        self._indexer = indexer
        self._closures = closures
        self._epoch = epoch
        self._due: dict[str, None] = {}  # files that are asked about

    def forget(self) -> None:
        """Nothing is known any more, and nobody is asked."""
        self._closures.forget()
        self._due.clear()

    def learn(self, file: str) -> None:
        """Have the indexer, if it runs, say what a file (absolute path) imports.

        What it says may be newer than the epoch, by changes that the gate is about to tell. The first file on the way
        whose text they alter is in the closure, so they drop it.
        """
        if file in self._closures or file in self._due or self._indexer.state != "ready":
            return
        self._due[file] = None
        if len(self._due) == 1:
            self._ask(file)

    def _ask(self, file: str) -> None:
        """One after the other: a context brings twenty, and the next question must not wait for all of them."""
        epoch = self._epoch()

        def reply(raw: bytes | None, error: SemctxError | None) -> None:
            self._due.pop(file, None)
            if raw and epoch == self._epoch():
                found = msgspec.json.decode(raw, type=_Closure).files
                self._closures.learn(file, [f"{self._root}/{path}" for path in found])
            for due in self._due:
                self._ask(due)
                break

        self._indexer.ask("closure", msgspec.json.encode({"file": file.removeprefix(f"{self._root}/")}), reply)
