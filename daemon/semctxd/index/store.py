"""The records of a workspace's files, and the tables over them that are kept up file by file.

Every file owns a contiguous range of ids, and a file that is read again gets a new range above all others. So
every table is a sorted array: what is added goes to its end, what is removed is one slice. Ids say nothing of
age to the outside: answers are ordered by path and line.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, pairwise
from sys import intern
from typing import TypeVar

import msgspec

from semctxd.index import lexing
from semctxd.ranking.records import UNKNOWN, Body, FileRecord, Import, Record
from semctxd.ranking.text import IDENTIFIER

_BODIES_MAX = 4000  # bodies are read when asked for; this many (about 6 MB) are kept
_POPULAR = 1000
_BEST_MAX = 100  # terms whose best documents are kept, for as long as nothing changes (2 MB)
_PART = 256  # keys of a table that are saved at once: large buffers would leave holes in the heap
_BETWEEN_NAMES = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}
Buffer = bytes | msgspec.Raw
T = TypeVar("T")
N = TypeVar("N", int, float)
Gone = Mapping[str, Sequence[tuple[int, int]]]
"""Keys -> the ids that each loses, in order: from one (inclusive) to another (exclusive)."""
_NOTHING: tuple[Sequence[int], Sequence[float]] = ((), ())


class Table:
    """Keys -> sorted ids."""

    def __init__(self) -> None:
        self._ids: dict[str, array[int]] = {}

    def add(self, keys: Iterable[str], id: int) -> None:
        """Append an id, which is above all earlier ones, to each key."""
        for key in keys:
            self.append(key, id)

    def append(self, key: str, id: int) -> None:
        """Append an id, which is above all earlier ones, to one key."""
        if (found := self._ids.get(key)) is None:
            self._ids[key] = array("I", (id,))
        else:
            found.append(id)

    def remove(self, gone: Gone) -> None:
        """Drop ids."""
        for key, spans in gone.items():
            if (found := self._ids.get(key)) is not None:
                _cut(found, _places(found, spans))
                if not found:
                    del self._ids[key]

    def get(self, key: str) -> Sequence[int]:
        """The ids of a key, ascending."""
        return self._ids.get(key, ())

    def keys(self) -> Iterable[str]:
        """Every key that has an id."""
        return self._ids.keys()

    def fullest(self, count: int) -> list[str]:
        """The `count` keys that have most ids, and those that have as many as the last of these; in no order."""
        numbers = sorted(map(len, self._ids.values()))
        bar = numbers[-count] if len(numbers) >= count else 0
        return [key for key, ids in self._ids.items() if len(ids) >= bar]

    def saved(self) -> Iterator[bytes]:
        """All of it, in parts for `restore`."""
        return _parts(self._ids, array.tobytes)

    def restore(self, part: Buffer) -> None:
        """Take in a part of what was saved by the same version on the same kind of machine; an empty table has all of
        it when it has all parts. Raises MsgspecError or ValueError."""
        kept = msgspec.msgpack.decode(part, type=dict[str, bytes])
        self._ids.update((intern(key), array("I", ids)) for key, ids in kept.items())


class Postings:
    """Terms -> sorted ids and a weight for each: an inverted index with ready-made BM25 weights."""

    def __init__(self) -> None:
        self._lists: dict[str, tuple[array[int], array[float]]] = {}
        self._best: dict[tuple[str, int], tuple[Sequence[int], Sequence[float]]] = {}  # of terms asked for lately

    def add(self, terms: Sequence[str], weights: Iterable[float], id: int) -> None:
        """Append one document, whose id is above all earlier ones."""
        lists = self._lists
        self._best.clear()
        for term, weight in zip(terms, weights, strict=True):
            if (found := lists.get(term)) is None:
                lists[term] = array("I", (id,)), array("f", (weight,))
            else:
                found[0].append(id)
                found[1].append(weight)

    def remove(self, gone: Gone) -> None:
        """Drop documents."""
        self._best.clear()
        for term, spans in gone.items():
            if (found := self._lists.get(term)) is not None:
                ids, weights = found
                places = _places(ids, spans)
                _cut(ids, places)
                _cut(weights, places)
                if not ids:
                    del self._lists[term]

    def get(self, term: str) -> tuple[Sequence[int], Sequence[float]]:
        """(ids, weights) of a term; equally long, maybe empty."""
        return self._lists.get(term, _NOTHING)

    def best(self, term: str, count: int) -> tuple[Sequence[int], Sequence[float]]:
        """The same of the `count` highest weights of a term that has more, and of what equals the last of these."""
        found = self._best.get((term, count))
        if found is None:
            if len(self._best) >= _BEST_MAX:
                self._best.clear()
            ids, weights = self.get(term)
            bar = sorted(weights)[-count]
            chosen = bytes(map(bar.__le__, weights))
            found = array("I", compress(ids, chosen)), array("f", compress(weights, chosen))
            self._best[term, count] = found
        return found

    def saved(self) -> Iterator[bytes]:
        """See Table."""
        return _parts(self._lists, lambda lists: [numbers.tobytes() for numbers in lists])

    def restore(self, part: Buffer) -> None:
        """See Table."""
        kept = msgspec.msgpack.decode(part, type=dict[str, tuple[bytes, bytes]])
        self._lists.update((term, (array("I", ids), array("f", weights))) for term, (ids, weights) in kept.items())


def _places(ids: array[int], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where ids stand, and end."""
    found, end = [], 0
    for low, high in spans:
        start = bisect_left(ids, low, end)
        end = bisect_left(ids, high, start, min(len(ids), start + high - low))
        found.append((start, end))
    return found


