from __future__ import annotations

import math
import struct
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semctxd.index.live import LiveIndex
from semctxd.ranking import lexicon
from semctxd.ranking.features import FEATURES, candidates, columns
from semctxd.ranking.gather import gather
from semctxd.ranking.model import Ensemble, Forest, Node, Packed, ensembles
from semctxd.ranking.question import Question
from semctxd.ranking.score import confidence
from tests.conftest import write

TREE: list[Node] = [(0, ~0, 1), (2, 2, ~2), (1, ~1, ~3)]
VALUES = (10, 16, 15, 1, 20, 12, 7)  # of the nodes, then of the leaves
"""Is `a > 1`? If so, is `b > 0.5`? If not, is `a > 2`?"""


def forest(*trees: tuple[int, ...], bias: float = 0.0) -> Forest:
    values = b64encode(b"".join(struct.pack("<7h", *tree) for tree in trees)).decode()
    return Forest(0.5, bias, [Packed(TREE)] * len(trees), values)


def leaf(a: float, b: float) -> int:
    return 0 if a <= 1 else 2 if b > 0.5 else 3 if a > 2 else 1


def ensemble(*forests: Forest, weights: list[float] | None = None, offset: float = 0.0) -> Ensemble:
    questions = [("a", 0), ("a", 1), ("b", 0)]
    return Ensemble({"a": [1.0, 2.0], "b": [0.5]}, questions, list(forests), weights or [1.0], offset)


def test_a_leaf_is_found_by_the_answers_to_a_trees_questions() -> None:
    found = ensemble(forest(VALUES, bias=100.0)).scores({"a": [0, 3, 2, 3, 1], "b": [0, 0, 0, 1, 0.5], "c": []}, 5)
    assert found == [100 + value / 2 for value in (1, 7, 20, 12, 1)]
    assert ensemble(forest(VALUES)).scores({"a": [], "b": []}, 0) == []


def test_shares_are_the_changes_of_the_mean_and_add_up() -> None:
    one = ensemble(forest(VALUES, bias=100.0))
    columns = {"a": [0.0, 3.0, 3.0], "b": [1.0, 1.0, 0.0]}
    assert one.shares(columns, 0) == {"a": (1 - 10) / 2}
    assert one.shares(columns, 1) == {"a": (16 - 10) / 2, "b": (12 - 16) / 2}
    assert one.shares(columns, 2) == {"a": (16 - 10 + 7 - 15) / 2, "b": (15 - 16) / 2}
    assert one.mean + sum(one.shares(columns, 1).values()) == one.scores(columns, 3)[1] == 106


@given(
    st.lists(st.tuples(*[st.integers(-32768, 32767)] * 7), min_size=1, max_size=5),
    st.lists(st.tuples(st.floats(-1, 4), st.floats(-1, 2)), max_size=9),
    st.sampled_from((1, 120)),
)
@settings(max_examples=60, deadline=None)
def test_all_candidates_at_once_are_each_by_itself(
    trees: list[tuple[int, ...]], rows: list[tuple[float, float]], times: int
) -> None:
    trees = trees * times  # more than a lane can add
    found = ensemble(forest(*trees)).scores({"a": [a for a, _ in rows], "b": [b for _, b in rows]}, len(rows))
    by_hand = [sum(tree[3 + leaf(a, b)] for tree in trees) / 2 for a, b in rows]
    assert found == by_hand


def test_an_ensemble_weighs_its_forests() -> None:
    both = ensemble(forest(VALUES), forest(VALUES, bias=1.0), weights=[2.0, 0.5], offset=-3.0)
    columns = {"a": [3.0], "b": [1.0]}
    assert both.scores(columns, 1) == [2 * 6 + 0.5 * 7 - 3]
    assert both.shares(columns, 0) == {"a": 2.5 * 3.0, "b": 2.5 * -2.0}


def test_the_shipped_model_asks_for_features_that_there_are() -> None:
    assert ensembles().keys() == {"target", "draft", "bare-target", "free", "bare"}
    for ensemble in ensembles().values():
        assert len(ensemble.forests) == len(ensemble.weights)
        assert set(ensemble.borders) <= set(FEATURES)
        assert all(len(one.trees) > 50 for one in ensemble.forests)


def test_shares_of_the_shipped_model_explain_its_scores(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "class Reader:\n    def read(self): ...\ndef open_reader(path): return Reader()\n"})
    live = LiveIndex(str(tmp_path))
    live.refresh()
    signals = gather(live.resolver(), Question("Open a reader and read", "def f(path)", file="a.py", draft="read()"))
    ids = candidates(signals)
    table = columns(signals, ids)
    assert len(ids) == 3 and table.keys() == set(FEATURES)
    for ensemble in ensembles().values():
        for one, score in enumerate(ensemble.scores(table, len(ids))):
            explained = ensemble.mean + sum(ensemble.shares(table, one).values())
            assert math.isclose(explained, score, abs_tol=1e-6)


def test_confidence_is_a_chance() -> None:
    assert confidence(0.0) == 0.5
    assert confidence(-9.0) == 0.0 < confidence(-1.0) < confidence(1.0) < 1.0 == confidence(9.0)


def test_related_words_are_others_and_weigh_less() -> None:
    found = lexicon.related({"email": 1.0, "mail": 2.0, "nosuchword": 1.0})
    assert found and "mail" not in found and max(found.values()) < 2
    assert "remov" in lexicon.related({"delet": 1.0})


@pytest.mark.parametrize("count", [1, 3])
def test_many_words_add_the_nearest_alone(count: int) -> None:
    terms = dict.fromkeys(["delet", "email", "request", "hash", "fil", "http", "valid", "abs"] * count, 1.0)
    assert len(lexicon.related(terms)) == 24
