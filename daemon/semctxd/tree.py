"""Which files and folders of a workspace count. Watcher and index share these rules, so that they never disagree.

Invariant: a file that an answer can depend on is never skipped by name alone when its folder is watched.
"""

from __future__ import annotations

import os

SKIPPED_FOLDERS = frozenset(
    {
        b".git", b".hg", b".svn", b".jj", b"node_modules", b"__pycache__", b".tox", b".nox",
        b".mypy_cache", b".ruff_cache", b".pytest_cache", b".hypothesis", b".eggs",
    }
)  # fmt: skip
SOURCE_SUFFIXES = (b".py", b".pyi")
_COUNTED_SUFFIXES = (*SOURCE_SUFFIXES, b".ipynb", b".pth")
CONFIGURATION = frozenset(
    {b"pyproject.toml", b"ty.toml", b"setup.cfg", b".gitignore", b".ignore", b"pyvenv.cfg", b"py.typed"}
)


def is_source(name: bytes) -> bool:
    """Whether a file of that name holds code that is indexed."""
    return name.endswith(SOURCE_SUFFIXES)


def counts(name: bytes) -> bool:
    """Whether an answer can depend on a file of that name: a change of any other raises no epoch."""
    return name.endswith(_COUNTED_SUFFIXES) or name in CONFIGURATION


def is_environment(folder: bytes) -> bool:
    """Whether a folder (absolute path) is a virtual environment.

    It is a dependency, not source: what is needed of it is watched where a language server asks for it.
    """
    return os.path.exists(folder + b"/pyvenv.cfg")


def is_skipped(folder: bytes) -> bool:
    """Whether a folder (absolute path) is left out with all below: tool state, or a virtual environment."""
    return folder[folder.rfind(b"/") + 1 :] in SKIPPED_FOLDERS or is_environment(folder)
