from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from semctx.context import SemanticContext
from semctxd.index import imports, store
from semctxd.index.answer import context, relevant_files
from semctxd.index.budget import cut
from semctxd.index.live import LiveIndex
from tests.conftest import write
from tests.index.conftest import Grow, calls

SHOP = {
    "shop/__init__.py": "",
    "shop/money.py": '''\
"""Amounts of money."""

from decimal import Decimal


class Price:
    """A price in one currency."""

    def __init__(self, amount: Decimal, currency: str) -> None:
        self.amount = amount
        self.currency = currency

    def with_tax(self, rate: Decimal) -> "Price":
        """The price with tax added."""
        return Price(self.amount * (1 + rate), self.currency)


def parse_price(text: str) -> Price:
    """Parse a price such as `3.20 EUR`."""
    amount, currency = text.split()
    return Price(Decimal(amount), currency)
''',
    "shop/errors.py": '''\
class ShopError(Exception):
    """Anything that goes wrong in the shop."""


class OutOfStock(ShopError):
    """There is nothing left of an article."""
''',
    "shop/cart.py": '''\
"""The shopping cart."""

import logging

from shop.errors import OutOfStock
from shop.money import Price, parse_price

log = logging.getLogger(__name__)


class Cart:
    """Articles that somebody wants to buy."""

    def __init__(self) -> None:
        self.lines: list[Price] = []

    def add(self, text: str) -> None:
        """Add an article by the text of its price."""
        price = parse_price(text)
        if not price.amount:
            raise OutOfStock(text)
        log.info("added %s", text)
        self.lines.append(price)

    def total(self, rate: float) -> Price:
        """The sum of all prices with tax."""
        return sum(line.with_tax(rate) for line in self.lines)
''',
    "shop/orders.py": '''\
"""Orders of customers."""

import logging

from shop.errors import OutOfStock
from shop.money import parse_price

log = logging.getLogger(__name__)


def place_order(lines):
    """Place an order for lines of prices."""
    prices = [parse_price(line) for line in lines]
    if not prices:
        raise OutOfStock(lines)
    log.info("order")
    return prices
''',
    "tests/test_money.py": "from shop.money import parse_price\n\ndef test_parse_price():\n"
    "    assert parse_price('1 EUR')\n",
}  # fmt: skip
INTENT = "Parse the text of a price and raise an error if the article is out of stock"


def ask(live: LiveIndex, **params: Any) -> dict[str, Any]:
    answer = context(live, {"intent": INTENT, **params})
    return json.loads(json.dumps(answer))  # what goes over the wire


def names(answer: dict[str, Any], count: int = 5) -> list[str]:
    return [symbol["qualname"] for symbol in answer["symbols"][:count]]


def test_what_the_intent_needs_comes_first(grow: Grow) -> None:
    live = grow(SHOP)
    for place in (
        {},
        {"targetFile": "shop/orders.py"},
        {"targetFile": "shop/returns.py"},
        {"draft": "price = parse_price(text)"},
    ):
        answer = ask(live, **place)
        assert "parse_price" in names(answer, 3), place
        assert "OutOfStock" in names(answer, 6), place
        assert answer["source"] == "index" and answer["enriched"] is False


def test_the_views_point_into_the_symbols(grow: Grow) -> None:
    answer = ask(grow(SHOP), targetFile="shop/orders.py")
    symbols = answer["symbols"]
    assert all(symbols[at]["kind"] == "class" for at in answer["types"])
    assert all(symbols[at]["kind"] in ("function", "method") for at in answer["functions"])
    assert len(answer["types"]) + len(answer["functions"]) == sum(symbol["kind"] != "variable" for symbol in symbols)
    assert [symbol["confidence"] for symbol in symbols] == sorted(
        (symbol["confidence"] for symbol in symbols), reverse=True
    )
    assert all(0 <= symbol["confidence"] <= 1 for symbol in symbols)


