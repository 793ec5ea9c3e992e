"""Which diagnostics a new text adds to those of the old one, and what they are about. Pure.

A diagnostic of an unchanged line is the same if that line had it before. Within the part that changed, it is the same
if the old part had one that says the same, however its lines moved: each old one counts once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, cast

from semctxd.index.said import LspRange, understood
from semctxd.index.source import Source, index_of, width
from semctxd.ranking.text import IDENTIFIER

_QUOTED = re.compile(r"[`'\"]([^`'\"\n]+)[`'\"]")
_NEAREST = 3
_KEYWORD = 14  # LSP's CompletionItemKind


class Named(NamedTuple):
    """A name in a line of a text."""

    name: str
    line: int  # 0-based
    start: int  # index in the line
    is_quoted: bool  # by the message, as unknown names are

    def is_attribute(self, source: Source) -> bool:
        """Whether it stands behind the dot of an expression."""
        before = source.line(self.line)[: self.start].rstrip()
        return before.endswith(".") and not before.lstrip().startswith(("import ", "from "))


def added(old: Source, new: Source, before: Sequence[Any], after: Sequence[Any]) -> list[dict[str, Any]]:
    """Those of `after` (LSP's diagnostics of the new text) that `before` has not, in their order."""
    head, tail = _common(old.lines, new.lines)
    fixed: Counter[Hashable] = Counter()
    moving: Counter[Hashable] = Counter()
    for one in before:
        line = _start(one).line
        if line < head or line >= len(old.lines) - tail:
            fixed[_identity(one), line, _start(one).character] += 1
        else:
            moving[_identity(one)] += 1
    shift = len(old.lines) - len(new.lines)
    found = []
    for one in after:
        start = _start(one)
        if start.line < head or start.line >= len(new.lines) - tail:
            line = start.line if start.line < head else start.line + shift
            known, key = fixed, cast("Hashable", (_identity(one), line, start.character))
        else:
            known, key = moving, _identity(one)
        if known[key] > 0:
            known[key] -= 1
        else:
            found.append(one)
    return found


def concerned(source: Source, diagnostic: dict[str, Any]) -> Named | None:
    """The name that a diagnostic is about: the last one in its range that its message quotes, else the last of the
    chain that the range begins with."""
    at = understood(diagnostic["range"], LspRange)
    line = source.line(at.start.line)
    start = index_of(line, at.start.character)
    end = index_of(line, at.end.character) if at.end.line == at.start.line else len(line)
    quoted = {part for found in _QUOTED.findall(diagnostic["message"]) for part in IDENTIFIER.findall(found)}
    names = list(IDENTIFIER.finditer(line, start, end))
    if of_message := [name for name in names if name[0] in quoted]:
        last = of_message[-1]
        return Named(last[0], at.start.line, last.start(), True)
    chain: list[re.Match[str]] = []
    for name in names:
        if line[start if not chain else chain[-1].end() : name.start()] not in ("", "."):
            break
        chain.append(name)
    return Named(chain[-1][0], at.start.line, chain[-1].start(), False) if chain else None


def without(source: Source, names: Sequence[Named]) -> tuple[str, list[dict[str, int]]]:
    """The text without all but the first letter of the attributes among these names, and where to ask a server what
    would fit. Behind a dot it completes what is like the whole name that stands there: with one letter, what has that.
    Elsewhere it completes what is like the part before the place, and searches all modules for it: so before the name.
    """
    lines = list(source.lines)
    out = {name for name in names if name.is_attribute(source)}
    for name in sorted(out, key=lambda name: (name.line, -name.start)):
        line = lines[name.line]
        lines[name.line] = line[: name.start + 1] + line[name.start + len(name.name) :]
    places = []
    for name in names:
        earlier = sum(len(one.name) - 1 for one in out if one.line == name.line and one.start < name.start)
        column = name.start - earlier + (name in out)
        places.append({"line": name.line, "character": width(lines[name.line][:column])})
    return "\n".join(lines), places


def nearest(name: Named, source: Source, items: Sequence[dict[str, Any]]) -> list[str]:
    """The completions (LSP's) that are most like a name; none where it is among them, and so no unknown one."""
    labels = {item["label"] for item in items if item.get("kind") != _KEYWORD and not item.get("additionalTextEdits")}
    if re.match(r"\s*=(?!=)", source.line(name.line)[name.start + len(name.name) :]):
        labels = {label for label in labels if label.endswith("=")} or labels  # a keyword argument
    known = {label.removesuffix("=") for label in labels}
    return [] if name.name in known else get_close_matches(name.name, sorted(known), _NEAREST, 0.6)


def _identity(diagnostic: dict[str, Any]) -> Hashable:
    """What it says. The lines after the first explain it, by types that a change elsewhere may alter."""
    return diagnostic.get("code"), diagnostic.get("severity"), diagnostic["message"].partition("\n")[0]


def _start(diagnostic: dict[str, Any]) -> Any:
    return understood(diagnostic["range"], LspRange).start


def _common(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many lines are equal at the beginning, and how many of the rest at the end."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    return head, tail
