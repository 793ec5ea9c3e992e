"""The tables of an index."""

from __future__ import annotations

import pytest

from semctxd.index import store
from semctxd.index.store import Postings

WEIGHTS = [0.5, 2.0, 1.0, 2.0, 0.25, 1.0, 4.0]


@pytest.mark.parametrize("kept", [2, 100])
def test_the_best_documents_of_a_term(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(store, "_BEST_MAX", kept)
    postings = Postings()
    for id, weight in enumerate(WEIGHTS, 1):
        postings.add(["word", "other", "third"], [weight, -weight, 1.0], id)

    def best(term: str, count: int) -> list[tuple[int, float]]:
        ids, weights = postings.best(term, count)
        return list(zip(ids, weights, strict=True))

    for _ in range(2):
        assert best("word", 1) == [(7, 4.0)]
        assert best("word", 2) == [(2, 2.0), (4, 2.0), (7, 4.0)]  # those that equal the last, too
        assert best("other", 1) == [(5, -0.25)]
        assert len(best("third", 1)) == 7
    postings.remove(["word"], 7, 8)
    assert best("word", 1) == [(2, 2.0), (4, 2.0)]
    postings.add(["word"], [9.0], 8)
    assert best("word", 1) == [(8, 9.0)]
