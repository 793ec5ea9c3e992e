"""Each signal on a tree that is made for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from semctxd.index.live import LiveIndex
from semctxd.ranking.by_draft import likeness
from semctxd.ranking.gather import gather
from semctxd.ranking.question import Question
from semctxd.ranking.signals import Signals, _highest, best, is_test, search
from tests.conftest import write

FILES = {
    "app/__init__.py": "",
    "app/models.py": (
        "class Base:\n    def save(self): pass\n    def load(self):\n        return self.connect()\n"
        "    def connect(self): pass\n"
        "class User(Base):\n    name = ''\n    def rename(self, name): pass\n"
        "class Order(Base):\n    def pay(self): pass\n    def load(self):\n        self.prepare()\n"
        "        return open_order()\n"
        "    def prepare(self): pass\n"
        "def open_order(): pass\n"
        "def new_order() -> 'Order': pass\n"
    ),
    "app/store.py": (
        "from app.models import Base, User\nfrom app import views\n"
        "class Backend:\n    def fetch(self): pass\n"
        "class Store(Base):\n"
        "    def __init__(self):\n        self.backend = Backend()\n        self.odd = odd()\n"
        "    def prepare(self): pass\n"
        "    def load(self):\n        ...\n"
        "    def caller(self):\n        helper()\n        return self.load()\n"
        "    def other(self):\n        return self.backend.fetch()\n"
        "def helper(): pass\n"
    ),
    "app/views.py": (
        "from app.models import User\n"
        "def read_xml(path): return XmlReader(path)\n"
        "class XmlReader: pass\nclass JsonReader: pass\n"
        "def show(user: User): user.rename('x')\n"
        "def list_user(user: User): pass\n"
        "def greet(visitor: User): pass\n"
    ),
    "tests/test_store.py": "def test_load_a_user_by_name(): pass\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> LiveIndex:
    root: Path = tmp_path_factory.mktemp("tree")
    write(root, FILES)
    live = LiveIndex(str(root))
    live.refresh()
    return live


def signals(live: LiveIndex, hidden: str = "", **question: str) -> Signals:
    path, _, qualname = hidden.partition(":")
    id = live.resolver().named(path, qualname) or 0
    line = live.store.symbols[id].line if id else 0
    return gather(live.resolver(id), Question(**{"intent": "", **question}, line=line))


def named(found: Signals, signal: str) -> dict[str, float]:
    symbols = found.corpus.store.symbols
    return {symbols[id].qualname: round(value, 2) for id, value in found.of(signal).items()}


def test_words_find_symbols_and_their_neighbours_vote(live: LiveIndex) -> None:
    found = signals(live, intent="Show a user")
    assert max(named(found, "text"), key=named(found, "text").__getitem__) == "show"
    assert named(found, "neighbours")["User.rename"] > 0.2
    assert named(found, "neighbours by name")["User.rename"] > 0.2
    assert named(found, "in a file of such functions")["read_xml"] > 0.3


def test_names_in_the_intent(live: LiveIndex) -> None:
    found = signals(live, intent="Use the JsonReader, a User and save it")
    assert named(found, "named") == {"JsonReader": 1.0, "User": 1.0, "Base.save": 0.4}
    assert set(named(found, "member of named class")) == {"User.name", "User.rename"}


def test_types_of_parameters_and_result(live: LiveIndex) -> None:
    found = signals(
        live, signature="def f(self, who: User, order, visitor, a: list[Backend]) -> Store", file="app/store.py"
    )
    assert named(found, "parameter type") == {"User": 1.0, "Backend": 1.0}
    assert {"User.rename", "Base.save", "Backend.fetch"} <= set(named(found, "member of parameter type"))
    assert named(found, "class called like a parameter") == {"Order": 1.0}
    assert "Order.pay" in named(found, "member of class called like a parameter")
    assert "User.rename" in named(found, "member of usual parameter type")
    assert named(found, "returned type") == {"Store": 1.0}
    assert "Store.load" in named(found, "member of returned type")
    assert named(signals(live, signature="def f(who: models.User)"), "parameter type") == {"User": 1.0}


def test_parameters_of_the_same_name(live: LiveIndex) -> None:
    assert "User.rename" in named(signals(live, signature="def f(user)"), "same parameters")


def test_definitions_of_the_same_name_elsewhere(live: LiveIndex) -> None:
    found = signals(live, "app/store.py:Store.load", file="app/store.py", qualname="Store.load")
    weights = named(found, "same name elsewhere")
    assert weights["Base.load"] > weights["Order.load"] > 0.3  # overridden; of a class with the same base
    assert {"open_order", "Base.connect"} <= set(named(found, "siblings"))
    assert set(named(found, "siblings, mapped to this class")) == {"Base.connect", "Store.prepare"}
    assert named(found, "overridden") == {"Base.load": 1.0}


def test_the_place(live: LiveIndex) -> None:
    found = signals(live, "app/store.py:Store.load", file="app/store.py", qualname="Store.load")
    assert "Store.load" not in named(found, "same file")
    assert named(found, "near")["Store.prepare"] > named(found, "near")["Backend"]
    assert "Store.prepare" in named(found, "before") and "helper" not in named(found, "before")
    assert {"helper", "Backend", "Backend.fetch"} <= set(named(found, "file's uses"))
    assert "Backend.fetch" in named(found, "near functions of the file")
    assert named(found, "calls the target") == {"Store.caller": 1.0}
    assert named(found, "caller's uses") == {"helper": 1.0}
    assert set(named(found, "imported")) == {"Base", "User"}
    assert {"User.rename", "Base.save"} <= set(named(found, "member of imported class"))
    assert {"read_xml", "XmlReader"} <= set(named(found, "in an imported module"))
    assert "open_order" in named(found, "in a file imported from")


def test_the_class(live: LiveIndex) -> None:
    found = signals(
        live, "app/store.py:Store.load", file="app/store.py", qualname="Store.load", intent="fetch from the backend"
    )
    assert {"Store", "Store.caller"} <= set(named(found, "same class"))
    assert named(found, "own or inherited")["Base.save"] == 0.5
    assert "helper" in named(found, "class's uses")
    assert named(found, "member of attribute type") == {"Backend.fetch": 1.0}
    assert named(found, "member of named attribute's type") == {"Backend.fetch": 1.0}
    assert 0 < named(found, "member of usual attribute's type")["Backend.fetch"] < 1
    assert not named(signals(live, file="app/store.py", qualname="helper.inner"), "same class")  # not a class


def test_analogy(live: LiveIndex) -> None:
    found = signals(live, intent="Read a json file", signature="def read_json(path)", file="app/views.py")
    assert named(found, "analogy").keys() == {"JsonReader"}


def test_a_draft(live: LiveIndex) -> None:
    found = signals(live, draft="user.rename(self.backend)\nhelper()  # load", file="app/store.py")
    assert named(found, "called in the draft") == {"User.rename": 1.0, "helper": 1.0}
    assert named(found, "attribute in the draft").keys() == {"User.rename"}
    assert "load" not in named(found, "in the draft")
    assert named(found, "receiver in the draft") == {"User.rename": 1.0}
    assert named(found, "like the draft")["User.rename"] > 0.5
    assert "neighbours of the draft" in found.by_signal
    assert named(signals(live, draft="self.pay()"), "attribute of self in the draft") == {"Order.pay": 1.0}


def test_tests_do_not_vote_unless_a_test_is_written(live: LiveIndex) -> None:
    assert "test_load_a_user_by_name" not in named(
        signals(live, intent="Load a user by name"), "in a file of such functions"
    )
    assert "test_load_a_user_by_name" in named(
        signals(live, intent="Test to load a user by name"), "in a file of such functions"
    )
    assert [is_test(path) for path in ("a/test_b.py", "b_test.py", "conftest.py", "tests/x.py", "a/b.py",
    "testing.py")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip


def test_words_that_mean_much_the_same(live: LiveIndex) -> None:
    found = signals(live, intent="Exhibit a customer")  # nothing here is called so
    assert not named(found, "text")
    found = signals(live, intent="Fetch mail")
    assert "Backend.fetch" in named(found, "related words")
    found = signals(live, intent="Preload the preparation")
    assert "Order.load" not in named(found, "text") and "Order.load" in named(found, "related words")
    assert "open_order" in named(found, "neighbours by related words")
    assert "open_order" in named(found, "best neighbour by related words")
    assert "open_order" in named(found, "neighbours by meaning")
    assert "open_order" in named(found, "best neighbour by meaning")


def test_what_is_read_from_parameters_and_attributes_of_the_same_name(live: LiveIndex) -> None:
    found = signals(live, signature="def f(user)", file="app/store.py")
    assert named(found, "said of such a parameter") == {"User.rename": 0.33}  # one of two functions, and one more
    assert "User.rename" in named(found, "same parameters, by name")
    found = signals(
        live, "app/store.py:Store.load", file="app/store.py", qualname="Store.load", intent="Ask the backend"
    )
    assert named(found, "said of such an attribute") == {"Backend.fetch": 0.2}
    assert "helper" in named(found, "near methods of the class")


def test_what_is_called_with_parameters_of_the_same_name(live: LiveIndex) -> None:
    found = signals(live, signature="def read_json(path)", file="app/store.py")
    assert named(found, "called with such a parameter") == {"XmlReader": 0.5}  # the one function, and one more


def test_what_stands_before_an_argument_is_no_call(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "def far(): ...\ndef inner(): ...\ndef f(it):\n    (it)\n    far(inner(1), it)\n"})
    live = LiveIndex(str(tmp_path))
    live.refresh()
    assert not named(signals(live, signature="def g(it)"), "called with such a parameter")


def test_what_gives_the_wanted_type(live: LiveIndex) -> None:
    found = signals(live, signature="def f() -> Order")
    assert named(found, "returns the wanted type") == {"new_order": 1.0}


def test_what_fellow_files_import(live: LiveIndex) -> None:
    found = signals(live, "app/store.py:Store.load", file="app/store.py", qualname="Store.load")
    assert named(found, "imported in this folder") == {"User": 0.33}  # of models, views and __init__, by one
    assert named(found, "imported by files like this") == {"User": 1.0}


def test_first_words_that_go_with_the_targets(live: LiveIndex) -> None:
    found = signals(live, intent="Load the orders", signature="def load_orders()")
    assert found.verbs.keys() >= {"open", "prepar"}
    assert not signals(live, intent="Load").verbs


def test_names_like_those_of_the_draft(live: LiveIndex) -> None:
    found = signals(live, intent="Order", draft="o = prepare_order(order)\nxml = o.reader\n", file="app/models.py")
    ids = [id for id in live.store.symbols if live.store.symbols[id].name in ("prepare", "open_order", "XmlReader")]
    like = likeness(found, ids)
    names = [live.store.symbols[id].qualname for id in ids]
    by_name, by_call = (dict(zip(names, like[f"like a {what} in the draft"], strict=True)) for what in ("name", "call"))
    assert by_name["XmlReader"] > 0.3 and by_call["XmlReader"] == 0
    assert by_call["Order.prepare"] == by_name["Order.prepare"] > 0.3


def test_best_breaks_ties_by_path_and_line(live: LiveIndex) -> None:
    resolver = live.resolver()
    ids = [id for path in ("app/views.py", "app/models.py") for id in live.store.ids(path)]
    order = [
        (live.store.symbols[id].path, live.store.symbols[id].line)
        for id in best(resolver, dict.fromkeys(reversed(ids), 1.0), 6)
    ]
    assert order == sorted(order) and order[0][0] == "app/models.py" and len(order) == 6


def test_a_very_common_term_is_not_followed_where_rarer_ones_answer(tmp_path: Path) -> None:
    write(
        tmp_path, {"a.py": "".join(f"def get_{number}(): pass\n" for number in range(2600)) + "def rare_get(): pass\n"}
    )
    live = LiveIndex(str(tmp_path))
    live.refresh()
    assert len(search(live.resolver(), {"get": 1.0, "rar": 1.0})) == 1
    assert len(search(live.resolver(), {"get": 1.0})) == 2601


def test_a_very_common_parameter_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "def use(): ...\n" + "".join(f"def f{n}(it): return it.use()\n" for n in range(400))})
    live = LiveIndex(str(tmp_path))
    live.refresh()
    found = signals(live, signature="def g(it)")
    assert not named(found, "said of such a parameter") and not named(found, "same parameters")


def test_which_functions_with_a_common_parameter_are_looked_at_is_not_decided_by_age(tmp_path: Path) -> None:
    users = {f"f{n:02}.py": f"def f{n}(thing):\n    return thing.part{n}\n" for n in range(70)}
    parts = {"parts.py": "class Thing:\n" + "".join(f"    part{n} = 1\n" for n in range(70))}
    write(tmp_path, users | parts)
    live = LiveIndex(str(tmp_path))
    live.refresh()

    def said() -> dict[str, float]:
        return named(signals(live, intent="use it", signature="def g(thing)"), "said of such a parameter")

    before = said()
    assert {"Thing.part0", "Thing.part59"} <= before.keys() and "Thing.part69" not in before
    (tmp_path / "f00.py").write_text(f"# edited\n{users['f00.py']}")
    live.apply([str(tmp_path / "f00.py")])
    assert said() == before


def test_names_that_mean_what_those_of_the_draft_do(live: LiveIndex) -> None:
    found = signals(live, intent="Order", draft="charge(self)\n", file="app/models.py")
    ids = [id for id in live.store.symbols if live.store.symbols[id].name in ("pay", "helper")]
    names = [live.store.symbols[id].name for id in ids]
    pay, helper = (likeness(found, ids)["means a name in the draft"][names.index(name)] for name in ("pay", "helper"))
    assert pay > 0.3 > helper
    assert likeness(signals(live, intent="Order", draft="1\n"), ids)["means a name in the draft"] == [0.0] * len(ids)


@pytest.mark.parametrize("every", [1, 3, 16, 17])
@pytest.mark.parametrize("count", [1, 20, 90, 999])
def test_the_highest_of_many_values_are_found_wherever_they_stand(every: int, count: int) -> None:
    values = [0.0 if at % every else at * 7 % 101 + 1.0 for at in range(1000)]
    assert _highest(values, count) == sorted(values)[-count]
