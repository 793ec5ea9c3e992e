"""Reading the configuration again: what has changed takes effect at once, where it can without a restart."""

from __future__ import annotations

import time

from semctx.protocol import ConfigChange
from semctxd import logs
from semctxd.config.sources import settings
from semctxd.errors import ConfigError, ConfigRefused
from semctxd.notify import notify
from semctxd.service import Service

_AT_START = ("watch", "http")
"""Sections that are looked at only when the daemon starts."""

_log = logs.get("reload")


def reload(service: Service) -> list[ConfigChange]:
    """What has changed; the log and the service manager are told, too.

    Raises ConfigRefused where the configuration is wrong: what held before still holds, and health says so.
    """
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reading the configuration again")
    try:
        changes = _read(service)
    except ConfigError as error:
        service.problems["config"] = f"{error}: the earlier configuration still holds; correct this, then reload again"
        _log.error("reload_refused", reason=str(error))
        raise ConfigRefused(str(error)) from None
    finally:
        notify("READY=1")
    service.problems.pop("config", None)
    _log.info("reloaded", changed={change["key"]: change["new"] for change in changes})
    return changes


def _read(service: Service) -> list[ConfigChange]:
    before = settings(service.config)
    service.sources.read()
    after = settings(service.config)
    changed = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    if changed:
        service.reconfigure()
    return [
        {
            "key": ".".join(path),
            "old": before.get(path),
            "new": after.get(path),
            "restart": path[0] in _AT_START,
        }
        for path in changed
    ]
