"""Whatever order of edits led to a tree, its index answers like one that was built from nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from semctx.errors import SemctxError
from semctxd.index.answer import context, relevant_files
from semctxd.index.find import find
from semctxd.index.live import LiveIndex
from semctxd.index.scopes import Value
from tests.conftest import write

NAMES = st.sampled_from(["load", "save", "Store", "parse_key", "KEYS"])
FOLDERS = st.sampled_from(["", "p", "p/q", "r", "n/m"])
FILES = st.sampled_from(["__init__.py", "a.py", "b.py", "test_c.py", "d.pyi"])


@st.composite
def sources(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(0, 4))):
        name, other = draw(NAMES), draw(NAMES)
        lines.append(
            draw(
                st.sampled_from(
                    [
                        f"from p.a import {name}",
                        f"from .b import {name} as {other}",
                        "from p import *",
                        "import p.q.a as q",
                        "from n.m import keys",
                        "import keys",
                        f"def {name}({other}: Store = 1) -> Store:\n    '''Load a {other} by key.'''\n"
                        f"    return {other}.save(q.{name})",
                        f"class {name}(Store):\n    x = Store()\n    def {other}(self):\n"
                        f"        self.y = {name}()\n        return self.y.load()",
                        f"{name} = {other}()",
                        f"raise {name}",
                        "def (broken",
                    ]
                )
            )
        )
    return "\n".join(lines) + "\n"


def answers(live: LiveIndex) -> list[bytes]:
    asked = [
        {"intent": "Load the store by a key and save it", "explain": True},
        {"intent": "Parse a key.", "targetFile": "p/a.py", "qualname": "Store.load", "draft": "self.save(parse_key())"},
        {"intent": "Save", "targetFile": "r/new.py", "signature": "def save(store: Store)", "limits": {"symbols": 50}},
    ]
    found = [msgspec.json.encode(context(live, params)) for params in asked]
    found += [msgspec.json.encode(relevant_files(live, params)) for params in asked]
    for name in ("load", "Store.load", "key"):
        try:
            found.append(
                msgspec.json.encode(find(live, {"name": name, "match": "exact" if name != "key" else "substring"}))
            )
        except SemctxError as error:
            found.append(msgspec.json.encode(error.to_json()))
    return found


def resolved(live: LiveIndex) -> list[object]:
    """What names and functions mean, whichever function is hidden, by places."""
    symbols = sorted(live.store.symbols.values(), key=lambda one: (one.path, one.line, one.column))
    places = {symbol.id: (symbol.path, symbol.line, symbol.column) for symbol in symbols}

    def shown(values: Iterable[Value]) -> list[object]:
        return [(value.kind, value.of if isinstance(value.of, str) else places[value.of]) for value in values]

    found: list[object] = []
    for hidden in [0, *(symbol.id for symbol in symbols if symbol.is_callable)]:
        resolver = live.resolver(hidden)
        for path in sorted(live.store.files):
            scope = resolver.scope(path)
            found.append((path, list(scope), shown(scope.values())))
        for symbol in symbols:
            if symbol.is_callable:
                found.append([places[id] for id in resolver.uses(symbol.id)])
                found.append(shown(resolver.returns(symbol.id)))
            elif symbol.kind == "class":
                found.append([places[id] for id in resolver.mro(symbol.id)])
                found.append([shown(resolver.attribute(symbol.id, name)) for name in ("x", "y")])
    return found


WRITE = st.tuples(st.just("write"), FOLDERS, FILES, sources())
EDIT = st.one_of(
    WRITE,
    WRITE,
    WRITE,
    st.tuples(st.just("remove"), st.sampled_from(["p/a.py", "p/__init__.py", "p/q", "p", "r", "a.py"])),
    st.tuples(st.just("move"), st.sampled_from(["p/q", "r", "p"]), st.sampled_from(["r", "p/moved", "s"])),
    st.tuples(st.just("move"), st.sampled_from(["p/a.py", "p/b.py"]), st.sampled_from(["p/b.py", "a.py"])),
    st.tuples(st.just("overflow")),
)
START = {
    "p/__init__.py": "from p.a import *\n",
    "p/a.py": "import n.m.keys\nfrom p.q.b import Store\n"
    "def load(key: Store) -> Store:\n    '''Load a store by key.'''\n    return key.save()\n",
    "p/q/b.py": "class Store:\n    def save(self):\n        self.x = Store()\n        return self.x.load()\n"
    "    def load(self): pass\n",
    "n/m/keys.py": "def load(key): pass\n",
    "r/new.py": "from p import Store\nimport p.q.b as q\nKEYS = Store()\ndef parse_key():\n    KEYS.save(q.Store)\n",
}


def edit(root: Path, live: LiveIndex, what: str, *names: str) -> None:
    """Make one edit on disk, and tell the index of it as a watcher would."""
    told = []
    if what == "write":
        path = root / names[0] / names[1]
        told = [next(folder for folder in (path.parent, *path.parents) if folder.exists())]
        if told == [path.parent]:
            told = [path]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(names[2])
    elif what == "remove":
        path = root / names[0]
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        told = [path]
    elif what == "move":
        old, new = root / names[0], root / names[1]
        if old.exists() and not new.exists() and new.parent.exists() and old not in new.parents:
            os.rename(old, new)
            told = [old, new]
    else:
        live.refresh()
    live.apply([str(path) for path in told])


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(EDIT, min_size=1, max_size=8))
@example(
    [("write", "p", "a.py", "import keys\n"), ("write", "r", "a.py", ""), ("write", "r", "a.py", "import n.m.keys\n")]
)
def test_after_any_edits_the_answers_are_those_of_a_new_index(edits: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, START)
        live = LiveIndex(folder)
        live.refresh()
        for one in edits:
            answers(live), resolved(live)  # what is kept from before must not show
            edit(root, live, *one)
            fresh = LiveIndex(folder)
            fresh.refresh()
            assert answers(live) == answers(fresh)
            assert resolved(live) == resolved(fresh)
