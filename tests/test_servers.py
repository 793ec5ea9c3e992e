"""The same promises of every Python server that semctx knows, each run for real; see docs/servers.md.

What holds for ty in more detail, and every class of change, is in test_changes.py and test_sessions.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from semctxd.lsp.registry import registry
from tests.conftest import FILES, Daemon, Wire, daemon_at, eventually, write
from tests.zoo import command, configured

pytestmark = pytest.mark.proof

SERVERS = list(registry().servers)


def environment(folder: Path) -> Path:
    """A small environment of its own; where its packages are."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    function(packages / "dep/__init__.py", "int")
    (packages / "dep/py.typed").write_text("")
    return packages


class Asked:
    """A daemon whose Python server is the one in question, on a root of its own."""

    def __init__(self, daemon: Daemon, name: str, root: Path, packages: Path) -> None:
        self.name, self.root, self.packages = name, root, packages
        self.client: Wire = daemon.client()
        self._numbers = iter(range(1000))

    def module(self) -> str:
        """A name that no test has used."""
        return f"module{next(self._numbers)}"

    def lsp(self, method: str, file: str, line: int = -1, character: int = 0, **more: Any) -> Any:
        params: dict[str, Any] = {"textDocument": {"uri": (self.root / file).as_uri()}, **more}
        if line >= 0:
            params["position"] = {"line": line, "character": character}
        reply = self.client.ask("lsp/request", root=str(self.root), method=f"textDocument/{method}", params=params)
        assert reply.get("completeness") == ("unknown" if self.name == "jedi-language-server" else None)
        assert "degraded" not in reply
        return reply["result"]

    def kind(self, file: str) -> str:
        """What `value()` on the second line of a file returns, "" where that is not known. Asked twice: the second
        answer may come from memory."""
        said = [json.dumps(self.lsp("hover", file, 1, 10)) for _ in range(2)]
        assert said[0] == said[1]
        return next((kind for kind in ("int", "str", "bytes", "float") if f"-> {kind}" in said[0]), "")

    def references(self, file: str) -> set[str]:
        """The files that refer to what stands in the first line of a file."""
        found = self.lsp("references", file, 0, 5, context={"includeDeclaration": True})
        return {place["uri"].rpartition("/")[2] for place in found or []}

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def use(self, module: str) -> str:
        """A file that calls the function `value` of a module."""
        name = f"use_{self.module()}.py"
        self.write(name, f"from {module} import value\nresult = value()\n")
        return name


def function(path: Path, kind: str, name: str = "value") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"def {name}() -> {kind}: ...\n")


@pytest.fixture(scope="module", params=SERVERS)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    root = Path(os.path.realpath(tmp_path_factory.mktemp("servers"))) / "repo"
    write(root, FILES)
    packages = environment(root / ".venv")
    with daemon_at(config=f"[languages.python]\nserver = '{request.param}'\n") as daemon:
        yield Asked(daemon, request.param, root, packages)


def test_it_answers_with_the_workspace_s_own_python(asked: Asked) -> None:
    [symbol] = [one for one in asked.lsp("documentSymbol", "shop/orders.py") if one["name"] == "Order"]
    assert symbol["selectionRange"]["start"] == {"line": 6, "character": 6}
    assert "Price" in json.dumps(asked.lsp("hover", "shop/orders.py", 11, 25))
    found = asked.lsp("definition", "shop/orders.py", 11, 25)
    assert "shop/prices.py" in json.dumps(found)
    assert {"prices.py", "orders.py"} <= {
        place["uri"].rpartition("/")[2]
        for place in asked.lsp("references", "shop/prices.py", 16, 5, context={"includeDeclaration": True})
    }
    assert asked.kind(asked.use("dep")) == "int"
    [session] = asked.client.sessions(asked.root, asked.name)
    assert session["interpreter"] == str(asked.root / ".venv/bin/python")


def test_what_is_wrong_in_a_folder(asked: Asked) -> None:
    """Files are opened one after the other, for which pyrefly gives up what it was asked of those before."""
    names = [f"wrong/{asked.module()}.py" for _ in range(6)]
    for name in names:
        asked.write(name, "absent_name\n")
    if asked.name == "jedi-language-server":
        error = asked.client.fails("diagnostics", root=str(asked.root), file="wrong")
        assert error["data"]["type"] == "ServerError"
        assert "Choose another server" in error["data"]["hint"]
        return
    found = asked.client.ask("diagnostics", root=str(asked.root), file="wrong")["files"]
    assert sorted(file["file"] for file in found) == names
    assert all("absent_name" in json.dumps(file["diagnostics"]) for file in found)


