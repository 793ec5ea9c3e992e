"""Fitting the ranking model: examples in, ensembles as the daemon reads them out.

Two forests of symmetric trees judge each kind of question: one is fitted to the order of a task's candidates
(QuerySoftMax), one to the log-odds that a candidate is used. Their blend orders and, calibrated on tasks that neither
saw, is the confidence. CatBoost fits; what it made is exported as whole numbers, and the daemon needs no library.
"""

from __future__ import annotations

import json
import math
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from catboost import CatBoost, Pool

from bench.examples import NEUTRAL, USED, Example
from bench.tasks import Form
from semctxd.ranking.features import FEATURES
from semctxd.ranking.model import Calibration, Ensemble, Forest, Model

KINDS: dict[str, tuple[Form, ...]] = {
    "target": ("target", "short", "bare-target", "draft"),
    "free": ("no-target", "short-no-target", "bare", "existing"),
}
"""Ensemble -> the forms of tasks that it is fitted on."""

CALIBRATED: dict[str, tuple[str, tuple[Form, ...]]] = {
    "target": ("target", ("target", "short")),
    "draft": ("target", ("draft",)),
    "bare-target": ("target", ("bare-target",)),
    "free": ("free", ("no-target", "short-no-target")),
    "bare": ("free", ("bare", "existing")),
}
"""Kind of question -> its ensemble, and the forms whose confidence is made honest together."""

_HARD, _EASY = 30, 15  # candidates that are not used: the most promising, and so many of the others
_BLEND = 0.5


class Settings(NamedTuple):
    """How forests are fitted."""

    rounds: int = 120
    depth: int = 6
    rate: float = 0.12
    seed: int = 1


class Rows(NamedTuple):
    """Examples as one table."""

    features: npt.NDArray[np.float32]
    used: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    groups: npt.NDArray[np.int64]  # the task of each row
    task_weights: npt.NDArray[np.float32]  # of the task of each row


def rows(examples: Iterable[Example], weights: Mapping[str, float], seed: int) -> Rows:
    """The used candidates of each example and a sample of the others; `weights` by repository."""
    dice = np.random.default_rng(seed)
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for number, example in enumerate(examples):
        positive = np.flatnonzero(example.labels == USED)
        negative = np.flatnonzero((example.labels != USED) & (example.labels != NEUTRAL))
        hard, rest = negative[:_HARD], negative[_HARD:]
        easy = dice.choice(rest, min(_EASY, len(rest)), replace=False)
        chosen = np.concatenate([positive, hard, np.sort(easy)])
        if not len(chosen):
            continue
        task_weight = np.full(len(chosen), weights.get(example.repository, 1.0), dtype=np.float32)
        weight = task_weight.copy()
        weight[len(positive) + len(hard) :] *= len(rest) / max(1, len(easy))
        group = np.full(len(chosen), number)
        parts.append((example.features[chosen], example.labels[chosen] == USED, weight, group, task_weight))
    features, used, weight, groups, task_weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Rows(features, used.astype(np.float32), weight, groups, task_weights)


def fit(table: Rows, settings: Settings, features: Sequence[str] = FEATURES) -> Ensemble:
    """A forest that orders and one of log-odds, over `features` alone; not calibrated yet."""
    columns = [FEATURES.index(name) for name in features]
    x = table.features[:, columns]
    common = {
        "iterations": settings.rounds, "depth": settings.depth, "learning_rate": settings.rate, "l2_leaf_reg": 10,
        "rsm": 0.3, "border_count": 32, "random_seed": settings.seed, "thread_count": 1,
        "logging_level": "Silent", "allow_writing_files": False, "boosting_type": "Plain",
    }  # fmt: skip
    with_uses = np.isin(table.groups, np.unique(table.groups[table.used > 0]))
    order = CatBoost({**common, "loss_function": "QuerySoftMax"})
    order.fit(
        Pool(
            x[with_uses],
            table.used[with_uses],
            group_id=table.groups[with_uses],
            group_weight=table.task_weights[with_uses],
        )
    )
    chance = CatBoost({**common, "loss_function": "Logloss"})
    chance.fit(Pool(x, table.used, weight=table.weights))
    return export([order, chance], x, features)


Split = tuple[str, float]
"""Feature and border."""


class Fitted(NamedTuple):
    """A model as CatBoost says it."""

    bias: float
    trees: list[list[Split]]
    nodes: list[npt.NDArray[np.float64]]  # of each tree, level by level


