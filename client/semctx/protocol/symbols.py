"""Symbols by name or position: where they are, what they say, who uses them; and what is wrong in files."""

from __future__ import annotations

from typing import Literal, NotRequired, Required, TypedDict

from semctx.protocol.base import FRESH, ROOT, SERVER, Limits, Meta, Method, NotIndexed, Symbol

__all__ = [
    "BodiesResult",
    "Body",
    "Call",
    "Calls",
    "CallsResult",
    "Diagnostic",
    "DiagnosticsParams",
    "DiagnosticsResult",
    "FileDiagnostics",
    "FileOverview",
    "FilePlaces",
    "FindParams",
    "FindResult",
    "Hover",
    "HoverResult",
    "Outline",
    "OverviewParams",
    "OverviewResult",
    "Place",
    "Places",
    "PlacesResult",
    "Position",
    "SymbolLimits",
    "SymbolParams",
]


class FindParams(TypedDict, total=False):
    """A symbol by its name or name path."""

    root: Required[str]
    name: Required[str]  # `filter`, `QuerySet.filter` or `QuerySet/filter`: the end of a symbol's path
    kind: Literal["class", "function", "method", "variable"]
    match: Literal["exact", "substring", "fuzzy"]  # default: exact
    limits: Limits
    consistency: Literal["strict", "relaxed"]


class FindResult(TypedDict):
    """The symbols of that name; where a class inherits the member that a name path asks for, the inherited one."""

    symbols: list[Symbol]
    left_out: int  # how many more there are than `limits.symbols`
    not_indexed: NotRequired[NotIndexed]  # what could not be looked into
    meta: Meta
    degraded: NotRequired[list[str]]


class SymbolLimits(TypedDict, total=False):
    """How much of each kind an answer holds at most; each between 0 and 1000."""

    symbols: int  # groups, one for each symbol of the name: default 5; in an overview, of each file: default 200
    files: int  # of each group, or of the answer: default 50
    places: int  # places, calls or diagnostics, of each group: default 100
    lines: int  # of each body: default 400


class SymbolParams(TypedDict, total=False):
    """A symbol, by `name`, or by a position: `file`, `line` and `column`."""

    root: Required[str]
    name: str  # as of symbols/find
    kind: Literal["class", "function", "method", "variable"]  # of a name
    file: str  # of the position; or where the symbol of that name stands: absolute, or relative to the root
    line: int  # 1-based
    column: int  # 0-based, UTF-16 code units
    limits: SymbolLimits
    consistency: Literal["strict", "relaxed"]


class OverviewParams(TypedDict, total=False):
    """What a file or a folder defines."""

    root: Required[str]
    file: str  # a file or folder, absolute or relative to the root; default: the root
    limits: SymbolLimits
    consistency: Literal["strict", "relaxed"]


class DiagnosticsParams(TypedDict, total=False):
    """What is wrong in a file, or in the files of a folder."""

    root: Required[str]
    file: str  # a file or folder, absolute or relative to the root; default: the root
    limits: SymbolLimits  # `files`: how many are looked at
    consistency: Literal["strict", "relaxed"]


class Position(TypedDict):
    """Where was asked."""

    file: str  # relative to the root
    line: int  # 1-based
    column: int  # 0-based, UTF-16 code units


class Place(TypedDict):
    """A range of a file, and what its first line says."""

    line: int  # 1-based
    column: int  # 0-based, UTF-16 code units
    end_line: int
    end_column: int
    text: str  # the line
    symbol: str  # qualname of the class or function around it, "" at module level or outside of the root


class FilePlaces(TypedDict):
    """The places of one file."""

    file: str  # relative to the root; absolute outside of it
    places: list[Place]


class Places(TypedDict):
    """The answer for one symbol of the name, or for the position."""

    symbol: NotRequired[Symbol]  # missing where a position stands on no definition's name
    at: Position
    source: Literal["server", "index"]  # who answered: the index where the language server did not know
    files: list[FilePlaces]
    count: int  # of all places
    left_out: int  # how many of them are not in `files`


class PlacesResult(TypedDict):
    """Where a symbol is defined, used or implemented."""

    groups: list[Places]
    left_out: int  # how many more symbols there are of that name
    hint: NotRequired[str]  # how to get what was left out
    completeness: NotRequired[Literal["unknown", "indexing"]]  # of what the server said; missing: complete
    meta: Meta
    degraded: NotRequired[list[str]]


class Hover(TypedDict):
    """What is said of one symbol."""

    symbol: NotRequired[Symbol]
    at: Position
    source: Literal["server", "index"]
    text: str  # Markdown; "" where nothing is known


class HoverResult(TypedDict):
    """Signatures, types and documentation."""

    groups: list[Hover]
    left_out: int
    hint: NotRequired[str]
    completeness: NotRequired[Literal["unknown", "indexing"]]
    meta: Meta
    degraded: NotRequired[list[str]]


class Body(TypedDict):
    """The source of one symbol, decorators included."""

    symbol: Symbol
    source: Literal["index"]
    line: int  # 1-based, of the first line
    end_line: int  # of the last line that `text` holds
    text: str
    left_out: int  # how many lines more it has


