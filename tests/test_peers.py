"""The comparison with peers: what is right, what the peers' answers say, and that nothing is left running."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from bench import peers_read as reads
from bench.peers_ask import end, processes
from bench.peers_install import Missing, from_npm, from_pypi
from bench.peers_specs import Spec, environment_of
from bench.peers_truth import Question, choose, read
from bench.repository import put, small

ROOT = "/tree"


def test_the_source_says_what_is_defined(tmp_path: Path) -> None:
    text = b"""\
import os as system


@decorated
@again
class Shape:
    def area(self): ...

    if True:
        def edges(self): ...


def made():
    def inner(): ...
    edge = Shape()


try:
    import fast
except ImportError:
    def fallback(): ...
"""
    put(str(tmp_path), {"one.py": text, "two.py": b"def made(): ...\ndef inner(): ...\n", "three.py-tpl": b"def {{"})
    put(str(tmp_path), {"broken.py": b"def {{ name }}(): ...\n"})
    source = read(str(tmp_path))
    assert source.defined == {
        "Shape": {("one.py", 6)},
        "area": {("one.py", 7)},
        "edges": {("one.py", 10)},
        "made": {("one.py", 13), ("two.py", 1)},
        "fallback": {("one.py", 21)},
    }  # `inner` is not asked about: a peer may or may not count what is inside of a function
    assert source.top["one.py"] == {"Shape", "made", "fallback"}
    assert source.paths["one.py", 10] == ("Shape", "edges")
    assert source.settled(frozenset({("one.py", 4), ("one.py", 7)})) == {("one.py", 6), ("one.py", 7)}
    assert source.settled(frozenset({"a name"})) == {"a name"}


def test_questions_are_about_names_that_are_used_elsewhere(tmp_path: Path) -> None:
    root = str(tmp_path.resolve())
    put(root, small())
    questions = choose(root, read(root), 3)
    assert questions == choose(root, read(root), 3)
    for one in questions:
        number = int(one.name.removeprefix("work"))
        assert (one.file, one.use_file) == (f"small/part{number}.py", f"small/part{number + 1}.py")
        assert one.use_text[one.use_column :].startswith(f"{one.name}(value)")
        assert one.right["find"] == one.right["definition"] == {(one.file, one.line)}
        assert one.right["references"] == {(one.use_file, 6)}
        assert one.right["hover"] == {f"def{one.name}(value:int)->int"}
        assert one.declared == {(one.file, one.line), (one.use_file, 1)}
    with pytest.raises(SystemExit, match="too few names"):
        choose(root, read(root), 100)


def test_an_answer_is_right_or_not() -> None:
    right: Any = {"references": frozenset({("b.py", 3)}), "hover": frozenset({"deff()->int"}), "find": frozenset()}
    question = Question("f", ("f",), "a.py", 1, 4, "b.py", 3, 0, "f()", right, frozenset({("a.py", 1), ("b.py", 1)}))
    assert question.agrees("references", frozenset({("b.py", 3)}))
    assert question.agrees("references", frozenset({("a.py", 1), ("b.py", 3)}))  # with its declaration
    assert not question.agrees("references", frozenset({("b.py", 3), ("b.py", 4)}))
    assert not question.agrees("references", frozenset({("a.py", 1)}))
    assert question.agrees("hover", frozenset({"Hover:deff()->intdoc"}))
    assert not question.agrees("hover", frozenset({"Unknown"}))
    assert question.agrees("find", frozenset())
    assert not question.agrees("find", frozenset({("a.py", 1)}))


def test_what_serena_says() -> None:
    symbol = {"name_path": "Shape/area", "relative_path": "one.py", "body_location": {"start_line": 6, "end_line": 7}}
    other = {**symbol, "name_path": "Shape/areas"}
    assert reads.serena_symbols(json.dumps([symbol, other]), "area") == {("one.py", 7)}
    assert reads.serena_symbols(json.dumps(symbol), "area") == {("one.py", 7)}
    overview = {"Class": [{"Shape": {"Method": ["area"]}}], "Function": ["made"], "Variable": ["edge"]}
    assert reads.serena_overview(json.dumps(overview)) == {"Shape", "made"}
    excerpt = "...  63:    text\n  >  64:        return area(name)\n...  65:"
    uses = {"two.py": {"Method": [{"name_path": "a/b", "content_around_reference": excerpt}]}}
    assert reads.serena_references(json.dumps(uses)) == {("two.py", 65)}
    assert reads.serena_hover(json.dumps([{**symbol, "info": "def area()\n -> int"}])) == {"defarea()->int"}
    assert reads.serena_hover(json.dumps([symbol])) == {""}


def test_what_karellen_says() -> None:
    symbols = [{"name": name, "kind": "Class", "file": f"{ROOT}/one.py", "line": 6} for name in ("Shape", "Shapes")]
    assert reads.karellen_symbols(json.dumps({"symbols": symbols}), "Shape", ROOT) == {("one.py", 6)}
    symbols.append({"name": "edge", "kind": "Variable", "file": "", "line": 1})
    assert reads.karellen_overview(json.dumps({"symbols": symbols})) == {"Shape", "Shapes"}
    places = [{"file": f"{ROOT}/one.py", "line": 6, "character": 1}, {"file": "/usr/abc.py", "line": 1, "character": 1}]
    assert reads.karellen_places(json.dumps({"locations": places}), ROOT) == {("one.py", 6), ("/usr/abc.py", 1)}
    assert reads.karellen_hover(json.dumps({"content": "class Shape"})) == {"classShape"}
    assert reads.karellen_hover(json.dumps({"content": None})) == {""}


def test_what_cclsp_says() -> None:
    found = f'Found 2 symbol(s) matching "area":\n\n• area (method) at {ROOT}/one.py:7:5\n• areas (class) at /a:1:1'
    assert reads.cclsp_symbols(found, "area", ROOT) == {("one.py", 7)}
    places = f"Results for area (method) at {ROOT}/one.py:7:5:\n{ROOT}/one.py:7:5\n{ROOT}/two.py:3:9"
    assert reads.cclsp_places(places, ROOT) == {("one.py", 7), ("two.py", 3)}
    assert reads.cclsp_places('No symbols found with name "area"', ROOT) == frozenset()
    assert reads.cclsp_hover("Hover information at /a:1:1:\n\ndef area()") == {"Hoverinformationat/a:1:1:defarea()"}


def test_peers_that_cannot_be_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.peers_install.CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="cclsp needs node and npm"):
        from_npm("cclsp@>=0.7", "dist/index.js")
    with pytest.raises(Missing, match="pip install"):
        from_pypi("no such package>=1", "program")


def test_all_processes_of_a_peer_are_found_and_ended(tmp_path: Path) -> None:
    sleep = shutil.which("sleep")
    assert sleep
    child = f"import subprocess; subprocess.run([{sleep!r}, '60'], env={{}})"  # without the mark, as a scrubbed one
    spec = Spec("peer", [sys.executable, "-c", child], environment_of(str(tmp_path)), {})
    started = subprocess.Popen(spec.command, env={**os.environ, **spec.environment}, start_new_session=True)
    while len(there := processes(spec)) < 2:
        assert started.poll() is None
    end(spec)
    started.wait(30)
    psutil.wait_procs(there, 30)
    assert not processes(spec)
