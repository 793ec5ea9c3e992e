"""The registry of language servers (`servers.toml`) and how a server's program is found."""

from __future__ import annotations

import difflib
import os
import shutil
import sysconfig
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import msgspec

from semctxd.config.schema import Config
from semctxd.config.tables import Path, Problem
from semctxd.errors import ServerUnavailable, UnknownServer

Kind = Literal["appeared", "modified", "gone", "configuration", "dependency"]
"""What a change is to a server; the first three are of the workspace's own files."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a server is brought to the present; see servers.toml."""

    tells: Literal["nothing", "created", "what-happened"]
    nudge: Literal["nothing", "open-close", "symbols"] = "nothing"
    renews_on: list[Kind] = []
    signs: list[Kind] = []


class Sign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The notification by which a server says that it has read the workspace, or taken in what it was told."""

    method: str
    pattern: str
    patience_s: float


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language server of the registry."""

    languages: list[str]
    command: list[str]
    install: str
    probe: str
    readiness: Literal["synchronous", "sign", "unknown"]
    sync: Recipe
    settings: dict[str, Any] = {}
    options: dict[str, Any] = {}
    opens: bool = False
    dependencies: Literal["registered", "watched"] = "watched"
    sign: Sign | None = None
    narrow: bool = False


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language: its server, and its name in LSP."""

    default: str
    language_id: str


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of servers.toml."""

    languages: dict[str, Language]
    servers: dict[str, Server]


@cache
def registry() -> Registry:
    """The registry, read once."""
    with open(os.path.join(os.path.dirname(__file__), "servers.toml"), "rb") as file:
        return msgspec.toml.decode(file.read(), type=Registry)


def choose(language: str, server: str) -> tuple[str, Server]:
    """Name and entry of the server that answers; an empty `server` means the language's default.

    Raises UnknownServer with the nearest names.
    """
    known = registry()
    if language not in known.languages:
        nearest = difflib.get_close_matches(language, known.languages, 3, 0) or list(known.languages)
        raise UnknownServer(f"unknown language {language!r}", nearest=nearest)
    name = server or known.languages[language].default
    entry = known.servers.get(name)
    if entry is None or language not in entry.languages:
        fitting = [other for other, one in known.servers.items() if language in one.languages]
        raise UnknownServer(f"unknown language server {name!r} for {language}", nearest=fitting)
    return name, entry


def check(config: Config) -> Iterator[Problem]:
    """Where the configuration names a language or a server that the registry has not."""
    known = registry()
    for language, setting in config.languages.items():
        fitting = [name for name, server in known.servers.items() if language in server.languages]
        if language not in known.languages:
            path: Path = ("languages", language)
            yield path, f"{'.'.join(path)}: no such language; allowed are {', '.join(known.languages)}"
        elif setting.server not in fitting:
            path = ("languages", language, "server")
            yield path, f"{'.'.join(path)}: Expected one of {', '.join(fitting)}"
    for name in config.servers:
        if name not in known.servers:
            yield ("servers", name), f"servers.{name}: no such server; allowed are {', '.join(known.servers)}"


def command_line(name: str, server: Server, override: list[str] | None) -> list[str]:
    """Program and arguments: the user's own command, the daemon's own environment, then PATH.

    Raises ServerUnavailable with the command that installs the server.
    """
    program, *arguments = override or server.command
    if override is None and os.access(own := os.path.join(sysconfig.get_path("scripts"), program), os.X_OK):
        return [own, *arguments]
    if found := shutil.which(program):
        return [found, *arguments]
    raise ServerUnavailable(f"{name} is not installed: {program} was not found", hint=f"Install it: {server.install}")