def export(models: Sequence[CatBoost], x: npt.NDArray[np.float32], features: Sequence[str]) -> Ensemble:
    """Fitted models as the daemon's tables; node means are weighted by the rows that reach them."""
    fitted = [_read(model, x, features) for model in models]
    borders: dict[str, list[float]] = {}
    for name, border in sorted({split for one in fitted for tree in one.trees for split in tree}):
        borders.setdefault(name, []).append(border)
    questions = [(name, at) for name, found in borders.items() for at in range(len(found))]
    number = {(name, borders[name][at]): position for position, (name, at) in enumerate(questions)}
    forests = []
    for bias, trees, nodes in fitted:
        unit = max(float(np.abs(one).max()) for one in nodes) / 32767
        whole = np.concatenate([np.rint(one / unit) for one in nodes]).astype("<i2")
        asked = [[number[split] for split in tree] for tree in trees]
        forests.append(Forest(float(f"{unit:.7g}"), bias, asked, b64encode(whole.tobytes()).decode()))
    return Ensemble(borders, questions, forests, [_BLEND, 1 - _BLEND], 0.0)


def _read(model: CatBoost, x: npt.NDArray[np.float32], features: Sequence[str]) -> Fitted:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        model.save_model(file.name, format="json")
        described = json.load(file)
    scale, (bias,) = described["scale_and_bias"]
    trees, nodes = [], []
    for tree in described["oblivious_trees"]:
        splits = [(split["float_feature_index"], float(split["border"])) for split in tree["splits"]]
        leaf = np.zeros(len(x), dtype=np.int64)
        for bit, (feature, border) in enumerate(splits):
            leaf |= (x[:, feature] > border).astype(np.int64) << bit
        reached = np.bincount(leaf, minlength=1 << len(splits)) + 1e-6
        leaves = scale * np.array(tree["leaf_values"])
        means = []
        for level in range(len(splits) + 1):
            inside = np.arange(1 << len(splits)) & ((1 << level) - 1)
            total = np.bincount(inside, weights=reached * leaves, minlength=1 << level)
            means.append(total / np.bincount(inside, weights=reached, minlength=1 << level))
        trees.append([(features[feature], float(f"{border:.7g}")) for feature, border in splits])
        nodes.append(np.concatenate(means))
    return Fitted(float(bias), trees, nodes)


def table_of(example: Example) -> dict[str, list[float]]:
    """An example's features as the daemon has them."""
    return {name: column.tolist() for name, column in zip(FEATURES, example.features.T, strict=True)}


def calibration(kind: str, unseen: Iterable[tuple[Example, Ensemble]], precision: float) -> Calibration:
    """Weights that make the log-odds honest, from what ensembles say of examples that they were not fitted on; then
    moved so that at most the rest to the wanted precision is wrong of what is above even odds."""
    ensemble, forms = CALIBRATED[kind]
    parts, labels = [], []
    for example, fitted in unseen:
        if example.form in forms:
            kept = example.labels != NEUTRAL
            pair = [separate.scores(table_of(example), len(example.keys)) for separate in _apart(fitted)]
            parts.append(np.array(pair).T[kept])
            labels.append(example.labels[kept] == USED)
    scores, used = np.concatenate(parts), np.concatenate(labels)
    spread = float(scores[:, 1].std() / scores[:, 0].std())
    shares = np.array([_BLEND * spread, 1 - _BLEND])
    slope, offset = platt(scores @ shares, used)
    bar = bar_of(slope * (scores @ shares) + offset, used, precision)
    return Calibration(ensemble, [float(f"{slope * share:.5g}") for share in shares], round(offset - bar, 4))


def _apart(fitted: Ensemble) -> list[Ensemble]:
    return [Ensemble(fitted.borders, fitted.questions, [forest], [1.0], 0.0) for forest in fitted.forests]


def platt(scores: npt.NDArray[np.float64], used: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """(slope, offset) of the logistic regression of `used` on the scores (Platt, 1999), by Newton's method."""
    x = np.stack([scores, np.ones_like(scores)], 1)
    beta = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-(x @ beta)))
        gradient = x.T @ (used - chance)
        hessian = (x * (chance * (1 - chance))[:, None]).T @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if math.isclose(float(np.abs(step).max()), 0.0, abs_tol=1e-9):
            break
    return float(beta[0]), float(beta[1])


def bar_of(scores: npt.NDArray[np.float64], used: npt.NDArray[np.bool_], precision: float, least: int = 20) -> float:
    """The lowest score, if it is above 0, down to which the share of used ones is at least `precision`."""
    order = np.argsort(-scores)
    share = np.cumsum(used[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero((share >= precision) & (np.arange(1, len(order) + 1) >= least))
    return max(0.0, float(scores[order[good[-1]]])) if len(good) else 0.0


def of_kind(examples: Iterable[Example], kind: str) -> list[Example]:
    """The examples of an ensemble's forms."""
    return [example for example in examples if example.form in KINDS[kind]]


def encode(model: Model) -> bytes:
    """The model file."""
    return msgspec.json.encode(model) + b"\n"
