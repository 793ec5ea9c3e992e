"""Function bodies and whole texts, read by regular expressions rather than node by node.

A syntax tree gives the definitions; visiting every name of it from Python would cost more than
parsing. What is lost (a call's result followed further, names in nested f-strings) is worth little to ranking.
"""

from __future__ import annotations

import re
from keyword import kwlist
from sys import intern

from semctxd.ranking.records import Body

_KEYWORDS = frozenset([*kwlist, "self", "cls", "super()", "print", "match", "case"])

_NAME = r"[^\W\d]\w*"
CHAIN = rf"{_NAME}(?:\(\))?(?:\.{_NAME}(?:\(\))?)*"
STRING = "|".join(
    (
        r'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""',
        r"'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''",
        r'"(?:[^"\\\n]|\\.)*"',
        r"'(?:[^'\\\n]|\\.)*'",
    )
)
_TOKENS = re.compile(
    rf"#[^\n]*|(?:[fF][rR]?|[rR][fF])({STRING})|[rRbBuU]{{0,2}}(?:{STRING})|(?>(\.?{CHAIN}))(?!\s*=(?!=))", re.S
)
_ASSIGNED = re.compile(rf"^[ \t]*self\.({_NAME})[ \t]*(?=:|=(?!=)|\n|\Z)", re.M)
_REPLACED = re.compile(rf"\{{\s*({CHAIN})")
_STATEMENTS = re.compile(
    rf"""^[ \t]*(?:
      self\.({_NAME})[ \t]*(?::[ \t]*([^=\n]+?)[ \t]*)?(?:=(?!=)\s*(?:await\s+)?(?>({CHAIN}|))(\()?|$)
    | ({_NAME}(?:\s*,\s*{_NAME})*)(?:[ \t]*:[ \t]*([^=\n]+?))?[ \t]+=(?!=)\s*(?:await\s+)?(?>({CHAIN}|))(\()?
    | (?:async\s+)?for\s+({_NAME}(?:\s*,\s*{_NAME})*)\s+in\s+(?>({CHAIN}|))(\()?
    | (?:async\s+)?with\s+(?>({CHAIN}))(\()?[^\n]*?\s+as\s+({_NAME})
    | return\s+(?:await\s+)?(?>({CHAIN}))(\()?
    | except\s[^\n]*?\s+as\s+({_NAME})
    )""",
    re.M | re.X,
)


def body(text: str) -> Body:
    """What the text of a function's body says. Keywords and the names of keyword arguments are no uses."""
    used: dict[str, None] = {}
    for formatted, chain in _TOKENS.findall(text):
        if chain:
            used[intern(chain)] = None  # many functions say it
        elif formatted:
            used.update(dict.fromkeys(_REPLACED.findall(formatted)))
    local: dict[str, str] = {}
    attributes: dict[tuple[str, str], None] = {}
    returns: dict[str, None] = {}
    for match in _STATEMENTS.finditer(text):
        (attr, attr_type, attr_value, attr_call, names, type_, value, call, loop, over, over_call,
         opened, opened_call, alias, result, result_call, caught) = match.groups()  # fmt: skip
        if attr:
            if fact := f":{attr_type}" if attr_type else _called(attr_value or "", attr_call):
                attributes[attr, fact] = None
        elif names or loop:
            bound = names or loop
            fact = f":{type_}" if type_ else _called(value, call) if names else _called(over, over_call)
            if "," in bound:
                local.update((intern(name.strip()), "") for name in bound.split(","))
            elif not local.get(bound):
                local[intern(bound)] = fact
        elif alias:
            local[alias] = _called(opened, opened_call)
        elif result:
            returns[_called(result, result_call)] = None
        else:
            local[caught] = ""
    return Body([chain for chain in used if chain not in _KEYWORDS], local, list(attributes), list(returns))


def assigned(text: str) -> list[str]:
    """The names of all attributes of self that `body` would give, and maybe others; it costs a twentieth."""
    return list(dict.fromkeys(_ASSIGNED.findall(text)))


def _called(chain: str, call: str) -> str:
    return intern(f"{chain}()" if chain and call else chain)
