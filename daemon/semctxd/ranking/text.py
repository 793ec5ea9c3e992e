"""Words out of names and prose: sub-tokens, stems, stop words."""

from __future__ import annotations

import re
from functools import lru_cache
from sys import intern

IDENTIFIER = re.compile(r"[^\W\d]\w*")
SUBTOKEN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\d+")
_NAME = re.compile(r"\w+")  # no sub-token goes beyond one
_SUFFIXES = (
    "ations",
    "ation",
    "ating",
    "ated",
    "ates",
    "ate",
    "ings",
    "ing",
    "ies",
    "ied",
    "ers",
    "er",
    "ed",
    "es",
    "s",
    "e",
)

# Words of requirement prose that say nothing about the repository: articles, glue, and the vocabulary of
# docstrings themselves (returns, given, value …).
STOP_WORDS = frozenset(
    """a an the of to in is are be it its this that these those for from with and or not if on by as at into
    given based then else when which will can should return returns returned returning function method class
    value values input output none string integer int str list dict bool boolean object instance param
    parameter parameters argument arguments arg args using used use uses first specified provided self cls
    type default any all each otherwise has have no new also i we you want need write add implement make sure
    there where was were been being them they their our your s t""".split()
)


@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """`word` without its commonest English endings; at least three letters stay."""
    while word.endswith(_SUFFIXES):
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 3:
                word = word[: -len(suffix)]
                break
        else:
            break
    return intern(word)  # many words have it


def _significant(part: str) -> str:
    low = part.lower()
    return "" if low in STOP_WORDS or len(low) < 2 else stem(low)


@lru_cache(maxsize=1 << 13)
def subtokens(name: str) -> tuple[str, ...]:
    """The stemmed parts of an identifier: `parseHTTPDate` and `parse_http_date` give the same three."""
    return tuple(stem(part.lower()) for part in SUBTOKEN.findall(name))


@lru_cache(maxsize=1 << 15)
def _significant_parts(name: str) -> tuple[str, ...]:
    return tuple(filter(None, map(_significant, SUBTOKEN.findall(name))))


def words(prose: str) -> list[str]:
    """The stemmed words of prose (or of the names in it), in order, without stop words and single letters."""
    return [word for name in _NAME.findall(prose) for word in _significant_parts(name)]


def keywords(prose: str) -> list[str]:
    """The words of an intent as they were written (lower case), each once, without stop words."""
    return list(dict.fromkeys(part.lower() for part in SUBTOKEN.findall(prose) if _significant(part)))
