"""What a benchmark says: rows, printed as a table, as JSON, or into a document."""

from __future__ import annotations

import math
import operator
import os
import platform
import re
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal, NamedTuple, TypedDict


class Row(TypedDict):
    """One figure."""

    name: str
    value: float
    unit: str
    against: str | None  # the peer or floor measured in the same run, with its figure
    ratio: float | None  # value over that of the peer
    target: str | None
    met: bool | None  # None where there is no target


class Target(NamedTuple):
    """What a figure, or its ratio to the peer, must be."""

    sign: Literal["<", "≤", "≥"]
    bound: float
    of: Literal["value", "ratio"] = "value"


class Peer(NamedTuple):
    """What a figure is compared with. `ratio` where it is not simply the quotient (a median over rounds)."""

    name: str
    value: float
    ratio: float | None = None


_HOLDS = {"<": operator.lt, "≤": operator.le, "≥": operator.ge}
_HEADER = ("what", "figure", "against", "ratio", "target", "met")


def row(name: str, value: float, unit: str, against: Peer | None = None, target: Target | None = None) -> Row:
    """One figure in `unit`, beside its peer and its target."""
    ratio = None
    if against:
        ratio = against.ratio if against.ratio is not None else value / against.value
    met = said = None
    if target:
        judged = ratio if target.of == "ratio" else value
        assert judged is not None
        met = bool(_HOLDS[target.sign](judged, target.bound))
        said = f"{target.sign} {target.bound:g} {'×' if target.of == 'ratio' else unit}".rstrip()
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "against": f"{against.name}: {figure(against.value)} {unit}".rstrip() if against else None,
        "ratio": ratio,
        "target": said,
        "met": met,
    }


def figure(value: float) -> str:
    """Three significant digits, whole numbers in full."""
    if value == int(value):
        return f"{value:.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (the nearest-rank definition)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def table(rows: Sequence[Row]) -> str:
    """Aligned columns for a terminal."""
    lines = [_HEADER, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def write(path: str, name: str, circumstances: str, rows: Sequence[Row]) -> None:
    """Put the figures between the document's `<!-- NAME: begin -->` and `<!-- NAME: end -->`."""
    lines = [_HEADER, ("---",) * len(_HEADER), *map(_cells, rows)]
    block = "\n".join((f"{circumstances}.", "", *("| " + " | ".join(line) + " |" for line in lines)))
    with open(path, encoding="utf-8") as file:
        before = file.read()
    marked = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    after, found = marked.subn(lambda match: f"{match[1]}{block}\n{match[2]}", before)
    if not found:
        raise SystemExit(f"{path} has no place for {name}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(after)


def places(path: str, names: Sequence[str]) -> list[str]:
    """Those of the names that have a place in the document."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return [name for name in names if f"<!-- {name}: begin -->" in text]


def conditions() -> str:
    """When, on what, with which versions, and how busy the machine is already."""
    parts = (
        time.strftime("%Y-%m-%d", time.gmtime()),
        f"{len(os.sched_getaffinity(0))} shared cores",
        f"{platform.system()} {platform.release().partition('-')[0]}",
        f"Python {platform.python_version()}",
        *(f"{package} {version(package)}" for package in ("ty", "uvloop", "tree-sitter")),
        f"load before the run {os.getloadavg()[0]:.2f}",
    )
    return ", ".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row["name"],
        f"{figure(row['value'])} {row['unit']}".rstrip(),
        row["against"] or "",
        f"{figure(row['ratio'])} ×" if row["ratio"] is not None else "",
        row["target"] or "",
        "" if row["met"] is None else "yes" if row["met"] else "NO",
    )