def test_limits_hold_and_short_lists_are_filled(grow: Grow) -> None:
    live = grow(SHOP)
    total = len(live.store.symbols)
    assert len(ask(live, limits={"symbols": 100})["symbols"]) == total
    answer = ask(live, limits={"symbols": 2, "files": 1, "imports": 1, "conventions": 1})
    assert [len(answer[key]) for key in ("symbols", "files", "imports", "conventions")] == [2, 1, 1, 1]
    assert len(ask(live)["files"]) == 3
    nothing = ask(live, intent="zzz qqq", limits={"symbols": 4})
    assert len(nothing["symbols"]) == 4


def imported_by(*numbers: int) -> dict[str, str]:
    """Modules `m0`, `m1`, …, each imported by so many files; every second one from within its package."""
    tree = {f"pkg/m{at}.py": f"def name{at}():\n    pass\n" for at in range(len(numbers))}
    for at, number in enumerate(numbers):
        package = "." if at % 2 else "pkg."
        tree |= {f"pkg/u{at}_{one}.py": f"from {package}m{at} import name{at}\n" for one in range(number)}
    return tree


@pytest.mark.parametrize("popular", [2, 1000])
def test_a_short_list_is_filled_with_what_most_files_import(
    grow: Grow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, popular: int
) -> None:
    monkeypatch.setattr(store, "_POPULAR", popular)
    live = grow(imported_by(0, 2, 3, 1, 0, 3))

    def filled(count: int) -> list[str]:
        return [one["name"] for one in ask(live, intent="zzz qqq", limits={"symbols": count})["symbols"]]

    assert filled(2) == ["name2", "name5"]
    assert filled(6) == ["name2", "name5", "name1", "name3", "name0", "name4"]
    write(tmp_path, {"pkg/u1_0.py": "from .m3 import name3\n", "pkg/u1_1.py": "from .m3 import name3\n"})
    live.apply([str(tmp_path / f"pkg/u1_{one}.py") for one in range(2)])
    assert filled(6) == ["name2", "name3", "name5", "name0", "name1", "name4"]


