"""Unsaved text: a connection's own answers see it, those of others do not; a real daemon, ty and indexer.

What an answer should be follows from what the test wrote, or comes from another daemon's repository in which the same
text is saved.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semctxd import documents
from semctxd.errors import DocumentOutOfStep
from semctxd.lsp.turns import Turns
from semctxd.model import ANY, DISK, Depends, Overlays, Unsaved
from tests.conftest import Daemon, Patient, Wire, eventually
from tests.direct import direct
from tests.test_flights import HOVER, SYMBOLS

ONE = "shop/one.py"
USE = "shop/use.py"
DIAGNOSTICS = "textDocument/diagnostic"


@pytest.fixture
def daemon(shared: Daemon) -> Daemon:
    """One for all tests, each of which has its own root."""
    return shared


@pytest.fixture
def repo(repo: Path) -> Path:
    (repo / ONE).write_text(value("int"))
    (repo / USE).write_text("from shop.one import value\n\nresult = value()\n")
    return repo


def value(kind: str) -> str:
    return f"def value() -> {kind}: ...\n"


def sees(client: Wire, repo: Path) -> str:
    """The type of `value()` as another file sees it."""
    return client.hover(repo, USE, 2, 10).partition("-> ")[2].partition("\n")[0]


def names(client: Wire, repo: Path, file: str) -> list[str]:
    said = client.lsp(repo, SYMBOLS, {"textDocument": {"uri": f"file://{repo}/{file}"}})
    return [symbol["name"] for symbol in said or []]


def show(client: Wire, repo: Path, text: str, file: str = ONE, version: int = 0) -> None:
    client.ask("document/open", root=str(repo), file=file, text=text, version=version)


def at(line: int, character: int, end: int | None = None) -> dict[str, Any]:
    start = {"line": line, "character": character}
    return {"start": start, "end": {"line": line, "character": character if end is None else end}}


def finds(client: Wire, repo: Path, name: str) -> bool:
    return "result" in client.call("symbols/find", root=str(repo), name=name)


# -- who sees what


def test_only_the_view_sees_it_and_the_disk_rules_again(daemon: Daemon, repo: Path) -> None:
    editor, other, friend = daemon.client(), daemon.client(), daemon.client()
    view = editor.ask("session/hello", client="editor", protocol=1)["view"]
    friend.ask("session/hello", client="friend", protocol=1, view=view)
    show(editor, repo, value("str"))
    assert [sees(one, repo) for one in (editor, other, friend, editor)] == ["str", "int", "str", "str"]
    show(friend, repo, value("bytes"))
    assert [sees(one, repo) for one in (editor, other, friend)] == ["bytes", "int", "bytes"]
    editor.close()
    assert sees(friend, repo) == "bytes"
    friend.ask("document/close", root=str(repo), file=ONE)
    assert sees(friend, repo) == "int"
    show(friend, repo, value("float"))
    friend.close()
    late = daemon.client()
    assert sees(late, repo) == "int"


def test_who_leaves_a_view_takes_nothing_along(daemon: Daemon, repo: Path) -> None:
    one, two = daemon.client(), daemon.client()
    show(two, repo, value("str"))
    view = one.ask("session/hello", client="one", protocol=1)["view"]
    two.ask("session/hello", client="two", protocol=1, view=view)
    assert sees(two, repo) == "int"
    show(one, repo, value("bytes"))
    assert sees(two, repo) == "bytes"


def test_every_kind_of_answer_sees_it(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    """Each is what a repository gives where the text is saved; the indexer's too, byte for byte."""
    text = (repo / "shop/validation.py").read_text().replace("validate_email", "validate_parcel")
    text += '\n\ndef weigh_parcel(parcel: str) -> int:\n    """Weigh a parcel."""\n    return len(parcell)\n'
    saved = tmp_path / "saved" / "repo"
    shutil.copytree(repo, saved)
    (saved / "shop/validation.py").write_text(text)
    (saved / "shop/fresh.py").write_text("from shop.validation import weigh_parcel\n")
    editor, other = daemon.client(), daemon.client()
    before = answers(other, repo, repo)
    show(editor, repo, text, "shop/validation.py")
    show(editor, repo, "from shop.validation import weigh_parcel\n", "shop/fresh.py")
    expected = answers(other, saved, saved)
    assert answers(editor, repo, saved) == expected != before
    assert answers(other, repo, repo) == before
    assert answers(editor, repo, saved) == expected
    editor.ask("document/close", root=str(repo), file="shop/validation.py")
    editor.ask("document/close", root=str(repo), file="shop/fresh.py")
    assert answers(editor, repo, repo) == before


