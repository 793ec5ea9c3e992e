"""Tasks: real functions with hidden bodies, what they should do in words, and which symbols their bodies use.

A folder of tasks holds `tasks.jsonl`, one task a line, and the repositories that they belong to as folders below
`repositories/`. `python -m bench mine DIR` makes such a folder from packages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

Form = Literal["target", "no-target", "draft", "short", "short-no-target", "bare", "bare-target", "existing"]
"""How a task is asked: with its target file, without, with a draft, and the first two cut to one sentence. *Bare* is
that sentence alone, without a signature; *existing* asks so for the function itself, which is there, undocumented."""

FORMS: tuple[Form, ...] = ("target", "no-target", "draft", "short", "short-no-target")
"""The forms that are measured."""

BARE: tuple[Form, ...] = ("bare", "bare-target", "existing")
"""Forms that the model is fitted on besides, since people ask so."""

Key = tuple[str, str]
"""(file, qualname) of a symbol."""

_SHORT = 160
_SENTENCE = re.compile(r"(?<=[.!?])\s|\n")


class Used(TypedDict):
    """A symbol of the repository."""

    file: str  # relative to the root
    qualname: str  # dotted, without the module
    scope: Literal["intra_file", "cross_file"]  # seen from the task


class Task(TypedDict):
    """One function."""

    id: str
    repository: str
    file: str
    qualname: str
    line: int  # 1-based, of its `def`
    intent: str
    arguments: str  # `:param x: …`, `:return: …`
    signature: str
    draft: str  # code that somebody wrote from the intent alone
    used: list[Used]
    neutral: list[Used]  # what an answer is neither praised nor blamed for


def load(folder: str | Path) -> list[Task]:
    """The tasks of a folder, grouped by repository in the order of the file."""
    with Path(folder, "tasks.jsonl").open(encoding="utf-8") as lines:
        found: list[Task] = [json.loads(line) for line in lines]
    order = {name: at for at, name in enumerate(dict.fromkeys(task["repository"] for task in found))}
    return sorted(found, key=lambda task: order[task["repository"]])


def by_repository(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """The tasks of each repository, in their order."""
    found: dict[str, list[Task]] = {}
    for task in tasks:
        found.setdefault(task["repository"], []).append(task)
    return found


def folds(repositories: Iterable[str], count: int) -> list[set[str]]:
    """The repositories in so many parts, by name in turn; fewer where there are fewer repositories."""
    names = sorted(set(repositories))
    return [set(names[at::count]) for at in range(min(count, len(names)))]


def root(folder: str | Path, repository: str) -> Path:
    """Where a repository of a folder of tasks stands."""
    return Path(folder, "repositories", repository)


def shows_target(form: Form) -> bool:
    """Whether the question says where the function will stand."""
    return form in ("target", "draft", "short", "bare-target")


def question(task: Task, form: Form) -> dict[str, Any]:
    """The parameters of `context/query` that ask a task, without `root`."""
    short = form.startswith("short") or form in BARE
    intent = task["intent"].strip()
    asked: dict[str, Any] = {"intent": _SENTENCE.split(intent)[0][:_SHORT] if short else intent}
    if form not in BARE:
        asked["signature"] = task["signature"]
        asked["arguments"] = "" if short else task["arguments"]
        asked["qualname"] = task["qualname"] if shows_target(form) else task["qualname"].rpartition(".")[2]
    if shows_target(form):
        asked["targetFile"] = task["file"]
    if form == "draft":
        asked["draft"] = task["draft"]
    return asked


def used(task: Task, cross: bool = False) -> set[Key]:
    """The symbols that the real body uses; `cross`: those of other files alone."""
    return {(one["file"], one["qualname"]) for one in task["used"] if not cross or one["scope"] == "cross_file"}


def neutral(task: Task) -> set[Key]:
    """The symbols that do not count, the function itself among them."""
    return {(one["file"], one["qualname"]) for one in task["neutral"]} | {(task["file"], task["qualname"])}


def write(folder: str | Path, tasks: Sequence[Task]) -> None:
    """Write `tasks.jsonl`."""
    with Path(folder, "tasks.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(task, ensure_ascii=False) + "\n" for task in tasks)
