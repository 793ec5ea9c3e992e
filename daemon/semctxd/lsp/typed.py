"""Server requests as lsprotocol's types, through pygls' converter.

lsprotocol has more than five hundred classes, and what a server asks needs a few. attrs would write the methods of all
of them at import, which takes 12 MB and .15 s of processor time; here it does so when a class is first used. The rest
still takes a twentieth of a second, so `load` is run in a thread while the first server starts.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import msgspec

from semctxd import lean
from semctxd.child.messages import Message

_loading = threading.Lock()


def load() -> Any:
    """pygls' converter and lsprotocol's table of message types; imported on first use, by one thread."""
    with _loading:
        return _loaded()


@cache
def _loaded() -> Any:
    import attrs

    put_off: set[type] = set()

    def define(kind: type | None = None, **how: Any) -> Any:
        if kind is None or kind.__module__ != "lsprotocol.types":
            return attrs.define(kind, **how)
        put_off.add(kind)
        return kind

    def complete(kind: type) -> Any:
        if kind in put_off:
            put_off.remove(kind)
            attrs.define(kind, slots=False)  # without slots it stays the same class
            attrs.resolve_types(kind, types.ALL_TYPES_MAP, {})  # as lsprotocol does with those that are complete
        return kind

    later = {"define": define, "fields": lambda kind: attrs.fields(complete(kind))}
    with lean.instead({"attrs": lean.module("attrs", **(vars(attrs) | later))}):
        from lsprotocol import types
        from pygls.protocol import default_converter

    converter = default_converter()  # type: ignore[no-untyped-call]  # pygls leaves it untyped
    converter.register_structure_hook_factory(
        put_off.__contains__, lambda kind: converter.get_structure_hook(complete(kind), cache_result=False)
    )
    return converter, types.METHOD_TO_TYPES


def params_of(message: Message) -> Any:
    """The typed parameters of a server's request (lsprotocol's `…Params` class of its method).

    Raises KeyError for a method that LSP does not have, and cattrs' errors for parameters that do not fit.
    """
    converter, types = load()
    return converter.structure(msgspec.json.decode(message.params), types[message.method][2])
