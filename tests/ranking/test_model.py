from __future__ import annotations

import math

import pytest

from semctxd.ranking.features import FEATURES
from semctxd.ranking.model import Forest, forests
from semctxd.ranking.score import confidence


def test_the_shipped_model_knows_the_features_by_position() -> None:
    assert forests().keys() == {"target", "free"}
    for forest in forests().values():
        assert forest.features == list(FEATURES)
        assert len(forest.trees) > 50


def test_a_score_is_the_sum_of_leaves_and_its_shares_add_up() -> None:
    forest = Forest(["a", "b"], -0.5, [[0, 1.0, -1.0, [1, 2.0, 2.0, 3.0, 2.5], 0.5], [1, 0.0, 0.25, 4.0, 1.0], 0.125])
    assert forest.score([1.0, 9.0]) == -0.5 - 1.0 + 4.0 + 0.125
    assert forest.score([1.5, 2.0]) == -0.5 + 2.0 + 4.0 + 0.125
    assert forest.shares([1.5, 2.0]) == {"a": 2.0, "b": -0.5 + 3.0}
    means = 0.5 + 1.0 + 0.125
    assert forest.offset + means + sum(forest.shares([1.5, 2.0]).values()) == forest.score([1.5, 2.0])


@pytest.mark.parametrize("row", [[0.0] * len(FEATURES), [1.0] * len(FEATURES)])
def test_shares_of_the_shipped_model_explain_its_score(row: list[float]) -> None:
    for forest in forests().values():
        means = sum(tree[4] for tree in forest.trees)
        assert math.isclose(forest.offset + means + sum(forest.shares(row).values()), forest.score(row), abs_tol=1e-6)


def test_confidence_is_a_chance() -> None:
    assert confidence(0.0) == 0.5
    assert confidence(-9.0) == 0.0 < confidence(-1.0) < confidence(1.0) < 1.0 == confidence(9.0)
