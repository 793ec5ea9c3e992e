"""The commands about symbols and diagnostics, with a real daemon."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from semctx.cli import main
from tests.conftest import Daemon

Run = Callable[..., str]


@pytest.fixture
def run(shared: Daemon, repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in the repository, without the line of how long it took."""
    monkeypatch.setenv("SEMCTX_SOCKET", shared.socket)
    monkeypatch.chdir(repo)

    def command(*argv: str, code: int = 0) -> str:
        assert main(argv) == code
        out = capsys.readouterr()
        return "\n".join(line for line in out.out.splitlines() if " ms" not in line) if code == 0 else out.err

    return command


def test_places(run: Run, repo: Path) -> None:
    expected = """\
shop.validation.validate_email (function, shop/validation.py:12)
shop/validation.py
  12:5  def validate_email(address: str) -> str:   (in validate_email)
shop/orders.py
  4:29   from shop.validation import validate_email
  11:22  self.email = validate_email(email)   (in Order.__init__)
3 places, says the language server
"""
    assert run("refs", "validate_email") == expected
    assert run("refs", "validation/validate_email", "--file", "shop/validation.py", "--kind", "function") == expected
    said = run("def", "shop/orders.py:11:30")
    assert said.splitlines()[:3] == [
        "shop/orders.py:11:30",
        "shop/validation.py",
        "  12:5  def validate_email(address: str) -> str:   (in validate_email)",
    ]
    assert "1 place, says" in run("impl", "Order")
    assert "this is not all: see --limit" in run("refs", "validate_email", "--limit", "1")


def test_columns_count_characters(run: Run, repo: Path) -> None:
    (repo / "shop/wide.py").write_text('from shop.prices import Price\nx = "\U0001f600\U0001f600", Price\n')
    assert "shop/prices.py\n  6:7  class Price:" in run("def", "shop/wide.py:2:11")
    assert "shop/prices.py" not in run("def", "shop/wide.py:2:5")
    refused = run("def", "shop/wide.py:2:37", code=1)
    assert "line 2 of shop/wide.py has 17 UTF-16 code units, and ends before that" in refused
    assert "LINE and COL count from 1, COL in characters" in refused
    assert "shop/none.py does not exist" in run("def", "shop/none.py:1:1", code=1)
    for half in ("shop/wide.py", "shop/wide.py:2"):
        assert "A place is FILE:LINE:COL" in run("def", half, code=1)


def test_hover_body_and_calls(run: Run) -> None:
    assert run("hover", "parse_price") == (
        "shop.prices.parse_price (function, shop/prices.py:17)\n"
        "```python\ndef parse_price(text: str) -> Price\n```\n---\n"
        "Parse a price such as `12.50`.\nsays the language server\n"
    )
    assert run("hover", "shop/orders.py:2:1").splitlines()[1] == "nothing is known of it"
    assert run("body", "parse_price") == (
        '# shop/prices.py:17-19\ndef parse_price(text: str) -> Price:\n    """Parse a price such as `12.50`."""\n'
        "    return Price(Decimal(text))\n"
    )
    assert "# 2 lines more" in run("body", "parse_price", "--limit", "1")
    assert run("callers", "parse_price").splitlines()[1:4] == [
        "Order.__init__ (method, shop/orders.py:10)",
        "  12:22  self.price = parse_price(price)   (in Order.__init__)",
        "1 function, says the language server",
    ]
    assert "validate_email (function, shop/validation.py:12)" in run("callees", "Order.__init__")


def test_overviews(run: Run, repo: Path) -> None:
    assert run("overview", "shop/prices.py") == (
        "shop/prices.py  shop.prices\n  Prices.\n   6  class Price\n"
        "   9    def __init__(self, amount: Decimal) -> None\n"
        '  12    def with_tax(self, rate: Decimal) -> "Price"\n  17  def parse_price(text: str) -> Price\n'
    )
    assert run("overview") == run("overview", str(repo)) == run("overview", ".")
    said = run("overview", "shop", "--limit", "1")
    assert said.splitlines() == [
        "shop/__init__.py  shop", "  A shop.", "", "this is not all: see --limit, or ask for less",
    ]  # fmt: skip
    (repo / "shop/many.py").write_text("".join(f"x{number} = 1\n" for number in range(300)))
    assert "  100 symbols more" in run("overview", "shop/many.py")


def test_diagnostics_without_a_file_that_ends_the_server(run: Run, repo: Path) -> None:
    assert "nothing wrong in 4 files" in run("diagnostics")
    (repo / "shop/deep.py").write_text(f"deep = {'-' * 20_000}1\n")  # ty's stack overflows
    assert [main(["diagnostics", "shop/deep.py"]) for _ in range(2)] == [1, 1]
    assert "shop/deep.py: not checked, as it ends the language server" in run("diagnostics")


def test_diagnostics(run: Run, repo: Path) -> None:
    assert "nothing wrong in 1 file" in run("diagnostics", "shop/orders.py")
    (repo / "shop/bad.py").write_text("import os\nnothing_such\n")
    said = run("diagnostics", "shop/bad.py")
    assert "shop/bad.py:2:1: error[unresolved-reference]: Name `nothing_such` used when not defined\n" in said
    assert "\n  2 | nothing_such\n    | ^^^^^^^^^^^^\n" in said
    assert "1 error in 1 file" in said or "1 error, 1 hint in 1 file" in said


@pytest.mark.parametrize(
    "argv",
    [["overview"], ["body", "Order"], ["def", "Order"], ["refs", "Order"], ["impl", "Order"], ["hover", "Order"],
     ["callers", "total"], ["callees", "total"], ["diagnostics"]],
    ids=lambda argv: argv[0],
)  # fmt: skip
def test_json_is_the_method_s_result(run: Run, shared: Daemon, repo: Path, argv: list[str]) -> None:
    names = {"def": "definition", "refs": "references", "impl": "implementations"}
    method = "diagnostics" if argv[0] == "diagnostics" else f"symbols/{names.get(argv[0], argv[0])}"
    params = {"name": argv[1]} if len(argv) > 1 else {}
    answer, said = shared.client().ask(method, root=str(repo), **params), json.loads(run(*argv, "--json"))
    assert answer.pop("meta").keys() == said.pop("meta").keys()
    assert answer == said


def test_what_does_not_exist(run: Run) -> None:
    assert "nearest: parse_price" in run("refs", "parse_prize", code=1)
