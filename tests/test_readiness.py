"""What a recipe asks for, without a server: its sign, what is open, what is told, and whose turn it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from semctxd.lsp import session
from semctxd.lsp.interpreter import import_folders
from semctxd.lsp.opened import Opened
from semctxd.lsp.readiness import Readiness
from semctxd.lsp.registry import Server, registry
from semctxd.lsp.sync import Cure, Ledger, to_uri
from semctxd.lsp.turns import Turns
from semctxd.model import DISK, Change, What
from tests.conftest import until
from tests.test_child import kept
from tests.zoo import command

SERVERS = registry().servers
SIGN = ("window/logMessage", b'{"type":3,"message":"Found 12 source files"}')
NEWS = [What.APPEARED, What.MODIFIED, What.GONE]


# -- the sign


def test_answers_are_early_until_the_sign() -> None:
    readiness = Readiness(SERVERS["basedpyright"])
    assert readiness.due
    assert not readiness.hears("window/logMessage", b'{"message":"Loading"}', 1.0)
    assert not readiness.hears("window/showMessage", SIGN[1], 1.0)
    assert readiness.completeness(sent_at=1.0) == "indexing"
    assert readiness.hears(*SIGN, now=2.0)
    assert not readiness.due
    assert readiness.completeness(sent_at=1.0) == "indexing"  # it was asked before
    assert readiness.completeness(sent_at=3.0) == ""
    assert not readiness.hears(*SIGN, now=4.0)  # of its own accord


def test_each_notice_has_a_sign_of_its_own() -> None:
    readiness = Readiness(SERVERS["basedpyright"])
    assert readiness.hears(*SIGN, now=1.0)
    readiness.told(signs=False)
    assert not readiness.due
    readiness.told(signs=True)
    readiness.told(signs=True)
    assert not readiness.hears(*SIGN, now=2.0)
    assert readiness.hears(*SIGN, now=3.0)
    readiness.told(signs=True)
    due = readiness.due
    readiness.told(signs=True)
    assert not readiness.settle(due, now=4.0)  # it answered what was asked after the first, and not yet the second
    assert readiness.settle(1, now=5.0)
    assert readiness.completeness(sent_at=4.5) == "indexing"
    assert readiness.completeness(sent_at=5.5) == ""


def test_a_server_without_a_sign() -> None:
    assert Readiness(SERVERS["ty"]).completeness(sent_at=0.0) == ""
    assert Readiness(SERVERS["jedi-language-server"]).completeness(sent_at=0.0) == "unknown"
    assert not Readiness(SERVERS["ty"]).hears(*SIGN, now=1.0)


def test_nothing_goes_out_while_a_server_is_held() -> None:
    turns = Turns()
    assert turns.ask(1, DISK)
    turns.hold()
    assert not turns.ask(2, DISK)
    assert turns.settle(1) == []
    assert turns.resume() == [2]
    assert turns.ask(3, DISK)


async def test_a_server_that_never_gives_its_first_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress that never ends must not keep a session from keeping answers for ever."""
    monkeypatch.setattr(session, "GIVE_UP_S", 0.01)
    sign = msgspec.structs.replace(SERVERS["pyrefly"].sign, patience_s=0.01)
    entry = msgspec.structs.replace(SERVERS["pyrefly"], sign=sign, dependencies="registered")
    (tmp_path / "signs").mkdir()
    async with kept(tmp_path, command("indexing", "signs"), entry=entry) as keeper:
        assert keeper.session.usual_completeness == ""
        params = {"textDocument": {"uri": to_uri(f"{tmp_path}/a.py")}, "position": {"line": 0, "character": 0}}
        assert (await keeper.start(params=params)[1])["contents"]["value"] == "nothing"
        await until(lambda: keeper.session.state == "ready")
        assert (await keeper.start(params=params)[1])["contents"]["value"] == "nothing"
        assert keeper.session.completeness == "unknown"


async def test_a_change_while_a_server_starts_that_only_another_run_takes_in(tmp_path: Path) -> None:
    entry = msgspec.structs.replace(SERVERS["zuban"], dependencies="registered")
    (tmp_path / "signs").mkdir()
    async with kept(tmp_path, command("indexing", "signs"), entry=entry) as keeper:
        params = {"textDocument": {"uri": to_uri(f"{tmp_path}/a.py")}, "position": {"line": 0, "character": 0}}
        _, reply = keeper.start(params=params)
        await until(lambda: keeper.session.pid)
        pid = keeper.session.pid
        keeper.session.notice([Change(f"{tmp_path}/a.py", What.MODIFIED)])
        assert (await reply)["contents"]["value"] == "nothing"
        assert keeper.session.restarts == 1
        assert keeper.session.pid != pid


# -- what is open


def written(messages: list[bytes]) -> list[tuple[str, Any]]:
    """(method, text) of each message."""
    said = [json.loads(message) for message in messages]
    return [
        (
            one["method"].rpartition("/")[2],
            one["params"]["textDocument"].get("text") or one["params"].get("contentChanges", [{}])[0].get("text"),
        )
        for one in said
    ]


def about(path: Path, key: str = "textDocument") -> bytes:
    return json.dumps({key: {"uri": to_uri(str(path))}, "position": {"line": 0, "character": 0}}).encode()


