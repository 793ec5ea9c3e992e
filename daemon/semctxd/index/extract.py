"""One source file -> its record: definitions, imports and what function bodies say.

Pure: bytes in, record out. Nothing in a file makes it fail: what tree-sitter cannot parse is skipped piece by
piece, what cannot be decoded is replaced.
"""

from __future__ import annotations

import io
import re
import tokenize
from array import array
from collections.abc import Iterator

import tree_sitter_python
from tree_sitter import Language, Node, Parser

from semctxd.index import lexing
from semctxd.index.observe import marks
from semctxd.ranking.records import FileRecord, Import, Kind, Record
from semctxd.ranking.signature import parameters
from semctxd.ranking.text import subtokens, words

MAX_BYTES = 2_000_000
"""A larger file is generated data: it is known by name only."""

_LANGUAGE = Language(tree_sitter_python.language())
_PARSER = Parser(_LANGUAGE)


def _id(kind: str) -> int:
    found = _LANGUAGE.id_for_node_kind(kind, True)
    assert found is not None  # noqa: S101 (a grammar without it is another language)
    return found


_FUNCTION, _CLASS, _DECORATED = _id("function_definition"), _id("class_definition"), _id("decorated_definition")
_IMPORT, _FROM, _FUTURE = _id("import_statement"), _id("import_from_statement"), _id("future_import_statement")
_EXPRESSION, _ASSIGNMENT = _id("expression_statement"), _id("assignment")
_STRING, _IDENTIFIER = _id("string"), _id("identifier")
_ALIASED, _RELATIVE, _WILDCARD = _id("aliased_import"), _id("relative_import"), _id("wildcard_import")
_NESTING = frozenset(
    map(
        _id,
        (
            "if_statement",
            "elif_clause",
            "else_clause",
            "try_statement",
            "except_clause",
            "finally_clause",
            "with_statement",
            "for_statement",
            "while_statement",
            "block",
        ),
    )
) | {65535}  # fmt: skip (65535: ERROR)
_SPACE = re.compile(r"\s+")
_COMMENT = re.compile(r"#[^\n]*")
_VALUE = re.compile(rf"(?:await\s+)?({lexing._CHAIN})(\()?")
_DOC_MAX = 600

_NAME_WEIGHT, _OWNER_WEIGHT, _PATH_WEIGHT, _DOC_WEIGHT, _SIGNATURE_WEIGHT = 4.0, 1.0, 0.7, 1.5, 0.8
_K1, _B, _MEAN_LENGTH = 1.2, 0.6, 40.0  # Okapi BM25; a fixed mean keeps a file's weights its own


def extract(path: str, data: bytes) -> FileRecord:
    """The record of a file (`path` relative to the root). Never fails."""
    text = decode(data)
    if len(data) > MAX_BYTES or text is None:
        return FileRecord(path, "", [], [], "", [])
    return _File(path, text).record()


def decode(data: bytes) -> str | None:
    """Source text by PEP 263; undecodable bytes are replaced; None where it is no text at all."""
    if b"\0" in data:
        return None
    if data.isascii():
        return data.decode("ascii")
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError:  # an unknown encoding, or bytes that are not the UTF-8 they should be
        encoding = "utf-8-sig"
    return data.decode(encoding, errors="replace")


