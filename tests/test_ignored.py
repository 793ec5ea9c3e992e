"""Ignored folders, judged by git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from semctxd.tree import Ignored, is_importable, sayable
from tests.conftest import write

FOLDERS = [
    "build", "src", "src/build", "dist", "src/dist", "foo/bar", "x/foo/bar", "a.egg-info", "src/b.egg-info", "keep",
    "docs", "docs/a", "docs/a/b", "docs/kept", "docs/kept/x",
    "ac", "bc", "cc", "deep", "q/deep", "q/deep/er", "with space", "caf\u00e9", "sub",
    "sub/build", "sub/only", "sub/only/x", "sub/kept", "sub/kept/y", "#hash", "last", "never", "never/build",
]  # fmt: skip


def git(root: Path, *arguments: str, given: str = "") -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(["git", "-C", root, *arguments], input=given, env=env, capture_output=True, text=True).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = Path(os.path.realpath(tmp_path)) / "top"
    for folder in FOLDERS:
        (top / folder).mkdir(parents=True, exist_ok=True)
    return top


def ignored(root: Path, below: Path) -> set[str]:
    rules = Ignored(os.fsencode(root))
    return {folder for folder in FOLDERS if os.fsencode(below / folder) in rules}


RULES = {
    ".gitignore": "# built\nbuild/\n/dist\nfoo/bar\n*.egg-info\ndocs/**\n!docs/kept/\n!docs/kept/**\n[ab]c\n**/deep\n"
    "with\\ space\ncaf\u00e9\n\n\\#hash\nlast",
    "sub/.gitignore": "!build/\n/only\nkept/*\n",
    "never/.gitignore": "!build\n",
    ".git/info/exclude": "keep\n",
}


def test_what_git_ignores(tree: Path) -> None:
    git(tree, "init", "-q")
    write(tree, RULES)
    said = git(tree, "-c", "core.quotePath=false", "check-ignore", "--stdin", given="\n".join(FOLDERS))
    expected = set(said.splitlines())
    assert {"build", "dist", "q/deep", "q/deep/er", "keep", "sub/only/x", "last"} <= expected
    assert ignored(tree, tree) == expected


def test_the_rules_of_the_work_tree_hold_in_a_root_below_its_top(tree: Path) -> None:
    git(tree, "init", "-q")
    write(tree, RULES)
    rules = Ignored(os.fsencode(tree / "sub"))
    assert os.fsencode(tree / "sub/only") in rules
    assert os.fsencode(tree / "sub/build") not in rules
    rules = Ignored(os.fsencode(tree / "src"))
    assert os.fsencode(tree / "src/build") in rules
    assert os.fsencode(tree / "build") not in rules  # not in the root
    assert os.fsencode(tree / "src") not in rules


def test_without_git_only_its_own_file_counts(tree: Path) -> None:
    write(tree, {".gitignore": "build\n", ".ignore": "docs\n", "src/.ignore": "!docs\ndist\n"})
    left_out = {"docs", "docs/a", "docs/a/b", "docs/kept", "docs/kept/x", "src/dist"}
    assert ignored(tree, tree) == left_out
    git(tree, "init", "-q")
    assert ignored(tree, tree) == left_out | {"build", "src/build", "sub/build", "never/build"}


def test_a_work_tree_within_another_has_its_own_rules(tree: Path) -> None:
    git(tree, "init", "-q")
    write(tree, {".gitignore": "build\nonly\n"})
    git(tree / "sub", "init", "-q")
    assert {"build", "src/build", "never/build"} == ignored(tree, tree)


def test_changed_rules_are_read_again(tree: Path) -> None:
    write(tree, {".ignore": "docs\n"})
    rules = Ignored(os.fsencode(tree))
    docs, build = os.fsencode(tree / "docs/a"), os.fsencode(tree / "build")
    assert (docs in rules, build in rules) == (True, False)
    write(tree, {".ignore": "build\n"})
    assert (docs in rules, build in rules) == (True, False)
    rules.forget(os.fsencode(tree))
    assert (docs in rules, build in rules) == (False, True)
    assert "docs" not in rules


def test_what_is_no_rule_file(tree: Path) -> None:
    (tree / ".ignore").mkdir()
    (tree / "src/.ignore").write_bytes(b"# only a comment\n\n")
    (tree / "docs/.ignore").write_bytes(b"caf\xe9\na\n")
    (tree / "sub/.ignore").write_bytes(b"build\n" * 200_000)
    os.mkfifo(tree / "deep/.ignore")
    (tree / "dist/.ignore").symlink_to("/dev/zero")
    assert ignored(tree, tree) == {"docs/a", "docs/a/b"}


@pytest.mark.parametrize(
    ("name", "can"), [("pkg", True), ("caf\u00e9", True), ("dep-stubs", True), ("my-app", False), ("1", False)]
)
def test_what_an_import_can_name(name: str, can: bool) -> None:
    assert is_importable(os.fsencode(f"/r/{name}")) is can


def test_a_path_that_can_be_said() -> None:
    odd = os.fsdecode(b"/r/caf\xe9/x.py")
    assert sayable(odd) == "/r"
    assert sayable("/r/caf\u00e9/x.py") == "/r/caf\u00e9/x.py"
    assert sayable("/r/x.py") == "/r/x.py"
