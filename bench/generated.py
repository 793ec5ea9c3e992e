"""Repositories of any size, made by chance from a seed, of the shape of real ones.

Packages nest, twelve modules in each. A module has a subject, imports classes and functions of modules made before it
(most from its own package, some from the popular ones), and defines classes that inherit, hold what was imported and
call it, each with a docstring. Words are drawn by Zipf's law from plain ones, as real names are, and from invented
ones, which stand for what only this repository talks of.
"""

from __future__ import annotations

import math
import os
import random
from itertools import accumulate
from typing import NamedTuple

from bench.repository import put

_PER_FOLDER = 12
_PER_PACKAGE = 10  # folders in a folder
_PER_ROOT = 100  # invented words, for the root of the number of files
_BATCH = 500  # files are written so many at a time

_VERBS = (
    "get load read parse build create update validate check find render write save convert delete format resolve apply "
    "collect merge send fetch open close split join encode decode escape cache register dispatch compute compare sort "
    "filter map log clear serialize normalize"
).split()
_NOUNS = (
    "request response user session file path email address date range query upload permission template warning cache "
    "token header body field form model record value key index node tree graph edge name label message event handler "
    "queue task worker job result error status code region language locale format encoding stream buffer chunk page "
    "table column row cell schema type rule policy role group account order item price invoice payment customer "
    "product category tag image video document comment article author book library shelf"
).split()
_SYLLABLES = (
    "ba be bri ca co dra du fe fla ga go hu ja ka ki lo lu ma mi na nor pa pe qui ra ri sa so ta tor u va vel wo xa ze"
).split()
_TYPES = ("str", "int", "bool", "float", "list[str]", "dict[str, int]")


class Module(NamedTuple):
    """What others may import of a module."""

    name: str  # dotted
    classes: list[str]
    functions: list[str]
    methods: list[str]  # of its first class


class Words:
    """Words by chance: the frequency of each falls with its rank."""

    def __init__(self, chance: random.Random, files: int) -> None:
        """Of a repository of so many files: its vocabulary grows with the root of its size (Heaps' law)."""
        self._chance = chance
        invented = {
            "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(_PER_ROOT * math.isqrt(files))
        }
        self._nouns = [*_NOUNS, *sorted(invented)]
        self._noun_weights = list(accumulate(1 / rank for rank in range(3, len(self._nouns) + 3)))
        self._verb_weights = list(accumulate(1 / rank for rank in range(3, len(_VERBS) + 3)))

    def nouns(self, count: int) -> list[str]:
        return self._chance.choices(self._nouns, cum_weights=self._noun_weights, k=count)

    def verb(self) -> str:
        return self._chance.choices(_VERBS, cum_weights=self._verb_weights)[0]


