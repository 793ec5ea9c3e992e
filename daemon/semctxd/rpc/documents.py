"""The methods about unsaved text. What they change holds for every message after theirs: see `Connection._held`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semctxd.documents import Document
from semctxd.rpc.question import relative

if TYPE_CHECKING:
    from semctxd.rpc.server import Connection

Params = dict[str, Any]


async def opened(connection: Connection, params: Params) -> object:
    """document/open."""
    root, file = await _place(connection, params)
    document = connection.view.open(root, f"{root}/{file}", params["text"], params.get("version", 0))
    return _result(file, document)


async def changed(connection: Connection, params: Params) -> object:
    """document/change."""
    root, file = await _place(connection, params)
    document = connection.view.change(root, f"{root}/{file}", params["changes"], params["version"])
    return _result(file, document)


async def closed(connection: Connection, params: Params) -> object:
    """document/close."""
    root, file = await _place(connection, params)
    return _result(file, connection.view.close(root, f"{root}/{file}"))


async def _place(connection: Connection, params: Params) -> tuple[str, str]:
    root = await connection.service.workspaces.canonical(params["root"])
    return root, relative(params["file"], params["root"].rstrip("/"), root)


def _result(file: str, document: Document) -> object:
    return {"file": file, "version": document.version}
