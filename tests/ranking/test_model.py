from __future__ import annotations

import math
import struct
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semctxd.index.live import LiveIndex
from semctxd.ranking import lexicon
from semctxd.ranking.bins import levels
from semctxd.ranking.features import FEATURES, candidates, columns
from semctxd.ranking.forest import Forest
from semctxd.ranking.gather import gather
from semctxd.ranking.model import Ensemble, ensembles
from semctxd.ranking.net import Net
from semctxd.ranking.question import Question
from semctxd.ranking.score import confidence
from tests.conftest import write


def _packed(*numbers: int) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}h", *numbers)).decode()


@given(st.lists(st.sampled_from((-1.0, 0.0, 0.5, 1.0, 1.5, 7.0)), max_size=5))
def test_a_level_is_how_many_borders_are_below(column: list[float]) -> None:
    for values in (column, column[:1] * 3):
        found = levels({"a": [0.0, 1.0, 2.0]}, {"a": values, "b": []})
        assert found == [bytes(sum(border < value for border in (0.0, 1.0, 2.0)) for value in values)]


def test_an_ensemble_weighs_forest_and_network() -> None:
    forest = Forest([(0, 1)], 0.5, 1.0, [[(0, ~0, ~1)]], _packed(4, 0, 8))
    net = Net([(0.0, 0.0), (16.0, 1.0)], 0.25, -1.0, [0], [2], _packed(0, 0, 0, 0, 0, 3, 0, 0))
    both = Ensemble({"a": [0.0, 1.0], "b": [0.0, 2.0]}, forest, net, (2.0, 0.5), -3.0)
    columns = {"a": [3.0, 0.0], "b": [5.0, 0.0]}
    assert both.scores(columns, 2) == [2 * (1 + 4) + 0.5 * (0.25 * 2 * 6 - 1) - 3, 2 * 1 + 0.5 * -1 - 3]
    assert both.mean == 2 * (1 + 2) + 0.5 * (0.25 * 2 * 3 - 1) - 3
    assert list(both.shares(columns, [1, 0])) == [{"a": 2 * -2, "b": 0.5 * -1.5}, {"a": 2 * 2, "b": 0.5 * 1.5}]


def test_the_shipped_model_asks_for_the_features_that_there_are() -> None:
    assert ensembles().keys() == {"target", "draft", "bare-target", "free", "bare"}
    for ensemble in ensembles().values():
        assert list(ensemble.borders) == list(FEATURES)
        assert len(ensemble.forest.trees) > 50 and len(ensemble.net.hidden) > 50


def test_shares_of_the_shipped_model_explain_its_scores(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "class Reader:\n    def read(self): ...\ndef open_reader(path): return Reader()\n"})
    live = LiveIndex(str(tmp_path))
    live.refresh()
    signals = gather(live.resolver(), Question("Open a reader and read", "def f(path)", file="a.py", draft="read()"))
    ids = candidates(signals)
    table = columns(signals, ids)
    assert len(ids) == 3 and table.keys() == set(FEATURES)
    for ensemble in ensembles().values():
        scores, shares = ensemble.scores(table, len(ids)), ensemble.shares(table, range(len(ids)))
        for score, parts in zip(scores, shares, strict=True):
            assert math.isclose(ensemble.mean + sum(parts.values()), score, abs_tol=1e-3)


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
