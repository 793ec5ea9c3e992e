"""Which directory is meant by a root: told in a thread, as a file system that hangs keeps waiting who looks at it."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from semctxd.errors import RootNotFound, RootRefused
from semctxd.watch.mounts import remote_within

_OF_THE_KERNEL = frozenset({"proc", "sys"})  # whose links lead everywhere, and which tells no changes


def canonical_root(root: str) -> str:
    """The root without symlinks. Raises RootRefused or RootNotFound."""
    if not root.startswith("/") or "\0" in root:
        raise RootRefused(f"{root!r} is no absolute path")
    canonical = os.path.realpath(root)
    if canonical in ("/", os.path.realpath(os.path.expanduser("~"))):
        raise RootRefused(f"{root} is refused as a root")
    if canonical.split("/")[1] in _OF_THE_KERNEL:
        raise RootRefused(f"{root} is the kernel's, and refused as a root")
    if not os.path.isdir(canonical):
        raise RootNotFound(f"{root} is no directory")
    if not os.access(canonical, os.R_OK | os.X_OK):
        raise RootNotFound(f"{root} cannot be read")
    return canonical


class Reaching:
    """The roots that are looked at just now. Lives on the loop.

    Each has a thread of its own, which may never end, so that it is none that the interpreter waits for at its end.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Future[str]] = {}

    async def canonical(self, root: str) -> str:
        """As `canonical_root`, as soon as the root, and whatever remote file system is mounted in it, can be listed."""
        found = self._under_way.get(root)
        if found is None:
            found = self._under_way[root] = asyncio.wrap_future(_reached(root))
            found.add_done_callback(partial(self._settle, root))
        await asyncio.wait({found})  # who waits may be cancelled, which must not end it for the others
        return found.result()

    def _settle(self, root: str, found: asyncio.Future[str]) -> None:
        del self._under_way[root]
        found.cancelled() or found.exception()  # else asyncio logs one that nobody waited for any more


def _reached(root: str) -> Future[str]:
    promise: Future[str] = Future()

    def reach() -> None:
        try:
            canonical = canonical_root(root)
            for folder in (canonical, *remote_within(canonical)):
                with suppress(OSError), os.scandir(folder) as entries:  # what cannot be listed does not hang
                    next(entries, None)
        except Exception as problem:  # it is for who asked
            promise.set_exception(problem)
        else:
            promise.set_result(canonical)

    threading.Thread(target=reach, daemon=True).start()
    return promise
