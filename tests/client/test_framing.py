from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semctx.framing import Cut, Decoder, FrameError, content_length, frame

messages = st.lists(st.dictionaries(st.text(), st.text() | st.integers(), max_size=3), max_size=6).map(
    lambda values: [json.dumps(value).encode() for value in values]
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(messages, st.booleans(), st.lists(st.integers(0), max_size=20))
def test_messages_survive_however_the_stream_is_cut(messages: list[bytes], headers: bool, cuts: list[int]) -> None:
    decoder = Decoder()
    stream = b"".join(frame(message, headers) for message in messages)
    out = [message.strip() for piece in pieces(stream, cuts) for message in decoder.feed(piece)]
    assert out == messages
    assert decoder.headers is (headers if messages else None)


@given(st.binary(max_size=200), st.lists(st.integers(0), max_size=5))
def test_no_bytes_do_worse_than_a_frame_error(data: bytes, cuts: list[int]) -> None:
    decoder = Decoder(max_bytes=50)
    try:
        for piece in pieces(data, cuts):
            assert all(len(message) <= 51 for message in decoder.feed(piece))
    except FrameError:
        pass


def test_white_space_says_nothing_of_the_framing() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\r\n \n") == []
    assert decoder.headers is None
    assert [line.strip() for line in decoder.feed(b"\n[1]\n")] == [b"[1]"]
    assert decoder.headers is False


def test_empty_lines_are_no_messages() -> None:
    decoder = Decoder(headers=False)
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"\n{}\n\n \n[]\n") == [b"{}", b"[]"]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"{" + b"a" * 60 + b"\n"],
        [b"{" + b"a" * 60],
        [b"{" + b"a" * 40, b"a" * 60 + b"\n{}"],
        [b"{}\n", b"{}\n{" + b"a" * 60],
        [b"Content-Length: 51\r\n\r\n"],
        [b"Content-Length: 51\r\n\r\n" + b"a" * 51],
    ],
)
def test_a_message_over_the_limit(pieces: list[bytes]) -> None:
    decoder = Decoder(max_bytes=50)
    with pytest.raises(FrameError, match="message"):
        for piece in pieces:
            decoder.feed(piece)


@pytest.mark.parametrize("length", [b"", b"-1", b"1e3", b"ten", b"\xb2"])
def test_a_header_that_gives_no_length(length: bytes) -> None:
    with pytest.raises(FrameError, match="no valid Content-Length"):
        Decoder().feed(b"Content-Length: " + length + b"\r\n\r\n")


def test_headers_without_an_end() -> None:
    with pytest.raises(FrameError, match="no end of the headers"):
        Decoder().feed(b"X" * 5000)


def test_names_of_headers_are_case_insensitive() -> None:
    assert content_length(b"content-type: x\r\nCONTENT-LENGTH:  12 ") == 12


def test_a_long_message_in_many_pieces_is_not_searched_again_and_again() -> None:
    """Linear time: quadratic work on this much would not end."""
    text = b'"' + b"a" * 30_000_000 + b'"'
    for headers in (False, True):
        decoder = Decoder()
        stream = frame(b"[" + text + b"]", headers)
        out = [m for at in range(0, len(stream), 4096) for m in decoder.feed(stream[at : at + 4096])]
        assert len(out) == 1


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_a_message_over_the_limit_is_cut_and_the_next_one_is_whole(size: int) -> None:
    decoder = Decoder(max_bytes=1000, headers=True, cuts=True)
    long = bytes(range(250)) * 8
    stream = frame(b"[1]", True) + frame(long, True) + frame(b"[2]", True)
    first, cut, last = [m for at in range(0, len(stream), size) for m in decoder.feed(stream[at : at + size])]
    assert (first, last) == (b"[1]", b"[2]")
    assert isinstance(cut, Cut)
    assert cut and long.startswith(cut)
