"""Signals from types: of parameters, of the result, and of what parameters of a name usually are."""

from __future__ import annotations

import re
from collections import Counter

from semctxd.ranking.corpus import Corpus
from semctxd.ranking.signals import SAME_NAME, Signals, best

_LAST_NAME = re.compile(r"\w+\Z")
_NAME_MAX = 60  # characters
_SHARERS = 60  # functions with a parameter of the same name that are looked at


def types(signals: Signals) -> None:
    """Classes of the parameters and of the result, and their members."""
    corpus, question = signals.corpus, signals.question
    for name, annotation in question.parameters:
        classes = corpus.classes_in(annotation, question.file) if question.file else []
        for cls in classes or _classes_called(corpus, annotation):
            signals.put("parameter type", (cls,))
            signals.put("member of parameter type", corpus.all_members(cls).values())
        if not annotation:
            for cls in _classes_called(corpus, name):
                signals.put("class called like a parameter", (cls,))
                signals.put("member of class called like a parameter", corpus.all_members(cls).values())
            for cls, share in _usual_types(corpus, name).items():
                signals.put("member of usual parameter type", corpus.all_members(cls).values(), share)
    for cls in _classes_called(corpus, question.returns):
        signals.put("returned type", (cls,))
        signals.put("member of returned type", corpus.members(cls).values())
        for id in corpus.store.by_name.get(corpus.store.symbols[cls].name):
            signals.put("returned type", (id,), 0.5)
        for id in corpus.store.by_return.get(corpus.store.symbols[cls].name):
            if id != corpus.hidden:
                signals.put("returns the wanted type", (id,))


def said_of_parameters(signals: Signals) -> None:
    """Names that functions elsewhere read from a parameter of the same name, and those that they call with it."""
    corpus = signals.corpus
    for name, _ in signals.question.parameters:
        ids = corpus.store.by_parameter.get(name)
        if len(ids) >= 400:
            continue
        read: Counter[str] = Counter()
        called: Counter[str] = Counter()
        passed = re.compile(rf"\b{re.escape(name)}\s*[,)]")
        for id in best(corpus, dict.fromkeys(ids, 0.0), _SHARERS):
            chains = corpus.body(id).uses
            read.update({chain.split(".")[1].removesuffix("()") for chain in chains if chain.startswith(f"{name}.")})
            if id != corpus.hidden:
                called.update(_callees(corpus.text(id), passed))
        sharers = 1 + min(len(ids), _SHARERS)
        for signal, counts in (("said of such a parameter", read), ("called with such a parameter", called)):
            for one, count in counts.items():
                if len(named := corpus.store.by_name.get(one)) <= SAME_NAME:
                    signals.put(signal, named, count / sharers)


def _callees(body: str, passed: re.Pattern[str]) -> set[str]:
    """The names of calls that have such an argument, directly."""
    found = set()
    for argument in passed.finditer(body):
        opened = body.rfind("(", 0, argument.start())
        callee = _LAST_NAME.search(body, max(0, opened - _NAME_MAX), max(0, opened))
        if callee and ")" not in body[opened : argument.start()]:
            found.add(callee[0])
    return found


def _classes_called(corpus: Corpus, text: str) -> list[int]:
    """Classes whose name stands in a text, or is the camel case of a snake case word of it."""
    found: dict[int, None] = {}
    for word in text.replace("[", " ").replace("]", " ").replace("|", " ").replace(",", " ").split():
        last = word.strip("\"'").rpartition(".")[2]
        camel = "".join(part[:1].upper() + part[1:] for part in last.split("_"))
        for name in (last, camel):
            ids = corpus.store.by_name.get(name) if len(name) > 2 else ()
            if len(ids) <= 5:
                found.update((id, None) for id in ids if corpus.store.symbols[id].kind == "class")
    return list(found)


def _usual_types(corpus: Corpus, parameter: str) -> dict[int, float]:
    """The classes that parameters of that name are annotated with elsewhere, and their shares."""
    counts: dict[int, int] = {}
    ids = corpus.store.by_parameter.get(parameter)
    for id in ids if len(ids) < 200 else ():
        symbol = corpus.store.symbols[id]
        annotation = next(type_ for name, type_ in symbol.parameters if name == parameter)
        if annotation and id != corpus.hidden:
            for cls in corpus.classes_in(annotation, symbol.path):
                counts[cls] = counts.get(cls, 0) + 1
    total = sum(counts.values())
    return {cls: count / total for cls, count in counts.items()}
