"""What can be configured, and what a workspace's own file says. Never written.

Every key has a default, so that no file is needed. An unknown key or a value out of its range is an error,
never ignored: a misspelt setting that does nothing is worse than a daemon that says why it does not start.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from semctxd.config.tables import Path, Source, merged, problems, refuse
from semctxd.errors import ConfigError

_YEAR_S = 365 * 86400.0

Seconds = Annotated[float, Meta(gt=0, le=_YEAR_S)]
SecondsOrOff = Annotated[float, Meta(ge=0, le=_YEAR_S)]
Count = Annotated[int, Meta(ge=1)]
CountOrOff = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(min_length=1)]


class Cache(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of the answers kept in memory, of all workspaces together."""

    ttl_s: Seconds = 300.0
    max_entries: Count = 10_000
    max_bytes: Count = 32 * 1024 * 1024
    narrow: bool = True  # whether answers outlive edits of files that theirs does not import


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
    idle_exit_s: SecondsOrOff = 3600.0  # without a client for as long it leaves, if systemd keeps its socket; 0: never


class Sessions(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of language servers and indexers. What goes beyond is ended, and started again when it is needed."""

    start_s: Seconds = 120.0  # until it takes requests; for an indexer, until it has read more of the tree
    max_bytes: Count = 2 * 1024**3  # resident memory of one, with the processes that it started
    budget_bytes: CountOrOff = 0  # resident memory of all together; 0: a quarter of the machine's
    max_answer_bytes: Count = 32 * 1024**2


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


class Index(Struct, frozen=True, forbid_unknown_fields=True):
    """The index of each workspace."""

    snapshot: bool = True  # whether it is kept on disk from one run of its indexer to the next


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
    sessions: Sessions = Sessions()
    python: Python = Python()
    context: Context = Context()
    languages: dict[str, Language] = {}
    watch: Watch = Watch()
    index: Index = Index()
    http: Http = Http()
    servers: dict[str, Server] = {}

    def __post_init__(self) -> None:
        """Add the languages that the file does not name."""
        for name, language in _LANGUAGES.items():
            self.languages.setdefault(name, language)


_LANGUAGES = {"python": Language(server="ty")}


class Local(Struct, frozen=True, forbid_unknown_fields=True):
    """What a workspace's own file may say; all but `context` chooses programs: see `PROGRAMS`."""

    context: Context = Context()
    languages: dict[str, Language] = {}
    python: Python = Python()
    servers: dict[str, Server] = {}


PROGRAMS = ("languages", "python", "servers")
"""The sections of a workspace's file that choose a program to run: they hold only where the user trusts the file. A
choice among known servers is one: some run the Python that they find in the workspace's `.venv`."""


class LocalFile(NamedTuple):
    """A workspace's own file."""

    path: str
    sha256: str
    table: dict[str, Any]  # checked against Local
    place: Callable[[Path], str]  # of a setting: file and line

    @property
    def programs(self) -> list[str]:
        """The settings that choose a program, as the file could have them."""
        languages = self.table.get("languages", {})
        named = [f"[languages.{name}] server = {languages[name]['server']!r}" for name in sorted(languages)]
        named += [f"[python] interpreter = {value!r}" for value in self.table.get("python", {}).values() if value]
        servers = self.table.get("servers", {})
        return named + [f"[servers.{name}] command = {servers[name]['command']!r}" for name in sorted(servers)]


LOCAL_FILES: dict[str, Path] = {".semctx.toml": (), "pyproject.toml": ("tool", "semctx")}
"""Where a workspace's settings stand: the first that has any. In the second they are `[tool.semctx]`."""

_MAX_BYTES = 1 << 20


def load_local(root: str) -> LocalFile | None:
    """What the workspace `root` says of itself; None where it says nothing.

    Raises ConfigError for a file that is none, leads out of the root, is larger than 1 MiB, is no TOML, or holds an
    unknown key or a bad value.
    """
    for name, under in LOCAL_FILES.items():
        path = f"{root}/{name}"
        try:
            raw = _read_local(path, root)
            source = Source(path, raw.decode(), under)
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from error
        if (table := source.table()) is not None:
            refuse(problems(table, Local), source.place)
            return LocalFile(path, hashlib.sha256(raw).hexdigest(), table, source.place)
    return None


def shaping(config: Config) -> tuple[object, ...]:
    """The part of a configuration that answers depend on."""
    return config.context, *sessions(config)


def sessions(config: Config) -> tuple[object, ...]:
    """The part of a configuration that a language server is begun by."""
    return config.languages, config.servers, config.python


def overlaid(config: Config, table: dict[str, Any]) -> Config:
    """The configuration with the settings of a checked table in place of its own."""
    return msgspec.convert(merged(msgspec.to_builtins(config), table), Config)


def read(path: str) -> bytes:
    """What a configuration file holds. Raises OSError, or ConfigError for what is no file, or too large."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for its writer
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ConfigError(f"{path}: is no file")
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {_MAX_BYTES} bytes")
    return raw


def _read_local(path: str, root: str) -> bytes:
    if not os.path.realpath(path).startswith(root + "/"):
        raise ConfigError(f"{path}: leads out of the workspace")
    return read(path)
