from __future__ import annotations

import pytest

from semctxd.index import lexing
from semctxd.index.decoding import MAX_BYTES, decode
from semctxd.index.extract import extract
from semctxd.ranking.records import FileRecord, Record

SOURCE = '''\
"""The module.

More.
"""
import os, json as j
import xml.dom
from . import sibling
from ..pkg import (
    one,
    two as zwei,
)
from star import *
from __future__ import annotations

LIMIT: int = 3
first, (second) = pair = make(1)
obj.attribute = 1

if LIMIT:
    try:
        import fast
    except ImportError:
        def fallback(): "Only one line."


@register("x")
@wraps
class Shape(Base, mixins.Sized, metaclass=Meta):
    """A shape.

    Attributes:
        area: it
    """

    sides = 4
    kinds = names = Kinds()

    @property
    async def area(self, unit: str = "m²", *rest: int) -> float:  # why
        """Return the area.

        :param unit: of length
        """
        return self.sides

    def lazy(self):
        from late import Later
        if self:
            import json
        return Later()

    class Inner:
        pass

    def area(self):
        return 2
'''


@pytest.fixture(scope="module")
def record() -> FileRecord:
    return extract("pkg/shapes.py", SOURCE.encode())


def by_qualname(record: FileRecord) -> dict[str, Record]:
    return {symbol.qualname: symbol for symbol in record.symbols}


def test_every_definition_is_found_where_its_name_stands(record: FileRecord) -> None:
    lines = SOURCE.split("\n")
    kinds = {symbol.qualname: symbol.kind for symbol in record.symbols}
    assert kinds == {
        "LIMIT": "variable", "first": "variable", "pair": "variable", "fallback": "function", "Shape": "class",
        "Shape.sides": "variable", "Shape.kinds": "variable", "Shape.names": "variable", "Shape.area": "method",
        "Shape.lazy": "method", "Shape.Inner": "class",
    }  # fmt: skip
    for symbol in record.symbols:
        assert lines[symbol.line - 1][symbol.column :].startswith(symbol.name)
    assert record.doc == "The module."


def test_a_function_has_signature_parameters_types_decorators_and_docs(record: FileRecord) -> None:
    area = by_qualname(record)["Shape.area"]
    assert area.signature == 'async def area(self, unit: str = "m²", *rest: int) -> float'
    assert area.parameters == [("self", ""), ("unit", "str"), ("rest", "int")]
    assert (area.params, area.returns, area.decorators) == ("self unit rest", "float", "property")
    assert (area.doc, area.style, area.owner, area.is_callable) == ("Return the area.", "sphinx", "Shape", True)
    assert SOURCE.split("\n")[area.end - 1].strip() == "return self.sides"
    assert by_qualname(record)["fallback"].doc == "Only one line."


def test_an_overload_gives_way_to_what_implements_it() -> None:
    source = """\
import typing as t

class Box:
    @t.overload
    def get(self, at: int) -> str:
        '''Look inside.'''
    @t.overload
    def get(self, at: str) -> bytes: ...
    def get(self, at):
        return lookup(at)
"""
    record = extract("box.py", source.encode())
    ((get, body),) = [one for one in zip(record.symbols, record.bodies, strict=True) if one[0].name == "get"]
    assert (get.line, get.signature, get.doc) == (9, "def get(self, at)", "Look inside.")
    assert body == "return lookup(at)"


def test_definitions_of_one_name_are_the_first_with_what_all_of_them_say() -> None:
    source = """\
class Box:
    @property
    def size(self):
        return measured(self)
    @size.setter
    def size(self, value):
        import checks
        self._size = checks.positive(value)
if modern:
    def load():
        return new()
else:
    def load():
        return old()
    Box = None
"""
    record = extract("box.py", source.encode())
    found = by_qualname(record)
    assert list(found) == ["Box", "Box.size", "load"]
    _, body, other = record.bodies
    size = found["Box.size"]
    assert (size.line, size.end, size.signature) == (3, 4, "def size(self)")
    assert lexing.body(body).uses == ["measured", "checks", "checks.positive", "value"]
    assert size.assigned == "_size"
    assert [one.module for one in size.body_imports or []] == ["checks"]
    load = found["load"]
    assert (load.line, other, load.body_imports) == (10, "return new()\nreturn old()", None)
    assert [(one.qualname, one.line) for one in record.more] == [("Box.size", 6), ("load", 13)]


def test_what_a_definition_ends_with() -> None:
    """A class with its last method; and a comment belongs to what it precedes."""
    source = """\
class Basket:
    def size(self):
        return 1
        # of its own

    # About the total.
    def total(self):
        price = 2

# commented out
        return price


# About the rest.
    # More about it.

def rest():
    pass  # the last word
# The end.
"""
    symbols = by_qualname(extract("basket.py", source.encode()))
    ends = {name: source.split("\n")[symbol.end - 1].strip() for name, symbol in symbols.items()}
    assert ends == {
        "Basket": "return price",
        "Basket.size": "# of its own",
        "Basket.total": "return price",
        "rest": "pass  # the last word",
    }


