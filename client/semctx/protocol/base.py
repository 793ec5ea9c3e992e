"""What methods of several nouns have in common."""

from __future__ import annotations

from typing import Literal, NamedTuple, Required, TypedDict

__all__ = ["CancelParams", "Limits", "Meta", "Method", "NoParams", "NotIndexed", "RootParams", "Symbol"]


class Method(NamedTuple):
    """One request of the protocol."""

    params: type
    result: type
    doc: str
    errors: tuple[str, ...] = ()  # beyond those that any request may meet


ROOT = ("RootRefused", "RootNotFound", "DeadlineExceeded")
FRESH = ("NotYetFresh",)
SERVER = ("ServerUnavailable", "ServerCrashed", "FileEndsServer", "ServerError")


class Limits(TypedDict, total=False):
    """How much of each kind an answer holds at most."""

    symbols: int  # default 20
    files: int  # default 3
    imports: int  # default 10
    conventions: int  # default 10
    tokens: int  # of a context as a whole, estimated from above; default: no limit


class RootParams(TypedDict, total=False):
    """One workspace, or all where `root` is missing."""

    root: str  # absolute path of the workspace


class NoParams(TypedDict):
    """No parameters."""


class CancelParams(TypedDict):
    """Which request is to be cancelled."""

    id: int | str


class Symbol(TypedDict, total=False):
    """A definition in the repository."""

    name: Required[str]
    qualname: Required[str]  # dotted, without the module
    kind: Required[Literal["class", "function", "method", "variable"]]
    file: Required[str]  # relative to the root
    line: Required[int]  # 1-based, of the name
    column: Required[int]  # 0-based, UTF-16 code units, of the name
    module: Required[str]  # importable
    signature: Required[str]
    doc: Required[str]  # first paragraph of the documentation
    scope: Required[Literal["class", "file", "workspace"]]  # relative to the target
    confidence: float  # 0 to 1: estimated chance that the code to be written uses it (context only)
    breakdown: dict[str, float]  # signal -> share of the score (with `explain`)


class NotIndexed(TypedDict):
    """Source files that the index knows by name only: larger than 2 MB, no text, or not to be read."""

    count: int
    files: list[str]  # the first five, by path, relative to the root


class Meta(TypedDict):
    """Facts of this call, not of the answer."""

    elapsed_ms: float
    cached: bool
