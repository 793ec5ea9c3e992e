"""Importable module paths of files, and the files that imports name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property


class Modules:
    """Module names of one set of files (paths relative to the root).

    A module's name starts below its source root: the nearest folder above it that is no package. So `src/` and the
    like are left out wherever they are, and a script's module is its stem. A package has an `__init__` file or is
    one of `namespaces`: folders that are packages without. `pkg-stubs` holds the stubs of `pkg` (PEP 561).
    """

    def __init__(self, paths: Iterable[str], namespaces: frozenset[str] = frozenset()) -> None:
        self.paths = frozenset(paths)
        self.namespaces = namespaces
        inits = (path for path in self.paths if "__init__." in path and _stem(path).endswith("__init__"))
        self._packages = {path.rpartition("/")[0] for path in inits} | namespaces
        self._source_roots: dict[str, str] = {}

    def source_root(self, folder: str) -> str:
        """The folder from which modules in `folder` are imported ("" is the root)."""
        found = self._source_roots.get(folder)
        if found is None:
            found = self.source_root(folder.rpartition("/")[0]) if folder and folder in self._packages else folder
            self._source_roots[folder] = found
        return found

    def name(self, path: str) -> str:
        """The importable name of a file's module: `pkg/__init__.py` is `pkg`. The file need not exist."""
        folder = path.rpartition("/")[0]
        top = self.source_root(folder)
        stem = _stem(path)[len(top) + 1 if top else 0 :]
        name = stem.removesuffix("/__init__").replace("/", ".") if stem != "__init__" else folder.rpartition("/")[2]
        first, dot, rest = name.partition(".")
        return f"{first.removesuffix('-stubs')}{dot}{rest}"

    def namespaces_by(self, is_imported: Callable[[str], bool]) -> frozenset[str]:
        """The folders without an `__init__` file that are packages, as absolute imports name them: `import pkg.sub.a`
        says so of the folders `pkg` and `pkg/sub` above a file `a.py`; but not of `src` where there is `src/pkg` with
        an `__init__` file that is imported as `pkg`, too."""
        return frozenset(
            folder
            for regular, module, folders in self._longer_names
            if is_imported(module) and not (regular and is_imported(regular))
            for folder in folders
        )

    @cached_property
    def _longer_names(self) -> list[tuple[str, str, list[str]]]:
        """(regular package it is in or "", module, folders): names that files have if those folders are packages.
        A name that begins with a regular package means that one, as in Python."""
        tops = {self.name(f"{folder}/x.py").partition(".")[0] for folder in self._packages}
        found = []
        for path in self.paths:
            parent = path.rpartition("/")[0]
            folder = self.source_root(parent)
            if not folder:
                continue
            name, folders = self.name(path), []
            regular = name.partition(".")[0] if parent in self._packages else ""
            while folder:
                folders.append(folder)
                folder, _, last = folder.rpartition("/")
                name = f"{last}.{name}"
                if last not in tops:
                    found.append((regular, name, folders[:]))
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Files by module name; also by the name that scripts of the same folder use, who are run from there."""
        found = defaultdict(list)
        short = Modules(self.paths) if self.namespaces else self
        for path in self.paths:
            for name in {self.name(path), short.name(path)}:
                found[name].append(path)
        return found

    def find(self, module: str, importer: str = "") -> str | None:
        """The file that `import module` means in `importer`, or None: one of the same source root first."""
        folder = importer.rpartition("/")[0]
        tail = module
        while tail:
            suffix = module.replace(".", "/")
            found = [
                path for path in self._by_name.get(tail, ())
                if tail == module or _stem(path).removesuffix("/__init__").endswith(suffix)
            ]  # fmt: skip
            if found:
                top = self.source_root(folder)
                return min(
                    found,
                    key=lambda path: (
                        self.source_root(path.rpartition("/")[0]) != top,
                        self.name(path) != module,
                        path.rpartition("/")[0] != folder,
                        path.count("/"),
                        path.endswith(".pyi"),
                        path,
                    ),
                )
            tail = tail.partition(".")[2]  # a namespace package's folders have no __init__
        return None

    def relative(self, importer: str, level: int, module: str) -> str | None:
        """The file that `from ..module import` means in `importer`, or None."""
        parts = importer.split("/")[:-1]
        if level - 1 > len(parts):
            return None
        base = parts[: len(parts) - (level - 1)] + (module.split(".") if module else [])
        return self.file_of("/".join(base))

    def file_of(self, stem: str) -> str | None:
        """The file of a module or package, given its path without suffix."""
        prefix = f"{stem}/" if stem else ""
        candidates = (f"{stem}.py", f"{prefix}__init__.py", f"{stem}.pyi", f"{prefix}__init__.pyi")
        return next((path for path in candidates if path in self.paths), None)

    def submodule(self, package: str, name: str) -> str | None:
        """The file of `package.name`, where `package` is the path of an `__init__` file; else None."""
        folder, _, file = package.rpartition("/")
        return self.file_of(f"{folder}/{name}" if folder else name) if file.startswith("__init__.") else None


def _stem(path: str) -> str:
    return path.rpartition(".")[0]
