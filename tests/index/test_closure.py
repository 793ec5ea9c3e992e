"""What a file can depend on is never less than what its import statements mean."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

from semctxd.index.closure import LARGEST, Closures, mentions
from semctxd.index.decoding import MAX_BYTES, decode
from semctxd.index.store import Store
from semctxd.ranking.records import FileRecord
from tests.conftest import write
from tests.index.conftest import Grow, calls


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import a.b as c, d", "a.b d"),
        ("from a import b as c, d", "a a.b a.as a.c a.d"),
        ("from a import (b,  # ) not the end\n    c,\n)", "a a.b a.c"),
        ("from .. import b", ".. ..b"),
        ("from .import b", ". .b"),
        ("from . .a import b", "..a ..a.b"),
        ("from a import *", "a a.*"),
        ("from a import (b,\n    c", "a a.b a.c"),
        ("from a \\\n    import b, \\\n    c", "a a.b a.c"),
        ("from a import b\rimport c\r\nimport d", "a a.b c d"),
        ("if x: import a; import b", "a b"),
        ("class A:\n\tdef f(self):\n\t\timport a", "a"),
        ("lazy import a\nlazy from b import c", "a b b.c"),
        ("x = 'import a'\nimportant = y\nreimport = z", ""),
        ("from reimport import importer", "reimport reimport.importer"),
        ("import ä.b", "ä.b"),
        ("import\nfrom import b", " .b"),
    ],
)
def test_what_import_statements_mention(text: str, found: str) -> None:
    assert mentions(text).split() == found.split()


def test_no_import_statement_of_the_standard_library_is_missed() -> None:
    seen = 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("[a-l]*/*.py")):
        text = decode(path.read_bytes())
        try:
            tree = ast.parse(text or "")
        except SyntaxError:
            continue
        found = set(mentions(text or "").split())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                wanted = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                wanted = {module} | {f"{(module.rstrip('.') and module + '.') or module}{a.name}" for a in node.names}
            else:
                continue
            seen += len(wanted)
            assert wanted <= found, f"{path}:{node.lineno}"
    assert seen > 1000


TREE = {
    "src/p/__init__.py": "",
    "src/p/a.py": "from p import b\n",
    "src/p/b.py": "from .sub.deep import thing\n",
    "src/p/sub/__init__.py": "",
    "src/p/sub/deep.py": "import os\n",
    "src/p/sub/star.py": "from p.sub import *\n",
    "src/p/other.py": "def f():\n    import p.sub.deep\n",
    "src/p/other.pyi": "",
    "p-stubs/b.pyi": "from .typed import X\n",
    "src/p/typed.py": "",
    "lib/p.py": "",
    "alone.py": "import missing, os\n",
    "test/conftest.py": "",
    "test/test_a.py": "from test import conftest\n",
}


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("alone.py", "alone.py"),
        ("src/p/sub/deep.py", "src/p/sub/deep.py"),
        (  # by every path that ends like the name, the packages on the way, and the stubs
            "src/p/a.py",
            "lib/p.py p-stubs/b.pyi src/p/__init__.py src/p/a.py src/p/b.py src/p/sub/__init__.py src/p/sub/deep.py "
            "src/p/typed.py",
        ),
        ("src/p/sub/star.py", "lib/p.py src/p/__init__.py src/p/sub/__init__.py src/p/sub/deep.py src/p/sub/star.py"),
        (
            "src/p/other.py",
            "lib/p.py src/p/__init__.py src/p/other.py src/p/other.pyi src/p/sub/__init__.py src/p/sub/deep.py",
        ),
        ("test/test_a.py", ""),  # fixtures come from a conftest that nobody imports
        ("nowhere.py", ""),
    ],
)
def test_the_closure_of_a_file(grow: Grow, file: str, found: str) -> None:
    assert grow(TREE).closures.of(file) == found.split()


def test_a_closure_follows_edits_and_new_files(grow: Grow, tmp_path: Path) -> None:
    live = grow({"a.py": "import b\n", "b.py": "", "c.py": ""})
    assert live.closures.of("a.py") == ["a.py", "b.py"]
    write(tmp_path, {"b.py": "import c, d\n"})
    live.apply([str(tmp_path / "b.py")])
    assert live.closures.of("a.py") == ["a.py", "b.py", "c.py"]
    write(tmp_path, {"d.py": ""})
    live.apply([str(tmp_path / "d.py")])
    assert live.closures.of("a.py") == ["a.py", "b.py", "c.py", "d.py"]
    (tmp_path / "c.py").unlink()
    live.apply([str(tmp_path / "c.py")])
    assert live.closures.of("a.py") == ["a.py", "b.py", "d.py"]


def test_what_cannot_be_read_as_text_imports_nobody_knows_what(grow: Grow) -> None:
    live = grow({"a.py": "import b\n", "b.py": "x = '\0'\n", "c.py": "#" * MAX_BYTES + "#\n"})
    assert live.closures.of("a.py") == []
    assert live.closures.of("c.py") == []


# -- many files -------------------------------------------------------------------------------------


def of(mentions: Mapping[str, str]) -> Closures:
    """The closures of files with these mentions."""
    store = Store()
    for path, mentioned in mentions.items():
        store.put(FileRecord(path, "", [], [], [], mentioned))
    return Closures(store)


def test_files_of_the_same_name_are_not_compared_with_each_other() -> None:
    """Every package has a `models`, and names it: twice as many of them are twice the work, not four times."""

    def all_of(number: int) -> int:
        closures = of({f"p{one}/models.py": f"p{one}.models p{one}.models.Model" for one in range(number)})
        return calls(lambda: [closures.of(f"p{one}/models.py") for one in range(number)])

    assert all_of(400) < 2.5 * all_of(200)


def test_what_is_tied_together_is_walked_once() -> None:
    closures = of({f"a{one}.py": f"a{(one + 1) % 300}" for one in range(300)} | {"b.py": "a7", "c.py": ""})
    walk = calls(lambda: closures.of("a0.py"))
    assert calls(lambda: [closures.of(f"a{one}.py") for one in range(290, 300)]) < walk
    assert closures.of("b.py") == sorted(["b.py", *(f"a{one}.py" for one in range(300))])
    assert closures.of("c.py") == ["c.py"]


def test_closures_are_right_however_many_are_asked_for() -> None:
    closures = of({f"a{one}.py": f"a{one + 1}" for one in range(40)})
    for one in range(40):
        assert closures.of(f"a{one}.py") == sorted(f"a{other}.py" for other in range(one, 40))


def test_a_closure_that_is_too_large_is_not_walked_for_each_file() -> None:
    """The file imports too much, and so does all that imports it."""
    chain = {f"a{one}.py": f"a{one + 1}" for one in range(LARGEST + 1)}
    closures = of(chain | {"b.py": "a0", "c.py": f"a{LARGEST - 1}"})
    walk = calls(lambda: closures.of("a0.py"))
    assert closures.of("a0.py") == []
    assert calls(lambda: closures.of("b.py")) < walk / 10
    assert closures.of("b.py") == []
    assert closures.of("a1.py") == sorted(f"a{one}.py" for one in range(1, LARGEST + 1))
    assert closures.of("c.py") == sorted([f"a{LARGEST - 1}.py", f"a{LARGEST}.py", "c.py"])
