"""Methods that people use to find context, on the same definitions as the daemon's index has them.

Each is a plain function from a question to an Answer. None of them is given a confidence, so none has a tier.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

from bench.scoring import Answer
from bench.tasks import Key
from semctxd.index.answer import ask
from semctxd.index.live import LiveIndex
from semctxd.ranking.records import Record
from semctxd.ranking.signals import best, search
from semctxd.ranking.text import keywords

Method = Callable[[LiveIndex, dict[str, Any]], Answer]

_FILES = 3
_SYMBOLS = 100
_ACTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("valid", ("validate", "check", "verify", "is_valid")),
    ("calculat", ("calculate", "compute", "get", "find")),
    ("creat", ("create", "make", "build", "generate")),
    ("conver", ("convert", "transform", "to_", "from_")),
)


def formula(live: LiveIndex, asked: dict[str, Any]) -> Answer:
    """Keywords against file names, then against names of the symbols in the three best files, and a few patterns of
    intents: .6 × the name + .3 × the pattern."""
    intent = asked["intent"].lower()
    said = keywords(asked["intent"])
    by_file = {path: _file_score(path, said, intent) for path in live.store.files}
    files = sorted(by_file, key=lambda path: (-by_file[path], path))[:_FILES]
    scores = {
        symbol: 0.6 * max((_name_score(symbol.name.lower(), word) for word in said), default=0.0)
        + (0.3 * 0.8 if _acts(intent, symbol.name.lower()) else 0.0)
        for path in files
        for symbol in live.store.files[path].symbols
    }
    return _answer(live, asked, scores, files)


def _file_score(path: str, said: list[str], intent: str) -> float:
    parts = PurePosixPath(path.lower()).parts
    stem = PurePosixPath(parts[-1]).stem
    score = 0.0
    for word in said:
        score += 0.5 * (word in stem) + 0.3 * any(word in part for part in parts)
    score += sum(0.2 for word in ("api", "test") if word in intent and word in path.lower())
    score += 0.1 * any(part in ("core", "lib") for part in parts)
    if "test" in path.lower() and "test" not in intent:
        score *= 0.5
    return min(1.0, score)


def _name_score(name: str, word: str) -> float:
    return 1.0 if word == name else 0.7 if word in name else 0.5 if name in word else 0.0


def _acts(intent: str, name: str) -> bool:
    return any(said in intent and any(word in name for word in words) for said, words in _ACTIONS)


def grep(live: LiveIndex, asked: dict[str, Any]) -> Answer:
    """The intent's words searched for in the sources: files and definitions in which most of them occur."""
    said = keywords(asked["intent"])
    by_file: dict[str, tuple[int, int]] = {}
    scores: dict[Record, float] = {}
    for path, record in live.store.files.items():
        with open(live.root.decode() + "/" + path, encoding="utf-8", errors="replace") as file:
            lines = file.read().lower().split("\n")
        text = "\n".join(lines)
        found = [word for word in said if word in text]
        by_file[path] = len(found), sum(text.count(word) for word in found)
        for symbol in record.symbols if found else ():
            head = "\n".join(lines[symbol.line - 1 : min(symbol.end, symbol.line + 20)])
            if score := sum(word in head for word in found):
                scores[symbol] = score
    files = sorted(by_file, key=lambda path: (-by_file[path][0], -by_file[path][1], path))
    return _answer(live, asked, scores, files)


def bm25(live: LiveIndex, asked: dict[str, Any]) -> Answer:
    """BM25 with weighted fields (name, class, path, documentation, signature) over sub-tokens."""
    question, hidden = ask(live, asked)
    resolver = live.resolver(hidden)
    scores = search(resolver, question.terms)
    found = {live.store.symbols[id]: scores[id] for id in best(resolver, scores, _SYMBOLS)}
    return _answer(live, asked, found, [symbol.path for symbol in found])


def _answer(live: LiveIndex, asked: dict[str, Any], scores: dict[Record, float], files: Iterable[str]) -> Answer:
    own: Key = (asked.get("targetFile", ""), asked["qualname"])
    order = sorted(scores, key=lambda symbol: (-scores[symbol], symbol.path, symbol.line))
    keys = [(symbol.path, symbol.qualname) for symbol in order if (symbol.path, symbol.qualname) != own]
    return Answer(keys[:_SYMBOLS], list(dict.fromkeys(files))[:_SYMBOLS])


METHODS: dict[str, Method] = {"the plan's formula": formula, "grep": grep, "BM25": bm25}


def identifiers(asked: dict[str, Any]) -> set[str]:
    """The words of a question that may be names, as a repository map wants them mentioned."""
    return set(
        re.findall(r"[^\W\d]\w*", f"{asked['intent']} {asked.get('signature', '')} {asked.get('arguments', '')}")
    )
