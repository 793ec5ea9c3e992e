"""Completion in zsh and fish themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.outside


def script(shell: str, folder: Path) -> Path:
    done = subprocess.run([sys.executable, "-m", "semctx.cli", "completion", shell], capture_output=True, check=True)
    path = folder / f"semctx.{shell}"
    path.write_bytes(done.stdout)
    return path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ref", {"refs"}),
        ("find --k", {"--kind"}),
        ("find x --kind m", {"method"}),
        ("cache ", {"clear", "invalidate", "stats"}),
        ("completion z", {"zsh"}),
    ],
)
def test_fish(tmp_path: Path, line: str, expected: set[str]) -> None:
    command = ["fish", "--no-config", "-c", f"source {script('fish', tmp_path)}; complete -C 'semctx {line}'"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""
    assert {found.split("\t")[0] for found in done.stdout.splitlines()} - {"semctx.fish"} == expected


# what zsh would offer, said by the functions that it calls for that
ZSH = """
compdef() { }
_describe() { print -l ${(P)2} }
_arguments() { print -l -- "$@" }
source "$1"; shift
words=("$@"); CURRENT=$#
_semctx
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ref", "refs:where a symbol is named: its definition, imports, uses"),
        ("find x --kind m", "--kind[only these]:kind:(class function method variable)"),
        ("overview x", ":PATH:_files"),
        ("cache ", "stats:its state, over all workspaces or of --root"),
        ("cache invalidate ", ":FILE:_files"),
    ],
)
def test_zsh(tmp_path: Path, line: str, expected: str) -> None:
    command = ["zsh", "-f", "-c", ZSH, "zsh", str(script("zsh", tmp_path)), "semctx", *line.split(" ")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert expected in done.stdout.splitlines()
