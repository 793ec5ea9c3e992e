"""What an answer is worth: a ranked list of symbols and files against what a real body uses."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from bench.tasks import Key, Task, neutral, used
from semctxd.index.budget import CONFIDENT

MAIN_FIGURES = ("P@1", "R@10", "hit@5", "file@3", "all-files@3")
FIGURES = (*MAIN_FIGURES, "oracle P@3", "oracle P@5", "P@3", "P@5")
_ROUNDS = 1000


class Answer(NamedTuple):
    """What a ranker said to a task."""

    symbols: Sequence[Key]  # best first
    files: Sequence[str]  # best first
    confidences: Sequence[float] = ()  # of the symbols; empty where the ranker has none
    milliseconds: float = 0.0


class Judged(NamedTuple):
    """A task with an answer to it."""

    task: Task
    answer: Answer


def score(judged: Judged, cross: bool) -> dict[str, float] | None:
    """The figures of one answer, or None where there is nothing to find. `cross`: in other files than the target's."""
    task, answer = judged
    gold = used(task, cross)
    if not gold:
        return None
    skipped = neutral(task) | (used(task) - gold)
    hits = [
        key in gold
        for key in dict.fromkeys(answer.symbols)
        if key not in skipped and not (cross and key[0] == task["file"])
    ]
    files = [file for file in answer.files if not (cross and file == task["file"])][:3]
    needed = {file for file, _ in gold}
    return {
        "P@1": float(any(hits[:1])),
        "P@3": sum(hits[:3]) / 3,
        "P@5": sum(hits[:5]) / 5,
        "R@10": sum(hits[:10]) / len(gold),
        "hit@5": float(any(hits[:5])),
        "file@3": float(bool(needed.intersection(files))),
        "all-files@3": float(needed <= set(files)),
        "oracle P@3": min(3, len(gold)) / 3,
        "oracle P@5": min(5, len(gold)) / 5,
    }


class Tier(NamedTuple):
    """The symbols that a ranker is confident of."""

    precision: float  # used, of the confident ones
    recall: float  # confident, of the used ones
    coverage: float  # tasks with a confident symbol
    false_answers: float  # tasks without any used symbol that got a confident one, of all such tasks


def tier(all_judged: Sequence[Judged]) -> Tier:
    """The figures of the confident tier over all tasks."""
    right = served = wanted = answered = blank = misled = 0
    for judged in all_judged:
        gold, skipped = used(judged.task), neutral(judged.task)
        pairs = zip(judged.answer.symbols, judged.answer.confidences, strict=False)
        sure = {key for key, confidence in pairs if confidence >= CONFIDENT} - skipped
        right += len(sure & gold)
        served += len(sure)
        wanted += len(gold)
        answered += bool(sure)
        blank += not gold
        misled += not gold and bool(sure)
    return Tier(right / (served or 1), right / (wanted or 1), answered / (len(all_judged) or 1), misled / (blank or 1))


def averages(all_judged: Sequence[Judged], cross: bool) -> dict[str, tuple[float, float]]:
    """Figure -> (mean, half of the 95 % interval over repositories)."""
    rows = [(one.task["repository"], row) for one in all_judged if (row := score(one, cross))]
    found = {}
    for name in FIGURES if rows else ():
        values = [(repository, row[name]) for repository, row in rows]
        found[name] = fmean(value for _, value in values), half_interval(values)
    return found


def half_interval(values: Sequence[tuple[str, float]]) -> float:
    """Half the width of a 95 % bootstrap interval of the mean, drawing whole repositories."""
    groups: dict[str, list[float]] = {}
    for repository, value in values:
        groups.setdefault(repository, []).append(value)
    totals = [(sum(group), len(group)) for _, group in sorted(groups.items())]
    dice = random.Random(0)
    means = []
    for _ in range(_ROUNDS):
        drawn = dice.choices(totals, k=len(totals))
        means.append(sum(total for total, _ in drawn) / sum(count for _, count in drawn))
    means.sort()
    return (means[int(_ROUNDS * 0.975)] - means[int(_ROUNDS * 0.025)]) / 2
