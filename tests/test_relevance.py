"""Tasks of the ranking's benchmark: hiding, scoring, mining, fitting, and asking a daemon."""

from __future__ import annotations

import ast
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench import imports, train
from bench.examples import NEUTRAL, USED, Example, of_repository
from bench.fitting import Settings, encode, export, logistic, of_kind, platt, table_of
from bench.masking import find, mask, undocumented
from bench.mine import mine
from bench.offers import judge
from bench.phrasing import arguments, draft, intent, read
from bench.plot import reliability
from bench.repository import put
from bench.scoring import Answer, Judged, averages, half_interval, score, tier
from bench.tasks import BARE, FORMS, Task, load, question, write
from bench.worth import GROUPS, figures

from semctxd.index import wanted
from semctxd.ranking.features import FEATURES
from semctxd.ranking.model import Model

ROOT = Path(__file__).parent.parent
SOURCE = '''\
import json, os
from typing import Any
from lib import (
    kept,
    lost,
)


class Store:
    """A store."""

    def load(self, path: str, *, strict: bool = False) -> Any:
        """Load what was saved.

        Args:
            path: Where it is.

        Returns:
            What was saved.
        """
        with open(path) as file:
            return lost(json.load(file))

    def save(self): return kept(os.getcwd())
'''


def test_a_body_is_hidden_with_its_docstring_and_its_imports() -> None:
    hidden = mask(SOURCE, "Store.load", 12, keep_signature=True)
    assert (
        ast.unparse(find(hidden, "Store.load", 1))
        == "def load(self, path: str, *, strict: bool=False) -> Any:\n    ..."
    )
    assert "json" not in hidden and "lost" not in hidden and "saved" not in hidden
    assert "import os" in hidden and "from lib import kept" in hidden and "import Any" in hidden
    gone = mask(SOURCE, "Store.load", 12, keep_signature=False)
    assert "def load" not in gone and "pass" in gone
    one_line = mask(SOURCE, "Store.save", 24, keep_signature=True)
    assert ast.unparse(find(one_line, "Store.save", 24)) == "def save(self):\n    ..."
    assert one_line.startswith("import json\nfrom typing")
    assert "lost(json" in undocumented(SOURCE, "Store.load", 12) and "saved" not in undocumented(
        SOURCE, "Store.load", 12
    )
    with pytest.raises(LookupError):
        find(SOURCE, "Store.missing", 1)


def test_what_somebody_might_have_said_and_written() -> None:
    node = find(SOURCE, "Store.load", 12)
    doc = read(node)
    assert doc is not None
    assert intent(doc) == "Load what was saved."
    assert arguments(node, doc, "Store", says_self=True) == (
        ":param self: Store. An instance of the Store class.\n:param path: str. Where it is.\n"
        ":param strict: bool\n:return: Any. What was saved."
    )
    assert read(find(SOURCE, "Store.save", 24)) is None
    written = {draft(node, {"lost"}, "Load what was saved", random.Random(seed)) for seed in range(40)}
    assert any("lost" in one for one in written) and any("lost" not in one for one in written)
    assert not any("Load what" in one for one in written)
    assert draft(node, {"lost"}, "Load", random.Random(1)) == draft(node, {"lost"}, "Load", random.Random(1))


TASK: Task = {
    "id": "t", "repository": "r", "file": "a.py", "qualname": "f", "line": 1, "intent": "Load it. At once.",
    "arguments": ":param x: it", "signature": "def f(x):", "draft": "load(x)",
    "used": [
        {"file": "a.py", "qualname": "near", "scope": "intra_file"},
        {"file": "b.py", "qualname": "far", "scope": "cross_file"},
    ],
    "neutral": [{"file": "c.py", "qualname": "odd", "scope": "cross_file"}],
}  # fmt: skip


def test_how_a_task_is_asked() -> None:
    assert question(TASK, "target") == {
        "intent": "Load it. At once.", "signature": "def f(x):", "arguments": ":param x: it", "qualname": "f",
        "targetFile": "a.py",
    }  # fmt: skip
    assert question(TASK, "short-no-target") == {
        "intent": "Load it.", "signature": "def f(x):", "arguments": "", "qualname": "f",
    }  # fmt: skip
    assert question(TASK, "draft")["draft"] == "load(x)"
    assert question(TASK, "bare") == question(TASK, "existing") == {"intent": "Load it."}
    assert question(TASK, "bare-target") == {"intent": "Load it.", "targetFile": "a.py"}


