"""The records of a workspace's files, and the tables over them that are kept up file by file.

Every file owns a contiguous range of ids, and a file that is read again gets a new range above all others. Ids say
nothing of age to the outside: answers are ordered by path and line.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from sys import intern
from typing import Any

from semctxd.index import lexing
from semctxd.index.tables import Postings, Table
from semctxd.ranking.records import UNKNOWN, Body, FileRecord, Import, Mark, Record
from semctxd.ranking.text import IDENTIFIER

_BODIES_MAX = 2000  # bodies are read when asked for; this many (about 2 MB) are kept
_TEXTS_MAX = 32  # files whose bodies' texts are kept (0.5 MB)
_POPULAR = 1000
_BETWEEN_NAMES = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}


class Store:
    """Files, their symbols and the tables over both. `generation` rises with every change, `comings` where a file comes
    or goes, `importing` where what a file imports changes, `mentioning` where what it may mean by that does."""

    def __init__(self) -> None:
        self.generation = self.comings = self.importing = self.mentioning = 0
        self.files: dict[str, FileRecord] = {}
        self.changed: set[str] = set()  # files that came, changed or went; who has taken that in clears it
        self.unread: set[str] = set()  # those of the files that are known by name only
        self.symbols: dict[int, Record] = {}
        self.postings = Postings()
        self.by_name = Table()  # name -> symbols
        self.by_parameter = Table()  # parameter's name -> functions
        self.by_return = Table()  # name in the annotation of a result -> functions
        self.importers = Table()  # imported name, or module of an `import module` -> files (their first ids)
        self.by_module = Table()  # module of an absolute import -> files (their first ids)
        self.tables: tuple[Postings | Table, ...] = (
            self.postings,
            self.by_name,
            self.by_parameter,
            self.by_return,
            self.importers,
            self.by_module,
        )
        self.marks: dict[tuple[str, str], dict[str, Mark]] = {}  # key, value -> path -> that mark of the file
        self.mark_counts: dict[tuple[str, str], int] = {}  # key, value -> how often
        self._popular: list[str] = []  # names that most files import, when `importing` was `_popular_of`
        self._popular_of = -1
        # an id is never used again, so nothing in these is ever wrong
        self.body = lru_cache(_BODIES_MAX)(self._body)
        self._texts = lru_cache(_TEXTS_MAX)(lambda first: self.files[self._paths[first]].bodies)
        self._said: dict[str, int] = {}  # name -> files in which functions say it, but for those
        self._uncounted: set[str] = set()  # whose names are not counted yet
        self._first: dict[str, int] = {}
        self._paths: dict[int, str] = {}
        self._same: dict[object, Any] = {}  # what imports say, which many files do
        self._folders: dict[str, list[str]] = {}  # folder -> its files, sorted
        self._next = 1

    def ids(self, path: str) -> range:
        """The ids of a file's symbols, in order of their lines; empty for an unknown file."""
        first = self._first.get(path, 0)
        return range(first, first + len(self.files[path].symbols)) if first else range(0)

    def path(self, first: int) -> str:
        """The file whose first id this is."""
        return self._paths[first]

    def neighbours(self, path: str, count: int) -> list[str]:
        """So many other files of the same folder, those next to it by name."""
        folder = self._folders.get(path.rpartition("/")[0], [])
        at = bisect_left(folder, path)
        return [other for other in folder[max(0, at - count // 2) : at + count // 2 + 1] if other != path]

    def is_imported(self, module: str) -> bool:
        """Whether an absolute import names a module."""
        package, _, name = module.rpartition(".")
        return bool(self.by_module.get(module)) or any(
            statement.module == package and not statement.level and name in dict(statement.names)
            for first in self.by_module.get(package)
            for statement in self.files[self._paths[first]].imports
        )

    def popular(self) -> list[str]:
        """The thousand names that most files import, and those that as many import as the last of these."""
        if self._popular_of != self.importing:
            self._popular_of, self._popular = self.importing, self.importers.fullest(_POPULAR)
        return self._popular

    def text(self, id: int) -> str:
        """The text of a function's body; "" for what is no function."""
        first = self._first[self.symbols[id].path]
        return self._texts(first)[id - first]

    def _body(self, id: int) -> Body:
        """What a function's body says; nothing, for what is no function."""
        return lexing.body(self.text(id))

    def saying(self, name: str) -> Iterator[Record]:
        """The functions whose bodies have a name in their text."""
        for record in self.files.values():
            for symbol, text in zip(record.symbols, record.bodies, strict=True):
                if name in text:
                    yield symbol

    def said(self, name: str) -> int:
        """The number of files in which functions say a name."""
        while self.count():
            pass
        return self._said.get(name, 0)

    def count(self) -> bool:
        """Count what the functions of one more file say, as `said` does of all; whether there was one."""
        if not self._uncounted:
            return False
        _count(self._said, self.files[self._uncounted.pop()], 1)
        return True

    def put(self, *records: FileRecord) -> None:
        """Add files, or replace them; many at once cost less."""
        latest = {record.path: record for record in records}
        known = self._remove(latest)
        for record in latest.values():
            before = known.get(record.path)
            self.comings += before is None
            self.importing += before is None or _said(before) != _said(record)
            self.mentioning += before is None or before.mentions != record.mentions
            first = self._next
            self.enter(record, first)
            self.importers.add(imported(record.imports), first)
            self.by_module.add(_modules(record), first)
            for id, symbol in enumerate(record.symbols, first):
                self.postings.add(symbol.terms.split(), memoryview(symbol.weights).cast("f"), id)
                symbol.terms, symbol.weights = "", b""  # they are in the postings now
                self.by_name.append(symbol.name, id)
                if symbol.returns and symbol.is_callable:
                    self.by_return.add(set(IDENTIFIER.findall(symbol.returns)), id)
                if symbol.params:
                    self.by_parameter.add(set(symbol.params.split()), id)
            self.generation += 1
            self.changed.add(record.path)

    def enter(self, record: FileRecord, first: int) -> None:
        """Add a file that the tables have already, or will."""
        self._next = max(self._next, first + len(record.symbols) + 1)
        self.files[record.path] = record
        self._uncounted.add(record.path)
        if record.mentions == UNKNOWN:
            self.unread.add(record.path)
        self._first[record.path] = first
        self._paths[first] = record.path
        insort(self._folders.setdefault(record.path.rpartition("/")[0], []), record.path)
        record.marks[:] = [(intern(key), intern(value), count, line) for key, value, count, line in record.marks]
        for mark in record.marks:
            key, value, count, _ = mark
            self.marks.setdefault((key, value), {})[record.path] = mark
            self.mark_counts[key, value] = self.mark_counts.get((key, value), 0) + count
        for one in record.imports:
            one.module, one.at = intern(one.module), self._same.setdefault(one.at, one.at)
            pairs = [(intern(name), intern(bound)) for name, bound in one.names]
            one.names[:] = [self._same.setdefault(pair, pair) for pair in pairs]
        for id, symbol in enumerate(record.symbols, first):
            symbol.id, symbol.path = id, record.path
            symbol.name, symbol.params = intern(symbol.name), intern(symbol.params)  # as keys of tables, and each other
            symbol.owner = intern(symbol.owner)
            self.symbols[id] = symbol
        ids = {symbol.qualname: symbol.id for symbol in record.symbols} if record.more else {}
        for symbol in record.more:
            symbol.id, symbol.path = ids[symbol.qualname], record.path

    def drop(self, *paths: str) -> None:
        """Forget files, known or not."""
        count = len(self._remove(paths))
        self.generation += count
        self.comings += count
        self.importing += count
        self.mentioning += count

    def _remove(self, paths: Iterable[str]) -> dict[str, FileRecord]:
        """Take files out of everything; those that were known."""
        known = sorted({(first, path) for path in paths if (first := self._first.get(path))})
        gone: tuple[defaultdict[str, list[tuple[int, int]]], ...] = tuple(defaultdict(list) for _ in self.tables)
        removed = {}
        for first, path in known:
            record = removed[path] = self.files.pop(path)
            self.changed.add(path)
            if path in self._uncounted:
                self._uncounted.remove(path)
            else:
                _count(self._said, record, -1)
            span = first, first + len(record.symbols) + 1
            self.unread.discard(path)
            del self._first[path], self._paths[first]
            self._folders[path.rpartition("/")[0]].remove(path)
            for key, value, count, _ in record.marks:
                del self.marks[key, value][path]
                self.mark_counts[key, value] -= count
            parameters: set[str] = set()
            returned: set[str] = set()
            for symbol in record.symbols:
                parameters.update(symbol.params.split())
                if symbol.is_callable:
                    returned.update(IDENTIFIER.findall(symbol.returns))
                del self.symbols[symbol.id]
            names = {symbol.name for symbol in record.symbols}
            terms = record.terms.split()
            said = terms, names, parameters, returned, imported(record.imports), _modules(record)  # as `tables`
            for keys, lost in zip(said, gone, strict=True):
                for key in keys:
                    lost[key].append(span)
        for table, lost in zip(self.tables, gone, strict=True):
            if lost:
                table.remove(lost)
        return removed


def _count(said: dict[str, int], record: FileRecord, by: int) -> None:
    """Add what the functions of a file say to the counts, or take it away."""
    for name in names_said(record.bodies):
        said[name] = said.get(name, 0) + by
        if not said[name]:
            del said[name]


def names_said(bodies: Iterable[str]) -> set[str]:
    """The names that functions say, and other words and numbers of their text, each once."""
    return set("\n".join(bodies).translate(_BETWEEN_NAMES).split())


def imported(statements: Iterable[Import]) -> set[str]:
    """The names that import statements name, and the modules of those that `import` one."""
    return {name for one in statements for name in ([original for original, _ in one.names] or [one.module])}


def _modules(record: FileRecord) -> set[str]:
    return {one.module for one in record.imports if not one.level}


def _said(record: FileRecord) -> list[tuple[int, str, list[tuple[str, str]]]]:
    """What a file's imports name."""
    return [(one.level, one.module, one.names) for one in record.imports]
