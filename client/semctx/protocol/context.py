"""What in the repository matters for code that is about to be written."""

from __future__ import annotations

from typing import Literal, NotRequired, Required, TypedDict

from semctx.protocol.base import FRESH, ROOT, Limits, Meta, Method, NotIndexed, Symbol

__all__ = ["ContextParams", "ContextResult", "Convention", "FileScore", "FilesParams", "FilesResult", "ImportPattern"]


class ContextParams(TypedDict, total=False):
    """What is about to be written."""

    root: Required[str]
    intent: Required[str]  # in words
    signature: str  # `def f(x: int) -> str`
    arguments: str  # what is said of the arguments, `:param x: …`
    targetFile: str  # where it will stand: absolute, or relative to the root
    qualname: str  # its own name, dotted, without the module
    draft: str  # code written before any context was there
    limits: Limits
    minConfidence: float  # leave out symbols below this
    explain: bool  # add a breakdown to each symbol
    consistency: Literal["strict", "relaxed"]


class FilesParams(TypedDict, total=False):
    """Which files matter for an intent."""

    root: Required[str]
    intent: Required[str]
    signature: str
    arguments: str
    targetFile: str
    qualname: str
    draft: str
    limits: Limits
    explain: bool
    consistency: Literal["strict", "relaxed"]


class FileScore(TypedDict):
    """A file that matters."""

    path: str  # relative to the root
    score: float
    why: str


class ImportPattern(TypedDict):
    """An import that code in this place would need and does not have."""

    module: str
    names: list[str]  # at most three; empty for the module itself
    statement: str  # can be pasted as it is
    count: int  # how many files have it, of the nearest 300 that import something of that name
    evidence: list[str]  # path:line; the definition, where no file has it yet
    checked: bool  # the language server resolved it


class Convention(TypedDict):
    """How this repository does something, counted."""

    key: str
    value: str
    count: int
    of: int
    evidence: list[str]  # path:line


class ContextResult(TypedDict):
    """Ranked semantic context."""

    symbols: list[Symbol]  # every kind, best first
    types: list[int]  # positions in `symbols`
    functions: list[int]
    files: list[FileScore]
    imports: list[ImportPattern]
    conventions: list[Convention]
    keywords: list[str]  # of the intent, as written: at most 100, of at most 100 letters each
    source: Literal["index", "server", "knowledge-base"]
    enriched: bool  # the language server's part is in it
    hint: NotRequired[str]  # no word of the question is known here, so the order says little; what to do
    not_indexed: NotRequired[NotIndexed]  # what could not be looked into
    meta: Meta
    degraded: NotRequired[list[str]]


class FilesResult(TypedDict):
    """Ranked files."""

    files: list[FileScore]
    keywords: list[str]  # of the intent, as written: at most 100, of at most 100 letters each
    hint: NotRequired[str]  # no word of the question is known here, so the order says little; what to do
    not_indexed: NotRequired[NotIndexed]  # what could not be looked into
    meta: Meta
    degraded: NotRequired[list[str]]


METHODS: dict[str, Method] = {
    "context/query": Method(
        ContextParams,
        ContextResult,
        "Ranked context for an intent.",
        (*ROOT, *FRESH, "IndexerFailed", "OutsideRoot"),
    ),
    "files/relevant": Method(
        FilesParams,
        FilesResult,
        "Ranked files for an intent.",
        (*ROOT, *FRESH, "IndexerFailed", "OutsideRoot"),
    ),
}
