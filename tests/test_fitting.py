"""Fitting the network, beside plain arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench import net


@pytest.mark.outside
def test_a_network_learns_what_only_the_other_candidates_tell() -> None:
    """Of ten candidates, those are used that have more of `a`; where most lack `b`, those that have less."""
    dice = np.random.default_rng(1)
    levels = np.zeros((600, 10, 2), np.uint8)
    levels[..., 0] = dice.permuted(np.tile(np.arange(1, 31, 3), (600, 1)), axis=1)
    turned = dice.random(600) < 0.5
    levels[..., 1] = (np.arange(10) < 2) | ~turned[:, None]
    best = np.where(turned, levels[..., 0].argmin(1), levels[..., 0].argmax(1))
    used = (np.arange(10) == best[:, None]).astype(np.float32)
    known, asked = slice(0, 500), slice(500, 600)
    tasks = net.Tasks(levels[known].reshape(-1, 2), used[known].ravel(), np.full(500, 10), np.ones(500, np.float32))
    made = net.fit(tasks, width=24, epochs=60, seed=1)
    right = [
        int(np.argmax(made.scores([column.tobytes() for column in one.T], 10))) == place
        for one, place in zip(levels[asked], best[asked], strict=True)
    ]
    assert np.mean(right) > 0.8
    first, second = (net.fit(tasks, width=24, epochs=2, seed=1) for _ in range(2))
    assert first == second


@pytest.mark.outside
def test_slopes_are_those_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "_DROPPED", 0.0)  # what is dropped by chance has no derivative
    dice = np.random.default_rng(1)
    at = [dice.normal(size=shape) for shape in ((4, 3), (4, 3), (3,), (3,), (1,))]
    inputs, used = dice.normal(size=(6, 4)), np.array([1, 0, 1, 0, 0, 0])
    sizes, weights = np.array([4, 2]), np.array([1.0, 2.0])

    def loss() -> float:
        own, beside, hidden, output, bias = at
        total, first = 0.0, 0
        for size, weight in zip(sizes, weights, strict=True):
            rows = inputs[first : first + size]
            scores = [
                float(np.maximum(0, row @ own + rows.mean(0) @ beside + hidden) @ output + bias[0]) for row in rows
            ]
            wanted = [int(one) for one in used[first : first + size]]
            everything = math.log(sum(map(math.exp, scores)))
            if any(wanted):
                order = sum(everything - score for score, one in zip(scores, wanted, strict=True) if one) / sum(wanted)
                total += weight * order
            chances = [1 / (1 + math.exp(-score)) for score in scores]
            total -= (
                weight
                * net._CHANCE
                * sum(math.log(chance if one else 1 - chance) for chance, one in zip(chances, wanted, strict=True))
            )
            first += size
        return total / len(sizes)

    slopes = net._slopes(net._Weights(*at), inputs, used, sizes, weights, dice)
    for values, slope in zip(at, slopes, strict=True):
        for place in np.ndindex(values.shape):
            kept = values[place]
            values[place] = kept + 1e-5
            above = loss()
            values[place] = kept - 1e-5
            assert (above - loss()) / 2e-5 == pytest.approx(slope[place], rel=1e-3, abs=1e-5)
            values[place] = kept
