from __future__ import annotations

from semctxd.index.lexing import assigned, body


def test_uses_are_chains_once_and_in_order() -> None:
    found = body(
        "x = self.model.objects.filter(a=1).order_by('b')  # ignored.comment\n"
        "return super().save(x, key=value)\n"
        "f'{name.first} {other!r}' + 'text.not.seen'\n"
        "x == y\n"
    )
    assert found.uses == [
        "self.model.objects.filter", ".order_by", "super().save", "x", "value", "name.first", "other", "y",
    ]  # fmt: skip


def test_locals_have_the_chain_of_their_value() -> None:
    found = body(
        "a = Foo(1)\n"
        "b: Bar = make()\n"
        "c, d = pair()\n"
        "e = await self.get()\n"
        "for f in self.items():\n"
        "    pass\n"
        "for g, h in pairs:\n"
        "    pass\n"
        "async with open_it(1) as i:\n"
        "    pass\n"
        "try:\n"
        "    pass\n"
        "except Error as j:\n"
        "    pass\n"
        "call(\n"
        "    keyword=1,\n"
        ")\n"
        "a = None\n"
        "k = (1)\n"
    )
    assert found.locals == {
        "a": "Foo()", "b": ":Bar", "c": "", "d": "", "e": "self.get()", "f": "self.items()", "g": "", "h": "",
        "i": "open_it()", "j": "", "k": "",
    }  # fmt: skip


def test_attributes_and_returns() -> None:
    found = body("self.a = Foo(x)\nself.b: list[Bar] = []\nself.c: Baz\nself.d = 1\nreturn self.a\nreturn make(1)\n")
    assert found.attributes == [("a", "Foo()"), ("b", ":list[Bar]"), ("c", ":Baz")]
    assert found.returns == ["self.a", "make()"]


def test_attributes_that_may_be_assigned_are_among_those_named() -> None:
    text = """\
self.a = self.b.c
if self.d == 1:
    self.e: int = 2
    self.f : str
\tself.a=3
self.g()
other.self.h = 1
self.i"""
    assert {name for name, _ in body(text).attributes} == {"a", "e", "f"}
    assert assigned(text) == ["a", "e", "f", "i"]
