"""Evidence that a symbol will be used: every signal gives some symbols a number, mostly between 0 and 1.

A *vote* is the share of weighted functions that use a symbol: functions that resemble the intent, that stand in
the same file or class, or that have the same name elsewhere. The target's own uses count nowhere (the corpus
hides them). The gathering of signals is sparse: a symbol that no signal mentions is no candidate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from semctxd.ranking.corpus import Corpus
from semctxd.ranking.question import Question
from semctxd.ranking.text import subtokens

Scores = dict[int, float]

_MAX_DF = 2500  # a term in more symbols than this says little and costs much
_NEIGHBOURS = 20
_SIBLINGS = 60
_SAME_NAME = 30  # a name with more definitions than this points at none of them
_FILE_FUNCTIONS = 150


class Signals:
    """Signal -> symbol -> strength. Reading a symbol that a signal does not mention gives 0."""

    def __init__(self, corpus: Corpus, question: Question) -> None:
        self.corpus = corpus
        self.question = question
        self.by_signal: dict[str, Scores] = {}

    def put(self, signal: str, ids: Iterable[int], value: float = 1.0) -> None:
        """Raise a signal to at least `value` for some symbols."""
        scores = self.by_signal.setdefault(signal, {})
        for id in ids:
            if value > scores.get(id, 0.0):
                scores[id] = value

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
            if len(ids) <= _SAME_NAME
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


def gather(corpus: Corpus, question: Question) -> Signals:
    """Every signal of a question."""
    signals = Signals(corpus, question)
    text = _text(signals)
    functions = _neighbours(signals, text)
    _named(signals)
    _types(signals)
    _siblings(signals)
    if question.file in corpus.store.files:
        _file(signals, functions)
        _class(signals, functions)
    _home(signals, functions)
    _analogy(signals, functions)
    if question.draft:
        _draft(signals)
    return signals


def search(corpus: Corpus, terms: Mapping[str, float]) -> Scores:
    """BM25 scores of all symbols that share a term with the query (Okapi BM25; idf of Lucene)."""
    scores: Scores = {}
    count = len(corpus.store.symbols) or 1
    found = sorted(
        (len(ids), term, ids, weights) for term in terms for ids, weights in [corpus.store.postings.get(term)] if ids
    )
    for df, term, ids, weights in found:
        if df > _MAX_DF and scores:
            continue
        idf = math.log(1 + (count - df + 0.5) / (df + 0.5)) * terms[term]
        for id, weight in zip(ids, weights, strict=True):
            scores[id] = scores.get(id, 0.0) + idf * weight
    scores.pop(corpus.hidden, None)
    return scores


def best(corpus: Corpus, scores: Mapping[int, float], count: int) -> list[int]:
    """The ids of the highest scores, ties by path and line."""
    symbols = corpus.store.symbols
    if len(scores) > count:
        bar = sorted(scores.values(), reverse=True)[count - 1]
        scores = {id: score for id, score in scores.items() if score >= bar}
    return sorted(scores, key=lambda id: (-scores[id], symbols[id].path, symbols[id].line, symbols[id].column))[:count]


def idf(corpus: Corpus, token: str) -> float:
    """How telling a name's sub-token is."""
    return math.log(1 + len(corpus.store.symbols) / (1 + len(corpus.store.postings.get(token)[0])))


# -- by words -------------------------------------------------------------------------------------


def _text(signals: Signals) -> Scores:
    scores = search(signals.corpus, signals.question.terms)
    top = max(scores.values(), default=1.0)
    for id in best(signals.corpus, scores, 400):
        signals.put("text", (id,), scores[id] / top)
        signals.put("text, absolute", (id,), scores[id] / 40)
    return scores


def _neighbours(signals: Signals, text: Scores) -> Scores:
    """Functions most like the intent vote for what they use. Returns function -> likeness, 0 to 1, of all."""
    symbols = signals.corpus.store.symbols
    functions = {id: score for id, score in text.items() if symbols[id].body is not None}
    top = max(functions.values(), default=1.0)
    likeness = {id: score / top for id, score in functions.items()}
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
    signals.put_all("same parameters", signals.vote({id: sharing[id] for id in best(signals.corpus, sharing, 40)}))
    return likeness


