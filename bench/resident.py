"""Memory of a process, as Linux counts it."""

from __future__ import annotations


def rss_and_pss_mb(pid: int) -> tuple[float, float]:
    """Resident memory, and the same with shared pages divided among those who share them; in 10^6 bytes."""
    kib: dict[str, int] = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in ("Rss", "Pss"):
                kib[name] = int(rest.split()[0])
    return kib["Rss"] * 1024 / 1e6, kib["Pss"] * 1024 / 1e6
