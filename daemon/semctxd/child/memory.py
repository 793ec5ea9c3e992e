"""The resident memory of processes, and of all that they started."""

from __future__ import annotations

import os
from collections.abc import Collection


def of_process(pid: int) -> int:
    """Bytes of one process; 0 where it is gone, or cannot be told."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, OSError):  # OSError: no open file is left to read that
        return 0


def of_groups(groups: Collection[int]) -> dict[int, int]:
    """Process group -> bytes of all its members; pages that they share count for each. Reads the table of processes,
    which takes a millisecond for a thousand: not for the loop."""
    import psutil

    found = dict.fromkeys(groups, 0)
    try:
        pids = psutil.pids()
    except OSError:  # as above
        return {}
    for pid in pids:
        try:
            group = os.getpgid(pid)
        except OSError:  # it has ended, or is none of ours
            continue
        if group in found:
            found[group] += of_process(pid)
    return found


def budget(configured: int) -> int:
    """Bytes for all sessions together: as configured, or a quarter of the machine's memory."""
    import psutil

    return configured or int(psutil.virtual_memory().total) // 4
