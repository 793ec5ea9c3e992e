"""What a file can depend on is never less than what its import statements mean."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest

from semctxd.index.closure import mentions
from semctxd.index.extract import MAX_BYTES, decode
from tests.conftest import write
from tests.index.conftest import Grow


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
