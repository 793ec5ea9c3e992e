"""What words mean: vectors are compared with sums made in the plain way."""

from __future__ import annotations

import math
from base64 import b64decode
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semctxd.index.live import LiveIndex
from semctxd.ranking import lexicon
from semctxd.ranking.gather import gather
from semctxd.ranking.meaning import MEANING, columns, cosines, mean
from semctxd.ranking.question import Question
from tests.conftest import write

VECTORS = st.binary(min_size=lexicon.DIMENSIONS, max_size=lexicon.DIMENSIONS)


def plain(vector: bytes) -> list[float]:
    return [one - 128 for one in vector]


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


@given(st.lists(VECTORS, max_size=3), st.lists(VECTORS, max_size=7))
def test_all_products_at_once_are_each_by_itself(questions: list[bytes], vectors: list[bytes]) -> None:
    by_hand = [
        [sum(a * b for a, b in zip(plain(one), plain(other), strict=True)) / 127**2 for other in vectors]
        for one in questions
    ]
    assert cosines(questions, vectors) == by_hand


@pytest.mark.parametrize("stems", [["delet"], ["user", "account"], ["pars", "json", "document", "nosuchword"]])
def test_a_mean_has_the_direction_of_its_words(stems: list[str]) -> None:
    known = [plain(found) for stem in stems if (found := lexicon.vector(stem))]
    total = [sum(column) for column in zip(*known, strict=True)]
    found = plain(mean(stems))
    assert cosine(found, total) > 0.998
    assert math.isclose(math.hypot(*found), 127, rel_tol=0.01)


def test_of_a_long_text_the_first_words_count() -> None:
    assert mean(["email"] * 100_000) == mean(["email"])
    assert mean(["email"] * 256 + ["delet"] * 1000) == mean(["email"])
    highest = max(range(lexicon.DIMENSIONS), key=mean(["email"]).__getitem__)
    assert mean(["email", "mail"] * 128)[highest] == mean(["email", "mail"])[highest]


def test_every_stem_of_the_table_is_found_and_no_other() -> None:
    lines = files(lexicon.__package__).joinpath("words.txt").read_text("ascii").splitlines()
    assert len(lines) > 5000
    for line in (lines[0], lines[-1], *lines[:: len(lines) // 50]):
        stem, vector, *_ = line.split(" ")
        assert lexicon.vector(stem) == b64decode(vector) and len(b64decode(vector)) == lexicon.DIMENSIONS
        assert lexicon.vector(stem + "-") is lexicon.vector("-" + stem) is None
    assert lexicon.vector("") is lexicon.vector("zzzz") is lexicon.vector("\ud800") is None


def test_words_of_like_meaning_are_near_and_unknown_ones_are_not_near_anything() -> None:
    ((remove, email, unknown),) = cosines([mean(["delet"])], [mean(["remov"]), mean(["email"]), mean(["nosuchword"])])
    assert remove > 0.4 > email and unknown == 0


def test_candidates_are_compared_with_the_intent_its_clauses_and_the_targets_name(tmp_path: Path) -> None:
    source = (
        'def erase_account(account):\n    """Delete a user for ever."""\n'
        "def paint(): ...\n"
        "def transmit_mail(address): ...\n"
    )
    write(tmp_path, {"a.py": source})
    live = LiveIndex(str(tmp_path))
    live.refresh()
    question = Question("Remove a person, then send an email", "def delete_user(person)")
    signals = gather(live.resolver(), question)
    erase, paint, transmit = live.store.ids("a.py")
    found = columns(signals, [paint, transmit, erase])
    assert tuple(found) == MEANING
    for name in ("meaning", "meaning of its name", "best clause's meaning", "best clause's meaning for its name"):
        assert max(found[name]) != found[name][0], name
    assert found["own name's meaning"][2] == max(found["own name's meaning"])
    assert found["meaning rank"][2] == 1.0 and sorted(found["meaning rank"]) == [1 / 3, 1 / 2, 1]
    assert found["place of its clause"][1] == 0.5
    assert columns(signals, []) == {name: [] for name in MEANING}


def test_without_a_word_in_the_intent_there_is_no_clause(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "def erase(): ...\n"})
    live = LiveIndex(str(tmp_path))
    live.refresh()
    found = columns(gather(live.resolver(), Question("...")), list(live.store.ids("a.py")))
    assert [found[name] for name in MEANING[3:]] == [[0.0], [0.0], [1.0], [0.0]]
