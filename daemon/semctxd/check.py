"""Code that is not in the repository yet, judged by the language server through scratch overlays.

A scratch overlay is a view like any other, which only the request looks through: the server takes turns between views,
so nobody else's answer sees it, and whoever asks next has it switched back.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec

from semctxd import compose, tree
from semctxd.errors import FileNotFound, NoSourceFiles, ServerError
from semctxd.flights import Answer, Work
from semctxd.lsp.interpreter import Environment
from semctxd.lsp.session import LspSession
from semctxd.lsp.sync import to_path
from semctxd.model import Key, Overlays, Unsaved
from semctxd.workspace import Workspace

SERVED = frozenset({"code/check", "code/resolve"})
"""The methods of this module."""

_DIAGNOSTIC, _COMPLETION, _DEFINITION = "textDocument/diagnostic", "textDocument/completion", "textDocument/definition"
_ERROR = 1  # LSP's DiagnosticSeverity
_Json = dict[str, Any]


class _Report(msgspec.Struct):
    """LSP's full document diagnostic report."""

    items: list[_Json]


class _Asking:
    """What the steps of one answer share."""

    def __init__(self, workspace: Workspace, env: Environment, overlays: Overlays, params: _Json) -> None:
        self.workspace = workspace
        self.overlays = overlays
        self.params = params
        self.file: str = params["file"]
        self.path = self.at(self.file)
        self.session: LspSession = compose.session(workspace, env)
        self.completeness = self.session.usual_completeness

    def start(
        self, method: str, file: str, overlays: Overlays, at: tuple[int, int] | None = None
    ) -> asyncio.Future[Answer]:
        """Ask the server about a file through a view."""
        workspace = self.workspace
        return workspace.ask(compose.about(workspace, self.session, method, file, at, overlays=overlays))

    async def said(self, asked: asyncio.Future[Answer]) -> Answer:
        """What the server answered; what is made of an early answer lacks as much."""
        answer = await asked
        if answer.completeness == "indexing":
            self.completeness = "indexing"
        return answer

    async def items(self, asked: asyncio.Future[Answer]) -> list[_Json]:
        """The diagnostics of a report. Raises the server's error, or ServerError for what is no report."""
        answer = await self.said(asked)
        if answer.error:
            raise answer.error
        try:
            report = msgspec.json.decode(answer.raw, type=_Report | None)
        except msgspec.ValidationError:
            raise ServerError("the language server said what is no report of diagnostics") from None
        return report.items if report else []

    def at(self, file: str) -> str:
        """The absolute path of a file."""
        return f"{self.workspace.root}/{file}"

    async def index(self, method: str, params: _Json) -> Any:
        """Ask the indexer."""
        return msgspec.json.decode(await self.workspace.indexed(method, msgspec.json.encode(params), self.overlays))


def work(workspace: Workspace, key: Key, env: Environment, overlays: Overlays, unsaved: Unsaved | None) -> Work:
    """One of the served methods as work; the key's parameters are canonical, and have a digest in place of the text.
    The answer lacks its closing brace."""
    file = msgspec.json.decode(key.params)["file"]

    async def run() -> bytes:
        if os.path.isdir(f"{workspace.root}/{file}"):
            raise FileNotFound(f"{file} is a folder")
        if not tree.is_source(os.fsencode(file)):
            raise NoSourceFiles(f"{file} is in no supported language")
        asking = _Asking(workspace, env, overlays, msgspec.json.decode(key.params))
        found = await (_resolve(asking) if unsaved is None else _check(asking, unsaved))
        if asking.completeness:
            found["completeness"] = asking.completeness
        return msgspec.json.encode(found)[:-1]

    return Work(key, compose.produce(workspace, run), workspace.indexer, keep=workspace.sees(file), is_composed=True)


# -- check


