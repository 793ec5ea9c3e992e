"""Symbols by name and position: which are meant, and what the index shows of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semctx.errors import SemctxError
from semctxd.index import byname
from semctxd.index.find import find
from semctxd.index.live import LiveIndex
from tests.conftest import write
from tests.index.conftest import Grow

FILES = {
    "pkg/__init__.py": "",
    "pkg/base.py": '''"""Bases of things."""

LIMIT = 3


def wrap(function):
    return function


class Base:
    """What all have in common."""

    def run(self) -> int:
        """Run it."""
        return helper(LIMIT)

    @property
    @wrap
    def size(self): return 1


def helper(number: int) -> int:
    return number
''',
    "pkg/child.py": """from pkg.base import Base, helper


class Child(Base):
    def run(self):
        return super().run() + self.size


class Grandchild(Child):
    pass


TABLE = {"helper": helper}
""",
    "pkg/\u00e4.py": 'from pkg import base\n\u00fcber = "\U0001f600"; base.helper(1)  # helper\n',
    "README": "no source",
}


@pytest.fixture
def live(grow: Grow) -> LiveIndex:
    return grow(FILES)


def refused(call: Any, *arguments: Any) -> SemctxError:
    with pytest.raises(SemctxError) as caught:
        call(*arguments)
    return caught.value


def guessed(live: LiveIndex, method: str, **asked: Any) -> Any:
    """The answer where the server does not know."""
    found = byname.targets(live, asked)
    show = {"hover": byname.show_hover, "callers": byname.show_calls, "callees": byname.show_calls}
    return show.get(method, byname.show_places)(
        live, {"of": f"symbols/{method}", "asked": asked, "answers": [None] * len(found["targets"]), **found}
    )


def places(group: Any) -> list[str]:
    return [f"{file['file']}:{place['line']}:{place['column']}" for file in group["files"] for place in file["places"]]


# -- which symbols


def test_a_member_that_a_class_inherits_is_found_by_its_path(live: LiveIndex) -> None:
    for name in ("Child.size", "child.Grandchild.size", "Grandchild/size"):
        (symbol,) = find(live, {"name": name})["symbols"]
        assert (symbol["file"], symbol["qualname"]) == ("pkg/base.py", "Base.size")
    assert [one["qualname"] for one in find(live, {"name": "Grandchild.run"})["symbols"]] == ["Child.run"]
    assert find(live, {"name": "Child.size", "kind": "method"})["symbols"]
    assert refused(find, live, {"name": "Child.size", "kind": "class"}).type == "SymbolNotFound"


def test_the_nearest_names_are_those_of_the_class_that_was_named(live: LiveIndex) -> None:
    assert refused(find, live, {"name": "Grandchild.sice"}).nearest == ["size"]
    assert refused(find, live, {"name": "Grandchild.helpr"}).nearest == ["helper"]
    error = refused(byname.targets, live, {"name": "helper", "file": "pkg/child.py"})
    assert error.message == "No symbol has the name 'helper' in pkg/child.py."


def test_a_name_is_several_targets_within_the_limit(live: LiveIndex) -> None:
    found = byname.targets(live, {"name": "run", "limits": {"symbols": 1}})
    assert [(one["file"], one["line"], one["symbol"]["qualname"]) for one in found["targets"]] == [
        ("pkg/base.py", 13, "Base.run")
    ]
    assert found["left_out"] == 1
    (only,) = byname.targets(live, {"name": "run", "file": "pkg/child.py"})["targets"]
    assert only["symbol"]["qualname"] == "Child.run"
    (inherited,) = byname.targets(live, {"name": "Child.size", "file": "pkg/child.py"})["targets"]
    assert inherited["file"] == "pkg/base.py"


def test_a_position_is_one_target_with_a_symbol_only_where_that_is_defined(live: LiveIndex) -> None:
    (target,) = byname.targets(live, {"file": "pkg/base.py", "line": 13, "column": 9})["targets"]
    assert target["symbol"]["qualname"] == "Base.run"
    (target,) = byname.targets(live, {"file": "pkg/base.py", "line": 15, "column": 15})["targets"]
    assert target == {"file": "pkg/base.py", "line": 15, "column": 15}


def test_positions_outside_of_a_file(live: LiveIndex) -> None:
    at = {"file": "pkg/\u00e4.py", "line": 2, "column": 37}
    assert byname.targets(live, at)["targets"]  # the end of the line, in UTF-16 code units
    error = refused(byname.targets, live, {**at, "column": 38})
    assert (error.type, error.message) == (
        "PositionOutside",
        "line 2 of pkg/\u00e4.py has 37 UTF-16 code units, and ends before that",
    )
    assert refused(byname.targets, live, {**at, "line": 0}).type == "PositionOutside"
    error = refused(byname.targets, live, {**at, "line": 4})
    assert error.message == "pkg/\u00e4.py has 3 lines, and no line 4"


def test_files_that_cannot_be_shown(live: LiveIndex, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "binary.py": b"x = 1\0",
            "latin.py": "x = 'h\u00e4'\n".encode("latin-1"),
            "declared.py": "# coding: latin-1\nx = 'h\u00e4'\n".encode("latin-1"),
            "strange.py": b"# coding: klingon\n",
            "hex.py": b"# coding: hex\n",
            "huge.py": b"x = 1\n" * 400_000,
        },
    )
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "closed.py").symlink_to("/proc/self/mem")  # nobody reads that from its beginning

    def error(file: str) -> SemctxError:
        return refused(byname.targets, live, {"file": file, "line": 1, "column": 0})

    assert (error("binary.py").type, error("binary.py").message) == ("FileRefused", "binary.py is binary")
    assert error("latin.py").message.startswith("latin.py is no text: ")
    assert (error("strange.py").type, error("hex.py").type) == ("FileRefused", "FileRefused")
    assert error("huge.py").message == "huge.py is larger than 2 MB"
    assert error("closed.py").message == "closed.py cannot be read"
    assert (error("loop.py").type, error("nothing.py").type) == ("FileNotFound", "FileNotFound")
    assert error("pkg").message == "pkg is a folder"
    assert byname.targets(live, {"file": "declared.py", "line": 2, "column": 5})["targets"]


# -- several definitions of one name

TWICE = {
    "box.py": """\
