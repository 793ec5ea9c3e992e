"""The tables of an index."""

from __future__ import annotations

import random
from collections.abc import Iterable

import msgspec
import pytest

from semctxd.index import store, tables
from semctxd.index.extract import extract_text
from semctxd.index.store import Store
from semctxd.index.tables import Postings, Table
from semctxd.ranking.records import FileRecord

WEIGHTS = [0.5, 2.0, 1.0, 2.0, 0.25, 1.0, 4.0]


@pytest.mark.parametrize("kept", [2, 100])
def test_the_best_documents_of_a_term(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(tables, "_BEST_MAX", kept)
    postings = Postings()
    for id, weight in enumerate(WEIGHTS, 1):
        postings.add(["word", "other", "third"], [weight, -weight, 1.0], id)

    def best(term: str, count: int) -> list[tuple[int, float]]:
        ids, weights = postings.best(term, count)
        return list(zip(ids, weights, strict=True))

    for _ in range(2):
        assert best("word", 1) == [(7, 4.0)]
        assert best("word", 2) == [(2, 2.0), (4, 2.0), (7, 4.0)]  # those that equal the last, too
        assert best("other", 1) == [(5, -0.25)]
        assert len(best("third", 1)) == 7
    postings.remove({"word": [(7, 8)]})
    assert best("word", 1) == [(2, 2.0), (4, 2.0)]
    postings.add(["word"], [9.0], 8)
    assert best("word", 1) == [(8, 9.0)]


@pytest.mark.parametrize("seed", range(20))
def test_many_spans_go_at_once_as_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    ids = [id for id in range(1, 60) if chance.random() < 0.7]
    bounds = sorted(chance.sample(range(65), 2 * chance.randint(1, 8)))
    spans = list(zip(bounds[::2], bounds[1::2], strict=True))
    kept = [id for id in ids if not any(low <= id < high for low, high in spans)]
    table, postings = Table(), Postings()
    for id in ids:
        table.append("key", id)
        postings.add(["key"], [id / 2], id)
    table.remove({"key": spans, "unknown": spans})
    postings.remove({"key": spans, "unknown": spans})
    assert list(table.get("key")) == kept and list(table.keys()) == (["key"] if kept else [])
    assert [list(numbers) for numbers in postings.get("key")] == [kept, [id / 2 for id in kept]]


def test_files_at_once_are_as_one_by_one() -> None:
    def record(number: int, name: str) -> FileRecord:
        text = f"from p import {name}\nimport m{number}\ndef {name}(key: Key) -> {name}_type: ...\nSIZE = 1\n"
        return extract_text(f"p/m{number}.py", text)

    def held(store: Store) -> list[dict[str, object]]:
        return [
            {key: ids for part in table.saved() for key, ids in msgspec.msgpack.decode(part).items()}
            for table in store.tables
        ]

    together, apart = Store(), Store()
    for numbers, name in ((range(9), "old"), (range(2, 12, 2), "new"), (range(7, 9), "newer")):
        together.put(*(record(number, name) for number in numbers))
        for number in numbers:
            apart.put(record(number, name))
    gone = ["p/m1.py", "p/m4.py", "p/unknown.py", "p/m4.py"]
    together.drop(*gone)
    for path in gone:
        apart.drop(path)
    assert held(together) == held(apart)
    assert together.symbols.keys() == apart.symbols.keys()
    assert together.files.keys() == apart.files.keys() == {f"p/m{number}.py" for number in (0, 2, 3, 5, 6, 7, 8, 10)}
    assert (together.generation, together.comings) == (apart.generation, apart.comings) == (18, 12)


def test_of_two_records_of_a_file_the_last_counts() -> None:
    """Names that are no UTF-8 may look alike."""
    known = Store()
    known.put(extract_text("a.py", "one = 1\n"), extract_text("a.py", "two = 2\n"))
    assert [symbol.name for symbol in known.symbols.values()] == ["two"]


@pytest.mark.parametrize("asked_early", [False, True])
def test_in_how_many_files_functions_say_a_name(asked_early: bool) -> None:
    known = Store()
    known.put(
        extract_text("a.py", "from b import run\ndef f(): run(); go()\ndef g(): run()\n"),
        extract_text("b.py", "def run(): 'go'; return stop.now\ntop(run)\n"),
    )
    if asked_early:
        assert (known.said("run"), known.said("go"), known.said("now"), known.said("top")) == (1, 2, 1, 0)
    known.put(extract_text("a.py", "def f(): go()\n"), extract_text("c.py", "def h(): run()\n"))
    known.drop("b.py")
    assert [known.said(name) for name in ("run", "go", "now", "top", "f")] == [1, 1, 0, 0, 0]


def test_where_functions_say_nothing_names_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Iterable[str]] = []

    def names_said(bodies: Iterable[str]) -> set[str]:
        counted.append(bodies)
        return set()

    monkeypatch.setattr(store, "names_said", names_said)
    known = Store()
    known.put(extract_text("a.py", "one = 1\n"))
    assert known.said("one") == known.said("one") == 0
    assert len(counted) == 1


def test_each_symbol_has_the_text_of_its_body_and_of_no_other() -> None:
    known = Store()
    known.put(
        extract_text("a.py", "A = 1\ndef f(): return 'ä\0\ud800'\nclass C:\n    def g(self): one()\n"),
        extract_text("b.py", "def h():\nclass D: two()\n"),
    )
    texts = {symbol.qualname: known.text(id) for id, symbol in known.symbols.items()}
    assert texts == {"A": "", "f": "return 'ä ���'", "C": "", "C.g": "one()", "h": "", "D": ""}
    assert [symbol.qualname for symbol in known.saying("one")] == ["C.g"] and not list(known.saying("two"))
