"""Where the socket, the log, the configuration and all else of a user live. Pure functions of an environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

SOCKET_NAME = "semctxd-v1.sock"
"""The protocol's major version is in the name: two versions never meet on one socket."""


def socket_path(env: Mapping[str, str] = os.environ, uid: int | None = None) -> str:
    """The Unix socket of this user's daemon.

    `SEMCTX_SOCKET` overrides it; else it lies in `$XDG_RUNTIME_DIR/semctx`, and where there is
    no runtime directory (ssh, cron, containers, macOS) in `/tmp/semctx-UID`.
    """
    if override := env.get("SEMCTX_SOCKET"):
        return os.path.abspath(override)
    if runtime := env.get("XDG_RUNTIME_DIR"):
        return os.path.join(runtime, "semctx", SOCKET_NAME)
    return f"/tmp/semctx-{os.getuid() if uid is None else uid}/{SOCKET_NAME}"  # noqa: S108 (checked by who binds)


def log_path(env: Mapping[str, str] = os.environ) -> str:
    """The log file of a detached daemon (`SEMCTX_LOG` overrides it)."""
    if override := env.get("SEMCTX_LOG"):
        return os.path.abspath(override)
    return os.path.join(_xdg(env, "XDG_STATE_HOME", ".local/state"), "semctx", "semctxd.log")


def config_path(env: Mapping[str, str] = os.environ) -> str:
    """The user's configuration file (`SEMCTX_CONFIG` overrides it)."""
    if override := env.get("SEMCTX_CONFIG"):
        return os.path.abspath(override)
    return os.path.join(_xdg(env, "XDG_CONFIG_HOME", ".config"), "semctx", "config.toml")


def trust_path(env: Mapping[str, str] = os.environ) -> str:
    """Which workspaces may name programs to run."""
    return os.path.join(_xdg(env, "XDG_STATE_HOME", ".local/state"), "semctx", "trusted.json")


def snapshots_path(env: Mapping[str, str] = os.environ) -> str:
    """The folder with what indexers keep from one run to the next."""
    return os.path.join(_xdg(env, "XDG_CACHE_HOME", ".cache"), "semctx", "index")


def units_path(env: Mapping[str, str] = os.environ) -> str:
    """The folder of the user's own systemd units."""
    return os.path.join(_xdg(env, "XDG_CONFIG_HOME", ".config"), "systemd", "user")


def _xdg(env: Mapping[str, str], name: str, fallback: str) -> str:
    return env.get(name) or os.path.join(env.get("HOME") or os.path.expanduser("~"), fallback)
