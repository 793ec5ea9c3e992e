"""What a language server says."""

from __future__ import annotations

from typing import Any, Literal, Required, TypedDict

from semctx.protocol.base import FRESH, ROOT, SERVER, Method

__all__ = ["LspParams", "LspResult"]


class LspParams(TypedDict, total=False):
    """A read-only LSP request for the language server of a workspace."""

    root: Required[str]  # absolute path of the workspace
    method: Required[str]  # LSP's method name, such as textDocument/hover
    params: Required[dict[str, Any]]  # LSP's parameters; positions count UTF-16 code units
    language: str  # default: python
    server: str  # default: the configured server of the language
    consistency: Literal["strict", "relaxed"]  # default: strict


class LspResult(TypedDict, total=False):
    """A language server's answer."""

    result: Required[Any]  # exactly what the server said
    epoch: Required[int]  # the workspace's epoch that the answer belongs to
    completeness: Literal["unknown", "indexing", "partial"]  # missing: complete
    degraded: list[str]  # what the answer may not reflect; missing: nothing


METHODS: dict[str, Method] = {
    "lsp/request": Method(
        LspParams,
        LspResult,
        "Any read-only LSP request, cached. The answer is the server's own, in the client's spelling of URIs.",
        (*ROOT, *FRESH, *SERVER, "MethodNotAllowed", "OutsideRoot", "UnknownServer"),
    ),
}
