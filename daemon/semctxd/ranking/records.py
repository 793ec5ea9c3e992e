"""What the index knows of a file, as plain records: made by parsing, read by ranking, sent between processes.

Expressions are kept as *chains*: dotted names as written, with `()` where a call without arguments or, at the
end, any call stands: `self.model.objects`, `super().save`, `Foo()`. A chain that starts with a dot
is an attribute of something that was not followed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Literal

import msgspec

from semctxd.ranking.signature import parameters

Style = Literal["", "google", "numpy", "sphinx", "plain"]

Mark = tuple[str, str, int, int]
"""A convention that a file shows: key, value, how often, 1-based line of the first."""

_BETWEEN = "\0"

Kind = Literal["class", "function", "method", "variable"]


class Import(msgspec.Struct, array_like=True, gc=False):
    """One import statement."""

    module: str  # as written, without the leading dots
    level: int  # number of leading dots
    names: list[tuple[str, str]]  # (imported, bound); empty for `import module`
    bound: str  # what `import module` binds; "" for `from … import …`
    line: int  # 1-based, of the statement
    at: tuple[int, int]  # 0-based line and UTF-16 column of the first imported name


class Body(msgspec.Struct, gc=False, frozen=True):
    """What the body of a function says."""

    uses: list[str]  # chains, each once, in order
    locals: dict[str, str]  # name -> chain of its value, or ":" and its annotation; "" where neither is known
    attributes: list[tuple[str, str]]  # (attribute of self, chain of its value, or ":" and its annotation)
    returns: list[str]  # chains


class Record(msgspec.Struct, array_like=True, gc=False, eq=False):
    """One definition. `id` and `path` are set by the index that takes it in."""

    name: str
    owner: str  # the qualname of the class that it stands in, or ""
    kind: Kind
    line: int  # 1-based, of the name
    column: int  # 0-based, UTF-16, of the name
    end: int  # 1-based, last line
    signature: str
    doc: str  # first paragraph
    style: Style  # of the docstring; "" without one
    decorators: str  # chains, separated by spaces
    bases: str  # chains, of a class
    params: str  # names of the parameters, separated by spaces
    returns: str  # annotation of what a function returns or a variable is
    value: str  # chain of a variable's value
    is_callable: bool  # a function or method
    assigned: str  # names of attributes of self that a function may assign, separated by spaces
    body_imports: list[Import] | None  # import statements in a function's body
    terms: str  # its sub-tokens for text search, separated by spaces; given up once they are in the tables
    weights: bytes  # their BM25 weights, float32 in the order of `terms`; given up with them
    id: int = 0
    path: str = ""

    @property
    def qualname(self) -> str:
        """The name, after those of the classes that it stands in."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """(name, annotation or "") of each parameter."""
        return parameters(self.signature)


UNKNOWN = "?"
"""The mentions of a file that was not read as text: it is known by name only."""


class FileRecord(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One source file."""

    path: str  # relative to the root
    doc: str  # first paragraph of the module's docstring
    symbols: list[Record]  # in order of their names' positions
    imports: list[Import]  # at module level, conditional ones included
    marks: list[Mark]  # how it does things
    mentions: str  # see index/closure.py
    terms: str = ""  # the sub-tokens of all symbols, each once, separated by spaces
    packed: bytes = b""  # see `pack`; nothing where no body says anything
    more: tuple[Record, ...] = ()  # further definitions of names of `symbols`, which say what these do; with their ids

    @property
    def bodies(self) -> list[str]:
        """The text of each symbol's body, in their order; "" for what is no function."""
        if not self.packed:
            return [""] * len(self.symbols)
        return zlib.decompress(self.packed).decode().split(_BETWEEN)


def pack(bodies: Iterable[str]) -> bytes:
    """The texts of bodies, none of which has a NUL, in a third of the memory."""
    return zlib.compress(_BETWEEN.join(bodies).encode(), 1)
