"""What outlives an edit, with a real server and the real index: answers about files that do not import what was edited.

That none of them is stale is shown by test_differential.py, and at length by `python -m bench narrowing`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Daemon, Wire, eventually

HOVER = "textDocument/hover"
ORDERS = ("shop/orders.py", 16, 5)  # imports prices.py
VALIDATION = ("shop/validation.py", 4, 2)  # does not


class Memory:
    """Asks two hovers, and says which of them came from memory."""

    def __init__(self, client: Wire, root: Path) -> None:
        self.client, self.root = client, root
        self.number = 0
        assert [self.hits(), self.hits()] == ["", "orders validation"]  # the workspace is open, the server ready
        self.learn()

    def learn(self) -> None:
        """Have both in memory, and what their files import known: the indexer answers in order, and is asked for one
        closure after the other."""
        self.client.ask("symbols/find", root=str(self.root), name="Order", limits={"symbols": self.fresh()})
        self.client.ask("cache/clear")
        assert self.hits() == ""
        for _ in range(2):
            self.client.ask("symbols/find", root=str(self.root), name="Order", limits={"symbols": self.fresh()})

    def fresh(self) -> int:
        self.number += 1
        return self.number

    def hits(self) -> str:
        return " ".join(name for name, place in (("orders", ORDERS), ("validation", VALIDATION)) if self.is_hit(place))

    def is_hit(self, place: tuple[str, int, int]) -> bool:
        before = self.counted()
        assert self.client.hover(self.root, *place)
        return self.counted() > before

    def closures(self) -> int:
        """How many the indexer was asked for."""
        sessions = self.client.ask("metrics/get")["workspaces"][str(self.root)]["sessions"]
        return sum(one["operations"].get("closure", {"total": 0})["total"] for one in sessions)

    def counted(self) -> int:
        by_method = self.client.ask("cache/stats", root=str(self.root))["by_method"]
        hits: int = by_method[HOVER]["hits"] if HOVER in by_method else 0
        return hits


@pytest.fixture
def memory(client: Wire, repo: Path) -> Memory:
    (repo / ".gitignore").write_text("build/\n")
    (repo / ".git").mkdir()
    (repo / "build").mkdir()
    (repo / "build/made.py").write_text("x = 1\n")
    return Memory(client, repo)


def write(root: Path) -> None:
    (root / "shop/prices.py").write_text("class Price: ...\n\n\ndef parse_price(text: str) -> Price: ...\n")


def replace(root: Path) -> None:
    (root / "shop/prices.tmp").write_text("class Price: ...\n\n\ndef parse_price(text: str) -> Price: ...\n")
    os.rename(root / "shop/prices.tmp", root / "shop/prices.py")


def make(root: Path) -> None:
    (root / "shop/new.py").write_text("")


def remove(root: Path) -> None:
    (root / "shop/prices.py").unlink()


def move(root: Path) -> None:
    os.rename(root / "shop/prices.py", root / "shop/moved.py")


def ignored(root: Path) -> None:
    (root / "build/made.py").write_text("x = 2\n")


def configure(root: Path) -> None:
    (root / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "2"\n')


@pytest.mark.parametrize(
    ("edit", "left"),
    [
        (write, "validation"),
        (replace, "validation"),
        (make, ""),
        (remove, ""),
        (move, ""),
        (ignored, ""),  # the index knows no such file: an import may mean it
        (configure, ""),
    ],
)
def test_what_outlives_an_edit(memory: Memory, edit: Callable[[Path], None], left: str) -> None:
    assert memory.hits() == "orders validation"
    edit(memory.root)
    assert memory.hits() == left


def test_an_import_that_is_added_counts_from_then_on(memory: Memory) -> None:
    path = memory.root / "shop/validation.py"
    path.write_text(path.read_text() + "\n\nfrom shop import prices\n")
    memory.learn()
    write(memory.root)
    assert memory.hits() == ""


def test_with_another_indexer_nothing_is_known(memory: Memory, daemon: Daemon) -> None:
    """It may know files of which the gate has not told."""

    def indexer() -> Any:
        return memory.client.sessions(memory.root, "indexer")[0]

    os.kill(indexer()["pid"], signal.SIGKILL)
    eventually(lambda: indexer()["state"] == "crashed", "the daemon knows")
    write(memory.root)
    assert memory.hits() == ""


def test_files_that_may_depend_on_any_are_asked_about_once(memory: Memory) -> None:
    (memory.root / "shop/conftest.py").write_text("")
    path = memory.root / "shop/validation.py"
    path.write_text(path.read_text() + "\n\nfrom shop import conftest\n")
    memory.learn()
    before = memory.closures()
    for _ in range(3):
        write(memory.root)
        memory.learn()
    assert memory.closures() == before


def test_no_question_waits_for_more_than_one_closure(memory: Memory) -> None:
    def indexer() -> Any:
        return memory.client.sessions(memory.root, "indexer")[0]

    make(memory.root)
    before = memory.closures()
    os.kill(indexer()["pid"], signal.SIGSTOP)
    try:
        assert memory.hits() == ""
        assert indexer()["pending"] == 1
    finally:
        os.kill(indexer()["pid"], signal.SIGCONT)
    eventually(lambda: memory.closures() == before + 2, "both are asked for")


def test_without_an_indexer_every_edit_drops_all(client: Wire, repo: Path) -> None:
    assert client.hover(repo, *VALIDATION)
    write(repo)
    assert client.hover(repo, *VALIDATION)
    assert client.ask("cache/stats")["hits"] == 0
    assert [one["state"] for one in client.sessions(repo, "indexer")] == ["stopped"]
