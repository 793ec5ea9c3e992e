"""What words mean, by a static embedding of them.

`words.txt` is made by `python -m bench words`. It has a line for each stem: `stem vector other:0.71 other:0.55`, with
the vector in base64, and the stems that mean much the same.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

DIMENSIONS = 64
_MOST = 24  # so many words are added to a question


def related(terms: Mapping[str, float]) -> dict[str, float]:
    """The stems that mean much the same as a question's terms, without those; their weights fall with the square of
    the cosine."""
    table = _table()
    found: dict[str, float] = {}
    for term, weight in terms.items():
        for entry in table.get(term, "").split()[1:]:
            other, _, cosine = entry.partition(":")
            if other not in terms:
                found[other] = max(found.get(other, 0.0), weight * float(cosine) ** 2)
    order = sorted(found, key=lambda term: (-found[term], term))
    return {term: found[term] for term in order[:_MOST]}


def vector(stem: str) -> bytes | None:
    """The DIMENSIONS components of a stem's vector, each + 128; None for a word that the table lacks."""
    line = _table().get(stem)
    return b64decode(line.partition(" ")[0]) if line else None


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    lines = files(__package__).joinpath("words.txt").read_text("ascii").splitlines()
    return {stem: said for stem, _, said in (line.partition(" ") for line in lines)}
