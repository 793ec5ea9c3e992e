"""Source files that the index knows by name only: whoever asks is told that they are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semctx.errors import SemctxError
from semctxd.index import byname
from semctxd.index.answer import context, relevant_files
from semctxd.index.find import find
from semctxd.index.live import LiveIndex
from semctxd.index.unread import known_by_name
from tests.conftest import Daemon, write
from tests.index.conftest import Grow

HUGE = b"def enormous(): ...\n" * 100_001
ALL = {"count": 3, "files": ["closed.py", "data/binary.py", "data/huge.py"]}
BELOW = {"count": 2, "files": ["data/binary.py", "data/huge.py"]}


@pytest.fixture
def live(grow: Grow, tmp_path: Path) -> LiveIndex:
    (tmp_path / "closed.py").symlink_to("/proc/self/mem")  # nobody reads that from its beginning
    files = {"data/huge.py": HUGE, "data/binary.py": b"x = 1\0", "data/small.py": "def small(): ...\n", "empty.py": ""}
    return grow(files)


def test_every_answer_of_the_index_says_so(live: LiveIndex) -> None:
    assert find(live, {"name": "small"})["not_indexed"] == ALL
    assert context(live, {"intent": "something small"})["not_indexed"] == ALL
    assert relevant_files(live, {"intent": "something small"})["not_indexed"] == ALL
    assert byname.overview(live, {})["not_indexed"] == ALL
    assert byname.overview(live, {"file": "data"})["not_indexed"] == BELOW


def test_a_file_that_cannot_be_taken_apart_is_one_of_them(grow: Grow) -> None:
    endless = "".join(" " * depth + "if x:\n" for depth in range(900))
    live = grow({"small.py": "def small(): ...\n", "endless.py": endless})
    assert find(live, {"name": "small"})["not_indexed"] == {"count": 1, "files": ["endless.py"]}


def test_what_is_about_one_file_says_nothing_of_others(live: LiveIndex) -> None:
    assert "not_indexed" not in byname.overview(live, {"file": "data/small.py"})
    with pytest.raises(SemctxError) as caught:
        byname.targets(live, {"name": "enormous", "file": "data/small.py"})
    assert caught.value.message == "No symbol has the name 'enormous' in data/small.py."


@pytest.mark.parametrize(
    ("params", "files"),
    [({}, "closed.py, data/binary.py, data/huge.py"), ({"file": "data/huge.py"}, "data/huge.py")],
)
def test_a_name_that_is_not_found_may_be_in_them(live: LiveIndex, params: dict[str, Any], files: str) -> None:
    with pytest.raises(SemctxError) as caught:
        byname.targets(live, {"name": "enormous", **params})
    assert caught.value.message.endswith(f" Not looked into, as too large, no text or not readable: {files}.")


def test_they_are_many(grow: Grow) -> None:
    live = grow({f"{name}.py": b"\0" for name in "gfedcba"})
    assert known_by_name(live.store) == {"count": 7, "files": ["a.py", "b.py", "c.py", "d.py", "e.py"]}
    with pytest.raises(SemctxError) as caught:
        find(live, {"name": "x"})
    assert caught.value.message.endswith(": a.py, b.py, c.py, d.py, e.py, ….")
    assert context(live, {"intent": "parse json"})["not_indexed"]["count"] == 7  # from the built-in table


def test_they_come_and_go(live: LiveIndex, tmp_path: Path) -> None:
    write(tmp_path, {"data/huge.py": b"def enormous(): ...\n", "data/small.py": HUGE})
    (tmp_path / "closed.py").unlink()
    live.apply([str(tmp_path / name) for name in ("data/huge.py", "data/small.py", "closed.py")])
    assert find(live, {"name": "enormous"})["not_indexed"]["files"] == ["data/binary.py", "data/small.py"]
    write(tmp_path, {"data/small.py": "", "data/binary.py": ""})
    live.apply([str(tmp_path / "data")])
    assert "not_indexed" not in find(live, {"name": "enormous"})


def test_a_snapshot_knows_them(live: LiveIndex, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = str(tmp_path_factory.mktemp("snapshots"))
    for restored in (0, 5):
        again = LiveIndex(str(tmp_path), snapshots=folder)
        again.refresh()
        assert again.restored == restored
        assert known_by_name(again.store) == ALL
        for _ in again.keep():
            pass


def test_health_and_metrics_say_so(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    (repo / "shop/huge.py").write_bytes(HUGE)
    said = {"count": 1, "files": ["shop/huge.py"]}
    assert client.ask("symbols/find", root=str(repo), name="Order")["not_indexed"] == said
    assert client.ask("context/query", root=str(repo), intent="an order")["not_indexed"] == said
    assert client.fails("symbols/overview", root=str(repo), file="shop/huge.py")["data"]["type"] == "FileRefused"
    health = client.ask("health")
    assert (health["status"], health["workspaces"][0]["not_indexed"]) == ("ok", said)
    assert client.ask("metrics/get")["workspaces"][str(repo)]["index"]["not_indexed"] == said
    (repo / "shop/huge.py").unlink()
    assert "not_indexed" not in client.ask("symbols/find", root=str(repo), name="Order")
