"""watchfiles: the second, independent witness on Linux, and the only watcher elsewhere.

It is late by some ten milliseconds and proves nothing, so it never makes an answer fresh: what it reports and the
gate had not seen is counted, shown in health, and applied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
from watchfiles import Change as Seen
from watchfiles import DefaultFilter, awatch

from semctxd.model import Change, What
from semctxd.tree import SKIPPED_FOLDERS, counts
from semctxd.watch.trees import Subscriber, Trees, is_within

_STEP_MS, _WITNESS_STEP_MS = 100, 500  # the watching thread wakes as often, even when nothing happens
_POLL_MS, _WITNESS_POLL_MS = 1000, 3000  # how soon a change of the list of folders is noticed
_DEBOUNCE_MS = 400
_RESTART_S = 1.0
_WHAT = {Seen.added: What.APPEARED, Seen.modified: What.MODIFIED, Seen.deleted: What.GONE}


class _Counted(DefaultFilter):
    """Files that count, wherever they are."""

    def __init__(self) -> None:
        super().__init__(
            ignore_dirs=[os.fsdecode(name) for name in SKIPPED_FOLDERS], ignore_entity_patterns=(), ignore_paths=()
        )

    def __call__(self, change: Seen, path: str) -> bool:
        return counts(os.fsencode(os.path.basename(path))) and super().__call__(change, path)


async def follow(
    folders: Callable[[], set[str]],
    deliver: Callable[[list[Change]], None],
    *,
    recursive: bool,
    started: Callable[[], None] = lambda: None,
) -> None:
    """Report changes of the files that count in `folders()`, until cancelled; begin again when the folders change.

    With `recursive` false each folder is watched by itself, which costs nothing for folders left out; this is for a
    witness, who may be later than who is relied on. `started` is called, again and again, while all of them are watched
    that exist. A name that is not UTF-8, a folder that went away meanwhile, or the kernel's limit ends watchfiles'
    iteration with an error in a group: it is begun again.
    """
    stop = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_set_in_the_end, stop)
        while True:
            wanted = {folder for folder in folders() if os.path.isdir(folder)}
            try:
                async for seen in awatch(
                    *sorted(wanted),
                    watch_filter=_Counted(),
                    step=_STEP_MS if recursive else _WITNESS_STEP_MS,
                    debounce=_DEBOUNCE_MS,
                    rust_timeout=_POLL_MS if recursive else _WITNESS_POLL_MS,
                    yield_on_timeout=True,
                    recursive=recursive,
                    stop_event=stop,
                ):
                    if seen:
                        deliver([Change(path, _WHAT[what]) for what, path in sorted(seen, key=lambda one: one[1])])
                    if any(os.path.isdir(folder) for folder in folders() - wanted):
                        break
                    started()
            except* (OSError, RuntimeError):
                pass
            await anyio.sleep(_RESTART_S)


async def _set_in_the_end(stop: anyio.Event) -> None:
    """Have the watching thread return at its next step: cancellation alone waits until it times out."""
    try:
        await anyio.sleep_forever()
    finally:
        stop.set()


class EagerTrees(Trees):
    """Trees that watchfiles watches as wholes."""

    def __init__(self, root: str, deliver: Subscriber) -> None:
        super().__init__(root, deliver)
        self.scope = anyio.CancelScope()
        self.waiting: list[Callable[[], None]] = []

    def covers(self, folder: bytes) -> bool:
        """See Trees."""
        return any(is_within(folder, top) for top in self.tops)

    async def follow(self) -> None:
        """Deliver changes until the scope is cancelled."""
        with self.scope:
            await follow(self.folder_names, self.deliver, recursive=True, started=self._started)

    def folder_names(self) -> set[str]:
        """The tops."""
        return {os.fsdecode(top) for top in self.tops}

    def _started(self) -> None:
        waiting, self.waiting = self.waiting, []
        for done in waiting:
            done()


class EagerGate:
    """The gate where there is no inotify: changes come when watchfiles tells of them, and nothing is proven."""

    proves = False

    def __init__(self, spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]) -> None:
        self._spawn = spawn
        self.counts: dict[str, int] = {}

    def open(self, root: str, deliver: Subscriber) -> EagerTrees:
        """See Gate."""
        return EagerTrees(root, deliver)

    def watch(self, trees: Trees, top: str, *, below: bool, done: Callable[[], None]) -> None:
        """See Gate. A folder that is to be watched by itself is watched with all below."""
        assert isinstance(trees, EagerTrees)
        if not trees.tops:
            self._spawn(trees.follow)
        trees.tops[os.fsencode(top)] = below
        trees.waiting.append(done)

    def is_settled(self, trees: Trees) -> bool:
        """See Gate."""
        return True

    def drain(self, trees: Trees, until: float) -> bool:
        """See Gate: there is nothing to read."""
        return True

    def is_alive(self) -> bool:
        """See Gate: there is nothing to read."""
        return True

    def close(self, trees: Trees) -> None:
        """See Gate."""
        assert isinstance(trees, EagerTrees)
        trees.scope.cancel()

    def stop(self) -> None:
        """See Gate."""
