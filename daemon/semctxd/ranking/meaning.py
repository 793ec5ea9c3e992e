"""How near two texts are in meaning: the cosine of the means of their words' vectors.

Vectors are bytes, and many are multiplied at once: of all of them, one component makes one big integer with a lane for
each vector, so that a product with a question's component is one operation, and sums are exact everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from operator import mul
from struct import unpack

from semctxd.ranking.lexicon import DIMENSIONS, vector
from semctxd.ranking.records import Record
from semctxd.ranking.signals import Signals
from semctxd.ranking.text import subtokens, words

MEANING = (
    "meaning", "meaning of its name", "own name's meaning", "best clause's meaning",
    "best clause's meaning for its name", "meaning rank", "place of its clause",
)  # fmt: skip

Vector = bytes
"""DIMENSIONS components of a vector of length 127, each + 128; all 128 where no word is known."""

_ZERO, _UNIT = 128, 127
_NOTHING: Vector = bytes((_ZERO,)) * DIMENSIONS
_EACH = int.from_bytes((1).to_bytes(8, "little") * DIMENSIONS, "little")  # 1 in every lane
_DOC_WORDS = 40
_MOST_WORDS = 256  # so many bytes can be added in a lane of 16 bits


def columns(signals: Signals, ids: list[int]) -> dict[str, list[float]]:
    """The value of each feature of MEANING for each candidate."""
    question, symbols = signals.question, signals.corpus.store.symbols
    names, wholes = [of_name(symbols[id].name) for id in ids], [of(symbols[id]) for id in ids]
    name, *clauses = map(mean, (subtokens(question.name), *question.clause_words))
    whole = of_question(signals)
    (to_whole, to_name, *to_clauses), (near, *in_clauses) = (
        cosines((whole, name, *clauses), names),
        cosines((whole, *clauses), wholes),
    )
    place = {id: at for at, id in enumerate(sorted(ids, key=dict(zip(ids, near, strict=True)).__getitem__)[::-1], 1)}
    best = [max(row) for row in zip(*to_clauses, strict=True)] or [0.0] * len(ids)
    first = [row.index(max(row)) / len(row) for row in zip(*to_clauses, strict=True)] or [0.0] * len(ids)
    inside = [max(row) for row in zip(*in_clauses, strict=True)] or [0.0] * len(ids)
    values = (near, to_whole, to_name, inside, best, [1 / place[id] for id in ids], first)
    return dict(zip(MEANING, values, strict=True))


def of_question(signals: Signals) -> Vector:
    """What the whole intent means, with the target's name."""
    question = signals.question
    return mean((*subtokens(question.name), *words(question.intent)))


@lru_cache(maxsize=1 << 13)
def of(symbol: Record) -> Vector:
    """What a symbol means by its name, class and documentation. A record never changes."""
    return mean((*subtokens(symbol.name), *words(symbol.doc)[:_DOC_WORDS], *subtokens(symbol.owner)))


@lru_cache(maxsize=1 << 12)
def of_name(name: str) -> Vector:
    """What a name means."""
    return mean(subtokens(name))


def mean(stems: Iterable[str]) -> Vector:
    """The direction of the mean of the stems' vectors; of a long text, the first words count."""
    total, count = 0, 0
    for stem in islice(stems, _MOST_WORDS):
        if lanes := _lanes(stem):
            total += lanes
            count += 1
    if not count:
        return _NOTHING
    sums = total.to_bytes(2 * DIMENSIONS, "little")
    shift = _ZERO * count
    length = math.dist(unpack(f"<{DIMENSIONS}H", sums), (shift,) * DIMENSIONS) or 1.0
    # all components at once, in lanes of 64 bits: scaled by a whole number of 2^-32, and rounded
    scale = round(_UNIT / length * 2**32)
    wide = bytearray(8 * DIMENSIONS)
    wide[0::8], wide[1::8] = sums[0::2], sums[1::2]
    lanes = (int.from_bytes(wide, "little") - shift * _EACH) * scale + (2 * _ZERO + 1) * 2**31 * _EACH
    return lanes.to_bytes(8 * DIMENSIONS, "little")[4::8]


@lru_cache(maxsize=1 << 12)
def _lanes(stem: str) -> int:
    """A stem's vector as an integer with a lane of 16 bits for each component; 0 for an unknown one."""
    found = vector(stem)
    return int.from_bytes(b"".join(bytes((one, 0)) for one in found), "little") if found else 0


def cosines(questions: Sequence[Vector], vectors: Sequence[Vector]) -> list[list[float]]:
    """For each question, its cosine with each vector."""
    count, joined = len(vectors), b"".join(vectors)
    lanes = []
    spread = bytearray(4 * count)
    for at in range(DIMENSIONS):
        spread[::4] = joined[at::DIMENSIONS]
        lanes.append(int.from_bytes(spread, "little"))
    shifts = [_ZERO * (sum(one) - _ZERO * DIMENSIONS) for one in vectors]
    found = []
    for question in questions:
        shift = _ZERO * sum(question)
        products = unpack(f"<{count}I", sum(map(mul, lanes, question)).to_bytes(4 * count, "little"))
        found.append([(one - shift - other) / _UNIT**2 for one, other in zip(products, shifts, strict=True)])
    return found
