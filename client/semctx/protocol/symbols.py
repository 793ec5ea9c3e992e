"""Symbols by name."""

from __future__ import annotations

from typing import Literal, NotRequired, Required, TypedDict

from semctx.protocol.base import FRESH, ROOT, Limits, Meta, Method, Symbol

__all__ = ["FindParams", "FindResult"]


class FindParams(TypedDict, total=False):
    """A symbol by its name or name path."""

    root: Required[str]
    name: Required[str]  # `filter`, `QuerySet.filter` or `QuerySet/filter`: the end of a symbol's path
    kind: Literal["class", "function", "method", "variable"]
    match: Literal["exact", "substring", "fuzzy"]  # default: exact
    limits: Limits
    consistency: Literal["strict", "relaxed"]


class FindResult(TypedDict):
    """The symbols of that name."""

    symbols: list[Symbol]
    left_out: int  # how many more there are than `limits.symbols`
    meta: Meta
    degraded: NotRequired[list[str]]


METHODS: dict[str, Method] = {
    "symbols/find": Method(
        FindParams,
        FindResult,
        "Symbols by name or name path.",
        (*ROOT, *FRESH, "IndexerFailed", "SymbolNotFound"),
    ),
}