def test_an_answer_is_scored_by_what_is_used() -> None:
    symbols = [("a.py", "f"), ("c.py", "odd"), ("d.py", "wrong"), ("b.py", "far"), ("a.py", "near")]
    judged = Judged(TASK, Answer(symbols, ["d.py", "a.py", "b.py"], [0.9, 0.9, 0.8, 0.7, 0.2]))
    found = score(judged, cross=False)
    assert found is not None
    assert (found["P@1"], found["hit@5"], found["R@10"], found["file@3"], found["all-files@3"]) == (0, 1, 1, 1, 1)
    assert (found["P@3"], found["oracle P@3"], found["oracle P@5"]) == (2 / 3, 2 / 3, 0.4)
    cross = score(judged, cross=True)
    assert cross is not None and (cross["P@3"], cross["R@10"]) == (1 / 3, 1)
    blank = Judged({**TASK, "used": []}, Answer(symbols, [], [0.9, 0.9, 0.8, 0.7, 0.2]))
    assert score(blank, cross=False) is None
    assert tier([judged, blank]) == (1 / 4, 1 / 2, 1.0, 1.0)  # two of each are confident and count; one is right
    assert averages([judged, blank], cross=False)["P@1"] == (0.0, 0.0)
    assert reliability([judged]) == [(0.2, 1.0, 1), (0.7, 1.0, 1), (0.8, 0.0, 1)]


def test_imports_are_judged_by_those_that_the_body_alone_needed() -> None:
    hidden = mask(SOURCE, "Store.load", 12, keep_signature=True)
    patterns: list[dict[str, Any]] = [
        {"module": "pkg.lib", "names": ["lost", "kept"]},
        {"module": "json", "names": []},
        {"module": "other", "names": ["lost"]},
    ]
    assert judge(SOURCE, hidden, patterns) == (2, 2, 3)  # the file has `kept` already, and nothing needs other.lost
    assert judge(SOURCE, hidden, []) == (2, 0, 0)
    assert judge(hidden, hidden, patterns).needed == 0


def test_intervals_draw_whole_repositories() -> None:
    assert half_interval([("a", 0.0)] * 50 + [("b", 1.0)] * 50) == 0.5
    assert half_interval([(str(n), 0.5) for n in range(50)]) == 0.0


def test_honest_log_odds() -> None:
    import numpy as np

    dice = np.random.default_rng(1)
    scores = dice.normal(size=4000)
    used = dice.random(4000) < 1 / (1 + np.exp(-(2 * scores - 1)))
    slope, offset = platt(scores, used)
    assert abs(slope - 2) < 0.2 and abs(offset + 1) < 0.2
    values = np.stack([scores / 10, dice.normal(size=4000)], 1)
    (tells, tells_nothing), offset = logistic(values, used, 1.0)
    assert abs(tells - 20) < 2 and abs(tells_nothing) < 0.2 and abs(offset + 1) < 0.2


# -- a small world in which a function called after a thing uses the thing's helper


def package(name: str, things: tuple[str, ...]) -> dict[str, bytes]:
    helpers = "".join(
        f'def make_{thing}(size):\n    """Make a new {thing} of some size."""\n    return size\n\n\n'
        f'class {thing.title()}Error(Exception):\n    """Something is wrong with a {thing}."""\n\n\n'
        for thing in things
    )
    users = "".join(
        f"def check_{thing}(size):\n"
        f'    """Check the size of a {thing} and make it, or else say what is wrong with it."""\n'
        f"    if size:\n        raise {thing.title()}Error(size)\n    return make_{thing}(size)\n\n\n"
        for thing in things
    )
    imports = ", ".join(f"make_{thing}, {thing.title()}Error" for thing in things)
    return {
        f"{name}/__init__.py": b"",
        f"{name}/helpers.py": helpers.encode(),
        f"{name}/users.py": f"from {name}.helpers import {imports}\n\n\n{users}".encode(),
    }


