"""A language server, made with pygls, that answers no question about references before a number of them has arrived:
`gathering.py COUNT`.

What it says of a symbol is its own place; of one in prices.py it is an error.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from lsprotocol import types
from pygls.exceptions import JsonRpcInternalError
from pygls.lsp.server import LanguageServer

COUNT = int(sys.argv[1])
server = LanguageServer("gathering", "1")
arrivals = itertools.count(1)
all_there = asyncio.Event()


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(params: types.HoverParams) -> None:
    return None


@server.feature(types.TEXT_DOCUMENT_DEFINITION)
def definition(params: types.DefinitionParams) -> None:
    return None


@server.feature(types.TEXT_DOCUMENT_REFERENCES)
async def references(params: types.ReferenceParams) -> list[types.Location]:
    if next(arrivals) == COUNT:
        all_there.set()
    await all_there.wait()
    if params.text_document.uri.endswith("/prices.py"):
        raise JsonRpcInternalError("prices are a secret")
    return [types.Location(params.text_document.uri, types.Range(params.position, params.position))]


server.start_io()
