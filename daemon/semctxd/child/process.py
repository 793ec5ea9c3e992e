"""One run of a child: its pipes, its process group, and the last lines that it wrote to standard error."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import Protocol, cast

from semctx.framing import Decoder

_STDERR_TAIL_BYTES = 4096


class Owner(Protocol):
    """Whose child it is."""

    def started(self, process: Process) -> None:
        """It runs; it has not ended before this is called."""

    def received(self, process: Process, data: bytes) -> None:
        """Bytes of the child's standard output."""

    def exited(self, process: Process) -> None:
        """The process is gone, and its pipes are read to their end."""


class Process(asyncio.SubprocessProtocol):
    """A process that leads its own group, and ends with it. `run` is the owner's number for it."""

    def __init__(self, owner: Owner, run: int, max_message_bytes: int) -> None:
        self.run = run
        self.decoder = Decoder(max_message_bytes, headers=True, cuts=True)
        self.code: int | None = None
        self._ended_by_us = False
        self._owner = owner
        self._stderr = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was started."""
        self._transport = cast("asyncio.SubprocessTransport", transport)  # uvloop's is none by inheritance
        self.pid = self._transport.get_pid()
        self._stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        self._owner.started(self)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It wrote to standard output (1) or error (2)."""
        if fd == 2:
            self._stderr += data
            del self._stderr[:-_STDERR_TAIL_BYTES]
        else:
            self._owner.received(self, data)

    def process_exited(self) -> None:
        """It has ended; its pipes may not have."""
        self.code = self._transport.get_returncode()
        self.kill_group()  # whatever it left behind, which would hold the pipes

    def connection_lost(self, exc: Exception | None) -> None:
        """It and its pipes have ended."""
        self._transport.close()
        self._owner.exited(self)

    def write(self, data: bytes) -> int:
        """Queue bytes for the child; how many it has not read yet. One that is going reads no more."""
        if self._stdin.is_closing():
            return 0
        self._stdin.write(data)
        return self.unread

    @property
    def unread(self) -> int:
        """How many bytes the child has not read yet."""
        return self._stdin.get_write_buffer_size()

    def close_stdin(self) -> None:
        """Tell the child that no more will come."""
        self._stdin.close()

    @property
    def was_killed(self) -> bool:
        """Whether somebody else's signal ended it, which no fault of its own raises."""
        return not self._ended_by_us and self.code in (-signal.SIGKILL, -signal.SIGTERM)

    def kill_group(self) -> None:
        """End the process and all of its group."""
        self._ended_by_us |= self.code is None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def stderr_tail(self) -> str:
        """The last lines of standard error."""
        return self._stderr.decode(errors="replace").strip()[-500:]
