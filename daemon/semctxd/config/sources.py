"""Where the user's configuration comes from: defaults, the file, the environment, the daemon's own flags.

Each overrides the one before. All are checked the same way, and every setting knows its origin. The file can be
read again; if it is wrong then, what held before still holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from semctxd.config.schema import Config, read
from semctxd.config.tables import Path, Problem, Source, kind_of, leaves, merged, problems, refuse
from semctxd.errors import ConfigError

DEFAULT = "default"
PREFIX = "SEMCTX_"

Check = Callable[[Config], Iterable[Problem]]


class Layer(NamedTuple):
    """Settings of one origin."""

    table: dict[str, Any]
    place: Callable[[Path], str]  # of a setting: a line of a file, a variable, a flag


class Sources:
    """The user's configuration and its origins. `check` finds what is wrong with a whole configuration.

    `file` is where the TOML file would be, `flags` are assignments such as `cache.ttl_s=10`.
    Raises ConfigError.
    """

    def __init__(
        self,
        file: str | None = None,
        env: Mapping[str, str] = {},
        flags: Sequence[str] = (),
        check: Check = lambda config: (),
    ) -> None:
        self.file = file
        self._env = env
        self._flags = flags
        self._check = check
        self.read()

    def read(self) -> None:
        """Read everything again. Raises ConfigError, and then nothing has changed."""
        layers = [*_of_file(self.file), _of_environment(self._env), _of_flags(self._flags)]
        if wrong := [f"{place(path)}: {what}" for table, place in layers for path, what in problems(table, Config)]:
            raise ConfigError("\n".join(wrong))
        table: dict[str, Any] = {}
        origins: dict[Path, str] = {}
        for layer in layers:
            table = merged(table, layer.table)
            origins |= {path: layer.place(path) for path, _ in leaves(layer.table)}
        config = msgspec.convert(table, Config)
        refuse(self._check(config), lambda path: _nearest(origins, path))
        self.config, self.origins = config, origins


def settings(config: Config) -> dict[Path, Any]:
    """Every setting of a configuration."""
    return dict(leaves(msgspec.to_builtins(config)))


def _nearest(origins: Mapping[Path, str], path: Path) -> str:
    return next((place for found, place in origins.items() if found[: len(path)] == path), DEFAULT)


def _of_file(path: str | None) -> list[Layer]:
    if path is None or path == os.devnull:  # which is no file, and is said for none
        return []
    try:
        source = Source(path, read(path).decode())
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return [Layer(source.table(), source.place)]


def _of_environment(env: Mapping[str, str]) -> Layer:
    """`SEMCTX_CACHE_TTL_S=10`: the section, then the key. What begins with no section's name is another's."""
    sections = [field.name for field in msgspec.structs.fields(Config)]
    named: dict[Path, str] = {}
    table: dict[str, Any] = {}
    for variable in sorted(env):
        section, _, rest = variable.removeprefix(PREFIX).lower().partition("_")
        if variable.startswith(PREFIX) and rest and section in sections:
            path = (section, *_keys(section, rest))
            named[path] = variable
            table = merged(table, _nested(path, env[variable]))
    return Layer(table, lambda path: next(variable for known, variable in named.items() if known[: len(path)] == path))


def _keys(section: str, rest: str) -> Path:
    """The keys within a section: a name and a key where it is a table of such."""
    if kind_of(Config, (section, "")) is None:
        return (rest,)
    name, _, key = rest.rpartition("_")
    return (name, key) if name else (rest,)


def _of_flags(flags: Sequence[str]) -> Layer:
    table: dict[str, Any] = {}
    for flag in flags:
        name, equals, value = flag.partition("=")
        if not equals:
            raise ConfigError(f"--set {flag}: give a setting and its value, such as cache.ttl_s=10")
        table = merged(table, _nested(tuple(name.split(".")), value))
    return Layer(table, lambda path: f"--set {'.'.join(path)}")


def _nested(path: Path, text: str) -> dict[str, Any]:
    """A table with the one setting: text where the setting is text, else a value as TOML writes it."""
    value: Any = text
    try:
        msgspec.convert(text, kind_of(Config, path) or str)
    except msgspec.ValidationError:
        with suppress(msgspec.DecodeError):  # then it is refused as a text, with what is allowed
            value = msgspec.toml.decode(f"value = {text}")["value"]
    *tables, key = path
    nested = {key: value}
    for table in reversed(tables):
        nested = {table: nested}
    return nested