@pytest.mark.parametrize(
    ("source", "signature"),
    [
        ("def f(\n    self,\n    a: int,  # (how many\n) -> str:\n    pass\n", "def f(self, a: int) -> str"),
        ("def f(\r\n    a,\r\n    b\r\n):\r\n    pass\r\n", "def f(a, b)"),
        ("def f(a, \\\n      b): pass\n", "def f(a, b)"),
        ("def f(\n    a=(\n        1,\n    ),\n    *,\n    b=[\n        2\n    ]\n): 0\n", "def f(a=(1,), *, b=[2])"),
        ("def f(\n    a='( x,  ) # y',\n    b=',',\n): pass\n", "def f(a='( x,  ) # y', b=',')"),
        ("def f(a) -> Dict[\n    str,\n    int\n]:\n    pass\n", "def f(a) -> Dict[str, int]"),
        ("class A(\n    Base,\n    metaclass=Meta,\n): pass\n", "class A(Base, metaclass=Meta)"),
        ("class A:  # (plain\n    pass\n", "class A"),
    ],
)
def test_a_signature_is_joined_to_one_line(source: str, signature: str) -> None:
    (symbol,) = extract("a.py", source.encode()).symbols
    assert symbol.signature == signature


def test_a_class_has_bases_decorators_and_the_style_of_its_docs(record: FileRecord) -> None:
    shape = by_qualname(record)["Shape"]
    assert (shape.bases, shape.decorators) == ("Base mixins.Sized", "register() wraps")
    assert (shape.doc, shape.style) == ("A shape.", "plain")
    assert shape.signature == "class Shape(Base, mixins.Sized, metaclass=Meta)"
    assert not shape.is_callable


def test_a_variable_has_its_value_and_annotation(record: FileRecord) -> None:
    symbols = by_qualname(record)
    assert (symbols["LIMIT"].returns, symbols["LIMIT"].signature) == ("int", "LIMIT: int = 3")
    assert symbols["Shape.names"].value == "Kinds()"
    assert symbols["pair"].value == "make()"


def test_imports_keep_names_levels_and_the_place_of_the_first_name(record: FileRecord) -> None:
    found = [(one.module, one.level, one.names, one.bound) for one in record.imports]
    assert found == [
        ("os", 0, [], "os"),
        ("json", 0, [], "j"),
        ("xml.dom", 0, [], "xml"),
        ("", 1, [("sibling", "sibling")], ""),
        ("pkg", 2, [("one", "one"), ("two", "zwei")], ""),
        ("star", 0, [("*", "*")], ""),
        ("fast", 0, [], "fast"),
    ]
    lines = SOURCE.split("\n")
    assert lines[record.imports[4].line - 1].startswith("from ..pkg import")
    line, column = record.imports[4].at
    assert lines[line][column:].startswith("one")


def test_imports_inside_a_function_belong_to_it(record: FileRecord) -> None:
    lazy = by_qualname(record)["Shape.lazy"]
    assert [one.module for one in lazy.body_imports or ()] == ["late", "json"]
    assert by_qualname(record)["Shape.area"].body_imports is None


def test_columns_count_utf16_code_units() -> None:
    (symbol,) = extract("a.py", "x = 1; 'äö😀'; y = 2\n".encode()).symbols[:1]
    assert symbol.column == 0
    found = extract("a.py", "class Ä:\n    ü = 1; 'x😀'\nif '😀': from m import nämlich\n".encode())
    assert [(one.qualname, one.column) for one in found.symbols] == [("Ä", 6), ("Ä.ü", 4)]
    assert found.imports[0].at == (2, len("if '😀': from m import ") + 1)  # the emoji is two code units


@pytest.mark.parametrize(
    "source",
    [
        "def broken(:\n    return (\n\nclass Fine:\n    def method(self):\n        pass\n",
        "class\ndef\n@\nimport\nfrom x import\nclass Fine:\n    x = \n",
        "x = 1\ndef f():\n    y = [\n1]\nclass Fine: ...\n",
    ],
)
def test_a_broken_file_gives_what_can_be_read(source: str) -> None:
    assert "Fine" in [symbol.name for symbol in extract("a.py", source.encode()).symbols]


@pytest.mark.parametrize("end", range(0, len(SOURCE), 7))
def test_no_half_written_file_fails(end: int) -> None:
    extract("a.py", SOURCE[:end].encode())
    extract("a.py", SOURCE[end:].encode())


def test_a_file_that_is_no_text_too_large_or_nested_too_deep_is_known_by_name() -> None:
    nothing = FileRecord("a.py", "", [], [], [], "?")
    assert extract("a.py", b"\0\1\2def f(): pass") == nothing
    assert extract("a.py", b"x = 1\n" + b"#" * MAX_BYTES) == nothing
    assert extract("a.py", "".join(" " * depth + "if x:\n" for depth in range(300)).encode()) == nothing


def test_source_encodings() -> None:
    assert decode("# coding: latin-1\nx = 'ä'".encode("latin-1")) == "# coding: latin-1\nx = 'ä'"
    assert decode("\ufeffx = 'ä'".encode()) == "x = 'ä'"
    assert decode(b"x = '\xff'") == "x = '\ufffd'"
    for encoding in ("nonsense", "hex", "rot13", "zlib", "undefined", "idna"):  # none, no text, or it cannot replace
        text = f"# coding: {encoding}\nx = 'ä'"
        assert decode(text.encode()) == text


def test_terms_are_weighed_by_field_and_length() -> None:
    def weight(source: str, term: str) -> float:
        (symbol,) = extract("some/place.py", source.encode()).symbols
        return dict(zip(symbol.terms.split(), memoryview(symbol.weights).cast("f"), strict=True)).get(term, 0.0)

    name = weight("def encode(): pass", "encod")
    doc = weight("def f():\n    '''Encode it.'''", "encod")
    parameter = weight("def f(encoder): pass", "encod")
    assert name > doc > parameter > 0
    assert weight("def f():\n    '''Encode it.'''", "plac") > 0
    long = weight("def f():\n    '''Encode " + " ".join(f"word{n}x" for n in range(80)) + "'''", "encod")
    assert doc > long
