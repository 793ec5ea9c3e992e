"""One source file -> its record: definitions, imports and the text of function bodies.

Pure: bytes in, record out. Nothing in a file makes it fail: what tree-sitter cannot parse is skipped piece by
piece, what cannot be decoded is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter_python
from tree_sitter import Language, Node, Parser

from semctxd.index.closure import mentions
from semctxd.index.decoding import MAX_BYTES, decode
from semctxd.index.lexing import CHAIN, STRING, assigned
from semctxd.index.observe import docstring_style, marks
from semctxd.index.outline import outline
from semctxd.index.weights import terms
from semctxd.ranking.records import UNKNOWN, FileRecord, Import, Kind, Record, Style, pack
from semctxd.ranking.signature import parameter_names
from semctxd.ranking.text import words

_LANGUAGE = Language(tree_sitter_python.language())
PARSER = Parser(_LANGUAGE)


def _id(kind: str) -> int:
    found = _LANGUAGE.id_for_node_kind(kind, True)
    assert found is not None
    return found


_FUNCTION, _CLASS, _DECORATED = _id("function_definition"), _id("class_definition"), _id("decorated_definition")
_DECORATOR, _COMMENT_NODE, _KEYWORD = _id("decorator"), _id("comment"), _id("keyword_argument")
_IMPORT, _FROM = _id("import_statement"), _id("import_from_statement")
_EXPRESSION, _ASSIGNMENT, _STRING, _IDENTIFIER = map(
    _id, ("expression_statement", "assignment", "string", "identifier")
)
_TUPLES = frozenset(map(_id, ("pattern_list", "tuple_pattern", "list_pattern")))
_ERROR = 65535
_NESTING = frozenset(
    map(
        _id,
        ("if_statement", "elif_clause", "else_clause", "try_statement", "except_clause", "finally_clause",
         "with_statement", "for_statement", "while_statement", "block"),
    )
) | {_ERROR}  # fmt: skip
_SPACE = re.compile(r"\s+")
_GAP = r"(?:#[^\n]*|[\s\\])++"  # white space, comments, lines continued by a backslash
_JOINED = re.compile(rf"({STRING})|([(\[{{]){_GAP}|{_GAP}([)\]}}])|{_GAP}", re.S)
_VALUE = re.compile(rf"(?:await\s+)?({CHAIN})(\()?")
_DOCSTRING = re.compile(
    r"""(?:\s*\#[^\n]*\n)*\s*[rRuU]?(?:\"{3}(.*?)\"{3}|'{3}(.*?)'{3}|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')\s*(?:\n|;|$|\#)""",
    re.S,
)
_DEEPEST = 220  # blocks and statements in each other; Python itself takes a hundred levels
_DOC_MAX = 600
_VARIABLE_MAX = 120


def extract(path: str, data: bytes) -> FileRecord:
    """The record of a file (`path` relative to the root). Never fails."""
    text = decode(data)
    if len(data) > MAX_BYTES or text is None:
        return FileRecord(path, "", [], [], [], UNKNOWN)
    return extract_text(path, text)


def extract_text(path: str, text: str) -> FileRecord:
    """The record of a file that has, or is taken to have, this text. Never fails."""
    try:
        return _File(path, text.replace("\0", " ")).record()
    except RecursionError:
        return FileRecord(path, "", [], [], [], UNKNOWN)


