"""Signals from words: the intent against names and docstrings, and what functions like it use."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice

from semctxd.ranking import meaning
from semctxd.ranking.lexicon import related as related_words
from semctxd.ranking.signals import SAME_NAME, Scores, Signals, best, is_test, search
from semctxd.ranking.text import subtokens

_FOUND = 400
_NEIGHBOURS = 20
_PARAMETER_NEIGHBOURS = 40
_LIKE = 200  # functions like the intent by words, of which the nearest in meaning are looked for
_FAR = 0.2  # cosine of two texts that have little in common


def text(signals: Signals) -> None:
    """BM25 of the question against every symbol."""
    symbols = signals.corpus.store.symbols
    scores = signals.scores = search(signals.corpus, signals.question.terms)
    signals.functions = {id: score for id, score in scores.items() if symbols[id].is_callable}
    top = max(scores.values(), default=1.0)
    found = best(signals.corpus, scores, _FOUND)
    signals.put_all("text", {id: scores[id] / top for id in found})
    signals.put_all("text, absolute", {id: scores[id] / 40 for id in found})


def neighbours(signals: Signals) -> Scores:
    """Functions most like the intent vote for what they use. Returns function -> likeness, 0 to 1, of all; of tests
    only where a test is written."""
    symbols = signals.corpus.store.symbols
    wanted = (id for id in signals.functions if signals.wants_tests or not is_test(symbols[id].path))
    likeness = _of_highest({id: signals.functions[id] for id in wanted})
    nearest = {id: likeness[id] for id in best(signals.corpus, likeness, _NEIGHBOURS)}
    signals.put_all("neighbours", signals.vote(nearest))
    signals.put_all("neighbours by name", signals.vote_by_name(nearest))
    signals.put_all("closest neighbours", signals.vote({id: score**2 for id, score in islice(nearest.items(), 5)}))
    for id, score in nearest.items():
        signals.put("best neighbour", signals.corpus.uses(id), score)
    sharing: Scores = {}
    for name, _ in signals.question.parameters:
        ids = signals.corpus.store.by_parameter.get(name)
        for id in ids if len(ids) < 400 else ():
            if id != signals.corpus.hidden:
                sharing[id] = sharing.get(id, 0.0) + 1 / math.log(2 + len(ids))
    sharers = {id: sharing[id] for id in best(signals.corpus, sharing, _PARAMETER_NEIGHBOURS)}
    signals.put_all("same parameters", signals.vote(sharers))
    signals.put_all("same parameters, by name", signals.vote_by_name(sharers))
    return likeness


def related(signals: Signals, likeness: Scores) -> None:
    """The same by words that mean much the same as the question's."""
    symbols = signals.corpus.store.symbols
    added = search(signals.corpus, related_words(signals.question.terms))
    scores = dict(signals.scores)
    for id, score in added.items():
        scores[id] = scores.get(id, 0.0) + score
    top = max(scores.values(), default=1.0)
    signals.put_all("related words", {id: scores[id] / top for id in best(signals.corpus, scores, _FOUND)})
    functions = {id: scores[id] for id in likeness}
    for id in added:
        symbol = symbols[id]
        if symbol.is_callable and (signals.wants_tests or not is_test(symbol.path)):
            functions[id] = scores[id]
    likeness = _of_highest(functions)
    nearest = {id: likeness[id] for id in best(signals.corpus, likeness, _NEIGHBOURS)}
    signals.put_all("neighbours by related words", signals.vote(nearest))
    for id, score in nearest.items():
        signals.put("best neighbour by related words", signals.corpus.uses(id), score)
    meant(signals, likeness)


def meant(signals: Signals, likeness: Scores) -> None:
    """The same by what the functions that are most like the intent mean as a whole."""
    symbols = signals.corpus.store.symbols
    ids = best(signals.corpus, likeness, _LIKE)
    (cosines,) = meaning.cosines((meaning.of_question(signals),), [meaning.of(symbols[id]) for id in ids])
    near = {id: (cosine - _FAR) ** 2 for id, cosine in zip(ids, cosines, strict=True) if cosine > _FAR}
    nearest = {id: near[id] for id in best(signals.corpus, near, _NEIGHBOURS)}
    signals.put_all("neighbours by meaning", signals.vote(nearest))
    for id, score in nearest.items():
        signals.put("best neighbour by meaning", signals.corpus.uses(id), score)


def _of_highest(scores: Scores) -> Scores:
    """Scores as shares of the highest."""
    top = max(scores.values(), default=1.0)
    return {id: score / top for id, score in scores.items()}


def named(signals: Signals) -> None:
    """Names that the question says as they are, and what belongs to classes named in it."""
    corpus, question = signals.corpus, signals.question
    for name in question.names:
        ids = [id for id in corpus.store.by_name.get(name) if id != corpus.hidden]
        if not ids or len(ids) > SAME_NAME or len(name) < 3 or name == question.name:
            continue
        telling = "_" in name.strip("_") or not name.islower()
        signals.put("named", ids, 1.0 if telling else 0.4)
        for id in ids:
            if telling and corpus.store.symbols[id].kind == "class":
                signals.put("member of named class", corpus.members(id).values(), 1 / len(ids))


def home(signals: Signals, likeness: Scores) -> None:
    """The file and class where functions like this one live."""
    corpus = signals.corpus
    symbols = corpus.store.symbols
    files: dict[str, float] = {}
    classes: dict[int, float] = {}
    for id in best(corpus, likeness, 30):
        files[symbols[id].path] = files.get(symbols[id].path, 0.0) + likeness[id]
        owner = corpus.owner(id)
        if owner is not None:
            classes[owner] = classes.get(owner, 0.0) + likeness[id]
    total = sum(files.values()) or 1.0
    for path, weight in files.items():
        signals.put("in a file of such functions", corpus.store.ids(path), weight / total)
    for cls, weight in classes.items():
        signals.put("in a class of such functions", [cls, *corpus.members(cls).values()], weight / total)


def similarity(signals: Signals, likeness: Scores) -> Callable[[int], float]:
    """How much a function resembles the target, by words and by its name."""
    own = set(subtokens(signals.question.name))

    def similarity(id: int) -> float:
        name = set(subtokens(signals.corpus.store.symbols[id].name))
        return 0.02 + likeness.get(id, 0.0) + len(own & name) / (len(own | name) or 1)

    return similarity
