"""TOML tables checked against structs: every problem, with the line where it stands and what is allowed there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, get_args, get_origin

import msgspec

from semctxd.errors import ConfigError

Path = tuple[str, ...]
"""The keys that lead to a setting, such as ("cache", "ttl_s")."""

Problem = tuple[Path, str]
"""Where, and what is wrong there."""

_KEY = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_HEADER = re.compile(r"\s*\[+(?P<keys>[^\[\]]+)\]")
_ASSIGNMENT = re.compile(r"""\s*(?P<keys>[\w."'\s-]+?)\s*=""")


class Source(NamedTuple):
    """A file's text, and the keys under which its settings stand."""

    name: str
    text: str
    under: Path = ()

    def table(self) -> Any:
        """The settings; None where there are none. Raises ConfigError where the text is no TOML."""
        try:
            table = msgspec.toml.decode(self.text)
        except msgspec.DecodeError as error:
            told = re.search(r"\(at line (\d+)", str(error))
            line = int(told[1]) if told else len(self.text.splitlines())  # else at the end
            raise ConfigError(f"{self.name}:{line}: no valid TOML: {error}") from error
        for key in self.under:
            table = table.get(key) if isinstance(table, dict) else None
        return table

    def place(self, path: Path) -> str:
        """`FILE:LINE` of a setting, or of the nearest table around it that has a line of its own."""
        path = (*self.under, *path)
        header: Path = ()
        deepest, found = 0, 1
        for number, line in enumerate(self.text.splitlines(), 1):
            if match := _HEADER.match(line):
                keys = header = _keys(match)
            elif match := _ASSIGNMENT.match(line):
                keys = (*header, *_keys(match))
            else:
                continue
            if deepest < len(keys) and keys == path[: len(keys)]:
                deepest, found = len(keys), number
        return f"{self.name}:{found}"


def _keys(match: re.Match[str]) -> Path:
    return tuple(key.strip("\"'") for key in _KEY.findall(match["keys"]))


def problems(value: Any, kind: Any, path: Path = ()) -> Iterator[Problem]:
    """What keeps a table from being a `kind`: unknown keys, wrong values, missing ones."""
    found = False
    for key, item in value.items() if isinstance(value, dict) else ():
        inner = _kind_at(kind, key)
        if inner is None:
            found = True
            yield (*path, key), _unknown(path, key, kind)
        else:
            for problem in problems(item, inner, (*path, key)):
                found = True
                yield problem
    if found:
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        choices = [one for one in get_args(kind) if isinstance(one, str)]
        said = f"Expected one of {', '.join(choices)}" if choices else what
        yield path, f"{'.'.join(path)}{where.rstrip('`')}: {said}"


def refuse(found: Iterable[Problem], place: Callable[[Path], str]) -> None:
    """Raises ConfigError that says each problem with its place, one a line."""
    if said := [f"{place(path)}: {what}" for path, what in found]:
        raise ConfigError("\n".join(said))


def leaves(table: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every setting of a table."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The settings of both tables; where both have one, that of `above`."""
    return below | {
        key: merged(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }


def kind_of(top: Any, path: Path) -> Any:
    """The type of a setting; None where there is no such setting."""
    kind = top
    for key in path:
        kind = _kind_at(kind, key) if kind is not None else None
    return kind


def _kind_at(kind: Any, key: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return next((field.type for field in msgspec.structs.fields(kind) if field.name == key), None)
    return get_args(kind)[1] if get_origin(kind) is dict else None


def _unknown(path: Path, key: str, kind: Any) -> str:
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return f"{'.'.join((*path, key))}: {'.'.join(path)} is no table"
    allowed = ", ".join(sorted(field.name for field in msgspec.structs.fields(kind)))
    where = f"[{'.'.join(path)}] has no" if path else "there is no section"
    return f"{where} {key}; allowed are {allowed}"
