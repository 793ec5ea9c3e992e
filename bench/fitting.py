"""Fitting the ranking model: examples in, ensembles as the daemon reads them out.

A forest and a network judge each kind of question. The forest is fitted to the order of a task's candidates by LightGBM
(LambdaRank; Burges, 2010), the network by `bench.net`. Their blend orders and, calibrated on tasks that neither saw, is
the confidence. What was fitted is exported as whole numbers, and the daemon needs no library.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from bench import net
from bench.examples import NEUTRAL, USED, Example
from bench.net import Tasks
from bench.tasks import Form
from semctxd.ranking.bins import LEVELS, levels
from semctxd.ranking.features import FEATURES
from semctxd.ranking.forest import Forest
from semctxd.ranking.model import Calibration, Ensemble, Model

if TYPE_CHECKING:
    import lightgbm

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

_BLEND = 1 / 3  # of the forest


class Settings(NamedTuple):
    """How forest and network are fitted."""

    rounds: int = 220
    leaves: int = 16
    rate: float = 0.06
    seed: int = 1
    least: int = 60  # rows of a leaf
    width: int = 128  # hidden units
    epochs: int = 12


def fit(examples: Iterable[Example], weights: Mapping[str, float], settings: Settings) -> Ensemble:
    """A forest and a network; not calibrated yet. `weights` of examples, by repository."""
    judged = [(one, mask) for one in examples if (mask := one.labels != NEUTRAL).any()]
    features = np.concatenate([one.features[mask] for one, mask in judged])
    borders = [borders_of(column) for column in features.T]
    table = np.empty(features.shape, np.uint8)
    for at, of in enumerate(borders):
        table[:, at] = np.searchsorted(of, features[:, at])
    tasks = Tasks(
        table,
        np.concatenate([one.labels[mask] == USED for one, mask in judged]).astype(np.float32),
        np.array([mask.sum() for _, mask in judged]),
        np.array([weights.get(one.repository, 1.0) for one, _ in judged], np.float32),
    )
    return Ensemble(
        {name: [float(f"{border:.9g}") for border in of] for name, of in zip(FEATURES, borders, strict=True)},
        _forest(tasks, settings),
        net.fit(tasks, settings.width, settings.epochs, settings.seed),
        (_BLEND, 1 - _BLEND),
        0.0,
    )


def borders_of(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What a feature's levels are above: 0, and what parts its positive values into equal shares."""
    there = values[values > 0]
    shares = np.quantile(there, np.arange(1, LEVELS) / LEVELS, method="lower") if len(there) else there
    above = np.nextafter(np.unique(shares), np.float32(np.inf), dtype=np.float32)  # the value itself is below
    return np.concatenate([np.zeros(1, np.float32), above[above <= there.max(initial=0)]])


def _forest(tasks: Tasks, settings: Settings) -> Forest:
    import lightgbm  # needs OpenMP's library of the system, which only who fits a model has to have

    weights = np.repeat(tasks.weights, tasks.sizes)
    table = lightgbm.Dataset(tasks.levels, tasks.used, weight=weights, group=tasks.sizes)
    chosen = {
        "objective": "lambdarank", "lambdarank_truncation_level": 15,
        "num_leaves": settings.leaves, "learning_rate": settings.rate, "seed": settings.seed,
        "min_data_in_leaf": settings.least, "lambda_l2": 10, "feature_fraction": 0.4, "bagging_fraction": 0.8,
        "bagging_freq": 1, "max_bin": 63, "num_threads": 1, "deterministic": True, "force_row_wise": True,
        "verbosity": -1,
    }  # fmt: skip
    return export(lightgbm.train(chosen, table, settings.rounds))


Split = tuple[int, int]
"""Position of a feature, and the level that its own is compared with."""


