"""The methods about trust: what a workspace's own file would run, and whether it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semctxd.config.settings import Pin, Settings
from semctxd.errors import InvalidParams, StateUnwritable
from semctxd.service import Service

if TYPE_CHECKING:
    from semctxd.rpc.server import Connection

Params = dict[str, Any]


async def show(connection: Connection, params: Params) -> object:
    """trust/show."""
    return _state(await _read(connection.service, params))


async def grant(connection: Connection, params: Params) -> object:
    """trust/grant."""
    settings = await _read(connection.service, params)
    if settings.file is None or settings.file.sha256 != params["sha256"]:
        raise InvalidParams(
            f"the file of {settings.root} is another than the one that was looked at",
            hint=f"Look at it again: semctx trust {settings.root}",
        )
    return _pinned(connection.service, settings, Pin(settings.file.path, settings.file.sha256))


async def revoke(connection: Connection, params: Params) -> object:
    """trust/revoke."""
    return _pinned(connection.service, await _read(connection.service, params), None)


async def listed(connection: Connection, params: Params) -> object:
    """trust/list."""
    service = connection.service
    return {"workspaces": [_state(_read_at(service, root)) for root in sorted(service.pins.read())]}


async def _read(service: Service, params: Params) -> Settings:
    return _read_at(service, await service.workspaces.canonical(params["root"]))


def _read_at(service: Service, root: str) -> Settings:
    return service.workspaces.settings(root).look()


def _pinned(service: Service, settings: Settings, pin: Pin | None) -> object:
    try:
        service.pins.put(settings.root, pin)
    except OSError as error:
        raise StateUnwritable(str(error)) from error
    if workspace := service.workspaces.opened.get(settings.root):
        workspace.reconfigure()
    return _state(_read_at(service, settings.root))


def _state(settings: Settings) -> object:
    file = settings.file
    return {
        "root": settings.root,
        "file": file.path if file else "",
        "sha256": file.sha256 if file else "",
        "programs": file.programs if file else [],
        "trusted": settings.trusted,
        "problem": settings.problem,
    }
