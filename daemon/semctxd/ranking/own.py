"""What a symbol is by itself, seen from the question: its kind, its name's words, its file."""

from __future__ import annotations

import itertools
import math
import re

from semctxd.ranking.records import Record
from semctxd.ranking.signals import Signals
from semctxd.ranking.text import subtokens

OWN = (
    "class", "method", "variable", "class variable", "private", "dunder", "constant", "property", "exception",
    "logger", "size", "parameters", "words in its name", "private elsewhere", "words of its name said",
    "words of its name said, weighed", "intent covered by its name", "best clause for its name",
    "its name in one clause", "words of its name in order", "own name's words", "owner's words said", "said early",
    "verb goes with verb", "owner's text", "namesakes", "imported by files", "said by files",
    "said by files, for each namesake", "text of its name", "rank of its name's text", "parameter words",
    "its parameters are at hand",
    "folder distance", "text rank", "neighbour rank", "best text of its file", "rank of its file's text",
    "votes for its file", "target is method", "target is private", "target file size", "target class size",
    "question length", "question's clauses", "question's parameters", "errors asked for", "logging asked for",
    "best text", "asked to", "target is named",
)  # fmt: skip

_PRIVATE = OWN.index("private")
_K1, _B, _MEAN_WORDS = 1.2, 0.3, 4.0  # Okapi BM25 of names
_ERRORS = re.compile(r"\brais|\berror|exception|invalid|\bfail", re.I)
_LOGGING = re.compile(r"\blog(?:s|ged|ging|ger)?\b|\bwarn", re.I)
_EXCEPTION = re.compile(r"(?:Error|Exception|Warning)$")
_LOGGERS = frozenset(("logger", "log", "_logger", "_log", "logging"))
_VERBS: dict[str, int] = {
    verb: number
    for number, verbs in enumerate(
        (
            "creat build mak construct new gener init instanti",
            "get retriev fetch load read access obtain",
            "set updat add insert append regist assign stor sav writ",
            "check valid verify determin test is has ensur compar",
            "pars decod deserializ tokeniz split",
            "convert transform encod serializ format rend normaliz",
            "delet remov clear clos stop cancel clean",
            "run execut call process handl perform start send request apply dispatch",
            "comput calcul find search match count",
        ),
        1,
    )
    for verb in verbs.split()
}


def columns(signals: Signals, ids: list[int]) -> dict[str, list[float]]:
    """The value of each feature of OWN for each candidate."""
    corpus = signals.corpus
    seen = _Seen(signals, ids)
    rows = [seen.of(corpus.store.symbols[id]) for id in ids]
    values = zip(*rows, strict=True) if rows else ([] for _ in OWN)
    return {name: list(column) for name, column in zip(OWN, values, strict=True)}


