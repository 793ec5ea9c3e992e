"""Real functions, each spoiled in one place: a called name, an attribute or an import that does not exist."""

from __future__ import annotations

import ast
import os
import random
import sys
from collections.abc import Iterator
from typing import NamedTuple

from bench.repository import sources

KINDS = ("call", "attribute", "import")
_FILE_MAX_BYTES = 200_000


class Spoiled(NamedTuple):
    """A function's file as it is, and with one name in it misspelt."""

    file: str  # relative to the root
    kind: str
    text: str
    spoiled: str  # as many lines
    line: int  # 0-based, of the misspelt name
    function_line: int  # 0-based, of the function's name


def functions(root: str, number: int) -> list[Spoiled]:
    """So many functions from files in an order of chance, the same at every run; each kind of mistake in its turn."""
    chance = random.Random(3)
    packages = frozenset(os.listdir(root)) | sys.stdlib_module_names
    files = list(sources(root))
    chance.shuffle(files)
    found: list[Spoiled] = []
    for file in files:
        if len(found) == number:
            break
        with open(os.path.join(root, file), "rb") as source:
            data = source.read(_FILE_MAX_BYTES + 1)
        if len(data) > _FILE_MAX_BYTES or not data.isascii() or b"\r" in data or b"\f" in data:
            continue  # so that columns of `ast` are those of LSP
        found += list(_of_file(file, data.decode(), len(found), chance, packages))[: min(4, number - len(found))]
    return found


def _of_file(file: str, text: str, turn: int, chance: random.Random, packages: frozenset[str]) -> Iterator[Spoiled]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    names = {alias.name: alias for alias in _imported(tree, packages)}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    chance.shuffle(nodes)
    while nodes:
        kinds = (*KINDS[turn % len(KINDS) :], *KINDS[: turn % len(KINDS)])
        for kind, node in ((kind, node) for kind in kinds for node in nodes):  # the next in turn that the file has
            places = sorted({place for place in _places(node, kind, names) if len(place[2]) > 3})
            line, column, name = chance.choice(places) if places else (0, 0, "")
            lines = text.split("\n")
            wrong = _misspelt(name, text)
            if wrong and lines[line][column : column + len(name)] == name:
                lines[line] = lines[line][:column] + wrong + lines[line][column + len(name) :]
                yield Spoiled(file, kind, text, "\n".join(lines), line, node.lineno - 1)
                turn += 1
                nodes.remove(node)
                break
        else:
            return


def _places(node: ast.AST, kind: str, names: dict[str, ast.alias]) -> Iterator[tuple[int, int, str]]:
    """(line, column, name) of what can be misspelt in a function."""
    for one in ast.walk(node):
        if kind == "call" and isinstance(one, ast.Call) and isinstance(one.func, ast.Name):
            yield one.func.lineno - 1, one.func.col_offset, one.func.id
        elif kind == "attribute" and isinstance(one, ast.Attribute) and one.end_lineno and one.end_col_offset:
            yield one.end_lineno - 1, one.end_col_offset - len(one.attr), one.attr
        elif kind == "import" and isinstance(one, ast.Name) and (alias := names.get(one.id)):
            yield alias.lineno - 1, alias.col_offset, alias.name


def _imported(tree: ast.Module, packages: frozenset[str]) -> Iterator[ast.alias]:
    """The names imported from modules that are there: of others no server can say what they have."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").partition(".")[0] in packages):
            yield from (alias for alias in node.names if alias.name != "*" and not alias.asname)


def _misspelt(name: str, text: str) -> str:
    """Two letters in the wrong order, as they come from a keyboard; "" where that is in the file, or the same."""
    for at in range(len(name) // 2, len(name) - 1):
        wrong = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        if wrong not in text:
            return wrong
    return ""
