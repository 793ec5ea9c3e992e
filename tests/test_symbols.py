"""symbols/… and diagnostics of a real daemon: the server's part, the index's where there is none, and freshness."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Daemon, Wire, daemon_at, eventually
from tests.zoo import command, configured

LATER = """from shop.prices import Price


class Discounted(Price):
    def with_tax(self, rate):
        return super().with_tax(rate)


def best(prices: list[Price], rate) -> Price:
    return min(price.with_tax(rate) for price in prices)
"""


@pytest.fixture
def repo(repo: Path) -> Path:
    (repo / "shop/later.py").write_text(LATER)
    return repo


@pytest.fixture
def client(shared: Daemon) -> Wire:
    return shared.client()


@pytest.fixture(scope="module")
def serverless() -> Iterator[Daemon]:
    with daemon_at(config='[servers.ty]\ncommand = ["/nowhere/ty"]\n') as running:
        yield running


def places(group: Any) -> list[str]:
    return [f"{file['file']}:{place['line']}" for file in group["files"] for place in file["places"]]


def only(answer: Any) -> Any:
    (group,) = answer["groups"]
    return group


def both(shared: Daemon, serverless: Daemon, repo: Path, method: str, **params: object) -> Iterator[Any]:
    """The only group of an answer with a server, then without one."""
    for daemon, source in ((shared, "server"), (serverless, "index")):
        group = only(daemon.client().ask(method, root=str(repo), **params))
        assert group["source"] == source
        yield group


def test_references_by_name(shared: Daemon, serverless: Daemon, repo: Path) -> None:
    for group in both(shared, serverless, repo, "symbols/references", name="validate_email"):
        assert places(group) == ["shop/validation.py:12", "shop/orders.py:4", "shop/orders.py:11"]
        assert group["files"][1]["places"][1] == {
            "line": 11, "column": 21, "end_line": 11, "end_column": 35,
            "text": "        self.email = validate_email(email)", "symbol": "Order.__init__",
        }  # fmt: skip
        assert group["symbol"]["qualname"] == "validate_email"


def test_definition_by_position(shared: Daemon, serverless: Daemon, repo: Path) -> None:
    at = {"file": "shop/orders.py", "line": 11, "column": 25}
    for group in both(shared, serverless, repo, "symbols/definition", **at):
        assert places(group) == ["shop/validation.py:12"]
        assert "symbol" not in group
        assert group["at"] == at


def test_definition_outside_of_the_root(client: Wire, repo: Path) -> None:
    group = only(client.ask("symbols/definition", root=str(repo), file="shop/validation.py", line=5, column=12))
    (file,) = group["files"]
    assert file["file"].startswith("/")
    assert file["places"][0]["text"].startswith("def compile(")


def test_implementations_and_hover(shared: Daemon, serverless: Daemon, repo: Path) -> None:
    for group in both(shared, serverless, repo, "symbols/implementations", name="Price.with_tax"):
        assert places(group) == ["shop/prices.py:12", "shop/later.py:5"]
    texts = [group["text"] for group in both(shared, serverless, repo, "symbols/hover", name="parse_price")]
    assert all("def parse_price(text: str) -> Price" in text and "Parse a price such as" in text for text in texts)


def test_callers_and_callees(shared: Daemon, serverless: Daemon, repo: Path) -> None:
    for group in both(shared, serverless, repo, "symbols/callers", name="parse_price"):
        (call,) = group["calls"]
        assert (call["qualname"], call["kind"], call["file"], call["line"]) == (
            "Order.__init__", "method", "shop/orders.py", 10,
        )  # fmt: skip
        assert call["places"][0]["text"] == "        self.price = parse_price(price)"
    for group in both(shared, serverless, repo, "symbols/callees", name="Order.__init__"):
        assert [call["qualname"] for call in group["calls"]] == ["parse_price", "validate_email"]


def test_one_group_for_each_symbol_of_a_name(client: Wire, repo: Path) -> None:
    answer = client.ask("symbols/references", root=str(repo), name="with_tax")
    assert [group["symbol"]["qualname"] for group in answer["groups"]] == ["Discounted.with_tax", "Price.with_tax"]
    assert "shop/later.py:10" in places(answer["groups"][1])
    assert len(client.ask("symbols/references", root=str(repo), name="Price.with_tax")["groups"]) == 1
    inherited = only(client.ask("symbols/body", root=str(repo), name="Discounted.__init__", limits={"lines": 1}))
    assert (inherited["symbol"]["qualname"], inherited["left_out"]) == ("Price.__init__", 1)


def test_answers_are_kept_until_something_changes(client: Wire, repo: Path) -> None:
    questions = {
        "symbols/references": {"name": "validate_email"},
        "symbols/callers": {"name": "validate_email"},
        "symbols/body": {"name": "validate_email"},
        "symbols/overview": {"file": "shop/new.py"},
        "diagnostics": {"file": "shop/new.py"},
    }
    (repo / "shop/new.py").write_text("from shop.validation import validate_email\n")

    def ask() -> dict[str, Any]:
        return {name: client.ask(name, root=str(repo), **params) for name, params in questions.items()}

    first, second = ask(), ask()
    for name in questions:
        assert (first[name].pop("meta")["cached"], second[name].pop("meta")["cached"]) == (False, True)
    assert first == second
    (repo / "shop/new.py").write_text(
        "from shop.validation import validate_email\n\n\ndef new(a):\n    validate_email(1)\n"
    )
    (repo / "shop/validation.py").write_text("def validate_email(address: str) -> str:\n    return address\n")
    third = ask()
    assert places(only(third["symbols/references"])) == [
        "shop/validation.py:1", "shop/new.py:1", "shop/new.py:5", "shop/orders.py:4", "shop/orders.py:11",
    ]  # fmt: skip
    assert [call["name"] for call in only(third["symbols/callers"])["calls"]] == ["new", "__init__"]
    assert only(third["symbols/body"])["text"] == "def validate_email(address: str) -> str:\n    return address\n"
    assert third["symbols/overview"]["files"][0]["symbols"][0]["signature"] == "def new(a)"
    errors = [
        one for file in third["diagnostics"]["files"] for one in file["diagnostics"] if one["severity"] == "error"
    ]
    assert [(one["code"], one["symbol"], one["frame"]) for one in errors] == [
        ("invalid-argument-type", "new", "5 |     validate_email(1)\n  |                    ^")
    ]


def test_diagnostics_of_a_folder(client: Wire, repo: Path) -> None:
    assert client.ask("diagnostics", root=str(repo))["checked"] == 5
    (repo / "shop/bad.py").write_text("nothing_such\n")
    answer = client.ask("diagnostics", root=str(repo), file="shop", limits={"files": 2})
    assert (answer["checked"], answer["left_out"], answer["source"]) == (2, 4, "server")
    assert [file["file"] for file in answer["files"]] == ["shop/bad.py"]
    assert answer["counts"]["error"] == 1


def test_diagnostics_of_a_folder_with_a_file_that_ends_the_server(client: Wire, repo: Path) -> None:
    assert client.ask("diagnostics", root=str(repo))["checked"] == 5
    (repo / "shop/deep.py").write_text(f"deep = {'-' * 20_000}1\n")  # ty's stack overflows
    for _ in range(2):
        error = client.fails("diagnostics", root=str(repo), file="shop/deep.py")
        assert error["data"]["type"] == "ServerCrashed"
    assert client.fails("diagnostics", root=str(repo), file="shop/deep.py")["data"]["type"] == "FileEndsServer"
    answer = client.ask("diagnostics", root=str(repo))
    assert (answer["checked"], answer["not_checked"]) == (5, ["shop/deep.py"])
    client.ask("session/restart", root=str(repo))
    assert client.fails("diagnostics", root=str(repo))["data"]["type"] == "ServerCrashed"  # no answer was kept


def test_a_root_behind_a_link_and_every_spelling_of_it(client: Wire, repo: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(repo)
    answers = [
        client.ask("symbols/overview", root=root, **file)
        for root, file in (
            (str(repo), {}),
            (str(link), {"file": "."}),
            (f"{link}/", {"file": str(link)}),
        )
    ]
    assert answers[0]["files"] == answers[1]["files"] == answers[2]["files"]
    assert places(only(client.ask("symbols/definition", root=str(link), name="Order"))) == ["shop/orders.py:7"]


def test_unsaved_text_is_what_its_client_sees_and_nobody_else(client: Wire, shared: Daemon, repo: Path) -> None:
    text = "from shop.prices import parse_price\n\n\ndef draft(x):\n    return parse_price(x, 1)\n"
    client.ask("document/open", root=str(repo), file="shop/draft.py", text=text)
    assert only(client.ask("symbols/body", root=str(repo), name="draft"))["text"] == "".join(text.splitlines(True)[3:])
    uses = only(client.ask("symbols/references", root=str(repo), name="parse_price"))
    (file,) = [file for file in uses["files"] if file["file"] == "shop/draft.py"]
    assert [place["text"] for place in file["places"]] == [text.splitlines()[0], "    return parse_price(x, 1)"]
    (wrong,) = client.ask("diagnostics", root=str(repo), file="shop/draft.py")["files"]
    assert wrong["diagnostics"][0]["frame"].startswith("5 |     return parse_price(x, 1)")
    assert shared.client().fails("symbols/body", root=str(repo), name="draft")["data"]["type"] == "SymbolNotFound"
    assert "draft" not in str(shared.client().ask("symbols/references", root=str(repo), name="parse_price"))
    client.ask("document/close", root=str(repo), file="shop/draft.py")
    assert client.fails("diagnostics", root=str(repo), file="shop/draft.py")["data"]["type"] == "FileNotFound"


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("symbols/hover", {}, "InvalidParams"),
        ("symbols/hover", {"file": "shop/orders.py"}, "InvalidParams"),
        ("symbols/hover", {"file": "shop/orders.py", "line": 1}, "InvalidParams"),
        ("symbols/hover", {"name": "Order", "file": "shop/orders.py", "line": 1}, "InvalidParams"),
        ("symbols/hover", {"name": "Order", "limits": {"symbols": 1001}}, "InvalidParams"),
        ("symbols/hover", {"name": "Odrer"}, "SymbolNotFound"),
        ("symbols/hover", {"file": "shop/orders.py", "line": 99, "column": 0}, "PositionOutside"),
        ("symbols/body", {"file": "shop/other.py", "line": 1, "column": 0}, "FileNotFound"),
        ("symbols/overview", {"file": "../elsewhere"}, "OutsideRoot"),
        ("symbols/overview", {"file": "pyproject.toml"}, "NoSourceFiles"),
        ("symbols/overview", {"file": "shop/binary.py"}, "FileRefused"),
        ("diagnostics", {"file": "shop/nothing"}, "FileNotFound"),
    ],
)
def test_bad_questions(client: Wire, repo: Path, method: str, params: dict[str, Any], error: str) -> None:
    (repo / "shop/binary.py").write_bytes(b"\0\1\2")
    said = client.fails(method, root=str(repo), **params)
    assert said["data"]["type"] == error
    assert said["data"]["hint"]
    assert said["data"].get("nearest") == (["Order"] if error == "SymbolNotFound" else None)
    assert client.ask("symbols/find", root=str(repo), name="Order")["symbols"]


def test_diagnostics_need_a_server(serverless: Daemon, repo: Path) -> None:
    assert serverless.client().fails("diagnostics", root=str(repo))["data"]["type"] == "ServerUnavailable"


def test_a_server_without_such_requests_leaves_it_to_the_index(repo: Path, tmp_path: Path) -> None:
    with daemon_at(config=configured(command("rude", "refuses", tmp_path / "record"))) as daemon:
        client = daemon.client()
        group = only(client.ask("symbols/callers", root=str(repo), name="parse_price"))
        assert (group["source"], len(group["calls"])) == ("index", 1)
        assert client.fails("diagnostics", root=str(repo))["data"]["type"] == "ServerError"


def test_a_server_that_ends_is_an_error_and_nothing_is_kept(repo: Path, tmp_path: Path) -> None:
    with daemon_at(config=configured(command("rude", "exits once", tmp_path / "record"))) as daemon:
        client = daemon.client()
        error = client.fails("symbols/references", root=str(repo), name="with_tax")
        assert error["data"]["type"] == "ServerCrashed"
        error = client.fails("symbols/references", root=str(repo), name="with_tax")  # then it says "well again"
        assert error["data"]["type"] == "ServerError"
        assert client.ask("symbols/find", root=str(repo), name="with_tax")["symbols"]


def test_what_a_server_says_before_it_has_read_all_is_marked_and_not_kept(repo: Path) -> None:
    slow = configured(command("indexing", "signs"), "pyrefly")
    (repo / "signs").mkdir()
    with daemon_at(config='[languages.python]\nserver = "pyrefly"\n' + slow) as daemon:
        client, other = daemon.client(), daemon.client()
        answer = client.ask("symbols/hover", root=str(repo), name="parse_price")
        assert (only(answer)["text"], answer["completeness"]) == ("nothing", "indexing")
        assert client.ask("symbols/hover", root=str(repo), name="parse_price")["meta"]["cached"] is False
        (repo / "signs/go").write_text("")
        eventually(lambda: other.sessions(repo, "pyrefly")[0]["state"] == "ready", "its sign was heard")
        answer = client.ask("symbols/hover", root=str(repo), name="parse_price")
        assert only(answer)["text"] == "everything"
        assert "completeness" not in answer
        assert client.ask("symbols/hover", root=str(repo), name="parse_price")["meta"]["cached"] is True


def test_a_server_that_ended_too_often_is_stood_in_for_and_nothing_is_kept(repo: Path, tmp_path: Path) -> None:
    with daemon_at(config=configured(command("rude", "exits at start", tmp_path / "record"))) as daemon:
        client = daemon.client()
        kinds = set()

        def stood_in_for() -> bool:
            reply = client.call("symbols/references", root=str(repo), name="parse_price")
            kinds.add(reply["error"]["data"]["type"] if "error" in reply else only(reply["result"])["source"])
            return "index" in kinds

        eventually(stood_in_for, "the index answers")
        assert kinds <= {"ServerCrashed", "index"}
        answer = client.ask("symbols/references", root=str(repo), name="parse_price")
        assert (only(answer)["source"], answer["meta"]["cached"]) == ("index", False)


def test_what_is_given_up_is_given_up_in_the_server(repo: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"
    with daemon_at(config=configured(command("rude", "hangs", record))) as daemon:
        client = daemon.client()
        number = client.start("symbols/references", root=str(repo), name="parse_price")
        eventually(lambda: record.exists() and "textDocument/references" in record.read_text(), "the server is asked")
        client.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}})
        assert client.receive()["error"]["data"]["type"] == "Cancelled"
        eventually(lambda: "$/cancelRequest" in record.read_text(), "the server is told")
        for number in range(20):
            (repo / f"shop/more{number}.py").write_text("")
        number = client.start("diagnostics", root=str(repo))
        eventually(lambda: record.read_text().count("textDocument/diagnostic") == 8, "it is asked about eight at once")
        client.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}})
        assert client.receive()["error"]["data"]["type"] == "Cancelled"
        eventually(lambda: record.read_text().count("$/cancelRequest") == 9, "and told of each")
        assert record.read_text().count("textDocument/diagnostic") == 8


def test_what_an_unwatched_folder_says_is_not_kept(client: Wire, repo: Path) -> None:
    (repo / ".gitignore").write_text("my-data\n")
    (repo / ".git").mkdir()
    (repo / "my-data").mkdir()
    (repo / "my-data/a.py").write_text("def one(): ...\n")
    at = {"file": "my-data/a.py", "line": 1, "column": 5}
    assert "one" in only(client.ask("symbols/hover", root=str(repo), **at))["text"]
    (repo / "my-data/a.py").write_text("def two(): ...\n")
    assert "two" in only(client.ask("symbols/hover", root=str(repo), **at))["text"]


def test_a_dead_indexer_is_said_and_started_again(repo: Path) -> None:
    with daemon_at() as daemon:
        client = daemon.client()
        client.ask("symbols/find", root=str(repo), name="Order")
        other = daemon.client()

        def indexer() -> Any:
            return other.sessions(repo, "indexer")[0]

        process = psutil.Process(indexer()["pid"])
        process.suspend()
        client.start("symbols/hover", root=str(repo), name="Order")
        eventually(lambda: indexer()["pending"], "the indexer is asked")
        process.kill()
        assert client.receive()["error"]["data"]["type"] == "IndexerFailed"
        assert only(client.ask("symbols/hover", root=str(repo), name="Order"))["text"]