def test_a_list_is_filled_without_a_look_at_every_definition(grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_POPULAR", 10)

    def work(more: int) -> int:
        tree = imported_by(*[2] * 20)
        live = grow(tree | {"pkg/more.py": "".join(f"def f{at}():\n    pass\n" for at in range(more))})
        ask(live, intent="zzz qqq", limits={"symbols": 4})
        return calls(lambda: ask(live, intent="zzz qqq", limits={"symbols": 4}))

    assert work(2000) < work(0) + 1000


def test_min_confidence_alone_shortens_the_list(grow: Grow) -> None:
    symbols = ask(grow(SHOP), minConfidence=0.2)["symbols"]
    assert 0 < len(symbols) < 15 and all(symbol["confidence"] >= 0.2 for symbol in symbols)


def test_explain_breaks_a_score_down_by_named_signals(grow: Grow) -> None:
    live = grow(SHOP)
    explained = ask(live, explain=True)["symbols"]
    assert {"text", "neighbours"} & set(explained[0]["breakdown"])
    assert all(isinstance(share, float) for share in explained[0]["breakdown"].values())
    assert "breakdown" not in ask(live)["symbols"][0]


def test_scope_is_seen_from_the_target(grow: Grow) -> None:
    answer = ask(grow(SHOP), targetFile="shop/cart.py", qualname="Cart.remove", limits={"symbols": 50})
    scopes = {symbol["qualname"]: symbol["scope"] for symbol in answer["symbols"] if symbol["file"] != "shop/orders.py"}
    assert scopes["Cart"] == scopes["Cart.add"] == "class"
    assert scopes["log"] == "file"
    assert scopes["parse_price"] == "workspace"


def test_the_target_itself_is_no_answer_and_speaks_for_nothing(grow: Grow, tmp_path: Path) -> None:
    live = grow(SHOP)
    places = [{"qualname": "place_order"}, {"signature": "def place_order(lines)"}]
    whole = [ask(live, targetFile="shop/orders.py", **place) for place in places]
    masked = SHOP["shop/orders.py"].partition("    prices = ")[0] + "    ...\n"
    masked = masked.replace("from shop.errors import OutOfStock\nfrom shop.money import parse_price\n", "\n\n")
    write(tmp_path, {"shop/orders.py": masked.replace('    """Place an order for lines of prices."""\n', "")})
    live.apply([str(tmp_path / "shop/orders.py")])
    for place, answer in zip(places, whole, strict=True):
        hidden = ask(live, targetFile="shop/orders.py", **place)
        assert "place_order" not in names(hidden, 50)
        for part in ("symbols", "files", "imports"):
            assert answer[part] == hidden[part]


def test_files_are_ranked_with_a_reason(grow: Grow) -> None:
    live = grow(SHOP)
    answer = relevant_files(live, {"intent": INTENT, "targetFile": "shop/orders.py", "limits": {"files": 4}})
    paths = [file["path"] for file in answer["files"]]
    assert set(paths[:3]) >= {"shop/money.py"}
    assert all("defines" in file["why"] for file in answer["files"])
    assert next(file["why"] for file in answer["files"] if file["path"] == "shop/orders.py").startswith(
        "the target file; "
    )
    assert answer["keywords"] == ask(live)["keywords"]
    assert [file["score"] for file in answer["files"]] == sorted(
        (file["score"] for file in answer["files"]), reverse=True
    )


@pytest.mark.parametrize(
    ("question", "known"),
    [
        ({"intent": "xyzzy"}, False),
        ({"intent": "漢字だけ"}, False),
        ({"intent": "!!!"}, False),
        ({"intent": "return the given value"}, False),
        ({"intent": "xyzzy", "targetFile": "shop/cart.py"}, False),
        ({"intent": "xyzzies of prices"}, True),
        ({"intent": "xyzzy money"}, True),
        ({"intent": "cost"}, True),
        ({"intent": "xyzzy log"}, True),
        ({"intent": "add"}, True),
        ({"intent": "xyzzy", "signature": "def f(x: OutOfStock)"}, True),
    ],
)
def test_a_question_of_which_no_word_is_known_is_told_so(grow: Grow, question: dict[str, Any], known: bool) -> None:
    """A name's part, a path's, a word that means the same, and a name that is a stop word all count."""
    live = grow(SHOP)
    for answer in (context(live, question), relevant_files(live, question)):
        assert ("Say it in other words." in answer.get("hint", "")) is not known


def test_words_are_said_again_within_bounds(grow: Grow) -> None:
    live = grow(SHOP)
    intent = " ".join(
        ["price", "x" * 1_000_000, "y" * 100, *(f"word_{chr(97 + at % 26) * (2 + at // 26)}" for at in range(500))]
    )
    said = ask(live, intent=intent)["keywords"]
    assert said[:4] == ["price", "y" * 100, "word", "aa"]
    assert len(said) == 100
    assert relevant_files(live, {"intent": intent})["keywords"] == said


def test_tests_are_left_behind_unless_asked_for(grow: Grow) -> None:
    live = grow(SHOP)
    assert "tests/test_money.py" not in [file["path"] for file in ask(live)["files"]]
    answer = ask(live, intent="Test parse_price", limits={"symbols": 3})
    assert "test_parse_price" in names(answer)


def test_imports_are_mined_with_evidence(grow: Grow) -> None:
    live = grow(SHOP)
    patterns = {one["module"]: one for one in ask(live, targetFile="shop/returns.py")["imports"]}
    money = patterns["shop.money"]
    assert money["names"][0] == "parse_price"
    assert money["statement"] in ("from shop.money import parse_price, Price", "from shop.money import parse_price")
    assert money["evidence"][0].startswith("shop/") and money["count"] >= 2
    path, _, line = money["evidence"][0].partition(":")
    assert SHOP[path].split("\n")[int(line) - 1].startswith("from shop.money import")
    assert money["checked"] is False and money["at"][1] == len("from shop.money import ")
    assert patterns["decimal"]["statement"] == "from decimal import Decimal"


def test_a_file_never_imports_itself_nor_what_it_has(grow: Grow) -> None:
    modules = [one["module"] for one in ask(grow(SHOP), targetFile="shop/money.py")["imports"]]
    assert "shop.errors" in modules
    assert "shop.money" not in modules and "decimal" not in modules
    live = grow({"a.py": "def wrap(): ...\n", "b.py": "from a import wrap\nwrap()\n", "c.py": "def wrap(): ...\n"})
    for target, is_offered in (("c.py", False), ("d.py", True)):
        statements = [one["statement"] for one in ask(live, intent="wrap", targetFile=target)["imports"]]
        assert ("from a import wrap" in statements) is is_offered


def test_what_nobody_imports_is_offered_from_where_it_is_defined(grow: Grow) -> None:
    live = grow({"coins.py": "\ndef count_coins(purse):\n    '''Count the coins of a purse.'''\n    return 1\n"})
    (found,) = ask(live, intent="Count the coins of a purse", targetFile="till.py")["imports"]
    assert found["statement"] == "from coins import count_coins"
    assert (found["count"], found["evidence"], found["at"]) == (0, ["coins.py:2"], [1, 4])


def test_an_import_of_a_far_file_among_many_others_has_its_evidence(
    grow: Grow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_IMPORTERS", 2)
    near = {f"near/m{at}.py": "from other import pack\n" for at in range(5)}
    far = "from zone.tools import pack\ndef fold_shirt():\n    '''Fold a shirt.'''\n    return pack()\n"
    live = grow({**near, "zone/__init__.py": "", "zone/far.py": far})
    found = ask(live, intent="Fold a shirt", targetFile="near/new.py")["imports"]
    (evidence,) = (one["evidence"] for one in found if one["module"] == "zone.tools")
    assert evidence == ["zone/far.py:1"]


def test_what_no_statement_can_name_is_not_offered(grow: Grow) -> None:
    names = ("my-tool", "1st", "class", "tool")
    files = {f"{name}.py": f"def fold_{at}():\n    '''Fold a shirt.'''\n" for at, name in enumerate(names)}
    files["user.py"] = "from . import shirts\ndef fold_all():\n    '''Fold all shirts.'''\n    shirts.fold()\n"
    found = ask(grow(files), intent="Fold a shirt", targetFile="new.py")["imports"]
    modules = {one["module"] for one in found} - {"shop.cart", "shop.orders", "shop.money", "shop.errors"}
    assert modules == {"tool", "user"}


def test_what_a_relative_import_wants_from_above_all_packages_is_not_offered(grow: Grow) -> None:
    folding = "from {}steam import iron_shirt\ndef fold_all():\n    '''Fold all shirts.'''\n    iron_shirt()\n"
    for dots, offered in ((2, ["from wash.steam import iron_shirt"]), (4, [])):
        files = {"wash/__init__.py": "", "wash/dry/__init__.py": "", "wash/dry/fold.py": folding.format("." * dots)}
        found = ask(grow(files), intent="Fold a shirt", targetFile="new.py", draft="iron_shirt()")["imports"]
        assert [one["statement"] for one in found if "iron_shirt" in one["names"]] == offered


def test_of_one_module_few_names_are_offered_and_each_in_one_spelling(grow: Grow) -> None:
    live = grow(
        {
            "box.py": "".join(f"def open_box_{at}():\n    '''Open a box.'''\n" for at in range(8)),
            "user.py": "from box import open_box_1 as opened, open_box_2 as opened\n",
        }
    )
    found = ask(live, intent="Open a box", targetFile="till.py")["imports"]
    bound = [name.rpartition(" ")[2] for one in found for name in one["statement"].partition("import ")[2].split(", ")]
    assert 1 < len(bound) == len(set(bound)) <= 4
    assert all(len(one["names"]) <= 3 for one in found)


def test_a_draft_speaks_for_imports(grow: Grow) -> None:
    files = {f"m{at}.py": f"import zlib\nimport bz2\n\ndef f{at}():\n    pass\n" for at in range(3)}
    asked = {"intent": "Zlib or bz2", "targetFile": "new.py"}
    live = grow(files)
    for module in ("bz2", "zlib"):
        assert ask(live, **asked, draft=f"{module}.compress(data)")["imports"][0]["module"] == module


def test_relative_and_renamed_imports_can_be_pasted(grow: Grow) -> None:
    live = grow(
        {
            "p/__init__.py": "",
            "p/q/__init__.py": "from .r import parse_price as read\n",
            "p/q/r.py": "def parse_price(text):\n    '''Parse the text of a price.'''\n",
            "p/s.py": "from .q import r\nfrom .q.r import parse_price as read\nimport os.path as osp\n"
            "def price(text):\n"
            "    '''Parse the price text.'''\n    osp.join(text)\n    r.parse_price()\n    return read(text)\n",
        }
    )
    statements = {one["statement"] for one in ask(live, targetFile="other.py")["imports"]}
    assert "from p.q.r import parse_price as read" in statements
    assert "import os.path as osp" in statements
    assert "from p.q import r" in statements


def test_conventions_are_counted_with_the_nearest_evidence(grow: Grow) -> None:
    live = grow(SHOP)
    found = {
        (one["key"], one["value"]): one
        for one in ask(live, targetFile="shop/orders.py", limits={"conventions": 50})["conventions"]
    }
    raised = found["errors raised", "OutOfStock"]
    assert (raised["count"], raised["of"]) == (2, 2)
    assert raised["evidence"][0].startswith("shop/orders.py:")
    assert found["logging", "log = logging.getLogger(__name__)"]["count"] == 2
    assert found["type hints", "annotated"]["of"] == 8
    assert all(one["evidence"] and one["count"] <= one["of"] for one in found.values())


def test_the_built_in_table_answers_for_an_empty_tree_alone(grow: Grow) -> None:
    empty = grow({"notes.py": "# nothing\n"})
    answer = ask(empty, intent="Validate email address format, read a JSON file")
    assert answer["source"] == "knowledge-base"
    assert "import re" in [one["statement"] for one in answer["imports"]]
    assert [one["names"] for one in answer["imports"] if one["module"] == "pathlib"] == [["Path"]]
    kinds = {symbol["name"]: symbol["kind"] for symbol in answer["symbols"]}
    assert kinds["compile"] == "function" and kinds["Path"] == "class"
    assert answer["files"] == [] and answer["conventions"]
    assert ask(empty, intent="zzz")["symbols"] == []


def test_an_answer_of_so_many_tokens(grow: Grow) -> None:
    live = grow(SHOP)
    whole = ask(live)
    assert ask(live, limits={"tokens": 100_000}) == whole
    for tokens in (0, 60, 150, 400):
        found = ask(live, limits={"tokens": tokens})
        text = SemanticContext.from_result({**found, "meta": {"elapsed_ms": 1.0, "cached": False}}).to_prompt()
        assert len(text) <= 3 * tokens
        assert all(one in whole[part] for part in ("symbols", "files", "imports", "conventions") for one in found[part])
        assert [found["symbols"][at]["kind"] for at in found["types"]] == ["class"] * len(found["types"])
    assert ask(live, limits={"tokens": 0})["symbols"] == []


def test_confident_symbols_come_first_when_tokens_are_few() -> None:
    def symbol(name: str, confidence: float) -> dict[str, Any]:
        return {"module": "m", "qualname": name, "file": "f", "signature": "", "doc": "", "confidence": confidence}

    parts: dict[str, list[dict[str, Any]]] = {
        "symbols": [symbol("sure", 0.5), symbol("perhaps", 0.4)],
        "imports": [{"statement": "import m"}],
        "conventions": [{"key": "k", "value": "v" * 1000}],
        "files": [{"path": "f", "why": ""}],
    }
    cut(parts, 45)
    assert [symbol["qualname"] for symbol in parts["symbols"]] == ["sure"]
    assert (len(parts["imports"]), parts["conventions"], len(parts["files"])) == (1, [], 1)


def test_nothing_wanted_is_nothing_given(grow: Grow) -> None:
    answer = ask(grow(SHOP), limits={"symbols": 0, "files": 0, "imports": 0, "conventions": 0})
    assert (answer["symbols"], answer["files"], answer["imports"], answer["conventions"]) == ([], [], [], [])
    assert answer["source"] == "index"
