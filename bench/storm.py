"""A tree under edit, whose every state is known, and questions whose answers follow from a state.

Terms
- *step*: one system call that changes what the tree says. Steps are made one after the other, under a lock, so the
  tree's history is one line: state i is the tree after i steps. A write in place is two steps (the file is empty for
  a moment); a rename is one.
- A step's effect falls between its begin and its end. So state i may have stood from the begin of step i-1 to the end
  of step i, and a fresh answer is that of one of the states which may have stood while the question was under way.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sys
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bench.oracle import at
from bench.repository import put

Files = Mapping[str, bytes]
"""Path relative to the root -> content; the part of the tree that the storm writes."""

_TYPES = ("int", "str", "set")  # of the same length: a change of them keeps the size
_PACKAGES = f".venv/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
_MAX_CALLERS = 6  # folders with a caller that stand at once, for each client


class Tree:
    """The files that the storm writes below a root, and their history. Thread-safe."""

    def __init__(self, root: str, files: Files) -> None:
        self.root = root
        self.states: list[Files] = [dict(files)]
        self._begins: list[int] = []  # of each step, on the clock of `now`
        self._ends: list[int] = []
        self._lock = threading.RLock()

    @staticmethod
    def now() -> int:
        """The clock of the history, in nanoseconds."""
        return time.monotonic_ns()

    def may_have_stood(self, sent: int, arrived: int) -> range:
        """The states that the tree may have had between two times of that clock."""
        return range(bisect_left(self._ends, sent), bisect_right(self._begins, arrived) + 1)

    def step(self, act: Callable[[], object], changes: Mapping[str, bytes | None]) -> None:
        """Make one step; `changes` says what it changes (None: gone)."""
        with self._lock:
            after = {**self.states[-1], **changes}
            state = {path: content for path, content in after.items() if content is not None}
            begin = self.now()
            act()
            end = self.now()
            self.states.append(state)  # before the times: who reads these finds the state
            self._begins.append(begin)
            self._ends.append(end)

    def write(self, path: str, content: bytes, times_ns: tuple[int, int] | None = None) -> None:
        """Write in place; with `times_ns` the modification time is set back after it."""
        target = os.path.join(self.root, path)
        with self._lock:
            descriptors: list[int] = []
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self.step(lambda: descriptors.append(os.open(target, flags, 0o644)), {path: b""})
            self.step(lambda: os.write(descriptors[0], content), {path: content})
            os.close(descriptors[0])
            if times_ns:
                os.utime(target, ns=times_ns)

    def replace(self, path: str, content: bytes) -> None:
        """Write beside it and rename, as careful editors do."""
        target = os.path.join(self.root, path)
        with open(target + ".new", "wb") as file:
            file.write(content)
        self.step(lambda: os.replace(target + ".new", target), {path: content})

    def move(self, old: str, new: str) -> None:
        """Rename a folder with all below it."""
        with self._lock:
            below = {path: content for path, content in self.states[-1].items() if path.startswith(old + "/")}
            changes: dict[str, bytes | None] = dict.fromkeys(below)
            changes.update({new + path[len(old) :]: content for path, content in below.items()})
            self.step(lambda: os.rename(os.path.join(self.root, old), os.path.join(self.root, new)), changes)

    def remove(self, path: str) -> None:
        """Remove a file and its folder."""
        target = os.path.join(self.root, path)
        self.step(lambda: os.unlink(target), {path: None})
        os.rmdir(os.path.dirname(target))


class Question(NamedTuple):
    """What is asked, what of an answer is compared on every answer, and what it must be in a state."""

    kind: str
    method: str  # of the daemon
    params: dict[str, Any]
    seen: Callable[[Any], object]  # of a result
    expected: Callable[[Files], object]
    lsp: tuple[str, dict[str, Any]] | None = None  # for the oracle, on the same root


class Writer:
    """One client's files and its edits. Only this client writes them."""

    def __init__(self, tree: Tree, number: int, chance: random.Random) -> None:
        self.tree = tree
        self._chance = chance
        self._version = 0
        self._own, self._callee, self._package, self._caller = (f"{name}_{number}" for name in _NAMES)
        self._callers: list[str] = []
        root = tree.root
        self.about_own = (
            _symbols(root, f"storm/{self._own}.py"),
            _find(root, f"stable_{number}"),
        )
        self.about_callee = (_hover(root, f"storm/{self._caller}.py", f"storm/{self._callee}.py", "hover on a caller"),)
        self._about_package = (
            _hover(root, f"storm/{self._package}.py", _package(self._package), "hover across an installed package"),
        )
        self._about_callers = (_references(root), _find(root, f"use_{number}"))
        self.questions = (*self.about_own, *self.about_callee, *self._about_package, *self._about_callers)

    def edit(self, ask: Callable[[Question], None]) -> None:
        """Make one edit of a random kind, and ask at once what it changed."""
        self._version += 1
        kinds = (self._edit_own, self._edit_callee, self._edit_package, self._edit_callers, self._back_and_forth)
        for question in self._chance.choice(kinds)(ask):
            ask(question)

    def change(self) -> None:
        """Change what `about_callee` and `about_own` are answered."""
        self._version += 1
        self.tree.write(f"storm/{self._callee}.py", _value(_TYPES[self._version % 3]))
        self.tree.write(f"storm/{self._own}.py", _own(self._own, self._version))

    def _edit_own(self, ask: Callable[[Question], None]) -> tuple[Question, ...]:
        save = self._chance.choice((self.tree.write, self.tree.replace))
        save(f"storm/{self._own}.py", _own(self._own, self._version))
        return self.about_own

    def _edit_callee(self, ask: Callable[[Question], None]) -> tuple[Question, ...]:
        path = f"storm/{self._callee}.py"
        times = self._times(path) if self._chance.random() < 0.5 else None  # half keep the size and the time
        self.tree.write(path, _value(_TYPES[self._version % 3]), times)
        return self.about_callee

    def _edit_package(self, ask: Callable[[Question], None]) -> tuple[Question, ...]:
        self.tree.write(_package(self._package), _value(_TYPES[self._version % 3]))
        return self._about_package

    def _back_and_forth(self, ask: Callable[[Question], None]) -> tuple[Question, ...]:
        """A, B, A again with A's time: B is asked about in between, so that the server has read it."""
        path = f"storm/{self._callee}.py"
        before, times = self.tree.states[-1][path], self._times(path)
        self.tree.write(path, _value("complex"))
        ask(self.about_callee[0])
        self.tree.write(path, before, times)
        return self.about_callee

    def _edit_callers(self, ask: Callable[[Question], None]) -> tuple[Question, ...]:
        """A caller in a new folder, one less, or a folder moved with its caller."""
        number = self._caller.rpartition("_")[2]
        if len(self._callers) == _MAX_CALLERS or (self._callers and self._chance.random() < 0.3):
            gone = self._callers.pop(self._chance.randrange(len(self._callers)))
            self.tree.remove(f"{gone}/use.py")
        elif self._callers and self._chance.random() < 0.3:
            old = self._callers.pop()
            self._callers.append(f"{old}m")
            self.tree.move(old, self._callers[-1])
        else:
            folder = f"storm/callers/c{number}n{self._version}"
            os.makedirs(os.path.join(self.tree.root, folder))
            self.tree.write(f"{folder}/use.py", _use(number))
            self._callers.append(folder)
        return self._about_callers

    def _times(self, path: str) -> tuple[int, int]:
        status = os.stat(os.path.join(self.tree.root, path))
        return status.st_atime_ns, status.st_mtime_ns