class _Seen:
    """A question, prepared to look at symbols."""

    def __init__(self, signals: Signals, ids: list[int]) -> None:
        self.corpus, self.question = signals.corpus, signals.question
        question, store = self.question, self.corpus.store
        self.text = signals.of("text")
        self.verbs = signals.verbs
        self.said = question.terms
        self.intent = question.intent_terms
        self.weigh = signals.idf.__getitem__
        self.intent_idf = sum(map(self.weigh, self.intent)) or 1.0
        self.clauses = [(clause, math.fsum(map(self.weigh, clause))) for clause in question.clauses]
        self.name = frozenset(subtokens(question.name))
        self.parameters = frozenset(name for name, _ in question.parameters)
        self.parameter_words = {word for name in self.parameters for word in subtokens(name)}
        self.folder = question.file.split("/")[:-1]
        self.distances: dict[str, float] = {}
        self.text_rank = _ranks(self.text, ids)
        self.vote_rank = _ranks(signals.of("neighbours"), ids)
        self.name_text = {id: self.text_of_name(store.symbols[id]) for id in ids}
        self.name_rank = _ranks(self.name_text, ids)
        self.file_text: dict[str, float] = {}
        for id, score in self.text.items():
            path = store.symbols[id].path
            self.file_text[path] = max(score, self.file_text.get(path, 0.0))
        by_text = sorted(self.file_text, key=lambda path: (-self.file_text[path], path))
        self.file_rank = {path: 1 / at for at, path in enumerate(by_text, 1)}
        self.file_votes: dict[str, float] = {}
        for id, score in signals.of("neighbours").items():
            path = store.symbols[id].path
            self.file_votes[path] = self.file_votes.get(path, 0.0) + score
        most = max(self.file_votes.values(), default=1.0)
        self.file_votes = {path: votes / most for path, votes in self.file_votes.items()}
        said = f"{question.intent} {question.arguments}"
        self.target = (
            float(bool(question.owner)), float(question.name.startswith("_")),
            math.log1p(len(store.ids(question.file))), math.log1p(len(signals.of("same class"))),
            math.log1p(len(self.intent)), float(len(self.clauses)), float(len(self.parameters)),
            float(bool(_ERRORS.search(said))), float(bool(_LOGGING.search(said))),
            max(signals.of("text, absolute").values(), default=0.0),
            float(next((_VERBS[word] for word in self.intent if word in _VERBS), 0)),
            float(bool(question.name)),
        )  # fmt: skip

    def of(self, symbol: Record) -> tuple[float, ...]:
        name, path = symbol.name, symbol.path
        tokens, owner_words = subtokens(name), _owner_words(symbol)
        distinct = frozenset(tokens)
        parameters = [one for one in symbol.params.split() if one not in ("self", "cls")]
        fixed = _fixed(symbol, len(parameters), len(tokens))
        count = len(tokens) or 1
        total = sum(map(self.weigh, tokens)) or 1.0
        said = [token for token in tokens if token in self.said]
        in_intent = [token for token in distinct if token in self.intent]
        positions = [self.intent[token] for token in in_intent]
        owner = self.corpus.owner(symbol.id) if symbol.owner else None
        best, within = self.clause(distinct) if in_intent else (0.0, 0.0)
        namesakes = len(self.corpus.store.by_name.get(name))
        files = max(1, self.corpus.said(name))  # what only the hidden function says must not stand out
        return (
            *fixed,
            fixed[_PRIVATE] if path != self.question.file else 0.0,
            len(said) / count,
            sum(map(self.weigh, said)) / total,
            math.fsum(map(self.weigh, in_intent)) / self.intent_idf,
            best,
            within,
            self.in_order(tokens) if len(tokens) > 1 else 0.0,
            sum(self.weigh(token) for token in tokens if token in self.name) / total,
            sum(word in self.said for word in owner_words) / (len(owner_words) or 1),
            1 - min(positions) / (1 + len(self.intent)) if positions else 0.0,
            self.verbs.get(tokens[0], 0.0) if tokens else 0.0,
            self.text.get(owner, 0.0) if owner is not None else 0.0,
            math.log1p(namesakes),
            math.log1p(len(self.corpus.importers(name))),
            math.log1p(files),
            math.log1p(files / namesakes),
            self.name_text[symbol.id],
            self.name_rank[symbol.id],
            sum(token in self.parameter_words for token in distinct) / (len(distinct) or 1),
            sum(one in self.parameters for one in parameters) / len(parameters) if parameters else 0.0,
            self.distance(path),
            self.text_rank[symbol.id],
            self.vote_rank[symbol.id],
            self.file_text.get(path, 0.0),
            self.file_rank.get(path, 0.0),
            self.file_votes.get(path, 0.0),
            *self.target,
        )

    def text_of_name(self, symbol: Record) -> float:
        """BM25 of the question against the words of a symbol's name and its class's."""
        words = {*subtokens(symbol.name), *_owner_words(symbol)}
        weight = (_K1 + 1) / (1 + _K1 * (1 - _B + _B * len(words) / _MEAN_WORDS))
        return weight * math.fsum(self.weigh(word) * self.said[word] for word in words if word in self.said)

    def clause(self, tokens: frozenset[str]) -> tuple[float, float]:
        """The best of the intent's clauses for a name: by weighed Jaccard index, and by the share of the name."""
        total = math.fsum(map(self.weigh, tokens))
        best = within = 0.0
        for clause, weight in self.clauses:
            if shared := tokens & clause:
                both = math.fsum(map(self.weigh, shared))
                best = max(best, both / (total + weight - both))
                within = max(within, both / total)
        return best, within

    def in_order(self, tokens: tuple[str, ...]) -> float:
        """Share of a name's pairs of words that follow each other in the intent."""
        pairs = self.question.pairs
        return sum(pair in pairs for pair in itertools.pairwise(tokens)) / (len(tokens) - 1)

    def distance(self, path: str) -> float:
        """Share of the target's folders that the symbol's path begins with; 0 without a target."""
        known = self.distances.get(path)
        if known is None:
            known = self.distances[path] = self._distance(path)
        return known

    def _distance(self, path: str) -> float:
        shared = 0
        for mine, theirs in zip(self.folder, path.split("/")[:-1], strict=False):
            if mine != theirs:
                break
            shared += 1
        return shared / (len(self.folder) or 1)


def _owner_words(symbol: Record) -> tuple[str, ...]:
    return subtokens(symbol.owner.rpartition(".")[2])


def _fixed(symbol: Record, parameters: int, tokens: int) -> tuple[float, ...]:
    """What does not depend on the question. To keep it would cost more memory than this costs time."""
    name, kind = symbol.name, symbol.kind
    return (
        kind == "class",
        kind == "method",
        kind == "variable",
        kind == "variable" and bool(symbol.owner),
        name.startswith("_") and not name.startswith("__"),
        name.startswith("__"),
        name.isupper(),
        "property" in symbol.decorators,
        kind == "class" and bool(_EXCEPTION.search(f"{symbol.bases} {name}")),
        name.lower() in _LOGGERS,
        math.log1p(symbol.end - symbol.line),
        parameters,
        tokens,
    )


def _ranks(scores: dict[int, float], ids: list[int]) -> dict[int, float]:
    """1, 1/2, 1/3, … by score."""
    return {id: 1 / at for at, id in enumerate(sorted(ids, key=lambda id: -scores.get(id, 0.0)), 1)}
