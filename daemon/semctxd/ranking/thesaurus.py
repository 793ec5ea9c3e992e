"""Stems that mean much the same, by an embedding of their words; `related.txt` is made by `python -m bench related`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

_MOST = 24  # so many words are added to a question


def related(terms: Mapping[str, float]) -> dict[str, float]:
    """The stems that mean much the same as a question's terms, without those; their weights fall with the square of
    the cosine."""
    table = _table()
    found: dict[str, float] = {}
    for term, weight in terms.items():
        for entry in table.get(term, "").split():
            other, _, cosine = entry.partition(":")
            if other not in terms:
                found[other] = max(found.get(other, 0.0), weight * float(cosine) ** 2)
    order = sorted(found, key=lambda term: (-found[term], term))
    return {term: found[term] for term in order[:_MOST]}


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    lines = files(__package__).joinpath("related.txt").read_text("utf-8").splitlines()
    return {stem: others for stem, _, others in (line.partition(" ") for line in lines)}
