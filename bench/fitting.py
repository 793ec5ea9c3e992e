"""Fitting the ranking model: examples in, ensembles as the daemon reads them out.

Two forests judge each kind of question: one is fitted to the order of a task's candidates (LambdaRank; Burges, 2010),
one to the log-odds that a candidate is used. Their blend orders and, calibrated on tasks that neither saw, is the
confidence. LightGBM fits; what it made is exported as whole numbers, and the daemon needs no library.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from bench.examples import NEUTRAL, USED, Example
from bench.tasks import Form
from semctxd.ranking.features import FEATURES
from semctxd.ranking.model import Calibration, Ensemble, Forest, Model

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

_HARD, _EASY = 45, 45  # candidates that are not used: the most promising, and so many of the others
_BLEND = 0.7  # of the forest that orders


class Settings(NamedTuple):
    """How forests are fitted."""

    rounds: int = 220
    leaves: int = 16
    rate: float = 0.06
    seed: int = 1
    least: int = 60  # rows of a leaf


class Rows(NamedTuple):
    """Examples as one table."""

    features: npt.NDArray[np.float32]
    used: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    sizes: npt.NDArray[np.int64]  # of each task, how many of the rows are its candidates
    with_uses: npt.NDArray[np.bool_]  # of each task, whether one of them is used


def rows(examples: Iterable[Example], weights: Mapping[str, float], seed: int) -> Rows:
    """The used candidates of each example and a sample of the others; `weights` by repository."""
    dice = np.random.default_rng(seed)
    parts: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []
    task_weights = []
    for example in examples:
        positive = np.flatnonzero(example.labels == USED)
        negative = np.flatnonzero((example.labels != USED) & (example.labels != NEUTRAL))
        hard, rest = negative[:_HARD], negative[_HARD:]
        easy = dice.choice(rest, min(_EASY, len(rest)), replace=False)
        chosen = np.concatenate([positive, hard, np.sort(easy)])
        if len(chosen):
            parts.append((example.features[chosen], example.labels[chosen] == USED))
            task_weights.append(weights.get(example.repository, 1.0))
    features, used = (np.concatenate(part) for part in zip(*parts, strict=True))
    sizes = np.array([len(one) for _, one in parts])
    with_uses = np.array([one.any() for _, one in parts])
    return Rows(
        features, used.astype(np.float32), np.repeat(np.array(task_weights, np.float32), sizes), sizes, with_uses
    )


def fit(table: Rows, settings: Settings, features: Sequence[str] = FEATURES) -> Ensemble:
    """A forest that orders and one of log-odds, over `features` alone; not calibrated yet."""
    import lightgbm  # needs OpenMP's library of the system, which only who fits a model has to have

    columns = [FEATURES.index(name) for name in features]
    x = table.features[:, columns]
    common = {
        "num_leaves": settings.leaves, "learning_rate": settings.rate, "seed": settings.seed,
        "min_data_in_leaf": settings.least, "lambda_l2": 10, "feature_fraction": 0.4, "bagging_fraction": 0.8,
        "bagging_freq": 1, "max_bin": 63, "num_threads": 1, "deterministic": True, "force_row_wise": True,
        "verbosity": -1,
    }  # fmt: skip
    kept = np.repeat(table.with_uses, table.sizes)
    tasks = lightgbm.Dataset(x[kept], table.used[kept], weight=table.weights[kept], group=table.sizes[table.with_uses])
    order = lightgbm.train(
        {**common, "objective": "lambdarank", "lambdarank_truncation_level": 15}, tasks, settings.rounds
    )
    pairs = lightgbm.Dataset(x, table.used, weight=table.weights)
    chance = lightgbm.train({**common, "objective": "binary"}, pairs, settings.rounds)
    return export([order, chance], features)


Split = tuple[str, float]
"""Feature and border."""


class Tree(NamedTuple):
    """A tree as LightGBM says it."""

    splits: list[Split]  # of each node, each before those below it
    below: list[tuple[int, int]]  # of each node: where the walk goes on, as in the daemon's `Node`
    means: list[float]  # of each node, weighted by the rows that reach its leaves
    leaves: list[float]


def export(models: Sequence[lightgbm.Booster], features: Sequence[str]) -> Ensemble:
    """Fitted models as the daemon's tables."""
    fitted = [[_tree(one["tree_structure"], features) for one in model.dump_model()["tree_info"]] for model in models]
    borders: dict[str, list[float]] = {}
    for name, border in sorted({split for trees in fitted for tree in trees for split in tree.splits}):
        borders.setdefault(name, []).append(border)
    questions = [(name, at) for name, found in borders.items() for at in range(len(found))]
    number = {(name, borders[name][at]): position for position, (name, at) in enumerate(questions)}
    forests = []
    for trees in fitted:
        unit = max(abs(value) for tree in trees for value in (*tree.means, *tree.leaves)) / 32767
        values = [round(value / unit) for tree in trees if tree.splits for value in (*tree.means, *tree.leaves)]
        asked = [
            [(number[split], no, yes) for split, (no, yes) in zip(tree.splits, tree.below, strict=True)]
            for tree in trees
            if tree.splits
        ]
        constant = sum(tree.leaves[0] for tree in trees if not tree.splits)
        packed = b64encode(np.array(values, dtype="<i2").tobytes()).decode()
        forests.append(Forest(float(f"{unit:.7g}"), constant, asked, packed))
    return Ensemble(borders, questions, forests, [_BLEND, 1 - _BLEND], 0.0)


def _tree(root: Mapping[str, Any], features: Sequence[str]) -> Tree:
    tree = Tree([], [], [], [])
    _walk(root, features, tree)
    return tree


def _walk(node: Mapping[str, Any], features: Sequence[str], tree: Tree) -> tuple[int, float, int]:
    """Append a node and all below it: (its place as in `Node`, mean, rows)."""
    if "leaf_value" in node:
        tree.leaves.append(node["leaf_value"])
        return ~(len(tree.leaves) - 1), node["leaf_value"], node.get("leaf_count", 1)
    at = len(tree.splits)
    tree.splits.append((features[node["split_feature"]], float(f"{node['threshold']:.7g}")))
    tree.below.append((0, 0))
    tree.means.append(0.0)
    (no, low, few), (yes, high, many) = (_walk(node[side], features, tree) for side in ("left_child", "right_child"))
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
