"""Source without the insides of its functions, line for line: parsing it costs a third.

Definitions need a syntax tree, function bodies are read by regular expressions (lexing.py), so most of a tree
would be thrown away. Bodies are found by indentation and taken out. Where that cannot be right (a triple quote
left open) or the tree has to show something (an import inside), a body stays; where the outline does not
parse, the whole source is parsed.
"""

from __future__ import annotations

import re

_HEADER = re.compile(
    rb"\n([ \t]*)(?:async[ \t]+)?def[ \t]+\w+[ \t]*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
    rb"[ \t]*(?:->[^:\n]+)?:[ \t]*(?:#[^\n]*)?\r?\n"
)
_ENDS = [re.compile(rb"\n[ \t]{0,%d}[^\s#]" % width) for width in range(33)]

Bodies = dict[int, tuple[int, int]]
"""0-based line of a body's first statement -> where the body stands in the source, in bytes."""


def outline(source: bytes) -> tuple[bytes, Bodies]:
    """The source with a placeholder for each body that was taken out, and those bodies. No line moves."""
    bodies: Bodies = {}
    if b"def " not in source:
        return source, bodies
    kept: list[bytes] = []
    at = done = line = counted = 0
    while header := _HEADER.search(source, at):
        at = header.end() - 1
        width = len(header[1])
        if width >= len(_ENDS):
            continue
        following = _ENDS[width].search(source, at)
        end = following.start() if following else len(source)
        body = source[at:end]
        first = at + len(body) - len(body.lstrip())
        if first >= end or b"import " in body or body.count(b'"""') % 2 or body.count(b"'''") % 2:
            continue
        line += source.count(b"\n", counted, first)
        counted = first
        kept += (source[done:first], b"0", b"\n" * source.count(b"\n", first, end))
        bodies[line] = first, at + len(_without_comments_after(body, width))
        at = done = end
    kept.append(source[done:])
    return b"".join(kept), bodies


def _without_comments_after(body: bytes, width: int) -> bytes:
    """The body without white space at its end, and without comments there that stand no deeper than its header."""
    while True:
        body = body.rstrip()
        start = body.rfind(b"\n") + 1
        comment = body.find(b"#", start)
        if comment < 0 or comment - start > width or body[start:comment].strip():
            return body
        body = body[:start]