def test_a_file_that_changes(asked: Asked) -> None:
    module = asked.module()
    function(asked.root / f"{module}.py", "int")
    user = asked.use(module)
    assert asked.kind(user) == "int"
    for kind in ("str", "bytes", "int"):
        function(asked.root / f"{module}.py", kind)
        assert asked.kind(user) == kind
    function(asked.root / "beside", "float")
    (asked.root / "beside").rename(asked.root / f"{module}.py")
    assert asked.kind(user) == "float"
    asked.write(user, f"from {module} import value as other\nother(), other()\nfresh = 1\n")
    assert "fresh" in [symbol["name"] for symbol in asked.lsp("documentSymbol", user)]


def test_a_file_whose_time_does_not_rise(asked: Asked) -> None:
    module = asked.module()
    path = asked.root / f"{module}.py"
    function(path, "int")
    user = asked.use(module)
    assert asked.kind(user) == "int"
    stamp = path.stat().st_mtime_ns
    for kind, ns in (("str", stamp), ("int", stamp), ("float", stamp - 10**10), ("bytes", stamp)):
        function(path, kind)
        os.utime(path, ns=(ns, ns))
        assert asked.kind(user) == kind


def test_files_that_come_and_go(asked: Asked) -> None:
    one, other = asked.module(), asked.module()
    user, user_of_other = asked.use(one), asked.use(other)
    assert asked.kind(user) == ""
    function(asked.root / f"{one}.py", "int")
    assert asked.kind(user) == "int"
    assert asked.kind(user_of_other) == ""
    (asked.root / f"{one}.py").rename(asked.root / f"{other}.py")
    assert asked.kind(user) == ""
    assert asked.kind(user_of_other) == "int"
    (asked.root / f"{other}.py").unlink()
    assert asked.kind(user_of_other) == ""


def test_packages_that_come_and_go(asked: Asked, tmp_path: Path) -> None:
    package = asked.module()
    user = asked.use(f"{package}.deep.inner")
    assert asked.kind(user) == ""
    for name in ("__init__.py", "deep/__init__.py"):
        asked.write(f"{package}/{name}", "")
    function(asked.root / package / "deep/inner.py", "int")
    assert asked.kind(user) == "int"
    shutil.move(asked.root / package, tmp_path / "away")
    assert asked.kind(user) == ""
    function(tmp_path / "away/deep/inner.py", "str")
    shutil.move(tmp_path / "away", asked.root / package)
    assert asked.kind(user) == "str"


def test_references_in_files_that_come_change_and_go(asked: Asked) -> None:
    module = asked.module()
    function(asked.root / f"{module}.py", "int", f"of_{module}")
    users = [f"{asked.module()}.py" for _ in range(2)]
    text = f"from {module} import of_{module}\n\nof_{module}()\n"
    asked.write(users[0], text)
    assert asked.references(f"{module}.py") == {f"{module}.py", users[0]}
    asked.write(users[1], text)
    assert asked.references(f"{module}.py") == {f"{module}.py", *users}
    asked.write(users[0], "nothing = 1\n")
    assert asked.references(f"{module}.py") == {f"{module}.py", users[1]}
    (asked.root / users[1]).unlink()
    assert asked.references(f"{module}.py") == {f"{module}.py"}


def test_packages_installed_edited_and_removed(asked: Asked, tmp_path: Path) -> None:
    package = asked.module()
    user = asked.use(package)
    assert asked.kind(user) == ""
    function(asked.packages / package / "__init__.py", "int")
    assert asked.kind(user) == "int"
    function(asked.packages / package / "__init__.py", "str")
    assert asked.kind(user) == "str"
    shutil.rmtree(asked.packages / package)
    assert asked.kind(user) == ""
    function(tmp_path / package / "__init__.py", "bytes")
    (asked.packages / f"{package}.pth").write_text(f"{tmp_path}\n")
    assert asked.kind(user) == "bytes"
    function(tmp_path / package / "__init__.py", "float")
    assert asked.kind(user) == "float"


CONFIGURED = {
    "ty": ("ty.toml", '[environment]\nextra-paths = ["{}"]\n'),
    "basedpyright": ("pyrightconfig.json", '{{"extraPaths": ["{}"]}}\n'),
    "pyrefly": ("pyrefly.toml", 'search-path = ["{}"]\n'),
    "zuban": ("mypy.ini", "[mypy]\nmypy_path = {}\n"),
}