def answers(client: Wire, repo: Path, spelt: Path) -> list[object]:
    """Answers of every kind, as if the root were `spelt`."""
    document = {"textDocument": {"uri": f"file://{repo}/shop/validation.py"}}
    place = {**document, "position": {"line": 11, "character": 5}}
    found: list[object] = [
        client.lsp(repo, SYMBOLS, document),
        client.lsp(repo, HOVER, place),
        client.lsp(repo, "textDocument/references", {**place, "context": {"includeDeclaration": True}}),
        client.lsp(repo, DIAGNOSTICS, {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}})["items"],
        client.call("symbols/find", root=str(repo), name="weigh_parcel").get("result", {}).get("symbols"),
    ]
    named: dict[str, object] = {"name": "weigh_parcel" if found[-1] else "validate_email"}
    asked: list[tuple[str, dict[str, object]]] = [
        ("context/query", {"intent": "weigh a parcel", "targetFile": "shop/orders.py"}),
        ("files/relevant", {"intent": "weigh a parcel"}),
        ("diagnostics", {"file": "shop/validation.py"}),
        *((f"symbols/{method}", named) for method in ("body", "references", "hover", "callers")),
        ("symbols/overview", {"file": "shop/validation.py"}),
    ]
    for method, params in asked:
        answer = client.ask(method, root=str(repo), **params)
        found.append({key: value for key, value in answer.items() if key not in ("meta", "enriched")})
    return [_respelt(one, f"file://{repo}/", f"file://{spelt}/") for one in found]


