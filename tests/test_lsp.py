"""lsp/request against what the same server says when asked directly, and in the client's own spelling of URIs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from semctxd.lsp.interpreter import resolve
from semctxd.lsp.registry import registry
from semctxd.lsp.requests import READ_ONLY
from tests.conftest import FILES, Daemon, Wire, daemon_at, eventually, write
from tests.direct import Direct, Refused, direct

MORE = {
    "shop/kinds.py": """from shop.prices import Price


class Discounted(Price):
    def with_tax(self, rate):
        return super().with_tax(rate)


def show(price: Price) -> str:
    return str(price.amount, wrong=1)


cheap = Discounted(undefined_name)
show(cheap)
""",
    "shop/caf\u00e9 prix.py": """from shop.prices import parse_price

# \U0001f37a costs two UTF-16 code units
\u00e9t\u00e9 = parse_price("\U0001f37a"); prix = \u00e9t\u00e9
""",
}


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(os.path.realpath(tmp_path_factory.mktemp("lsp"))) / "my repo"
    write(root, {**FILES, **MORE})
    return root


@pytest.fixture
def client(shared: Daemon) -> Wire:
    return shared.client()


@pytest.fixture(scope="module")
def ty(shared: Daemon, repo: Path) -> Iterator[Direct]:
    with direct(repo, resolve(str(repo), "", os.environ), shared.place / "cache") as server:
        yield server


def at(path: Path, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": character}}


WHOLE = {"start": {"line": 0, "character": 0}, "end": {"line": 40, "character": 0}}
PLACES = [
    ("shop/orders.py", 11, 30),
    ("shop/orders.py", 12, 22),
    ("shop/kinds.py", 12, 10),
    ("shop/kinds.py", 13, 5),
    ("shop/kinds.py", 4, 10),
    ("shop/prices.py", 5, 7),
    ("shop/prices.py", 2, 22),
    ("shop/caf\u00e9 prix.py", 3, 8),
    ("shop/caf\u00e9 prix.py", 3, 33),
    ("shop/missing.py", 0, 0),
]


def questions(repo: Path, method: str, client: Wire) -> Iterator[dict[str, Any]]:
    """Parameters for a method, at many places; items of hierarchies as the daemon passed them on."""
    if method == "workspace/symbol":
        yield from ({"query": query} for query in ("", "price", "Order"))
        return
    if "Hierarchy/" in method:
        kind = "CallHierarchy" if method.startswith("call") else "TypeHierarchy"
        for file, line, character in PLACES:
            items = client.lsp(repo, f"textDocument/prepare{kind}", at(repo / file, line, character))
            yield from ({"item": item} for item in items or [])
        return
    for file, line, character in PLACES:
        params = at(repo / file, line, character)
        if method == "textDocument/references":
            params["context"] = {"includeDeclaration": True}
        yield {**params, "range": WHOLE, "positions": [params["position"]]}


@pytest.mark.parametrize("method", sorted(READ_ONLY))
def test_the_server_s_own_answer_key_for_key(client: Wire, repo: Path, ty: Direct, method: str) -> None:
    answered = 0
    for params in questions(repo, method, client):
        reply = client.call("lsp/request", root=str(repo), method=method, params=params)
        try:
            expected = ty.ask(method, params)
        except Refused as refused:
            assert reply["error"]["data"]["type"] == "ServerError"
            assert reply["error"]["message"] == f"ty: {refused}"
        else:
            assert "result" in reply, reply
            said = reply["result"]["result"]
            if method == "textDocument/diagnostic":  # each run of the server numbers its own
                said, expected = ({**one, "resultId": ""} for one in (said, expected))
            if method in UNORDERED and said:
                said, expected = sorted(said, key=json.dumps), sorted(expected, key=json.dumps)
            assert json.dumps(said) == json.dumps(expected)
            answered += bool(expected)
            again = client.call("lsp/request", root=str(repo), method=method, params=params)
            assert json.dumps(again["result"]) == json.dumps(reply["result"])
    assert answered


UNORDERED = {"textDocument/references", "textDocument/implementation"}
"""Answered from many files at once, in the order in which ty's threads are done."""


def test_positions_count_utf_16_code_units(client: Wire, repo: Path) -> None:
    path = repo / "shop/caf\u00e9 prix.py"
    line = path.read_text().splitlines()[3]
    character = len(line[: line.rindex("\u00e9t\u00e9")].encode("utf-16-le")) // 2
    assert "Price" in client.lsp(repo, "textDocument/hover", at(path, 3, character))["contents"]["value"]


