"""The oracle: a sample of answers, compared in full with a fresh language server on a copy of the tree as it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from bench.oracle import Ty, uri
from bench.repository import put
from bench.storm import Files, Question, Tree

_WORKERS = 2


class Sample(NamedTuple):
    """An answer, and the states of the tree that may have stood while it was made."""

    question: Question
    result: Any  # what the daemon passed on
    states: range


class Judged(NamedTuple):
    """How many were compared, and how many equal the oracle's answer in none of their states."""

    compared: int
    stale: int


def judge(samples: Sequence[Sample], tree: Tree, place: str) -> Judged:
    """Compare each sample in its states until it fits one: the last first, as that is the likeliest."""
    copies = [_Copy(tree, os.path.join(place, f"copy{number}")) for number in range(_WORKERS)]
    stale, undecided, back = 0, list(samples), 0
    with ThreadPoolExecutor(_WORKERS) as pool:
        while undecided:
            back += 1
            by_state: dict[int, list[Sample]] = {}
            for sample in undecided:
                if back <= len(sample.states):
                    by_state.setdefault(sample.states[-back], []).append(sample)
                else:
                    stale += 1
                    print(f"stale, says the oracle: {sample.question.kind}: {json.dumps(sample.result)}")
            order = sorted(by_state)
            shares = [{state: by_state[state] for state in order[number::_WORKERS]} for number in range(_WORKERS)]
            undecided = [sample for found in pool.map(_Copy.unequal, copies, shares) for sample in found]
    return Judged(len(samples), stale)


class _Copy:
    """A copy of the tree that is put into one state after the other. Each state meets a server process of its own."""

    def __init__(self, tree: Tree, place: str) -> None:
        self._tree = tree
        self._files: Files = tree.states[-1]
        self._root = shutil.copytree(tree.root, place, symlinks=True)

    def unequal(self, by_state: Mapping[int, Sequence[Sample]]) -> list[Sample]:
        """The samples whose answer is not the oracle's in that state."""
        found = []
        for state, samples in by_state.items():
            self._become(self._tree.states[state])
            with Ty(self._root) as oracle:
                found += [sample for sample in samples if self._answer(oracle, sample) != self._said(sample)]
        return found

    def _answer(self, oracle: Ty, sample: Sample) -> str:
        assert sample.question.lsp
        method, params = sample.question.lsp
        moved = json.loads(json.dumps(params).replace(uri(self._tree.root), oracle.uri))
        return _plain(method, oracle.ask(method, moved), self._root)

    def _said(self, sample: Sample) -> str:
        assert sample.question.lsp
        return _plain(sample.question.lsp[0], sample.result, self._tree.root)

    def _become(self, files: Files) -> None:
        for path in self._files.keys() - files.keys():
            os.unlink(os.path.join(self._root, path))
            os.rmdir(os.path.join(self._root, os.path.dirname(path)))  # only folders with one file ever go
        put(self._root, {path: content for path, content in files.items() if self._files.get(path) != content})
        self._files = files


def _plain(method: str, result: Any, root: str) -> str:
    """An answer without the place of its tree; references are a set."""
    if method == "textDocument/references":
        result = sorted(result or [], key=json.dumps)
    return json.dumps(result, sort_keys=True).replace(uri(root), "")
