"""`python -m bench imports --mined DIR`: fit what speaks for an import, and print the weights for the daemon.

Of each mined task whose body alone needs imports of its file, every name that the repository offers is an example: it
is needed or not. The weights are those of a logistic regression; `python -m bench relevance` says what they are worth.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np

from bench import offers
from bench.fitting import logistic
from bench.masking import mask
from bench.tasks import Form, Task, by_repository, load, question, root, shows_target
from semctxd.index.answer import ask
from semctxd.index.build import relative
from semctxd.index.extract import extract
from semctxd.index.live import LiveIndex
from semctxd.index.wanted import WEIGHTS, Reasons, Wanted
from semctxd.ranking.gather import gather
from semctxd.ranking.score import rank

_FORMS: tuple[tuple[Form, ...], ...] = (("target", "draft"), ("short", "no-target"))  # tasks take turns
_JUDGED = 100
_RIDGE = 1.0


def main(arguments: list[str]) -> int:
    """Collect examples, fit, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench imports", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mined", metavar="DIR", required=True, help="a folder of mined tasks")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="repositories at a time")
    chosen = parser.parse_args(arguments)
    repositories = by_repository(load(chosen.mined))
    with ProcessPoolExecutor(chosen.threads, get_context("spawn")) as pool:
        found = pool.map(partial(_of_repository, chosen.mined), repositories, repositories.values())
        examples = [example for some in found for example in some]
    values = np.array([[reasons.get(name, 0.0) for name in WEIGHTS] for reasons, _ in examples])
    needed = np.array([is_needed for _, is_needed in examples])
    weights, offset = logistic(values, needed, _RIDGE)
    print(f"# {len(examples)} names, {needed.sum()} of them needed")
    print("WEIGHTS = {")
    for name, weight in zip(WEIGHTS, weights, strict=True):
        print(f'    "{name}": {weight:.3g},')
    print(f"}}\nOFFSET = {offset:.3g}")
    return 0


def _of_repository(folder: str, repository: str, tasks: list[Task]) -> list[tuple[Reasons, bool]]:
    live = LiveIndex(str(root(folder, repository)))
    live.refresh()
    return [
        example
        for number, task in enumerate(tasks)
        for form in _FORMS[number % len(_FORMS)]
        for example in _of_task(live, task, form)
    ]


def _of_task(live: LiveIndex, task: Task, form: Form) -> Iterator[tuple[Reasons, bool]]:
    path = os.path.join(live.root, os.fsencode(task["file"]))
    with open(path, "rb") as file:
        original = file.read()
    text = original.decode("utf-8", "replace")
    needed = offers.needed(text, mask(text, task["qualname"], task["line"], keep_signature=True))
    if not needed:
        return
    hidden = mask(text, task["qualname"], task["line"], keep_signature=shows_target(form))
    live.store.put(extract(relative(live.root, path), hidden.encode()))
    said, id = ask(live, question(task, form))
    signals = gather(live.resolver(id), said)
    for name, reasons in Wanted(live, signals, rank(signals, _JUDGED)).reasons.items():
        yield reasons, any(offers.is_same(one, (name.module, name.name)) for one in needed)
    live.store.put(extract(relative(live.root, path), original))