def uris(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {item for key, item in value.items() if key.lower().endswith("uri")}
        return own.union(*map(uris, value.values()))
    return set().union(*map(uris, value)) if isinstance(value, list) else set()


def test_a_root_behind_a_symlink_is_answered_in_its_own_spelling(client: Wire, repo: Path, tmp_path: Path) -> None:
    link = tmp_path / "caf\u00e9 link"
    link.symlink_to(repo)
    params = {**at(link / "shop/prices.py", 16, 5), "context": {"includeDeclaration": True}}
    found = client.lsp(link, "textDocument/references", params)
    assert {Path(unquote(uri.removeprefix("file://"))) for uri in uris(found)} == {
        link / "shop/prices.py",
        link / "shop/orders.py",
        link / "shop/caf\u00e9 prix.py",
    }
    real = client.lsp(repo, "textDocument/references", {**params, **at(repo / "shop/prices.py", 16, 5)})
    assert json.dumps(real).replace(repo.as_uri(), link.as_uri()) == json.dumps(found)
    assert json.dumps(client.lsp(link, "textDocument/references", params)) == json.dumps(found)


@pytest.mark.parametrize(
    "spelling", ["shop/%70rices.py", "shop/../shop/./prices.py", "shop//prices.py", "%73hop%2Fprices.py"]
)
def test_a_file_keeps_the_name_that_the_client_gave_it(client: Wire, repo: Path, spelling: str) -> None:
    uri = f"{repo.as_uri()}/{spelling}"
    params = {
        "textDocument": {"uri": uri},
        "position": {"line": 16, "character": 5},
        "context": {"includeDeclaration": True},
    }
    for _ in range(2):
        found = uris(client.lsp(repo, "textDocument/references", params))
        assert uri in found
        assert (repo / "shop/prices.py").as_uri() not in found
        assert (repo / "shop/orders.py").as_uri() in found


def test_signs_that_clients_and_servers_spell_differently(client: Wire, repo: Path) -> None:
    """Python escapes brackets in a URI, ty does not: a client that does gets them back so, and the other too."""
    path = repo / "shop/odd [1].py"
    path.write_text("def odd(): ...\n")
    for uri in (path.as_uri(), path.as_uri().replace("%5B", "[").replace("%5D", "]")):
        params = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 5}}
        for _ in range(2):
            assert uris(client.lsp(repo, "textDocument/definition", params)) == {uri}
    path.unlink()


def test_a_file_outside_the_root(client: Wire, repo: Path, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("x = 1\n")
    reply = client.fails(
        "lsp/request", root=str(repo), method="textDocument/hover", params=at(tmp_path / "other.py", 0, 0)
    )
    assert (reply["code"], reply["data"]["type"]) == (-32012, "OutsideRoot")
    beside = Path(f"{repo}-beside/x.py")
    reply = client.fails("lsp/request", root=str(repo), method="textDocument/hover", params=at(beside, 0, 0))
    assert reply["data"]["type"] == "OutsideRoot"
    reply = client.fails(
        "lsp/request", root=str(repo), method="textDocument/hover", params={"textDocument": {"uri": "a.py"}}
    )
    assert reply["data"]["type"] == "InvalidParams"


def test_where_a_definition_leads_may_be_asked_about(client: Wire, repo: Path, ty: Direct) -> None:
    """Into stubs of the standard library, outside the root: a change there would not be seen, so nothing is kept."""
    found = client.lsp(repo, "textDocument/definition", at(repo / "shop/prices.py", 2, 22))
    target = found[0]["targetUri"]
    assert not target.startswith(repo.as_uri())
    params = {"textDocument": {"uri": target}}
    before = client.ask("cache/stats")["hits"]
    for _ in range(2):
        symbols = client.lsp(repo, "textDocument/documentSymbol", params)
        assert "Decimal" in [symbol["name"] for symbol in symbols]
    assert client.ask("cache/stats")["hits"] == before
    assert json.dumps(symbols) == json.dumps(ty.ask("textDocument/documentSymbol", params))


def test_that_holds_after_the_server_was_started_again(client: Wire, repo: Path) -> None:
    definition = at(repo / "shop/validation.py", 4, 11)
    target = client.lsp(repo, "textDocument/definition", definition)[0]["targetUri"]
    assert not target.startswith(repo.as_uri())

    def session() -> dict[str, Any]:
        return client.sessions(repo, "ty")[0]

    os.kill(session()["pid"], signal.SIGKILL)
    eventually(lambda: session()["state"] == "crashed", "the server is gone")
    hits = client.ask("cache/stats")["hits"]
    assert client.lsp(repo, "textDocument/definition", definition)[0]["targetUri"] == target
    assert client.ask("cache/stats")["hits"] == hits + 1
    assert client.lsp(repo, "textDocument/documentSymbol", {"textDocument": {"uri": target}})
    assert session()["restarts"] == 1


def test_an_installed_package_may_be_asked_about_and_its_answers_are_kept(repo: Path, tmp_path: Path) -> None:
    packages = tmp_path / "venv/lib/python3.11/site-packages"
    (packages / "dep").mkdir(parents=True)
    (packages / "dep/__init__.py").write_text("def of_dep() -> int: ...\n")
    (tmp_path / "venv/bin").mkdir()
    (tmp_path / "venv/bin/python").symlink_to(shutil.which("python3") or "")
    (tmp_path / "venv/pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11\n")
    with daemon_at(env={"VIRTUAL_ENV": str(tmp_path / "venv")}) as daemon:
        client = daemon.client()
        client.lsp(repo, "workspace/symbol", {"query": "Order"})
        params = {"textDocument": {"uri": (packages / "dep/__init__.py").as_uri()}}
        for _ in range(2):
            symbols = client.lsp(repo, "textDocument/documentSymbol", params)
            assert [symbol["name"] for symbol in symbols] == ["of_dep"]
        assert client.ask("cache/stats")["hits"] == 1
        (packages / "dep/__init__.py").write_text("def changed() -> int: ...\n")
        symbols = client.lsp(repo, "textDocument/documentSymbol", params)
        assert [symbol["name"] for symbol in symbols] == ["changed"]


def test_unknown_languages_and_servers(client: Wire, repo: Path) -> None:
    params = at(repo / "shop/orders.py", 0, 0)
    error = client.fails("lsp/request", root=str(repo), method="textDocument/hover", params=params, language="pyton")
    assert (error["data"]["type"], error["data"]["nearest"]) == ("UnknownServer", ["python"])
    error = client.fails("lsp/request", root=str(repo), method="textDocument/hover", params=params, server="pyright")
    assert (error["data"]["type"], error["data"]["nearest"]) == ("UnknownServer", list(registry().servers))
    assert client.lsp(repo, "textDocument/documentSymbol", params, language="python", server="ty")