class _File:
    """A file while it is read."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.source = text.encode("utf-8", "surrogatepass")
        self.ascii = len(self.source) == len(text)
        self.symbols: dict[str, Record] = {}
        self.imports: list[Import] = []
        stem = path.rpartition(".")[0].removesuffix("/__init__")
        self.path_terms = words(stem.replace("/", " "))

    def record(self) -> FileRecord:
        root = _PARSER.parse(self.source).root_node
        doc, _ = self.docstring(root)
        self.walk(root, "", False)
        ordered = sorted(self.symbols.values(), key=lambda symbol: (symbol.line, symbol.column))
        return FileRecord(self.path, doc, ordered, self.imports, lexing.identifiers(self.text), marks(ordered, self.imports, self.path, self.text))

    # -- small readers ----------------------------------------------------------------------------

    def slice(self, start: int, end: int) -> str:
        return self.text[start:end] if self.ascii else self.source[start:end].decode("utf-8", "replace")

    def of(self, node: Node | None) -> str:
        return self.slice(node.start_byte, node.end_byte) if node else ""

    def position(self, node: Node) -> tuple[int, int]:
        """0-based line and UTF-16 column."""
        line, column = node.start_point
        if not self.ascii:
            head = self.source[node.start_byte - column : node.start_byte].decode("utf-8", "replace")
            column = len(head.encode("utf-16-le", "surrogatepass")) // 2
        return line, column

    def docstring(self, body: Node | None) -> tuple[str, str]:
        """(first paragraph, style) of the docstring of a module, class or function; empty without one."""
        first = next((node for node in body.named_children if node.type != "comment"), None) if body else None
        inner = first.named_children[0] if first and first.kind_id == _EXPRESSION and first.named_children else first
        if inner is None or inner.kind_id != _STRING:
            return "", ""
        raw = self.of(inner).lstrip("rRuUbBfF").strip("\"'").strip()
        paragraph = raw.replace("\r\n", "\n").partition("\n\n")[0]
        return _SPACE.sub(" ", paragraph)[:_DOC_MAX], _docstring_style(raw)

    # -- definitions ------------------------------------------------------------------------------

    def walk(self, node: Node, owner: str, in_class: bool) -> None:
        for child in node.named_children:
            kind = child.kind_id
            if kind == _FUNCTION:
                self.function(child, owner, in_class, [])
            elif kind == _CLASS:
                self.klass(child, owner, [])
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

    def decorated(self, node: Node, owner: str, in_class: bool) -> None:
        definition = node.child_by_field_name("definition")
        decorators = [
            found[1]
            for child in node.named_children
            if child.type == "decorator" and (found := _VALUE.match(self.of(child)[1:].strip()))
        ]
        if definition is not None and definition.kind_id == _FUNCTION:
            self.function(definition, owner, in_class, decorators)
        elif definition is not None:
            self.klass(definition, owner, decorators)

    def klass(self, node: Node, owner: str, decorators: list[str]) -> None:
        name_node, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name_node is None:
            return
        bases = []
        if (listed := node.child_by_field_name("superclasses")) is not None:
            bases = [
                found[1] for child in listed.named_children
                if child.type != "keyword_argument" and (found := _VALUE.match(self.of(child)))
            ]  # fmt: skip
        self.add(name_node, node, body, owner, "class", decorators=decorators, bases=bases)
        if body is not None:
            self.walk(body, self.qualified(owner, self.of(name_node)), True)

    def function(self, node: Node, owner: str, in_class: bool, decorators: list[str]) -> None:
        name_node, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name_node is None:
            return
        self.add(
            name_node, node, body, owner, "method" if in_class else "function", decorators=decorators, is_function=True
        )

    def variable(self, node: Node, owner: str) -> None:
        left, value = node.child_by_field_name("left"), node.child_by_field_name("right")
        targets = [] if left is None else [left] if left.kind_id == _IDENTIFIER else left.named_children
        chain = ""
        if value is not None and (
            found := _VALUE.match(self.slice(value.start_byte, min(value.end_byte, value.start_byte + 200)))
        ):
            chain = found[1] + ("()" if found[2] else "")
        for target in targets:
            if (
                target.kind_id == _IDENTIFIER
                and left is not None
                and left.type != "subscript"
                and left.type != "attribute"
            ):
                self.add(
                    target,
                    node,
                    None,
                    owner,
                    "variable",
                    value=chain,
                    annotation=self.of(node.child_by_field_name("type")),
                )
        if value is not None and value.kind_id == _ASSIGNMENT:  # a = b = value
            self.variable(value, owner)

    @staticmethod
    def qualified(owner: str, name: str) -> str:
        return f"{owner}.{name}" if owner else name

    def add(
        self, name_node: Node, node: Node, body: Node | None, owner: str, kind: Kind, *, is_function: bool = False,
        decorators: list[str] | None = None, bases: list[str] | None = None, value: str = "", annotation: str = "",
    ) -> None:  # fmt: skip
        name = self.of(name_node)
        qualname = self.qualified(owner, name)
        if qualname in self.symbols:
            return  # the first definition stands: overloads and fallbacks share its name
        line, column = self.position(name_node)
        end = node.end_byte if body is None else body.start_byte
        head = self.slice(node.start_byte, end)
        doc, style = self.docstring(body)
        params: list[tuple[str, str]] = []
        code: str | None = None
        imports: list[Import] = []
        if body is None:
            head = head.partition("\n")[0][:120]
        signature = _SPACE.sub(" ", _COMMENT.sub("", head) if "#" in head else head).strip()
        if body is not None:
            signature = signature.rstrip(":").rstrip()
        returns = annotation
        if is_function:
            params = parameters(signature)
            returns = self.of(node.child_by_field_name("return_type"))
            code = self.of(body)
            imports = (
                [found for inner in self.local_imports(body) for found in self.imported(inner)]
                if body and "import " in code
                else []
            )
        terms, weights = self.terms(name, owner, doc, params, returns)
        self.symbols[qualname] = Record(
            name, qualname, kind, line + 1, column, node.end_point[0] + 1, signature, doc, style,
            decorators or [], bases or [], params, returns, value, code, imports, terms, weights,
        )  # fmt: skip

    def local_imports(self, node: Node) -> Iterator[Node]:
        for child in node.named_children:
            if child.kind_id in (_IMPORT, _FROM):
                yield child
            elif child.kind_id in _NESTING:
                yield from self.local_imports(child)

    def terms(self, name: str, owner: str, doc: str, params: list[tuple[str, str]], returns: str) -> tuple[str, bytes]:
        """Sub-tokens of a definition's fields and their BM25 weights: BM25F, the fields' frequencies weighted and added."""
        counts: dict[str, float] = {}
        for tokens, weight in (
            (subtokens(name), _NAME_WEIGHT),
            (subtokens(owner), _OWNER_WEIGHT),
            (self.path_terms, _PATH_WEIGHT),
            (words(doc), _DOC_WEIGHT),
            (
                words(
                    " ".join(
                        [f"{param} {type_}" for param, type_ in params if param not in ("self", "cls")] + [returns]
                    )
                ),
                _SIGNATURE_WEIGHT,
            ),
        ):
            for token in tokens:
                counts[token] = counts.get(token, 0.0) + weight
        norm = _K1 * (1 - _B + _B * sum(counts.values()) / _MEAN_LENGTH)
        return " ".join(counts), array("f", [tf * (_K1 + 1) / (tf + norm) for tf in counts.values()]).tobytes()

    # -- imports ----------------------------------------------------------------------------------

    def imported(self, node: Node) -> Iterator[Import]:
        line = node.start_point[0] + 1
        named = node.children_by_field_name("name")
        if node.kind_id == _IMPORT:
            for name in named:
                alias = name.child_by_field_name("alias")
                module = self.of(name.child_by_field_name("name") if alias else name)
                yield Import(module, 0, [], self.of(alias) or module.partition(".")[0], line, self.position(name))
            return
        source = node.child_by_field_name("module_name")
        text = self.of(source)
        module = text.lstrip(". ")
        level = len(text[: len(text) - len(module)].replace(" ", ""))
        names, at = [], self.position(node)
        for name in named:
            alias = name.child_by_field_name("alias")
            original = self.of(name.child_by_field_name("name") if alias else name)
            if not names:
                at = self.position(name)
            names.append((original, self.of(alias) or original))
        if not names:
            names = [("*", "*")]
        yield Import(module, level, names, "", line, at)


def _docstring_style(raw: str) -> str:
    if ":param " in raw or ":return" in raw or ":rtype" in raw or ":raises " in raw:
        return "sphinx"
    if "Parameters\n" in raw and "----" in raw or "Returns\n" in raw and "----" in raw:
        return "numpy"
    if "Args:\n" in raw or "Returns:\n" in raw or "Raises:\n" in raw or "Yields:\n" in raw:
        return "google"
    return "plain"
