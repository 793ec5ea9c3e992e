"""Server requests as lsprotocol's types, through pygls' converter.

Both cost a third of a second and 17 MB to import, so `load` is run in a thread while the first server starts.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import msgspec

from semctxd.child.messages import Message

_loading = threading.Lock()


def load() -> Any:
    """pygls' converter and lsprotocol's table of message types; imported on first use, by one thread."""
    with _loading:
        return _loaded()


@cache
def _loaded() -> Any:
    from lsprotocol.types import METHOD_TO_TYPES
    from pygls.protocol import default_converter

    return default_converter(), METHOD_TO_TYPES  # type: ignore[no-untyped-call]  # pygls leaves it untyped


def params_of(message: Message) -> Any:
    """The typed parameters of a server's request (lsprotocol's `…Params` class of its method).

    Raises KeyError for a method that LSP does not have, and cattrs' errors for parameters that do not fit.
    """
    converter, types = load()
    return converter.structure(msgspec.json.decode(message.params), types[message.method][2])
