"""Signals from a draft: code that a generator wrote before it had context."""

from __future__ import annotations

import math
from itertools import islice

from semctxd.ranking import meaning
from semctxd.ranking.signals import Signals, best, search
from semctxd.ranking.text import subtokens

LIKENESS = ("like a name in the draft", "like a call in the draft", "means a name in the draft")
_COMPARED = 40  # names of a draft whose meaning is looked at


def drafted(signals: Signals) -> None:
    """Names that the draft calls, reads or has, and what functions like it use."""
    corpus, draft = signals.corpus, signals.question.drafted
    for signal, names in (
        ("called in the draft", draft.calls),
        ("attribute in the draft", draft.attributes),
        ("in the draft", draft.names),
    ):
        for name in names:
            ids = [id for id in corpus.store.by_name.get(name) if id != corpus.hidden]
            signals.put(signal, ids, 1.0 if len(ids) < 3 else 1 / math.sqrt(len(ids)))
    for name, receiver in draft.attributes.items():
        if receiver in ("self", "cls"):
            signals.put(
                "attribute of self in the draft", [id for id in corpus.store.by_name.get(name) if id != corpus.hidden]
            )
        elif receiver:
            said = set(subtokens(receiver))
            for id in corpus.store.by_name.get(name):
                owner = set(subtokens(corpus.store.symbols[id].owner.rpartition(".")[2]))
                signals.put("receiver in the draft", (id,), len(said & owner) / (len(said) or 1))
    terms = {term: 1.0 for name in draft.names for term in subtokens(name) if len(term) > 1}
    scores = search(corpus, terms)
    top = max(scores.values(), default=1.0)
    nearest = best(corpus, scores, 200)
    signals.put_all("like the draft", {id: scores[id] / top for id in nearest})
    functions = {id: scores[id] / top for id in nearest if corpus.store.symbols[id].is_callable}
    signals.put_all("neighbours of the draft", signals.vote(dict(islice(functions.items(), 20))))


def likeness(signals: Signals, ids: list[int]) -> dict[str, list[float]]:
    """How much each candidate's name resembles a name in the draft, and one that is called there: the best Jaccard
    index of their words, weighed by how telling they are, and the best cosine of what they mean. A draft paraphrases
    names that its writer could not know."""
    corpus, draft = signals.corpus, signals.question.drafted
    drafted: dict[str, list[tuple[frozenset[str], float, bool]]] = {}

    def weigh(tokens: frozenset[str]) -> float:
        return math.fsum(map(signals.idf.__getitem__, tokens))  # the same in any order

    for name in draft.names:
        tokens = frozenset(subtokens(name))
        entry = tokens, weigh(tokens), name in draft.calls
        for token in tokens if len(name) > 2 else ():
            drafted.setdefault(token, []).append(entry)
    names, calls = [], []
    for id in ids:
        tokens = frozenset(subtokens(corpus.store.symbols[id].name))
        own = weigh(tokens)
        best_name = best_call = 0.0
        for other, weight, called in {entry for token in tokens for entry in drafted.get(token, ())}:
            shared = weigh(tokens & other)
            like = shared / (own + weight - shared)
            best_name = max(best_name, like)
            best_call = max(best_call, like if called else 0.0)
        names.append(best_name)
        calls.append(best_call)
    said = [meaning.of_name(name) for name in islice(draft.names, _COMPARED)]
    near = meaning.cosines(said, [meaning.of_name(corpus.store.symbols[id].name) for id in ids])
    meant = [max(row) for row in zip(*near, strict=True)] or [0.0] * len(ids)
    return dict(zip(LIKENESS, (names, calls, meant), strict=True))
