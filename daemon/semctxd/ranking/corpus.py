"""What ranking asks of an index. Ranking knows these shapes, and no index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from semctxd.ranking.records import Body, FileRecord, Import, Record


class Ids(Protocol):
    """Keys -> ascending ids."""

    def get(self, key: str) -> Sequence[int]:
        """The ids of a key."""


class Weighted(Protocol):
    """Terms -> ascending ids with a BM25 weight each."""

    def get(self, term: str) -> tuple[Sequence[int], Sequence[float]]:
        """(ids, weights) of a term, equally long."""

    def best(self, term: str, count: int) -> tuple[Sequence[int], Sequence[float]]:
        """The same of its highest weights."""


class Tables(Protocol):
    """Symbols and files by what they are called."""

    @property
    def files(self) -> Mapping[str, FileRecord]:
        """Path -> record."""

    @property
    def symbols(self) -> Mapping[int, Record]:
        """Id -> record."""

    @property
    def postings(self) -> Weighted:
        """Text search."""

    @property
    def by_name(self) -> Ids:
        """Name -> symbols."""

    @property
    def by_parameter(self) -> Ids:
        """Parameter's name -> functions."""

    @property
    def by_return(self) -> Ids:
        """Name in the annotation of a result -> functions."""

    def path(self, first: int) -> str:
        """The file that an id of `Corpus.importers` stands for."""

    def neighbours(self, path: str, count: int) -> Sequence[str]:
        """So many files of the same folder, those next to it by name."""

    def ids(self, path: str) -> Sequence[int]:
        """The symbols of a file, in order of their lines."""


class Corpus(Protocol):
    """Names resolved to symbols; nothing that the hidden function says is in it."""

    @property
    def store(self) -> Tables:
        """The tables."""

    @property
    def hidden(self) -> int:
        """The function that is about to be written anew; 0: none."""

    def said(self, name: str) -> int:
        """The number of files in which functions say a name."""

    def named(self, path: str, qualname: str) -> int | None:
        """The symbol of a file with that qualname."""

    def scope(self, path: str) -> Mapping[str, Any]:
        """What names mean at module level."""

    def imports(self, path: str) -> Sequence[Import]:
        """The import statements of a file."""

    def importers(self, name: str) -> Sequence[int]:
        """The files (as their first ids) that import a name."""

    def imported_from(self, path: str, statement: Import) -> str | None:
        """The file that an import statement names."""

    def owner(self, id: int) -> int | None:
        """The class that a symbol stands in."""

    def mro(self, cls: int) -> Sequence[int]:
        """The class and those it inherits from."""

    def members(self, cls: int) -> Mapping[str, int]:
        """Name -> id of what a class itself defines."""

    def all_members(self, cls: int) -> Mapping[str, int]:
        """The same with what it inherits."""

    def member(self, cls: int, name: str) -> int | None:
        """The definition that an attribute of a class means."""

    def classes_in(self, annotation: str, path: str) -> Sequence[int]:
        """The classes that an annotation names."""

    def attribute_names(self, cls: int) -> Sequence[str]:
        """Names that instances have."""

    def attribute(self, cls: int, name: str) -> Sequence[Any]:
        """What an attribute of an instance may be."""

    def body(self, function: int) -> Body:
        """What a function's body says; nothing, of the hidden one."""

    def text(self, function: int) -> str:
        """The text of a function's body; nothing, of the hidden one."""

    def uses(self, function: int) -> Sequence[int]:
        """The symbols that a function uses, each once, in order."""

    def names_used(self, function: int) -> set[str]:
        """All names that a function uses."""