_NAMES = ("own", "callee", "package", "caller")


def plant(root: str, clients: int) -> Tree:
    """Write the storm's package, and a virtual environment that holds the packages it imports, into a repository."""
    files = {
        "storm/__init__.py": b"",
        "storm/target.py": b"def storm_target() -> int: ...\n",
    }
    for number in range(clients):
        own, callee, package, caller = (f"{name}_{number}" for name in _NAMES)
        files[f"storm/{own}.py"] = _own(own, 0)
        files[f"storm/callers/c{number}/use.py"] = _use(str(number))  # one that stays: what is not found is not kept
        files[f"storm/{callee}.py"] = files[_package(package)] = _value("int")
        files[f"storm/{caller}.py"] = f"from storm.{callee} import value\n\nresult = value()\n".encode()
        files[f"storm/{package}.py"] = f"from installed_{package} import value\n\nresult = value()\n".encode()
    shutil.rmtree(os.path.join(root, ".venv"), ignore_errors=True)
    put(root, {".venv/pyvenv.cfg": f"home = {os.path.dirname(os.path.realpath(sys.executable))}\n".encode()})
    os.mkdir(os.path.join(root, ".venv/bin"))
    os.symlink(os.path.realpath(sys.executable), os.path.join(root, ".venv/bin/python"))
    put(root, files)
    return Tree(root, files)


