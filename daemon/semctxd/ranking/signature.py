"""Reading what stands in a signature, without a parser: it may be a fragment that somebody typed."""

from __future__ import annotations

import re

_HEAD = re.compile(r"\b(?:def|class)\s+([^\W\d]\w*)")
_PLAIN = re.compile(r"[(,]\s*\*{0,2}([^\W\d]\w*)")
_NESTED = re.compile(r"[\[{'\"(]")
_PARAMETER = re.compile(r"\s*\*{0,2}\s*([^\W\d]\w*)\s*(?::(.*))?", re.S)


def name_of(signature: str) -> str:
    """The name that a signature defines, or ""."""
    found = _HEAD.search(signature)
    return found[1] if found else ""


def parameters(signature: str) -> list[tuple[str, str]]:
    """(name, annotation or "") of each parameter of `def f(x: int, *y)`, `self` and `cls` included."""
    start = signature.find("(")
    if start < 0:
        return []
    found = []
    for part in split(signature[start + 1 :]):
        if match := _PARAMETER.match(without_default(part)):
            found.append((match[1], (match[2] or "").strip()))
    return found


def parameter_names(signature: str) -> list[str]:
    """The names of the parameters alone; cheaper than `parameters`."""
    listed = signature.partition("(")[2].partition("->")[0]
    if _NESTED.search(listed) or listed.count(")") > 1:
        return [name for name, _ in parameters(signature)]
    return _PLAIN.findall("(" + listed)


def returned(signature: str) -> str:
    """The annotation of the return value, or ""."""
    return signature.rpartition("->")[2].strip().rstrip(":").strip() if "->" in signature else ""


def split(text: str) -> list[str]:
    """The parts of a list that commas separate, up to the bracket that closes it; brackets and quotes nest."""
    if not any(mark in text for mark in "([{'\""):
        return [part for part in text.partition(")")[0].split(",") if part.strip()]
    parts, depth, start, quote = [], 0, 0, ""
    end = len(text)
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth < 0:
                end = at
                break
        elif char == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:end])
    return [part for part in parts if part.strip()]


def without_default(parameter: str) -> str:
    """A parameter without `= value`."""
    depth = 0
    for at, char in enumerate(parameter):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "=" and not depth:
            return parameter[:at]
    return parameter
