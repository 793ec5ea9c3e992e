"""What one file shows of how this repository does things: counts with the line of the first instance.

Plain functions from a file to (key, value, count, line) marks; conventions.py adds them up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from semctxd.ranking.records import FileRecord, Import, Mark, Record

Seen = tuple[str, int]
"""A value and the line where it was seen."""

_RAISES = re.compile(r"^[ \t]*raise\s+(?:\w+\.)*([^\W\d]\w*)", re.M)
_SPELLINGS = {
    "string formatting": {"f-strings": ('f"', "f'"), "str.format": (".format(",), "percent": ('" % ', "' % ")},
    "quotes": {"double": ('"',), "single": ("'",)},
}
_DATA_CLASSES = {
    "dataclass": "dataclasses", "define": "attrs", "s": "attrs", "attrs": "attrs", "frozen": "attrs",
    "BaseModel": "pydantic", "NamedTuple": "typing.NamedTuple", "TypedDict": "typing.TypedDict", "Struct": "msgspec",
}  # fmt: skip


def marks(symbols: list[Record], imports: list[Import], path: str, text: str) -> list[Mark]:
    """All marks of a file."""
    found: list[Mark] = []
    for key, see in _SYMBOL_RULES.items():
        found.extend(_count(key, see(symbols)))
    found.extend(_count("data classes", _data_classes(symbols)))
    found.extend(_count("project imports", _import_style(imports, path)))
    found.extend(_count("paths", _path_handling(imports)))
    if "test" in path:
        found.extend(_count("tests", _tests(symbols)))
    found.extend(_count("errors raised", _raised(text)))
    for key, spellings in _SPELLINGS.items():
        for value, variants in spellings.items():
            if count := sum(map(text.count, variants)):
                first = min(at for at in map(text.find, variants) if at >= 0)
                found.append((key, value, count, text.count("\n", 0, first) + 1))
    return found


def _count(key: str, seen: Iterable[Seen]) -> Iterator[Mark]:
    counts: dict[str, tuple[int, int]] = {}
    for value, line in seen:
        count, first = counts.get(value, (0, line))
        counts[value] = count + 1, first
    for value, (count, first) in counts.items():
        yield key, value, count, first


def _function_names(symbols: list[Record]) -> Iterator[Seen]:
    for symbol in symbols:
        bare = symbol.name.strip("_")
        if symbol.is_callable and bare:
            yield ("snake_case" if bare.islower() else "camelCase"), symbol.line


def _class_names(symbols: list[Record]) -> Iterator[Seen]:
    for symbol in symbols:
        if symbol.kind == "class":
            bare = symbol.name.lstrip("_")
            yield ("PascalCase" if bare[:1].isupper() and "_" not in bare else "other"), symbol.line


def _constants(symbols: list[Record]) -> Iterator[Seen]:
    for symbol in symbols:
        if symbol.kind == "variable" and not symbol.owner and not symbol.name.startswith("__"):
            yield ("UPPER_CASE" if symbol.name.isupper() else "lower_case"), symbol.line


def _type_hints(symbols: list[Record]) -> Iterator[Seen]:
    for symbol in symbols:
        if symbol.is_callable:
            hinted = symbol.returns or any(annotation for _, annotation in symbol.params)
            yield ("annotated" if hinted else "not annotated"), symbol.line


def _docstrings(symbols: list[Record]) -> Iterator[Seen]:
    for symbol in symbols:
        if symbol.kind != "variable" and not symbol.name.startswith("_"):
            yield ("documented" if symbol.doc else "not documented"), symbol.line


def _docstring_style(symbols: list[Record]) -> Iterator[Seen]:
    return ((symbol.style, symbol.line) for symbol in symbols if symbol.style)


def _async(symbols: list[Record]) -> Iterator[Seen]:
    for symbol in symbols:
        if symbol.is_callable:
            yield ("async" if symbol.signature.startswith("async") else "sync"), symbol.line


def _logging(symbols: list[Record]) -> Iterator[Seen]:
    for symbol in symbols:
        if symbol.kind == "variable" and symbol.value.endswith(("getLogger()", "get_logger()")):
            yield symbol.signature, symbol.line


_SYMBOL_RULES: dict[str, Callable[[list[Record]], Iterable[Seen]]] = {
    "function names": _function_names,
    "class names": _class_names,
    "constants": _constants,
    "type hints": _type_hints,
    "docstrings": _docstrings,
    "docstring style": _docstring_style,
    "functions": _async,
    "logging": _logging,
}


def _data_classes(symbols: list[Record]) -> Iterator[Seen]:
    for symbol in symbols:
        if symbol.kind == "class":
            named = (chain.replace("()", "").rpartition(".")[2] for chain in (*symbol.decorators, *symbol.bases))
            if value := next((_DATA_CLASSES[name] for name in named if name in _DATA_CLASSES), ""):
                yield value, symbol.line


def _import_style(imports: list[Import], path: str) -> Iterator[Seen]:
    folders = path.split("/")[:-1]
    for statement in imports:
        if statement.level:
            yield "relative", statement.line
        elif statement.module.partition(".")[0] in folders:
            yield "absolute", statement.line


def _path_handling(imports: list[Import]) -> Iterator[Seen]:
    for statement in imports:
        if statement.module == "pathlib":
            yield "pathlib", statement.line
        elif statement.module in ("os", "os.path") and not statement.level:
            yield "os.path", statement.line


def _tests(symbols: list[Record]) -> Iterator[Seen]:
    for symbol in symbols:
        if symbol.name.startswith("test") and symbol.is_callable:
            yield ("functions" if symbol.kind == "function" else "methods of test classes"), symbol.line


def _raised(text: str) -> Iterator[Seen]:
    line, at = 1, 0
    for match in _RAISES.finditer(text) if "raise " in text else ():
        line += text.count("\n", at, match.start(1))
        at = match.start(1)
        yield match[1], line
