"""Fitting the network that `semctxd.ranking.net` applies, by numpy alone.

Two losses are added up: the cross-entropy between the softmax of a task's scores and what is used, which orders, and
that of each candidate's chance, which keeps scores comparable between tasks (Bai et al., 2023: Regression compatible
listwise objectives). Adam finds the weights (Kingma and Ba, 2015), which decay apart (Loshchilov and Hutter, 2019).
"""

from __future__ import annotations

import math
from base64 import b64encode
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from semctxd.ranking.bins import LEVELS
from semctxd.ranking.net import Net

Array: TypeAlias = npt.NDArray[np.float32]
Levels: TypeAlias = npt.NDArray[np.uint8]
Scale: TypeAlias = tuple[Array, Array]
"""Mean and spread of each input: of each feature, whether it is there, then the level of each."""

_BATCH = 32  # tasks
_RATE, _WARM_UP = 2e-3, 0.03  # of Adam: reached after this part of the batches, then it falls to 0 by half a cosine
_DECAYS = 1e-2, 1e-2, 0.0, 1e-2, 0.0  # of `_Weights`
_SPREAD_LEAST = 0.05  # what is rare does not weigh too much
_DROPPED = 0.15  # of the hidden units, in each batch and row
_CHANCE = 0.1  # weight of the loss of chances, a row; that of the order counts 1 a task


class Tasks(NamedTuple):
    """What is fitted to: the rows of each task stand together, most promising first."""

    levels: Levels  # rows × features, as the daemon's `bins` say
    used: Array
    sizes: npt.NDArray[np.int64]  # rows of each task, at least 1
    weights: Array  # of each task


class _Weights(NamedTuple):
    own: Array  # inputs × hidden units
    beside: Array  # the same for the means of the inputs over the task
    hidden: Array  # added to each hidden unit
    output: Array  # hidden units
    bias: Array  # added to the score, one number


def fit(tasks: Tasks, width: int, epochs: int, seed: int) -> Net:
    """The network with `width` hidden units. On one machine and as many threads of the array library, equal arguments
    give an equal one."""
    there = (tasks.levels > 0).mean(0)
    mean = np.hstack([there, tasks.levels.mean(0) / LEVELS])
    spread = np.hstack([np.sqrt(there * (1 - there)), tasks.levels.std(0) / LEVELS]) + _SPREAD_LEAST
    scale = mean.astype(np.float32), spread.astype(np.float32)
    return _export(_adam(tasks, scale, width, epochs, np.random.default_rng(seed)), scale)


def _adam(tasks: Tasks, scale: Scale, width: int, epochs: int, dice: np.random.Generator) -> _Weights:
    inputs = 2 * tasks.levels.shape[1]
    own, beside = dice.normal(0, math.sqrt(2 / inputs), (2, inputs, width))
    output = dice.normal(0, math.sqrt(2 / width), width)
    at: list[Array] = [one.astype(np.float32) for one in (own, 0.3 * beside, np.zeros(width), output, np.zeros(1))]
    means, squares = ([np.zeros_like(one) for one in at] for _ in range(2))
    ends, parts = np.cumsum(tasks.sizes), math.ceil(len(tasks.sizes) / _BATCH)
    steps = epochs * parts
    batches = (batch for _ in range(epochs) for batch in np.array_split(dice.permutation(len(ends)), parts))
    for step, batch in enumerate(batches, 1):
        rows = np.concatenate([np.arange(ends[one] - tasks.sizes[one], ends[one]) for one in batch])
        seen, used = _inputs(tasks.levels[rows], scale), tasks.used[rows]
        slopes = _slopes(_Weights(*at), seen, used, tasks.sizes[batch], tasks.weights[batch], dice)
        rate = _RATE * min(1, step / steps / _WARM_UP) * (1 + math.cos(math.pi * step / steps)) / 2
        for one, (slope, decay) in enumerate(zip(slopes, _DECAYS, strict=True)):
            means[one] += 0.1 * (slope - means[one])
            squares[one] += 0.001 * (slope**2 - squares[one])
            change = means[one] / (1 - 0.9**step) / (np.sqrt(squares[one] / (1 - 0.999**step)) + 1e-8)
            at[one] -= rate * (change + decay * at[one])
    return _Weights(*at)


def _inputs(levels: Levels, scale: Scale) -> Array:
    mean, spread = scale
    seen = np.hstack([levels > 0, levels / np.float32(LEVELS)])
    return (seen - mean) / spread


def _slopes(
    at: _Weights, inputs: Array, used: Array, sizes: npt.NDArray[np.int64], weights: Array, dice: np.random.Generator
) -> _Weights:
    """How the mean loss of some tasks changes with each weight."""
    starts = np.cumsum(sizes) - sizes
    means: Array = (np.add.reduceat(inputs, starts) / sizes[:, None]).astype(np.float32)
    sums = inputs @ at.own + np.repeat(means @ at.beside + at.hidden, sizes, 0)
    kept = (sums > 0) & (dice.random(sums.shape, np.float32) > _DROPPED)
    passed = np.where(kept, np.float32(1 / (1 - _DROPPED)), np.float32(0))
    hidden: Array = sums * passed
    scores = hidden @ at.output + at.bias
    powers = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
    shares = powers / np.repeat(np.add.reduceat(powers, starts), sizes)
    uses = np.repeat(np.add.reduceat(used, starts), sizes)
    order = np.where(uses, shares - used / np.maximum(uses, 1), 0)
    chance = (1 + np.tanh(scores / 2)) / 2 - used
    slope: Array = ((order + _CHANCE * chance) * np.repeat(weights / len(sizes), sizes)).astype(np.float32)
    back: Array = slope[:, None] * at.output * passed
    return _Weights(
        inputs.T @ back,
        means.T @ np.add.reduceat(back, starts),
        back.sum(0),
        hidden.T @ slope,
        slope.sum(keepdims=True),
    )


def _export(at: _Weights, scale: Scale) -> Net:
    """What was fitted, as the daemon's whole numbers."""
    mean, spread = scale
    width = len(at.hidden)
    # of each feature: there, level, there beside, level beside
    rows = np.stack([one / (LEVELS * spread[:, None]) for one in (at.own, at.beside)]).reshape(2, 2, -1, width)
    weights = rows.transpose(2, 0, 1, 3)
    unit, output_unit = (float(np.abs(one).max()) / 32767 for one in (weights, at.output))
    hidden = at.hidden - (mean / spread) @ (at.own + at.beside)
    return Net(
        [(round(float(there), 4), round(float(level), 4)) for there, level in LEVELS * mean.reshape(2, -1).T],
        float(f"{unit * output_unit:.7g}"),
        float(f"{at.bias[0]:.7g}"),
        np.rint(hidden / unit).astype(int).tolist(),
        np.rint(at.output / output_unit).astype(int).tolist(),
        b64encode(np.rint(weights / unit).astype("<i2").tobytes()).decode(),
    )
