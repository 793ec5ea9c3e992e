"""The answers to `context/query` and `files/relevant`: a question ranked by the index, in the protocol's shape."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from semctxd.index import budget, conventions, imports, knowledge
from semctxd.index.live import LiveIndex
from semctxd.index.symbols import to_json
from semctxd.index.unread import remark
from semctxd.ranking import files as file_ranking
from semctxd.ranking.gather import gather
from semctxd.ranking.question import Question
from semctxd.ranking.records import Record
from semctxd.ranking.score import Ranked, rank
from semctxd.ranking.signals import Signals, best
from semctxd.ranking.signature import name_of
from semctxd.ranking.text import keywords

_SYMBOLS, _FILES, _IMPORTS, _CONVENTIONS = 20, 3, 10, 10
_KEYWORDS, _LETTERS = 100, 100  # so many words of an intent are said again, none longer than that
_NO_WORDS = re.compile(r"\w{201,}|\s{201,}")  # what ranking would go through again and again
_JUDGED = 100  # so many symbols are ranked, whatever part of them is asked for: files are judged by them

_UNKNOWN = (
    "Nothing here is called or described by a word of the question, nor by one that means much the same: what is listed"
    " is what is used most, or what stands near the target. Say it in other words."
)


def context(live: LiveIndex, params: dict[str, Any]) -> dict[str, Any]:
    """The result of `context/query`, without `meta`."""
    limits = params.get("limits", {})
    count = limits.get("symbols", _SYMBOLS)
    explain = params.get("explain", False)
    signals, ranked, files = _ranked(live, params, count, count if explain else 0)
    question = signals.question
    wanted = [one for one in ranked if one.confidence >= params.get("minConfidence", 0.0)][:count]
    said = _keywords(question)
    if not live.store.symbols:
        return knowledge.context(said, limits) | remark(live.store)
    most_imports, most_conventions = limits.get("imports", _IMPORTS), limits.get("conventions", _CONVENTIONS)
    parts = {
        "symbols": [_symbol(live, question, one, explain) for one in wanted],
        "files": files[: limits.get("files", _FILES)],
        "imports": imports.patterns(live, signals, ranked, most_imports) if most_imports else [],
        "conventions": conventions.mine(live, question.file)[:most_conventions] if most_conventions else [],
    }
    if "tokens" in limits:
        budget.cut(parts, limits["tokens"])
    symbols = parts["symbols"]
    return {
        **parts,
        "types": [at for at, symbol in enumerate(symbols) if symbol["kind"] == "class"],
        "functions": [at for at, symbol in enumerate(symbols) if symbol["kind"] in ("function", "method")],
        "keywords": said,
        "source": "index",
        "enriched": False,
        **_doubt(signals),
        **remark(live.store),
    }


def relevant_files(live: LiveIndex, params: dict[str, Any]) -> dict[str, Any]:
    """The result of `files/relevant`, without `meta`."""
    limits = params.get("limits", {})
    signals, _, files = _ranked(live, params, 0)
    said = _keywords(signals.question)
    return {"files": files[: limits.get("files", _FILES)], "keywords": said, **_doubt(signals), **remark(live.store)}


def _keywords(question: Question) -> list[str]:
    said = keywords(f"{question.intent} {question.name}")
    return [word for word in said if len(word) <= _LETTERS][:_KEYWORDS]


def _doubt(signals: Signals) -> dict[str, str]:
    """What an answer says where no word of the question is known, by itself, by what means the same, or as a name."""
    known = signals.of("related words") or signals.of("named")
    return {"hint": _UNKNOWN} if signals.corpus.store.symbols and not known else {}


def _ranked(
    live: LiveIndex, params: dict[str, Any], count: int, explain: int = 0
) -> tuple[Signals, list[Ranked], list[dict[str, Any]]]:
    question, hidden = ask(live, params)
    signals = gather(live.resolver(hidden), question)
    ranked = rank(signals, max(count, _JUDGED), explain)
    files = file_ranking.rank_files(signals, ranked)
    return signals, ranked + _padding(live, ranked, count - len(ranked), hidden), files


def ask(live: LiveIndex, params: dict[str, Any]) -> tuple[Question, int]:
    """The question that parameters ask, and the id of the function that is about to be written anew, or 0."""
    file = PurePosixPath(params.get("targetFile", "")).as_posix() if params.get("targetFile") else ""
    qualname = params.get("qualname", "")
    target = _target(live, file, qualname, params.get("signature", ""))
    line = 0
    if target is not None:
        qualname, line = target.qualname, target.line
    elif owner := live.resolver().named(file, qualname.rpartition(".")[0]) if "." in qualname else None:
        line = live.store.symbols[owner].end
    elif ids := live.store.ids(file):
        line = live.store.symbols[ids[-1]].end + 1
    intent, signature, arguments, draft = (
        _NO_WORDS.sub(" ", params.get(name, "")) for name in ("intent", "signature", "arguments", "draft")
    )
    question = Question(intent, signature, arguments, file, qualname, draft, line)
    return question, target.id if target is not None else 0


def _target(live: LiveIndex, file: str, qualname: str, signature: str) -> Record | None:
    """The function of the target file that the question names by qualname or signature, if it exists already."""
    functions = [live.store.symbols[id] for id in live.store.ids(file) if live.store.symbols[id].is_callable]
    if qualname:
        return next((symbol for symbol in functions if symbol.qualname == qualname), None)
    named = [symbol for symbol in functions if symbol.name == name_of(signature)]
    return named[0] if len(named) == 1 else None


def _symbol(live: LiveIndex, question: Question, ranked: Ranked, explain: bool) -> dict[str, Any]:
    symbol = to_json(live, live.store.symbols[ranked.id], question)
    symbol["confidence"] = ranked.confidence
    if explain:
        symbol["breakdown"] = ranked.shares
    return symbol


def _padding(live: LiveIndex, ranked: list[Ranked], count: int, hidden: int) -> list[Ranked]:
    """Symbols that nothing speaks for, most widely imported first, where a short list is to be filled."""
    if count <= 0:
        return []
    store = live.store
    there = {one.id for one in ranked} | {hidden}
    for names in (store.popular(), store.importers.keys()):
        rest = {
            id: float(len(store.importers.get(name)))
            for name in names
            for id in store.by_name.get(name)
            if id not in there
        }
        if len(rest) >= count:
            break
    chosen = best(live.resolver(), rest, count)
    others = (id for path in live.near("") for id in store.ids(path) if id not in there and id not in rest)
    return [Ranked(id, 0.0, {}) for id in [*chosen, *islice(others, count - len(chosen))]]