class Tree(NamedTuple):
    """A tree as LightGBM says it."""

    splits: list[Split]  # of each node, each before those below it
    below: list[tuple[int, int]]  # of each node: where the walk goes on, as in the daemon's `Node`
    means: list[float]  # of each node, weighted by the rows that reach its leaves
    leaves: list[float]


def export(model: lightgbm.Booster) -> Forest:
    """A model that was fitted to levels, as the daemon's tables."""
    trees = [_tree(one["tree_structure"]) for one in model.dump_model()["tree_info"]]
    questions = sorted({split for tree in trees for split in tree.splits})
    number = {question: at for at, question in enumerate(questions)}
    unit = max(abs(value) for tree in trees for value in (*tree.means, *tree.leaves)) / 32767
    values = [round(value / unit) for tree in trees if tree.splits for value in (*tree.means, *tree.leaves)]
    asked = [
        [(number[split], no, yes) for split, (no, yes) in zip(tree.splits, tree.below, strict=True)]
        for tree in trees
        if tree.splits
    ]
    constant = sum(tree.leaves[0] for tree in trees if not tree.splits)
    packed = b64encode(np.array(values, dtype="<i2").tobytes()).decode()
    return Forest(questions, float(f"{unit:.7g}"), constant, asked, packed)


def _tree(root: Mapping[str, Any]) -> Tree:
    tree = Tree([], [], [], [])
    _walk(root, tree)
    return tree


def _walk(node: Mapping[str, Any], tree: Tree) -> tuple[int, float, int]:
    """Append a node and all below it: (its place as in `Node`, mean, rows)."""
    if "leaf_value" in node:
        tree.leaves.append(node["leaf_value"])
        return ~(len(tree.leaves) - 1), node["leaf_value"], node.get("leaf_count", 1)
    at = len(tree.splits)
    tree.splits.append((node["split_feature"], int(node["threshold"])))
    tree.below.append((0, 0))
    tree.means.append(0.0)
    (no, low, few), (yes, high, many) = (_walk(node[side], tree) for side in ("left_child", "right_child"))
    tree.below[at] = no, yes
    tree.means[at] = (low * few + high * many) / (few + many)
    return at, tree.means[at], few + many


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
            seen = levels(fitted.borders, table_of(example))
            parts.append(np.array([one.scores(seen, len(example.keys)) for one in (fitted.forest, fitted.net)]).T[kept])
            labels.append(example.labels[kept] == USED)
    scores, used = np.concatenate(parts), np.concatenate(labels)
    shares = np.array([_BLEND, 1 - _BLEND]) / scores.std(0)
    slope, offset = platt(scores @ shares, used)
    bar = bar_of(slope * (scores @ shares) + offset, used, precision)
    first, second = (float(f"{slope * share:.5g}") for share in shares)
    return Calibration(ensemble, (first, second), round(offset - bar, 4))


def platt(scores: npt.NDArray[np.float64], used: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """(slope, offset) of the logistic regression of `used` on the scores (Platt, 1999)."""
    (slope,), offset = logistic(scores[:, None], used, 0.0)
    return slope, offset


def logistic(values: npt.NDArray[np.float64], used: npt.NDArray[np.bool_], ridge: float) -> tuple[list[float], float]:
    """(weight of each column, offset) of the logistic regression of `used` on rows of values, by Newton's method;
    `ridge`: the penalty on squares of weights of standardised columns."""
    spread = values.std(0) + 1e-9
    x = np.hstack([values / spread, np.ones((len(values), 1))])
    penalty = np.diag([ridge + 1e-9] * values.shape[1] + [1e-9])
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-(x @ beta)))
        gradient = x.T @ (used - chance) - penalty @ beta
        step = np.linalg.solve((x * (chance * (1 - chance))[:, None]).T @ x + penalty, gradient)
        beta += step
        if math.isclose(float(np.abs(step).max()), 0.0, abs_tol=1e-9):
            break
    return [float(weight) for weight in beta[:-1] / spread], float(beta[-1])


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
