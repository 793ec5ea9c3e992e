"""`python -m bench worth --tasks DIR --trials DIR`: what each group of signals is worth to the model.

A group's features are set to 0 and the trials' models (`train --trials`) are asked as they are, each about the
repositories that it did not see: what they lose is what they make of the group, not what a model fitted without it
would lose, which could lean on others.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from bench.examples import Example, collect, unseen
from bench.scoring import Judged, averages
from bench.tasks import Form, Task, folds, load
from bench.train import answer
from semctxd.ranking.features import FEATURES
from semctxd.ranking.meaning import MEANING
from semctxd.ranking.model import Ensemble, Model

_FORMS: tuple[Form, ...] = ("target", "no-target", "draft")
_FIGURES = ("P@1", "R@10", "hit@5")

GROUPS: dict[str, tuple[str, ...]] = {
    "neighbours": ("neighbours", "neighbours by name", "closest neighbours", "best neighbour", "neighbour rank",
                   "votes for its file"),
    "related words": ("related words", "neighbours by related words", "best neighbour by related words"),
    "meaning": (*MEANING, "neighbours by meaning", "best neighbour by meaning", "means a name in the draft"),
    "text": ("text", "text, absolute", "text rank", "best text of its file", "rank of its file's text", "owner's text"),
    "the symbol's name": ("words of its name said", "words of its name said, weighed", "intent covered by its name",
                          "best clause for its name", "its name in one clause", "words of its name in order",
                          "own name's words", "owner's words said", "said early", "named", "member of named class",
                          "text of its name", "rank of its name's text"),
    "siblings": ("same name elsewhere", "siblings", "siblings by name", "siblings, mapped to this class", "overridden"),
    "co-use in file and class": ("file's uses", "file's uses by name", "similar functions of the file",
                                 "near functions of the file", "class's uses", "similar methods of the class",
                                 "near methods of the class"),
    "position": ("same file", "near", "nearest", "before", "same class", "own or inherited", "folder distance"),
    "imports": ("in an imported module", "imported", "member of imported class", "in a file imported from",
                "imported in this folder", "imported by files like this"),
    "types": ("parameter type", "member of parameter type", "class called like a parameter",
              "member of class called like a parameter", "member of usual parameter type", "returned type",
              "member of returned type", "returns the wanted type", "member of attribute type",
              "member of named attribute's type", "member of usual attribute's type"),
    "parameters and attributes of the same name": ("same parameters", "same parameters, by name",
                                                   "said of such a parameter", "called with such a parameter",
                                                   "said of such an attribute",
                                                   "parameter words", "its parameters are at hand"),
    "callers": ("calls the target", "caller's uses"),
    "analogy and verbs": ("analogy", "verb goes with verb"),
    "draft": tuple(name for name in FEATURES if "draft" in name),
    "what the symbol is": ("class", "method", "variable", "class variable", "private", "private elsewhere", "dunder",
                           "constant", "property", "exception", "logger", "size", "parameters",
                           "words in its name", "namesakes", "imported by files", "said by files",
                           "said by files, for each namesake"),
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Print a table: figures of the trials, each of what it did not see, and what they lose without each group."""
    parser = argparse.ArgumentParser(prog="python -m bench worth", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", metavar="DIR", required=True)
    parser.add_argument("--trials", metavar="DIR", type=Path, required=True, help="the folder of `train --trials`")
    parser.add_argument("--examples", metavar="FILE", type=Path, help="the file of `train --examples`")
    chosen = parser.parse_args(arguments)
    own: list[Example]
    if chosen.examples:
        _, own = pickle.loads(chosen.examples.read_bytes())
    else:
        own = collect(chosen.tasks, sparing=False, workers=1)
    tasks = {task["id"]: task for task in load(chosen.tasks)}
    models = [
        msgspec.json.decode(path.read_bytes(), type=Model).by_kind() for path in sorted(chosen.trials.glob("*.json"))
    ]
    parts = folds((example.repository for example in own), len(models))
    asked = {
        form: [
            (model, example) for model, example in unseen(zip(parts, models, strict=True), own) if example.form == form
        ]
        for form in _FORMS
    }
    whole = {form: figures(pairs, tasks, ()) for form, pairs in asked.items()}
    titles = [f"{form} {name}" for form in _FORMS for name in _FIGURES]
    print(f"| without | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}")
    print(f"| nothing | {' | '.join(f'{value:.3f}' for form in _FORMS for value in whole[form])} |")
    for name, features in GROUPS.items():
        lost = [
            after - before
            for form in _FORMS
            for before, after in zip(whole[form], figures(asked[form], tasks, features), strict=True)
        ]
        print(f"| {name} | {' | '.join(f'{value:+.3f}' for value in lost)} |", flush=True)
    return 0


def figures(
    asked: Iterable[tuple[dict[str, Ensemble], Example]], tasks: dict[str, Task], without: Sequence[str]
) -> list[float]:
    """The figures of models that are asked about examples with some features set to 0."""
    places = [FEATURES.index(name) for name in without]
    judged = []
    for model, example in asked:
        features = example.features.copy()
        features[:, places] = 0
        judged.append(Judged(tasks[example.task], answer(model, example._replace(features=features))))
    found = averages(judged, cross=False)
    return [found[name][0] for name in _FIGURES]
