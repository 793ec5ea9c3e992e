"""An intent, taken apart once: words, names, parameters, and what a draft says."""

from __future__ import annotations

import itertools
import re
from functools import cached_property

import msgspec

from semctxd.ranking import signature as signatures
from semctxd.ranking.text import IDENTIFIER, subtokens, words

_PARAM = re.compile(r":param\s+(?:[\w\[\], .]+\s)?\*{0,2}(\w+)\s*:")
_RETURNS = re.compile(r":returns?:(.*)|\breturns?\b(.*)", re.I)
_CALL = re.compile(r"([^\W\d]\w*)\s*\(")
_CLAUSES = re.compile(r"[.;:\n]+|,\s+|\b(?:and|then|using|by|if|with|otherwise|based on|after|before)\b")
_CLAUSES_MAX = 14
_ATTRIBUTE = re.compile(r"([^\W\d]\w*)?(?:\(\))?\s*\.\s*([^\W\d]\w*)")


class Question(msgspec.Struct, frozen=True, dict=True):
    """What is about to be written, and where. Empty strings stand for what was not said."""

    intent: str
    signature: str = ""
    arguments: str = ""
    file: str = ""  # relative to the root; it may not exist
    qualname: str = ""
    draft: str = ""
    line: int = 0  # 1-based, where the target stands or will stand; 0: unknown

    @cached_property
    def name(self) -> str:
        """The target's own name, or ""."""
        return self.qualname.rpartition(".")[2] or signatures.name_of(self.signature)

    @cached_property
    def owner(self) -> str:
        """The qualname of the class that the target stands in, or ""."""
        return self.qualname.rpartition(".")[0]

    @cached_property
    def parameters(self) -> list[tuple[str, str]]:
        """(name, annotation) of the target's parameters, without self and cls."""
        return [(name, type_) for name, type_ in signatures.parameters(self.signature) if name not in ("self", "cls")]

    @cached_property
    def returns(self) -> str:
        """What is said of the result: annotation and prose."""
        said = " ".join(a or b for a, b in _RETURNS.findall(self.arguments))
        return f"{signatures.returned(self.signature)} {said}".strip()

    @cached_property
    def terms(self) -> dict[str, float]:
        """Stemmed words of the whole question and their weights: √(how often, at most twice)."""
        said = _PARAM.sub(r" \1 ", self.arguments)
        counts: dict[str, int] = {}
        for term in [*subtokens(self.name) * 2, *words(self.intent), *words(said)]:
            counts[term] = counts.get(term, 0) + 1
        return {term: min(2, count) ** 0.5 for term, count in counts.items()}

    @cached_property
    def intent_terms(self) -> dict[str, int]:
        """Stemmed words of the intent alone -> position of the first occurrence."""
        found: dict[str, int] = {}
        for at, word in enumerate(words(self.intent)):
            found.setdefault(word, at)
        return found

    @cached_property
    def clause_words(self) -> list[list[str]]:
        """The stemmed words of each clause of the intent, in order."""
        found = (words(clause) for clause in _CLAUSES.split(self.intent))
        return [clause for clause in found if clause][:_CLAUSES_MAX]

    @cached_property
    def clauses(self) -> list[frozenset[str]]:
        """The stemmed words of each clause of the intent, each once."""
        return list(map(frozenset, self.clause_words))

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Stemmed words of the intent that follow each other."""
        said = words(self.intent)
        return frozenset(itertools.pairwise(said))

    @cached_property
    def names(self) -> dict[str, None]:
        """Every identifier-like word of the question, in order."""
        return dict.fromkeys(IDENTIFIER.findall(f"{self.intent} {self.arguments} {self.signature}"))

    @cached_property
    def drafted(self) -> Draft:
        """The names in the draft."""
        return read_draft(self.draft)


class Draft(msgspec.Struct, frozen=True):
    """Names in a draft, each once, in order."""

    calls: dict[str, None]
    attributes: dict[str, str]  # attribute -> the name before its dot, or ""
    names: dict[str, None]


def read_draft(code: str) -> Draft:
    """The names that a piece of code uses; it need not parse."""
    code = re.sub(r"#[^\n]*", "", code)
    attributes = {name: receiver for receiver, name in _ATTRIBUTE.findall(code)}
    return Draft(dict.fromkeys(_CALL.findall(code)), attributes, dict.fromkeys(IDENTIFIER.findall(code)))
