"""A language server, made with pygls, that reads its workspace slowly: `indexing.py FOLDER`, seen from its root.

It answers at once, with what it has read: nothing. Once FOLDER/go appears it says by a progress that it is done, and
answers in full. For each notice it reports a progress, too, which likewise ends once FOLDER/go is there.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer

FOLDER = Path.cwd() / sys.argv[1]
server = LanguageServer("indexing", "1")
tokens = itertools.count(1)
working: set[asyncio.Task[None]] = set()
read = {"what": "nothing"}


async def index() -> None:
    token = f"token {next(tokens)}"
    await server.work_done_progress.create_async(token)
    server.work_done_progress.begin(token, types.WorkDoneProgressBegin("Reading"))
    while not (FOLDER / "go").exists():
        await asyncio.sleep(0.002)
    read["what"] = "everything"
    server.work_done_progress.end(token, types.WorkDoneProgressEnd())


def work() -> None:
    task = asyncio.create_task(index())
    working.add(task)
    task.add_done_callback(working.discard)


@server.feature(types.INITIALIZED)
def initialized(params: types.InitializedParams) -> None:
    work()


@server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
def changed(params: types.DidChangeWatchedFilesParams) -> None:
    work()


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(params: types.HoverParams) -> types.Hover:
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, read["what"]))


@server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC)
def diagnostic(params: types.DocumentDiagnosticParams) -> types.RelatedFullDocumentDiagnosticReport:
    return types.RelatedFullDocumentDiagnosticReport(items=[])


@server.feature(types.TEXT_DOCUMENT_DEFINITION)
def definition(params: types.DefinitionParams) -> list[types.Location]:
    return []


server.start_io()
