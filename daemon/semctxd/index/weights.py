"""What text search knows of a definition: its words, weighed by where they stand."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from semctxd.ranking.records import Record
from semctxd.ranking.text import subtokens, words

_NAME_WEIGHT, _OWNER_WEIGHT, _PATH_WEIGHT, _DOC_WEIGHT, _SIGNATURE_WEIGHT = 4.0, 1.0, 0.7, 1.5, 0.8
_K1, _B, _MEAN_LENGTH = 1.2, 0.6, 40.0  # Okapi BM25; a fixed mean length keeps a file's weights its own


def terms(symbol: Record, path_terms: Iterable[str]) -> tuple[str, bytes]:
    """Sub-tokens of a definition's fields and their BM25 weights: BM25F, the fields' frequencies weighted and added."""
    counts: dict[str, float] = {}
    for tokens, weight in (
        (subtokens(symbol.name), _NAME_WEIGHT),
        (subtokens(symbol.owner), _OWNER_WEIGHT),
        (path_terms, _PATH_WEIGHT),
        (words(symbol.doc), _DOC_WEIGHT),
        (words(symbol.signature.partition("(")[2] if symbol.is_callable else symbol.returns), _SIGNATURE_WEIGHT),
    ):
        for token in tokens:
            counts[token] = counts.get(token, 0.0) + weight
    norm = _K1 * (1 - _B + _B * sum(counts.values()) / _MEAN_LENGTH)
    return " ".join(counts), array("f", [tf * (_K1 + 1) / (tf + norm) for tf in counts.values()]).tobytes()
