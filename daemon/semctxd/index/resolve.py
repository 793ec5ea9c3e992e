"""Names -> symbols: classes and their bases, types, and what functions use.

Everything is worked out when first asked for, and kept until a file changes that it was worked out from. What is kept
never depends on what was asked before: so circles end by depth, which is part of the key, and not where one happened
to enter.
Nothing is run and no environment is read: what cannot be seen in the sources stays unresolved. One function may
be *hidden*, because it is about to be written: then nothing that its body says is believed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from semctxd.index.memo import Memo, kept
from semctxd.index.modules import Modules
from semctxd.index.scopes import Scopes, Value
from semctxd.index.store import Store, imported, names_said
from semctxd.ranking.records import Body, Import, Record
from semctxd.ranking.text import IDENTIFIER

_DEPTH = 5  # how many assignments, calls and attributes are followed in a row
_WIDTH = 6  # how many alternatives are kept on the way
_MRO_MAX = 15
_HIDDEN = Body([], {}, [], [])
_TYPE_NAMES = re.compile(r"[^\W\d][\w.]*")


class Resolver(Scopes):
    """Answers about one state of the store."""

    def __init__(self, store: Store, modules: Modules, memo: Memo, hidden: int = 0) -> None:
        """`memo`: see Scopes; the function `hidden` (0: none) has no say."""
        super().__init__(store, modules, memo, store.symbols[hidden].path if hidden else "")
        self.hidden = hidden
        self._visible: list[Import] | None = None  # imports of the hidden function's file
        self._only_hidden: set[str] | None = None  # names that no other function of its file says

    # -- what the hidden function alone needs -----------------------------------------------------

    def imports(self, path: str) -> Sequence[Import]:
        """The import statements of a file, without the names that the hidden function alone uses."""
        statements = super().imports(path)
        if not self.hidden or path != self.store.symbols[self.hidden].path:
            return statements
        if self._visible is None:
            orphans = self._orphans(path)
            self._visible = [
                msgspec.structs.replace(one, names=kept) if kept else one
                for one in statements
                for kept in [[(name, bound) for name, bound in one.names if bound not in orphans]]
                if kept or (not one.names and one.bound not in orphans)
            ]
        return self._visible

    def said(self, name: str) -> int:
        """The number of files in which functions say a name, the hidden one left out."""
        if self._only_hidden is None:
            self._only_hidden = self._said_by_hidden_alone() if self.hidden else set()
        return self.store.said(name) - (name in self._only_hidden)

    def _said_by_hidden_alone(self) -> set[str]:
        hidden = self.store.symbols[self.hidden]
        others = self.store.files[hidden.path].bodies
        own = others.pop(self.hidden - self.store.ids(hidden.path).start)
        return names_said([own]) - names_said(others)

    def importers(self, name: str) -> Sequence[int]:
        """The files (as their first ids) that import a name, or `import` a module of that name."""
        found = self.store.importers.get(name)
        if found and self.hidden:
            path = self.store.symbols[self.hidden].path
            own = self.store.ids(path)[0]
            if own in found and name not in imported(self.imports(path)):
                return [first for first in found if first != own]
        return found

    def _orphans(self, path: str) -> set[str]:
        """The names in the hidden function's body that nothing else of its file says."""
        orphans = {root_of(chain) for chain in self.store.body(self.hidden).uses}
        for id in self.store.ids(path):
            symbol = self.store.symbols[id]
            said = f"{symbol.signature} {symbol.decorators} {symbol.bases} {symbol.value} {symbol.returns}"
            orphans.difference_update(IDENTIFIER.findall(said))
            if id != self.hidden:
                orphans.difference_update(root_of(chain) for chain in self.store.body(id).uses)
        return orphans

    # -- classes ----------------------------------------------------------------------------------

    def members(self, cls: int) -> dict[str, int]:
        """Name -> id of what a class itself defines."""
        symbol = self.store.symbols[cls]
        return self.tables(symbol.path).get(symbol.qualname, {})

    def owner(self, id: int) -> int | None:
        """The class that a symbol stands in, or None."""
        symbol = self.store.symbols[id]
        return self.named(symbol.path, symbol.owner) if symbol.owner else None

    def symbol(self, id: int) -> Record:
        """A symbol, whose file is looked at."""
        symbol = self.store.symbols[id]
        self.look(symbol.path)
        return symbol

    @kept
    def mro(self, cls: int) -> list[int]:
        """The class, then the known ones it inherits from, depth first."""
        found: dict[int, None] = {}
        waiting = [cls]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found[one] = None
                waiting.extend(reversed(self._bases(one)))
        return list(found)[:_MRO_MAX]

    def _bases(self, cls: int) -> list[int]:
        symbol = self.symbol(cls)
        values = (self.static(base, symbol.path, inherited=False) for base in symbol.bases.split())
        return [int(value.of) for value in values if value and value.kind == "symbol" and self._is_class(value.of)]

    def all_members(self, cls: int) -> dict[str, int]:
        """Name -> id of what a class has, inherited ones included."""
        found: dict[str, int] = {}
        for base in reversed(self.mro(cls)):
            found.update(self.members(base))
        return found

    def member(self, cls: int, name: str) -> int | None:
        """The definition that `cls.name` means, or None."""
        return next((id for base in self.mro(cls) if (id := self.members(base).get(name)) is not None), None)

    def _is_class(self, id: int | str) -> bool:
        return self.store.symbols[int(id)].kind == "class"

    def static(self, chain: str, path: str, inherited: bool = True) -> Value | None:
        """What a chain means at module level, without following values; `inherited`: through classes' bases too."""
        root, *rest = chain.replace("()", "").split(".")
        value = self.scope(path).get(root)
        for name in rest:
            if value is None:
                return None
            if value.kind == "module":
                value = self.exported(str(value.of), name)
            elif self._is_class(value.of):
                cls = int(value.of)
                id = self.member(cls, name) if inherited else self.members(cls).get(name)
                value = None if id is None else Value("symbol", id)
            else:
                return None
        return value

    # -- types ------------------------------------------------------------------------------------

    def classes_in(self, annotation: str, path: str) -> list[int]:
        """The repository's classes that an annotation names, containers' contents included."""
        found = (self.static(name, path) for name in _TYPE_NAMES.findall(annotation))
        ids = (int(value.of) for value in found if value and value.kind == "symbol" and self._is_class(value.of))
        return list(dict.fromkeys(ids))

    @kept
    def attribute(self, cls: int, name: str, depth: int = 0) -> list[Value]:
        """What an instance attribute may be, by the assignments and annotations in the class and its bases."""
        found: dict[Value, None] = {}
        for base in self.mro(cls):
            for id in self.members(base).values():
                symbol = self.store.symbols[id]
                if symbol.is_callable and name in symbol.assigned.split():
                    for attribute, fact in self.body(id).attributes:
                        if attribute == name:
                            found.update(dict.fromkeys(self._fact(fact, id, depth + 1)))
                elif symbol.name == name and symbol.kind == "variable":
                    found.update(dict.fromkeys(self._variable(id)))
        return list(found)[:_WIDTH]

    def attribute_names(self, cls: int) -> list[str]:
        """The names that instances get by assignment to `self`, in a stable order."""
        found: dict[str, None] = {}
        for base in self.mro(cls):
            for id in self.members(base).values():
                if self.store.symbols[id].is_callable:
                    found.update(dict.fromkeys(name for name, _ in self.body(id).attributes))
                elif self.store.symbols[id].kind == "variable":
                    found[self.store.symbols[id].name] = None
        return list(found)

    @kept
    def returns(self, function: int, depth: int = 0) -> list[Value]:
        """What calling a function may give: by its annotation, else by its return statements."""
        symbol = self.symbol(function)
        found = [Value("instance", cls) for cls in self.classes_in(symbol.returns, symbol.path)]
        if not found and not symbol.returns:
            for chain in self.body(function).returns:
                found.extend(self.values(chain, function, depth + 1))
        return list(dict.fromkeys(found))[:_WIDTH]

    def _variable(self, id: int) -> list[Value]:
        symbol = self.store.symbols[id]
        found = [Value("instance", cls) for cls in self.classes_in(symbol.returns, symbol.path)]
        value = self.static(symbol.value, symbol.path) if symbol.value else None
        if value and value.kind == "symbol" and value.of != id and self._is_class(value.of):
            found.append(Value("instance", value.of) if symbol.value.endswith("()") else value)
        return found

    def _fact(self, fact: str, function: int, depth: int) -> list[Value]:
        if fact.startswith(":"):
            return [Value("instance", cls) for cls in self.classes_in(fact[1:], self.store.symbols[function].path)]
        return self.values(fact, function, depth) if fact else []

    # -- functions --------------------------------------------------------------------------------

    def body(self, function: int) -> Body:
        """What a function's body says; nothing, of the hidden one."""
        self.symbol(function)
        return _HIDDEN if function == self.hidden else self.store.body(function)

    def text(self, function: int) -> str:
        """The text of a function's body; nothing, of the hidden one."""
        return "" if function == self.hidden else self.store.text(function)

    def values(self, chain: str, function: int, depth: int = 0, uses: dict[int, None] | None = None) -> list[Value]:
        """What a chain may be inside a function. The symbols met on the way are added to `uses`."""
        if depth > _DEPTH:
            return []
        root, *rest = chain.split(".")
        called = root.endswith("()")
        values = self._root(root.removesuffix("()"), function, depth)
        if uses is not None:
            uses.update(
                (int(value.of), None)
                for value in values
                if value.kind == "symbol" and root.removesuffix("()") not in ("self", "cls")
            )
        if called and root != "super()":
            values = self._call(values, depth)
        for part in rest:
            name = part.removesuffix("()")
            found: dict[Value, None] = {}
            for value in values:
                found.update(dict.fromkeys(self._step(value, name, depth, uses)))
            values = list(found)[:_WIDTH]
            if part != name:
                values = self._call(values, depth)
            if not values:
                break
        return values

    def _root(self, name: str, function: int, depth: int) -> list[Value]:
        symbol = self.symbol(function)
        is_own = name in ("self", "cls", "super") and symbol.kind == "method"
        if is_own and (owner := self.owner(function)) is not None:
            if name == "super":
                return [Value("instance", base) for base in self.mro(owner)[1:2]]
            return [Value("instance" if name == "self" else "symbol", owner)]
        body = self.body(function)
        if name in body.locals:
            fact = body.locals[name]
            return [] if fact.split(".")[0].removesuffix("()") == name else self._fact(fact, function, depth + 1)
        if name in symbol.params.split():
            # most signatures have no annotation, and need not be taken apart
            annotation = dict(symbol.parameters).get(name, "") if ":" in symbol.signature else ""
            return [Value("instance", cls) for cls in self.classes_in(annotation, symbol.path)]
        if symbol.body_imports and function != self.hidden:
            scope: dict[str, Value] = {}
            self.bind(scope, symbol.path, symbol.body_imports)
            if name in scope:
                return [scope[name]]
        value = self.scope(symbol.path).get(name)
        if value is None:
            return []
        if value.kind == "symbol" and self.store.symbols[int(value.of)].kind == "variable":
            return [value, *self._variable(int(value.of))]
        return [value]

    def _step(self, value: Value, name: str, depth: int, uses: dict[int, None] | None) -> list[Value]:
        if value.kind == "module":
            found = self.exported(str(value.of), name)
            if found is None:
                return []
            if found.kind == "symbol" and uses is not None:
                uses[int(found.of)] = None
            if found.kind == "symbol" and self.store.symbols[int(found.of)].kind == "variable":
                return [found, *self._variable(int(found.of))]
            return [found]
        cls = int(value.of)
        if not self._is_class(cls):
            return []
        id = self.member(cls, name)
        if id is None:
            return self.attribute(cls, name, depth + 1)
        if uses is not None:
            uses[id] = None
        symbol = self.store.symbols[id]
        result = [Value("symbol", id)]
        if symbol.kind == "variable":
            result += self.attribute(cls, name, depth + 1)
        elif "property" in symbol.decorators:
            result += self.returns(id, depth + 1)
        return result

    def _call(self, values: list[Value], depth: int) -> list[Value]:
        found: dict[Value, None] = {}
        for value in values:
            if value.kind == "symbol":
                symbol = self.store.symbols[int(value.of)]
                if symbol.kind == "class":
                    found[Value("instance", value.of)] = None
                elif symbol.is_callable:
                    found.update(dict.fromkeys(self.returns(symbol.id, depth + 1)))
        return list(found)[:_WIDTH]

    @kept
    def uses(self, function: int) -> tuple[int, ...]:
        """The symbols that a function's body uses, each once, in the order of their first use."""
        found: dict[int, None] = {}
        for chain in self.body(function).uses:
            if not chain.startswith("."):
                self.values(chain, function, 0, found)
        found.pop(function, None)
        return tuple(found)

    def names_used(self, function: int) -> set[str]:
        """Every name and attribute in a function's body, resolved or not."""
        return {part for chain in self.body(function).uses for part in chain.replace("()", "").split(".") if part}


def root_of(chain: str) -> str:
    """The first name of a chain; "" for one that begins with a dot."""
    return chain.partition(".")[0].removesuffix("()")
