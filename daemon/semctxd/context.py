"""The answer to an intent: the indexer ranks, the language server enriches within a time budget.

A language server is never on the critical path: without one, or past the budget, the answer is the index's, with
`enriched` false. Enrichment is all or nothing, so that an answer has two forms at most; a server's error on one
symbol leaves that symbol as it is.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any

import msgspec

from semctxd import compose
from semctxd.flights import Answer, Produce, Work
from semctxd.lsp.interpreter import Environment
from semctxd.model import DISK, Overlays, Unsaved
from semctxd.workspace import Workspace

_START_S = 0.5  # a server takes about as long to start: who gives it less would wait for nothing


class _Markup(msgspec.Struct):
    value: str


class _Hover(msgspec.Struct):
    contents: _Markup


def produce(workspace: Workspace, params: bytes, env: Environment, overlays: Overlays = DISK) -> Produce:
    """Work on the context for an intent; `params` are canonical. The answer lacks its closing brace."""
    return compose.produce(workspace, lambda: _context(workspace, params, env, overlays))


async def _context(workspace: Workspace, params: bytes, env: Environment, overlays: Overlays) -> bytes:
    found = msgspec.json.decode(await workspace.indexed("context/query", params, overlays))
    session = compose.session_if_any(workspace, env)  # after the index is built: together they take twice as long
    places = [pattern.pop("at") for pattern in found["imports"]]
    budget = workspace.config.context
    if session and budget.enrich_s and found["source"] == "index":
        symbols = found["symbols"][: budget.enrich_symbols]
        about = partial(compose.about, workspace, session)
        questions = [
            about("textDocument/hover", symbol["file"], (symbol["line"] - 1, symbol["column"]), overlays=overlays)
            for symbol in symbols
        ]
        definition = partial(about, "textDocument/definition")
        if target := msgspec.json.decode(params).get("targetFile"):  # the lines are tried there, in a scratch overlay
            lines = [pattern["statement"] for pattern in found["imports"]]
            text = Unsaved.of("".join(f"{line}\n" for line in lines))
            shown = overlays.having(f"{workspace.root}/{target}", text)
            questions += [definition(target, (at, _named_at(line)), overlays=shown) for at, line in enumerate(lines)]
        else:
            files = [pattern["evidence"][0].rpartition(":")[0] for pattern in found["imports"]]
            questions += [definition(file, at, overlays=overlays) for file, at in zip(files, places, strict=True)]
        is_in_vain = budget.enrich_s < _START_S and not session.takes_requests
        answers = await _ask_all(workspace, questions, 0.0 if is_in_vain else budget.enrich_s)
        if answers is not None:
            for symbol, answer in zip(symbols, answers, strict=False):
                _describe(symbol, answer)
            for pattern, answer in zip(found["imports"], answers[len(symbols) :], strict=True):
                pattern["checked"] = answer.raw not in (b"", b"null", b"[]")
            found["enriched"] = True
    return msgspec.json.encode(found)[:-1]


def _named_at(statement: str) -> int:
    """The column of the first name that an import statement imports, or of the last part of the module's."""
    before, imports, _ = statement.partition(" import ")
    if imports:
        return len(before) + len(imports)
    module = statement.removeprefix("import ").partition(" as ")[0]
    return len("import ") + module.rfind(".") + 1


async def _ask_all(workspace: Workspace, questions: list[Work], budget_s: float) -> list[Answer] | None:
    """All answers; None where they did not come within the budget (they go on, for the next time), or where the
    server could not be asked, or has not read everything."""
    asked = [workspace.ask(question) for question in questions]
    if asked:
        _, late = await asyncio.wait(asked, timeout=budget_s)
        if late:
            return None
    answers = [future.result() for future in asked]
    failed = (answer.error and answer.error.type != "ServerError" for answer in answers)
    return None if any(failed) or any(answer.completeness == "indexing" for answer in answers) else answers


def _describe(symbol: dict[str, Any], answer: Answer) -> None:
    """Put what a hover knows better into a symbol: the types it inferred, and documentation that was inherited."""
    try:
        hover = msgspec.json.decode(answer.raw or b"null", type=_Hover | None)
    except msgspec.ValidationError:  # one of LSP's older forms
        return
    if hover is None:
        return
    code, _, text = hover.contents.value.removeprefix("```python\n").partition("\n```")
    if code.startswith(("def ", "async def ")) and "Unknown" not in code:
        one_line = " ".join(code.split())
        symbol["signature"] = one_line.replace("( ", "(").replace(", )", ")").replace(" )", ")")
    if not symbol["doc"]:
        doc = text.removeprefix("\n").removeprefix("---").strip().partition("\n\n")[0]
        symbol["doc"] = re.sub(r"\\([_*`\[\]])", r"\1", " ".join(doc.split()))
