from __future__ import annotations

import pytest

from semctxd.index.outline import outline

SOURCE = b'''\
import os

def one(a,
        b=(1, (2, 3))):
    """Doc."""

    if a:
        return b


@decorated
class A:
    x = 1

    def two(self) -> int:  # why
\t    return 2
    def three(self): return 3
y = 2
'''


def test_bodies_are_taken_out_and_no_line_moves() -> None:
    kept, bodies = outline(SOURCE)
    lines, before = kept.split(b"\n"), SOURCE.split(b"\n")
    assert len(lines) == len(before)
    assert [SOURCE[start:end].split(b"\n")[0] for start, end in bodies.values()] == [b'"""Doc."""', b"return 2"]
    assert list(bodies) == [before.index(b'    """Doc."""'), before.index(b"\t    return 2")]
    assert lines[4] == b"    0"
    for line in (b"import os", b"class A:", b"    def three(self): return 3", b"y = 2", b"    x = 1"):
        assert lines.index(line) == before.index(line)


@pytest.mark.parametrize(
    "body",
    [
        b'    text = """\ndef fake():\n    pass\n"""\n',  # a string that comes out of the indentation
        b"    import os\n    return os\n",  # the tree has to show it
        b"",  # nothing follows
        b"    \n",
    ],
)
def test_a_body_that_may_be_misread_stays(body: bytes) -> None:
    source = b"x = 1\ndef f():\n" + body
    kept, bodies = outline(source)
    assert kept == source or b"fake" in body  # the fake function's own body may go: it is in a string
    assert all(source[start:end] == b"pass" for start, end in bodies.values())


def test_very_deep_functions_and_files_without_any_stay() -> None:
    deep = b"if 1:\n" + b" " * 40 + b"def f():\n" + b" " * 44 + b"return 1\n"
    assert outline(deep) == (deep, {})
    assert outline(b"x = 1\n") == (b"x = 1\n", {})
