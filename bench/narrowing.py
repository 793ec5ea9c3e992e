"""`narrowing`: is any answer that outlives an edit another than a fresh server's?

Round for round: a fixed set of questions is asked until all answers are in memory, a file is edited, all are asked
again, and compared with a fresh language server on the same tree, which shares no code with the daemon. What is
asked are the methods whose answers outlive edits of files that theirs does not import.
"""

from __future__ import annotations

import json
import os
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bench.daemon import Client, Daemon, lsp, request
from bench.options import Options
from bench.oracle import Ty, at
from bench.repository import copy, names, save, sources
from bench.rows import Peer, Row, Target, row

_QUESTIONS, _ROUNDS = 500, 220
_QUICK_QUESTIONS, _QUICK_ROUNDS = 150, 4
_AT_ONCE = 25
_EDITED = 30  # files that differ from the repository at one time
_NEW_SHARE = 0.05  # of the edits: a file comes, or goes again
_AT_NAMES = (
    "textDocument/hover",
    "textDocument/definition",
    "textDocument/typeDefinition",
    "textDocument/documentHighlight",
    "textDocument/signatureHelp",
    "textDocument/prepareCallHierarchy",
    "textDocument/prepareTypeHierarchy",
)
_OF_FILES = ("textDocument/semanticTokens/full", "textDocument/diagnostic")
_FILE_SHARE = 0.08


class Question(NamedTuple):
    """One LSP request, and what it is answered before the next edit."""

    method: str
    params: dict[str, Any]


class Compared(NamedTuple):
    """What became of the answers of a run."""

    answers: int
    from_memory: int
    edits: int
    different: int  # from a fresh server's, given from memory
    of_the_server: int  # likewise, but the server that was told of the edits says so too


def run(options: Options) -> list[Row]:
    """Edit and compare."""
    questions, rounds = (_QUICK_QUESTIONS, _QUICK_ROUNDS) if options.quick else (_QUESTIONS, _ROUNDS)
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as place, Daemon() as daemon:
        root = copy(options.repository, os.path.join(os.path.realpath(place), "tree"))
        found = compare(daemon.start(), root, questions, rounds, random.Random(500))
    kept = Peer("of all", found.answers)
    return [
        row("edits", found.edits, ""),
        row("answers compared with a fresh server's", found.answers, "", target=None if options.quick else _ENOUGH),
        row("answers that had outlived the last edit", found.from_memory, "", kept),
        row("different because they had", found.different, "", target=Target("≤", 0)),
        row("different although asked anew", found.of_the_server, ""),
    ]


_ENOUGH = Target("≥", 100_000)


def compare(client: Client, root: str, number: int, rounds: int, chance: random.Random) -> Compared:
    """`rounds` edits of the tree below `root`, with `number` questions after each."""
    questions = list(_questions(root, number, chance))
    edits = Edits(root, chance)
    client.call("symbols/find", root=root, name="barrier")  # starts the indexer
    answers = memory = different = of_the_server = 0
    for _ in range(rounds):
        _ask(client, root, [Question("textDocument/documentSymbol", at(root, edits.due)), *questions])
        client.call("symbols/find", root=root, name=f"barrier_{chance.random()}")  # the closures are known by then
        edits.make()
        before = client.ask("cache/stats", root=root)["hits"]
        given = _ask(client, root, questions)
        memory += client.ask("cache/stats", root=root)["hits"] - before
        answers += len(given)
        with Ty(root) as fresh:
            expected = [
                answer
                for start in range(0, number, _AT_ONCE)
                for answer in fresh.ask_all(list(questions[start : start + _AT_ONCE]))
            ]
        wrong = [at for at in range(number) if _plain(given[at]) != _plain(expected[at])]
        if wrong:
            client.ask("cache/clear", root=root)
            anew = _ask(client, root, [questions[at] for at in wrong])
            for at_, answer in zip(wrong, anew, strict=True):
                if _plain(answer) == _plain(expected[at_]):
                    different += 1
                    print(f"different: {edits.last}: {questions[at_]}: {given[at_]}, expected {expected[at_]}")
                else:
                    of_the_server += 1
    return Compared(answers, memory, rounds, different, of_the_server)


def _ask(client: Client, root: str, questions: Sequence[Question]) -> list[Any]:
    """The results, in the order of the questions."""
    found: dict[int, Any] = {}
    for start in range(0, len(questions), _AT_ONCE):
        some = questions[start : start + _AT_ONCE]
        asked = [
            request(number, "lsp/request", lsp(root, one.method, one.params)) for number, one in enumerate(some, start)
        ]
        for raw in client.exchange_all(asked):
            reply = json.loads(raw)
            found[reply["id"]] = reply["result"]["result"]
    return [found[number] for number in range(len(questions))]


def _plain(answer: Any) -> str:
    """An answer without the order of its parts, nor the id of a result."""
    if isinstance(answer, dict) and "resultId" in answer:
        answer = {**answer, "resultId": None}
    if isinstance(answer, list):
        answer = sorted(answer, key=json.dumps)
    return json.dumps(answer, sort_keys=True)


