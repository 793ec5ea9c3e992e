"""Pictures of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.scoring import Judged
from bench.tasks import Form, neutral, used

_BINS = 10


def reliability(answers: Sequence[Judged]) -> list[tuple[float, float, int]]:
    """(mean confidence, share used, how many) of the symbols in each tenth of the confidences that holds any."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for task, answer in answers:
        gold, skipped = used(task), neutral(task)
        for key, confidence in zip(answer.symbols, answer.confidences, strict=True):
            if key not in skipped:
                bins[min(_BINS - 1, int(confidence * _BINS))].append((confidence, key in gold))
    return [(sum(c for c, _ in one) / len(one), sum(hit for _, hit in one) / len(one), len(one)) for one in bins if one]


def calibration(answers: Mapping[Form, Sequence[Judged]], path: Path) -> None:
    """Draw the share of symbols that are used against their confidence, a line for each form of the tasks."""
    figure, axes = _axes()
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--", label="as said")
    for form, judged in answers.items():
        if points := reliability(judged):
            axes.plot([one[0] for one in points], [one[1] for one in points], marker="o", markersize=4, label=form)
            if form == "target":
                for confidence, share, count in points:
                    axes.annotate(str(count), (confidence, share), textcoords="offset points", xytext=(4, -10), size=7)
    axes.set_xlabel("confidence in the answer")
    axes.set_ylabel("share that the real body uses")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(loc="upper left")
    _save(figure, axes, path)


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]], labels: tuple[str, str], path: Path, *, log: bool = False
) -> None:
    """Draw points joined by lines, with a name for each series; `labels` are those of the axes, of which the first may
    be logarithmic."""
    figure, axes = _axes()
    for name, points in series.items():
        axes.plot([one[0] for one in points], [one[1] for one in points], marker="o", markersize=4, label=name)
    if log:
        axes.set_xscale("log")
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_ylim(bottom=0)
    axes.legend()
    _save(figure, axes, path)


def _axes() -> Any:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "semctx"  # equal figures, equal file
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(6, 5))


def _save(figure: Any, axes: Any, path: Path) -> None:
    from matplotlib import pyplot

    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)
