"""Which files a file can depend on: those it imports, and those they import in turn.

A superset on purpose: an import statement means every file whose path ends like the module's name, whatever the
search path is, and every package on the way; so what a language server resolves is among them. What lies outside of the
index is not: a change of a file that is in no closure must be taken to concern every answer. Imports that a program
makes by a call are no statements: no language server follows them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from semctxd.index.store import Store
from semctxd.ranking.records import UNKNOWN

LARGEST = 1000
"""Files of a closure that is worth knowing: a larger one costs much, and spares little."""

_IMPORT = re.compile(r"import\b(?=[ \t]*(\((?:[^)#]|#[^\n]*)*|[^\n;#]*))")  # and what follows: one line, or brackets
_BEFORE = re.compile(r"(?:^|[;:])[ \t\f]*(?:lazy[ \t]+)?(?:from\b([ \t.]*)([\w.]*)[ \t]*(?<=[ \t.]))?$", re.MULTILINE)
_COMMENT = re.compile(r"#[^\n]*")
_NAME = re.compile(r"[\w.]+|\*")
_KNOWN_MAX = 16  # a closure in which much is tied together is met soon on the way from any file
_UNIMPORTED = ("conftest", "__builtins__")  # what servers may read although nothing imports it


def mentions(text: str) -> str:
    """Every module that import statements anywhere in a source text may name, separated by spaces: `os.path`,
    `..sub.name`, `.models.*`. Names that are imported from a module may be modules too.
    """
    found: dict[str, None] = {}
    text = text.replace("\\\r\n", " ").replace("\\\n", " ").replace("\r", "\n")
    for statement in _IMPORT.finditer(text):
        before = _BEFORE.search(text, text.rfind("\n", 0, statement.start()) + 1, statement.start())
        if before is None:
            continue
        if before[1] is None:
            found.update((words[0], None) for one in statement[1].split(",") if (words := _NAME.findall(one)))
            continue
        module = "".join(before[1].split()) + before[2]
        joint = "" if module.endswith(".") else "."
        found[module] = None
        found.update((f"{module}{joint}{name}", None) for name in _NAME.findall(_COMMENT.sub("", statement[1])))
    return " ".join(found)


class Closures:
    """The closures over one store. Not thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._comings = self._mentioning = -1
        self._names = _Endings(())
        self._packages: _Endings | None = None  # the same by the names of the packages that they are in, once needed
        self._imports: dict[str, tuple[str, tuple[str, ...]]] = {}  # path -> (mentions, the files they mean)
        self._known: dict[str, frozenset[str]] = {}  # some closures: whoever meets such a file knows the rest
        self._endless: set[str] = set()  # files whose closure is not known, nor that of whoever imports them

    def of(self, file: str) -> list[str]:
        """The paths of all that a file can depend on, itself included, sorted; empty where that is not known, or they
        are so many that nearly every edit is of one of them."""
        self._renew()
        found = self._closed(file) if file in self._store.files else None
        if found is None:
            self._endless.add(file)
            return []
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[file] = frozenset(found)
        return sorted(found)

    def _closed(self, file: str) -> set[str] | None:
        found, waiting = {file}, [file]
        while waiting:
            path = waiting.pop()
            if known := self._known.get(path):
                found |= known
            elif path in self._endless or not self._is_readable(path):
                return None
            else:
                new = [other for other in self._imported(path) if other not in found]
                found.update(new)
                waiting += new
            if len(found) > LARGEST:
                return None
        return found

    def _is_readable(self, path: str) -> bool:
        return self._store.files[path].mentions != UNKNOWN and _dotted(path).rpartition(".")[2] not in _UNIMPORTED

    def importers(self, file: str) -> list[str]:
        """The files whose own import statements may mean a file, in no order."""
        self._renew()
        return [path for path in self._store.files if path != file and file in self._imported(path)]

    def _renew(self) -> None:
        if self._comings != self._store.comings:
            self._comings = self._store.comings
            self._imports.clear()
            self._endless.clear()
            self._names = _Endings((_dotted(path), path) for path in self._store.files)
            self._packages = None
        if self._mentioning != self._store.mentioning:
            self._mentioning = self._store.mentioning
            self._known.clear()

    def _imported(self, file: str) -> tuple[str, ...]:
        mentioned = self._store.files[file].mentions
        known = self._imports.get(file)
        if known is None or known[0] != mentioned:
            names = {name: None for mention in mentioned.split() for name in _and_packages(_absolute(file, mention))}
            meant = {path: None for name in names for path in self._meant(name)}
            meant |= dict.fromkeys(self._names.equal(_dotted(file)))
            known = self._imports[file] = mentioned, tuple(meant)
        return known[1]

    def _meant(self, name: str) -> Sequence[str]:
        """The files of a module; of all that is in a package, for `package.*`."""
        if not name.endswith(".*"):
            return self._names.like(name)
        if self._packages is None:
            self._packages = _Endings((_dotted(path).rpartition(".")[0], path) for path in self._store.files)
        return self._packages.like(name[:-2])


class _Endings:
    """Paths by dotted names, found by the parts that a name ends with: those that end alike stand together."""

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        found = sorted((_backwards(name), path) for name, path in named)
        self._names = [name for name, _ in found]
        self._paths = [path for _, path in found]

    def like(self, name: str) -> Sequence[str]:
        """The paths whose names end with all parts of a name."""
        first = _backwards(name)
        return self._paths[bisect_left(self._names, first) : bisect_left(self._names, first[:-1] + "/")]

    def equal(self, name: str) -> Sequence[str]:
        """The paths of exactly that name."""
        same = _backwards(name)
        return self._paths[bisect_left(self._names, same) : bisect_right(self._names, same)]


def _backwards(name: str) -> str:
    """`a.b` as `b.a.`; "/" follows "."."""
    return ".".join(reversed(name.split("."))) + "."


def _and_packages(name: str) -> Iterator[str]:
    """A module's name, and those of the packages that it is in, from the root."""
    at = name.find(".")
    while at >= 0:
        yield name[:at]
        at = name.find(".", at + 1)
    yield name


def _absolute(importer: str, mention: str) -> str:
    """A mention as a name from the root."""
    name = mention.lstrip(".")
    level = len(mention) - len(name)
    if not level:
        return name
    folders = _folders(importer)
    return ".".join([*folders[: max(0, len(folders) - level + 1)], *([name] if name else [])])


def _dotted(path: str) -> str:
    """A file's module by its path from the root; a package is called like its folder."""
    stem = path.rpartition("/")[2].partition(".")[0]
    return ".".join(_folders(path) + ([stem] if stem != "__init__" else [])) or stem


def _folders(path: str) -> list[str]:
    return [folder.removesuffix("-stubs") for folder in path.split("/")[:-1]]
