"""A connection that is made again looks through its view as before: a real daemon, killed and started anew."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

import semctx.aio
from semctx.replay import Replay
from tests.conftest import Daemon

FILE = "shop/one.py"


def place(line: int, start: int, end: int) -> dict[str, Any]:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


def again(daemon: Daemon) -> None:
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.process.wait()
    daemon.start()


async def find(editor: semctx.aio.Connection, name: str) -> Any:
    """The end of the old daemon may be seen only by a request."""
    while True:
        try:
            return await editor.find(name)
        except semctx.SemctxError as error:
            if error.type != "ConnectionLost":
                raise


def test_unsaved_text_outlives_the_daemon(daemon: Daemon, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
    with semctx.connect(str(repo)) as editor:
        assert editor.daemon
        view = editor.daemon["view"]
        with semctx.connect(str(repo), view=view) as friend:
            editor.open_document(FILE, "def before(): ...\n", version=3)
            editor.change_document(FILE, 4, [{"range": place(0, 4, 10), "text": "after"}])
            editor.open_document("shop/two.py", "def gone(): ...\n")
            editor.close_document("shop/two.py")
            assert friend.find("after")["symbols"][0]["file"] == FILE
            again(daemon)
            assert editor.find("after")["symbols"][0]["file"] == FILE
            assert editor.daemon["view"] == view
            assert friend.find("after")["symbols"][0]["file"] == FILE
            with pytest.raises(semctx.SemctxError, match="No symbol"):
                editor.find("gone")
            assert editor.change_document(FILE, 5, [])["version"] == 5


@pytest.mark.anyio
async def test_the_same_with_the_other_connection(daemon: Daemon, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
    async with await semctx.aio.connect(str(repo)) as editor:
        await editor.open_document(FILE, "def before(): ...\n")
        again(daemon)
        assert (await find(editor, "before"))["symbols"][0]["file"] == FILE


def test_a_document_whose_root_went_away_is_open_no_more(
    daemon: Daemon, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
    gone = tmp_path / "gone"
    gone.mkdir()
    with semctx.connect(str(repo)) as editor, semctx.connect(str(gone), view=editor.daemon["view"]) as lost:
        lost.open_document("a.py", "def lost(): ...\n")
        lost.change_document("a.py", 1, [{"range": place(0, 4, 8), "text": "gone"}])
        gone.rmdir()
        again(daemon)
        assert lost.health()["status"]
        with pytest.raises(semctx.SemctxError) as caught:
            lost.find("gone")
        assert caught.value.type == "RootNotFound"
        assert editor.find("Order")["symbols"]


@pytest.mark.anyio
async def test_nor_is_it_in_the_other_connection(
    daemon: Daemon, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
    gone = tmp_path / "gone"
    gone.mkdir()
    async with await semctx.aio.connect(str(gone)) as lost:
        await lost.open_document("a.py", "def lost(): ...\n")
        gone.rmdir()
        again(daemon)
        with pytest.raises(semctx.SemctxError) as caught:
            await find(lost, "gone")
        assert caught.value.type == "RootNotFound"


def test_what_concerns_the_connection_forgets_no_document() -> None:
    replay = Replay()
    opened = {"root": "/r", "file": "a.py", "text": "one", "version": 1}
    replay.note("document/open", opened)
    with pytest.raises(semctx.SemctxError):
        replay.refused(opened, semctx.SemctxError("ConnectionLost"))
    assert list(replay.requests()) == [("document/open", opened)]


def test_what_is_replayed_is_what_still_matters() -> None:
    replay = Replay()
    one: dict[str, Any] = {"root": "/r", "file": "a.py"}
    piece = {"range": place(0, 0, 1), "text": "x"}
    replay.note("health", {})
    assert list(replay.requests()) == []
    opened = {**one, "text": "one", "version": 1}
    replay.note("document/open", opened)
    replay.note("document/change", {**one, "version": 2, "changes": [piece]})
    assert [method for method, _ in replay.requests()] == ["document/open", "document/change"]
    mine = [piece]
    replay.note("document/change", {**one, "version": 3, "changes": mine})
    replay.note("document/change", {**one, "version": 4, "changes": mine})
    assert list(replay.requests()) == [
        ("document/open", opened),
        ("document/change", {**one, "version": 4, "changes": [piece, piece, piece]}),
    ]
    assert mine == [piece]
    replay.note("document/change", {**one, "version": 5, "changes": [piece, {"text": "whole"}]})
    assert list(replay.requests()) == [("document/open", {**one, "text": "whole", "version": 5})]
    replay.note("document/change", {**one, "version": 7, "changes": [{"text": "whole"}, piece]})
    assert list(replay.requests()) == [
        ("document/open", {**one, "text": "whole", "version": 6}),
        ("document/change", {**one, "version": 7, "changes": [piece]}),
    ]
    replay.note("document/change", {**one, "version": 8, "changes": mine})
    assert list(replay.requests())[1:] == [("document/change", {**one, "version": 8, "changes": [piece, piece]})]
    replay.note("document/close", one)
    assert list(replay.requests()) == []