def _cut(numbers: array[N], places: Sequence[tuple[int, int]]) -> None:
    """Drop what stands there. What is kept moves once, however many places there are."""
    to = places[0][0]
    for (_, end), (start, _) in pairwise(places):
        numbers[to : to + start - end] = numbers[end:start]
        to += start - end
    del numbers[to : places[-1][1]]


def _parts(entries: Mapping[str, T], said: Callable[[T], object]) -> Iterator[bytes]:
    keys = list(entries)
    for start in range(0, len(keys), _PART):
        yield msgspec.msgpack.encode({key: said(entries[key]) for key in keys[start : start + _PART]})


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
        self.marks: dict[
            tuple[str, str], dict[str, tuple[int, int]]
        ] = {}  # key, value -> path -> how often, first line
        self.mark_counts: dict[tuple[str, str], int] = {}  # key, value -> how often
        self._popular: list[str] = []  # names that most files import, when `importing` was `_popular_of`
        self._popular_of = -1
        self._bodies: dict[int, Body] = {}
        self._said: dict[str, int] = {}  # name -> files in which functions say it, but for those
        self._uncounted: set[str] = set()  # whose names are not counted yet
        self._first: dict[str, int] = {}
        self._paths: dict[int, str] = {}
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

    def body(self, id: int) -> Body:
        """What a function's body says; nothing, for what is no function."""
        found = self._bodies.get(id)
        if found is None:
            if len(self._bodies) >= _BODIES_MAX:
                self._bodies.clear()
            found = self._bodies[id] = lexing.body(self.symbols[id].body or "")
        return found

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
                symbol.weights = b""  # they are in the postings now
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
        for key, value, count, line in record.marks:
            self.marks.setdefault((key, value), {})[record.path] = count, line
            self.mark_counts[key, value] = self.mark_counts.get((key, value), 0) + count
        for id, symbol in enumerate(record.symbols, first):
            symbol.id, symbol.path = id, record.path
            symbol.name, symbol.params = intern(symbol.name), intern(symbol.params)  # as keys of tables, and each other
            if symbol.qualname == symbol.name:
                symbol.qualname = symbol.name
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
            terms: set[str] = set()
            parameters: set[str] = set()
            returned: set[str] = set()
            for symbol in record.symbols:
                terms.update(symbol.terms.split())
                parameters.update(symbol.params.split())
                if symbol.is_callable:
                    returned.update(IDENTIFIER.findall(symbol.returns))
                del self.symbols[symbol.id]
                self._bodies.pop(symbol.id, None)
            names = {symbol.name for symbol in record.symbols}
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
    for name in names_said(record.symbols):
        said[name] = said.get(name, 0) + by
        if not said[name]:
            del said[name]


def names_said(symbols: Iterable[Record]) -> set[str]:
    """The names that functions say, and other words and numbers of their text, each once."""
    return set("\n".join(symbol.body for symbol in symbols if symbol.body).translate(_BETWEEN_NAMES).split())


def imported(statements: Iterable[Import]) -> set[str]:
    """The names that import statements name, and the modules of those that `import` one."""
    return {name for one in statements for name in ([original for original, _ in one.names] or [one.module])}


def _modules(record: FileRecord) -> set[str]:
    return {one.module for one in record.imports if not one.level}


def _said(record: FileRecord) -> list[tuple[int, str, list[tuple[str, str]]]]:
    """What a file's imports name."""
    return [(one.level, one.module, one.names) for one in record.imports]
