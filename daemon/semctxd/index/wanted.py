"""What a new function would import: what the repository says for each name, and how likely that makes it.

The chance is that of a logistic regression over what is said for a name. `python -m bench imports` fits the weights.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from typing import NamedTuple

from semctxd.index.live import LiveIndex
from semctxd.index.resolve import root_of
from semctxd.ranking.records import Import, Record
from semctxd.ranking.score import Ranked
from semctxd.ranking.signals import Signals, best
from semctxd.ranking.text import subtokens

WEIGHTS = {
    "likely symbol": 3.86,
    "class of a likely member": -1.11,
    "neighbours": 3.91,
    "files": 0.182,
    "share of files": 0.612,
    "words of its name said": 0.179,
    "words of its module said": 0.416,
    "in the draft": 2.67,
    "used in the draft": 1.81,
    "a module": 0.781,
}
"""Reason -> its weight in the log-odds."""

OFFSET = -5.53

_SYMBOLS = 12
_NEIGHBOURS = 40
_LOOKED_AT = 20  # so many files say how a symbol is imported, the nearest first

Reasons = dict[str, float]
"""What speaks for a name, each 0 or more."""


class Name(NamedTuple):
    """One thing that can be imported."""

    module: str  # absolute
    name: str  # "" for the module itself
    bound: str  # what it is called afterwards


def chance(reasons: Reasons) -> float:
    """How likely a name is needed by a body that needs any."""
    return 1 / (1 + math.exp(-OFFSET - sum(WEIGHTS[reason] * value for reason, value in reasons.items())))


class Wanted:
    """What speaks for each name that the target's file does not bind. A hidden function has no say."""

    def __init__(self, live: LiveIndex, signals: Signals, ranked: list[Ranked]) -> None:
        self.target = signals.question.file
        self.resolver = live.resolver(signals.corpus.hidden)
        self.reasons: dict[Name, Reasons] = {}
        self.defined: dict[Name, int] = {}  # the likely symbol that a name means
        self._live = live
        self._signals = signals
        self._imported: dict[str, list[Name]] = {}
        for id, (own, member) in self._likely(ranked).items():
            name = self._spelled(id)
            self.defined.setdefault(name, id)
            self._say("likely symbol", {name: own})
            self._say("class of a likely member", {name: member})
        self._say("neighbours", self._used_by_neighbours())
        for name in self._drafted():
            self.reasons.setdefault(name, {})
        there = self._bound()
        left_out = {"__future__", live.modules.name(self.target) if self.target else ""}
        self.reasons = {
            name: {**reasons, **self._by_itself(name)}
            for name, reasons in self.reasons.items()
            if name.bound not in there and name.module not in left_out and can_be_said(name.module)
        }

    def _say(self, reason: str, shares: Mapping[Name, float]) -> None:
        for name, share in shares.items():
            known = self.reasons.setdefault(name, {})
            known[reason] = max(math.sqrt(share), known.get(reason, 0.0))

    def _likely(self, ranked: list[Ranked]) -> dict[int, tuple[float, float]]:
        """What has to be imported for the likely symbols of other files -> how likely itself is used, and a member."""
        wanted: dict[int, tuple[float, float]] = {}
        for one in ranked[:_SYMBOLS]:
            symbol = self.resolver.symbol(one.id)
            if symbol.path == self.target:
                continue
            top = symbol.owner.partition(".")[0]
            id = self.resolver.named(symbol.path, top) if top else one.id
            if id is not None:
                own, member = wanted.get(id, (0.0, 0.0))
                wanted[id] = (own, max(member, one.confidence)) if top else (max(own, one.confidence), member)
        return wanted

    def _spelled(self, id: int) -> Name:
        """How most of the nearest files import a symbol; from where it is defined, where none does."""
        symbol = self.resolver.symbol(id)
        importers = set(map(self._live.store.path, self.resolver.importers(symbol.name)))
        counts = Counter(
            name
            for path in self._live.near(self.target).first(importers, _LOOKED_AT)
            for statement in self.resolver.imports(path)
            if symbol.name in dict(statement.names) and self._means(path, statement, symbol)
            for name in names_of(self._live, path, statement)
            if name.name == symbol.name
        )
        own = Name(self._live.modules.name(symbol.path), symbol.name, symbol.name)
        return min(counts, key=lambda name: (-counts[name], name), default=own)

    def _means(self, path: str, statement: Import, symbol: Record) -> bool:
        source = self.resolver.imported_from(path, statement)
        value = self.resolver.exported(source, symbol.name) if source else None
        return value is not None and value.kind == "symbol" and value.of == symbol.id

    def _used_by_neighbours(self) -> dict[Name, float]:
        """What functions like this one use of their files' imports."""
        likeness = self._signals.functions
        nearest = best(self.resolver, likeness, _NEIGHBOURS)
        total = sum(likeness[id] for id in nearest) or 1.0
        found: dict[Name, float] = {}
        for id in nearest:
            bound = {name.bound: name for name in self._names(self.resolver.symbol(id).path)}
            for root in dict.fromkeys(root_of(chain) for chain in self.resolver.body(id).uses):
                if name := bound.get(root):
                    found[name] = found.get(name, 0.0) + likeness[id] / total
        return found

    def _drafted(self) -> Iterator[Name]:
        """What a draft calls or reads from, as one file imports it."""
        draft = self._signals.question.drafted
        for said in dict.fromkeys((*draft.calls, *draft.attributes.values())):
            for first in self.resolver.importers(said)[:1]:
                yield from (name for name in self._names(self._live.store.path(first)) if name.bound == said)

    def _bound(self) -> set[str]:
        """What the target's file binds."""
        if self.target not in self._live.store.files:
            return set()
        return {*self.resolver.scope(self.target), *(name.bound for name in self._names(self.target))}

    def _names(self, path: str) -> list[Name]:
        """What a file imports."""
        found = self._imported.get(path)
        if found is None:
            found = [name for one in self.resolver.imports(path) for name in names_of(self._live, path, one)]
            self._imported[path] = found
        return found

    def _by_itself(self, name: Name) -> Reasons:
        draft = self._signals.question.drafted
        importers = len(self.resolver.importers(name.name or name.module))
        return {
            "files": math.log1p(importers),
            "share of files": importers / len(self._live.store.files),
            "words of its name said": self._said_of(name.name or name.module)[0],
            "words of its module said": self._said_of(name.module)[1],
            "in the draft": float(name.bound in draft.names),
            "used in the draft": float(name.bound in draft.calls or name.bound in draft.attributes.values()),
            "a module": float(not name.name),
        }

    def _said_of(self, name: str) -> tuple[float, float]:
        """How telling the words of a name are that the question says, and their share of all of its words."""
        terms, telling = self._signals.question.terms, self._signals.idf
        tokens = sorted(set(subtokens(name)))
        said = sum(min(1.0, terms[token]) * telling[token] for token in tokens if token in terms)
        return said, said and said / sum(telling[token] for token in tokens)


def can_be_said(module: str) -> bool:
    """Whether an absolute import can name a module: not a script with a dash, nor "", above all of them."""
    return all(part.isidentifier() and not iskeyword(part) for part in module.split("."))


def names_of(live: LiveIndex, path: str, statement: Import) -> list[Name]:
    """What an import statement brings, with absolute modules."""
    module = module_of(live, path, statement)
    if not statement.names:
        return [Name(module, "", statement.bound)]
    return [Name(module, original, bound) for original, bound in statement.names if original != "*"]


def module_of(live: LiveIndex, path: str, statement: Import) -> str:
    """The absolute module that an import statement of a file names; "" for what stands above all of them."""
    if not statement.level:
        return statement.module
    package = live.modules.name(path).split(".")
    if not path.rpartition("/")[2].startswith("__init__."):
        package.pop()
    above = statement.level - 1
    if above > len(package):
        return ""
    base = package[: len(package) - above]
    return ".".join([*base, *([statement.module] if statement.module else [])])
