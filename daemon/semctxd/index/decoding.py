"""Source text from bytes."""

from __future__ import annotations

import io
import tokenize

MAX_BYTES = 2_000_000
"""A larger file is generated data: it is known by name only."""


def decode(data: bytes) -> str | None:
    """Source text by PEP 263; undecodable bytes are replaced; None where it is no text at all."""
    if b"\0" in data:
        return None
    if data.isascii():
        return data.decode("ascii")
    try:
        return data.decode(encoding_of(data), errors="replace")
    except NO_TEXT:  # an unknown encoding, one of something else than text, or bytes that it cannot be
        return data.decode("utf-8-sig", errors="replace")


NO_TEXT = (SyntaxError, LookupError, UnicodeError)
"""What `encoding_of` and decoding with it raise."""


def encoding_of(data: bytes) -> str:
    """The encoding of source text by PEP 263. Raises SyntaxError."""
    return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
