"""What words mean, by a static embedding of them.

`words.txt` is made by `python -m bench words`. It has a line for each stem: `stem vector other:0.71 other:0.55`, with
the vector in base64, and the stems that mean much the same.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

DIMENSIONS = 64
_MOST = 24  # so many words are added to a question


def related(terms: Mapping[str, float]) -> dict[str, float]:
    """The stems that mean much the same as a question's terms, without those; their weights fall with the square of
    the cosine."""
    found: dict[str, float] = {}
    for term, weight in terms.items():
        for entry in _said(term).split()[1:]:
            other, _, cosine = entry.partition(":")
            if other not in terms:
                found[other] = max(found.get(other, 0.0), weight * float(cosine) ** 2)
    order = sorted(found, key=lambda term: (-found[term], term))
    return {term: found[term] for term in order[:_MOST]}


def vector(stem: str) -> bytes | None:
    """The DIMENSIONS components of a stem's vector, each + 128; None for a word that the table lacks."""
    said = _said(stem)
    return b64decode(said.partition(" ")[0]) if said else None


def _said(stem: str) -> str:
    """What stands behind a stem, whose line is found by bisection: a dictionary would take four times the memory."""
    text, wanted = _text(), stem.encode("utf-8", "surrogatepass")
    low, high = 0, len(text)  # the starts of lines
    while low < high:
        start = text.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = text.index(b"\n", start)
        found, _, said = text[start:end].partition(b" ")
        if found == wanted:
            return said.decode("ascii")
        low, high = (end + 1, high) if found < wanted else (low, start)
    return ""


@lru_cache(maxsize=1)
def _text() -> bytes:
    return Path(__file__).with_name("words.txt").read_bytes()
