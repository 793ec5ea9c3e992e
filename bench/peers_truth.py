"""What is asked of the peers, and what is right: by the source text where that says it, else by a fresh ty.

Terms
- *place*: a file, relative to the root, and a line (1-based).
- *found*: what of an answer is compared: places; or names; or a text without its spaces.
"""

from __future__ import annotations

import ast
import os
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import unquote

from bench.oracle import Ty, at
from bench.repository import sources

Operation = Literal["find", "overview", "references", "definition", "hover"]
OPERATIONS: Mapping[Operation, str] = {
    "find": "find symbol across the repository",
    "overview": "overview of a file",
    "references": "references",
    "definition": "definition of a name in use",
    "hover": "hover",
}
Place = tuple[str, int]
Found = frozenset[Place] | frozenset[str]

_MOST_DEFINITIONS = 5
_FEWEST_LETTERS = 5
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Question(NamedTuple):
    """A class, function or method, and a place in another file where it is used."""

    name: str
    path: tuple[str, ...]  # ("QuerySet", "filter")
    file: str
    line: int  # 1-based, of the name
    column: int  # 0-based
    use_file: str
    use_line: int
    use_column: int
    use_text: str  # the line
    right: Mapping[Operation, Found]
    declared: frozenset[Place]  # the definition and its imports, which some count among the references, and some do not

    def agrees(self, operation: Operation, found: Found) -> bool:
        """Whether an answer says the same; a hover may say more than the signature."""
        right = self.right[operation]
        if operation == "hover":
            return any(str(one) in str(said) for one in right for said in found)
        return found - self.declared == right if operation == "references" else found == right


class Source(NamedTuple):
    """What the source text of a repository says."""

    defined: Mapping[str, frozenset[Place]]  # of each name that only classes, functions and methods have
    paths: Mapping[Place, tuple[str, ...]]  # of each definition, the names around it and its own
    top: Mapping[str, frozenset[str]]  # of each file, the names of the classes and functions at its top level
    lines: Mapping[Place, int]  # a decorator's line -> that of the name below it
    texts: Mapping[str, list[str]]

    def settled(self, found: Found) -> Found:
        """The same places, each by the line of its name: some count a definition from its first decorator."""
        settled = ((one[0], self.lines.get(one, one[1])) if isinstance(one, tuple) else one for one in found)
        return cast(Found, frozenset(settled))


def read(root: str) -> Source:
    """Read all Python files below a root."""
    defined: dict[str, set[Place]] = defaultdict(set)
    paths: dict[Place, tuple[str, ...]] = {}
    top: dict[str, frozenset[str]] = {}
    lines: dict[Place, int] = {}
    texts: dict[str, list[str]] = {}
    otherwise: set[str] = set()  # names that something else has, too, or a definition inside of a function
    for file in sources(root):
        with open(os.path.join(root, file), encoding="utf-8") as opened:
            text = opened.read()
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue  # a template of a module
        texts[file] = text.split("\n")
        top[file] = frozenset(path[0] for path, _ in _definitions(tree) if len(path) == 1)
        visible = set()
        for path, node in _definitions(tree):
            defined[node.name].add((file, node.lineno))
            paths[file, node.lineno] = path
            visible.add(node)
            lines.update({(file, one.lineno): node.lineno for one in node.decorator_list})
        otherwise.update(_others(tree, visible))
    kept = {name: frozenset(places) for name, places in defined.items() if name not in otherwise}
    return Source(kept, paths, top, lines, texts)


def _definitions(tree: ast.AST, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], _Definition]]:
    """Classes and functions at the top level, and in classes, whatever conditions they stand under."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _DEFINITIONS):
            path = (*above, node.name)
            yield path, node
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node, path)
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from _definitions(node, above)


def _others(tree: ast.AST, visible: set[_Definition]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, _DEFINITIONS) and node not in visible:
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname or ""


def choose(root: str, source: Source, number: int, *, seed: int = 1) -> list[Question]:
    """Questions in an order of chance, the same at every run, each about another name in another file.

    Asked for are names that a fresh ty knows the type of, and that are used in another file, beside being imported.
    """
    places = [place for name, places in source.defined.items() if _is_fit(name, places) for place in places]
    random.Random(seed).shuffle(places)
    chosen: list[Question] = []
    with Ty(root) as ty:
        for place in places:
            if any(place[0] == one.file or source.paths[place][-1] == one.name for one in chosen):
                continue
            if question := _question(ty, root, source, place):
                chosen.append(question)
            if len(chosen) == number:
                return chosen
    raise SystemExit(f"{root} has too few names that are used in another file")


def _is_fit(name: str, places: frozenset[Place]) -> bool:
    return len(places) <= _MOST_DEFINITIONS and len(name) >= _FEWEST_LETTERS and not name.startswith("_")


def _question(ty: Ty, root: str, source: Source, place: Place) -> Question | None:
    file, line = place
    path = source.paths[place]
    name = path[-1]
    text = source.texts[file][line - 1]
    column = text.index(name)
    asked = at(root, file, line - 1, column)
    uses = ty.ask("textDocument/references", {**asked, "context": {"includeDeclaration": False}}) or []
    named = ty.ask("textDocument/references", {**asked, "context": {"includeDeclaration": True}}) or []
    for use in uses:
        (use_file, use_line), use_column = where(use, root), use["range"]["start"]["character"]
        if use_file == file or use_file not in source.texts:
            continue
        use_text = source.texts[use_file][use_line - 1]
        if source.texts[use_file].count(use_text) > 1 or not use_text.isascii():
            continue  # Serena is told a place by an expression that only one line may match
        if use_text[use_column:].startswith(name) and "import" not in use_text:
            break
    else:
        return None
    said = ty.ask("textDocument/hover", asked)
    signature = squeezed(fenced(said["contents"]["value"])) if said else ""
    defined = ty.ask("textDocument/definition", at(root, use_file, use_line - 1, use_column)) or []
    definitions = frozenset(where(one, root) for one in defined)
    if signature in ("", "Unknown") or definitions != {place}:
        return None
    used = frozenset(where(one, root) for one in uses)
    declared = frozenset(where(one, root) for one in named) - used
    right: dict[Operation, Found] = {
        "find": source.defined[name],
        "overview": source.top[file],
        "references": used,
        "definition": definitions,
        "hover": frozenset({signature}),
    }
    return Question(name, path, file, line, column, use_file, use_line, use_column, use_text, right, declared)


def where(location: Mapping[str, Any], root: str) -> Place:
    """The place of an LSP Location or LocationLink."""
    uri = location.get("uri") or location["targetUri"]
    span = location.get("range") or location["targetSelectionRange"]
    return inside(unquote(uri.removeprefix("file://")), root), span["start"]["line"] + 1


def inside(path: str, root: str) -> str:
    """A path relative to the root, where it is below."""
    return path.removeprefix(root + "/")


def fenced(markdown: str) -> str:
    """What the first fence of code holds, or else all of it."""
    found = re.search(r"```\w*\n(.*?)```", markdown, re.DOTALL)
    return found[1] if found else markdown


def squeezed(text: str) -> str:
    """A text without its white space."""
    return re.sub(r"\s+", "", text)
