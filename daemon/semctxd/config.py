"""The user's configuration: one TOML file, read once at start, never written.

Every key has a default, so that no file is needed. An unknown key or a value out of its range is an error,
never ignored: a misspelt setting that does nothing is worse than a daemon that says why it does not start.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from semctxd.errors import ConfigError

_YEAR_S = 365 * 86400.0

Seconds = Annotated[float, Meta(gt=0, le=_YEAR_S)]
SecondsOrOff = Annotated[float, Meta(ge=0, le=_YEAR_S)]
Count = Annotated[int, Meta(ge=1)]
CountOrOff = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(min_length=1)]


class Cache(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of the answers kept in memory, for each workspace."""

    ttl_s: Seconds = 300.0
    max_entries: Count = 10_000
    max_bytes: Count = 32 * 1024 * 1024


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    hits: bool = False  # a line for each cache hit too, which costs more than the hit


class Daemon(Struct, frozen=True, forbid_unknown_fields=True):
    """Deadlines and caps."""

    deadline_s: Seconds = 30.0  # of a request, unless its client gives up earlier
    gate_deadline_s: Seconds = 0.25  # past it a strict request answers NotYetFresh
    drain_s: Seconds = 5.0  # how long requests under way may take after SIGTERM
    max_requests: Count = 256  # under way on one connection
    max_batch: Count = 100
    idle_session_s: Seconds = 1800.0  # an unused language server or indexer is ended after this


class Python(Struct, frozen=True, forbid_unknown_fields=True):
    """The Python that the code is written for."""

    interpreter: str = ""  # absolute path; empty: the workspace's own environment, then the client's

    def __post_init__(self) -> None:
        """Refuse a relative path: it would mean another file in each workspace."""
        if self.interpreter and not self.interpreter.startswith("/"):
            raise ValueError("interpreter must be an absolute path")


class Context(Struct, frozen=True, forbid_unknown_fields=True):
    """How much a language server adds to a context. Zero turns either off."""

    enrich_s: SecondsOrOff = 0.06
    enrich_symbols: CountOrOff = 8


class Language(Struct, frozen=True, forbid_unknown_fields=True):
    """How a language is served."""

    server: Text  # a name in the registry


class Watch(Struct, frozen=True, forbid_unknown_fields=True):
    """How changes of files are noticed."""

    gate: Literal["auto", "inotify", "watchfiles"] = "auto"
    sweep: Literal["auto", "always"] = "auto"  # which trees are compared as a whole: network file systems, or all


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """The user's own way to start a registered server."""

    command: Annotated[tuple[Text, ...], Meta(min_length=1)]  # program and arguments


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings, with `[languages]` complete: what the file does not say has its default."""

    cache: Cache = Cache()
    log: Log = Log()
    daemon: Daemon = Daemon()
    python: Python = Python()
    context: Context = Context()
    languages: dict[str, Language] = {}
    watch: Watch = Watch()
    servers: dict[str, Server] = {}

    def __post_init__(self) -> None:
        """Add the languages that the file does not name."""
        for name, language in _LANGUAGES.items():
            self.languages.setdefault(name, language)


_LANGUAGES = {"python": Language(server="ty")}


def load(path: str | None) -> Config:
    """The configuration in the file `path`; the defaults for None or a file that does not exist.

    Raises ConfigError where the file cannot be read, is no TOML, or holds an unknown key or a bad value.
    """
    if path is None:
        return Config()
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        return msgspec.toml.decode(text, type=Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(str(error))}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from error


def _explain(message: str) -> str:
    """msgspec's message with the key as the file spells it, and with what is allowed there."""
    what, _, where = message.partition(" - at `$")
    steps = re.findall(r"\w+|\[[^]]+\]", where)
    key = ".".join("*" if step == "[...]" else step for step in steps).replace(".[", "[")
    kind = _kind(steps)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", what):
        allowed = ", ".join(sorted(field.name for field in msgspec.structs.fields(kind)))
        return f"{f'[{key}] has no' if key else 'there is no section'} {unknown[1]}; allowed are {allowed}"
    if choices := [value for value in get_args(kind) if isinstance(value, str)]:
        what = f"Expected one of {', '.join(choices)}"
    return f"{key}: {what}"


def _kind(steps: list[str]) -> Any:
    """The type that stands at a key. Among msgspec's steps, `[...]` is any key of a table and `[0]` an item."""
    kind: Any = Config
    for step in steps:
        if step.startswith("["):
            kind = get_args(kind)[-1]
        else:
            kind = next(field.type for field in msgspec.structs.fields(kind) if field.name == step)
    return kind
