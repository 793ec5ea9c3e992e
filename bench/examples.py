"""Tasks as examples for fitting: the product's candidates and features of each, and which of them are used.

Everything runs in this process, on the daemon's own index and ranking code, with the function hidden from an index
of the repository. The figures to believe are those of `python -m bench relevance`, which asks a daemon.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from bench.masking import mask, undocumented
from bench.tasks import BARE, FORMS, Form, Key, Task, by_repository, load, neutral, question, root, used
from semctxd.index.answer import ask
from semctxd.index.build import relative
from semctxd.index.extract import extract
from semctxd.index.live import LiveIndex
from semctxd.ranking.features import FEATURES, candidates, columns
from semctxd.ranking.gather import gather

T = TypeVar("T")

CANDIDATES = 200
USED, NOT_USED, NEUTRAL = 1, 0, 2
_TURNS: tuple[Form, ...] = ("short", "short-no-target", "bare", "bare-target", "existing")


class Example(NamedTuple):
    """One task in one form."""

    task: str  # id
    repository: str
    form: Form
    keys: list[Key]  # of the candidates, most promising first
    features: npt.NDArray[np.float32]  # candidates × FEATURES; a feature that the form lacks is 0
    labels: npt.NDArray[np.int8]  # USED, NOT_USED or NEUTRAL


def collect(folder: str, sparing: bool, workers: int) -> list[Example]:
    """The examples of all tasks of a folder, in their order: each in every form that is measured and in one of BARE;
    or, to be `sparing` with many tasks, in three and in one of the others."""
    repositories = by_repository(load(folder))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        jobs = [pool.submit(of_repository, folder, name, tasks, sparing) for name, tasks in repositories.items()]
        return [example for job in jobs for example in job.result()]


def of_repository(folder: str, repository: str, tasks: list[Task], sparing: bool) -> list[Example]:
    """The examples of one repository's tasks."""
    live = LiveIndex(str(root(folder, repository)))
    live.refresh()
    return [example for number, task in enumerate(tasks) for example in _of_task(live, task, _forms(number, sparing))]


def unseen(apart: Iterable[tuple[set[str], T]], examples: Sequence[Example]) -> Iterator[tuple[T, Example]]:
    """Each example with what was made without its repository; `apart`: the repositories left out, and what was made."""
    for without, made in apart:
        for example in examples:
            if example.repository in without:
                yield made, example


def _forms(number: int, sparing: bool) -> tuple[Form, ...]:
    if not sparing:
        return (*FORMS, BARE[number % len(BARE)])
    return ("target", "no-target", "draft", _TURNS[number % len(_TURNS)])


def _of_task(live: LiveIndex, task: Task, forms: Sequence[Form]) -> Iterator[Example]:
    path = os.path.join(live.root, os.fsencode(task["file"]))
    with open(path, "rb") as file:
        original = file.read()
    text = original.decode("utf-8", "replace")
    for state, shown in _STATES.items():
        asked = [form for form in forms if form in shown]
        if asked:
            hidden = state(text, task["qualname"], task["line"])
            live.store.put(extract(relative(live.root, path), hidden.encode()))
        for form in asked:
            said, id = ask(live, question(task, form))
            signals = gather(live.resolver(id), said)
            ids = candidates(signals, CANDIDATES)
            table = columns(signals, ids)
            keys = [(live.store.symbols[one].path, live.store.symbols[one].qualname) for one in ids]
            values = np.array([table[name] for name in FEATURES], dtype=np.float32).T.reshape(len(ids), len(FEATURES))
            yield Example(task["id"], task["repository"], form, keys, values, _labels(task, form, keys))
    live.store.put(extract(relative(live.root, path), original))


_STATES: dict[Callable[[str, str, int], str], tuple[Form, ...]] = {
    partial(mask, keep_signature=True): ("target", "draft", "short"),
    partial(mask, keep_signature=False): ("no-target", "short-no-target", "bare", "bare-target"),
    undocumented: ("existing",),
}
"""What is done to a task's file -> the forms that are asked then."""


def _labels(task: Task, form: Form, keys: list[Key]) -> npt.NDArray[np.int8]:
    gold, skipped = used(task), neutral(task)
    if form == "existing":
        gold, skipped = {(task["file"], task["qualname"])}, gold
    return np.array([USED if key in gold else NEUTRAL if key in skipped else NOT_USED for key in keys], dtype=np.int8)
