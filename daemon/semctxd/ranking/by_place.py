"""Signals from the place: what stands in the target's file and class, and what is used and imported there."""

from __future__ import annotations

import math

from semctxd.ranking.by_words import similarity
from semctxd.ranking.corpus import Corpus
from semctxd.ranking.signals import SAME_NAME, Scores, Signals
from semctxd.ranking.text import subtokens

_FILE_FUNCTIONS = 150
_FELLOWS = 12
_COMMON = 150  # a name that more files import says little of any


def file(signals: Signals, likeness: Scores) -> None:
    """What stands in the target's file, what its functions use, what it imports."""
    corpus, question = signals.corpus, signals.question
    symbols = corpus.store.symbols
    ids = [id for id in corpus.store.ids(question.file) if id != corpus.hidden]
    signals.put("same file", ids)
    if question.line:
        for id in ids:
            distance = abs(symbols[id].line - question.line)
            signals.put("near", (id,), 1 / (1 + distance / 20))
            if symbols[id].line < question.line:
                signals.put("before", (id,))
        by_distance = sorted(ids, key=lambda id: (abs(symbols[id].line - question.line), symbols[id].line))
        signals.put_all("nearest", {id: 1 / at for at, id in enumerate(by_distance, 1)})
    functions = [id for id in ids if symbols[id].is_callable]
    functions.sort(key=lambda id: (abs(symbols[id].line - question.line), symbols[id].line))
    functions = functions[:_FILE_FUNCTIONS]
    resemblance = similarity(signals, likeness)
    signals.put_all("file's uses", signals.vote(dict.fromkeys(functions, 1.0)))
    signals.put_all("file's uses by name", signals.vote_by_name(dict.fromkeys(functions, 1.0)))
    signals.put_all("similar functions of the file", signals.vote({id: resemblance(id) for id in functions}))
    if question.line:
        near = {id: math.exp(-abs(symbols[id].line - question.line) / 80) for id in functions}
        signals.put_all("near functions of the file", signals.vote(near))
    for id in functions:
        if corpus.hidden and corpus.hidden in corpus.uses(id):
            signals.put("calls the target", (id,))
            signals.put("caller's uses", [used for used in corpus.uses(id) if used != corpus.hidden])
    imports(signals)
    fellows(signals)


def fellows(signals: Signals) -> None:
    """What files of the same folder import, and files that import the same as the target's."""
    corpus, question = signals.corpus, signals.question
    near = corpus.store.neighbours(question.file, _FELLOWS)
    for path in near:
        for id in _imported(corpus, path):
            signals.add("imported in this folder", id, 1 / len(near))
    alike: dict[int, float] = {}
    for name in sorted({corpus.store.symbols[id].name for id in _imported(corpus, question.file)}):
        importers = corpus.importers(name)
        for first in importers if len(importers) < _COMMON else ():
            alike[first] = alike.get(first, 0.0) + 1 / math.log(2 + len(importers))
    paths = {corpus.store.path(first): weight for first, weight in alike.items()}
    paths.pop(question.file, None)
    chosen = sorted(paths, key=lambda path: (-paths[path], path))[:_FELLOWS]
    total = sum(paths[path] for path in chosen) or 1.0
    for path in chosen:
        for id in _imported(corpus, path):
            signals.add("imported by files like this", id, paths[path] / total)


def _imported(corpus: Corpus, path: str) -> list[int]:
    """The symbols of other files that a file's imports bind."""
    symbols = corpus.store.symbols
    return [
        value.of for value in corpus.scope(path).values() if value.kind == "symbol" and symbols[value.of].path != path
    ]


def imports(signals: Signals) -> None:
    """What the target's file imports, and what stands beside it there."""
    corpus, question = signals.corpus, signals.question
    for name, value in corpus.scope(question.file).items():
        if value.kind == "module":
            signals.put(
                "in an imported module",
                [id for id in corpus.store.ids(str(value.of)) if not corpus.store.symbols[id].owner],
            )
        elif corpus.store.symbols[value.of].path != question.file and name != "*":
            signals.put("imported", (value.of,))
            signals.put("in a file imported from", corpus.store.ids(corpus.store.symbols[value.of].path))
            if corpus.store.symbols[value.of].kind == "class":
                signals.put("member of imported class", corpus.all_members(value.of).values())
    for statement in corpus.imports(question.file):
        if source := corpus.imported_from(question.file, statement):
            signals.put("in a file imported from", corpus.store.ids(source))


def klass(signals: Signals, likeness: Scores) -> None:
    """The target's class: members, bases, what its methods use, what its attributes are."""
    corpus, question = signals.corpus, signals.question
    symbols = corpus.store.symbols
    cls = corpus.named(question.file, question.owner) if question.owner else None
    if cls is None or symbols[cls].kind != "class":
        return
    signals.put("same class", [cls, *corpus.members(cls).values()])
    for depth, base in enumerate(corpus.mro(cls)):
        signals.put("own or inherited", [base, *corpus.members(base).values()], 1 / (1 + depth))
    methods = [id for id in corpus.members(cls).values() if symbols[id].is_callable and id != corpus.hidden]
    resemblance = similarity(signals, likeness)
    signals.put_all("class's uses", signals.vote(dict.fromkeys(methods, 1.0)))
    signals.put_all("similar methods of the class", signals.vote({id: resemblance(id) for id in methods}))
    if question.line:
        near = {id: math.exp(-abs(symbols[id].line - question.line) / 40) for id in methods}
        signals.put_all("near methods of the class", signals.vote(near))
    said_of_attributes(signals, methods)
    names = [corpus.names_used(id) for id in methods]
    for attribute in corpus.attribute_names(cls):
        classes = [value.of for value in corpus.attribute(cls, attribute) if value.kind == "instance"]
        if not classes or len(classes) > 4:
            continue
        tokens = subtokens(attribute)
        said = sum(token in question.terms for token in tokens) / (len(tokens) or 1)
        usual = sum(attribute in used for used in names) / (len(names) or 1)
        for type_ in classes:
            members = list(corpus.all_members(type_).values())
            signals.put("member of attribute type", members)
            signals.put("member of named attribute's type", members, said)
            signals.put("member of usual attribute's type", members, usual)


def said_of_attributes(signals: Signals, methods: list[int]) -> None:
    """Names that the class's methods read from attributes of `self`, most those of attributes that are asked for."""
    corpus, terms = signals.corpus, signals.question.terms
    counts: dict[tuple[str, str], int] = {}
    for id in methods:
        for chain in corpus.body(id).uses:
            first, _, rest = chain.partition(".")
            attribute, _, name = rest.partition(".")
            if first == "self" and name:
                key = attribute.removesuffix("()"), name.partition(".")[0].removesuffix("()")
                counts[key] = counts.get(key, 0) + 1
    for (attribute, name), count in counts.items():
        tokens = subtokens(attribute)
        said = 0.2 + 0.8 * sum(token in terms for token in tokens) / (len(tokens) or 1)
        if len(named := corpus.store.by_name.get(name)) <= SAME_NAME:
            signals.put("said of such an attribute", named, said * count / (1 + len(methods)))
