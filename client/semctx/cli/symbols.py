"""The commands about symbols by name or position, and about what is wrong in files."""

from __future__ import annotations

import os
import re

from semctx import roots, symbol_calls
from semctx.cli.talk import ask, connect, limits, show
from semctx.errors import SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from typing import Any

    from semctx.calls import Call
    from semctx.symbol_calls import AboutSymbol

_POSITION = re.compile(r"(.+):(\d+):(\d+)", re.S)


def overview(arguments: Namespace) -> int:
    """semctx overview."""
    return _below(arguments, symbol_calls.overview, "overview")


def diagnostics(arguments: Namespace) -> int:
    """semctx diagnostics."""
    return _below(arguments, symbol_calls.diagnostics, "diagnostics")


def body(arguments: Namespace) -> int:
    """semctx body."""
    return _about(arguments, symbol_calls.body, "bodies", "lines")


def definition(arguments: Namespace) -> int:
    """semctx def."""
    return _about(arguments, symbol_calls.definition, "places")


def references(arguments: Namespace) -> int:
    """semctx refs."""
    return _about(arguments, symbol_calls.references, "places")


def implementations(arguments: Namespace) -> int:
    """semctx impl."""
    return _about(arguments, symbol_calls.implementations, "places")


def hover(arguments: Namespace) -> int:
    """semctx hover."""
    return _about(arguments, symbol_calls.hover, "hover", "symbols")


def callers(arguments: Namespace) -> int:
    """semctx callers."""
    return _about(arguments, symbol_calls.callers, "calls")


def callees(arguments: Namespace) -> int:
    """semctx callees."""
    return _about(arguments, symbol_calls.callees, "calls")


def _below(arguments: Namespace, build: Callable[..., Call[Any]], view: str) -> int:
    """Ask about a file, or the files of a folder."""
    with connect(arguments) as daemon:
        path = _path(daemon.root, arguments.path)
        return show(
            arguments, ask(daemon, build(daemon.root, path, limits=limits(arguments, "files"))), f"symbols.{view}"
        )


def _about(arguments: Namespace, build: AboutSymbol[Any], view: str, limited: str = "places") -> int:
    """Ask about the symbol that the command line means: a name, or FILE:LINE:COL."""
    most = limits(arguments, limited)
    with connect(arguments) as daemon:
        if position := _POSITION.fullmatch(arguments.symbol):
            path, line, column = position[1], int(position[2]), int(position[3])
            column = _code_units(path, line, column)
            call = build(daemon.root, file=_path(daemon.root, path), line=line, column=column, limits=most)
        else:
            file = _path(daemon.root, arguments.file)
            call = build(daemon.root, arguments.symbol, kind=arguments.kind, file=file, limits=most)
        try:
            answer = ask(daemon, call)
        except SemctxError as error:
            if error.type == "PositionOutside":
                error.hint = "LINE and COL count from 1, COL in characters; the file may have changed."
            elif error.type == "SymbolNotFound" and os.path.isfile(arguments.symbol.partition(":")[0]):
                error.nearest = []
                error.hint = "A place is FILE:LINE:COL; `semctx overview FILE` shows what a file defines."
            raise
        return show(arguments, answer, f"symbols.{view}")


def _path(root: str, path: str | None) -> str | None:
    """How to name a file or folder in a request; the root itself is no other path."""
    if path is None or os.path.realpath(path) == os.path.realpath(root):
        return None
    return roots.path_in(root, path)


def _code_units(path: str, line: int, column: int) -> int:
    """A column, which counts characters from 1, in UTF-16 code units from 0, as the daemon counts."""
    column = max(column - 1, 0)
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            text = next((text.rstrip("\r\n") for number, text in enumerate(file, 1) if number == line), "")
    except OSError:  # the daemon says what is wrong with it
        return column
    beyond = column - len(text)
    return len(text[:column].encode("utf-16-le", "surrogatepass")) // 2 + max(beyond, 0)