def generate(files: int, root: str, seed: int = 1) -> str:
    """Write a repository of so many Python files into `root`, which need not exist; returns `root`."""
    chance = random.Random(seed)
    words = Words(chance, files)
    modules: list[Module] = []
    batch: dict[str, bytes] = {"pyproject.toml": b'[project]\nname = "generated"\nversion = "1"\n'}
    subjects: list[str] = []
    written = 0
    while written < files:
        at = len(modules) % (_PER_FOLDER - 1)
        if at == 0:  # the next folder begins with its __init__ file
            folder = _folder(len(modules) // (_PER_FOLDER - 1))
            subjects = words.nouns(5)
            batch[f"{folder}/__init__.py"] = f'"""About the {subjects[0]} and its {subjects[1]}."""\n'.encode()
            written += 1
        stem = f"{chance.choice(subjects)}_{words.nouns(1)[0]}_{at}"
        module, text = _module(f"{folder}/{stem}", modules, subjects, words, chance)
        batch[f"{folder}/{stem}.py"] = text.encode()
        modules.append(module)
        written += 1
        if len(batch) >= _BATCH or written >= files:
            put(root, batch)
            batch = {}
    return os.path.realpath(root)


def _folder(number: int) -> str:
    """The folder of a number: `part_3/sub_1/sub_4`, with ten in each."""
    digits = []
    while number >= _PER_PACKAGE:
        number, digit = divmod(number, _PER_PACKAGE)
        digits.append(digit)
    return "/".join([f"part_{number}", *(f"sub_{digit}" for digit in reversed(digits))])


def _module(
    stem: str, before: list[Module], subjects: list[str], words: Words, chance: random.Random
) -> tuple[Module, str]:
    used = _imported(before, chance)
    classes: list[str] = []
    functions: list[str] = []
    methods: list[str] = []
    lines = [f'"""{words.verb().capitalize()} every {chance.choice(subjects)} for the {words.nouns(1)[0]}."""', ""]
    lines += ["from __future__ import annotations", "", "import logging", ""]
    lines += [f"from {one.name} import {', '.join(_offered(one))}" for one in used]
    lines += ["", "logger = logging.getLogger(__name__)", f"{subjects[0].upper()}_LIMIT = {chance.randint(1, 999)}", ""]
    for _ in range(chance.randint(1, 3)):
        name = "".join(word.capitalize() for word in (chance.choice(subjects), *words.nouns(1))) + str(len(classes))
        base = chance.choice(used).classes[0] if used and chance.random() < 0.5 else ""
        body, defined = _class(name, base, used, subjects, words, chance)
        lines += body
        classes.append(name)
        methods = methods or defined
    for _ in range(chance.randint(1, 4)):
        name = f"{words.verb()}_{chance.choice(subjects)}_{len(functions)}"
        lines += ["", *_function(name, "", used, subjects, words, chance), ""]
        functions.append(name)
    return Module(stem.replace("/", "."), classes, functions, methods), "\n".join(lines) + "\n"


def _imported(before: list[Module], chance: random.Random) -> list[Module]:
    """Modules of the same package or near it, and popular ones, which are the oldest."""
    found: dict[str, Module] = {}
    for _ in range(min(len(before), chance.randint(2, 6))):
        back, popular = int(chance.expovariate(1 / 8)), int(chance.random() ** 3 * len(before))
        at = max(0, len(before) - 1 - back) if chance.random() < 0.7 else popular
        found[before[at].name] = before[at]
    return list(found.values())


def _offered(module: Module) -> list[str]:
    return [module.classes[0], module.functions[0]]


def _class(
    name: str, base: str, used: list[Module], subjects: list[str], words: Words, chance: random.Random
) -> tuple[list[str], list[str]]:
    held = [(words.nouns(1)[0], module.classes[0], module.methods) for module in used[:2]]
    lines = ["", f"class {name}({base}):" if base else f"class {name}:"]
    lines += [f'    """{_sentence(words, subjects, chance)}"""', ""]
    listed = "".join(f", {attribute}: {cls}" for attribute, cls, _ in {one[0]: one for one in held}.values())
    lines += [f"    def __init__(self{listed}) -> None:"]
    lines += [f"        self.{attribute} = {attribute}" for attribute, _, _ in held] or ["        self.ready = True"]
    methods: dict[str, None] = {}
    for _ in range(chance.randint(2, 6)):
        method = f"{words.verb()}_{words.nouns(1)[0]}"
        if method not in methods:
            methods[method] = None
            body = _function(method, "self", used, subjects, words, chance)
            if held:
                attribute, _, theirs = chance.choice(held)
                body.insert(-1, f"    self.{attribute}.{chance.choice(theirs)}(value)")
            lines += ["", *(f"    {line}" if line else "" for line in body)]
    return [*lines, ""], list(methods)


def _function(
    name: str, first: str, used: list[Module], subjects: list[str], words: Words, chance: random.Random
) -> list[str]:
    parameter, other = chance.choice(subjects), words.nouns(1)[0]
    own = f"value: {chance.choice(_TYPES)}, {other}_id: int = {chance.randint(0, 9)}"
    listed = f"{first}, {own}" if first else own
    lines = [f"def {name}({listed}) -> {chance.choice(_TYPES)}:", f'    """{_sentence(words, subjects, chance)}"""']
    lines += [
        f"    if {other}_id < {chance.randint(0, 99)}:",
        f'        raise ValueError("no {parameter} for the {other}")',
    ]
    lines += [f"    {parameter} = [value, {other}_id, {chance.randint(0, 999)}]"]
    lines += [f"    {parameter}.append({module.functions[0]}(value))" for module in used if chance.random() < 0.4]
    if chance.random() < 0.3:
        lines += [f'    logger.debug("%s of the {other}", {parameter})']
    return [*lines, f"    return {parameter}[0]"]


def _sentence(words: Words, subjects: list[str], chance: random.Random) -> str:
    one, two, three = words.nouns(3)
    way = chance.choice(("of", "for", "in"))
    return f"{words.verb().capitalize()} the {chance.choice(subjects)} {one} {way} the {two}, by its {three}."