THINGS = (
    ("boat", "cart", "kite", "lamp"), ("wall", "roof", "door", "gate"), ("leaf", "root", "seed", "twig"),
    ("ring", "coin", "bowl", "vase"), ("drum", "harp", "lute", "horn"), ("wolf", "bear", "deer", "hare"),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mined tasks of six packages."""
    place = tmp_path_factory.mktemp("tasks")
    found: list[Task] = []
    for number, things in enumerate(THINGS):
        name = f"pack{number}"
        put(str(place / "repositories" / name), package(name, things))
        for thing in range(6):  # so many symbols that the package is worth mining
            put(
                str(place / "repositories" / name),
                {f"{name}/more{thing}.py": b"def one(): ...\ndef two(): ...\nA = 1\n"},
            )
        found += mine(name, place / "repositories" / name, 9, seed=1)
    write(place, found)
    return place


@pytest.fixture(scope="module")
def examples(folder: Path) -> list[Example]:
    tasks = load(folder)
    names = dict.fromkeys(task["repository"] for task in tasks)
    return [
        example
        for name in names
        for example in of_repository(str(folder), name, [one for one in tasks if one["repository"] == name], False)
    ]


def test_tasks_are_mined_from_documented_functions(folder: Path) -> None:
    tasks = load(folder)
    assert len(tasks) == 24
    for task in tasks:
        thing = task["qualname"].removeprefix("check_")
        assert task["intent"] == f"Check the size of a {thing} and make it, or else say what is wrong with it."
        assert {one["qualname"] for one in task["used"]} == {f"make_{thing}", f"{thing.title()}Error"}
        assert {one["scope"] for one in task["used"]} == {"cross_file"}
    again = mine("pack1", folder / "repositories" / "pack1", 9, seed=1)
    assert again == [task for task in tasks if task["repository"] == "pack1"]
    assert mine("pack1", folder / "repositories" / "pack1" / "nothing", 9, seed=1) == []


def test_weights_of_imports_are_fitted_to_what_bodies_need(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for threads in ("1", "2"):
        assert imports.main(["--mined", str(folder), "--threads", threads]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    made: dict[str, Any] = {}
    exec(printed[0], made)
    assert list(made["WEIGHTS"]) == list(wanted.WEIGHTS)
    said = {name for name, weight in made["WEIGHTS"].items() if weight}
    assert made["WEIGHTS"]["likely symbol"] > 0 and {"files", "words of its name said"} <= said and made["OFFSET"] < 0
    assert printed[0].startswith("# ") and ", 96 of them needed" in printed[0].partition("\n")[0]


def test_examples_are_the_products_candidates_with_what_is_used(examples: list[Example]) -> None:
    assert {example.form for example in examples} == {*FORMS, *BARE}
    for example in examples:
        assert example.features.shape == (len(example.keys), len(FEATURES))
        there = [label for _, label in zip(example.keys, example.labels, strict=True)]
        assert there.count(USED) == (1 if example.form == "existing" else 2), example
        assert ("users.py" in " ".join(file for file, _ in example.keys)) or example.form
        assert NEUTRAL not in there or example.form == "existing"


@pytest.mark.outside
def test_a_small_model_learns_and_equal_data_give_an_equal_model(examples: list[Example], folder: Path) -> None:
    settings = Settings(rounds=20, leaves=6, least=5)
    made = train.train(examples, [], 3, settings, 2)
    again = train.train(examples, [], 3, settings, 1)
    assert encode(again.model) == encode(made.model)
    assert [without for without, _ in made.trials] == [{"pack0", "pack3"}, {"pack1", "pack4"}, {"pack2", "pack5"}]
    tasks = {task["id"]: task for task in load(folder)}
    judged = {form: train.judge(made, examples, tasks, form) for form in FORMS}
    assert [len(answers) for answers in judged.values()] == [24] * len(FORMS)
    assert averages(judged["target"], cross=False)["P@1"][0] == 1.0
    assert averages(judged["draft"], cross=False)["P@1"][0] == 1.0
    assert tier(judged["target"]).precision >= 0.75
    line, *_ = train.figures(judged)
    assert line.startswith("target") and "P@1 1.000" in line
    kinds = made.model.by_kind()
    assert kinds["draft"].forest is kinds["target"].forest and kinds["draft"].net is kinds["target"].net


@pytest.mark.outside
def test_what_a_group_of_signals_is_worth(examples: list[Example], folder: Path) -> None:
    assert {name for group in GROUPS.values() for name in group} <= set(FEATURES)
    tasks = {task["id"]: task for task in load(folder)}
    shown = [example for example in examples if example.form == "target"]
    model = train.train(examples, [], 2, Settings(rounds=5, leaves=4, least=5), 1).model.by_kind()
    as_chosen = averages([Judged(tasks[one.task], Answer(one.keys, [])) for one in shown], cross=False)
    assert figures([(model, one) for one in shown], tasks, FEATURES) == [
        as_chosen[name][0] for name in ("P@1", "R@10", "hit@5")
    ]
    assert all(example.features.any() for example in shown)


@pytest.mark.outside
def test_the_daemon_makes_of_trees_what_lightgbm_does() -> None:
    import lightgbm
    import numpy as np

    dice = np.random.default_rng(1)
    x = dice.integers(0, 33, (400, 3)).astype(np.uint8)
    used = (abs(x[:, 0] - 16.0) > abs(x[:, 1] - 16.0)) | (x[:, 2] > 28)
    for objective, leaves, rounds in (("lambdarank", 9, 20), ("binary", 16, 30)):
        chosen = {
            "objective": objective,
            "num_leaves": leaves,
            "min_data_in_leaf": 5,
            "verbosity": -1,
            "num_threads": 1,
        }
        fitted = lightgbm.train(chosen, lightgbm.Dataset(x, used, group=[100] * 4), rounds)
        expected = fitted.predict(x, raw_score=True)
        found = np.array(export(fitted).scores([column.tobytes() for column in x.T], 400))
        assert np.abs(found - expected).max() < 1e-3 < np.ptp(expected)


@pytest.mark.outside
def test_where_nothing_can_be_told_a_tree_is_a_number() -> None:
    import lightgbm
    import numpy as np

    used = np.arange(80) < 20
    fitted = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(np.zeros((80, 1)), used), 3
    )
    (score,) = export(fitted).scores([b"\0"], 1)
    assert abs(score - np.log(20 / 60)) < 1e-6


@pytest.mark.outside
def test_a_model_that_was_written_is_read_with_the_same_scores(examples: list[Example]) -> None:
    import msgspec

    made = train.train(examples, [], 2, Settings(rounds=10, leaves=8, least=5), 1).model
    read_again = msgspec.json.decode(encode(made), type=Model)
    for example in of_kind(examples, "free")[:3]:
        table, count = table_of(example), len(example.keys)
        assert read_again.by_kind()["free"].scores(table, count) == made.by_kind()["free"].scores(table, count)


@pytest.mark.outside
def test_the_daemon_is_asked_with_the_function_hidden(folder: Path, examples: list[Example], tmp_path: Path) -> None:
    answers, picture, trials = tmp_path / "answers.jsonl", tmp_path / "calibration.svg", tmp_path / "trials"
    trained = train.train(examples, [], 2, Settings(rounds=10, leaves=6, least=5), 1)
    train.keep(trained, trials)
    command = [sys.executable, "-m", "bench", "relevance", "--tasks", str(folder), "--quick", "--trials", str(trials)]
    before = {path: path.read_bytes() for path in folder.rglob("*.py")}
    ended = subprocess.run(
        [*command, "--answers", str(answers), "--plot", str(picture)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = {tuple(line.split(" | ")[:2]) for line in ended.stdout.split("\n") if line.startswith("| ")}
    assert {("| semctx", form) for form in FORMS} <= rows
    assert (
        ("| grep", "target") in rows and ("| BM25", "no-target") in rows and ("| the plan's formula", "target") in rows
    )
    assert "oracle: P@3 0.667" in ended.stdout
    assert "imports that only the body needs: 24 of 12 tasks; recall at 5 patterns" in ended.stdout
    said = [json.loads(line) for line in answers.read_text().splitlines()]
    ours = [one for one in said if one["method"] == "semctx"]
    assert len(ours) == 6 * 2 * len(FORMS)
    by_trials = {
        (example.task, example.form): train.answer(model.by_kind(), example).confidences
        for without, model in trained.trials
        for example in examples
        if example.repository in without
    }
    for one in ours:
        expected = by_trials[one["id"], one["mode"]]
        assert one["confidences"][: len(expected)] == expected  # what follows only fills the list
    for one in ours:
        own = one["id"].split(":")[1:]
        assert own not in one["symbols"] and len(one["symbols"]) == len(one["confidences"]) > 10
    assert picture.read_text().startswith("<?xml")
    assert {path: path.read_bytes() for path in folder.rglob("*.py")} == before
