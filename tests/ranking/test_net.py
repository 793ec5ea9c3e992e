"""The network, beside plain arithmetic."""

from __future__ import annotations

import struct
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semctxd.ranking.bins import LEVELS
from semctxd.ranking.net import BESIDE, Lanes, Net

WIDTH = 3
WEIGHT = st.integers(-32767, 32767)
ROWS = st.lists(st.lists(WEIGHT, min_size=WIDTH, max_size=WIDTH), min_size=8, max_size=8)  # four of each feature
LEVEL = st.integers(0, LEVELS)


def network(rows: list[list[int]], hidden: list[int], output: list[int]) -> Net:
    weights = b64encode(b"".join(struct.pack(f"<{WIDTH}h", *row) for row in rows)).decode()
    return Net([(16.0, 1.5), (4.0, 0.125)], 0.25, -3.0, hidden, output, weights)


def by_hand(net: Net, rows: list[list[int]], table: list[tuple[int, int]], at: int) -> float:
    beside = table[:BESIDE]
    score = 0
    for unit in range(WIDTH):
        total, means = net.hidden[unit], 0
        for feature in range(2):
            there, level, there_beside, level_beside = (row[unit] for row in rows[4 * feature : 4 * feature + 4])
            total += LEVELS * there * (table[at][feature] > 0) + level * table[at][feature]
            means += LEVELS * there_beside * sum(one[feature] > 0 for one in beside)
            means += level_beside * sum(one[feature] for one in beside)
        score += net.output[unit] * max(0, total + means // len(beside))
    return net.bias + net.unit * score


@given(
    ROWS,
    st.lists(st.integers(-(2**24), 2**24), min_size=WIDTH, max_size=WIDTH),
    st.lists(WEIGHT, min_size=WIDTH, max_size=WIDTH),
    st.lists(st.tuples(LEVEL, LEVEL), min_size=1, max_size=7),
    st.sampled_from((1, BESIDE)),
)
@settings(max_examples=60, deadline=None)
def test_all_candidates_at_once_are_each_by_itself(
    rows: list[list[int]], hidden: list[int], output: list[int], table: list[tuple[int, int]], times: int
) -> None:
    net, table = network(rows, hidden, output), table * times
    levels = [bytes(a for a, _ in table), bytes(b for _, b in table)]
    scores = net.scores(levels, len(table))
    some = range(0, len(table), max(1, len(table) // 3))
    assert [scores[at] for at in some] == [by_hand(net, rows, table, at) for at in some]
    for at, shares in zip(some, net.shares(levels, some), strict=True):
        explained = net.mean + sum(shares.values())
        assert explained == pytest.approx(scores[at], rel=1e-9, abs=net.unit * WIDTH * 32767)  # means are whole there


def test_without_candidates_there_are_no_scores() -> None:
    net = network([[1] * WIDTH] * 8, [0] * WIDTH, [1] * WIDTH)
    assert net.scores([b"", b""], 0) == []
    assert list(net.shares([b"", b""], [])) == []


def test_a_longer_list_of_candidates_begins_as_a_shorter_one() -> None:
    net = network([[5, -7, 9]] * 8, [1, 2, 3], [100, 200, 300])
    column = bytes(at % 5 for at in range(2 * BESIDE))
    long = net.scores([column, column], 2 * BESIDE)
    assert net.scores([column[:BESIDE]] * 2, BESIDE) == long[:BESIDE]


@given(st.lists(st.integers(-(2**30), 2**30), min_size=4, max_size=4), st.integers(-3, 3))
def test_numbers_in_lanes_are_added_and_multiplied_as_they_would_be(numbers: list[int], factor: int) -> None:
    for lanes in (Lanes(4, 64), *([Lanes(4, 32)] if abs(factor) < 2 else [])):
        assert lanes.unpacked(lanes.packed(numbers) * factor) == [factor * one for one in numbers]
        assert lanes.positive(lanes.packed(numbers)) == tuple(max(0, one) for one in numbers)
