"""Trees, beside a walk down each."""

from __future__ import annotations

import struct
from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st

from semctxd.ranking.forest import Forest, Node

TREE: list[Node] = [(0, ~0, 1), (2, 2, ~2), (1, ~1, ~3)]
VALUES = (10, 16, 15, 1, 20, 12, 7)  # of the nodes, then of the leaves
"""Is `a > 1`? If so, is `b > 0`? If not, is `a > 2`?"""


def forest(*trees: tuple[int, ...], bias: float = 0.0) -> Forest:
    values = b64encode(b"".join(struct.pack("<7h", *tree) for tree in trees)).decode()
    return Forest([(0, 1), (0, 2), (1, 0)], 0.5, bias, [TREE] * len(trees), values).packed()


def leaf(a: int, b: int) -> int:
    return 0 if a <= 1 else 2 if b else 3 if a > 2 else 1


def test_a_leaf_is_found_by_the_answers_to_a_trees_questions() -> None:
    found = forest(VALUES, bias=100.0).scores([bytes([0, 3, 2, 3, 1]), bytes([0, 0, 0, 1, 1]), b""], 5)
    assert found == [100 + value / 2 for value in (1, 7, 20, 12, 1)]
    assert forest(VALUES).scores([b"", b""], 0) == []


def test_shares_are_the_changes_of_the_mean_and_add_up() -> None:
    one = forest(VALUES, bias=100.0)
    levels = [bytes([0, 3, 3]), bytes([1, 1, 0])]
    first, second, third = one.shares(levels, range(3))
    assert first == {0: (1 - 10) / 2}
    assert second == {0: (16 - 10) / 2, 1: (12 - 16) / 2}
    assert third == {0: (16 - 10 + 7 - 15) / 2, 1: (15 - 16) / 2}
    assert one.mean + sum(second.values()) == one.scores(levels, 3)[1] == 106


@given(
    st.lists(st.tuples(*[st.integers(-32768, 32767)] * 7), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=9),
    st.sampled_from((1, 120)),
)
@settings(max_examples=60, deadline=None)
def test_all_candidates_at_once_are_each_by_itself(
    trees: list[tuple[int, ...]], rows: list[tuple[int, int]], times: int
) -> None:
    trees = trees * times  # more than a lane can add
    found = forest(*trees).scores([bytes(a for a, _ in rows), bytes(b for _, b in rows)], len(rows))
    by_hand = [sum(tree[3 + leaf(a, b)] for tree in trees) / 2 for a, b in rows]
    assert found == by_hand
