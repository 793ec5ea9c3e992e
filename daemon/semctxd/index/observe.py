"""What one file shows of how this repository does things: counts with the line of the first instance.

Plain functions from a file to (key, value, count, line) marks; conventions.py adds them up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from semctxd.ranking.records import Import, Mark, Record, Style
from semctxd.ranking.signals import is_test

Seen = tuple[str, int]
"""A value and the line where it was seen."""

_RAISES = re.compile(r"[ \t]*raise\s+(?:\w+\.)*([^\W\d]\w*)")
_FUTURE = "from __future__ import annotations"
_ERROR = re.compile(r"(?:Error|Exception|Warning)$")
_SPELLINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "string formatting": {"f-strings": ('f"', "f'"), "str.format": (".format(",)},
    "quotes": {"double": ('"',), "single": ("'",)},
}
_DATA_CLASSES = {
    "dataclass": "dataclasses", "define": "attrs", "s": "attrs", "attrs": "attrs", "frozen": "attrs",
    "BaseModel": "pydantic", "NamedTuple": "typing.NamedTuple", "TypedDict": "typing.TypedDict", "Struct": "msgspec",
}  # fmt: skip


def marks(symbols: list[Record], imports: list[Import], path: str, text: str) -> list[Mark]:
    """All marks of a file."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    of_symbols: dict[tuple[str, str], list[int]] = {}  # line of the first, how often
    for symbol in symbols:
        for seen in _of_symbol(symbol):
            if (known := of_symbols.get(seen)) is None:
                of_symbols[seen] = [symbol.line, 1]
            else:
                known[1] += 1
    counts = {seen: (count, first) for seen, (first, count) in of_symbols.items()}
    for key, found in (
        ("project imports", _import_style(imports, path)),
        ("paths", _path_handling(imports)),
        ("tests", _tests(symbols) if "test" in path else ()),
        ("test files", _test_files(path)),
        ("test framework", _test_framework(imports) if is_test(path) else ()),
        ("annotations", _annotations(text)),
        ("errors raised", _raised(text) if "raise " in text else ()),
    ):
        for value, line in found:
            count, first = counts.get((key, value), (0, line))
            counts[key, value] = count + 1, first
    for key, spellings in _SPELLINGS.items():
        for value, variants in spellings.items():
            if count := sum(map(text.count, variants)):
                first = min(at for at in map(text.find, variants) if at >= 0)
                counts[key, value] = count, text.count("\n", 0, first) + 1
    return [(key, value, count, first) for (key, value), (count, first) in counts.items()]


def docstring_style(raw: str) -> Style:
    """How a docstring is laid out."""
    if ":param " in raw or ":return" in raw or ":rtype" in raw or ":raises " in raw:
        return "sphinx"
    if "----" in raw and ("Parameters\n" in raw or "Returns\n" in raw):
        return "numpy"
    if "Args:\n" in raw or "Returns:\n" in raw or "Raises:\n" in raw or "Yields:\n" in raw:
        return "google"
    return "plain"


def _of_symbol(symbol: Record) -> Iterator[tuple[str, str]]:
    """(key, value) of what one definition shows."""
    bare = symbol.name.strip("_")
    if symbol.kind == "variable":
        if symbol.value.endswith(("getLogger()", "get_logger()")):
            yield "logging", symbol.signature
        if not symbol.owner and bare == symbol.name:
            yield "constants", "UPPER_CASE" if bare.isupper() else "lower_case"
        return
    if bare == symbol.name:
        yield "docstrings", "documented" if symbol.style else "not documented"
    if symbol.style:
        yield "docstring style", symbol.style
    if symbol.kind == "class":
        yield "class names", "PascalCase" if bare[:1].isupper() and "_" not in bare else "other"
        if kind := _data_class(symbol):
            yield "data classes", kind
        if base := _error_base(symbol):
            yield "error classes", base
        return
    if bare:
        yield "function names", "snake_case" if bare.islower() else "camelCase"
    hinted = symbol.returns or ":" in symbol.signature
    yield "type hints", "annotated" if hinted else "not annotated"
    if "| None" in symbol.signature:
        yield "optional types", "X | None"
    if "Optional[" in symbol.signature:
        yield "optional types", "Optional[X]"
    yield "functions", "async" if symbol.signature.startswith("async") else "sync"


def _data_class(symbol: Record) -> str:
    chains = f"{symbol.decorators} {symbol.bases}".replace("()", "").split()
    return next((_DATA_CLASSES[name] for chain in chains if (name := chain.rpartition(".")[2]) in _DATA_CLASSES), "")


def _error_base(symbol: Record) -> str:
    """What a class derives from that is an error, or ""."""
    bases = (chain.rpartition(".")[2] for chain in symbol.bases.split())
    return next((f"derive from {base}" for base in bases if _ERROR.search(base)), "")


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


def _test_files(path: str) -> Iterator[Seen]:
    *folders, name = path.split("/")
    if name.startswith("test_") or name.endswith("_test.py"):
        pattern = "test_*.py" if name.startswith("test_") else "*_test.py"
        place = next((folder for folder in reversed(folders) if folder in ("test", "tests")), "")
        yield f"{pattern} in {place}/" if place else f"{pattern} beside the code", 1


def _test_framework(imports: list[Import]) -> Iterator[Seen]:
    for statement in imports:
        if (module := statement.module.partition(".")[0]) in ("pytest", "unittest") and not statement.level:
            yield module, statement.line


def _annotations(text: str) -> Iterator[Seen]:
    at = text.find(_FUTURE)
    if at >= 0:
        yield _FUTURE, text.count("\n", 0, at) + 1


def _raised(text: str) -> Iterator[Seen]:
    line = 1
    at = counted = 0
    while (at := text.find("raise", at)) >= 0:  # five times as fast as to have the pattern look at each line
        match = _RAISES.match(text, text.rfind("\n", 0, at) + 1)
        if match is None or match.end() <= at:  # not the first of its line
            at += 1
            continue
        line += text.count("\n", counted, match.start(1))
        at, counted = match.end(), match.start(1)
        yield match[1], line
