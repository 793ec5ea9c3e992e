"""Candidates of a question and their features: the gathered signals, and what each symbol is by itself."""

from __future__ import annotations

import math
from array import array

from semctxd.ranking.corpus import Corpus
from semctxd.ranking.question import Question
from semctxd.ranking.records import Record
from semctxd.ranking.signals import Signals, best, idf, is_test
from semctxd.ranking.text import subtokens

CANDIDATES = 150

PRIORS: dict[str, float] = {
    "text": 1.5, "neighbours": 1.5, "neighbours by name": 0.7, "same parameters": 0.7, "named": 0.7,
    "member of named class": 0.3, "parameter type": 0.8, "member of parameter type": 0.4,
    "class called like a parameter": 0.5, "member of class called like a parameter": 0.3,
    "member of usual parameter type": 0.3, "returned type": 0.8, "member of returned type": 0.2, "siblings": 1.0,
    "siblings by name": 0.5, "siblings, mapped to this class": 1.0, "same name elsewhere": 0.2, "overridden": 0.5,
    "same file": 0.6, "near": 0.3, "file's uses": 1.2, "file's uses by name": 0.6,
    "similar functions of the file": 1.2, "near functions of the file": 1.0, "calls the target": -0.3,
    "caller's uses": 0.3, "in an imported module": 0.4, "imported": 1.2, "member of imported class": 0.4,
    "in a file imported from": 0.2, "same class": 0.6, "own or inherited": 0.4, "class's uses": 1.0,
    "similar methods of the class": 1.0, "member of attribute type": 0.25, "member of named attribute's type": 0.3,
    "member of usual attribute's type": 0.3, "in a file of such functions": 0.5,
    "in a class of such functions": 0.4, "analogy": 0.6, "called in the draft": 0.8, "attribute in the draft": 0.4,
    "in the draft": 0.5, "like the draft": 0.5, "neighbours of the draft": 0.7,
}  # fmt: skip
"""What the signals are worth when candidates are chosen; the model decides their order afterwards."""

GATHERED = (
    "text", "text, absolute", "neighbours", "neighbours by name", "closest neighbours", "best neighbour",
    "same parameters", "named", "member of named class", "parameter type", "member of parameter type",
    "class called like a parameter", "returned type", "siblings", "siblings by name",
    "siblings, mapped to this class", "overridden", "same file", "near", "before", "file's uses",
    "file's uses by name", "similar functions of the file", "near functions of the file", "calls the target",
    "caller's uses", "in an imported module", "imported", "in a file imported from", "same class",
    "own or inherited", "class's uses", "similar methods of the class", "member of attribute type",
    "member of usual attribute's type", "in a file of such functions", "in a class of such functions", "analogy",
    "called in the draft", "attribute in the draft", "in the draft", "attribute of self in the draft",
    "receiver in the draft", "like the draft", "neighbours of the draft",
)  # fmt: skip
OWN = (
    "class", "method", "private", "private elsewhere", "dunder", "size", "words of its name said",
    "words of its name said, weighed", "intent covered by its name", "own name's words", "said early",
    "owner's text", "namesakes", "imported by files", "parameter words", "folder distance", "text rank",
    "target is method", "target file size", "question length",
)  # fmt: skip
FEATURES = GATHERED + OWN
"""The model's inputs; it knows them by position."""

_TEST_PRIOR = 1.0  # what a symbol of a test has to make up for where no test is asked for


def candidates(signals: Signals, count: int = CANDIDATES) -> list[int]:
    """The most promising symbols by a hand-weighted sum of the signals, best first."""
    sums: dict[int, float] = {}
    for signal, weight in PRIORS.items():
        for id, strength in signals.of(signal).items():
            sums[id] = sums.get(id, 0.0) + weight * strength
    sums.pop(signals.corpus.hidden, None)
    if not signals.wants_tests:
        symbols = signals.corpus.store.symbols
        for id in sums:
            if is_test(symbols[id].path):
                sums[id] -= _TEST_PRIOR
    return best(signals.corpus, sums, count)


def rows(signals: Signals, ids: list[int]) -> list[array[float]]:
    """The features of each candidate, in the order of FEATURES."""
    corpus, question = signals.corpus, signals.question
    own = _Own(corpus, question, signals)
    gathered = [signals.of(signal) for signal in GATHERED]
    by_text = {id: 1 / (1 + at) for at, id in enumerate(sorted(ids, key=lambda id: -signals.of("text").get(id, 0.0)))}
    return [
        array("d", [*(scores.get(id, 0.0) for scores in gathered), *own.of(corpus.store.symbols[id], by_text[id])])
        for id in ids
    ]


class _Own:
    """Features that need nothing but the question and the symbol."""

    def __init__(self, corpus: Corpus, question: Question, signals: Signals) -> None:
        self.corpus, self.question = corpus, question
        self.text = signals.of("text")
        self.said = question.terms
        self.intent = question.intent_terms
        self.intent_idf = sum(idf(corpus, term) for term in self.intent) or 1.0
        self.name = subtokens(question.name)
        self.parameter_words = {word for name, _ in question.parameters for word in subtokens(name)}
        self.folder = question.file.split("/")[:-1]
        self.target = [
            float(bool(question.owner)),
            math.log1p(len(corpus.store.ids(question.file))), math.log1p(len(self.intent)),
        ]  # fmt: skip
        self.idf: dict[str, float] = {}

    def weigh(self, token: str) -> float:
        found = self.idf.get(token)
        if found is None:
            found = self.idf[token] = idf(self.corpus, token)
        return found

    def of(self, symbol: Record, by_text: float) -> list[float]:
        tokens = subtokens(symbol.name)
        distinct = dict.fromkeys(tokens)
        total = sum(map(self.weigh, tokens)) or 1.0
        said = [token for token in tokens if token in self.said]
        private = symbol.name.startswith("_") and not symbol.name.startswith("__")
        positions = [self.intent[token] for token in tokens if token in self.intent]
        owner = self.corpus.owner(symbol.id)
        return [
            float(symbol.kind == "class"),
            float(symbol.kind == "method"),
            float(private),
            float(private and symbol.path != self.question.file),
            float(symbol.name.startswith("__")),
            math.log1p(symbol.end - symbol.line),
            len(said) / (len(tokens) or 1),
            sum(map(self.weigh, said)) / total,
            sum(self.weigh(token) for token in distinct if token in self.intent) / self.intent_idf,
            sum(self.weigh(token) for token in tokens if token in self.name) / total,
            1 - min(positions) / (1 + len(self.intent)) if positions else 0.0,
            self.text.get(owner, 0.0) if owner is not None else 0.0,
            math.log1p(len(self.corpus.store.by_name.get(symbol.name))),
            math.log1p(len(self.corpus.store.importers.get(symbol.name))),
            sum(token in self.parameter_words for token in distinct) / (len(distinct) or 1),
            self.distance(symbol.path),
            by_text,
            *self.target,
        ]

    def distance(self, path: str) -> float:
        """Share of the target's folders that the symbol's path begins with; 0 without a target."""
        shared = 0
        for mine, theirs in zip(self.folder, path.split("/")[:-1], strict=False):
            if mine != theirs:
                break
            shared += 1
        return shared / (len(self.folder) or 1)
