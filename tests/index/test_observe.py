from __future__ import annotations

from semctxd.index.extract import extract
from semctxd.index.observe import docstring_style

SOURCE = '''\
import logging
import os.path
from pathlib import Path
from . import a
from pkg.b import c
log = logging.getLogger(__name__)
_private = 1
LIMIT = 2

@dataclass
class Point:
    pass

class Model(pydantic.BaseModel):
    """It."""

class odd_name: ...

def plain(x):
    raise errors.Missing(f"no {x}")

async def typed(x: int) -> str:
    raise Missing

def camelCase(): ...

def test_it(): ...
'''


def test_a_file_shows_how_it_does_things() -> None:
    seen = {(key, value): (count, line) for key, value, count, line in extract("pkg/test_a.py", SOURCE.encode()).marks}
    lines = SOURCE.split("\n")

    def at(text: str) -> int:
        return next(number for number, line in enumerate(lines, 1) if text in line)

    assert seen == {
        ("logging", "log = logging.getLogger(__name__)"): (1, at("log =")),
        ("constants", "lower_case"): (1, at("log =")),
        ("constants", "UPPER_CASE"): (1, at("LIMIT")),
        ("class names", "PascalCase"): (2, at("class Point")),
        ("class names", "other"): (1, at("odd_name")),
        ("data classes", "dataclasses"): (1, at("class Point")),
        ("data classes", "pydantic"): (1, at("class Model")),
        ("docstrings", "documented"): (1, at("class Model")),
        ("docstrings", "not documented"): (6, at("class Point")),
        ("docstring style", "plain"): (1, at("class Model")),
        ("function names", "snake_case"): (3, at("def plain")),
        ("function names", "camelCase"): (1, at("camelCase")),
        ("type hints", "annotated"): (1, at("def typed")),
        ("type hints", "not annotated"): (3, at("def plain")),
        ("functions", "async"): (1, at("def typed")),
        ("functions", "sync"): (3, at("def plain")),
        ("project imports", "relative"): (1, at("from . import")),
        ("project imports", "absolute"): (1, at("from pkg.b")),
        ("paths", "os.path"): (1, at("os.path")),
        ("paths", "pathlib"): (1, at("pathlib")),
        ("tests", "functions"): (1, at("test_it")),
        ("errors raised", "Missing"): (2, at("raise errors.Missing")),
        ("string formatting", "f-strings"): (1, at("raise errors.Missing")),
        ("quotes", "double"): (8, at('"""It."""')),
        ("test files", "test_*.py beside the code"): (1, 1),
    }


def values(path: str, source: str) -> set[tuple[str, str]]:
    return {(key, value) for key, value, _, _ in extract(path, source.encode()).marks}


def test_where_tests_stand_and_what_runs_them() -> None:
    seen = values("pkg/tests/api_test.py", "import pytest\nimport unittest.mock\n")
    assert {("test files", "*_test.py in tests/"), ("test framework", "pytest"), ("test framework", "unittest")} <= seen
    assert not {key for key, _ in values("pkg/api.py", "import pytest\n")} & {"test files", "test framework"}


def test_how_types_and_errors_are_spelt() -> None:
    seen = values(
        "a.py",
        "from __future__ import annotations\nclass Lost(errors.BaseError): ...\nclass Kept(Thing): ...\n"
        "def f(x: int | None): ...\ndef g(x: Optional[int]): ...\n",
    )
    assert {key: value for key, value in seen if key in ("annotations", "error classes")} == {
        "annotations": "from __future__ import annotations",
        "error classes": "derive from BaseError",
    }
    assert {value for key, value in seen if key == "optional types"} == {"X | None", "Optional[X]"}


def test_layouts_of_docstrings() -> None:
    assert docstring_style("Do.\n\n:param x: it") == "sphinx"
    assert docstring_style("Do.\n\nArgs:\n    x: it") == "google"
    assert docstring_style("Do.\n\nParameters\n----------\nx : int") == "numpy"
    assert docstring_style("Do.") == "plain"


def test_only_what_begins_a_line_is_raised() -> None:
    source = (
        "# what a reader may raise\n    raise First\nx = 'raise Second'\nif x: raise Third\n\traise pkg.Fourth(x)\n"
    )
    assert {value for key, value in values("a.py", source) if key == "errors raised"} == {"First", "Fourth"}