def _named(signals: Signals) -> None:
    """Names that the question says as they are, and what belongs to classes named in it."""
    corpus, question = signals.corpus, signals.question
    for name in question.names:
        ids = [id for id in corpus.store.by_name.get(name) if id != corpus.hidden]
        if not ids or len(ids) > _SAME_NAME or len(name) < 3 or name == question.name:
            continue
        telling = "_" in name.strip("_") or not name.islower()
        signals.put("named", ids, 1.0 if telling else 0.4)
        for id in ids:
            if telling and corpus.store.symbols[id].kind == "class":
                signals.put("member of named class", corpus.members(id).values(), 1 / len(ids))


# -- by types -------------------------------------------------------------------------------------


def _types(signals: Signals) -> None:
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
    said = {word for word in question.arguments.replace("`", " ").split()}
    for cls in _classes_called(corpus, " ".join(sorted(word.strip(".,;:()[]") for word in said))):
        signals.put("class in the arguments' words", (cls,))


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


# -- by names elsewhere ---------------------------------------------------------------------------


def _siblings(signals: Signals) -> None:
    """Definitions of the same name elsewhere: what they use, with their own class's members mapped to the target's."""
    corpus, question = signals.corpus, signals.question
    symbols = corpus.store.symbols
    if not question.name:
        return
    ids = [id for id in corpus.store.by_name.get(question.name) if id != corpus.hidden and symbols[id].body is not None]
    if not ids or len(ids) > 400:
        return
    own = corpus.named(question.file, question.owner) if question.owner and question.file else None
    own_mro = list(corpus.mro(own)) if own is not None else []
    weights: Scores = {}
    for id in ids:
        cls = corpus.owner(id)
        weight = 0.3
        if own is not None and cls is not None:
            other = corpus.mro(cls)
            weight += 1.5 if cls in own_mro or own in other else 1.0 if set(own_mro[1:]) & set(other[1:]) else 0.0
        if question.file:
            same_folder = symbols[id].path.rpartition("/")[0] == question.file.rpartition("/")[0]
            weight += 0.4 if symbols[id].path == question.file else 0.2 if same_folder else 0.0
        weights[id] = weight
    chosen = {id: weights[id] for id in best(corpus, weights, _SIBLINGS)}
    signals.put_all("same name elsewhere", chosen)
    signals.put_all("siblings", signals.vote(chosen))
    signals.put_all("siblings by name", signals.vote_by_name(chosen))
    if own is None:
        return
    mapped: Scores = {}
    total = sum(chosen.values())
    for id, weight in chosen.items():
        cls = corpus.owner(id)
        others = set(corpus.mro(cls)) if cls is not None else set()
        for used in corpus.uses(id):
            if corpus.owner(used) in others and (mine := corpus.member(own, symbols[used].name)) is not None:
                mapped[mine] = mapped.get(mine, 0.0) + weight / total
    signals.put_all("siblings, mapped to this class", mapped)
    overridden = [id for base in own_mro[1:] if (id := corpus.members(base).get(question.name)) is not None]
    signals.put("overridden", overridden[:1])
    signals.put("overridden", overridden[1:], 0.5)
    signals.put(
        "overriding",
        [id for sub in corpus.subclasses(own) if (id := corpus.members(sub).get(question.name)) is not None],
    )


# -- by place -------------------------------------------------------------------------------------


def _similarity(signals: Signals, likeness: Scores) -> Callable[[int], float]:
    """How much a function resembles the target, by words and by its name."""
    own = set(subtokens(signals.question.name))

    def similarity(id: int) -> float:
        name = set(subtokens(signals.corpus.store.symbols[id].name))
        return 0.02 + likeness.get(id, 0.0) + len(own & name) / (len(own | name) or 1)

    return similarity