class BodiesResult(TypedDict):
    """The source of symbols."""

    groups: list[Body]
    left_out: int
    hint: NotRequired[str]
    meta: Meta
    degraded: NotRequired[list[str]]


class Call(TypedDict):
    """A function at the other end of calls."""

    name: str
    qualname: str  # dotted, without the module; the name alone outside of the root
    kind: Literal["class", "function", "method", "variable"]
    file: str  # relative to the root; absolute outside of it
    line: int  # 1-based, of the name
    column: int  # 0-based, UTF-16 code units
    places: list[Place]  # where it is called


class Calls(TypedDict):
    """Who calls one symbol, or whom it calls."""

    symbol: NotRequired[Symbol]
    at: Position
    source: Literal["server", "index"]
    calls: list[Call]
    count: int  # of all functions at the other end
    left_out: int


class CallsResult(TypedDict):
    """The calls of symbols."""

    groups: list[Calls]
    left_out: int
    hint: NotRequired[str]
    completeness: NotRequired[Literal["unknown", "indexing"]]
    meta: Meta
    degraded: NotRequired[list[str]]


class Outline(TypedDict):
    """One definition of a file."""

    name: str
    qualname: str
    kind: Literal["class", "function", "method", "variable"]
    line: int  # 1-based, of the name
    end_line: int
    signature: str
    doc: str


class FileOverview(TypedDict):
    """What one file defines."""

    file: str
    module: str  # importable
    doc: str  # first paragraph of the module's documentation
    symbols: list[Outline]  # in the order of the file; of a folder's files those at module level
    left_out: int


class OverviewResult(TypedDict):
    """What a file or the files of a folder define."""

    files: list[FileOverview]  # by path
    source: Literal["index"]
    left_out: int  # how many more files there are
    hint: NotRequired[str]
    not_indexed: NotRequired[NotIndexed]  # which of the files have no symbols for that reason
    meta: Meta
    degraded: NotRequired[list[str]]


class Diagnostic(TypedDict):
    """One thing that is wrong, as the language server says."""

    severity: Literal["error", "warning", "information", "hint"]
    code: str
    message: str
    line: int  # 1-based
    column: int  # 0-based, UTF-16 code units
    end_line: int
    end_column: int
    symbol: str  # qualname of the class or function around it
    frame: str  # the line, its number, and what is meant underlined


class FileDiagnostics(TypedDict):
    """What is wrong in one file."""

    file: str
    diagnostics: list[Diagnostic]  # by position
    left_out: int


class DiagnosticsResult(TypedDict):
    """What is wrong in files."""

    files: list[FileDiagnostics]  # those with something wrong, by path
    source: Literal["server"]
    checked: int  # files looked at
    not_checked: NotRequired[list[str]]  # files that end the server, and so are kept from it
    counts: dict[str, int]  # severity -> how many
    left_out: int  # how many files were not looked at
    hint: NotRequired[str]
    completeness: NotRequired[Literal["unknown", "indexing"]]
    meta: Meta
    degraded: NotRequired[list[str]]


_INDEX = (*ROOT, *FRESH, "IndexerFailed")
_FILE = ("OutsideRoot", "FileNotFound", "FileRefused")
_SYMBOL = (*_INDEX, *_FILE, "PositionOutside", "SymbolNotFound", "NoSourceFiles")
_ASKED = (*_SYMBOL, "ServerCrashed", "FileEndsServer", "UnknownServer")

METHODS: dict[str, Method] = {
    "symbols/find": Method(
        FindParams, FindResult, "Symbols by name or name path.", (*_INDEX, "SymbolNotFound", "NoSourceFiles")
    ),
    "symbols/overview": Method(
        OverviewParams, OverviewResult, "What a file or folder defines.", (*_INDEX, *_FILE, "NoSourceFiles")
    ),
    "symbols/body": Method(SymbolParams, BodiesResult, "The source of a symbol.", _SYMBOL),
    "symbols/definition": Method(SymbolParams, PlacesResult, "Where a symbol is defined.", _ASKED),
    "symbols/references": Method(
        SymbolParams, PlacesResult, "Where a symbol is named: its definition, imports, uses.", _ASKED
    ),
    "symbols/implementations": Method(
        SymbolParams, PlacesResult, "The classes below a class, or what overrides a method; itself included.", _ASKED
    ),
    "symbols/hover": Method(SymbolParams, HoverResult, "Signature, types and documentation of a symbol.", _ASKED),
    "symbols/callers": Method(SymbolParams, CallsResult, "Which functions call a function.", _ASKED),
    "symbols/callees": Method(SymbolParams, CallsResult, "Which functions a function calls.", _ASKED),
    "diagnostics": Method(
        DiagnosticsParams,
        DiagnosticsResult,
        "What the language server finds wrong in a file, or in the files of a folder.",
        (*_INDEX, *_FILE, *SERVER, "UnknownServer", "NoSourceFiles"),
    ),
}
