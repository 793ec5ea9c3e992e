"""Where definitions begin."""

from __future__ import annotations

from tree_sitter import Node

from semctxd.index.parsed import PARSER
from semctxd.index.source import Source, index_of
from semctxd.ranking.records import Record


def first_line(source: Source, symbol: Record) -> int:
    """The first line (1-based) of a definition: that of its first decorator, if it has one."""
    if not symbol.decorators:
        return symbol.line
    line = source.line(symbol.line - 1)
    at = symbol.line - 1, len(line[: index_of(line, symbol.column)].encode())
    root = PARSER.parse("\n".join(source.lines).encode()).root_node
    node: Node | None = root.descendant_for_point_range(at, at)
    while node is not None and node.type != "decorated_definition":
        node = node.parent
    return node.start_point[0] + 1 if node else symbol.line
