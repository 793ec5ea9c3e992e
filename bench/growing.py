"""What one repository costs as it grows: its index, its memory, a change, a question."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import psutil

from bench.daemon import Client, Daemon, lsp
from bench.oracle import at
from bench.repository import put, sources
from bench.resident import rss_and_pss_mb
from bench.rows import percentile

SWITCHED = 5000
"""Files that a branch switch changes, where there are as many."""

_SYMBOLS = "textDocument/documentSymbol"
_INDEXED_S = 1800.0  # patience with the first index
_STARTING = 10  # questions right after the first, while the language server starts
_OPENED = 50  # files that the language server is asked about before memory is looked at

Figures = dict[str, float]
"""Measure -> figure, in the unit of `bench.scale.MEASURES`."""


class Effort(NamedTuple):
    """How often each thing is measured, and how long."""

    intents: int
    edits: int
    idle_s: float


FULL, QUICK = Effort(200, 40, 5.0), Effort(20, 8, 1.0)


def grown(root: str, intents: Sequence[str], effort: Effort) -> Figures:
    """Every measure of one repository, which is edited."""
    files = list(sources(root))
    chance = random.Random(9)
    with Daemon() as daemon:
        client = daemon.start()
        found: Figures = {"files": len(files)} | _index(client, root, intents[0])
        found["starting"] = max(_times(client, root, intents[1 : _STARTING + 1]))
        client.ask("lsp/request", **lsp(root, _SYMBOLS, at(root, files[0])))  # the server runs from here on
        found |= _questions(client, root, intents[_STARTING + 1 : _STARTING + effort.intents + 1], "new intent")
        somewhere = chance.choices(files, k=effort.intents // 2)
        found |= _questions(client, root, intents[: len(somewhere)], "new intent in a file", somewhere)
        found |= edited(client, [(root, file) for file in chance.sample(files, min(effort.edits, len(files)))])
        for file in chance.sample(files, min(_OPENED, len(files))):
            client.ask("lsp/request", **lsp(root, _SYMBOLS, at(root, file)))
        for name, pid in daemon.pids(client).items():
            found[f"{name} RSS"], found[f"{name} PSS"] = rss_and_pss_mb(pid)
        found["idle"] = idle_share(daemon.process.pid, effort.idle_s)
        found |= _switches(client, root, files, chance)
    return found


def idle_share(pid: int, seconds: float) -> float:
    """Percent of a core that a process takes while nobody asks anything, for so long after as long a rest."""
    process = psutil.Process(pid)
    time.sleep(seconds)
    before, started = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    return float((sum(process.cpu_times()[:2]) - before) / (time.monotonic() - started) * 100)


def indexed(client: Client, root: str, intent: str) -> dict[str, Any]:
    """The first context of a repository, however long its index takes: who is told to wait asks again."""
    until = time.monotonic() + _INDEXED_S
    while True:
        reply = client.call("context/query", root=root, intent=intent)
        if "error" not in reply:
            result: dict[str, Any] = reply["result"]
            return result
        if reply["error"]["data"]["type"] != "DeadlineExceeded" or time.monotonic() > until:
            raise RuntimeError(reply["error"])


def _index(client: Client, root: str, intent: str) -> Figures:
    started = time.perf_counter()
    indexed(client, root, intent)
    took = time.perf_counter() - started
    index = client.ask("metrics/get")["workspaces"][root]["index"]
    seconds = index["scan_ms"] / 1e3
    return {"first context": took, "index": seconds, "index rate": index["read"] / seconds, "symbols": index["symbols"]}


def _questions(client: Client, root: str, intents: Sequence[str], name: str, targets: Sequence[str] = ()) -> Figures:
    times = _times(client, root, intents, targets)
    return {f"{name} p50": median(times), f"{name} p99": percentile(times, 0.99)}


def _times(client: Client, root: str, intents: Sequence[str], targets: Sequence[str] = ()) -> list[float]:
    times = []
    for number, intent in enumerate(intents):
        where = {"targetFile": targets[number]} if targets else {}
        started = time.perf_counter()
        client.ask("context/query", root=root, intent=intent, **where)
        times.append((time.perf_counter() - started) * 1e3)
    return times


def edited(client: Client, places: Sequence[tuple[str, str]]) -> Figures:
    """A function is added to a file (its root, its path); the next strict context names it, and so does the next strict
    answer of the server. Both have answered before."""
    contexts, symbols = [], []
    for number, (root, file) in enumerate(places):
        name = _fresh_name(number)
        _append(root, file, name)
        started = time.perf_counter()
        context = client.ask("context/query", root=root, intent=f"Do as {name} does")
        contexts.append((time.perf_counter() - started) * 1e3)
        assert any(symbol["name"] == name for symbol in context["symbols"]), f"{name} is missing"
        name += "_again"
        _append(root, file, name)
        started = time.perf_counter()
        said = client.ask("lsp/request", **lsp(root, _SYMBOLS, at(root, file)))["result"]
        symbols.append((time.perf_counter() - started) * 1e3)
        assert any(symbol["name"] == name for symbol in said), f"{name} is missing"
    return {"change to context": median(contexts), "change to symbols": median(symbols)}


def _append(root: str, file: str, name: str) -> None:
    with open(os.path.join(root, file), "ab") as opened:
        opened.write(f'\n\ndef {name}() -> int:\n    """Be found."""\n    return 1\n'.encode())


def _fresh_name(number: int) -> str:
    """A name of a word that no repository has."""
    return "xyzzy" + "".join(chr(ord("a") + int(digit)) for digit in str(number))


def _switches(client: Client, root: str, files: list[str], chance: random.Random) -> Figures:
    """Two branch switches, there and back; after one the server is asked, after the other the index."""
    branch = Branch(root, files, chance)
    found: Figures = {"files switched": branch.size}
    there = branch.switch(to=True)
    said = _first(client, "lsp/request", lsp(root, _SYMBOLS, at(root, branch.witness)))["result"]
    found["switch to symbols"] = time.perf_counter() - there
    assert any(symbol["name"] == branch.name for symbol in said), f"{branch.name} is missing"
    indexed(client, root, "Take in the branch")
    back = branch.switch(to=False)
    context = _first(client, "context/query", {"root": root, "intent": f"Do as {branch.name} does"})
    found["switch to context"] = time.perf_counter() - back
    assert not any(symbol["name"] == branch.name for symbol in context["symbols"]), f"{branch.name} is still there"
    return found


def _first(client: Client, method: str, params: dict[str, Any]) -> Any:
    """The first answer that is neither "not yet fresh" nor "deadline exceeded"."""
    while True:
        reply = client.call(method, **params)
        if "error" not in reply:
            return reply["result"]
        if reply["error"]["data"]["type"] not in ("NotYetFresh", "DeadlineExceeded"):
            raise RuntimeError(reply["error"])


class Branch:
    """Another state of a tree: of eight changed files in ten the text differs, one is not there, and one is new."""

    name = "switched_quuxly"

    def __init__(self, root: str, files: list[str], chance: random.Random) -> None:
        self._root = root
        chosen = chance.sample(files, min(SWITCHED, len(files) // 2))
        tenth = max(1, len(chosen) // 10)
        self.size = len(chosen)
        self.witness = chosen[0]
        self._here = {file: _read(root, file) for file in chosen[:-tenth]}
        more = f'\n\ndef {self.name}() -> None:\n    """Switch."""\n'.encode()
        self._there = {file: text + more for file, text in list(self._here.items())[: -tenth or None]}
        folders = {os.path.dirname(file) or "." for file in chosen}
        new = [os.path.join(folder, "brought", "along.py") for folder in sorted(folders)][:tenth]
        self._there |= dict.fromkeys(new, more)

    def switch(self, *, to: bool) -> float:
        """Write the other state as git does, each file unlinked first; when that was done, by `time.perf_counter()`."""
        before, after = (self._here, self._there) if to else (self._there, self._here)
        for file in before:
            os.unlink(os.path.join(self._root, file))
            if file not in after:
                _remove_empty(os.path.join(self._root, os.path.dirname(file)))
        put(self._root, after)
        return time.perf_counter()


def _remove_empty(folder: str) -> None:
    if not os.listdir(folder):
        os.rmdir(folder)


def _read(root: str, file: str) -> bytes:
    with open(os.path.join(root, file), "rb") as opened:
        return opened.read()
