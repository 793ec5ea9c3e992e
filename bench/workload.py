"""`workload`: how many of an agent's and of an editor's questions are answered from memory, with narrowing and without.

Both are drawn by chance, with a fixed seed, from what such programs do; no recorded session stands behind the shares.
The agent goes through the phases that studies of agents' trajectories describe (localise, reproduce, patch, validate);
the editor asks what LSP clients ask on opening, saving, and resting the cursor, and asks again for the diagnostics of
every open file after each save. Every question is about the text as it then is, and none is asked for its repetition.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from statistics import mean
from typing import Any, NamedTuple
from urllib.parse import unquote

from bench.daemon import Client, Daemon, lsp
from bench.options import Options
from bench.oracle import at
from bench.repository import copy, names, put, save, sources
from bench.rows import Peer, Row, Target, row

_TASKS, _QUICK_TASKS = 20, 2
_SAVES, _QUICK_SAVES = 100, 8
_OPEN_FILES = 6
_ASKED = ("lsp/request", "context/query", "symbols/find")
_FUNCTION_KINDS = (6, 12)  # LSP's SymbolKind: method, function


class Found(NamedTuple):
    """What a workload found of its questions."""

    asked: int
    from_memory: int
    before: int
    again: int
    edits: int
    mean_ms: float

    @property
    def hit_rate(self) -> float:
        return self.from_memory / self.asked


def run(options: Options) -> list[Row]:
    """Each workload with narrowing and without, each on a copy and a daemon of its own."""
    rows = []
    for name, work, rounds, target in (
        ("agent", agent, _QUICK_TASKS if options.quick else _TASKS, Target("≥", 0.85)),
        ("editor", editor, _QUICK_SAVES if options.quick else _SAVES, None),
    ):
        found = [_measure(options.repository, work, rounds, narrow) for narrow in (True, False)]
        narrowed, plain = found
        rows += [
            row(f"{name}: questions", narrowed.asked, ""),
            row(f"{name}: edits", narrowed.edits, ""),
            row(f"{name}: asked before", narrowed.before / narrowed.asked, ""),
            row(f"{name}: asked before, and answered as the last time", narrowed.again / narrowed.asked, ""),
            row(f"{name}: hit rate", narrowed.hit_rate, "", Peer("without narrowing", plain.hit_rate), target),
            row(f"{name}: mean latency", narrowed.mean_ms, "ms", Peer("without narrowing", plain.mean_ms)),
        ]
    return rows


def _measure(repository: str, work: Callable[[Work, int], None], rounds: int, narrow: bool) -> Found:
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as place:
        root = copy(repository, os.path.join(os.path.realpath(place), "tree"))
        with Daemon(f"[cache]\nnarrow = {json.dumps(narrow)}\n") as daemon:
            client = daemon.start()
            client.ask("context/query", root=root, intent="Warm up")
            before = _counts(client)
            working = Work(client, root, random.Random(600))
            work(working, rounds)
            total, cached = (now - then for now, then in zip(_counts(client), before, strict=True))
        return Found(total, cached, working.before, working.again, working.edits, mean(working.times_ms))


def _counts(client: Client) -> tuple[int, int]:
    """(questions, answers from memory) so far."""
    operations = client.ask("metrics/get")["operations"]
    asked = [operations[name] for name in _ASKED if name in operations]
    return sum(one["total"] for one in asked), sum(one["cached"] for one in asked)


class Work:
    """A tree that is worked on, and the questions about it."""

    def __init__(self, client: Client, root: str, chance: random.Random) -> None:
        self.client = client
        self.root = root
        self.chance = chance
        self.files = [file for file in sources(root) if os.path.getsize(os.path.join(root, file)) > 100]
        self.edits = 0
        self.times_ms: list[float] = []
        self.before = 0  # questions that were asked before
        self.again = 0  # those of them with the answer of the last time
        self._answers: dict[str, bytes] = {}  # question -> digest of its last answer

    # -- questions

    def ask(self, method: str, /, **params: object) -> Any:
        """The result; None for an error."""
        started = time.perf_counter()
        result = self.client.call(method, root=self.root, **params).get("result")
        self.times_ms.append((time.perf_counter() - started) * 1e3)
        facts = ("meta", "epoch")
        said = json.dumps({name: value for name, value in (result or {}).items() if name not in facts}, sort_keys=True)
        digest = hashlib.blake2b(said.encode(), digest_size=16).digest()
        question = json.dumps([method, params])
        self.before += question in self._answers
        self.again += self._answers.get(question) == digest
        self._answers[question] = digest
        return result

    def of(self, method: str, file: str, *place: int, **more: object) -> Any:
        """What the language server says of a file, or a place in it."""
        params = lsp(self.root, f"textDocument/{method}", {**at(self.root, file, *place), **more})
        params.pop("root")
        answer = self.ask("lsp/request", **params)
        return answer and answer["result"]

    def view(self, file: str) -> None:
        """Read a part of a file, with its outline beside it."""
        self.of("documentSymbol", file)

    # -- the tree

    def text(self, file: str) -> str:
        """The present text of a file."""
        with open(os.path.join(self.root, file), encoding="utf-8", newline="") as opened:
            return opened.read()

    def write(self, file: str, text: str) -> None:
        """Write a file, as it is or beside it and renamed."""
        self.edits += 1
        save(self.root, file, text.encode(), beside=self.chance.random() >= 0.5)

    def remove(self, file: str) -> None:
        """Remove a file."""
        self.edits += 1
        os.unlink(os.path.join(self.root, file))

    def functions(self, file: str) -> list[dict[str, Any]]:
        """The functions of a file, by the language server."""

        def walk(symbols: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
            for symbol in symbols:
                if symbol["kind"] in _FUNCTION_KINDS:
                    yield symbol
                yield from walk(symbol.get("children", []))

        return list(walk(self.of("documentSymbol", file) or []))

    def names(self, file: str, first: int, last: int, number: int) -> list[tuple[int, int]]:
        """The places of some names between two lines (0-based)."""
        lines = self.text(file).split("\n")
        places = [(line, column) for line in range(first, min(last + 1, len(lines))) for column in names(lines[line])]
        return self.chance.sample(places, min(number, len(places)))

    def inside(self, result: Any) -> list[str]:
        """The files of the repository that an answer names, relative to the root, each once."""
        prefix = f"file://{self.root}/"
        uris = [one.get("targetUri") or one.get("uri") for one in result or []]
        return list(dict.fromkeys(unquote(uri.removeprefix(prefix)) for uri in uris if uri.startswith(prefix)))


# -- the agent


def agent(work: Work, tasks: int) -> None:
    """One task after the other; half of them in a file where the last one was, as in a series on one topic."""
    file = ""
    for number in range(tasks):
        functions: list[dict[str, Any]] = []
        if file and work.chance.random() < 0.5:
            functions = work.functions(file)
        while not functions:
            file = work.chance.choice(work.files)
            functions = work.functions(file)
        _task(work, number, file, work.chance.choice(functions)["name"])


def _task(work: Work, number: int, file: str, name: str) -> None:
    chance = work.chance
    intent = f"Correct what {name.replace('_', ' ').strip()} does"

    # localise: context, symbols by name, files read in parts, what names mean
    context = work.ask("context/query", intent=intent)
    for symbol in context["symbols"][:2]:
        work.ask("symbols/find", name=symbol["name"])
    for seen in chance.sample([one["path"] for one in context["files"]], min(2, len(context["files"]))):
        for _ in range(chance.randint(1, 2)):
            work.view(seen)
    dependents = _study(work, file, name, chance.randint(3, 6))

    # reproduce: a script that comes, runs, and goes in the end
    script = f"reproduce_{number}.py"
    module = file.removesuffix(".py").replace("/", ".")
    work.write(script, f"import {module}\n\nprint({module}.__name__)\n")
    work.of("diagnostic", script)

    # patch: context for the very place; an edit, its diagnostics, those of its users; tests run; another attempt
    work.ask("context/query", intent=intent, targetFile=file, qualname=name)
    before = work.text(file)
    for attempt in range(chance.randint(1, 4)):
        _edit(work, file, name, number * 10 + attempt)
        work.of("diagnostic", file)
        for user in dependents[:3]:
            work.of("diagnostic", user)
        put(work.root, {f".pytest_cache/run_{number}": b"", f"__pycache__/{number}.pyc": b""})  # the tests ran
        work.view(file)
        if chance.random() < 0.5:  # they failed: look again
            _study(work, file, name, 2)
            work.view(chance.choice(dependents or [file]))

    # validate: the change put aside and back to compare, a test, a look at all that was touched
    if chance.random() < 0.3:
        after = work.text(file)
        work.write(file, before)
        work.of("diagnostic", file)
        work.write(file, after)
        work.of("diagnostic", file)
    test = f"checks/test_{number}.py"
    work.write(test, f"import {module}\n\n\ndef test_{number}() -> None:\n    assert {module}.{name}\n")
    work.of("diagnostic", test)
    work.remove(script)
    for touched in (file, test, *dependents[:3]):
        work.view(touched)
        work.of("diagnostic", touched)


def _study(work: Work, file: str, name: str, number: int) -> list[str]:
    """Read a function and look up names in it; the other files that refer to it."""
    work.view(file)
    symbol = next((one for one in work.functions(file) if one["name"] == name), None)
    if symbol is None:
        return []
    for place in work.names(file, symbol["range"]["start"]["line"], symbol["range"]["end"]["line"], number):
        work.of("hover", file, *place)
        if work.chance.random() < 0.4:
            for other in work.inside(work.of("definition", file, *place)):
                work.view(other)
    start = symbol["selectionRange"]["start"]
    said = work.of("references", file, start["line"], start["character"], context={"includeDeclaration": False})
    return [other for other in work.inside(said) if other != file]


def _edit(work: Work, file: str, name: str, number: int) -> None:
    """A line more at the begin of the function's body, or where that cannot be seen, at the end of the file."""
    text = work.text(file)
    head = re.search(rf"^([ \t]*)def {name}\(.*?\)[^\n]*:\n", text, re.M | re.S)
    if head:
        text = f"{text[: head.end()]}{head[1]}    checked_{number} = {number}\n{text[head.end() :]}"
    work.write(file, text if head else f"{text}\nchecked_{number} = {number}\n")


