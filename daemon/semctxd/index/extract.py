"""One source file -> its record: definitions, imports and the text of function bodies.

Pure: bytes in, record out. Nothing in a file makes it fail: what tree-sitter cannot parse is skipped piece by
piece, what cannot be decoded is replaced.
"""

from __future__ import annotations

import re

from tree_sitter import Node

from semctxd.index.closure import mentions
from semctxd.index.decoding import MAX_BYTES, decode
from semctxd.index.lexing import STRING, assigned
from semctxd.index.observe import docstring_style, marks
from semctxd.index.parsed import (
    ASSIGNMENT,
    CLASS,
    DECORATED,
    DECORATOR,
    EXPRESSION,
    FROM,
    FUNCTION,
    IDENTIFIER,
    IMPORT,
    KEYWORD,
    NESTING,
    TUPLES,
    Parsed,
)
from semctxd.index.weights import terms
from semctxd.ranking.records import UNKNOWN, FileRecord, Import, Kind, Record, Style, pack
from semctxd.ranking.signature import parameter_names
from semctxd.ranking.text import words

_SPACE = re.compile(r"\s+")
_GAP = r"(?:#[^\n]*|[\s\\])++"  # white space, comments, lines continued by a backslash
_JOINED = re.compile(rf"({STRING})|([(\[{{]){_GAP}|{_GAP}([)\]}}])|{_GAP}", re.S)
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


class _File(Parsed):
    """A file whose definitions are gathered."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(text)
        self.path = path
        self.depth = 0
        self.symbols: dict[str, Record] = {}
        self.more: list[Record] = []
        self.codes: dict[str, list[str]] = {}  # qualname -> texts of the bodies of a function's definitions
        self.imports: list[Import] = []
        self.path_terms = words(path.rpartition(".")[0].removesuffix("/__init__").replace("/", " "))

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

    def walk(self, node: Node, owner: str, in_class: bool) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise RecursionError
        for child in node.named_children:
            kind = child.kind_id
            if kind == FUNCTION:
                self.function(child, owner, in_class, "")
            elif kind == CLASS:
                self.klass(child, owner, "")
            elif kind == DECORATED:
                self.decorated(child, owner, in_class)
            elif kind == EXPRESSION:
                for inner in child.named_children[:1]:
                    if inner.kind_id == ASSIGNMENT:
                        self.variable(inner, owner)
            elif kind in (IMPORT, FROM):
                if not owner:
                    self.imports.extend(self.imported(child))
            elif kind in NESTING:
                self.walk(child, owner, in_class)
        self.depth -= 1

    def decorated(self, node: Node, owner: str, in_class: bool) -> None:
        definition = node.child_by_field_name("definition")
        chains = (
            self.chain(inner)
            for child in node.named_children
            if child.kind_id == DECORATOR
            for inner in child.named_children[:1]
        )
        decorators = " ".join(filter(None, chains))
        if definition is not None and definition.kind_id == FUNCTION:
            self.function(definition, owner, in_class, decorators)
        elif definition is not None:
            self.klass(definition, owner, decorators)

    def klass(self, node: Node, owner: str, decorators: str) -> None:
        name_node, body = self.field(node, "name"), self.field(node, "body")
        listed = node.child_by_field_name("superclasses")
        bases = [self.chain(child) for child in listed.named_children if child.kind_id != KEYWORD] if listed else []
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
        for target in left.named_children if left.kind_id in TUPLES else (left,):
            if target.kind_id == IDENTIFIER:
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
        if value is not None and value.kind_id == ASSIGNMENT:  # a = b = value
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
            owner=owner,
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
