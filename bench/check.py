"""`check`: code that a generator might write, judged by `code/check` before anything is written.

Real functions of a repository are each spoiled in one place. A private ty, which is told of both texts with `didOpen`
and `didChange` and shares no code with the daemon, says what the difference should be; another private ty, which is
shown none of the texts, says what other clients should be answered meanwhile.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Hashable, Sequence
from statistics import median
from typing import Any

from bench.daemon import Client, Daemon, lsp, request
from bench.options import Options
from bench.oracle import Ty, at
from bench.repository import copy
from bench.rows import Peer, Row, Target, percentile, row
from bench.spoil import KINDS, Spoiled, functions
from bench.timing import ms, timed

_DIAGNOSTIC, _HOVER, _REFERENCES = "textDocument/diagnostic", "textDocument/hover", "textDocument/references"
_COMMENT = "# a line that means nothing\n"


def run(options: Options) -> list[Row]:
    """On a private copy of the repository, which stays as it is."""
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as made:
        root = copy(options.repository, os.path.join(os.path.realpath(made), "tree"))
        cases = functions(root, 24 if options.quick else 200)
        if not cases:
            raise SystemExit(f"{options.repository} has no functions to spoil")
        with Daemon() as daemon, Ty(root) as private, Ty(root) as untouched:
            client = daemon.start()
            client.ask("files/relevant", root=root, intent="Warm up")
            return [
                *_checks(client, private, root, cases),
                *_meanwhile(client, daemon.client(), untouched, root, cases),
                *_switches(client, daemon.client(), untouched, root, cases),
            ]


# -- what is found


def _checks(client: Client, private: Ty, root: str, cases: Sequence[Spoiled]) -> list[Row]:
    caught: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    flagged = differences = 0
    first, again, theirs = [], [], []
    for case in cases:
        first_ms, same = timed(_check, client, root, case, _COMMENT + case.text)
        again_ms, found = timed(_check, client, root, case, case.spoiled)
        with _Opened(private, root, case) as document:
            before = document.diagnostics()
            shifted = document.diagnostics(_COMMENT + case.text)
            their_ms, after = timed(document.diagnostics, case.spoiled)
        first.append(first_ms)
        again.append(again_ms)
        theirs.append(their_ms)
        tried[case.kind] += 1
        caught[case.kind] += any(one["range"]["start"]["line"] == case.line for one in found)
        flagged += bool(same)
        differences += Counter(map(_key, found)) != Counter(map(_key, after)) - Counter(map(_key, before))
        differences += Counter(map(_key, same)) != Counter(map(_key, shifted)) - Counter(_key(one, 1) for one in before)
    shares = [
        row(f"functions with a spoiled {kind} that are found, of {tried[kind]}", caught[kind] / tried[kind], "")
        for kind in KINDS
        if tried[kind]
    ]
    calls = tried["call"] + tried["import"]
    peer = Peer("ty alone, didChange and diagnostics", median(theirs))
    late_peer = Peer("ty alone", percentile(theirs, 0.99))
    return [
        *shares,
        row(
            "spoiled calls and imports that are found",
            (caught["call"] + caught["import"]) / max(calls, 1),
            "",
            None,
            Target("≥", 1),
        ),
        row(f"untouched functions that are flagged, of {len(cases)}", flagged, "", None, Target("≤", 0)),
        row("texts whose diagnostics differ from those of ty alone", differences, "", None, Target("≤", 0)),
        row("check of a spoiled function, p50", median(again), "ms", peer, Target("<", 25)),
        row("check of a spoiled function, p99", percentile(again, 0.99), "ms", late_peer),
        row("first check of a file, both texts new, p50", median(first), "ms"),
    ]


def _check(client: Client, root: str, case: Spoiled, text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.ask("code/check", root=root, file=case.file, text=text)["diagnostics"]
    return found


def _key(diagnostic: dict[str, Any], shift: int = 0) -> Hashable:
    """Where it is and what it says; the lines after the first explain it, and `code/check` takes no notice of them."""
    line = diagnostic["range"]["start"]["line"] + shift
    return line, diagnostic.get("code"), diagnostic.get("severity"), diagnostic["message"].partition("\n")[0]


class _Opened:
    """One file, open in a private server."""

    def __init__(self, ty: Ty, root: str, case: Spoiled) -> None:
        self._ty = ty
        self._document = at(root, case.file)
        self._version = 1
        opened = {**self._document["textDocument"], "languageId": "python", "version": 1, "text": case.text}
        ty.notify("textDocument/didOpen", {"textDocument": opened})

    def diagnostics(self, text: str | None = None) -> list[dict[str, Any]]:
        """Of the text that it has, or of a new one."""
        if text is not None:
            self._version += 1
            document = {**self._document["textDocument"], "version": self._version}
            changed = {"textDocument": document, "contentChanges": [{"text": text}]}
            self._ty.notify("textDocument/didChange", changed)
        items: list[dict[str, Any]] = self._ty.ask(_DIAGNOSTIC, self._document)["items"]
        return items

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._ty.notify("textDocument/didClose", self._document)


# -- what others are answered


def _meanwhile(client: Client, other: Client, untouched: Ty, root: str, cases: Sequence[Spoiled]) -> list[Row]:
    """While a check is under way, another client asks about the same file; each question is new to the daemon."""
    wrong = 0
    for case in cases:
        asked = _questions(root, case)
        expected = [untouched.ask(method, params) for method, params in asked]
        text = case.spoiled + _COMMENT  # not the text that was checked before
        checking = request(1_000_000, "code/check", {"root": root, "file": case.file, "text": text})
        client.send(checking)
        answers = [other.ask("lsp/request", **lsp(root, method, params))["result"] for method, params in asked]
        client.receive()
        wrong += answers != expected
    name = f"other clients answered otherwise while a check was under way, of {len(cases)}"
    return [row(name, wrong, "", None, Target("≤", 0))]


def _questions(root: str, case: Spoiled) -> list[tuple[str, dict[str, Any]]]:
    line = case.text.split("\n")[case.function_line]
    start = len(line) - len(line.lstrip()) + (10 if line.lstrip().startswith("async") else 4)
    return [
        (_HOVER, at(root, case.file, case.function_line, start)),
        ("textDocument/documentSymbol", at(root, case.file)),
        ("textDocument/definition", at(root, case.file, case.function_line, start)),
    ]


# -- what a switch costs


def _switches(client: Client, other: Client, untouched: Ty, root: str, cases: Sequence[Spoiled]) -> list[Row]:
    """A client with an open document and one without ask in turn, about another file; each question is new."""
    target = cases[0]
    rows = []
    for name, method, more in (
        ("hover", _HOVER, {}),
        ("references", _REFERENCES, {"context": {"includeDeclaration": True}}),
    ):
        places = [{**_questions(root, case)[0][1], **more} for case in cases[1:] if case.file != target.file][:50]
        client.ask("document/open", root=root, file=target.file, text=target.spoiled)
        for place in places:  # what is asked for the first time loads files, whoever asks
            untouched.ask(method, place)
            other.ask("lsp/request", **lsp(root, method, place))
        other.ask("cache/clear", root=root)
        alone, turns = [], []
        for place in places:
            alone.append(ms(other.ask, "lsp/request", **lsp(root, method, place)))
        other.ask("cache/clear", root=root)
        for place in places:
            turns += [ms(one.ask, "lsp/request", **lsp(root, method, place)) for one in (client, other)]
        client.ask("document/close", root=root, file=target.file)
        if places:
            peer = Peer("without a switch", median(alone))
            rows.append(row(f"{name} after a switch to another view, p50", median(turns), "ms", peer))
    return rows
