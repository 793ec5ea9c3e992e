"""Pictures of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "semctx"  # equal figures, equal file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 5))
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
    axes.grid(alpha=0.3)
    figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)
