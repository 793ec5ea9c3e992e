"""Which workspace a command or a program means. Reads names of the file system, never a file's content."""

from __future__ import annotations

import os

from semctx.errors import SemctxError

_MARKERS = (".git", "pyproject.toml")


def chosen(root: str | None) -> str:
    """The workspace that a caller names, or without one that of the current directory: an absolute path."""
    return find_root() if root is None else absolute(root)


def find_root(start: str = ".") -> str:
    """The workspace that holds the folder `start`: an absolute path.

    The nearest ancestor (or `start` itself) with `.git`, else with `pyproject.toml`, else `start`. A
    repository comes first, because its packages may have a `pyproject.toml` each.
    """
    start = absolute(start)
    for marker in _MARKERS:
        folder = start
        while True:
            if os.path.exists(os.path.join(folder, marker)):
                return folder
            parent = os.path.dirname(folder)
            if parent == folder:
                break
            folder = parent
    return start


def absolute(path: str) -> str:
    """The absolute path. Raises SemctxError (RootNotFound) for a relative one where the current directory is gone."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        hint = "Change to another directory, or name the root by its absolute path."
        raise SemctxError("RootNotFound", "the current directory is gone", hint=hint) from None


def path_in(root: str, file: str) -> str:
    """How to name `file` in a request about `root`.

    A path that leads into the root from the current directory, as a shell completes it, becomes relative to
    the root. Any other is passed on as it is: relative ones are the root's by the protocol, and it is for the
    daemon to refuse what lies outside.
    """
    real_root = os.path.realpath(root)
    try:
        real = os.path.realpath(file)
    except FileNotFoundError:  # the current directory is gone
        return file
    return os.path.relpath(real, real_root) if real.startswith(real_root + os.sep) else file
