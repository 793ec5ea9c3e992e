"""What ends the daemon's children if the daemon cannot: a process of its own, which outlives it by a moment.

A child learns that the daemon was killed from the end of its standard input. One that hangs, is stopped or has children
of its own may not. So a shell, which is told the process groups of all children, reads a pipe until it ends, and then
kills the groups that are left. It is there only while children are.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import cast

_SCRIPT = """\
trap '' HUP INT TERM
groups=$*
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group"; done
"""
"""Its arguments name all groups, as does each line; the last one counts. The daemon's signals are not for it."""


class Warden:
    """The process groups of one daemon's children, and who ends them. Lives on the loop."""

    def __init__(self) -> None:
        self._groups: dict[int, None] = {}
        self._shell: _Shell | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    async def stand(self) -> None:
        """Start the process, if there is none; called before a child is started. Raises OSError."""
        async with self._starting:
            if not self._closed and (self._shell is None or self._shell.stdin.is_closing()):
                _, self._shell = await asyncio.get_running_loop().subprocess_exec(
                    _Shell,
                    *("/bin/sh", "-c", _SCRIPT, "sh", *map(str, self._groups)),
                    env={},
                    cwd="/",
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    # in the daemon's session, as the kernel then wakes it, if it is stopped, when the daemon ends
                    preexec_fn=os.setpgrp,
                )
                self._tell()

    async def keep(self) -> None:
        """Start another process where there should be one; called once in a while."""
        if self._groups:
            with suppress(OSError):
                await self.stand()

    def watch(self, group: int) -> None:
        """A child was started, as the leader of this process group."""
        self._groups[group] = None
        self._tell()

    def release(self, group: int) -> None:
        """The child and its group have ended."""
        del self._groups[group]
        self._tell()
        if self._shell and not self._groups:
            self._shell.transport.close()

    async def close(self) -> None:
        """End the process for good; called after the last child has ended."""
        self._closed = True
        async with self._starting:
            if self._shell:
                self._shell.transport.close()
                await self._shell.gone.wait()

    def _tell(self) -> None:
        if self._shell and not self._shell.stdin.is_closing():
            self._shell.stdin.write(b"%s\n" % " ".join(map(str, self._groups)).encode())


class _Shell(asyncio.SubprocessProtocol):
    """One run of the script."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.SubprocessTransport", transport)  # uvloop's is none by inheritance
        self.stdin = cast("asyncio.WriteTransport", self.transport.get_pipe_transport(0))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.close()
        self.gone.set()