async def _check(asking: _Asking, unsaved: Unsaved) -> _Json:
    file, params = asking.file, asking.params
    limits = params.get("limits", {})
    others: _Json = {"files": [], "left_out": 0}
    if params.get("scope") == "dependents":
        others = await asking.index("code/dependents", {"file": file, "limits": limits})
    files = [file, *others["files"]]
    shown = asking.overlays.having(asking.path, unsaved)
    is_new = asking.path not in asking.overlays.texts and not os.path.isfile(asking.path)
    before = {path: asking.start(_DIAGNOSTIC, path, asking.overlays) for path in files[is_new:]}
    after = {path: asking.start(_DIAGNOSTIC, path, shown) for path in files}
    said = {
        path: (await asking.items(before[path]) if path in before else [], await asking.items(after[path]))
        for path in files
    }
    asked = {"file": file, "text": unsaved.text, "files": said, "limits": limits}
    judged = await asking.index("code/judge", asked)
    await _add_nearest(asking, shown, unsaved.text, judged)
    return {
        "diagnostics": judged["diagnostics"],
        "checked": len(files),
        "left_out": judged["left_out"] + others["left_out"],
    }


async def _add_nearest(asking: _Asking, shown: Overlays, text: str, judged: _Json) -> None:
    """The server completes what would fit in the place of each unknown name."""
    diagnostics: list[_Json] = judged["diagnostics"]
    asked = []
    for probe in judged["probes"]:
        file, unsaved = probe["file"], Unsaved.of(probe["text"])
        overlays = shown if file == asking.file and probe["text"] == text else shown.having(asking.at(file), unsaved)
        for one in probe["asked"]:
            at = one["position"]["line"], one["position"]["character"]
            asked.append((one["at"], asking.start(_COMPLETION, file, overlays, at)))
    if asked:
        said = [(diagnostics[at], msgspec.Raw((await asking.said(answer)).raw or b"null")) for at, answer in asked]
        found = await asking.index("code/nearest", {"file": asking.file, "text": text, "asked": said})
        for (at, _), names in zip(asked, found["names"], strict=True):
            if names:
                diagnostics[at]["nearest"] = names


# -- resolve


async def _resolve(asking: _Asking) -> _Json:
    found = await asking.index("code/ways", {"file": asking.file, "names": asking.params["names"]})
    lines = [statement for one in found["names"] for statement, _ in one["ways"]]
    shown = asking.overlays.having(asking.path, Unsaved.of("".join(f"{line}\n" for line in lines)))
    report = asking.start(_DIAGNOSTIC, asking.file, shown)
    places = [
        asking.start(_DEFINITION, asking.file, shown, (number, _bound_at(line))) for number, line in enumerate(lines)
    ]
    wrong = {one["range"]["start"]["line"] for one in await asking.items(report) if one.get("severity") == _ERROR}
    definitions = [_definition(asking, await asking.said(place)) for place in places]
    names, number = [], 0
    for one in found["names"]:
        ways = []
        for statement, count in one["ways"]:
            if number not in wrong:
                ways.append({"statement": statement, "count": count, "definition": definitions[number]})
            number += 1
        names.append(_import_of(one, ways))
    return {"names": names}


def _import_of(known: _Json, ways: list[_Json]) -> _Json:
    """What imports the same definition as a more usual statement is no choice of its own."""
    by_definition: dict[str, _Json] = {}
    for way in ways:
        by_definition.setdefault(way["definition"] or way["statement"], way)
    ways = list(by_definition.values())
    state = "present" if known["present"] else "unknown" if not ways else "resolved" if len(ways) == 1 else "ambiguous"
    return {
        "name": known["name"],
        "state": state,
        "statement": ways[0]["statement"] if ways else "",
        "ways": ways,
        "nearest": known["nearest"] if state == "unknown" else [],
    }


def _bound_at(statement: str) -> int:
    """Where in an import statement the name stands that it binds: `import a.b` binds `a`."""
    return len("import ") if statement.startswith("import ") and " as " not in statement else len(statement) - 1


def _definition(asking: _Asking, answer: Answer) -> str:
    """`path:line` of the first place in an answer."""
    said = msgspec.json.decode(answer.raw or b"null")
    first = said[0] if isinstance(said, list) and said else said
    if not first:
        return ""
    uri = first.get("targetUri", first.get("uri", ""))
    line = first.get("targetSelectionRange", first.get("range"))["start"]["line"]
    return f"{to_path(uri).removeprefix(asking.workspace.root + '/')}:{line + 1}"