@pytest.mark.parametrize("above", [False, True], ids=["in the root", "above it"])
def test_configuration_made_edited_and_removed(asked: Asked, above: bool) -> None:
    if asked.name not in CONFIGURED:
        return  # jedi-language-server has none
    name, text = CONFIGURED[asked.name]
    folder = asked.root.parent if above else asked.root
    (asked.root / "pyproject.toml").unlink(missing_ok=True)
    module = asked.module()
    function(folder / f"one-{module}/{module}.py", "int")
    function(folder / f"other-{module}/{module}.py", "str")
    user = asked.use(module)
    assert asked.kind(user) == ""
    looks_there = not (above and asked.name == "basedpyright")
    (folder / name).write_text(text.format(f"{folder}/one-{module}"))
    assert asked.kind(user) == ("int" if looks_there else "")
    (folder / name).write_text(text.format(f"{folder}/other-{module}"))
    assert asked.kind(user) == ("str" if looks_there else "")
    (folder / name).unlink()
    assert asked.kind(user) == ""


def test_links_led_elsewhere(asked: Asked, tmp_path: Path) -> None:
    module = asked.module()
    for number, kind in enumerate(("int", "str")):
        function(tmp_path / f"{number}/inner.py", kind)
    (asked.root / module).symlink_to(tmp_path / "0")
    user = asked.use(f"{module}.inner")
    assert asked.kind(user) == "int"
    (asked.root / "next").symlink_to(tmp_path / "1")
    (asked.root / "next").rename(asked.root / module)
    assert asked.kind(user) == "str"
    function(tmp_path / "1/inner.py", "bytes")
    assert asked.kind(user) == "bytes"
    os.link(tmp_path / "1/inner.py", tmp_path / "1/hard.py")
    function(tmp_path / "1/hard.py", "float")
    assert asked.kind(user) == "float"


def test_a_switch_between_branches(asked: Asked) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", "-C", str(asked.root), *identity, *arguments], check=True, capture_output=True)

    many, module = asked.module(), asked.module()
    user = asked.use(f"{many}.deep.file7")
    git("init", "-b", "main")
    for branch, kind in (("main", "int"), ("other", "str")):
        if branch == "other":
            git("checkout", "-b", branch)
            shutil.rmtree(asked.root / many / "deep")
        for number in range(60):
            function(asked.root / many / f"{'deep' if branch == 'main' else 'flat'}/file{number}.py", kind)
        function(asked.root / f"{module}.py", kind)
        git("add", many, f"{module}.py")
        git("commit", "-m", branch)
    other_user = asked.use(module)
    for branch, kind in (("main", "int"), ("other", "str"), ("main", "int")):
        git("checkout", branch)
        assert asked.kind(user) == ("int" if branch == "main" else "")
        assert asked.kind(other_user) == kind
    shutil.rmtree(asked.root / ".git")


def test_a_name_that_is_not_utf_8(asked: Asked) -> None:
    module = asked.module()
    function(asked.root / f"{module}.py", "int")
    user = asked.use(module)
    assert asked.kind(user) == "int"
    odd = Path(os.fsdecode(os.fsencode(asked.root) + b"/th\xe9.py"))
    function(odd, "int")
    assert asked.kind(user) == "int"
    odd.unlink()
    function(asked.root / f"{module}.py", "str")
    assert asked.kind(user) == "str"


def test_an_environment_that_is_removed_and_made_again(asked: Asked, tmp_path: Path) -> None:
    user = asked.use("dep")
    assert asked.kind(user) == "int"
    (asked.root / ".venv").rename(tmp_path / "venv")
    assert asked.kind(user) == ""
    function(tmp_path / "venv" / asked.packages.relative_to(asked.root / ".venv") / "dep/__init__.py", "bytes")
    (tmp_path / "venv").rename(asked.root / ".venv")
    assert asked.kind(user) == "bytes"


def test_a_server_that_is_not_installed(repo: Path) -> None:
    missing = "".join(configured(["/nowhere/program"], name) for name in SERVERS)
    with daemon_at(config=missing) as daemon:
        client = daemon.client()
        params = {"textDocument": {"uri": (repo / "shop/orders.py").as_uri()}}
        for name in SERVERS:
            asked = {"root": str(repo), "method": "textDocument/documentSymbol", "params": params, "server": name}
            error = client.fails("lsp/request", **asked)
            assert error["data"]["type"] == "ServerUnavailable"
            assert error["data"]["hint"] == f"Install it: pip install {name}"


