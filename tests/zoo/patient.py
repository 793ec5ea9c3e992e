"""A language server, made with pygls, that answers only when told: `patient.py FOLDER`, seen from its root.

When asked about a file it reads it (or the text that it was shown), says so by writing what it read to
FOLDER/N.asked (N = 1, 2 …), and answers with that once FOLDER/N.go appears. A request that it is told to give up
leaves FOLDER/N.cancelled.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path
from urllib.parse import unquote

from lsprotocol import types
from pygls.lsp.server import LanguageServer

FOLDER = Path.cwd() / sys.argv[1]
server = LanguageServer("patient", "1")
numbers = itertools.count(1)


async def read(uri: str) -> str:
    if Path(unquote(uri.removeprefix("file://"))).name == ".semctx-probe.py":
        return ""
    number, text = next(numbers), server.workspace.get_text_document(uri).source
    (FOLDER / "new").write_text(text)
    os.rename(FOLDER / "new", FOLDER / f"{number}.asked")
    try:
        while not (FOLDER / f"{number}.go").exists():
            await asyncio.sleep(0.002)
    except asyncio.CancelledError:
        (FOLDER / f"{number}.cancelled").write_text("")
        raise
    return text


@server.feature(types.TEXT_DOCUMENT_HOVER)
async def hover(params: types.HoverParams) -> types.Hover:
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, await read(params.text_document.uri)))


@server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
async def document_symbol(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    text = await read(params.text_document.uri)
    nowhere = types.Range(types.Position(0, 0), types.Position(0, 0))
    return [types.DocumentSymbol(text, types.SymbolKind.Function, nowhere, nowhere)]


server.start_io()
