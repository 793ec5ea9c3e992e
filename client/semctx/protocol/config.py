"""The configuration that holds, and reading it again."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from semctx.protocol.base import ROOT, Method, NoParams, RootParams

__all__ = ["ConfigChange", "ConfigReloaded", "ConfigResult", "ConfigValue", "LogLevel", "LogLevelParams"]


class ConfigValue(TypedDict):
    """One setting."""

    key: str  # dotted
    value: Any
    source: str  # default, a file and its line, a variable of the environment, or a flag


class ConfigResult(TypedDict):
    """The configuration that holds: of the user, or with `root` of that workspace."""

    file: str  # where the user's file is, or would be; empty: nowhere
    values: list[ConfigValue]


class ConfigChange(TypedDict):
    """A setting that is another one now."""

    key: str
    old: Any  # null: there was none
    new: Any
    restart: bool  # it holds only after a restart of the daemon


class ConfigReloaded(TypedDict):
    """What reading it again has changed."""

    changed: list[ConfigChange]


class LogLevelParams(TypedDict, total=False):
    """What is to be logged from now on, until the daemon reads its configuration again or ends."""

    level: Literal["debug", "info", "warning", "error"]  # missing: as it is; debug logs each step of a request


class LogLevel(TypedDict):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"]


METHODS: dict[str, Method] = {
    "config/get": Method(RootParams, ConfigResult, "Each setting, and where it comes from.", ROOT),
    "config/reload": Method(
        NoParams,
        ConfigReloaded,
        "Read the configuration again, as on SIGHUP. Where it is wrong, what held before still holds.",
        ("ConfigRefused",),
    ),
    "log/level": Method(LogLevelParams, LogLevel, "How much is logged, and a change of that."),
}