def test_servers_beside_each_other(repo: Path) -> None:
    environment(repo / ".venv")
    with daemon_at() as daemon:
        client = daemon.client()
        for kind in ("int", "str"):
            function(repo / "one.py", kind)
            (repo / "use.py").write_text("from one import value\nresult = value()\n")
            for name in ("ty", "zuban", "jedi-language-server"):
                assert f"-> {kind}" in client.hover(repo, "use.py", 1, 10, server=name)


# -- answers from before a server has read everything


SLOW = configured(command("indexing", "signs"), "pyrefly")


class Signing:
    """A daemon with a server that reads slowly, and gives pyrefly's sign when it has read."""

    def __init__(self, daemon: Daemon, repo: Path) -> None:
        (repo / "signs").mkdir()
        environment(repo / ".venv")
        self.repo, self.client, self.other = repo, daemon.client(), daemon.client()
        params = {"textDocument": {"uri": (repo / "shop/orders.py").as_uri()}, "position": {"line": 0, "character": 0}}
        self.question = {"root": str(repo), "method": "textDocument/hover", "params": params, "server": "pyrefly"}

    def ask(self) -> tuple[str, str | None]:
        """What it has read, and how complete the answer says it is."""
        return self.said(self.client.ask("lsp/request", **self.question))

    def said(self, result: dict[str, Any]) -> tuple[str, str | None]:
        return result["result"]["contents"]["value"], result.get("completeness")

    def state(self) -> str:
        return "".join(one["state"] for one in self.other.sessions(self.repo, "pyrefly"))

    def go(self) -> None:
        (self.repo / "signs/go").write_text("")

    def kept(self) -> tuple[int, int]:
        """Answers in memory, and how often one was given from there."""
        stats = self.other.ask("cache/stats")
        return stats["size"], stats["hits"]


@pytest.fixture
def signing(repo: Path) -> Iterator[Signing]:
    with daemon_at(config=SLOW) as daemon:
        yield Signing(daemon, repo)


def test_an_early_answer_is_marked_and_not_kept_and_a_later_one_is_whole(signing: Signing) -> None:
    for _ in range(2):
        assert signing.ask() == ("nothing", "indexing")
    assert signing.state() == "indexing"
    assert signing.kept() == (0, 0)
    signing.go()
    eventually(lambda: signing.state() == "ready", "its sign was heard")
    for _ in range(2):
        assert signing.ask() == ("everything", None)
    assert signing.kept() == (1, 1)


def test_a_question_waits_for_the_sign_for_a_while(signing: Signing) -> None:
    signing.client.start("lsp/request", **signing.question)
    eventually(lambda: signing.state() == "indexing", "it reads")
    elsewhere = {**signing.question["params"], "position": {"line": 1, "character": 0}}
    signing.client.start("lsp/request", **{**signing.question, "params": elsewhere})
    signing.go()
    for _ in range(2):
        assert signing.said(signing.client.receive()["result"]) == ("everything", None)


def test_what_is_composed_of_early_answers_is_not_kept(signing: Signing) -> None:
    body = {"root": str(signing.repo), "name": "parse_price"}
    with daemon_at(config="[languages.python]\nserver = 'pyrefly'\n" + SLOW) as daemon:
        signing.client = signing.other = daemon.client()
        assert signing.client.ask("symbols/hover", **body)["completeness"] == "indexing"
        assert signing.state() == "indexing"
        assert signing.kept()[0] == 0
        signing.go()
        eventually(lambda: signing.state() == "ready", "its sign was heard")
        assert "completeness" not in signing.client.ask("symbols/hover", **body)
        assert signing.kept()[0] > 0


def test_a_notice_is_taken_in_before_the_next_answer(signing: Signing) -> None:
    signing.go()
    assert signing.ask() == ("everything", None)
    (signing.repo / "signs/go").unlink()
    (signing.repo / "shop/orders.py").write_text("changed = 1\n")
    number = signing.client.start("lsp/request", **signing.question)
    eventually(lambda: signing.state() == "indexing", "it was told")
    signing.go()
    reply = signing.client.receive()
    assert (reply["id"], signing.said(reply["result"])) == (number, ("everything", None))
    assert signing.state() == "ready"


def test_a_server_that_never_answers_a_notice_is_believed_after_a_while(signing: Signing) -> None:
    signing.go()
    assert signing.ask() == ("everything", None)
    (signing.repo / "signs/go").unlink()
    (signing.repo / "shop/orders.py").write_text("changed = 1\n")
    assert signing.ask() == ("everything", "indexing")
    eventually(lambda: signing.state() == "ready", "it answered something else since")
    for _ in range(2):
        assert signing.ask() == ("everything", None)
