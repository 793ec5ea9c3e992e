"""`python -m bench mine DIR`: tasks made from the documented functions of published packages.

Each package is installed without its dependencies into DIR, stripped to its source without tests, and indexed. The
functions that have a docstring of some length become tasks: its prose is the intent, the symbols that the index
resolves in the body are what is used. `DIR/provenance.json` says what they were made from; equal packages and an
equal seed give equal tasks.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from bench.masking import Function, functions, mask
from bench.phrasing import arguments, draft, intent, read
from bench.tasks import Task, Used, root, write
from semctxd.index.live import LiveIndex
from semctxd.index.resolve import Resolver
from semctxd.ranking.records import Record
from semctxd.ranking.signals import is_test

PACKAGES = Path(__file__).with_name("packages.txt")
_FOLDERS_LEFT_OUT = frozenset(("tests", "test", "docs", "doc", "examples", "example", "_vendor", "bin"))
_SYMBOLS_MIN, _SYMBOLS_MAX = 30, 16_000  # a smaller package has no repository to speak of
_INTENT_MIN = 70  # characters
_LINES_MIN = 3
_PER_FILE = 5
_BLANK = 0.3  # at most this share uses nothing of the repository


def main(arguments_: list[str]) -> int:
    """Install, mine, and write the folder of tasks."""
    parser = argparse.ArgumentParser(prog="python -m bench mine", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the tasks and their repositories are put")
    parser.add_argument("--packages", metavar="FILE", type=Path, default=PACKAGES, help="requirements, one a line")
    parser.add_argument("--each", type=int, default=40, help="tasks of each package at most")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="packages at a time")
    chosen = parser.parse_args(arguments_)
    requirements = [line for line in chosen.packages.read_text("utf-8").split("\n") if line and line[0] != "#"]
    found: list[Task] = []
    counts: dict[str, int] = {}
    with ProcessPoolExecutor(chosen.threads, get_context("spawn")) as pool:
        mined = pool.map(partial(_mined, chosen.folder, chosen.each, chosen.seed), requirements)
        for requirement, tasks in zip(requirements, mined, strict=True):
            counts[requirement] = len(tasks)
            found += tasks
            print(f"{requirement}: {len(tasks)} tasks", flush=True)
    write(chosen.folder, found)
    provenance = {"packages": counts, "each": chosen.each, "seed": chosen.seed, "python": platform.python_version()}
    chosen.folder.joinpath("provenance.json").write_text(json.dumps(provenance, indent=1) + "\n", "utf-8")
    return 0


def _mined(folder: Path, each: int, seed: int, requirement: str) -> list[Task]:
    name = requirement.partition("==")[0]
    install(requirement, root(folder, name))
    return mine(name, root(folder, name), each, seed)


def install(requirement: str, target: Path) -> None:
    """Put the source of a package into a folder, unless it is there."""
    if target.is_dir():
        return
    with tempfile.TemporaryDirectory() as scratch:
        options = ["--quiet", "--no-deps", "--no-compile", "--ignore-requires-python", "--target", scratch]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, requirement], check=True)
        for path in sorted(Path(scratch).rglob("*.py")):
            inside = path.relative_to(scratch)
            if _FOLDERS_LEFT_OUT.isdisjoint(inside.parts[:-1]) and not is_test(inside.as_posix()):
                target.joinpath(inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / inside)


def mine(name: str, folder: Path, most: int, seed: int) -> list[Task]:
    """So many tasks of one repository at most."""
    dice = random.Random(f"{seed} {name}")
    live = LiveIndex(str(folder))
    live.refresh()
    if not _SYMBOLS_MIN <= len(live.store.symbols) <= _SYMBOLS_MAX:
        return []
    resolver = live.resolver()
    chosen = list(_candidates(live, resolver, dice))
    dice.shuffle(chosen)
    found: list[Task] = []
    blank = 0
    in_file: Counter[str] = Counter()
    parsed: dict[str, dict[tuple[str, int], Function]] = {}
    for symbol in chosen:
        if len(found) >= most:
            break
        uses = resolver.uses(symbol.id)
        if in_file[symbol.path] >= _PER_FILE or (not uses and blank >= _BLANK * most):
            continue
        text = (folder / symbol.path).read_text("utf-8", errors="replace")
        if symbol.path not in parsed:
            parsed[symbol.path] = _parse(text)
        node = parsed[symbol.path].get((symbol.qualname, symbol.line))
        if node is None:
            continue
        if task := _task(name, symbol, node, [live.store.symbols[id] for id in uses], text, dice):
            found.append(task)
            blank += not uses
            in_file[symbol.path] += 1
    return found


def _candidates(live: LiveIndex, resolver: Resolver, dice: random.Random) -> Iterator[Record]:
    """Documented functions; few private ones, and few that use a great many symbols."""
    ordered = sorted(live.store.symbols.values(), key=lambda symbol: (symbol.path, symbol.line, symbol.column))
    for symbol in ordered:
        special = symbol.name.startswith("__") and symbol.name != "__call__"
        if not symbol.is_callable or not symbol.doc or symbol.end - symbol.line < _LINES_MIN or special:
            continue
        uses = len(resolver.uses(symbol.id))
        left_out = 0.7 if uses > 8 else 0.35 if uses > 3 else 0.0
        if dice.random() >= left_out and not (symbol.name.startswith("_") and dice.random() < 0.5):
            yield symbol


def _parse(text: str) -> dict[tuple[str, int], Function]:
    """Qualname and line -> function; none where the file does not parse."""
    try:
        return {(qualname, node.lineno): node for qualname, node in functions(ast.parse(text))}
    except SyntaxError:
        return {}


def _task(
    repository: str, symbol: Record, node: Function, uses: list[Record], text: str, dice: random.Random
) -> Task | None:
    doc = read(node)
    said = intent(doc) if doc else ""
    if doc is None or len(said) < _INTENT_MIN:
        return None
    try:
        for keep in (True, False):
            mask(text, symbol.qualname, node.lineno, keep_signature=keep)
    except SyntaxError:  # what is left cannot be parsed: rare layouts
        return None
    used: list[Used] = [
        {
            "file": one.path,
            "qualname": one.qualname,
            "scope": "intra_file" if one.path == symbol.path else "cross_file",
        }
        for one in uses
    ]
    return {
        "id": f"{repository}:{symbol.path}:{symbol.qualname}",
        "repository": repository,
        "file": symbol.path,
        "qualname": symbol.qualname,
        "line": node.lineno,
        "intent": said,
        "arguments": arguments(node, doc, symbol.owner, says_self=dice.random() < 0.5) if dice.random() < 0.8 else "",
        "signature": f"{symbol.signature}:",
        "draft": draft(node, {one.name for one in uses}, said, dice),
        "used": used,
        "neutral": [],
    }
