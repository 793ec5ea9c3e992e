"""Candidates of a question and their features: the gathered signals, and what each symbol is by itself."""

from __future__ import annotations

from semctxd.ranking import by_draft, meaning, own
from semctxd.ranking.signals import Signals, best, is_test

CANDIDATES = 200

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
    "in the draft": 0.5, "like the draft": 0.5, "neighbours of the draft": 0.7, "related words": 0.5,
    "neighbours by related words": 0.8,
    "neighbours by meaning": 0.5, "said of such a parameter": 0.5, "said of such an attribute": 0.4,
    "called with such a parameter": 0.4,
    "imported in this folder": 0.4, "imported by files like this": 0.5, "returns the wanted type": 0.3,
}  # fmt: skip
"""What the signals are worth when candidates are chosen; the model decides their order afterwards."""

GATHERED = (
    "text", "text, absolute", "neighbours", "neighbours by name", "closest neighbours", "best neighbour",
    "related words", "neighbours by related words", "best neighbour by related words",
    "neighbours by meaning", "best neighbour by meaning",
    "same parameters", "same parameters, by name", "said of such a parameter", "called with such a parameter",
    "named", "member of named class",
    "parameter type", "member of parameter type", "class called like a parameter",
    "member of class called like a parameter", "member of usual parameter type", "returned type",
    "member of returned type", "returns the wanted type", "same name elsewhere", "siblings", "siblings by name",
    "siblings, mapped to this class", "overridden", "same file", "near", "nearest", "before", "file's uses",
    "file's uses by name", "similar functions of the file", "near functions of the file", "calls the target",
    "caller's uses", "in an imported module", "imported", "member of imported class", "in a file imported from",
    "imported in this folder", "imported by files like this", "same class", "own or inherited", "class's uses",
    "similar methods of the class", "near methods of the class", "member of attribute type",
    "member of named attribute's type", "member of usual attribute's type", "said of such an attribute",
    "in a file of such functions", "in a class of such functions", "analogy",
    "called in the draft", "attribute in the draft", "in the draft", "attribute of self in the draft",
    "receiver in the draft", *by_draft.LIKENESS, "like the draft",
    "neighbours of the draft",
)  # fmt: skip
FEATURES = GATHERED + own.OWN + meaning.MEANING
"""The names of all columns that a model may ask for."""

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


def columns(signals: Signals, ids: list[int]) -> dict[str, list[float]]:
    """The value of each feature for each candidate, in their order."""
    found = {signal: _column(signals, signal, ids) for signal in GATHERED}
    found.update(own.columns(signals, ids))
    found.update(meaning.columns(signals, ids))
    if signals.question.draft:
        found.update(by_draft.likeness(signals, ids))
    return found


def _column(signals: Signals, signal: str, ids: list[int]) -> list[float]:
    scores = signals.of(signal)
    return [scores.get(id, 0.0) for id in ids] if scores else [0.0] * len(ids)
