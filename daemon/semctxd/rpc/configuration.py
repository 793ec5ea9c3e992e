"""The methods about the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semctxd import logs
from semctxd.config.sources import DEFAULT, settings
from semctxd.reload import reload

if TYPE_CHECKING:
    from semctxd.rpc.server import Connection

Params = dict[str, Any]


async def get(connection: Connection, params: Params) -> object:
    """config/get."""
    service = connection.service
    config, origins = service.config, service.sources.origins
    if "root" in params:
        of_root = service.workspaces.settings(await service.workspaces.canonical(params["root"])).look()
        config, origins = of_root.config, origins | of_root.origins
    return {
        "file": service.sources.file or "",
        "values": [
            {"key": ".".join(path), "value": value, "source": origins.get(path, DEFAULT)}
            for path, value in settings(config).items()
        ],
    }


async def log_level(connection: Connection, params: Params) -> object:
    """log/level."""
    if "level" in params:
        logs.set_level(params["level"])
    return {"level": logs.get_level()}


async def read_again(connection: Connection, params: Params) -> object:
    """config/reload."""
    return {"changed": reload(connection.service)}
