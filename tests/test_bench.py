"""The benchmarks run, say what they measured in one form, and find no stale answer; no figure is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench.daemon import Daemon, lsp
from bench.generated import generate
from bench.oracle import Ty, at
from bench.replay import Sample, judge
from bench.repository import put, small, sources
from bench.rows import Peer, Target, figure, percentile, row, write
from bench.storm import Writer, plant

ROOT = Path(__file__).parent.parent
COLUMNS = {"name", "value", "unit", "against", "ratio", "target", "met"}


def bench(name: str, repository: Path, *more: str) -> dict[str, Any]:
    """Its rows by name."""
    put(str(repository), small())
    command = [sys.executable, "-m", "bench", name, "--quick", "--json", "--repository", str(repository), *more]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = json.loads(ended.stdout.splitlines()[-1])["rows"]
    for one in rows:
        assert set(one) == COLUMNS
        assert isinstance(one["value"], int | float)
        assert (one["target"] is None) == (one["met"] is None)
        assert (one["against"] is None) == (one["ratio"] is None)
    return {one["name"]: one for one in rows}


def test_freshness_finds_nothing_stale(tmp_path: Path) -> None:
    rows = bench("freshness", tmp_path / "repository", "--seconds", "1")
    for name in ("stale answers", "errors", "changes in them that the gate had not seen"):
        assert rows[name]["value"] == 0
        assert rows[name]["met"]
    assert rows["strict answers compared with what was written"]["value"] > 0
    assert rows["strict answers compared with a fresh ty on a copy"]["value"] > 0
    assert rows["hit rate of repeats without a change"]["value"] >= 0.95
    for victim in ("ty", "indexer", "daemon"):
        assert rows[f"kill -9 of {victim} to the next right answer, slowest"]["value"] > 0


def test_narrowing_finds_no_difference(tmp_path: Path) -> None:
    rows = bench("narrowing", tmp_path / "repository")
    assert rows["different because they had"]["met"]
    assert rows["different although asked anew"]["value"] == 0
    assert rows["answers compared with a fresh server's"]["value"] == 600
    assert 0 < rows["answers that had outlived the last edit"]["value"] < 600


def test_memory_is_looked_at_beside_questions_and_edits(tmp_path: Path) -> None:
    rows = bench("memory", tmp_path / "repository")
    assert rows["questions"]["value"] >= 2000
    assert rows["edits"]["value"] > 10
    for name in ("daemon", "indexer", "ty"):
        assert rows[f"memory of {name}, the most after that"]["value"] > 10
    for name in ("daemon alone", "daemon with one workspace"):
        assert rows[f"memory of the {name}, PSS"]["met"]
    assert rows["memory of daemon and indexer after 60 questions about repository, PSS"]["value"] > 30
    assert rows["memory of ty after the same questions, PSS"]["ratio"] < 2


def test_scale_measures_files_and_workspaces_and_clients(tmp_path: Path) -> None:
    document = tmp_path / "figures.md"
    document.write_text("<!-- scale: begin -->\n<!-- scale: end -->\n")
    rows = bench("scale", tmp_path / "repository", "--write", str(document))
    assert {path.name for path in (tmp_path / "images").iterdir()} == {
        f"scale-{name}.svg" for name in ("answers", "index", "memory", "workspaces")
    }
    assert rows["repositories and crowds that could not be measured"]["met"]
    for name in ("repository", "500 files"):
        assert rows[f"{name}: definitions in it"]["value"] > 5
    assert rows["500 files: new intent, warm, p99"]["against"].startswith("p50: ")
    for name in ("new intent, warm, p50", "a changed file to a strict context with it, p50"):
        assert rows[f"500 files: {name}"]["value"] > 0
    assert rows["3 workspaces: child processes"]["value"] == 6
    assert rows["8 clients: hits of all of them"]["ratio"] > 0


def test_a_generated_repository_is_the_same_each_time_and_compiles(tmp_path: Path) -> None:
    first, second = (generate(60, str(tmp_path / name)) for name in ("first", "second"))
    files = list(sources(first))
    assert len(files) == 60
    for file in files:
        text = Path(first, file).read_bytes()
        assert text == Path(second, file).read_bytes()
        compile(text, file, "exec")


def test_provider_compares_first_and_second(tmp_path: Path) -> None:
    rows = bench("provider", tmp_path / "repository")
    assert all(one["value"] > 0 and one["against"] for one in rows.values())
    assert len(rows) == 3


def test_a_workload_asks_the_same_with_narrowing_and_without(tmp_path: Path) -> None:
    rows = bench("workload", tmp_path / "repository")
    for name in ("agent", "editor"):
        assert rows[f"{name}: questions"]["value"] > 20
        assert 0 < rows[f"{name}: hit rate"]["value"] < 1


def test_core_has_a_row_for_each_target(tmp_path: Path) -> None:
    document = tmp_path / "figures.md"
    document.write_text("before\n<!-- core: begin -->\n(none yet)\n<!-- core: end -->\nafter\n")
    rows = bench("core", tmp_path / "repository", "--write", str(document))
    assert sum(one["target"] is not None for one in rows.values()) == 10
    text = document.read_text()
    assert text.startswith("before\n<!-- core: begin -->\n")
    assert text.endswith("\n<!-- core: end -->\nafter\n")
    assert "(none yet)" not in text
    assert all(f"| {name} |" in text for name in rows)


def test_hit_compares_answers_from_memory_with_an_echo_and_with_ty(tmp_path: Path) -> None:
    document = tmp_path / "figures.md"
    document.write_text("<!-- hit: begin -->\n<!-- hit: end -->\n")
    rows = bench("hit", tmp_path / "repository", "--write", str(document))
    kinds = *(f"document symbols, {size}" for size in ("200 B", "2 kB", "40 kB", "400 kB")), "hover", "references"
    for kind in (*kinds, "context", "find"):
        for clients in ("1 client", "2 clients"):
            for what in ("p50", "p99", "requests a second"):
                assert rows[f"{kind}, {clients}, {what}"]["ratio"] > 0
    for kind in ("document symbols", "hover", "references", "workspace symbols"):
        assert rows[f"{kind} beside ty, p50"]["against"].startswith("ty alone: ")
    assert any(name.startswith("hits while") for name in rows)
    assert (tmp_path / "images" / "hit.svg").read_text().count("2 clients")


def test_miss_says_what_the_daemon_adds(tmp_path: Path) -> None:
    rows = bench("miss", tmp_path / "repository")
    for kind in ("document symbols", "hover", "references"):
        added, whole = rows[f"{kind}, what the daemon adds, p50"], rows[f"{kind}, uncached, p50"]
        assert added["target"]
        assert added["value"] < whole["value"]


def test_cold_starts_with_nothing_on_disk_and_again(tmp_path: Path) -> None:
    rows = bench("cold", tmp_path / "repository")
    assert all(one["value"] > 0 for one in rows.values())
    assert {name for name, one in rows.items() if one["target"]} == {
        "daemon start to first context",
        "language server start to first document symbols",
        "index from nothing, files a second",
        "index of a daemon started again",
        "semctx status, whole process, p50",
    }


def test_all_runs_what_has_a_place(tmp_path: Path) -> None:
    document = tmp_path / "figures.md"
    document.write_text("<!-- miss: begin -->\n<!-- miss: end -->\n<!-- memory: begin -->\n<!-- memory: end -->\n")
    rows = bench("all", tmp_path / "repository", "--write", str(document))
    assert {name.partition(": ")[0] for name in rows} == {"memory", "miss"}
    text = document.read_text()
    assert all(f"| {name.partition(': ')[2]} |" in text for name in rows)


def test_check_finds_what_is_spoiled(tmp_path: Path) -> None:
    rows = bench("check", tmp_path / "repository")
    assert rows["spoiled calls and imports that are found"]["met"]
    assert rows["texts whose diagnostics differ from those of ty alone"]["value"] == 0
    for name, one in rows.items():
        if name.startswith(("untouched functions", "other clients")):
            assert one["value"] == 0, name


def test_the_oracle_knows_a_wrong_answer(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "tree"
    put(str(root), small())
    tree = plant(str(root), 1)
    question = Writer(tree, 0, chance=None).questions[0]
    tree.write("storm/own_0.py", b"def one(): ...\n")
    tree.write("storm/own_0.py", b"def two(): ...\n")
    symbol = {
        "children": [],
        "kind": 12,
        "name": "one",
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 14}},
        "selectionRange": {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 7}},
    }
    assert judge([Sample(question, [symbol], range(1, 5))], tree, str(tmp_path / "a")) == (1, 0)
    assert judge([Sample(question, [symbol], range(3, 5))], tree, str(tmp_path / "b")) == (1, 1)


def test_a_daemon_takes_the_python_of_the_oracle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    root = str(tmp_path.resolve())
    put(root, {"one.py": b"import missing\n"})
    question = "textDocument/diagnostic", at(root, "one.py")
    with Daemon() as daemon, Ty(root) as oracle:
        said = daemon.start().ask("lsp/request", **lsp(root, *question))["result"]
        expected = oracle.ask(*question)
    assert "site-packages" in expected["items"][0]["message"]
    assert said["items"] == expected["items"]


def test_a_question_sees_the_states_that_stood_while_it_was_under_way(tmp_path: Path) -> None:
    tree = plant(str(tmp_path), 1)
    before = tree.now()
    assert list(tree.may_have_stood(before, before)) == [0]
    tree.replace("storm/own_0.py", b"def one(): ...\n")
    between = tree.now()
    assert list(tree.may_have_stood(between, between)) == [1]
    assert list(tree.may_have_stood(before, between)) == [0, 1]
    tree.write("storm/own_0.py", b"def two(): ...\n")
    assert list(tree.may_have_stood(between, tree.now())) == [1, 2, 3]
    assert [state["storm/own_0.py"] for state in tree.states[1:]] == [b"def one(): ...\n", b"", b"def two(): ...\n"]


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (12, "12"), (1234.5, "1234"), (0.01234, "0.0123"), (1.5, "1.50"), (99.5, "99.5")]
)
def test_figures_have_three_digits(value: float, said: str) -> None:
    assert figure(value) == said


def test_a_row_is_judged_by_its_value_or_its_ratio() -> None:
    assert row("a", 3, "ms", target=Target("<", 3))["met"] is False
    assert row("a", 3, "ms", target=Target("≤", 3))["met"] is True
    against = row("a", 3, "ms", Peer("b", 2), Target("≤", 1.5, of="ratio"))
    assert against == {
        "name": "a", "value": 3, "unit": "ms", "against": "b: 2 ms", "ratio": 1.5, "target": "≤ 1.5 ×", "met": True,
    }  # fmt: skip
    assert row("a", 3, "ms", Peer("b", 2, ratio=1.9), Target("≤", 1.5, of="ratio"))["met"] is False


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert percentile(list(range(1, 101)), 0.99) == 99
    assert percentile([7], 0.99) == 7


def test_figures_need_their_place_in_the_document(tmp_path: Path) -> None:
    document = tmp_path / "figures.md"
    document.write_text("nothing here\n")
    with pytest.raises(SystemExit, match="no place for core"):
        write(str(document), "core", "today", [])