class _File:
    """A file while it is read."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.whole = text.encode("utf-8", "surrogatepass")
        self.depth = 0
        self.symbols: dict[str, Record] = {}
        self.more: list[Record] = []
        self.codes: dict[str, list[str]] = {}  # qualname -> texts of the bodies of a function's definitions
        self.imports: list[Import] = []
        self.path_terms = words(path.rpartition(".")[0].removesuffix("/__init__").replace("/", " "))
        self.source, self.bodies = outline(self.whole)
        self.root = PARSER.parse(self.source).root_node
        if self.bodies and self.root.has_error:
            self.source, self.bodies = self.whole, {}
            self.root = PARSER.parse(self.source).root_node
        self.ascii = text.isascii()
        self.shown = self.source.decode("ascii") if self.ascii else ""

    def record(self) -> FileRecord:
        self.walk(self.root, "", False)
        symbols = sorted(self.symbols.values(), key=lambda symbol: (symbol.line, symbol.column))
        bodies = ["\n".join(self.codes[symbol.qualname]) for symbol in symbols]
        for symbol, body in zip(symbols, bodies, strict=True):
            symbol.assigned = " ".join(assigned(body))
        return FileRecord(
            self.path,
            documentation(self.text)[0],
            symbols,
            self.imports,
            marks(symbols, self.imports, self.path, self.text),
            mentions(self.text),
            " ".join(dict.fromkeys(term for symbol in symbols for term in symbol.terms.split())),
            pack(bodies) if any(bodies) else b"",
            tuple(self.more),
        )

    # -- small readers ----------------------------------------------------------------------------

    def slice(self, start: int, end: int) -> str:
        """A part of the source, by bytes."""
        return self.shown[start:end] if self.ascii else self.source[start:end].decode("utf-8", "replace")

    def of(self, node: Node | None) -> str:
        return self.slice(node.start_byte, node.end_byte) if node else ""

    def taken_out(self, start: int, end: int) -> str:
        """A body that the outline is without."""
        return self.text[start:end] if self.ascii else self.whole[start:end].decode("utf-8", "replace")

    @staticmethod
    def field(node: Node, name: str) -> Node:
        """A field that the grammar requires; should error recovery ever leave it out, the node itself."""
        return node.child_by_field_name(name) or node

    def chain(self, node: Node) -> str:
        found = _VALUE.match(self.slice(node.start_byte, min(node.end_byte, node.start_byte + 200)))
        return found[1] + ("()" if found[2] else "") if found else ""

    def position(self, node: Node) -> tuple[int, int]:
        """0-based line and UTF-16 column."""
        line, column = node.start_point
        if not self.ascii:
            head = self.source[node.start_byte - column : node.start_byte].decode("utf-8", "replace")
            column = len(head.encode("utf-16-le", "surrogatepass")) // 2
        return line, column

    # -- definitions ------------------------------------------------------------------------------

    def walk(self, node: Node, owner: str, in_class: bool) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise RecursionError
        for child in node.named_children:
            kind = child.kind_id
            if kind == _FUNCTION:
                self.function(child, owner, in_class, "")
            elif kind == _CLASS:
                self.klass(child, owner, "")
            elif kind == _DECORATED:
                self.decorated(child, owner, in_class)
            elif kind == _EXPRESSION:
                for inner in child.named_children[:1]:
                    if inner.kind_id == _ASSIGNMENT:
                        self.variable(inner, owner)
            elif kind in (_IMPORT, _FROM):
                if not owner:
                    self.imports.extend(self.imported(child))
            elif kind in _NESTING:
                self.walk(child, owner, in_class)
        self.depth -= 1

    def decorated(self, node: Node, owner: str, in_class: bool) -> None:
        definition = node.child_by_field_name("definition")
        chains = (
            self.chain(inner)
            for child in node.named_children
            if child.kind_id == _DECORATOR
            for inner in child.named_children[:1]
        )
        decorators = " ".join(filter(None, chains))
        if definition is not None and definition.kind_id == _FUNCTION:
            self.function(definition, owner, in_class, decorators)
        elif definition is not None:
            self.klass(definition, owner, decorators)

    def klass(self, node: Node, owner: str, decorators: str) -> None:
        name_node, body = self.field(node, "name"), self.field(node, "body")
        listed = node.child_by_field_name("superclasses")
        bases = [self.chain(child) for child in listed.named_children if child.kind_id != _KEYWORD] if listed else []
        doc, style = documentation(self.slice(body.start_byte, min(body.end_byte, body.start_byte + 5000)))
        self.add(
            name_node,
            node,
            "class",
            owner,
            signature=self.head(node, listed, body),
            doc=doc,
            style=style,
            decorators=decorators,
            bases=" ".join(filter(None, bases)),
        )
        self.walk(body, self.qualified(owner, self.of(name_node)), True)

    def function(self, node: Node, owner: str, in_class: bool, decorators: str) -> None:
        name_node, body = self.field(node, "name"), self.field(node, "body")
        taken = self.bodies.get(body.start_point[0])
        code = self.taken_out(*taken) if taken else self.of(body)
        imports = None
        if not taken and "import " in code:
            imports = [one for inner in self.local_imports(body) for one in self.imported(inner)]
        doc, style = documentation(code)
        head = self.head(node, node.child_by_field_name("parameters"), body)
        self.add(
            name_node,
            node,
            "method" if in_class else "function",
            owner,
            signature=head,
            doc=doc,
            style=style,
            decorators=decorators,
            params=" ".join(parameter_names(head)),
            returns=self.of(node.child_by_field_name("return_type")),
            body=code,
            body_imports=imports,
        )

    def last_line(self, node: Node) -> int:
        """1-based; where the node ends with a body that was taken out, so does that."""
        line = node.end_point[0]
        taken = self.bodies.get(line)
        return line + 1 + (self.whole.count(b"\n", *taken) if taken else 0)

    def head(self, node: Node, listed: Node | None, body: Node) -> str:
        """`def f(x: int) -> str`: what stands before the body, on one line. `listed`: parameters or bases."""
        head = self.slice(node.start_byte, body.start_byte).rstrip()
        if "\n" in head or "#" in head:
            end = listed.end_byte - 1 if listed else node.start_byte
            opened = _on_one_line(self.slice(node.start_byte, end)).rstrip().removesuffix(",")
            head = opened + _on_one_line(self.slice(end, body.start_byte)).rstrip()
        return head.removesuffix(":").rstrip()

    def variable(self, node: Node, owner: str) -> None:
        left, value = self.field(node, "left"), node.child_by_field_name("right")
        for target in left.named_children if left.kind_id in _TUPLES else (left,):
            if target.kind_id == _IDENTIFIER:
                line = self.of(node).partition("\n")[0][:_VARIABLE_MAX]
                self.add(
                    target,
                    node,
                    "variable",
                    owner,
                    signature=_SPACE.sub(" ", line).strip(),
                    value=self.chain(value) if value is not None else "",
                    returns=self.of(node.child_by_field_name("type")),
                )
        if value is not None and value.kind_id == _ASSIGNMENT:  # a = b = value
            self.variable(value, owner)

    @staticmethod
    def qualified(owner: str, name: str) -> str:
        return f"{owner}.{name}" if owner else name

    def add(
        self,
        name_node: Node,
        node: Node,
        kind: Kind,
        owner: str,
        *,
        signature: str,
        doc: str = "",
        style: Style = "",
        decorators: str = "",
        bases: str = "",
        params: str = "",
        returns: str = "",
        value: str = "",
        body: str | None = None,  # of a function, its text
        body_imports: list[Import] | None = None,
    ) -> None:
        name = self.of(name_node)
        qualname = self.qualified(owner, name)
        first = self.symbols.get(qualname)
        gives_way = first and any(one.rpartition(".")[2] == "overload" for one in first.decorators.split())
        if first and gives_way and not doc:
            doc, style = first.doc, first.style
        line, column = self.position(name_node)
        symbol = Record(
            name=name,
            qualname=qualname,
            kind=kind,
            line=line + 1,
            column=column,
            end=self.last_line(node),
            signature=signature,
            doc=doc,
            style=style,
            decorators=decorators,
            bases=bases,
            params=params,
            returns=returns,
            value=value,
            is_callable=body is not None,
            assigned="",
            body_imports=body_imports,
            terms="",
            weights=b"",
        )
        if first and not gives_way:  # it stands, and says what the others do: a property's setter, another branch's
            if first.is_callable and body is not None:
                self.codes[qualname].append(body)
                first.body_imports = (first.body_imports or []) + (body_imports or []) or None
            if kind != "variable":
                self.more.append(symbol)
            return
        symbol.terms, symbol.weights = terms(symbol, self.path_terms)
        self.symbols[qualname] = symbol
        self.codes[qualname] = [body or ""]

    # -- imports ----------------------------------------------------------------------------------

    def local_imports(self, node: Node) -> Iterator[Node]:
        for child in node.named_children:
            if child.kind_id in (_IMPORT, _FROM):
                yield child
            elif child.kind_id in _NESTING:
                yield from self.local_imports(child)

    def imported(self, node: Node) -> Iterator[Import]:
        line = node.start_point[0] + 1
        named = node.children_by_field_name("name")
        if node.kind_id == _IMPORT:
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


def _on_one_line(code: str) -> str:
    """Code as it would be written on one line, without comments; strings stay as they are."""
    return _JOINED.sub(lambda found: found[found.lastindex] if found.lastindex else " ", code)


def documentation(code: str) -> tuple[str, Style]:
    """(first paragraph, style) of the docstring that code begins with; empty without one."""
    found = _DOCSTRING.match(code)
    if not found:
        return "", ""
    raw = found[found.lastindex or 0].strip()
    paragraph = raw.replace("\r\n", "\n").partition("\n\n")[0]
    return _SPACE.sub(" ", paragraph)[:_DOC_MAX], docstring_style(raw)