def _package(name: str) -> str:
    return f"{_PACKAGES}/installed_{name}/__init__.py"


def _own(name: str, version: int) -> bytes:
    number = name.rpartition("_")[2]
    above = "# a line\n" * (version % 7)
    return f"{above}def stable_{number}() -> int: ...\n\n\ndef {name}_{version}() -> int: ...\n".encode()


def _value(kind: str) -> bytes:
    return f"def value() -> {kind}: ...\n".encode()


def _use(number: str) -> bytes:
    text = f"from storm.target import storm_target\n\n\ndef use_{number}() -> int:\n    return storm_target()\n"
    return text.encode()


def _symbols(root: str, file: str) -> Question:
    method, params = "textDocument/documentSymbol", at(root, file)
    return Question(
        "document symbols of the edited file",
        "lsp/request",
        {"root": root, "method": method, "params": params},
        lambda result: [symbol["name"] for symbol in result["result"] or []],
        lambda files: re.findall(r"^def (\w+)", files[file].decode(), re.MULTILINE),
        (method, params),
    )


def _hover(root: str, file: str, callee: str, kind: str) -> Question:
    """`result` of a caller has the type that its callee returns."""
    method, params = "textDocument/hover", at(root, file, 2, 1)

    def expected(files: Files) -> str:
        found = re.search(r"-> (\w+)", files[callee].decode())
        return found[1] if found else "Unknown"  # while the callee is empty

    def seen(result: Any) -> str:
        text: str = result["result"]["contents"]["value"]
        said = text.split("\n")[1].rpartition(": ")[2]  # `(variable) result: int`, say some servers
        return said.partition("[")[0]  # `set[Unknown]` for `set`

    params_of_daemon = {"root": root, "method": method, "params": params}
    return Question(kind, "lsp/request", params_of_daemon, seen, expected, (method, params))


def _references(root: str) -> Question:
    method = "textDocument/references"
    params = {**at(root, "storm/target.py", 0, 5), "context": {"includeDeclaration": False}}
    return Question(
        "references, with callers that come and go",
        "lsp/request",
        {"root": root, "method": method, "params": params},
        # in each file once: for some servers, an import refers to its target as well
        lambda result: sorted({place["uri"].rpartition("/storm/")[2] for place in result["result"] or []}),
        lambda files: sorted(
            path.removeprefix("storm/") for path, content in files.items() if b"return storm_target()" in content
        ),
        (method, params),
    )


def _find(root: str, name: str) -> Question:
    def expected(files: Files) -> list[tuple[str, int]]:
        return sorted(
            (path, number)
            for path, content in files.items()
            for number, line in enumerate(content.decode().split("\n"), 1)
            if line.startswith(f"def {name}(")
        )

    def seen(result: Any) -> list[tuple[str, int]]:
        return sorted((symbol["file"], symbol["line"]) for symbol in result["symbols"])

    return Question("symbols/find", "symbols/find", {"root": root, "name": name}, seen, expected)
