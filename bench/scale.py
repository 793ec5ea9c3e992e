"""`scale`: how what the daemon does grows with a repository's files, with the workspaces, and with the clients."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.crowding import of_clients, of_workspaces
from bench.generated import Words, generate
from bench.growing import FULL, QUICK, Effort, Figures, grown
from bench.options import Options
from bench.places import INTENTS
from bench.plot import lines
from bench.repository import copy, installed
from bench.rows import Peer, Row, Target, row

SIZES, QUICK_SIZES = (1_000, 10_000, 50_000), (500,)
WORKSPACES, QUICK_WORKSPACES = (1, 10, 50), (1, 3)
CLIENTS, QUICK_CLIENTS = (1, 8, 32), (1, 8)
_HITS, _QUICK_HITS = 20_000, 1_000

LARGEST = f"{SIZES[-1]} files"


class Measure(NamedTuple):
    """What is measured, and in which unit."""

    name: str
    said: str
    unit: str
    targets: Mapping[str, Target] = {}  # by the name of what it is measured on
    beside: str = ""  # the measure that it stands beside; "": itself, where it is measured on the least of its kind


OF_FILES = (
    Measure("first context", "first context, from nothing", "s"),
    Measure("index", "index from nothing", "s"),
    Measure("index rate", "index from nothing", "files/s", {"django": Target("≥", 1500)}),
    Measure("symbols", "definitions in it", ""),
    Measure("starting", "new intent, the slowest of ten while the server starts", "ms"),
    Measure("new intent p50", "new intent, warm, p50", "ms", {"django": Target("≤", 30), LARGEST: Target("≤", 60)}),
    Measure("new intent p99", "new intent, warm, p99", "ms",
            dict.fromkeys(("django", LARGEST), Target("≤", 2, of="ratio")), "new intent p50"),
    Measure("new intent in a file p50", "new intent for a file, warm, p50", "ms"),
    Measure("new intent in a file p99", "new intent for a file, warm, p99", "ms"),
    Measure("change to context", "a changed file to a strict context with it, p50", "ms",
            {"django": Target("≤", 25), LARGEST: Target("≤", 40)}),
    Measure("change to symbols", "a changed file to its strict document symbols, p50", "ms"),
    Measure("files switched", "files that a branch switch changes", ""),
    Measure("switch to symbols", "branch switch to strict document symbols", "s"),
    Measure("switch to context", "branch switch to a strict context", "s"),
    Measure("daemon PSS", "memory of the daemon, PSS", "MB"),
    Measure("indexer PSS", "memory of the indexer, PSS", "MB"),
    Measure("ty PSS", "memory of ty, PSS", "MB"),
    Measure("idle", "idle daemon", "% of a core"),
)  # fmt: skip
OF_WORKSPACES = (
    Measure("opening", "first context and symbols of each", "s"),
    Measure("idle", "idle daemon", "% of a core"),
    Measure("daemon PSS", "memory of the daemon, PSS", "MB"),
    Measure("indexer PSS", "memory of the indexers, PSS, for each workspace", "MB"),
    Measure("ty PSS", "memory of the servers, PSS, for each workspace", "MB"),
    Measure("sessions", "child processes", ""),
    Measure("threads", "threads of the daemon", ""),
    Measure("open files", "open files of the daemon", ""),
    Measure("change to context", "a changed file to a strict context with it, p50", "ms"),
    Measure("change to symbols", "a changed file to its strict document symbols, p50", "ms"),
)
OF_CLIENTS = (
    Measure("hit p50", "document symbols from memory, p50", "µs"),
    Measure("hit p99", "document symbols from memory, p99", "µs"),
    Measure("hits", "hits of all of them", "a second"),
)


def run(options: Options) -> list[Row]:
    """Every size in turn, then workspaces, then clients. What fails is said, and the rest is measured."""
    effort, hits = (QUICK, _QUICK_HITS) if options.quick else (FULL, _HITS)
    sizes, workspaces, clients = (
        (QUICK_SIZES, QUICK_WORKSPACES, QUICK_CLIENTS) if options.quick else (SIZES, WORKSPACES, CLIENTS)
    )
    asked = intents()
    failed: list[str] = []
    repositories = {os.path.basename(options.repository): partial(copy, options.repository)}
    repositories |= (
        {}
        if options.quick
        else {name: partial(_as_package, path, name) for name, path in installed("sympy", "sqlalchemy").items()}
    )
    repositories |= {f"{number} files": partial(generate, number) for number in sizes}
    by_files = _measured({name: partial(_grown, make, asked, effort) for name, make in repositories.items()}, failed)
    by_workspaces = _measured(
        {f"{number} workspaces": partial(of_workspaces, number, effort) for number in workspaces}, failed
    )
    by_clients = _measured(
        {f"{number} clients": partial(of_clients, options.repository, number, hits) for number in clients}, failed
    )
    if options.document:
        draw(by_files, by_workspaces, Path(options.document).parent / "images")
    return [
        *_rows(OF_FILES, by_files, f"{sizes[0]} files"),
        *_rows(OF_WORKSPACES, by_workspaces, f"{workspaces[0]} workspaces"),
        *_rows(OF_CLIENTS, by_clients, f"{clients[0]} clients"),
        row("repositories and crowds that could not be measured", len(failed), "", None, Target("≤", 0)),
    ]


def draw(by_files: Mapping[str, Figures], by_workspaces: Mapping[str, Figures], folder: Path) -> None:
    """The curves, as pictures: of generated repositories by their files, and of workspaces by their number."""
    pictures: tuple[tuple[str, Mapping[str, Figures], tuple[Measure, ...], tuple[str, ...], str], ...] = (
        (
            "scale-answers",
            by_files,
            OF_FILES,
            ("new intent p50", "new intent in a file p50", "change to context"),
            "ms",
        ),
        ("scale-index", by_files, OF_FILES, ("index", "switch to context", "switch to symbols"), "s"),
        ("scale-memory", by_files, OF_FILES, ("indexer PSS", "ty PSS", "daemon PSS"), "MB"),
        ("scale-workspaces", by_workspaces, OF_WORKSPACES, ("daemon PSS", "threads", "open files"), "MB, or how many"),
    )
    for picture, found, measures, chosen, unit in pictures:
        kind = "workspaces" if found is by_workspaces else "files"
        sizes = {int(name.split()[0]): figures for name, figures in found.items() if name.endswith(f" {kind}")}
        series = {
            one.said: [(size, figures[one.name]) for size, figures in sorted(sizes.items())]
            for one in measures
            if one.name in chosen
        }
        lines(series, (kind, unit), folder / f"{picture}.svg", log=True)


def _measured(jobs: Mapping[str, Callable[[str], Figures]], failed: list[str]) -> dict[str, Figures]:
    """The figures of each job, which gets a path where nothing is yet; the names of those that fail go to `failed`."""
    found = {}
    for name, measure in jobs.items():
        print(f"scale: {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="semctx-bench-") as made:
            try:
                found[name] = measure(f"{os.path.realpath(made)}/tree")
            except Exception:
                traceback.print_exc()
                failed.append(name)
    return found


def _grown(make: Callable[[str], str], asked: Sequence[str], effort: Effort, tree: str) -> Figures:
    return grown(make(tree), asked, effort)


def _as_package(path: str, name: str, tree: str) -> str:
    copy(path, f"{tree}/{name}")
    return tree


def _rows(measures: Sequence[Measure], found: Mapping[str, Figures], least: str) -> list[Row]:
    """A row for each measure of each; beside it the figure of the least of its kind."""
    rows = []
    for measure in measures:
        for name, figures in found.items():
            if measure.name in figures:
                known = found.get(least, {}).get(measure.name)
                is_more = name != least and name.partition(" ")[2] == least.partition(" ")[2]
                peer = Peer(least, known) if known and is_more else None
                if measure.beside:
                    peer = Peer("p50", figures[measure.beside])
                said = f"{name}: {measure.said}"
                rows.append(row(said, figures[measure.name], measure.unit, peer, measure.targets.get(name)))
    return rows


def intents() -> list[str]:
    """Four hundred questions: those of `core`, and others of plain and invented words."""
    words = Words(random.Random(1), SIZES[0])
    more = [f"{words.verb()} the {' of the '.join(words.nouns(2))}" for _ in range(400 - len(INTENTS))]
    return list(dict.fromkeys([*INTENTS, *more]))
