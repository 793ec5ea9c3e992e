"""Every answer is as fresh as the moment it was asked for: a real daemon, a real language server, real edits.

The expected answer never comes from the daemon: it follows from what the test wrote.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Daemon, Wire

pytestmark = pytest.mark.proof

TOTAL = (17, 8)  # `orders` in orders.py's total(): its annotation is list[Order]
PARSE = (11, 22)


def symbols(client: Wire, root: Path, file: str) -> list[str]:
    said = client.lsp(root, "textDocument/documentSymbol", {"textDocument": {"uri": f"file://{root}/{file}"}})
    return [symbol["name"] for symbol in said or []]


def test_every_write_is_seen_by_the_next_question(client: Wire, repo: Path) -> None:
    for number in range(200):
        (repo / "shop/one.py").write_text(f"def name_{number}() -> int:\n    return {number}\n")
        assert symbols(client, repo, "shop/one.py") == [f"name_{number}"]
        assert symbols(client, repo, "shop/one.py") == [f"name_{number}"]
    stats = client.ask("cache/stats", root=str(repo))
    assert stats["by_method"]["textDocument/documentSymbol"]["hits"] >= 200


@pytest.mark.parametrize("style", ["write", "rename", "append", "same size and time"])
def test_every_style_of_writing(client: Wire, repo: Path, style: str) -> None:
    path = repo / "shop/one.py"
    path.write_text("def name_000() -> int: ...\n")
    assert symbols(client, repo, "shop/one.py") == ["name_000"]
    for number in range(1, 60):
        text = f"def name_{number:03}() -> int: ...\n"
        before = path.stat()
        if style == "rename":
            (repo / "shop/new.tmp").write_text(text)
            os.rename(repo / "shop/new.tmp", path)
        elif style == "append":
            with path.open("a") as file:
                file.write(text)
        else:
            path.write_text(text)
        if style == "same size and time":
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert symbols(client, repo, "shop/one.py")[-1] == f"name_{number:03}"


def test_a_caller_sees_the_new_type_of_what_it_calls(client: Wire, repo: Path) -> None:
    (repo / "shop/use.py").write_text("from shop.one import value\n\nresult = value()\n")
    for number in range(60):
        kind = ("int", "str", "bytes")[number % 3]
        (repo / "shop/one.py").write_text(f"def value() -> {kind}: ...\n")
        assert f"-> {kind}" in client.hover(repo, "shop/use.py", 2, 10)
        assert f"-> {kind}" in client.hover(repo, "shop/use.py", 2, 10)


def test_back_and_forth_with_the_time_set_back(client: Wire, repo: Path) -> None:
    """A -> B -> A: the second A must not get B's answer, nor B the first A's."""
    (repo / "shop/use.py").write_text("from shop.one import value\n\nresult = value()\n")
    path = repo / "shop/one.py"
    path.write_text("def value() -> int: ...\n")
    time = path.stat()
    for number in range(60):
        kind = ("int", "str")[number % 2]
        path.write_text(f"def value() -> {kind}: ...\n")
        os.utime(path, ns=(time.st_atime_ns, time.st_mtime_ns))
        assert f"-> {kind}" in client.hover(repo, "shop/use.py", 2, 10)


def test_a_folder_made_after_it_was_imported_in_vain(client: Wire, repo: Path) -> None:
    (repo / "shop/use.py").write_text("from shop.late.thing import value\n\nresult = value\n")
    assert "int" not in client.hover(repo, "shop/use.py", 2, 10)
    (repo / "shop/late").mkdir()
    (repo / "shop/late/__init__.py").write_text("")
    (repo / "shop/late/thing.py").write_text("value: int = 1\n")
    assert "int" in client.hover(repo, "shop/use.py", 2, 10)


def test_a_tree_moved_in_and_out(client: Wire, repo: Path, tmp_path: Path) -> None:
    (repo / "shop/use.py").write_text("from shop.late.thing import value\n\nresult = value\n")
    outside = tmp_path / "outside"
    (outside / "late").mkdir(parents=True)
    (outside / "late/__init__.py").write_text("")
    (outside / "late/thing.py").write_text("value: int = 1\n")
    for _ in range(5):
        assert "int" not in client.hover(repo, "shop/use.py", 2, 10)
        os.rename(outside / "late", repo / "shop/late")
        assert "int" in client.hover(repo, "shop/use.py", 2, 10)
        os.rename(repo / "shop/late", outside / "late")
    shutil.copytree(outside / "late", repo / "shop/late")
    assert "int" in client.hover(repo, "shop/use.py", 2, 10)
    shutil.rmtree(repo / "shop/late")
    assert "int" not in client.hover(repo, "shop/use.py", 2, 10)


def test_references_find_a_new_caller_in_a_new_folder(client: Wire, repo: Path) -> None:
    params = {
        "textDocument": {"uri": f"file://{repo}/shop/prices.py"},
        "position": {"line": 16, "character": 5},
        "context": {"includeDeclaration": False},
    }

    def callers() -> set[str]:
        found = client.lsp(repo, "textDocument/references", params) or []
        return {one["uri"].removeprefix(f"file://{repo}/") for one in found}

    assert callers() == {"shop/orders.py"}
    (repo / "tools/deep").mkdir(parents=True)
    (repo / "tools/deep/caller.py").write_text("from shop.prices import parse_price\n\nparse_price('1')\n")
    assert callers() == {"shop/orders.py", "tools/deep/caller.py"}
    assert callers() == {"shop/orders.py", "tools/deep/caller.py"}
    (repo / "tools/deep/caller.py").unlink()
    assert callers() == {"shop/orders.py"}


def test_the_index_sees_what_the_disk_says(client: Wire, repo: Path) -> None:
    for number in range(60):
        (repo / "shop/one.py").write_text(f"def name_{number}() -> int: ...\n")
        found = client.ask("symbols/find", root=str(repo), name=f"name_{number}")
        assert [symbol["file"] for symbol in found["symbols"]] == ["shop/one.py"]
        if number:
            assert client.fails("symbols/find", root=str(repo), name=f"name_{number - 1}")["data"]["type"] == (
                "SymbolNotFound"
            )


def test_a_change_seen_by_one_client_is_seen_by_all(daemon: Daemon, repo: Path) -> None:
    one, two = daemon.client(), daemon.client(headers=True)
    for number in range(40):
        (repo / "shop/one.py").write_text(f"def name_{number}(): ...\n")
        assert symbols(one, repo, "shop/one.py") == [f"name_{number}"]
        assert symbols(two, repo, "shop/one.py") == [f"name_{number}"]


def test_a_log_file_that_grows_costs_no_answer(client: Wire, repo: Path) -> None:
    symbols(client, repo, "shop/orders.py")
    before = client.ask("health")["workspaces"][0]["epoch"]
    (repo / "server.log").write_text("line\n" * 1000)
    symbols(client, repo, "shop/orders.py")
    assert client.ask("health")["workspaces"][0]["epoch"] == before
    assert client.ask("cache/stats")["hits"] == 1


def test_an_installed_package_edited(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    packages = venv / "lib/python3.11/site-packages"
    (packages / "dep").mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin/python").symlink_to(shutil.which("python3") or "")
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11\n")
    (repo / "shop/use.py").write_text("from dep import value\n\nresult = value()\n")
    client = daemon.client()
    client.ask("session/hello", client="test", protocol=1, env={"VIRTUAL_ENV": str(venv)})
    for number in range(30):
        kind = ("int", "str", "bytes")[number % 3]
        (packages / "dep/__init__.py").write_text(f"def value() -> {kind}: ...\n")
        assert f"-> {kind}" in client.hover(repo, "shop/use.py", 2, 10)
        assert f"-> {kind}" in client.hover(repo, "shop/use.py", 2, 10)


def test_relaxed_takes_what_is_there(client: Wire, repo: Path) -> None:
    assert symbols(client, repo, "shop/orders.py") == ["Order", "total"]
    said = client.lsp(
        repo,
        "textDocument/documentSymbol",
        {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}},
        consistency="relaxed",
    )
    assert [symbol["name"] for symbol in said] == ["Order", "total"]
