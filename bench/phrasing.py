"""Requirements and drafts made from code: what somebody might have said, and written, before the function was there."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Collection

from docstring_parser import Docstring, ParseError, parse

from bench.masking import Function

_INTENT_ENOUGH, _INTENT_MAX, _ARGUMENTS_MAX, _DESCRIPTION_MAX = 260, 450, 1500, 160
_ROLE = re.compile(r":(?:\w+:)?\w+:`~?\.?([^`<]*?)(?:\s*<[^>]*>)?`")
_NO_PROSE = re.compile(r"\s*(?:>>>|\.\. |\$ |::|[-=~]{3,}|@\w+)")
_SUBTOKEN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")
_WORD = re.compile(r"[A-Za-z]{3,}")
_BUILTINS = (
    "len", "str", "dict", "list", "int", "isinstance", "sorted", "open", "append", "split", "join", "format", "get",
    "items", "strip", "lower", "ValueError", "TypeError", "startswith", "encode", "decode",
)  # fmt: skip
_LOST = 0.12  # share of a draft's lines


def read(node: Function) -> Docstring | None:
    """A function's docstring, taken apart, or None."""
    raw = ast.get_docstring(node)
    try:
        return parse(raw) if raw else None
    except (ParseError, IndexError):  # the latter is what the parser says to a field without a name
        return None


def intent(doc: Docstring) -> str:
    """The prose of a docstring as a requirement, at most 450 characters."""
    paragraphs: list[str] = []
    text = f"{doc.short_description or ''}\n\n{doc.long_description or ''}"
    for paragraph in re.split(r"\n\s*\n", text):
        if _NO_PROSE.match(paragraph):
            break
        if paragraph and not (paragraphs and paragraph.startswith("    ")):
            paragraphs.append(" ".join(paragraph.split()))
        if sum(map(len, paragraphs)) > _INTENT_ENOUGH:
            break
    said = _ROLE.sub(r"\1", " ".join(paragraphs)).replace("`", "").removesuffix(":")
    return said[:_INTENT_MAX].rpartition(".")[0] + "." if len(said) > _INTENT_MAX else said


def arguments(node: Function, doc: Docstring, owner: str, *, says_self: bool) -> str:
    """What is said of the arguments and the result, as `:param x: Type. Description` and `:return: …`."""
    described = {param.arg_name.lstrip("*"): param for param in doc.params}
    lines = []
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        name = argument.arg
        if name in ("self", "cls") and owner:
            if says_self:
                cls = owner.rpartition(".")[2]
                lines.append(f":param {name}: {cls}. An instance of the {cls} class.")
            continue
        param = described.get(name)
        type_ = ast.unparse(argument.annotation) if argument.annotation else (param.type_name if param else "") or ""
        said = " ".join(((param.description if param else "") or "").split())[:_DESCRIPTION_MAX]
        lines.append(f":param {name}: {'. '.join(part for part in (type_, said) if part)}")
    type_ = ast.unparse(node.returns) if node.returns else (doc.returns.type_name if doc.returns else "") or ""
    said = " ".join(((doc.returns.description if doc.returns else "") or "").split())[:_DESCRIPTION_MAX]
    returns = ". ".join(part for part in (type_, said) if part)
    gives = any(isinstance(inner, ast.Return) and inner.value is not None for inner in ast.walk(node))
    lines.append(f":return: {returns if gives or returns else 'No return values.'}")
    return "\n".join(lines)[:_ARGUMENTS_MAX]


def draft(node: Function, unknown: Collection[str], said: str, dice: random.Random) -> str:
    """The body as somebody would write it who has not seen the repository: of the names that only the repository
    knows, 15 % are guessed right, 35 % nearly, 25 % are words of the requirement, 25 % something of the language."""
    statements = node.body[1:] if ast.get_docstring(node) else node.body
    code = "\n".join(ast.unparse(statement) for statement in statements)
    words = [word.lower() for word in _WORD.findall(said)] or ["value"]
    renamed: dict[str, str] = {}
    for name in sorted(unknown):
        chance = dice.random()
        if chance >= 0.15:
            renamed[name] = _guess(name, words, chance, dice)
    if renamed:
        pattern = re.compile(rf"\b({'|'.join(map(re.escape, renamed))})\b")
        code = pattern.sub(lambda match: renamed[match[1]], code)
    return "\n".join(f"    {line}" for line in code.split("\n") if dice.random() > _LOST)


def _guess(name: str, words: list[str], chance: float, dice: random.Random) -> str:
    if chance >= 0.75:
        return dice.choice(_BUILTINS)
    if chance >= 0.5:
        return "_".join(dice.sample(words, min(len(words), dice.choice((1, 2)))))
    parts = _SUBTOKEN.findall(name) or [name]
    at = dice.randrange(len(parts))
    if len(parts) > 1 and dice.random() < 0.4:
        del parts[at]
    else:
        parts[at] = dice.choice(words)
    if name[:1].isupper():
        return "".join(part.capitalize() for part in parts)
    return "_".join(part.lower() for part in parts)