def _respelt(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {_respelt(key, old, new): _respelt(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_respelt(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def test_answers_are_those_of_a_private_server_that_has_the_document_open(daemon: Daemon, repo: Path) -> None:
    editor, other = daemon.client(), daemon.client()
    interpreter = "/nowhere/python"
    with direct(repo, interpreter) as private:
        uri = f"file://{repo}/{ONE}"
        show(editor, repo, value("str") + "broken(\n")
        document = {"uri": uri, "languageId": "python", "version": 1, "text": value("str") + "broken(\n"}
        private.tell("textDocument/didOpen", {"textDocument": document})
        asked = {"textDocument": {"uri": uri}}
        assert editor.lsp(repo, DIAGNOSTICS, asked) == private.ask(DIAGNOSTICS, asked)
        private.tell("textDocument/didClose", {"textDocument": {"uri": uri}})
        place = {"textDocument": {"uri": f"file://{repo}/{USE}"}, "position": {"line": 2, "character": 10}}
        assert other.lsp(repo, HOVER, place) == private.ask(HOVER, place)


def test_equal_texts_share_answers_and_an_edit_undone_finds_them_again(daemon: Daemon, repo: Path) -> None:
    one, two = daemon.client(), daemon.client()

    def hits() -> int:
        hits: int = one.ask("cache/stats", root=str(repo))["by_method"].get(HOVER, {"hits": 0})["hits"]
        return hits

    show(one, repo, value("str"))
    assert (sees(one, repo), hits()) == ("str", 0)
    show(two, repo, value("str"))
    assert (sees(two, repo), hits()) == ("str", 1)
    show(one, repo, value("bytes"))
    assert (sees(one, repo), hits()) == ("bytes", 1)
    show(one, repo, value("str"))
    assert (sees(one, repo), hits()) == ("str", 2)


def test_what_cannot_depend_on_it_is_shared_with_the_disk(daemon: Daemon, repo: Path) -> None:
    editor, other = daemon.client(), daemon.client()
    assert names(other, repo, USE) == ["result"]
    show(editor, repo, value("str"))
    assert names(editor, repo, USE) == ["result"]
    stats = other.ask("cache/stats", root=str(repo))
    assert stats["by_method"][SYMBOLS] == {"hits": 1, "misses": 1}


# -- the disk changes meanwhile


@pytest.mark.parametrize("style", ["write", "same time", "delete"])
def test_a_disk_change_below_an_open_document(daemon: Daemon, repo: Path, style: str) -> None:
    editor, other = daemon.client(), daemon.client()
    path = repo / ONE
    before = path.stat()
    show(editor, repo, value("str") + "def unsaved(): ...\n")
    assert (sees(editor, repo), sees(other, repo)) == ("str", "int")
    assert sees(editor, repo) == "str"
    assert finds(editor, repo, "unsaved")
    if style == "delete":
        path.unlink()
    else:
        path.write_text(value("float"))
        if style == "same time":
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = "" if style == "delete" else "float"
    assert finds(editor, repo, "unsaved")
    through_imports = "" if style == "delete" else "str"  # ty imports nothing from a document whose file is not there
    assert (sees(editor, repo), sees(other, repo)) == (through_imports, after)
    assert names(editor, repo, ONE) == ["value", "unsaved"]
    assert finds(editor, repo, "value")
    assert finds(other, repo, "value") == (style != "delete")
    editor.ask("document/close", root=str(repo), file=ONE)
    assert sees(editor, repo) == after
    assert finds(editor, repo, "value") == (style != "delete")


@pytest.mark.parametrize("asked_before", [False, True])
@pytest.mark.parametrize("shown_by", ["document", "closed document", "check", "document that was there"])
def test_a_file_that_comes_after_it_was_shown(daemon: Daemon, repo: Path, shown_by: str, asked_before: bool) -> None:
    """As a generator does: the text is checked, then written."""
    editor, other = daemon.client(), daemon.client()
    if shown_by == "document that was there":
        show(editor, repo, value("str"))
        assert sees(editor, repo) == "str"
    (repo / ONE).unlink()
    if asked_before:
        assert sees(other, repo) == ""
    if shown_by == "check":
        assert editor.ask("code/check", root=str(repo), file=ONE, text=value("float"))["checked"] == 1
    else:
        show(editor, repo, value("str"))
        sees(editor, repo)
    if shown_by == "closed document":
        editor.ask("document/close", root=str(repo), file=ONE)
        assert sees(editor, repo) == ""
    (repo / ONE).write_text(value("float"))
    is_open = "document" in shown_by and "closed" not in shown_by
    assert (sees(editor, repo), sees(other, repo)) == ("str" if is_open else "float", "float")
    if is_open:
        editor.ask("document/close", root=str(repo), file=ONE)
    (repo / ONE).write_text(value("bytes"))
    assert (sees(other, repo), sees(editor, repo)) == ("bytes", "bytes")


def test_another_file_changes_while_a_document_is_open(daemon: Daemon, repo: Path) -> None:
    editor = daemon.client()
    show(editor, repo, value("str"))
    assert sees(editor, repo) == "str"
    for number in range(12):
        (repo / "shop/extra.py").write_text(f"class Extra{number}: ...\n")
        show(editor, repo, f"from shop.extra import Extra{number}\n" + value(f"Extra{number}"))
        assert sees(editor, repo) == f"Extra{number}"
        assert finds(editor, repo, f"Extra{number}")


def test_what_only_the_open_text_imports_is_depended_on(daemon: Daemon, repo: Path) -> None:
    """What the disk imports, by which answers outlive other edits, says nothing of a view."""
    editor, other = daemon.client(), daemon.client()
    (repo / "shop/extra.py").write_text("def made() -> int: ...\n")
    (repo / "shop/user.py").write_text("from shop.extra import made\n\nresult = made()\n")
    show(editor, repo, (repo / "shop/user.py").read_text(), USE)
    for kind in ("str", "bytes", "float"):
        (repo / "shop/extra.py").write_text(f"def made() -> {kind}: ...\n")
        assert sees(editor, repo) == kind
        assert sees(other, repo) == "int"
        assert kind in other.hover(repo, "shop/user.py", 2, 10)
        assert not finds(other, repo, f"nothing_{kind}")  # the indexer has said what each of them imports


def test_an_ignored_or_foreign_file_is_not_indexed_by_being_open(daemon: Daemon, repo: Path) -> None:
    editor = daemon.client()
    show(editor, repo, "def hidden(): ...\n", "node_modules/hidden.py")
    show(editor, repo, "def hidden(): ...\n", "shop/notes.txt")
    assert not finds(editor, repo, "hidden")


def test_a_folder_that_is_read_again_leaves_open_documents_alone(daemon: Daemon, repo: Path) -> None:
    editor, other = daemon.client(), daemon.client()
    for number in range(10):  # few files are read otherwise than many
        (repo / f"shop/more{number}.py").write_text(f"def more{number}(): ...\n")
    show(editor, repo, "def unsaved(): ...\n")
    assert finds(editor, repo, "unsaved")
    shutil.copytree(repo / "shop", repo / "copy")
    shutil.move(repo / "shop", repo / "away")
    assert finds(editor, repo, "unsaved")  # its files are gone, and new when they come back
    shutil.move(repo / "away", repo / "shop")
    assert finds(editor, repo, "unsaved")
    assert not finds(other, repo, "unsaved")
    assert finds(other, repo, "value")


# -- edits


def test_edits_in_utf_16_and_in_order(daemon: Daemon, repo: Path) -> None:
    """Sent without waiting, as an editor does: each question is answered from the edits before it."""
    editor = daemon.client()
    sees(editor, repo)  # its answer is in memory, where a question would find it at once
    root = str(repo)
    start = [editor.start("document/open", root=root, file=ONE, text="x = '😋'; y = 1\n" + value("int"), version=1)]
    asked = []
    for version, kind in enumerate(("str", "bytes", "float"), 2):
        before = ("int", "str", "bytes")[version - 2]
        column = len("def value() -> ")
        edit = {"range": at(1, column, column + len(before)), "text": kind}
        emoji = {"range": at(0, 8, 9), "text": "; z = 1;"} if version == 2 else {"range": at(0, 0), "text": ""}
        start.append(editor.start("document/change", root=root, file=ONE, version=version, changes=[edit, emoji]))
        position = {"textDocument": {"uri": f"file://{repo}/{USE}"}, "position": {"line": 2, "character": 10}}
        asked.append(editor.start("lsp/request", root=root, method=HOVER, params=position))
    replies = {message["id"]: message for message in (editor.receive() for _ in range(7))}
    assert all("result" in replies[number] for number in start), replies
    kinds = [replies[number]["result"]["result"]["contents"]["value"] for number in asked]
    assert [kind in said for kind, said in zip(("-> str", "-> bytes", "-> float"), kinds, strict=True)] == [True] * 3
    assert names(editor, repo, ONE) == ["x", "z", "y", "value"]


def test_notifications_do_as_well(daemon: Daemon, repo: Path) -> None:
    editor = daemon.client()
    for method, more in (
        ("document/open", {"text": value("str"), "version": 7}),
        ("document/change", {"version": 8, "changes": [{"text": value("bytes")}]}),
    ):
        editor.send({"jsonrpc": "2.0", "method": method, "params": {"root": str(repo), "file": ONE, **more}})
    assert sees(editor, repo) == "bytes"
    editor.send({"jsonrpc": "2.0", "method": "document/close", "params": {"root": str(repo), "file": ONE}})
    assert sees(editor, repo) == "int"


def test_edits_that_do_not_fit_change_nothing(daemon: Daemon, repo: Path) -> None:
    editor = daemon.client()
    root, good = str(repo), {"range": at(0, 0, 3), "text": "class"}

    def fails(method: str, **params: object) -> tuple[str, str]:
        error = editor.fails(method, root=root, file=ONE, **params)
        return error["data"]["type"], error["message"]

    assert fails("document/change", version=1, changes=[])[0] == "DocumentNotOpen"
    assert fails("document/close")[0] == "DocumentNotOpen"
    show(editor, repo, value("str"), version=5)
    assert fails("document/change", version=5, changes=[good])[0] == "DocumentOutOfStep"
    for bad in (at(9, 0), at(-1, 0), at(0, -1), {"start": at(0, 5)["start"], "end": at(0, 2)["start"]}):
        kind, message = fails("document/change", version=6, changes=[good, {"range": bad, "text": ""}])
        assert kind == "DocumentOutOfStep", message
    assert sees(editor, repo) == "str"
    assert editor.ask("document/change", root=root, file=ONE, version=6, changes=[]) == {"file": ONE, "version": 6}


def test_texts_and_files_that_are_refused(daemon: Daemon, repo: Path) -> None:
    editor = daemon.client()

    def kind(file: str, text: str, root: str = str(repo)) -> str:
        error = editor.fails("document/open", root=root, file=file, text=text)
        assert error["data"]["hint"]
        return str(error["data"]["type"])

    assert kind(ONE, "a\0b") == "TextRefused"
    assert kind(ONE, "x" * 50_000_000) == "TextRefused"
    assert kind(ONE, "é" * 1_000_001) == "TextRefused"
    assert kind("../other.py", "") == "OutsideRoot"
    assert kind("/etc/passwd.py", "") == "OutsideRoot"
    assert kind(ONE, "", "/") == "RootRefused"
    assert kind(ONE, "", str(repo / "nowhere")) == "RootNotFound"
    show(editor, repo, value("str"))
    assert sees(editor, repo) == "str"


def test_a_view_holds_so_much_and_no_more(daemon: Daemon, repo: Path) -> None:
    editor = daemon.client()
    for number in range(33):
        show(editor, repo, "#" * 2_000_000, f"shop/large{number}.py")
    large = {"root": str(repo), "file": "shop/large.py", "text": "#" * 2_000_000}
    error = editor.fails("document/open", **large)
    assert (error["data"]["type"], error["data"]["hint"]) == ("TextRefused", "Close some.")
    editor.ask("document/close", root=str(repo), file="shop/large0.py")
    editor.ask("document/open", **large)


def test_a_root_that_is_a_link_has_the_same_documents(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repo)
    editor = daemon.client()
    editor.ask("document/open", root=str(tmp_path / "link"), file=str(tmp_path / "link" / ONE), text=value("str"))
    assert sees(editor, repo) == sees(editor, tmp_path / "link") == "str"


TEXTS = st.text(alphabet=st.sampled_from("ab\n\r\f\v\x85\u2028é😋\t"), max_size=12)


@settings(deadline=None)
@given(TEXTS, TEXTS, st.tuples(*[st.integers(0, 6)] * 4))
def test_incremental_edits_are_those_of_the_protocol(text: str, new: str, place: tuple[int, int, int, int]) -> None:
    """The reference reads the text as UTF-16 units, which is how LSP counts."""
    start, end = sorted([place[:2], place[2:]])
    edit = {"range": {"start": _position(start), "end": _position(end)}, "text": new}
    units = text.encode("utf-16-le")
    offsets = [_offset(text, *start), _offset(text, *end)]
    if None in offsets:
        with pytest.raises(DocumentOutOfStep):
            documents.edited(text, [edit])
        return
    low, high = offsets
    assert low is not None
    assert high is not None
    expected = units[: 2 * low] + new.encode("utf-16-le") + units[2 * max(low, high) :]
    if b"\x3d\xd8" in (units[2 * low - 2 : 2 * low], units[2 * high - 2 : 2 * high]):  # inside a surrogate pair
        return
    assert documents.edited(text, [edit]) == expected.decode("utf-16-le")


@settings(deadline=None)
@given(TEXTS, st.lists(st.tuples(TEXTS, st.tuples(*[st.integers(0, 3)] * 4)), max_size=4))
def test_each_edit_is_of_the_text_that_the_one_before_left(text: str, changes: list[tuple[str, Any]]) -> None:
    edits = [
        {
            "range": {"start": _position(min(place[:2], place[2:])), "end": _position(max(place[:2], place[2:]))},
            "text": new,
        }
        for new, place in changes
    ]
    try:
        one_by_one = functools.reduce(lambda left, edit: documents.edited(left, [edit]), edits, text)
    except DocumentOutOfStep:
        with pytest.raises(DocumentOutOfStep):
            documents.edited(text, edits)
    else:
        assert documents.edited(text, edits) == one_by_one


def _position(place: tuple[int, int]) -> dict[str, int]:
    return {"line": place[0], "character": place[1]}


def _offset(text: str, line: int, character: int) -> int | None:
    """The offset in UTF-16 units; None for a line that the text has not."""
    lines = text.replace("\r\n", "\0\n").replace("\r", "\n").split("\n")
    if line >= len(lines):
        return None
    before = sum(len(one.encode("utf-16-le")) // 2 + 1 for one in lines[:line])
    return before + min(character, len(lines[line].removesuffix("\0").encode("utf-16-le")) // 2)


# -- one server, several views


def test_a_switch_waits_for_what_is_under_way(slow: Daemon, repo: Path, patient: Patient) -> None:
    """The server answers when told to, from the text that it has then."""
    one, two, disk = slow.client(), slow.client(), slow.client()
    show(one, repo, "one")
    show(two, repo, "two")
    one.start("lsp/request", **question(repo))
    assert patient.read(1) == "one"
    queue(slow, repo, two, disk)
    for number, (client, text) in enumerate(((one, "one"), (two, "two"), (disk, value("int"))), 1):
        assert patient.read(number) == text
        assert not patient.was_asked(number + 1)
        patient.let(number)
        assert client.receive()["result"]["result"][0]["name"] == text


def question(repo: Path) -> dict[str, Any]:
    return {"root": str(repo), "method": SYMBOLS, "params": {"textDocument": {"uri": f"file://{repo}/{ONE}"}}}


def waiting(daemon: Daemon, repo: Path) -> int:
    """Requests that the language server was asked, or will be."""
    return sum(session["pending"] for session in daemon.client().sessions(repo))


def queue(daemon: Daemon, repo: Path, *clients: Wire) -> list[int]:
    """Have each ask behind those before it and one other; the numbers of their requests."""
    numbers = []
    for place, client in enumerate(clients, 2):
        numbers.append(client.start("lsp/request", **question(repo)))
        eventually(lambda place=place: waiting(daemon, repo) == place, f"{place} are under way")
    return numbers


def test_a_question_given_up_while_it_waits_is_never_sent(slow: Daemon, repo: Path, patient: Patient) -> None:
    one, two, three = slow.client(), slow.client(), slow.client()
    show(two, repo, "two")
    show(three, repo, "three")
    one.start("lsp/request", **question(repo))
    assert patient.read(1) == value("int")
    given_up, _ = queue(slow, repo, two, three)
    two.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": given_up}})
    assert two.receive()["error"]["data"]["type"] == "Cancelled"
    patient.let(1)
    assert patient.read(2) == "three"
    patient.let(2)
    assert three.receive()["result"]["result"][0]["name"] == "three"
    eventually(lambda: waiting(slow, repo) == 0, "nothing is owed")
    assert one.receive()["result"]["result"][0]["name"] == value("int")


def test_a_server_that_begins_anew_is_shown_the_view_again(daemon: Daemon, repo: Path) -> None:
    editor = daemon.client()
    show(editor, repo, value("str"))
    assert sees(editor, repo) == "str"
    for session in editor.sessions(repo):
        if session["pid"]:
            os.kill(session["pid"], signal.SIGKILL)
    place = {"textDocument": {"uri": f"file://{repo}/{USE}"}, "position": {"line": 2, "character": 11}}

    def again() -> bool:
        reply = editor.call("lsp/request", root=str(repo), method=HOVER, params=place)
        return "result" in reply and "-> str" in reply["result"]["result"]["contents"]["value"]

    eventually(again, "the next run of the server sees the text")
    eventually(lambda: finds(editor, repo, "value"), "the next run of the indexer answers")


def overlays(name: str) -> Overlays:
    return Overlays.of({"/r/a.py": Unsaved.of(name)}) if name else DISK


def test_turns_are_fair() -> None:
    turns = Turns()
    a, b, disk = overlays("a"), overlays("b"), DISK
    assert turns.ask(1, a)
    assert turns.ask(2, a)
    assert not turns.ask(3, b)
    assert not turns.ask(4, a)  # b waits: a may not go on for ever
    assert not turns.ask(5, disk)
    assert not turns.ask(6, b)
    assert turns.settle(1) == []
    assert turns.settle(2) == [3, 6]
    assert turns.settle(6) == []
    assert turns.settle(3) == [4]
    assert turns.settle(5) == []  # given up before its turn
    assert turns.settle(4) == []
    assert turns.ask(7, b)
    assert turns.settle(99) == []


def test_overlays_are_equal_by_what_they_show() -> None:
    one, two = Unsaved.of("one"), Unsaved.of("two")
    both = Overlays.of({"/a": one, "/b": two})
    assert both.digest == Overlays.of({"/b": two, "/a": one}).digest
    assert both.digest != Overlays.of({"/a": two, "/b": one}).digest
    assert both.seen_by(Depends("/a")).digest == Overlays.of({"/a": one}).digest
    assert both.seen_by(Depends("/a", imports=True)) is both.seen_by(ANY) is both
    assert both.seen_by(Depends("/c")) is DISK is Overlays.of({})
    assert both.having("/a", two).digest == Overlays.of({"/a": two, "/b": two}).digest
