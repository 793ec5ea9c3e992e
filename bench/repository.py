"""The repositories that benchmarks run on: a real one, private copies of it, and a small one."""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

CACHE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".demo")
"""Where what benchmarks need is installed, at the first use."""

_DEMOS = {"django": "django==5.2.*", "sympy": "sympy==1.14.*"}
_NAME = re.compile(r"[A-Za-z_]\w*")
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "__pycache__", "node_modules", "*.mo", "*.po")


def ensure(path: str | None) -> str:
    """Absolute path of the repository: the given one, or Django's source, installed at the first use."""
    if path is None:
        path = demo("django")
    if not os.path.isdir(path):
        raise SystemExit(f"{path} is no folder")
    return os.path.realpath(path)


def demo(package: str) -> str:
    """Absolute path of a folder with a package's source, installed at the first use.

    Raises subprocess.CalledProcessError where it cannot be installed.
    """
    path = os.path.join(CACHE, package)
    if not os.path.isdir(os.path.join(path, package)):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", path, _DEMOS[package]]
        subprocess.run(command, check=True)
        Path(path, "pyproject.toml").touch()  # a project of its own: the one around it ignores it
    return path


def installed(*packages: str) -> dict[str, str]:
    """Name -> folder of those packages that the running Python has."""
    found = {package: importlib.util.find_spec(package) for package in packages}
    places = {name: spec.origin for name, spec in found.items() if spec and spec.origin}
    return {name: os.path.dirname(os.path.realpath(origin)) for name, origin in places.items()}


def copy(repository: str, target: str) -> str:
    """A private copy, because a benchmark edits; returns `target`."""
    shutil.copytree(repository, target, ignore=_NOT_COPIED, symlinks=True)
    return target


def put(root: str, files: Mapping[str, bytes]) -> None:
    """Write files, by their paths relative to the root."""
    for name, content in files.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def save(root: str, file: str, content: bytes, *, beside: bool) -> None:
    """Write one file as editors do: in place, or `beside` it and renamed."""
    target = f"{file}.new" if beside else file
    put(root, {target: content})
    if beside:
        os.replace(os.path.join(root, target), os.path.join(root, file))


def sources(root: str) -> Iterator[str]:
    """Every Python file below the root, relative to it, in a fixed order."""
    for folder, names, files in os.walk(root):
        names.sort()
        for name in sorted(files):
            if name.endswith(".py"):
                yield os.path.relpath(os.path.join(folder, name), root)


def names(line: str) -> list[int]:
    """The columns of the names in a line of Python; none of a line whose columns are not those of LSP."""
    found = _NAME.finditer(line) if line.isascii() else ()
    return [name.start() for name in found if not keyword.iskeyword(name[0])]


def small() -> dict[str, bytes]:
    """A project of ten modules that import each other in a chain."""
    files = {"pyproject.toml": b'[project]\nname = "small"\nversion = "1"\n', "small/__init__.py": b""}
    for number in range(10):
        above = f"from small.part{number - 1} import work{number - 1}\n\n\n" if number else ""
        inner = f"work{number - 1}(value)" if number else "value"
        text = f'{above}def work{number}(value: int) -> int:\n    """Step {number}."""\n    return {inner} + {number}\n'
        files[f"small/part{number}.py"] = text.encode()
    return files