def _file(signals: Signals, likeness: Scores) -> None:
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
    functions = [id for id in ids if symbols[id].body is not None]
    functions.sort(key=lambda id: (abs(symbols[id].line - question.line), symbols[id].line))
    functions = functions[:_FILE_FUNCTIONS]
    similarity = _similarity(signals, likeness)
    signals.put_all("file's uses", signals.vote(dict.fromkeys(functions, 1.0)))
    signals.put_all("file's uses by name", signals.vote_by_name(dict.fromkeys(functions, 1.0)))
    signals.put_all("similar functions of the file", signals.vote({id: similarity(id) for id in functions}))
    if question.line:
        near = {id: math.exp(-abs(symbols[id].line - question.line) / 80) for id in functions}
        signals.put_all("near functions of the file", signals.vote(near))
    for id in functions:
        if corpus.hidden and corpus.hidden in corpus.uses(id):
            signals.put("calls the target", (id,))
            signals.put("caller's uses", [used for used in corpus.uses(id) if used != corpus.hidden])
    _imports(signals)


def _imports(signals: Signals) -> None:
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
    for statement in corpus.store.files[question.file].imports:
        if source := corpus.imported_from(question.file, statement):
            signals.put("in a file imported from", corpus.store.ids(source))


def _class(signals: Signals, likeness: Scores) -> None:
    """The target's class: members, bases, what its methods use, what its attributes are."""
    corpus, question = signals.corpus, signals.question
    symbols = corpus.store.symbols
    cls = corpus.named(question.file, question.owner) if question.owner else None
    if cls is None or symbols[cls].kind != "class":
        return
    signals.put("same class", [cls, *corpus.members(cls).values()])
    for depth, base in enumerate(corpus.mro(cls)):
        signals.put("own or inherited", [base, *corpus.members(base).values()], 1 / (1 + depth))
    methods = [id for id in corpus.members(cls).values() if symbols[id].body is not None and id != corpus.hidden]
    similarity = _similarity(signals, likeness)
    signals.put_all("class's uses", signals.vote(dict.fromkeys(methods, 1.0)))
    signals.put_all("class's uses by name", signals.vote_by_name(dict.fromkeys(methods, 1.0)))
    signals.put_all("similar methods of the class", signals.vote({id: similarity(id) for id in methods}))
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


def _home(signals: Signals, likeness: Scores) -> None:
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


def _analogy(signals: Signals, likeness: Scores) -> None:
    """As `parse_xml` uses `XmlReader`, so `parse_json` may use `JsonReader`."""
    corpus, question = signals.corpus, signals.question
    symbols = corpus.store.symbols
    own = set(subtokens(question.name)) | set(subtokens(question.owner))
    models = {id: 0.5 * likeness[id] for id in best(corpus, likeness, 10)}
    models.update((id, 1.0) for id in islice(signals.of("same name elsewhere"), 40))
    if question.file:
        similarity = _similarity(signals, likeness)
        here = {id: min(1.0, similarity(id)) for id in signals.of("same file") if symbols[id].body is not None}
        models.update((id, here[id]) for id in best(corpus, here, 12))
    for model, weight in models.items():
        theirs = set(subtokens(symbols[model].qualname))
        gone, new = theirs - own, sorted(own - theirs)
        if not gone or not new:
            continue
        for used in corpus.uses(model):
            tokens = set(subtokens(symbols[used].name))
            if not tokens & gone:
                continue
            kept = tokens - gone
            for token in new:
                ids = corpus.store.postings.get(token)[0]
                for id in ids if len(ids) < 300 else ():
                    name = set(subtokens(symbols[id].name))
                    if (
                        token in name
                        and symbols[id].kind == symbols[used].kind
                        and kept <= name
                        and id != corpus.hidden
                    ):
                        score = len(name & (kept | own)) / len(name)
                        if score > 0.6:
                            signals.put("analogy", (id,), weight * score)


# -- by a draft -----------------------------------------------------------------------------------


def _draft(signals: Signals) -> None:
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
    functions = {id: scores[id] / top for id in nearest if corpus.store.symbols[id].body is not None}
    signals.put_all("neighbours of the draft", signals.vote(dict(islice(functions.items(), 20))))
