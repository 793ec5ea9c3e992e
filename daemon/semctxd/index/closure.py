"""Which files a file can depend on: those it imports, and those they import in turn.

A superset on purpose: an import statement means every file whose path ends like the module's name, whatever the
search path is, and every package on the way; so what a language server resolves is among them. What lies outside of the
index is not: a change of a file that is in no closure must be taken to concern every answer. Imports that a program
makes by a call are no statements: no language server follows them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from semctxd.index.store import Store

UNKNOWN = "?"
"""The mentions of a file that was not read as text."""

_IMPORT = re.compile(r"import\b(?=[ \t]*(\((?:[^)#]|#[^\n]*)*|[^\n;#]*))")  # and what follows: one line, or brackets
_BEFORE = re.compile(r"(?:^|[;:])[ \t\f]*(?:lazy[ \t]+)?(?:from\b([ \t.]*)([\w.]*)[ \t]*(?<=[ \t.]))?$", re.MULTILINE)
_COMMENT = re.compile(r"#[^\n]*")
_NAME = re.compile(r"[\w.]+|\*")
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
        self._comings = -1
        self._stems: dict[str, list[tuple[str, str]]] = {}  # last part of a module's name -> (its whole name, path)
        self._paths: frozenset[str] = frozenset()
        self._imports: dict[str, tuple[str, frozenset[str]]] = {}  # path -> (mentions, the files they mean)

    def of(self, file: str) -> list[str]:
        """The paths of all that a file can depend on, itself included, sorted; empty where that is not known."""
        self._renew()
        if file not in self._paths:
            return []
        found, waiting = {file}, [file]
        while waiting:
            new = self._imported(waiting.pop()) - found
            found |= new
            waiting += new
        known = all(
            self._store.files[path].mentions != UNKNOWN and _dotted(path).rpartition(".")[2] not in _UNIMPORTED
            for path in found
        )
        return sorted(found) if known else []

    def importers(self, file: str) -> list[str]:
        """The files whose own import statements may mean a file, in no order."""
        self._renew()
        return [path for path in self._paths if path != file and file in self._imported(path)]

    def _renew(self) -> None:
        if self._comings != self._store.comings:
            self._comings = self._store.comings
            self._paths = frozenset(self._store.files)
            self._imports.clear()
            stems = defaultdict(list)
            for path in self._paths:
                name = _dotted(path)
                stems[name.rpartition(".")[2]].append((f".{name}", path))
            self._stems = dict(stems)

    def _imported(self, file: str) -> frozenset[str]:
        mentioned = self._store.files[file].mentions
        known = self._imports.get(file)
        if known is None or known[0] != mentioned:
            names = [_absolute(file, mention) for mention in mentioned.split()]
            meant = {path for name in names for path in self._meant(name)}
            own = _dotted(file)
            twins = {path for name, path in self._stems[own.rpartition(".")[2]] if name == f".{own}"}
            known = self._imports[file] = mentioned, frozenset(meant | twins)
        return known[1]

    def _meant(self, name: str) -> Iterator[str]:
        """The files of a module and of the packages that it is in; of all that is in a package, for `package.*`."""
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            if parts[end - 1] == "*":
                within = "." + ".".join(parts[: end - 1])
                yield from (
                    path
                    for stems in self._stems.values()
                    for stem, path in stems
                    if stem.rpartition(".")[0].endswith(within)
                )
            else:
                prefix = "." + ".".join(parts[:end])
                yield from (path for stem, path in self._stems.get(parts[end - 1], ()) if stem.endswith(prefix))


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
