"""The resident memory of processes, and of all that they started."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress


def of_process(pid: int, *, shares: bool = False) -> int:
    """Bytes of one process; 0 where it is gone, or cannot be told. Where it `shares` pages with others, such as its
    forks, its part of these (Linux)."""
    import psutil

    try:
        process = psutil.Process(pid)
        info = process.memory_full_info() if shares else process.memory_info()
    except (psutil.Error, OSError):  # OSError: no open file is left to read that
        return 0
    return int(getattr(info, "pss", info.rss))


def of_groups(groups: Collection[int]) -> dict[int, int]:
    """Process group -> bytes of all its members; pages that they share count once. Reads the table of processes, which
    takes a millisecond for a thousand, and page tables where a group has several members: not for the loop."""
    import psutil

    members: dict[int, list[int]] = {group: [] for group in groups}
    try:
        pids = psutil.pids()
    except OSError:  # as above
        return {}
    for pid in pids:
        with suppress(OSError):  # it has ended, or is none of ours
            if (group := os.getpgid(pid)) in members:
                members[group].append(pid)
    return {group: sum(of_process(pid, shares=len(pids) > 1) for pid in pids) for group, pids in members.items()}


def budget(configured: int) -> int:
    """Bytes for all sessions together: as configured, or a quarter of the machine's memory."""
    import psutil

    return configured or int(psutil.virtual_memory().total) // 4
