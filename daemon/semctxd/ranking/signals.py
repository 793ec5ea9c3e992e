"""Evidence that a symbol will be used: every signal gives some symbols a number, mostly between 0 and 1.

A *vote* is the share of weighted functions that use a symbol: functions that resemble the intent, that stand in
the same file or class, or that have the same name elsewhere. The target's own uses count nowhere (the corpus
hides them). Signals are sparse: a symbol that none mentions is no candidate.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from semctxd.ranking.corpus import Corpus
from semctxd.ranking.question import Question

Scores = dict[int, float]

_MAX_DF = 2500  # a term in more symbols than this says little and costs much
_TESTS = frozenset(("test", "tests"))
_SOME = 16  # each of so many values is looked at first, to guess which are high
SAME_NAME = 30  # a name with more definitions than this points at none of them


class _Telling(dict[str, float]):
    """A name's sub-token -> how telling it is, worked out when first asked for."""

    def __init__(self, corpus: Corpus) -> None:
        super().__init__()
        self._corpus = corpus

    def __missing__(self, token: str) -> float:
        store, hidden = self._corpus.store, self._corpus.hidden
        ids = store.postings.get(token)[0]
        found = self[token] = math.log(1 + len(store.symbols) / (1 + len(ids) - _has(ids, hidden)))
        return found


class Signals:
    """Signal -> symbol -> strength. Reading a symbol that a signal does not mention gives 0."""

    def __init__(self, corpus: Corpus, question: Question) -> None:
        self.corpus = corpus
        self.question = question
        self.wants_tests = is_test(question.file) or "test" in question.terms
        self.by_signal: dict[str, Scores] = {}
        self.scores: Scores = {}  # of the question's words, of all symbols that have one
        self.functions: Scores = {}  # the same of functions alone
        # first word of a name -> share of what functions with the target's first word use
        self.verbs: dict[str, float] = {}
        self.idf = _Telling(corpus)

    def put(self, signal: str, ids: Iterable[int], value: float = 1.0) -> None:
        """Raise a signal to at least `value` for some symbols."""
        scores = self.by_signal.setdefault(signal, {})
        for id in ids:
            if value > scores.get(id, 0.0):
                scores[id] = value

    def add(self, signal: str, id: int, value: float) -> None:
        """Raise a signal by `value` for a symbol."""
        scores = self.by_signal.setdefault(signal, {})
        scores[id] = scores.get(id, 0.0) + value

    def put_all(self, signal: str, scores: Mapping[int, float]) -> None:
        """Set a signal whole."""
        self.by_signal.setdefault(signal, {}).update(scores)

    def of(self, signal: str) -> Scores:
        """All scores of a signal."""
        return self.by_signal.get(signal, {})

    # -- votes ------------------------------------------------------------------------------------

    def vote(self, functions: Mapping[int, float]) -> Scores:
        """Weighted share of functions that use each symbol."""
        return self._shares(functions, self.corpus.uses)

    def vote_by_name(self, functions: Mapping[int, float]) -> Scores:
        """The same by bare names: every symbol of a used name counts, so it also sees what could not be resolved."""
        by_name = self.corpus.store.by_name
        names: dict[str, float] = {}
        for function, weight in functions.items():
            for name in sorted(self.corpus.names_used(function)):
                names[name] = names.get(name, 0.0) + weight
        total = sum(functions.values()) or 1.0
        return {
            id: weight / total
            for name, weight in names.items()
            for ids in [by_name.get(name)]
            if len(ids) <= SAME_NAME
            for id in ids
        }

    @staticmethod
    def _shares(functions: Mapping[int, float], used: Callable[[int], Iterable[int]]) -> Scores:
        total = sum(functions.values()) or 1.0
        scores: Scores = {}
        for function, weight in functions.items():
            share = weight / total
            for id in used(function):
                scores[id] = scores.get(id, 0.0) + share
        return scores


def search(corpus: Corpus, terms: Mapping[str, float]) -> Scores:
    """BM25 scores of all symbols that share a term with the query (Okapi BM25; idf of Lucene)."""
    scores: Scores = {}
    count = len(corpus.store.symbols) or 1
    postings = corpus.store.postings
    for rows, term in sorted((len(ids), term) for term in terms if (ids := postings.get(term)[0])):
        if rows > _MAX_DF and scores:
            continue
        df = rows - _has(postings.get(term)[0], corpus.hidden)
        idf = math.log(1 + (count - df + 0.5) / (df + 0.5)) * terms[term]
        # where all words are frequent, the best of the rarest
        found, weights = postings.best(term, _MAX_DF) if rows > _MAX_DF else postings.get(term)
        for id, weight in zip(found, weights, strict=True):
            scores[id] = scores.get(id, 0.0) + idf * weight
    scores.pop(corpus.hidden, None)
    return scores


def best(corpus: Corpus, scores: Mapping[int, float], count: int) -> list[int]:
    """The ids of the highest scores, ties by path and line."""
    symbols = corpus.store.symbols
    if len(scores) > count:
        bar = _highest(list(scores.values()), count)
        scores = {id: score for id, score in scores.items() if score >= bar}

    def place(id: int) -> tuple[float, str, int, int]:
        symbol = symbols[id]
        return -scores[id], symbol.path, symbol.line, symbol.column

    return sorted(scores, key=place)[:count]


def _highest(values: Sequence[float], count: int) -> float:
    """The `count`-th highest of more values. Sorting all takes most of the time, so what is below a guess is left out:
    a low one, by some of the values."""
    some = sorted(values[::_SOME], reverse=True)
    guess = some[min(2 * (count // _SOME) + 4, len(some) - 1)]
    likely = [value for value in values if value >= guess]
    return sorted(likely if len(likely) >= count else values, reverse=True)[count - 1]


def _has(ids: Sequence[int], id: int) -> bool:
    at = bisect_left(ids, id)
    return at < len(ids) and ids[at] == id


@lru_cache(maxsize=1 << 17)
def is_test(path: str) -> bool:
    """Whether a file holds tests, by the usual names of files and folders."""
    *folders, file = path.split("/")
    return (
        file.startswith("test_") or file.endswith("_test.py") or file == "conftest.py" or not _TESTS.isdisjoint(folders)
    )
