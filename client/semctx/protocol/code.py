"""Code that is not in the repository yet: what would be wrong with it, and how names get into it."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, Required, TypedDict

from semctx.protocol.base import FRESH, ROOT, SERVER, Meta, Method

__all__ = ["Added", "CheckLimits", "CheckParams", "CheckResult", "ImportOf", "ResolveParams", "ResolveResult", "Way"]


class CheckLimits(TypedDict, total=False):
    """How much is checked and shown at most; each between 0 and 1000."""

    files: int  # that import it: default 50
    places: int  # diagnostics: default 100


class CheckParams(TypedDict, total=False):
    """A text that a file might get."""

    root: Required[str]
    file: Required[str]  # absolute, or relative to the root; it need not exist
    text: Required[str]  # of the whole file; at most 2 000 000 bytes of UTF-8
    scope: Literal["file", "dependents"]  # dependents: the files that import it, too; default: file
    limits: CheckLimits
    consistency: Literal["strict", "relaxed"]


class Added(TypedDict, total=False):
    """A diagnostic that the text would add: LSP's Diagnostic, whatever else it has, and what it is about."""

    range: Required[dict[str, Any]]  # in the new text, as LSP counts
    message: Required[str]
    severity: int  # LSP's: 1 error, 2 warning, 3 information, 4 hint
    code: int | str
    source: str
    file: Required[str]  # relative to the root
    source_line: Required[str]  # the line where the range starts
    symbol: str  # the name that it concerns
    nearest: list[str]  # names that exist in that place, where the symbol does not


class CheckResult(TypedDict):
    """What the text would add to what is wrong in the repository."""

    diagnostics: list[Added]  # of the file itself first, then by path
    checked: int  # files
    left_out: int  # files that import it beyond `limits.files`, and diagnostics beyond `limits.places`
    completeness: NotRequired[Literal["unknown", "indexing"]]  # of what the server said; missing: complete
    meta: Meta
    degraded: NotRequired[list[str]]


class ResolveParams(TypedDict, total=False):
    """Names that code in a file is about to use."""

    root: Required[str]
    file: Required[str]  # it need not exist
    names: Required[list[str]]  # each once, at most 100
    consistency: Literal["strict", "relaxed"]


class Way(TypedDict):
    """A statement that imports a name, as the language server has checked."""

    statement: str  # can be pasted as it is
    count: int  # how many files of the repository import it so
    definition: str  # path:line; where it is defined


class ImportOf(TypedDict):
    """How a name gets into the file."""

    name: str
    state: Literal["resolved", "ambiguous", "present", "unknown"]  # present: nothing needs to be imported
    statement: str  # the most usual one; empty where none is needed or known
    ways: list[Way]  # ambiguous: the definitions to choose from; a re-export is no definition of its own
    nearest: list[str]  # of an unknown name: names that exist


class ResolveResult(TypedDict):
    """The names in the order of the question."""

    names: list[ImportOf]
    completeness: NotRequired[Literal["unknown", "indexing"]]  # of what the server said; missing: complete
    meta: Meta
    degraded: NotRequired[list[str]]


METHODS: dict[str, Method] = {
    "code/check": Method(
        CheckParams,
        CheckResult,
        "Which diagnostics a text would add to the repository. Nothing is written, and nobody else sees the text.",
        (*ROOT, *FRESH, *SERVER, "IndexerFailed", "OutsideRoot", "FileNotFound", "NoSourceFiles", "TextRefused"),
    ),
    "code/resolve": Method(
        ResolveParams,
        ResolveResult,
        "For each name the import statement that resolves from a file.",
        (*ROOT, *FRESH, *SERVER, "IndexerFailed", "OutsideRoot", "FileNotFound", "NoSourceFiles"),
    ),
}