def _questions(root: str, number: int, chance: random.Random) -> Iterator[Question]:
    files = [file for file in sources(root) if os.path.getsize(os.path.join(root, file))]
    for _ in range(number):
        file = chance.choice(files)
        if chance.random() < _FILE_SHARE:
            yield Question(chance.choice(_OF_FILES), at(root, file))
            continue
        with open(os.path.join(root, file), encoding="utf-8", errors="replace") as opened:
            places = [
                (line, column)
                for line, text in enumerate(opened)
                if not text.lstrip().startswith("#")
                for column in names(text)
            ]
        yield Question(chance.choice(_AT_NAMES), at(root, file, *chance.choice(places or [(0, 0)])))


class Edits:
    """Edits of a tree, drawn by chance; few files differ from the original at one time."""

    def __init__(self, root: str, chance: random.Random) -> None:
        self.last = ""
        self.due = ""  # the file that the next edit is of, unless it is of a new one
        self._root = root
        self._chance = chance
        self._files = list(sources(root))
        self._texts: dict[str, str] = {}  # of the edited ones: their originals
        self._new: list[str] = []
        self._choose()

    def make(self) -> None:
        """Make one edit."""
        file = self.due
        if self._chance.random() < _NEW_SHARE:
            self._come_or_go()
        elif file in self._texts:
            self._save(file, self._texts.pop(file), "put back")
        else:
            with open(os.path.join(self._root, file), encoding="utf-8", errors="surrogateescape", newline="") as opened:
                text = self._texts[file] = opened.read()
            kind = self._chance.choice(_KINDS)
            self._save(file, kind(text, self._chance, self._files), kind.__name__)
        self._choose()

    def _choose(self) -> None:
        is_full = len(self._texts) >= min(_EDITED, len(self._files))
        self.due = next(iter(self._texts)) if is_full else self._chance.choice(self._files)

    def _save(self, file: str, text: str, what: str) -> None:
        self.last = f"{what} {file}"
        save(self._root, file, text.encode("utf-8", "surrogateescape"), beside=self._chance.random() < 0.5)

    def _come_or_go(self) -> None:
        if self._new and self._chance.random() < 0.5:
            gone = self._new.pop()
            os.unlink(os.path.join(self._root, gone))
            self.last = f"removed {gone}"
        else:
            folder = os.path.dirname(self._chance.choice(self._files))
            self._new.append(os.path.join(folder, f"new_{len(self._new)}_{self._chance.randrange(1000)}.py"))
            self._save(self._new[-1], "def new() -> int: ...\n", "made")


# -- kinds of edits: (text, chance, files of the repository) -> text


def shift(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """Everything moves by some lines."""
    return "# a line\n" * chance.randint(1, 3) + text


def append(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """A function more."""
    return f"{text}\n\ndef added_{chance.randrange(1000)}(x: int) -> str: ...\n"


def rename(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """A definition gets another name; who uses it is not told."""
    return _one(re.compile(r"^(\s*(?:def|class) )(\w+)", re.M), text, chance, r"\1\2_renamed")


def retype(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """A function returns something else."""
    return _one(re.compile(r"\)(?: -> [^:\n]+)?:$", re.M), text, chance, f") -> {chance.choice(('int', 'str'))}:")


def reassign(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """A variable gets a value of another type."""
    return _one(re.compile(r"^(\s*\w+ = ).*$", re.M), text, chance, rf"\g<1>{chance.choice(('1.5', 'b', '{}'))}")


def rebase(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """A class inherits from another."""
    return _one(re.compile(r"^(class \w+)(?:\([^)]*\))?:", re.M), text, chance, r"\1(dict):")


def describe(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """A docstring more, at the same number of lines."""
    return _one(re.compile(r"(\):)$", re.M), text, chance, r'\1 """Said anew."""')


def leave_out(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """An import less."""
    return _one(re.compile(r"^\s*(?:from [\w.]+ )?import [^(\n]+$", re.M), text, chance, "pass")


def bring_in(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """An import more, of any file."""
    module = chance.choice(files).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return f"{text}\n{chance.choice(('import {}', 'from {} import *', 'if True: from {} import x')).format(module)}\n"


def halve(text: str, chance: random.Random, files: Sequence[str]) -> str:
    """The second half is gone, wherever that is."""
    return text[: len(text) // 2]


_KINDS = (shift, append, rename, retype, reassign, rebase, describe, leave_out, bring_in, halve)


def _one(pattern: re.Pattern[str], text: str, chance: random.Random, by: str) -> str:
    """One of the places where a pattern matches, at random; where there is none, a function more."""
    places = list(pattern.finditer(text))
    if not places:
        return append(text, chance, ())
    place = chance.choice(places)
    return text[: place.start()] + place.expand(by) + text[place.end() :]
