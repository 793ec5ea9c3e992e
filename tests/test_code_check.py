"""Candidates: what a text would add to what is wrong, and how names get into a file; a real daemon and ty.

What is expected follows from what the test wrote, or comes from a server of the test's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semctxd.index.added import added, concerned, without
from semctxd.index.source import Source
from tests.conftest import Daemon, Wire, daemon_at, eventually
from tests.direct import direct
from tests.zoo import command, configured

ORDERS = "shop/orders.py"
DIAGNOSTICS = "textDocument/diagnostic"


@pytest.fixture
def daemon(shared: Daemon) -> Daemon:
    """One for all tests, each of which has its own root."""
    return shared


def check(client: Wire, repo: Path, file: str, text: str, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.ask("code/check", root=str(repo), file=file, text=text, **more)["diagnostics"]
    return found


def with_(repo: Path, *changes: tuple[str, str], file: str = ORDERS) -> str:
    text = (repo / file).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


SPOILED = {
    "name": (("validate_email(email)", "validate_emial(email)"), "validate_emial", "validate_email"),
    "attribute": (("order.price for", "order.prise for"), "prise", "price"),
    "imported name": (("import Price, parse_price", "import Price, parse_prize"), "parse_prize", "parse_price"),
    "module": (("from shop.prices", "from shop.pricse"), "pricse", "prices"),
    "keyword": (("parse_price(price)", "parse_price(txt=price)"), "txt", "text"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_an_unknown_name_is_found_with_what_exists_instead(client: Wire, repo: Path, kind: str) -> None:
    change, symbol, nearest = SPOILED[kind]
    text = with_(repo, change)
    found = check(client, repo, ORDERS, text)
    [one] = [one for one in found if one.get("symbol") == symbol]
    assert one["nearest"][0] == nearest
    assert one["file"] == ORDERS
    assert one["source_line"] == text.splitlines()[one["range"]["start"]["line"]]
    assert symbol in one["source_line"]
    assert one["severity"] == 1
    assert client.lsp(repo, DIAGNOSTICS, {"textDocument": {"uri": f"file://{repo}/{ORDERS}"}})["items"] == []


def test_the_same_text_adds_nothing_whatever_is_wrong_already(client: Wire, repo: Path) -> None:
    wrong = with_(repo, ("order.price for", "order.prise for")) + "\n\nunknown()\nunknown()\n"
    (repo / ORDERS).write_text(wrong)
    assert check(client, repo, ORDERS, wrong) == []
    assert check(client, repo, ORDERS, "# one\n# two\n" + wrong) == []
    assert check(client, repo, ORDERS, wrong.replace("prices = [", "assert orders\n    prices = [")) == []
    again = check(client, repo, ORDERS, wrong + "unknown()\n")
    assert [(one["symbol"], one["range"]["start"]["line"]) for one in again] == [("unknown", wrong.count("\n"))]
    assert check(client, repo, ORDERS, wrong.replace("order.prise", "order.price")) == []


def test_a_candidate_that_does_not_parse_has_syntax_diagnostics(client: Wire, repo: Path) -> None:
    found = check(client, repo, ORDERS, with_(repo, ("def total(", "def total((")))
    assert "invalid-syntax" in {one.get("code") for one in found}


def test_a_file_that_does_not_exist_yet(client: Wire, repo: Path) -> None:
    assert check(client, repo, "shop/new.py", "from shop.orders import total\n\ntotal([])\n") == []
    [one] = check(client, repo, "fresh/new.py", "from shop.orders import totl\n")
    assert (one["file"], one["symbol"], one["nearest"]) == ("fresh/new.py", "totl", ["total"])
    assert not (repo / "fresh").exists()
    assert not (repo / "shop/new.py").exists()


def test_the_files_that_import_it(client: Wire, repo: Path) -> None:
    text = with_(repo, ("def parse_price(", "def parse_prices("), file="shop/prices.py")
    assert check(client, repo, "shop/prices.py", text) == []
    answer = client.ask("code/check", root=str(repo), file="shop/prices.py", text=text, scope="dependents")
    assert (answer["checked"], answer["left_out"]) == (2, 0)
    [one] = answer["diagnostics"]
    assert (one["file"], one["symbol"], one["nearest"]) == (ORDERS, "parse_price", ["parse_prices"])
    bounded = client.ask(
        "code/check",
        root=str(repo),
        file="shop/prices.py",
        text=text + "unknown()\n",
        scope="dependents",
        limits={"files": 0, "places": 0},
    )
    assert (bounded["diagnostics"], bounded["checked"], bounded["left_out"]) == ([], 1, 2)


def test_nobody_else_sees_it_and_the_server_comes_back(daemon: Daemon, repo: Path) -> None:
    """Answers of another client before, meanwhile and after, against those of a server that was never shown it."""
    one, other = daemon.client(), daemon.client()
    place = {"textDocument": {"uri": f"file://{repo}/{ORDERS}"}, "position": {"line": 10, "character": 25}}
    asked = [
        (method, {**place, **({"context": {"includeDeclaration": True}} if "references" in method else {})})
        for method in ("textDocument/hover", "textDocument/references", "textDocument/definition")
    ] + [(method, {"textDocument": place["textDocument"]}) for method in (DIAGNOSTICS, "textDocument/documentSymbol")]

    def answers() -> list[Any]:
        other.ask("cache/clear", root=str(repo))
        return [other.lsp(repo, method, params) for method, params in asked]

    with direct(repo, "/nowhere/python") as private:
        expected = [private.ask(method, params) for method, params in asked]
    assert answers() == expected
    running = [
        one.start("code/check", root=str(repo), file=ORDERS, text=with_(repo, ("validate_email", f"v{number}")))
        for number in range(8)
    ]
    for _ in running:
        assert answers() == expected
    for _ in running:
        assert one.receive()["result"]["diagnostics"]
    assert answers() == expected


def test_the_diagnostics_are_those_of_a_private_server(client: Wire, repo: Path) -> None:
    (repo / ORDERS).write_text(with_(repo, ("order.price for", "order.prise for")))
    old = (repo / ORDERS).read_text()
    new = old.replace("parse_price(price)", "parse_prize(price)") + "\ntotal(3)\n"
    with direct(repo, "/nowhere/python") as private:
        uri = f"file://{repo}/{ORDERS}"
        document = {"uri": uri, "languageId": "python", "version": 1, "text": new}
        private.tell("textDocument/didOpen", {"textDocument": document})
        after = private.ask(DIAGNOSTICS, {"textDocument": {"uri": uri}})["items"]
    found = check(client, repo, ORDERS, new)
    ours = ("file", "source_line", "symbol", "nearest")
    said = [{key: value for key, value in one.items() if key not in ours} for one in found]
    assert said == [one for one in after if "prise" not in one["message"]]
    assert len(said) == len(after) - 1 == 2


def test_it_looks_through_the_connection_s_own_unsaved_text(daemon: Daemon, repo: Path) -> None:
    editor, other = daemon.client(), daemon.client()
    new = with_(repo, ("def parse_price(", "def parse_prices("), file="shop/prices.py")
    editor.ask("document/open", root=str(repo), file="shop/prices.py", text=new)
    text = with_(
        repo, ("import Price, parse_price", "import Price, parse_prices"), ("= parse_price(", "= parse_prices(")
    )
    assert check(editor, repo, ORDERS, text) == []
    assert check(other, repo, ORDERS, text)
    editor.ask("document/open", root=str(repo), file=ORDERS, text=text + "unknown()\n")
    assert check(editor, repo, ORDERS, text + "unknown()\n") == []


def test_the_answer_is_kept_until_something_changes(client: Wire, repo: Path) -> None:
    text = with_(repo, ("validate_email(email)", "validate_parcel(email)"))

    def ask() -> tuple[int, bool]:
        answer = client.ask("code/check", root=str(repo), file=ORDERS, text=text)
        return len(answer["diagnostics"]), answer["meta"]["cached"]

    assert [ask(), ask()] == [(1, False), (1, True)]
    (repo / "shop/validation.py").write_text((repo / "shop/validation.py").read_text() + "\nvalidate_parcel = str\n")
    assert ask() == (1, False)
    (repo / ORDERS).write_text(text)
    assert ask() == (0, False)


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"file": "../a.py"}, "OutsideRoot"),
        ({"file": "/etc/passwd"}, "OutsideRoot"),
        ({"file": "shop"}, "FileNotFound"),
        ({"file": "notes.txt"}, "NoSourceFiles"),
        ({"text": "a\0b"}, "TextRefused"),
        ({"text": "x" * 50_000_000}, "TextRefused"),
        ({"root": "/"}, "RootRefused"),
        ({"scope": "world"}, "InvalidParams"),
        ({"limits": {"places": -1}}, "InvalidParams"),
    ],
)
def test_bad_input(client: Wire, repo: Path, more: dict[str, Any], kind: str) -> None:
    error = client.fails("code/check", **{"root": str(repo), "file": ORDERS, "text": "", **more})
    assert error["data"]["type"] == kind
    assert error["data"]["hint"]
    assert client.ask("health")["pid"]


@pytest.mark.parametrize("how", ["refuses", "floods standard error"])
def test_a_server_that_gives_no_diagnostics_is_an_error(repo: Path, tmp_path: Path, how: str) -> None:
    with daemon_at(config=configured(command("rude", how, tmp_path / "record"))) as running:
        error = running.client().fails("code/check", root=str(repo), file=ORDERS, text="")
        assert error["data"]["type"] == "ServerError"


# -- resolve


def resolve(client: Wire, repo: Path, file: str, *names: str) -> dict[str, dict[str, Any]]:
    said = client.ask("code/resolve", root=str(repo), file=file, names=list(names))["names"]
    assert [one["name"] for one in said] == list(names)
    return {one["name"]: one for one in said}


def test_the_import_that_resolves_from_a_file(client: Wire, repo: Path) -> None:
    (repo / "shop/parcels.py").write_text(
        "from decimal import Decimal as D\nimport os.path\nimport json as j\n\nclass Parcel: ...\n"
    )
    (repo / "shop/all.py").write_text("from shop.parcels import Parcel\n")
    (repo / "shop/more.py").write_text("from shop.all import Parcel\n\nclass Price: ...\n")
    names = "Parcel Price Decimal D os j csv len Parcle nothing_like".split()
    found = resolve(client, repo, "shop/new.py", *names)
    statements = {name: (one["state"], one["statement"]) for name, one in found.items()}
    assert statements == {
        "Parcel": ("resolved", "from shop.all import Parcel"),
        "Price": ("ambiguous", "from shop.prices import Price"),
        "Decimal": ("resolved", "from decimal import Decimal"),
        "D": ("resolved", "from decimal import Decimal as D"),
        "os": ("resolved", "import os.path"),
        "j": ("resolved", "import json as j"),
        "csv": ("resolved", "import csv"),
        "len": ("present", ""),
        "Parcle": ("unknown", ""),
        "nothing_like": ("unknown", ""),
    }
    assert [way["definition"] for way in found["Price"]["ways"]] == ["shop/prices.py:6", "shop/more.py:3"]
    assert found["Price"]["ways"][0]["count"] == 1
    assert found["Parcel"]["ways"][0]["definition"] == "shop/parcels.py:5"
    assert found["Parcle"]["nearest"][0] == "Parcel"
    assert not (repo / "shop/new.py").exists()


def test_names_that_the_file_has_already(client: Wire, repo: Path) -> None:
    found = resolve(client, repo, ORDERS, "Order", "parse_price", "Decimal")
    assert [one["state"] for one in found.values()] == ["present", "present", "resolved"]


def test_names_that_are_no_names(client: Wire, repo: Path) -> None:
    found = resolve(client, repo, ORDERS, "a b", "x; import os", "", "from")
    assert [one["state"] for one in found.values()] == ["unknown"] * 4
    found = resolve(client, repo, ORDERS, "os; import sys", "os\nimport nothing_like", "(", "csv")
    assert [one["state"] for one in found.values()] == ["unknown"] * 3 + ["resolved"]
    error = client.fails("code/resolve", root=str(repo), file=ORDERS, names=["x"] * 101)
    assert error["data"]["type"] == "InvalidParams"


def test_what_a_file_or_an_import_is_called_does_not_mislead_about_other_names(client: Wire, repo: Path) -> None:
    (repo / "shop/far\noff.py").write_text("def ship(): ...\n")
    (repo / "shop/all.py").write_text("from shop.\\\n  prices import Price as Cost\n")
    found = resolve(client, repo, "shop/new.py", "ship", "Cost", "csv")
    assert [one["state"] for one in found.values()] == ["unknown", "unknown", "resolved"]


# -- which are added


def diagnostic(line: int, start: int = 0, end: int = 1, message: str = "wrong") -> dict[str, Any]:
    span = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
    return {"range": span, "message": message, "code": "c", "severity": 1}


LINES = st.lists(st.sampled_from(["ok", "bad", "worse"]), max_size=6)


def judged(lines: list[str]) -> list[dict[str, Any]]:
    """As a server would: a diagnostic for each line that is wrong."""
    return [diagnostic(at, message=line) for at, line in enumerate(lines) if line != "ok"]


@settings(deadline=None)
@given(LINES, LINES)
def test_as_many_are_added_as_there_are_more(old: list[str], new: list[str]) -> None:
    found = added(Source("\n".join(old)), Source("\n".join(new)), judged(old), judged(new))
    for kind in ("bad", "worse"):
        assert sum(one["message"] == kind for one in found) == max(0, new.count(kind) - old.count(kind))


@settings(deadline=None)
@given(LINES, LINES, LINES)
def test_what_stands_around_an_insertion_adds_nothing(head: list[str], tail: list[str], inserted: list[str]) -> None:
    old, new = [*head, *tail], [*head, *inserted, *tail]
    found = added(Source("\n".join(old)), Source("\n".join(new)), judged(old), judged(new))
    assert len(found) == len(judged(inserted))


def test_another_explanation_is_no_other_diagnostic() -> None:
    before, after = (diagnostic(1, message=f"wrong\n\ninfo: the type is {kind}") for kind in ("int", "str"))
    assert added(Source("a\nb"), Source("c\nb"), [before], [after]) == []


@pytest.mark.parametrize(
    ("line", "start", "end", "message", "name", "is_quoted"),
    [
        ("total(orders).sum", 0, 17, "Object of type `list` has no attribute `sum`", "sum", True),
        ("f(text=value)", 2, 12, "Argument `text` does not match", "text", True),
        ("import a.b.c", 7, 12, "Cannot resolve imported module `a.b.c`", "c", True),
        ("a.b.c(1, d)", 0, 11, "No argument provided", "c", False),
        ("é😋.total", 0, 9, "no attribute 'total'", "total", True),
        ("1 + 2", 0, 5, "unsupported", None, False),
        ("'text'", 0, 6, "wrong", None, False),
    ],
)
def test_the_name_that_it_concerns(
    line: str, start: int, end: int, message: str, name: str | None, is_quoted: bool
) -> None:
    about = concerned(Source(line), diagnostic(0, start, end, message))
    assert (about and about.name) == name
    assert about is None or about.is_quoted == is_quoted


def test_attributes_are_taken_out_to_be_completed() -> None:
    source = Source("a.one.two = b.three + four\nimport x.five")
    spans = ((0, 5, "`one`"), (0, 9, "`two`"), (12, 19, "`three`"), (22, 26, "`four`"))
    names = [concerned(source, diagnostic(0, *span)) for span in spans]
    names.append(concerned(source, diagnostic(1, 7, 13, "`x.five`")))
    text, places = without(source, [name for name in names if name])
    assert text == "a.o.t = b.t + four\nimport x.five"
    columns = [(place["line"], place["character"]) for place in places]
    assert columns == [(0, 3), (0, 5), (0, 11), (0, 14), (1, 9)]


def test_nothing_is_written(client: Wire, repo: Path) -> None:
    def state() -> dict[Path, tuple[int, bytes]]:
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in repo.rglob("*") if path.is_file()}

    before = state()
    check(client, repo, ORDERS, "x = 1\n", scope="dependents")
    resolve(client, repo, ORDERS, "Price")
    assert state() == before


def test_what_a_server_judges_before_it_has_read_all_is_marked_and_not_kept(repo: Path) -> None:
    slow = configured(command("indexing", "signs"), "pyrefly")
    (repo / "signs").mkdir()
    questions: list[tuple[str, dict[str, Any]]] = [
        ("code/check", {"text": "x = 1\n"}),
        ("code/resolve", {"names": ["parse_price"]}),
    ]
    with daemon_at(config='[languages.python]\nserver = "pyrefly"\n' + slow) as daemon:
        client = daemon.client()
        for method, params in questions:
            answer = client.ask(method, root=str(repo), file=ORDERS, **params)
            assert answer["completeness"] == "indexing"
            assert client.ask(method, root=str(repo), file=ORDERS, **params)["meta"]["cached"] is False
        (repo / "signs/go").write_text("")
        eventually(lambda: client.sessions(repo, "pyrefly")[0]["state"] == "ready", "its sign was heard")
        for method, params in questions:
            assert "completeness" not in client.ask(method, root=str(repo), file=ORDERS, **params)
            assert client.ask(method, root=str(repo), file=ORDERS, **params)["meta"]["cached"] is True
