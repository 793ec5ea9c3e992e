"""Answers as text for a person. What comes from a repository is never taken for a terminal's control codes."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeAlias

    from semctx.protocol import NotIndexed

    Line: TypeAlias = tuple[str, str]  # style, text

PLAIN, TITLE, DIM, FILE, BAD, GOOD, WARNING = "", "1", "2", "36", "31", "32", "33"  # of ANSI's Select Graphic Rendition
_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "\ufffd")
_MIB = 1024 * 1024


def render(view: str, answer: Any) -> str:
    """The text of one view; with colour if standard output is a terminal and `NO_COLOR` is not set."""
    lines = list(_view(view)(_clean(answer)))
    if lines and not lines[-1][1]:
        lines.pop()  # what follows the last section
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        return "\n".join(f"\x1b[{style}m{text}\x1b[0m" if style else text for style, text in lines)
    return "\n".join(text for _, text in lines)


def _view(name: str) -> Callable[[Any], Iterable[Line]]:
    from importlib import import_module

    module, _, function = name.partition(".")
    found: Callable[[Any], Iterable[Line]] = getattr(import_module(f"semctx.cli.views.{module}"), function)
    return found


def section(title: str, lines: Iterable[Line]) -> Iterator[Line]:
    """The title, the lines and an empty one; nothing where there are no lines."""
    if lines := list(lines):
        yield TITLE, title
        yield from lines
        yield PLAIN, ""


def columns(rows: Iterable[tuple[str, ...]]) -> list[Line]:
    """Rows as aligned, indented lines."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [(PLAIN, "  " + "  ".join(map(str.ljust, row, widths)).rstrip()) for row in rows]


def facts(answer: Any) -> Iterator[Line]:
    """What is to be known of an answer: what it may not reflect, what it took."""
    for reason in answer.get("degraded", ()):
        yield WARNING, f"degraded: {reason}"
    if answer.get("completeness") == "indexing":
        yield WARNING, "not complete: the language server still reads the repository"
    if missing := answer.get("not_indexed"):
        yield WARNING, not_indexed(missing)
    meta = answer["meta"]
    yield DIM, f"{meta['elapsed_ms']:.2f} ms{', cached' if meta['cached'] else ''}"


def not_indexed(missing: NotIndexed) -> str:
    """Which source files are known by name only."""
    more = ", …" if missing["count"] > len(missing["files"]) else ""
    names = f"{', '.join(missing['files'])}{more}"
    return f"{times(missing['count'], 'file')} not looked into, as too large, no text or not readable: {names}"


def times(count: int, noun: str) -> str:
    """A count and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float) -> str:
    """Seconds in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def mib(size: int) -> str:
    """Bytes as MiB."""
    return f"{size / _MIB:.1f} MiB"


def _clean(value: Any) -> Any:
    """The same answer without control characters in its texts."""
    if isinstance(value, str):
        return value.translate(_CONTROLS)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value
