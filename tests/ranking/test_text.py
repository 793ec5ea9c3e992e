from __future__ import annotations

import pytest

from semctxd.ranking.text import keywords, stem, subtokens, words


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("parse_http_date", ("parse", "http", "date")),
        ("parseHTTPDate", ("parse", "http", "date")),
        ("XMLReader2", ("xml", "reader", "2")),
        ("__init__", ("init",)),
        ("größe_über", ("größe", "über")),
        ("_", ()),
    ],
)
def test_identifiers_are_split_at_underscores_humps_and_digits(name: str, parts: tuple[str, ...]) -> None:
    assert subtokens(name) == tuple(stem(part) for part in parts)


def test_a_stem_keeps_three_letters() -> None:
    assert {stem(word) for word in ("validate", "validates", "validated", "validating", "validation")} == {"valid"}
    assert stem("parser") == stem("parse") == stem("parsing") == stem("parses")
    assert stem("rendering") == stem("renderers") == "rend"
    assert stem("uses") == "use"
    assert stem("red") == "red"
    assert stem("run" + "ing" * 10_000) == "run"


def test_words_leave_out_what_every_docstring_says() -> None:
    assert words("Return the parsed HTTPDate of a given string.") == ["par", "http", "dat"]


def test_keywords_stand_as_they_were_written_and_once() -> None:
    assert keywords("Validate email address; validate the format") == ["validate", "email", "address", "format"]
