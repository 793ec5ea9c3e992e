"""Hiding a function from a file, so that what its body says can be asked for.

Hidden with the body are its docstring and the imports of the module that nothing else needs. For a question that
does not say where the function stands, the whole definition goes: its signature would name the place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef

_QUOTED = re.compile(r"['\"]([^\W\d]\w*)['\"]")


def functions(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, Function]]:
    """(qualname, node) of every function, whatever classes and conditions it stands in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            qualname = f"{owner}.{node.name}" if owner else node.name
            if not isinstance(node, ast.ClassDef):
                yield qualname, node
            yield from functions(node, qualname)
        elif isinstance(node, (ast.stmt, ast.ExceptHandler)):
            yield from functions(node, owner)


def find(text: str, qualname: str, line: int) -> Function:
    """The function of that name nearest to a line (1-based). Raises LookupError, SyntaxError."""
    found = [node for name, node in functions(ast.parse(text)) if name == qualname]
    if not found:
        raise LookupError(qualname)
    return min(found, key=lambda node: abs(node.lineno - line))


def mask(text: str, qualname: str, line: int, *, keep_signature: bool) -> str:
    """The text without a function's body (`keep_signature`), or without all of it. Line endings become `\\n`."""
    text = text.replace("\r\n", "\n")
    node = find(text, qualname, line)
    lines = text.split("\n")
    first, end = node.body[0], node.body[-1].end_lineno
    indent = " " * node.col_offset
    if not keep_signature:
        start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        lines[start - 1 : end] = [f"{indent}pass"]
    else:
        start = min([first.lineno, *(one.lineno for one in getattr(first, "decorator_list", ()))])
        above = lines[start - 1].encode()[: first.col_offset].decode().rstrip() if start == first.lineno else ""
        lines[start - 1 : end] = [*([above] if above else []), f"{indent}    ..."]  # `def f(): return 1` has one line
    return _without_imports_of(node, "\n".join(lines))


def undocumented(text: str, qualname: str, line: int) -> str:
    """The text without a function's docstring."""
    text = text.replace("\r\n", "\n")
    node = find(text, qualname, line)
    lines = text.split("\n")
    first = node.body[0]
    if ast.get_docstring(node) is not None and first.lineno > node.lineno:
        lines[first.lineno - 1 : first.end_lineno] = [" " * first.col_offset + "pass"]
    return "\n".join(lines)


def _names(nodes: list[ast.stmt]) -> set[str]:
    return {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _without_imports_of(hidden: Function, text: str) -> str:
    """Take out the imports that the hidden body used and nothing else does, a quoted annotation included."""
    tree = ast.parse(text)
    orphans = _names(hidden.body) - _names(tree.body) - set(_QUOTED.findall(text))
    lines = text.split("\n")
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in sorted(statements, key=lambda node: -node.lineno):
        kept = [alias for alias in node.names if (alias.asname or alias.name.partition(".")[0]) not in orphans]
        if len(kept) == len(node.names):
            continue
        node.names = kept
        line = ast.unparse(node) if kept else "pass" if node.col_offset else ""
        height = (node.end_lineno or node.lineno) - node.lineno
        lines[node.lineno - 1 : node.end_lineno] = [" " * node.col_offset + line, *[""] * height]
    edited = "\n".join(lines)
    try:
        ast.parse(edited)
    except SyntaxError:  # two statements on one line
        return text
    return edited
