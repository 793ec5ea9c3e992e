"""Every command and every program of the documents, run in order, gives what the document shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from semctx.cli import main, parser

DOCS = Path(__file__).parents[2] / "docs"
RUN = [
    "../README.md",
    "cli.md",
    "client.md",
    "configuration.md",
    "deployment.md",
    "documents.md",
    "getting-started.md",
    "monitoring.md",
    "optimisation.md",
    "release-0.1.md",
    "troubleshooting.md",
    "tuning.md",
]


class Step(NamedTuple):
    """A command for the shell, or a program, and what it prints."""

    line: int
    command: list[str]
    shown: str


def steps(name: str) -> Iterator[Step]:
    """`console` blocks hold commands after `$ `; a `python` block is a program, and a `text` block what it prints."""
    lines = iter(enumerate((DOCS / name).read_text().splitlines(), 1))
    program: Step | None = None
    for number, line in lines:
        if not (fence := re.match(r"(```+)(\w*)$", line)):
            continue
        block = []
        for _, inner in lines:
            if inner == fence[1]:
                break
            block.append(inner)
        text = "\n".join(block)
        if fence[2] == "text":
            assert program is not None
            yield program._replace(shown=text)
            program = None
            continue
        if program is not None:
            yield program
        program = Step(number, [sys.executable, "-c", text], "") if fence[2] == "python" else None
        if fence[2] == "console":
            for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
                command, _, shown = part.partition("\n")
                yield Step(number, ["bash", "-c", command], shown.rstrip("\n"))
    if program is not None:
        yield program


def pattern(shown: str) -> str:
    """`…` stands for anything in a line, on a line of its own for any lines."""
    lines = [
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\s*\n" for line in shown.splitlines()
    ]
    return "".join(lines)


@pytest.fixture
def world(place: str, repo: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody who has installed semctx; the daemon that is started ends with it."""
    home = tmp_path / "home"
    for folder in (".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions", "bin"):
        (home / folder).mkdir(parents=True)
    semctx = home / "bin/semctx"
    semctx.write_text(f'#!/bin/sh\nexec {sys.executable} -m semctx.cli "$@"\n')
    semctx.chmod(0o755)
    python = home / "bin/python"  # knows the document's program by its name, which must not lie in the repository
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {DOCS}/"$@"\n')
    python.chmod(0o755)
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    env |= {"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"}
    yield env
    subprocess.run(["semctx", "stop"], env=env, capture_output=True)


@pytest.mark.parametrize("name", RUN)
def test_what_the_documents_show(world: dict[str, str], repo: Path, name: str) -> None:
    for step in steps(name):
        done = subprocess.run(
            step.command, cwd=repo, env=world, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said = done.stdout.rstrip("\n") + "\n" if done.stdout else ""
        assert re.fullmatch(pattern(step.shown), said), f"{name}:{step.line}: {step.command[-1]}\n{said}"


@pytest.mark.parametrize("path", [DOCS / "getting-started.md", DOCS.parent / "README.md"], ids=lambda path: path.name)
def test_commands_whose_output_is_not_shown(world: dict[str, str], repo: Path, path: Path) -> None:
    """Those of `sh` blocks that are our own and end; what is asked on standard input is not answered."""
    (repo / "app").mkdir()
    blocks = re.findall(r"^```sh\n(.*?)^```$", path.read_text(), re.M | re.S)
    lines = [line for line in "".join(blocks).splitlines() if "semctx " in line and not line.startswith("pip ")]
    assert lines
    for line in lines:
        if not line.startswith("semctx logs -f"):
            done = subprocess.run(
                ["bash", "-c", line], cwd=repo, env=world, stdin=subprocess.DEVNULL, capture_output=True, text=True
            )
            assert (done.returncode, done.stderr) == (0, ""), line


def test_the_examples_of_the_help(world: dict[str, str], repo: Path) -> None:
    subprocess.run(["semctx", "start"], env=world, cwd=repo, check=True, capture_output=True)
    for command, examples in parser._EXAMPLES.items():
        for example in examples.splitlines():
            assert f"semctx {command}" in example
            done = subprocess.run(["bash", "-c", example], cwd=repo, env=world, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), example


def test_every_command_is_in_the_document() -> None:
    text = (DOCS / "cli.md").read_text()
    assert [name for name in parser._COMMANDS if f"semctx {name}" not in text] == []


def test_every_command_has_a_summary_and_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for name in parser._COMMANDS:
        with pytest.raises(SystemExit) as caught:
            main([name, "--help"])
        assert caught.value.code == 0
        assert f"usage: semctx {name}" in capsys.readouterr().out
