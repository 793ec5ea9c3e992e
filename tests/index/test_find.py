from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semctx.errors import SemctxError
from semctxd.index.find import find
from tests.conftest import write
from tests.index.conftest import Grow

FILES = {
    "pkg/__init__.py": "",
    "pkg/a.py": "class QuerySet:\n    def filter(self): pass\n    class Meta:\n        filter = 1\n"
    "def filter(): pass\ndef Filter(): pass\n",
    "pkg/b.py": "def filters(): pass\ndef prefilter_all(): pass\nclass Other:\n    def filter(self): pass\n",
}


def found(grow: Grow, **params: Any) -> list[str]:
    answer = find(grow(FILES), params)
    return [f"{symbol['file']}:{symbol['qualname']}" for symbol in answer["symbols"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "filter",
            ["pkg/a.py:QuerySet.filter", "pkg/a.py:QuerySet.Meta.filter", "pkg/a.py:filter", "pkg/b.py:Other.filter"],
        ),
        ("QuerySet.filter", ["pkg/a.py:QuerySet.filter"]),
        ("QuerySet/filter", ["pkg/a.py:QuerySet.filter"]),
        ("Meta.filter", ["pkg/a.py:QuerySet.Meta.filter"]),
        ("a.QuerySet.filter", ["pkg/a.py:QuerySet.filter"]),
        ("pkg.b.Other.filter", ["pkg/b.py:Other.filter"]),
        ("pkg/a/filter", ["pkg/a.py:filter"]),
    ],
)
def test_a_name_path_equals_the_end_of_a_symbols_path(grow: Grow, name: str, expected: list[str]) -> None:
    assert found(grow, name=name) == expected


@pytest.mark.parametrize(
    "statement",
    ["from pkg.sub.a import helper_thing", "import pkg.sub.a", "from pkg.sub import a"],
)
def test_a_module_is_named_as_the_repository_imports_it(grow: Grow, tmp_path: Path, statement: str) -> None:
    live = grow({"pkg/sub/a.py": "def helper_thing(): pass\n", "main.py": f"{statement}\n"})
    (symbol,) = find(live, {"name": "pkg.sub.a.helper_thing"})["symbols"]
    assert symbol["module"] == "pkg.sub.a"
    write(tmp_path, {"main.py": "from .pkg.sub import a\n"})
    live.apply([str(tmp_path / "main.py")])
    (symbol,) = find(live, {"name": "helper_thing"})["symbols"]
    assert symbol["module"] == "a"


def test_kinds_are_told_apart(grow: Grow) -> None:
    assert found(grow, name="filter", kind="variable") == ["pkg/a.py:QuerySet.Meta.filter"]
    assert found(grow, name="filter", kind="function") == ["pkg/a.py:filter"]


def test_substrings_have_the_exact_case_first(grow: Grow) -> None:
    names = found(grow, name="filter", match="substring")
    assert names == [
        "pkg/a.py:QuerySet.filter", "pkg/a.py:QuerySet.Meta.filter", "pkg/a.py:filter", "pkg/b.py:Other.filter",
        "pkg/a.py:Filter", "pkg/b.py:filters", "pkg/b.py:prefilter_all",
    ]  # fmt: skip


def test_fuzzy_matches_come_by_likeness(grow: Grow) -> None:
    names = found(grow, name="filtr", match="fuzzy")
    assert names[:2] == ["pkg/a.py:QuerySet.filter", "pkg/a.py:QuerySet.Meta.filter"]
    assert names[-1] == "pkg/b.py:filters"
    assert "pkg/b.py:prefilter_all" not in names


def test_a_limit_says_what_is_left_out(grow: Grow) -> None:
    answer = find(grow(FILES), {"name": "filter", "limits": {"symbols": 1}})
    assert len(answer["symbols"]) == 1 and answer["left_out"] == 3


def test_a_symbol_is_told_whole(grow: Grow) -> None:
    (symbol,) = find(
        grow({"src/p/__init__.py": "", "src/p/m.py": "\n\nasync def go(x: int) -> str:\n    '''Go there.'''\n"}),
        {"name": "go"},
    )["symbols"]
    assert symbol == {
        "name": "go", "qualname": "go", "kind": "function", "file": "src/p/m.py", "line": 3, "column": 10,
        "module": "p.m",
        "signature": "async def go(x: int) -> str", "doc": "Go there.", "scope": "workspace",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["fliter", "nowhere.filter", "Filterx"])
def test_no_such_symbol_names_the_nearest(grow: Grow, name: str) -> None:
    with pytest.raises(SemctxError) as caught:
        find(grow(FILES), {"name": name})
    assert caught.value.type == "SymbolNotFound"
    assert {"filter", "Filter"} & set(caught.value.nearest)
    assert "`nearest`" in caught.value.hint


def test_where_no_name_is_near_the_hint_says_how_to_search(grow: Grow) -> None:
    with pytest.raises(SemctxError) as caught:
        find(grow(FILES), {"name": "zzz"})
    assert not caught.value.nearest and "nearest" not in caught.value.hint
    assert "substring" in caught.value.hint and "fuzzy" in caught.value.hint
