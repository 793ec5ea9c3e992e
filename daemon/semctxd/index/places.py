"""What a language server said of places, as answers show it: by file, with the line and the definition around it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

from semctxd.index.live import LiveIndex
from semctxd.index.said import Contents, Diagnostic, Link, Location, LspRange, understood
from semctxd.index.source import Source, index_of, show
from semctxd.ranking.records import Record

_SEVERITIES = {1: "error", 2: "warning", 3: "information", 4: "hint"}  # LSP's DiagnosticSeverity
_KINDS = {5: "class", 6: "method", 9: "method", 12: "function"}  # LSP's SymbolKind


class Range(NamedTuple):
    """A range of a file, as LSP counts: from 0, in UTF-16 code units."""

    file: str  # relative to the root; absolute outside of it
    line: int
    column: int
    end_line: int
    end_column: int


class Viewer:
    """Reads each file once for one answer."""

    def __init__(self, live: LiveIndex) -> None:
        self.live = live
        self._sources: dict[str, Source] = {}

    def source(self, file: str) -> Source:
        """The text of a file."""
        found = self._sources.get(file)
        if found is None:
            found = self._sources[file] = show(self.live, file)
        return found

    def place(self, at: Range) -> dict[str, Any]:
        """A range as the protocol's Place."""
        around = enclosing(self.live, at.file, at.line + 1)
        return {
            "line": at.line + 1,
            "column": at.column,
            "end_line": at.end_line + 1,
            "end_column": at.end_column,
            "text": self.source(at.file).shown(at.line),
            "symbol": around.qualname if around else "",
        }

    def by_file(self, ranges: Iterable[Range], first: str, limits: dict[str, int]) -> dict[str, Any]:
        """The fields of the protocol's Places: the file `first` before the others, which come by path."""
        found: dict[str, list[Range]] = {}
        for one in sorted(set(ranges), key=lambda one: (one.file != first, one)):
            found.setdefault(one.file, []).append(one)
        count = sum(map(len, found.values()))
        left, files = limits["places"], []
        for file, places in list(found.items())[: limits["files"]]:
            if kept := places[:left]:
                left -= len(kept)
                files.append({"file": file, "places": [self.place(one) for one in kept]})
        return {"files": files, "count": count, "left_out": count - limits["places"] + left}

    def diagnostic(self, file: str, said: Diagnostic) -> dict[str, Any]:
        """One of LSP's Diagnostic as the protocol's."""
        at = range_of(file, said.range)
        place = self.place(at)
        del place["text"]
        return {
            "severity": _SEVERITIES.get(said.severity, "error"),
            "code": str(said.code),
            "message": said.message,
            **place,
            "frame": frame(self.source(file), at),
        }


def enclosing(live: LiveIndex, file: str, line: int) -> Record | None:
    """The innermost class or function around a line (1-based)."""
    found: Record | None = None
    store = live.store
    more = store.files[file].more if file in store.files else ()
    for symbols in (map(store.symbols.__getitem__, store.ids(file)), more):
        for symbol in symbols:
            if symbol.line > line:
                break
            if line <= symbol.end and symbol.kind != "variable" and (found is None or symbol.line >= found.line):
                found = symbol
    return found


def frame(source: Source, at: Range) -> str:
    """The first line of a range with its number, and the range underlined."""
    line = source.line(at.line).rstrip()
    start = index_of(line, at.column)
    end = index_of(line, at.end_column) if at.end_line == at.line else len(line)
    margin = "".join(letter if letter == "\t" else " " for letter in line[:start])
    number = str(at.line + 1)
    return f"{number} | {line}\n{' ' * len(number)} | {margin}{'^' * max(end - start, 1)}"


def ranges(live: LiveIndex, said: Any) -> list[Range]:
    """The places in a server's answer: Location, its list, or a list of LocationLink."""
    found = []
    for one in understood([said] if isinstance(said, dict) else said, list[dict[str, Any]]):
        if "targetUri" in one:
            link = understood(one, Link)
            found.append(range_of(file_of(live, link.targetUri), link.targetSelectionRange))
        else:
            location = understood(one, Location)
            found.append(range_of(file_of(live, location.uri), location.range))
    return found


def range_of(file: str, said: LspRange) -> Range:
    """LSP's Range in a file."""
    return Range(file, said.start.line, said.start.character, said.end.line, said.end.character)


def file_of(live: LiveIndex, uri: str) -> str:
    """The file of a URI, relative to the root, or absolute outside of it."""
    path = unquote(uri.removeprefix("file://"))
    return path.removeprefix(live.root.decode() + "/")


def kind_of(number: int) -> str:
    """One of LSP's SymbolKind as a kind of the protocol."""
    return _KINDS.get(number, "variable")


def text_of(contents: Contents) -> str:
    """The text of a hover's contents."""
    if isinstance(contents, list):
        return "\n\n".join(text_of(one) for one in contents)
    if isinstance(contents, str):
        return contents
    return f"```{contents.language}\n{contents.value}\n```" if contents.language else contents.value
