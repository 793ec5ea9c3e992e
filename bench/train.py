"""`python -m bench train --mined DIR [--tasks DIR]`: fit the ranking model and write it where the daemon reads it.

Mined tasks (`python -m bench mine`) suffice. Tasks of another folder count twice; of its repositories, in the order
of their names, every second one is held out: nothing is fitted to or calibrated on those, and the figures
printed are theirs. Beside the model stands what it was made from.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench import plot
from bench.examples import Example, collect
from bench.fitting import CALIBRATED, KINDS, Settings, calibration, encode, fit, of_kind, rows, table_of
from bench.scoring import MAIN_FIGURES, Answer, Judged, averages, tier
from bench.tasks import FORMS, Form, Task, halves, load
from semctxd.ranking.features import FEATURES
from semctxd.ranking.files import chances
from semctxd.ranking.model import Ensemble, Model
from semctxd.ranking.score import confidence

MODEL = Path(__file__).parent.parent / "daemon" / "semctxd" / "ranking" / "model.json"
_PRECISION = 0.75  # of the confident tier
_OWN_WEIGHT = 2.0
_CALIBRATED_ON = 5  # the first mined package of so many, by name, is kept for this where there is nothing else
_JUDGED = 100


def main(arguments: list[str]) -> int:
    """Collect examples, fit, calibrate, write, and print figures of what was held out."""
    parser = argparse.ArgumentParser(prog="python -m bench train", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mined", metavar="DIR", required=True, help="a folder of mined tasks")
    parser.add_argument("--tasks", metavar="DIR", help="a folder of other tasks; half of its repositories are held out")
    parser.add_argument("--hold-out-nothing", action="store_true", help="fit on all of them, for the model to ship")
    parser.add_argument("--to", metavar="FILE", type=Path, default=MODEL, help="default: the daemon's")
    parser.add_argument("--rounds", type=int, default=Settings().rounds)
    parser.add_argument("--seed", type=int, default=Settings().seed)
    parser.add_argument("--threads", type=int, default=Settings().threads)
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw the calibration on what was held out as SVG")
    parser.add_argument("--examples", metavar="FILE", type=Path, help="keep the examples here, or take them from here")
    chosen = parser.parse_args(arguments)

    started = time.monotonic()
    mined, own = examples(chosen.mined, chosen.tasks, chosen.examples, chosen.threads)
    settings = Settings(chosen.rounds, seed=chosen.seed, threads=chosen.threads)
    first, second = halves(example.repository for example in own)
    held_out = set() if chosen.hold_out_nothing else second
    made = fitted(mined, own, held_out, settings)
    chosen.to.write_bytes(encode(made))
    model = made.by_kind()
    tasks = {task["id"]: task for folder in (chosen.mined, chosen.tasks) if folder for task in load(folder)}
    shown = [example for example in own if example.repository in second] if own else mined
    for line in figures(model, shown, tasks):
        print(line)
    if chosen.plot:
        plot.calibration({form: judge(model, shown, tasks, form) for form in FORMS}, chosen.plot)
    origin = provenance(chosen.mined, mined, own, (first | second) - held_out, settings)
    chosen.to.with_suffix(".provenance.json").write_text(json.dumps(origin, indent=1) + "\n", "utf-8")
    print(f"{chosen.to}: {chosen.to.stat().st_size / 1e3:.0f} kB, {time.monotonic() - started:.0f} s")
    return 0


def examples(mined: str, tasks: str | None, kept: Path | None, workers: int) -> tuple[list[Example], list[Example]]:
    """The examples of both folders, read from `kept` if that file is there, and kept there else."""
    if kept and kept.exists():
        read: tuple[list[Example], list[Example]] = pickle.loads(kept.read_bytes())
        return read
    found = collect(mined, True, workers), collect(tasks, False, workers) if tasks else []
    if kept:
        kept.write_bytes(pickle.dumps(found))
    return found


def fitted(mined: Sequence[Example], own: Sequence[Example], held_out: set[str], settings: Settings) -> Model:
    """Fitted on the mined tasks and on the other ones that are not held out; calibrated by forests that were fitted
    without those others (or, where there are none, without some mined packages) on what these say of them."""
    ours = [example for example in own if example.repository not in held_out]
    weights = dict.fromkeys((example.repository for example in ours), _OWN_WEIGHT)
    everything = [*mined, *ours]
    apart = set(weights) or set(sorted({example.repository for example in mined})[::_CALIBRATED_ON])
    unseen = [example for example in everything if example.repository in apart]
    ensembles, trials = {}, {}
    for kind in KINDS:
        examples = of_kind(everything, kind)
        within = [example for example in examples if example.repository not in apart]
        trials[kind] = fit(rows(within, weights, settings.seed), settings)
        ensembles[kind] = fit(rows(examples, weights, settings.seed), settings)
    return Model(
        ensembles,
        {kind: calibration(kind, trials[of], unseen, _PRECISION) for kind, (of, _) in CALIBRATED.items()},
    )


def answer(model: dict[str, Ensemble], example: Example) -> Answer:
    """What the model makes of an example: the ranking that the daemon gives."""
    kind = "draft" if example.form == "draft" else next(kind for kind, forms in KINDS.items() if example.form in forms)
    scores = model[kind].scores(table_of(example), len(example.keys))
    order = sorted(range(len(scores)), key=lambda at: -scores[at])[:_JUDGED]
    keys = [example.keys[at] for at in order]
    confidences = [confidence(scores[at]) for at in order]
    files = chances((file, chance) for (file, _), chance in zip(keys, confidences, strict=True))
    return Answer(keys, sorted(files, key=lambda file: (-files[file], file)), confidences)


def judge(model: dict[str, Ensemble], shown: Sequence[Example], tasks: dict[str, Task], form: Form) -> list[Judged]:
    """The model's answers to the tasks in one form."""
    return [Judged(tasks[one.task], answer(model, one)) for one in shown if one.form == form]


def figures(model: dict[str, Ensemble], shown: Sequence[Example], tasks: dict[str, Task]) -> list[str]:
    """A line for each form."""
    lines = []
    for form in FORMS:
        judged = judge(model, shown, tasks, form)
        if not judged:
            continue
        sure = tier(judged)
        cells = [f"{form:16}", f"{len(judged)} tasks"]
        for name, cross in (("ALL", False), ("CROSS", True)):
            found = averages(judged, cross)
            cells += [name, *(f"{key} {found[key][0]:.3f}" for key in MAIN_FIGURES)]
        cells.append(f"tier {sure.precision:.2f} @ {sure.recall:.3f}, {sure.coverage:.2f} / {sure.false_answers:.3f}")
        lines.append("  ".join(cells))
    return lines


def provenance(
    mined_folder: str, mined: Sequence[Example], own: Sequence[Example], fitted_on: set[str], settings: Settings
) -> dict[str, object]:
    """What the model was made from."""
    mined_from = Path(mined_folder, "provenance.json")
    return {
        "mined": json.loads(mined_from.read_text("utf-8")) if mined_from.exists() else None,
        "other repositories": sorted(fitted_on),
        "examples": len(mined) + sum(example.repository in fitted_on for example in own),
        "features": len(FEATURES),
        "settings": settings._asdict(),
        "catboost": version("catboost"),
    }
