"""What names mean at module level: definitions, imports, re-exports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from semctxd.index.memo import Looking, Memo, kept
from semctxd.index.modules import Modules
from semctxd.index.store import Store
from semctxd.ranking.records import Import

_DEPTH = 5  # how many re-exports are followed in a row


class Value(NamedTuple):
    """What an expression may be: a symbol itself, an instance of a class, or a module."""

    kind: str  # symbol, instance, module
    of: int | str  # id of the symbol or class; path of the module


class Scopes(Looking):
    """The module scopes of one state of the store. Of the modules' names and the files that there are nothing is noted:
    where these change, nothing is kept."""

    def __init__(self, store: Store, modules: Modules, memo: Memo, hidden: str = "") -> None:
        """`memo`: what was worked out with the same modules, but for files that changed; `hidden`: see Looking."""
        super().__init__(memo, hidden)
        self.store = store
        self.modules = modules

    @kept
    def tables(self, path: str) -> dict[str, dict[str, int]]:
        """Owner's qualname ("" for the module) -> name -> id, of one file."""
        self.look(path)
        tables: dict[str, dict[str, int]] = {}
        for id in self.store.ids(path):
            symbol = self.store.symbols[id]
            tables.setdefault(symbol.owner, {})[symbol.name] = id
        return tables

    def named(self, path: str, qualname: str) -> int | None:
        """The symbol of a file with that qualname, or None."""
        owner, _, name = qualname.rpartition(".")
        return self.tables(path).get(owner, {}).get(name)

    def imports(self, path: str) -> Sequence[Import]:
        """The import statements at module level of a file."""
        self.look(path)
        return self.store.files[path].imports

    def imported_from(self, path: str, statement: Import) -> str | None:
        """The file whose module an import statement names, or None where that lies outside."""
        if statement.level:
            return self.modules.relative(path, statement.level, statement.module)
        return self.modules.find(statement.module, path)

    @kept
    def scope(self, path: str) -> dict[str, Value]:
        """What names mean at module level."""
        scope: dict[str, Value] = {}
        if path in self.store.files:
            self.bind(scope, path, self.imports(path))
            scope.update((name, Value("symbol", id)) for name, id in self.tables(path).get("", {}).items())
        return scope

    def bind(self, scope: dict[str, Value], path: str, imports: Iterable[Import]) -> None:
        """Add what import statements of a file bind."""
        for statement in imports:
            source = self.imported_from(path, statement)
            if not statement.names:
                target = (
                    source
                    if statement.bound != statement.module.partition(".")[0]
                    else self.modules.find(statement.bound, path)
                )
                if target:
                    scope[statement.bound] = Value("module", target)
            elif source:
                for name, bound in statement.names:
                    if name == "*":
                        for other, found in self._all_of(source, {path}).items():
                            scope.setdefault(other, found)
                    elif value := self.exported(source, name):
                        scope[bound] = value

    def _all_of(self, path: str, seen: set[str]) -> dict[str, Value]:
        """What `from <path> import *` brings; `__all__` and underscores are not looked at."""
        seen.add(path)
        found: dict[str, Value] = {}
        for statement in self.imports(path):
            for name, bound in statement.names:
                if name != "*" and (value := self.exported(path, bound)):
                    found[bound] = value
                elif name == "*" and (source := self.imported_from(path, statement)) and source not in seen:
                    found.update(self._all_of(source, seen))
        found.update((name, Value("symbol", id)) for name, id in self.tables(path).get("", {}).items())
        return found

    def exported(self, path: str, name: str, depth: int = 0) -> Value | None:
        """What `from <path> import name` gives: a definition, something re-exported, or a submodule."""
        id = self.tables(path).get("", {}).get(name)
        if id is not None:
            return Value("symbol", id)
        if depth < _DEPTH and path in self.store.files:
            for statement in self.imports(path):
                for original, bound in statement.names:
                    source = self.imported_from(path, statement) if bound in (name, "*") else None
                    if source and source != path:
                        found = self.exported(source, name if original == "*" else original, depth + 1)
                        if found:
                            return found
        module = self.modules.submodule(path, name)
        return Value("module", module) if module else None
