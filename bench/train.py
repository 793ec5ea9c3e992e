"""`python -m bench train --mined DIR [--tasks DIR]`: fit the ranking model and write it where the daemon reads it.

Mined tasks (`python -m bench mine`) suffice; tasks of another folder count twice. The model is fitted on all of them.
It is judged by trials, which are fitted in the same way without a part of the repositories each (of the other folder's,
or of the mined packages where there is none): the figures printed, and the confidence, come from what each trial says
of the repositories that it did not see. Beside the model stands what it was made from.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from bench import plot
from bench.examples import Example, collect, unseen
from bench.fitting import CALIBRATED, KINDS, Settings, calibration, encode, fit, of_kind, table_of
from bench.scoring import MAIN_FIGURES, Answer, Judged, averages, tier
from bench.tasks import FORMS, Form, Task, folds, load
from semctxd.ranking.features import FEATURES
from semctxd.ranking.files import chances
from semctxd.ranking.model import Ensemble, Model
from semctxd.ranking.score import confidence

MODEL = Path(__file__).parent.parent / "daemon" / "semctxd" / "ranking" / "model.json"
_PRECISION = 0.75  # of the confident tier
_OWN_WEIGHT = 2.0
_JUDGED = 100


class Trained(NamedTuple):
    """A model, and what was fitted in the same way to judge it."""

    model: Model
    trials: list[tuple[set[str], Model]]  # with the repositories that each did not see


def main(arguments: list[str]) -> int:
    """Collect examples, fit, calibrate, write, and print figures of what the trials did not see."""
    parser = argparse.ArgumentParser(prog="python -m bench train", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mined", metavar="DIR", required=True, help="a folder of mined tasks")
    parser.add_argument("--tasks", metavar="DIR", help="a folder of other tasks")
    parser.add_argument("--folds", type=int, default=5, help="trials: each leaves out one of so many parts")
    parser.add_argument("--to", metavar="FILE", type=Path, default=MODEL, help="default: the daemon's")
    parser.add_argument(
        "--trials", metavar="DIR", type=Path, help="write their models here, for `relevance` and `worth`"
    )
    parser.add_argument("--rounds", type=int, default=Settings().rounds)
    parser.add_argument("--seed", type=int, default=Settings().seed)
    parser.add_argument("--threads", type=int, default=1, help="the result is the same")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw the calibration on what was left out as SVG")
    parser.add_argument("--examples", metavar="FILE", type=Path, help="keep the examples here, or take them from here")
    chosen = parser.parse_args(arguments)

    started = time.monotonic()
    mined, own = examples(chosen.mined, chosen.tasks, chosen.examples, chosen.threads)
    settings = Settings(chosen.rounds, seed=chosen.seed)
    trained = train(mined, own, chosen.folds, settings, chosen.threads)
    chosen.to.write_bytes(encode(trained.model))
    if chosen.trials:
        keep(trained, chosen.trials)
    tasks = {task["id"]: task for folder in (chosen.mined, chosen.tasks) if folder for task in load(folder)}
    judged = {form: judge(trained, own or mined, tasks, form) for form in FORMS}
    for line in figures(judged):
        print(line)
    if chosen.plot:
        plot.calibration(judged, chosen.plot)
    origin = provenance(chosen.mined, mined, own, settings)
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


def train(mined: Sequence[Example], own: Sequence[Example], parts: int, settings: Settings, threads: int) -> Trained:
    """Fitted on all examples, and once without each part; calibrated on what was left out."""
    everything = [*mined, *own]
    weights = dict.fromkeys((example.repository for example in own), _OWN_WEIGHT)
    left_out = folds((example.repository for example in own or mined), parts)

    def ensemble(without: set[str], kind: str) -> Ensemble:
        within = (example for example in of_kind(everything, kind) if example.repository not in without)
        return fit(within, weights, settings)

    # sums differ in their last digits with the number of threads that work on one
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        jobs = [{kind: pool.submit(ensemble, without, kind) for kind in KINDS} for without in (set(), *left_out)]
        final, *apart = [{kind: job.result() for kind, job in one.items()} for one in jobs]
    calibrations = {
        kind: calibration(
            kind,
            [(example, ensembles[of]) for ensembles, example in unseen(zip(left_out, apart, strict=True), everything)],
            _PRECISION,
        )
        for kind, (of, _) in CALIBRATED.items()
    }
    trials = [(without, Model(one, calibrations)) for without, one in zip(left_out, apart, strict=True)]
    return Trained(Model(final, calibrations), trials)


def keep(trained: Trained, folder: Path) -> None:
    """Write the trials' models, for `relevance` and `worth`, in the order of `folds`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (_, model) in enumerate(trained.trials):
        folder.joinpath(f"{number}.json").write_bytes(encode(model))


def answer(model: dict[str, Ensemble], example: Example) -> Answer:
    """What the model makes of an example: the ranking that the daemon gives."""
    kind = next(kind for kind, (_, forms) in CALIBRATED.items() if example.form in forms)
    scores = model[kind].scores(table_of(example), len(example.keys))
    order = sorted(range(len(scores)), key=lambda at: -scores[at])[:_JUDGED]
    keys = [example.keys[at] for at in order]
    confidences = [confidence(scores[at]) for at in order]
    files = chances((file, chance) for (file, _), chance in zip(keys, confidences, strict=True))
    return Answer(keys, sorted(files, key=lambda file: (-files[file], file)), confidences)


def judge(trained: Trained, shown: Sequence[Example], tasks: dict[str, Task], form: Form) -> list[Judged]:
    """What the trials say to the tasks in one form, each of the repositories that it did not see."""
    return [
        Judged(tasks[example.task], answer(ensembles, example))
        for ensembles, example in unseen([(without, model.by_kind()) for without, model in trained.trials], shown)
        if example.form == form
    ]


def figures(answers: dict[Form, list[Judged]]) -> list[str]:
    """A line for each form."""
    lines = []
    for form, judged in answers.items():
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
    mined_folder: str, mined: Sequence[Example], own: Sequence[Example], settings: Settings
) -> dict[str, object]:
    """What the model was made from."""
    mined_from = Path(mined_folder, "provenance.json")
    return {
        "mined": json.loads(mined_from.read_text("utf-8")) if mined_from.exists() else None,
        "other repositories": sorted({example.repository for example in own}),
        "examples": len(mined) + len(own),
        "features": len(FEATURES),
        "settings": settings._asdict(),
        "lightgbm": version("lightgbm"),
    }