def test_a_document_is_open_while_it_is_asked_about(tmp_path: Path) -> None:
    opened = Opened("python")
    path = tmp_path / "a.py"
    path.write_text("one")
    assert written(opened.before(1, about(path), ())) == [("didOpen", "one")]
    assert opened.before(2, about(path, "item"), ()) == []
    path.write_text("two")
    assert written(opened.before(3, about(path), ())) == [("didChange", "two")]
    assert opened.after(1) == opened.after(3) == []
    assert written(opened.after(2)) == [("didClose", None)]
    assert opened.after(2) == []


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    opened = Opened("python")
    (tmp_path / "large.py").write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    assert opened.before(1, b'{"query":"x"}', ()) == []
    assert opened.before(2, about(tmp_path), ()) == []  # a folder
    assert opened.before(3, about(tmp_path / "large.py"), ()) == []
    assert opened.before(4, about(tmp_path / "shown.py"), (str(tmp_path / "shown.py"),)) == []
    assert written(opened.before(5, about(tmp_path / "missing.py"), ())) == [("didOpen", None)]
    assert written(opened.close_all()) == [("didClose", None)]
    assert opened.before(6, about(tmp_path / "missing.py"), ()) != []
    opened.clear()
    assert opened.after(6) == []


# -- what is told


def told(root: Path, name: str, *changes: Change, quiet_ns: int = 0) -> Cure:
    ledger = Ledger(str(root), SERVERS[name].sync, "python")
    ledger.add(changes)
    assert not ledger.outdated
    return ledger.settle(quiet_ns, quiet_ns + 10**18)


def test_a_recipe_that_tells_what_happened(tmp_path: Path) -> None:
    new, old = tmp_path / "new.py", tmp_path / "old.py"
    (tmp_path / "new").mkdir()
    for path in (new, old, tmp_path / "note.ipynb"):
        path.write_text("")
    changes = [
        Change(str(new), What.APPEARED),
        Change(str(old), What.MODIFIED),
        Change(str(tmp_path / "gone.py"), What.GONE),
        Change(str(tmp_path / "folder"), What.GONE, is_folder=True),
        Change(str(tmp_path / "note.ipynb"), What.MODIFIED),  # not told: no sign would come
        Change(str(tmp_path / "new"), What.APPEARED, is_folder=True),
    ]
    cure = told(tmp_path, "basedpyright", *changes)
    [notice] = [json.loads(message) for message in cure.messages]
    kinds = [(event["uri"].rpartition("/")[2], event["type"]) for event in notice["params"]["changes"]]
    assert kinds == [("new.py", 1), ("old.py", 2), ("gone.py", 3), ("folder", 3)]
    assert cure.signs
    assert not cure.nudges
    assert not told(tmp_path, "basedpyright", Change(str(old), What.MODIFIED)).signs
    moved = told(tmp_path, "basedpyright", Change(str(old), What.GONE), Change(str(old), What.MODIFIED))
    assert json.loads(moved.messages[0])["params"]["changes"][0]["type"] == 1  # it may be another file


def test_a_recipe_that_tells_nothing_and_has_files_read(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("")
    assert told(tmp_path, "jedi-language-server", Change(str(path), What.MODIFIED)) == Cure(
        [], False, [to_uri(str(path))], False
    )
    risen = path.stat().st_mtime_ns - 1
    assert told(tmp_path, "jedi-language-server", Change(str(path), What.MODIFIED), quiet_ns=risen).read == []


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("what", NEWS)
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/r/a.py", ""),
        ("/r/pyrightconfig.json", "configuration"),
        ("/pyproject.toml", "configuration"),
        ("/venv/lib/python3.11/site-packages/a.py", "dependency"),
        ("/r/.venv/lib/python3.11/site-packages/a.py", "dependency"),
        ("/r/.gitignore", ""),
    ],
)
def test_only_another_run_knows_the_truth(name: str, what: What, path: str, kind: str) -> None:
    kinds = {What.APPEARED: "appeared", What.MODIFIED: "modified", What.GONE: "gone"}
    ledger = Ledger("/r", SERVERS[name].sync, "python")
    ledger.add([Change(path, what)])
    assert ledger.outdated == ((kind or kinds[what]) in SERVERS[name].sync.renews_on)
    ledger.clear()
    assert not ledger.outdated


@pytest.mark.parametrize("name", SERVERS)
def test_after_anything_may_have_changed(name: str) -> None:
    ledger = Ledger("/r", SERVERS[name].sync, "python")
    ledger.add([Change("", What.EVERYTHING)])
    assert ledger.outdated == (name != "ty")


# -- where installed packages are


def test_the_folders_of_installed_packages(tmp_path: Path) -> None:
    site = tmp_path / "venv/lib/python3.11/site-packages"
    debian = tmp_path / "venv/lib/python3/dist-packages"
    for folder in (site, debian, tmp_path / "editable"):
        folder.mkdir(parents=True)
    (site / "one.pth").write_text(f"{tmp_path}/editable\n/nowhere\nimport sys\nrelative\n")
    (site / "odd.pth").write_bytes(b"\xff\n")
    (site / "folder.pth").mkdir()
    found = import_folders(str(tmp_path / "venv/bin/python"))
    assert found == [str(site), str(debian), str(tmp_path / "editable")]
    assert import_folders(str(tmp_path / "nowhere/bin/python")) == []


def test_every_server_of_the_registry_is_whole() -> None:
    for name, server in SERVERS.items():
        assert isinstance(server, Server)
        assert (server.readiness == "sign") == (server.sign is not None), name
        assert not server.sync.signs or server.sign, name
