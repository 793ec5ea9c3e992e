"""The user's configuration, one TOML file read once at start, and what a workspace's own file says. Never written.

Every key has a default, so that no file is needed. An unknown key or a value out of its range is an error,
never ignored: a misspelt setting that does nothing is worse than a daemon that says why it does not start.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from semctxd.errors import ConfigError

_T = TypeVar("_T")

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
    slow_s: SecondsOrOff = 1.0  # a request that takes as long is a warning, and among `recent` in the metrics


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


class Http(Struct, frozen=True, forbid_unknown_fields=True):
    """The endpoint for monitoring, on 127.0.0.1."""

    port: Annotated[int, Meta(ge=0, le=65535)] = 0  # 0: there is none


class Watch(Struct, frozen=True, forbid_unknown_fields=True):
    """How changes of files are noticed."""

    gate: Literal["auto", "inotify", "watchfiles"] = "auto"
    sweep: Literal["auto", "always"] = "auto"  # which trees are compared as a whole: network file systems, or all


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """The user's own way to start a registered server."""

    command: Annotated[tuple[Text, ...], Meta(min_length=1)]  # program and arguments

    def __post_init__(self) -> None:
        """Refuse a relative path: it would mean another program in each folder."""
        if "/" in self.command[0] and not self.command[0].startswith("/"):
            raise ValueError("command must be an absolute path, or a name on PATH")


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings, with `[languages]` complete: what the file does not say has its default."""

    cache: Cache = Cache()
    log: Log = Log()
    daemon: Daemon = Daemon()
    python: Python = Python()
    context: Context = Context()
    languages: dict[str, Language] = {}
    watch: Watch = Watch()
    http: Http = Http()
    servers: dict[str, Server] = {}

    def __post_init__(self) -> None:
        """Add the languages that the file does not name."""
        for name, language in _LANGUAGES.items():
            self.languages.setdefault(name, language)


_LANGUAGES = {"python": Language(server="ty")}


class Local(Struct, frozen=True, forbid_unknown_fields=True):
    """What a workspace's own file may say. `python` and `servers` name programs: see `PROGRAMS`."""

    context: Context = Context()
    languages: dict[str, Language] = {}
    python: Python = Python()
    servers: dict[str, Server] = {}


PROGRAMS = ("python", "servers")
"""The sections of a workspace's file that name a program to run: they hold only where the user trusts the file."""


class LocalFile(NamedTuple):
    """A workspace's own file."""

    path: str
    sha256: str
    table: dict[str, Any]  # checked against Local

    @property
    def programs(self) -> list[str]:
        """The settings that name a program, as the file could have them."""
        named = [f"[python] interpreter = {value!r}" for value in self.table.get("python", {}).values() if value]
        servers = self.table.get("servers", {})
        return named + [f"[servers.{name}] command = {servers[name]['command']!r}" for name in sorted(servers)]


LOCAL_FILES = (".semctx.toml", "pyproject.toml")
"""Where a workspace's settings stand: the first that has any. In the second they are `[tool.semctx]`."""

_MAX_LOCAL_BYTES = 1 << 20


def load(path: str | None) -> Config:
    """The configuration in the file `path`; the defaults for None or a file that does not exist.

    Raises ConfigError where the file cannot be read, is no TOML, or holds an unknown key or a bad value.
    """
    if path is None:
        return Config()
    try:
        with open(path, "rb") as file:
            text = file.read().decode()
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return _convert(_table(path, text), Config, path)


def load_local(root: str) -> LocalFile | None:
    """What the workspace `root` says of itself; None where it says nothing.

    Raises ConfigError as `load` does, and for a file that is none, leads out of the root, or is larger than 1 MiB.
    """
    for name in LOCAL_FILES:
        path = f"{root}/{name}"
        try:
            raw = _read_local(path, root)
            text = raw.decode()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from error
        table = _table(path, text)
        where = path
        if name == "pyproject.toml":
            tool = table.get("tool")
            table = tool.get("semctx") if isinstance(tool, dict) else None
            where = f"{path}: tool.semctx"
        if table is not None:
            _convert(table, Local, where)
            return LocalFile(path, hashlib.sha256(raw).hexdigest(), table)
    return None


def overlaid(config: Config, table: dict[str, Any]) -> Config:
    """The configuration with the settings of a checked table in place of its own."""
    return msgspec.convert(_merged(msgspec.to_builtins(config), table), Config)


def _read_local(path: str, root: str) -> bytes:
    if not os.path.realpath(path).startswith(root + "/"):
        raise ConfigError(f"{path}: leads out of the workspace")
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for its writer
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ConfigError(f"{path}: is no file")
        raw = file.read(_MAX_LOCAL_BYTES + 1)
    if len(raw) > _MAX_LOCAL_BYTES:
        raise ConfigError(f"{path}: is larger than {_MAX_LOCAL_BYTES} bytes")
    return raw


def _table(path: str, text: str) -> Any:
    try:
        return msgspec.toml.decode(text)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from error


def _convert(table: Any, kind: type[_T], where: str) -> _T:
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_explain(str(error), kind)}") from error


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    return below | {
        key: _merged(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }


def _explain(message: str, top: type) -> str:
    """msgspec's message with the key as the file spells it, and with what is allowed there."""
    what, _, where = message.partition(" - at `$")
    steps = re.findall(r"\w+|\[[^]]+\]", where)
    key = ".".join("*" if step == "[...]" else step for step in steps).replace(".[", "[")
    kind = _kind(steps, top)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", what):
        allowed = ", ".join(sorted(field.name for field in msgspec.structs.fields(kind)))
        return f"{f'[{key}] has no' if key else 'there is no section'} {unknown[1]}; allowed are {allowed}"
    if choices := [value for value in get_args(kind) if isinstance(value, str)]:
        what = f"Expected one of {', '.join(choices)}"
    return f"{key}: {what}"


def _kind(steps: list[str], top: type) -> Any:
    """The type that stands at a key. Among msgspec's steps, `[...]` is any key of a table and `[0]` an item."""
    kind: Any = top
    for step in steps:
        if step.startswith("["):
            kind = get_args(kind)[-1]
        else:
            kind = next(field.type for field in msgspec.structs.fields(kind) if field.name == step)
    return kind
