"""What reaches a service manager, on real datagram sockets."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from semctxd.notify import notify, watchdog_interval


@pytest.mark.parametrize("abstract", [False, True])
def test_assignments_arrive_in_one_datagram(tmp_path: Path, abstract: bool) -> None:
    address = f"@semctx-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0"))
        notify("READY=1", "STATUS=serving", env={"NOTIFY_SOCKET": address})
        assert manager.recv(100) == b"READY=1\nSTATUS=serving"


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    notify("READY=1", env={})
    notify("READY=1", env={"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_a_manager_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        for _ in range(10_000):  # far more than its queue holds
            notify("WATCHDOG=1", env={"NOTIFY_SOCKET": address})


@pytest.mark.parametrize(
    ("env", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_watchdog_interval_is_half_of_what_the_manager_allows(env: dict[str, str], interval_s: float | None) -> None:
    assert watchdog_interval(env) == interval_s
