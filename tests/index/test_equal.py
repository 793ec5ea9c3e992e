"""Whatever order of edits led to a tree, its index answers like one that was built from nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from semctx.errors import SemctxError
from semctxd.index.answer import context, relevant_files
from semctxd.index.find import find
from semctxd.index.live import LiveIndex

NAMES = st.sampled_from(["load", "save", "Store", "parse_key", "KEYS"])
FOLDERS = st.sampled_from(["", "p", "p/q", "r"])
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


class Edits(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.live = LiveIndex(str(self.root))
        self.live.refresh()

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def told(self, *paths: Path) -> None:
        self.live.apply([str(path) for path in paths])

    @rule(folder=FOLDERS, file=FILES, source=sources())
    def write(self, folder: str, file: str, source: str) -> None:
        path = self.root / folder / file
        top = path.parent if path.parent.exists() else self.root
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        self.told(path if top == path.parent else top)

    @rule(folder=FOLDERS, file=FILES)
    def remove(self, folder: str, file: str) -> None:
        path = self.root / folder / file
        path.unlink(missing_ok=True)
        self.told(path)

    @rule(folder=st.sampled_from(["p", "p/q", "r"]))
    def remove_folder(self, folder: str) -> None:
        shutil.rmtree(self.root / folder, ignore_errors=True)
        self.told(self.root / folder)

    @rule(old_name=st.sampled_from(["p/q", "r", "p/a.py"]), new_name=st.sampled_from(["r", "p/moved", "p/b.py"]))
    def move(self, old_name: str, new_name: str) -> None:
        old, new = self.root / old_name, self.root / new_name
        if old.exists() and not new.exists() and new.parent.exists() and old.is_dir() == ("." not in new_name):
            os.rename(old, new)
            self.told(old, new)

    @rule()
    def overflow(self) -> None:
        self.live.refresh()

    @rule()
    def ask_on_the_way(self) -> None:
        answers(self.live)

    @invariant()
    def equals_a_new_index(self) -> None:
        fresh = LiveIndex(str(self.root))
        fresh.refresh()
        assert answers(self.live) == answers(fresh)


TestEdits = Edits.TestCase
TestEdits.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
