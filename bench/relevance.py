"""`python -m bench relevance --tasks DIR`: how much of what real code uses is in the daemon's answers.

For each task, the function is hidden in a private copy of its repository, on disk; the running daemon is asked over its
socket; the file is restored. The methods beside it are asked in the same state of the same tree.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from bench import baselines, offers, plot
from bench.daemon import Client, Daemon
from bench.masking import mask
from bench.repository import copy
from bench.rows import conditions, percentile
from bench.scoring import MAIN_FIGURES, Answer, Judged, averages, tier
from bench.tasks import FORMS, Form, Task, by_repository, folds, load, question, root, shows_target
from semctxd.index.live import LiveIndex

Asked = dict[str, Any]
Say = Callable[[Asked], Answer]

_SYMBOLS, _FILES = 100, 10
_COMPARED: tuple[Form, ...] = ("target", "no-target")  # the forms in which other methods are asked
OURS, AIDER = "semctx", "aider's repository map"
_CONFIG = "[context]\nenrich_s = 0\n"  # the language server is not measured here


def main(arguments: list[str]) -> int:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench relevance", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", metavar="DIR", required=True, help="a folder of tasks and their repositories")
    parser.add_argument(
        "--trials",
        metavar="DIR",
        type=Path,
        help="ask models that `train --trials` made, each about the"
        " repositories that it did not see, rather than the shipped one",
    )
    parser.add_argument("--quick", action="store_true", help="two tasks of each repository")
    parser.add_argument("--each", metavar="N", type=int, help="so many tasks of each repository at most, spread evenly")
    parser.add_argument("--ours", action="store_true", help="the daemon alone")
    parser.add_argument("--aider", metavar="PYTHON", help="the python of an environment with aider-chat")
    parser.add_argument("--answers", metavar="FILE", type=Path, help="keep every answer, one JSON object a line")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw the calibration as SVG")
    chosen = parser.parse_args(arguments)

    repositories = by_repository(load(chosen.tasks))
    if most := 2 if chosen.quick else chosen.each:
        repositories = {name: tasks[:: -(-len(tasks) // most)] for name, tasks in repositories.items()}
    judged: dict[tuple[str, Form], list[Judged]] = defaultdict(list)
    offered: list[offers.Offer] = []
    for model, names in _models(chosen.trials, repositories):
        with Daemon(_CONFIG, model) as daemon, tempfile.TemporaryDirectory(prefix="semctx-relevance-") as place:
            client = daemon.start()
            for name in names:
                tree = copy(str(root(chosen.tasks, name)), os.path.join(os.path.realpath(place), name))
                with _Methods(client, tree, chosen.ours, chosen.aider) as methods:
                    for task in repositories[name]:
                        for method, form, answer in ask_all(tree, task, methods):
                            judged[method, form].append(Judged(task, answer))
                    offered += methods.offers
                print(f"{name}: {len(repositories[name])} tasks", file=sys.stderr, flush=True)
    print(f"relevance: {conditions()}\n")
    for line in table(judged):
        print(line)
    print(offers.line(offered))
    if chosen.answers:
        chosen.answers.write_text("".join(_lines(judged)), "utf-8")
    if chosen.plot:
        plot.calibration({form: judged[OURS, form] for form in FORMS}, chosen.plot)
    return 0


def _models(trials: Path | None, repositories: Iterable[str]) -> list[tuple[Path | None, list[str]]]:
    """Each model with the repositories that it is asked about."""
    if trials is None:
        return [(None, list(repositories))]
    models = sorted(trials.glob("*.json"))
    return [(model, sorted(names)) for model, names in zip(models, folds(repositories, len(models)), strict=True)]


def ask_all(tree: str, task: Task, methods: _Methods) -> Iterator[tuple[str, Form, Answer]]:
    """Every method's answer to every form of a task, with the function hidden on disk."""
    path = os.path.join(tree, task["file"])
    with open(path, "rb") as file:
        original = file.read()
    try:
        for keep in (True, False):
            hidden = mask(original.decode("utf-8", "replace"), task["qualname"], task["line"], keep_signature=keep)
            with open(path, "w", encoding="utf-8") as file:
                file.write(hidden)
            methods.changed(path)
            if keep:
                methods.note_imports(original.decode("utf-8", "replace"), hidden, question(task, "target"))
            for form in FORMS:
                if shows_target(form) is keep:
                    asked = question(task, form)
                    for name, say in methods.of(form):
                        yield name, form, say(asked)
    finally:
        with open(path, "wb") as file:
            file.write(original)


