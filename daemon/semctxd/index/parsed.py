"""A source file's text, the tree of its outline, and what stands at a node of that."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Language, Node, Parser

from semctxd import lean
from semctxd.index.lexing import CHAIN
from semctxd.index.outline import outline
from semctxd.ranking.records import Import

# for its queries, which nothing here asks for; 1 MB
with lean.instead({"importlib.resources": lean.module("importlib.resources", files=None)}):
    import tree_sitter_python

_LANGUAGE = Language(tree_sitter_python.language())
PARSER = Parser(_LANGUAGE)


def _id(kind: str) -> int:
    found = _LANGUAGE.id_for_node_kind(kind, True)
    assert found is not None
    return found


# kinds of node
FUNCTION, CLASS, DECORATED = _id("function_definition"), _id("class_definition"), _id("decorated_definition")
DECORATOR, KEYWORD = _id("decorator"), _id("keyword_argument")
IMPORT, FROM = _id("import_statement"), _id("import_from_statement")
EXPRESSION, ASSIGNMENT, IDENTIFIER = map(_id, ("expression_statement", "assignment", "identifier"))
TUPLES = frozenset(map(_id, ("pattern_list", "tuple_pattern", "list_pattern")))
_ERROR = 65535
NESTING = frozenset(
    map(
        _id,
        ("if_statement", "elif_clause", "else_clause", "try_statement", "except_clause", "finally_clause",
         "with_statement", "for_statement", "while_statement", "block"),
    )
) | {_ERROR}  # fmt: skip
_VALUE = re.compile(rf"(?:await\s+)?({CHAIN})(\()?")


class Parsed:
    """A file while it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.whole = text.encode("utf-8", "surrogatepass")
        self.source, self.bodies = outline(self.whole)
        self.root = PARSER.parse(self.source).root_node
        if self.bodies and self.root.has_error:
            self.source, self.bodies = self.whole, {}
            self.root = PARSER.parse(self.source).root_node
        self.ascii = text.isascii()
        self.shown = self.source.decode("ascii") if self.ascii else ""

    def slice(self, start: int, end: int) -> str:
        """A part of the source, by bytes."""
        return self.shown[start:end] if self.ascii else self.source[start:end].decode("utf-8", "replace")

    def of(self, node: Node | None) -> str:
        """A node's text; "" where there is none."""
        return self.slice(node.start_byte, node.end_byte) if node else ""

    def taken_out(self, start: int, end: int) -> str:
        """A body that the outline is without."""
        return self.text[start:end] if self.ascii else self.whole[start:end].decode("utf-8", "replace")

    @staticmethod
    def field(node: Node, name: str) -> Node:
        """A field that the grammar requires; should error recovery ever leave it out, the node itself."""
        return node.child_by_field_name(name) or node

    def chain(self, node: Node) -> str:
        """The chain that an expression begins with, or ""."""
        found = _VALUE.match(self.slice(node.start_byte, min(node.end_byte, node.start_byte + 200)))
        return found[1] + ("()" if found[2] else "") if found else ""

    def position(self, node: Node) -> tuple[int, int]:
        """0-based line and UTF-16 column."""
        line, column = node.start_point
        if not self.ascii:
            head = self.source[node.start_byte - column : node.start_byte].decode("utf-8", "replace")
            column = len(head.encode("utf-16-le", "surrogatepass")) // 2
        return line, column

    def local_imports(self, node: Node) -> Iterator[Node]:
        """The import statements in a function's body."""
        for child in node.named_children:
            if child.kind_id in (IMPORT, FROM):
                yield child
            elif child.kind_id in NESTING:
                yield from self.local_imports(child)

    def imported(self, node: Node) -> Iterator[Import]:
        """What an import statement imports."""
        line = node.start_point[0] + 1
        named = node.children_by_field_name("name")
        if node.kind_id == IMPORT:
            for name in named:
                alias = name.child_by_field_name("alias")
                module = self.of(name.child_by_field_name("name") if alias else name)
                yield Import(module, 0, [], self.of(alias) or module.partition(".")[0], line, self.position(name))
            return
        text = self.of(node.child_by_field_name("module_name"))
        module = text.lstrip(". ")
        level = text[: len(text) - len(module)].count(".")
        names = []
        for name in named:
            alias = name.child_by_field_name("alias")
            original = self.of(name.child_by_field_name("name") if alias else name)
            names.append((original, self.of(alias) or original))
        yield Import(module, level, names or [("*", "*")], "", line, self.position(named[0] if named else node))
