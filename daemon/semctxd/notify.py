"""What the service manager wants to hear: sd_notify(3), without libsystemd."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


def notify(*lines: str, env: Mapping[str, str] = os.environ) -> None:
    """Send assignments such as `READY=1`, `STOPPING=1` or `STATUS=…` to `NOTIFY_SOCKET`, if it is set.

    Never raises: a service manager that went away must not take its service with it.
    """
    address = env.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # Linux' abstract namespace
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.sendto("\n".join(lines).encode(), address)


def is_managed(env: Mapping[str, str] = os.environ) -> bool:
    """Whether a service manager listens."""
    return bool(env.get("NOTIFY_SOCKET"))


def watchdog_interval(env: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two `WATCHDOG=1`, half of what the manager allows; None where it wants none of us."""
    usec = env.get("WATCHDOG_USEC", "")
    if not usec.isdecimal() or int(usec) == 0 or env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(usec) / 1e6 / 2
