"""The client is thin: the standard library and itself, nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import semctx

PACKAGE = Path(semctx.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
EXTRA = {PACKAGE / "cli" / "top" / "app.py": {"textual"}}
"""Modules that are imported only where an extra is installed, and what of it."""
ALLOWED = sys.stdlib_module_names | {"semctx"}

IMPORT_ALL = f"""
import sys
sys.path.insert(0, {str(PACKAGE.parent)!r})
import importlib, pkgutil, semctx
names = [module.name for module in pkgutil.walk_packages(semctx.__path__, "semctx.")]
for name in names:
    if not name.endswith("__main__") and name != "semctx.cli.top.app":
        importlib.import_module(name)
foreign = {{name.partition(".")[0] for name in sys.modules}} - sys.stdlib_module_names - {{"semctx", "__main__"}}
assert not foreign, foreign
print(len(names))
"""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_it_names_no_other_package(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        else:
            continue
        assert {name.partition(".")[0] for name in names} <= ALLOWED | EXTRA.get(path, set()), f"line {node.lineno}"


def test_it_imports_where_nothing_else_is_installed() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert int(done.stdout) >= len(MODULES) - 1


def imported(*argv: str) -> set[str]:
    """What a command imports beside what the interpreter itself does."""
    run = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); from semctx.cli import main; main({list(argv)})"
    out = [
        subprocess.run(
            [sys.executable, "-I", "-S", "-X", "importtime", "-c", code], capture_output=True, text=True, check=False
        ).stderr
        for code in ("pass", run)
    ]
    bare, full = ({line.rpartition("|")[2].strip() for line in text.splitlines() if "|" in line} for text in out)
    return {name.partition(".")[0] for name in full - bare}


def test_status_imports_little(place: str) -> None:
    """Each of these costs a command line more than all that it does."""
    names = imported("status")
    assert names >= {"argparse", "json", "socket", "semctx"}
    assert not names & {"typing", "dataclasses", "asyncio", "subprocess", "inspect", "logging", "pathlib", "shutil"}


def test_a_context_imports_no_types_of_the_protocol() -> None:
    code = "import sys, semctx.context; print('semctx.protocol' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