class _Methods:
    """Everything that can be asked about one tree."""

    def __init__(self, client: Client, tree: str, ours_alone: bool, aider: str | None) -> None:
        self._client = client
        self._tree = tree
        self.offers: list[offers.Offer] = []
        self._live = None if ours_alone else LiveIndex(tree)
        if self._live:
            self._live.refresh()
        self._aider = None
        if aider and not ours_alone:
            command = [aider, os.path.join(os.path.dirname(__file__), "aider_map.py")]
            self._aider = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )

    def note_imports(self, original: str, hidden: str, asked: Asked) -> None:
        """Ask which imports are offered, and keep what that is worth."""
        found = self._client.ask("context/query", root=self._tree, limits={"imports": offers.FIRST}, **asked)
        self.offers.append(offers.judge(original, hidden, found["imports"]))

    def changed(self, path: str) -> None:
        """A file was written. The daemon is not told: it notices."""
        if self._live:
            self._live.apply([path])

    def of(self, form: Form) -> Iterator[tuple[str, Say]]:
        """The methods that are asked in a form."""
        yield OURS, self._ours
        if self._live and form in _COMPARED:
            for name, method in baselines.METHODS.items():
                yield name, self._timed(method, self._live)
            if self._aider:
                yield AIDER, self._map

    @staticmethod
    def _timed(method: baselines.Method, live: LiveIndex) -> Say:
        def say(asked: Asked) -> Answer:
            started = time.perf_counter()
            return method(live, asked)._replace(milliseconds=1e3 * (time.perf_counter() - started))

        return say

    def _ours(self, asked: Asked) -> Answer:
        limits = {"symbols": _SYMBOLS, "files": _FILES, "imports": 0, "conventions": 0}
        started = time.perf_counter()
        found = self._client.ask("context/query", root=self._tree, limits=limits, **asked)
        return Answer(
            [(one["file"], one["qualname"]) for one in found["symbols"]],
            [one["path"] for one in found["files"]],
            [one["confidence"] for one in found["symbols"]],
            1e3 * (time.perf_counter() - started),
        )

    def _map(self, asked: Asked) -> Answer:
        assert self._live and self._aider and self._aider.stdin and self._aider.stdout
        chat = [asked["targetFile"]] if "targetFile" in asked else []
        files = sorted(self._live.store.files)
        request = {"root": self._tree, "files": files, "chat": chat, "idents": sorted(baselines.identifiers(asked))}
        started = time.perf_counter()
        self._aider.stdin.write(json.dumps(request) + "\n")
        self._aider.stdin.flush()
        found = json.loads(self._aider.stdout.readline())
        elapsed = 1e3 * (time.perf_counter() - started)
        at = {(symbol.path, symbol.name, symbol.line): symbol.qualname for symbol in self._live.store.symbols.values()}
        keys = [
            (file, qualname)
            for file, line, name in found["tags"]
            if (qualname := at.get((file, name, line)) or at.get((file, name, line + 1)))
        ]
        return Answer(keys[:_SYMBOLS], [*chat, *(file for file in found["files"] if file not in chat)], (), elapsed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._aider and self._aider.stdin:
            self._aider.stdin.close()
            self._aider.wait()


def table(judged: dict[tuple[str, Form], list[Judged]]) -> list[str]:
    """The rows in Markdown: first ours in every form, then the other methods."""
    scopes = [f"{scope}{figure}" for scope in ("", "CROSS ") for figure in MAIN_FIGURES]
    header = ["method", "asked", "tasks", *scopes, "confident tier", "coverage", "false answers", "p50 / p99 ms"]
    lines = [_line(header), _line(["---"] * len(header))]
    oracles = ""
    for (method, form), answers in sorted(judged.items(), key=lambda item: (item[0][0] != OURS, item[0][1])):
        cells = [method, form, str(len(answers))]
        for cross in (False, True):
            found = averages(answers, cross)
            cells += [f"{found[name][0]:.3f} ±{found[name][1]:.2f}" if found else "–" for name in MAIN_FIGURES]
            if found and not cross:
                oracles = f"oracle: P@3 {found['oracle P@3'][0]:.3f}, P@5 {found['oracle P@5'][0]:.3f}"
        if method == OURS:
            sure = tier(answers)
            cells += [f"{sure.precision:.2f} @ {sure.recall:.3f}", f"{sure.coverage:.2f}", f"{sure.false_answers:.3f}"]
        else:
            cells += ["–"] * 3
        times = [one.answer.milliseconds for one in answers]
        cells.append(f"{percentile(times, 0.5):.0f} / {percentile(times, 0.99):.0f}")
        lines.append(_line(cells))
    return [*lines, "", oracles]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _lines(judged: dict[tuple[str, Form], list[Judged]]) -> Iterator[str]:
    for (method, form), answers in judged.items():
        for task, answer in answers:
            said = {"id": task["id"], "method": method, "mode": form, **answer._asdict()}
            yield json.dumps(said) + "\n"
