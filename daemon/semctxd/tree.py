"""Which files and folders of a workspace count. Watcher and index share these rules, so that they never disagree.

Invariant: a file that an answer can depend on is never skipped by name alone when its folder is watched.

Folders that git or `.ignore` files leave out (as ripgrep and ty read them) are never indexed. They are still watched
where an import statement can name them: language servers leave them out of searches, yet follow imports into them, and
keep what they read there until they are told.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

SKIPPED_FOLDERS = frozenset(
    {
        b".git", b".hg", b".svn", b".jj", b"node_modules", b"__pycache__", b".tox", b".nox",
        b".mypy_cache", b".ruff_cache", b".pytest_cache", b".hypothesis", b".eggs",
    }
)  # fmt: skip
SOURCE_SUFFIXES = (b".py", b".pyi")
_COUNTED_SUFFIXES = (*SOURCE_SUFFIXES, b".ipynb", b".pth")
IGNORE_FILES = frozenset({b".gitignore", b".ignore"})
_MATTERING = IGNORE_FILES | {b".git"}
CONFIGURATION_ABOVE = IGNORE_FILES | {
    b"pyproject.toml", b"ty.toml", b"pyrightconfig.json", b"pyrefly.toml", b"mypy.ini",
}  # fmt: skip
"""What counts in the folders above a root: servers look for their configuration there, too."""
CONFIGURATION = CONFIGURATION_ABOVE | {
    b"setup.cfg", b"pyvenv.cfg", b"py.typed", b".python-version", b".semctx.toml",
}  # fmt: skip

_MAX_RULES_BYTES = 1_000_000  # of a file with what to ignore; a larger one is none

PROJECT_FILES = (b"pyproject.toml", b"ty.toml")


def contents(path: str | bytes, most: int) -> bytes:
    """The first `most` bytes of a file. Raises OSError, for what is no regular file too: who reads a pipe waits for its
    writer, and a device may have no end."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "is no regular file", path)
        return file.read(most)


def is_left_out(root: bytes) -> bool:
    """Whether a root lies in a project that leaves it out: the nearest folder with a file of PROJECT_FILES stands
    above, and the root is hidden or ignored there. A server that takes that project for its own knows little of it."""
    project = root
    while not any(os.path.exists(project + b"/" + name) for name in PROJECT_FILES):
        if project == b"/":
            return False
        project = os.path.dirname(project)
    return b"/." in root[len(project) :] or root in Ignored(project)


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


def is_importable(folder: bytes) -> bool:
    """Whether an import statement can name a folder: as a package, or as the stubs of one (PEP 561)."""
    return os.fsdecode(folder[folder.rfind(b"/") + 1 :]).removesuffix("-stubs").isidentifier()


def sayable(path: str) -> str:
    """The path; one that is not UTF-8, and so has no place in JSON or a URI, is said by the nearest folder above it
    that is."""
    while not path.isascii():
        try:
            path.encode()
        except UnicodeEncodeError:
            path = os.path.dirname(path)
        else:
            break
    return path


class Ignored:
    """The folders of a root that its ignore files leave out: `.ignore`, and in a git work tree `.gitignore` and
    `.git/info/exclude`, those of the folders above the root included. Each is read when first needed, and again after
    `forget`.
    """

    def __init__(self, root: bytes) -> None:
        self._below = root + b"/"
        self._chains: dict[bytes, _Chain] = {}
        self._verdicts: dict[bytes, bool] = {}

    def __contains__(self, folder: object) -> bool:
        """Whether a folder (absolute path) in the root is ignored, or lies in one that is."""
        if not (isinstance(folder, bytes) and folder.startswith(self._below)):
            return False
        verdict = self._verdicts.get(folder)
        if verdict is None:
            parent = os.path.dirname(folder)
            verdict = self._verdicts[folder] = parent in self or _is_ignored(folder, self._chain(parent))
        return verdict

    def listed(self, folder: bytes, names: Iterable[bytes]) -> None:
        """A folder (absolute path) holds these names now: where none of them matters here, it is not looked into."""
        if folder not in self._chains and _MATTERING.isdisjoint(names):
            self._chains[folder] = self._chain(os.path.dirname(folder))

    def forget(self, folder: bytes) -> None:
        """The ignore files of a folder, or of one below it, may have changed."""
        below = folder + b"/"
        for known in (self._chains, self._verdicts):
            for path in [path for path in known if path == folder or path.startswith(below)]:
                del known[path]

    def _chain(self, folder: bytes) -> _Chain:
        chain = self._chains.get(folder)
        if chain is None:
            above = self._chain(os.path.dirname(folder)) if len(folder) > 1 else _Chain((), (), False)
            chain = self._chains[folder] = _extended(above, folder)
        return chain


class _Chain(NamedTuple):
    """The ignore files that hold in a folder, the nearest first; each with the length of its folder's path."""

    plain: tuple[tuple[int, _Rules], ...]
    git: tuple[tuple[int, _Rules], ...]
    is_in_git: bool


class _Rules:
    """One ignore file.

    A folder is judged after those above it, so that a pattern without a slash needs to see its name alone: most
    folders of a tree share few names, and matching them all by their paths costs as much as watching them.
    """

    def __init__(self, lines: list[str]) -> None:
        from pathspec import GitIgnoreSpec  # takes 30 ms, which a tree without ignore files need not pay

        lines = [line + "/*" if line.endswith("/**") else line for line in lines]  # what is in it, not itself
        anchored = [line for line in lines if "/" in line.strip().rstrip("/")]
        self._all = GitIgnoreSpec.from_lines(lines)
        self._anchored = GitIgnoreSpec.from_lines(anchored)
        self._floating = GitIgnoreSpec.from_lines(line for line in lines if line not in anchored)
        self._by_name: dict[str, bool | None] = {}

    def verdict(self, path: str) -> bool | None:
        """Whether the folder, relative to the file's own, is ignored; None where the file has nothing to say."""
        if any(pattern.match_file(path + "/") for pattern in self._anchored.patterns):
            return self._all.check_file(path + "/").include
        name = path[path.rfind("/") + 1 :]
        if name not in self._by_name:
            self._by_name[name] = self._floating.check_file(name + "/").include
        return self._by_name[name]


def _extended(above: _Chain, folder: bytes) -> _Chain:
    at = len(folder.rstrip(b"/")) + 1
    plain = tuple((at, rules) for rules in _read(folder + b"/.ignore"))
    git = tuple((at, rules) for rules in _read(folder + b"/.gitignore"))
    if os.path.lexists(folder + b"/.git"):  # the top of a work tree: what stands above it is of another one
        exclude = tuple((at, rules) for rules in _read(folder + b"/.git/info/exclude"))
        return _Chain(plain + above.plain, git + exclude, True)
    return _Chain(plain + above.plain, git + above.git, above.is_in_git) if plain or git else above


def _read(path: bytes) -> list[_Rules]:
    if not os.access(path, os.R_OK):  # the usual case, at a third of the cost of an exception
        return []
    try:
        data = contents(path, _MAX_RULES_BYTES + 1)
    except OSError:  # a folder of that name, or gone again
        return []
    text = data.decode("utf-8", "surrogateescape") if len(data) <= _MAX_RULES_BYTES else ""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [_Rules(lines)] if lines else []


def _is_ignored(folder: bytes, chain: _Chain) -> bool:
    for at, rules in chain.plain + (chain.git if chain.is_in_git else ()):
        if (verdict := rules.verdict(os.fsdecode(folder[at:]))) is not None:
            return verdict
    return False