# -- the editor


def editor(work: Work, saves: int) -> None:
    """Some files are open; the user types in one of them, rests the cursor, saves, follows a definition, comes back."""
    chance = work.chance
    opened = chance.sample(work.files, min(_OPEN_FILES - 2, len(work.files)))
    for file in opened:
        _open(work, file)
    for _ in range(saves):
        file = opened[-1]
        lines = work.text(file).split("\n")
        first = chance.randrange(len(lines))
        for place in work.names(file, first, first + 30, chance.randint(2, 5)):
            work.of("documentSymbol", file)  # where the cursor is
            work.of("documentHighlight", file, *place)
            if chance.random() < 0.5:
                work.of("hover", file, *place)
        indent = re.match(r"[ \t]*", lines[first])
        assert indent
        lines.insert(first, f"{indent[0]}# a remark" if chance.random() < 0.5 else f"{indent[0]}typed = {first}")
        work.write(file, "\n".join(lines))
        for method in ("documentSymbol", "semanticTokens/full", "foldingRange"):
            work.of(method, file)
        for each in opened:
            work.of("diagnostic", each)
        if chance.random() < 0.2:
            for place in work.names(file, first, first + 30, 1):
                others = work.inside(work.of("definition", file, *place))
                _go(work, opened, others[0] if others else file)
        elif chance.random() < 0.2:
            _go(work, opened, chance.choice(opened))


def _go(work: Work, opened: list[str], file: str) -> None:
    """To another file: opened, or brought to the front."""
    if file in opened:
        opened.remove(file)
    else:
        _open(work, file)
    opened.append(file)
    del opened[:-_OPEN_FILES]


def _open(work: Work, file: str) -> None:
    for method in ("documentSymbol", "semanticTokens/full", "foldingRange", "diagnostic"):
        work.of(method, file)