class Box:
    @property
    def size(self):
        return 1

    @size.setter
    def size(self, value):
        checked(value)


def checked(value): ...


if modern:
    def load(): ...
else:
    def load(): ...
"""
}


def test_each_definition_of_a_name_is_found_and_shown(grow: Grow) -> None:
    live = grow(TWICE)
    assert [one["line"] for one in find(live, {"name": "Box.size"})["symbols"]] == [3, 7]
    assert [one["line"] for one in find(live, {"name": "load"})["symbols"]] == [15, 17]
    (file,) = byname.overview(live, {"file": "box.py"})["files"]
    assert [(one["qualname"], one["line"]) for one in file["symbols"]] == [
        ("Box", 1), ("Box.size", 3), ("Box.size", 7), ("checked", 11), ("load", 15), ("load", 17)
    ]  # fmt: skip
    getter, setter = byname.body(live, {"name": "size"})["groups"]
    assert (getter["line"], getter["end_line"], setter["line"], setter["end_line"]) == (2, 4, 6, 8)
    cut = byname.body(live, {"name": "size", "limits": {"symbols": 1}})
    assert (cut["groups"], cut["left_out"]) == ([getter], 1)
    (only,) = byname.body(live, {"file": "box.py", "line": 7, "column": 8})["groups"]
    assert only == setter


def test_what_each_definition_of_a_name_says_is_the_symbols(grow: Grow) -> None:
    live = grow(TWICE)
    (group,) = guessed(live, "references", name="checked")["groups"]
    assert [place["symbol"] for place in group["files"][0]["places"]] == ["Box.size", "checked"]
    (call,) = guessed(live, "callers", name="checked")["groups"][0]["calls"]
    assert (call["qualname"], [place["line"] for place in call["places"]]) == ("Box.size", [8])
    (group,) = guessed(live, "definition", file="box.py", line=7, column=8)["groups"]
    assert places(group) == ["box.py:7:8"]
    (target,) = byname.targets(live, {"name": "size"})["targets"]  # one question to a server, which knows of the others
    assert target["line"] == 3


# -- what the index says where the server does not know


def test_references(live: LiveIndex) -> None:
    (group,) = guessed(live, "references", name="helper")["groups"]
    assert group["source"] == "index"
    assert places(group) == [
        "pkg/base.py:15:15",
        "pkg/base.py:22:4",
        "pkg/child.py:1:27",
        "pkg/child.py:13:10",
        "pkg/child.py:13:19",
    ]
    first = group["files"][0]["places"][0]
    assert (first["text"], first["symbol"]) == ("        return helper(LIMIT)", "Base.run")


def test_what_is_left_out_is_said(live: LiveIndex) -> None:
    answer = guessed(live, "references", name="helper", limits={"places": 3, "files": 1})
    (group,) = answer["groups"]
    assert (len(places(group)), group["count"], group["left_out"]) == (2, 5, 3)
    assert "limits.files" in answer["hint"]
    answer = guessed(live, "references", name="helper", limits={"places": 2})
    assert (len(answer["groups"][0]["files"]), answer["groups"][0]["left_out"]) == (1, 3)
    answer = guessed(live, "definition", name="run", limits={"symbols": 1})
    assert answer["left_out"] == 1
    assert "limits.symbols" in answer["hint"]
    assert "hint" not in guessed(live, "definition", name="helper")


@pytest.mark.parametrize(
    ("file", "line", "column", "expected"),
    [
        ("pkg/base.py", 13, 8, "pkg/base.py:13:8"),  # the definition itself
        ("pkg/base.py", 15, 17, "pkg/base.py:22:4"),  # a function's name
        ("pkg/child.py", 6, 38, "pkg/base.py:19:8"),  # an attribute that is inherited
        ("pkg/child.py", 4, 13, "pkg/base.py:10:6"),  # a base
        ("pkg/\u00e4.py", 2, 20, "pkg/base.py:22:4"),  # through a module, after what takes two code units
    ],
)
def test_the_definition_of_what_a_position_names(
    live: LiveIndex, file: str, line: int, column: int, expected: str
) -> None:
    (group,) = guessed(live, "definition", file=file, line=line, column=column)["groups"]
    assert places(group) == [expected]


@pytest.mark.parametrize(("line", "column"), [(2, 0), (2, 15), (2, 16)])
def test_where_a_position_names_nothing(live: LiveIndex, line: int, column: int) -> None:
    at = (
        {"file": "pkg/base.py", "line": line, "column": 0}
        if column == 0
        else {"file": "pkg/\u00e4.py", "line": 2, "column": 7}
    )
    for method in ("definition", "references"):
        assert guessed(live, method, **at)["groups"][0]["count"] == 0
    assert guessed(live, "hover", **at)["groups"][0]["text"] == ""
    assert guessed(live, "callers", **at)["groups"][0]["calls"] == []
    assert refused(byname.body, live, at).type == "SymbolNotFound"


def test_implementations(live: LiveIndex) -> None:
    (group,) = guessed(live, "implementations", name="Base")["groups"]
    assert places(group) == ["pkg/base.py:10:6", "pkg/child.py:4:6", "pkg/child.py:9:6"]
    (group,) = guessed(live, "implementations", name="Base.run")["groups"]
    assert places(group) == ["pkg/base.py:13:8", "pkg/child.py:5:8"]
    (group,) = guessed(live, "implementations", name="helper")["groups"]
    assert places(group) == ["pkg/base.py:22:4"]


def test_hover(live: LiveIndex) -> None:
    (group,) = guessed(live, "hover", name="Base.run")["groups"]
    assert group["text"] == "```python\ndef run(self) -> int\n```\n---\nRun it."
    (group,) = guessed(live, "hover", name="helper")["groups"]
    assert group["text"] == "```python\ndef helper(number: int) -> int\n```"


def test_calls(live: LiveIndex) -> None:
    (group,) = guessed(live, "callers", name="helper")["groups"]
    (call,) = group["calls"]
    assert (call["qualname"], call["file"], call["line"]) == ("Base.run", "pkg/base.py", 13)
    assert [(place["line"], place["column"]) for place in call["places"]] == [(15, 15)]
    (group,) = guessed(live, "callees", name="Child.run")["groups"]
    assert [call["qualname"] for call in group["calls"]] == ["Base.run", "Base.size"]
    assert guessed(live, "callees", name="LIMIT")["groups"][0]["count"] == 0


# -- what the server said


def test_every_form_in_which_servers_give_places(live: LiveIndex, tmp_path: Path) -> None:
    write(tmp_path, {"../outside.py": "x = 1\n" + "y" * 500 + "\n"})
    at = {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 3}}
    outside = tmp_path.parent / "outside.py"
    inside = (tmp_path / "pkg/base.py").as_uri()
    link = {"targetUri": inside, "targetRange": at, "targetSelectionRange": at}
    target = byname.targets(live, {"name": "helper"})
    said = [[{"uri": outside.as_uri(), "range": at}, link, link], {"uri": inside, "range": at}, []]
    for answer, expected in zip(said, (["pkg/base.py:2:0", f"{outside}:2:0"], ["pkg/base.py:2:0"], []), strict=True):
        (group,) = byname.show_places(live, {"of": "", "asked": {}, "answers": [answer], **target})["groups"]
        assert (places(group), group["source"]) == (expected, "server")
        if answer is said[0]:
            place = group["files"][1]["places"][0]
            assert (len(place["text"]), place["symbol"]) == (300, "")


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ({"kind": "markdown", "value": "one"}, "one"),
        ("one", "one"),
        ([{"language": "python", "value": "def f()"}, "two"], "```python\ndef f()\n```\n\ntwo"),
    ],
)
def test_every_form_in_which_servers_give_hovers(live: LiveIndex, contents: object, expected: str) -> None:
    target = byname.targets(live, {"name": "helper"})
    asked = {"of": "", "asked": {}, "answers": [{"contents": contents}], **target}
    assert byname.show_hover(live, asked)["groups"][0]["text"] == expected


def test_a_call_of_what_the_index_does_not_have(live: LiveIndex) -> None:
    at = {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 3}}
    item = {"name": "print", "kind": 12, "uri": "file:///nowhere/builtins.pyi", "range": at, "selectionRange": at}
    target = byname.targets(live, {"name": "helper"})
    asked = {"of": "", "asked": {}, "answers": [[{"to": item, "fromRanges": [at]}]], **target}
    (call,) = byname.show_calls(live, asked)["groups"][0]["calls"]
    assert (call["file"], call["kind"], call["qualname"]) == ("/nowhere/builtins.pyi", "function", "print")
    assert call["places"][0]["line"] == 2


def test_answers_that_are_none(live: LiveIndex) -> None:
    target = byname.targets(live, {"name": "helper"})
    for show, said in (
        (byname.show_places, "well"),
        (byname.show_places, [{"uri": "file:///x"}]),
        (byname.show_hover, {"contents": 5}),
        (byname.show_calls, [{"fromRanges": []}]),
    ):
        error = refused(show, live, {"of": "", "asked": {}, "answers": [said], **target})
        assert (error.type, error.message[:40]) == ("ServerError", "the language server's answer is none of ")


def test_a_diagnostic_is_framed(live: LiveIndex, tmp_path: Path) -> None:
    write(tmp_path, {"pkg/bad.py": 'def f():\n\t"\U0001f600"; x = (1,\n  2)\n'})
    live.apply([str(tmp_path / "pkg/bad.py")])
    one = {
        "range": {"start": {"line": 1, "character": 7}, "end": {"line": 1, "character": 8}},
        "message": "unused", "severity": 4, "code": 17,
    }  # fmt: skip
    many = {"range": {"start": {"line": 1, "character": 11}, "end": {"line": 2, "character": 3}}, "message": "long"}
    asked = {"asked": {"limits": {"places": 1}}, "files": ["pkg/bad.py", "pkg/base.py"], "left_out": 0, "refused": []}
    answer = byname.show_diagnostics(live, {**asked, "answers": [{"items": [many, one]}, None]})
    (file,) = answer["files"]
    assert file["left_out"] == 1
    assert "limits.places" in answer["hint"]
    assert (answer["checked"], answer["counts"]) == (2, {"error": 1, "hint": 1})
    (found,) = file["diagnostics"]
    assert (found["severity"], found["code"], found["line"], found["symbol"]) == ("hint", "17", 2, "f")
    assert found["frame"] == '2 | \t"\U0001f600"; x = (1,\n  | \t     ^'
    answer = byname.show_diagnostics(live, {**asked, "asked": {}, "answers": [{"items": [many, one]}, None]})
    assert answer["files"][0]["diagnostics"][1]["frame"].endswith("         ^^^")
    assert "hint" not in answer


# -- from the index alone


def test_a_body_with_its_decorators_and_lines(live: LiveIndex) -> None:
    (group,) = byname.body(live, {"name": "Base.size"})["groups"]
    assert (group["line"], group["end_line"], group["left_out"]) == (17, 19, 0)
    assert group["text"] == "    @property\n    @wrap\n    def size(self): return 1\n"
    answer = byname.body(live, {"name": "Child", "limits": {"lines": 1}})
    assert answer["groups"][0]["text"] == "class Child(Base):\n"
    assert answer["groups"][0]["left_out"] == 2
    assert "limits.lines" in answer["hint"]
    (group,) = byname.body(live, {"file": "pkg/child.py", "line": 13, "column": 22})["groups"]
    assert group["symbol"]["qualname"] == "helper"


def test_overviews(live: LiveIndex) -> None:
    answer = byname.overview(live, {"file": "pkg/base.py"})
    (file,) = answer["files"]
    assert (file["module"], file["doc"], answer["source"]) == ("pkg.base", "Bases of things.", "index")
    assert [(one["qualname"], one["kind"], one["line"], one["end_line"]) for one in file["symbols"]] == [
        ("LIMIT", "variable", 3, 3),
        ("wrap", "function", 6, 7),
        ("Base", "class", 10, 19),
        ("Base.run", "method", 13, 15),
        ("Base.size", "method", 19, 19),
        ("helper", "function", 22, 23),
    ]
    answer = byname.overview(live, {"file": "pkg", "limits": {"symbols": 2}})
    assert [
        (one["file"], [symbol["name"] for symbol in one["symbols"]], one["left_out"]) for one in answer["files"]
    ] == [
        ("pkg/__init__.py", [], 0),
        ("pkg/base.py", ["LIMIT", "wrap"], 2),
        ("pkg/child.py", ["Child", "Grandchild"], 1),
        ("pkg/\u00e4.py", ["\u00fcber"], 0),
    ]
    assert "limits.symbols" in answer["hint"]
    answer = byname.overview(live, {"limits": {"files": 1}})
    assert (len(answer["files"]), answer["left_out"]) == (1, 3)
    assert "limits.files" in answer["hint"]


def test_a_source_file_that_is_not_indexed_has_an_empty_overview(live: LiveIndex, tmp_path: Path) -> None:
    write(tmp_path, {"node_modules/a.py": "x = 1\n"})
    assert byname.overview(live, {"file": "node_modules/a.py"})["files"][0]["symbols"] == []


def test_where_there_is_no_source(grow: Grow, live: LiveIndex, tmp_path: Path) -> None:
    assert refused(byname.overview, live, {"file": "README"}).message == "README is in no supported language."
    (tmp_path / "empty").mkdir()
    error = refused(byname.overview, live, {"file": "empty"})
    assert (error.type, error.message) == ("NoSourceFiles", "There is no file of a supported language in empty.")
    nothing = LiveIndex(str(tmp_path / "empty"))
    nothing.refresh()
    assert refused(byname.files, nothing, {}).message.endswith("in the root.")
    assert refused(find, nothing, {"name": "x"}).type == "NoSourceFiles"
