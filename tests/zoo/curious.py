"""A language server, made with pygls, that asks its client everything a server may ask: `curious.py FOLDER WHEN`.

It wants FOLDER watched: `before` it answers its first request, or `after`. What it was told is the answer to a
workspace/symbol request, as JSON in the name of one symbol.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

FOLDER, WHEN = Path(sys.argv[1]), sys.argv[2]
server = LanguageServer("curious", "1")
told: dict[str, Any] = {}
finished = asyncio.Event()


@server.feature(types.INITIALIZE)
def initialize(params: types.InitializeParams) -> None:
    told["client"] = params.client_info and params.client_info.name
    told["encodings"] = params.capabilities.general and params.capabilities.general.position_encodings


@server.feature(types.INITIALIZED)
async def initialized(params: types.InitializedParams) -> None:
    items = [
        types.ConfigurationItem(section="ty"),
        types.ConfigurationItem(section="unknown"),
        types.ConfigurationItem(),
    ]
    told["configuration"] = await server.workspace_configuration_async(types.ConfigurationParams(items))
    told["folders"] = [
        folder.uri for folder in await server.protocol.send_request_async("workspace/workspaceFolders", None)
    ]
    edit = await server.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(types.WorkspaceEdit()))
    told["applied"] = edit.applied
    watchers = [
        types.FileSystemWatcher("**/*.py"),
        types.FileSystemWatcher(types.RelativePattern(FOLDER.as_uri(), "**/*.py")),
        types.FileSystemWatcher(types.RelativePattern(types.WorkspaceFolder((FOLDER / "deep").as_uri(), "deep"), "**")),
    ]
    options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
    told["registered"] = await server.client_register_capability_async(
        types.RegistrationParams(
            [
                types.Registration("1", "workspace/didChangeWatchedFiles", options),
                types.Registration("2", "workspace/didChangeConfiguration"),
            ]
        )
    )
    told["progress"] = await server.protocol.send_request_async(
        "window/workDoneProgress/create", types.WorkDoneProgressCreateParams("token")
    )
    told["choice"] = await server.window_show_message_request_async(
        types.ShowMessageRequestParams(types.MessageType.Info, "Go on?", [types.MessageActionItem("Yes")])
    )
    server.window_log_message(types.LogMessageParams(types.MessageType.Info, "a notification"))
    finished.set()


@server.feature(types.TEXT_DOCUMENT_HOVER)
async def hover(params: types.HoverParams) -> None:
    if WHEN == "before":
        await finished.wait()


@server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
def changed(params: types.DidChangeWatchedFilesParams) -> None:
    told.setdefault("changes", []).extend([change.uri, change.type.name] for change in params.changes)


@server.feature(types.WORKSPACE_SYMBOL)
async def symbol(params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
    await finished.wait()
    place = types.LocationUriOnly(FOLDER.as_uri())
    return [types.WorkspaceSymbol(place, json.dumps(told, default=repr), types.SymbolKind.Null)]


server.start_io()
