"""What is asked about in a repository: documents, names in them, and intents."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from bench.oracle import Ty, at
from bench.repository import sources

SYMBOLS, HOVER, REFERENCES = "textDocument/documentSymbol", "textDocument/hover", "textDocument/references"

_FUNCTION_KINDS = (5, 6, 12)  # LSP's SymbolKind: class, method, function
_FILES_WITH_NAMES = 200

_ACTIONS = (
    "Validate the format of", "Parse", "Serialize", "Cache", "Render a template for", "Log a warning about", "Escape",
    "Convert", "Look up", "Delete",
)  # fmt: skip
_OBJECTS = ("an email address", "a date range in a query", "an uploaded file", "a user's session and its permissions")
INTENTS = tuple(f"{action} {thing}" for action in _ACTIONS for thing in _OBJECTS)
"""Forty distinct ones."""


class Places(NamedTuple):
    """LSP parameters: files, and positions of the names of functions and classes; and these names."""

    documents: list[dict[str, Any]]
    positions: list[dict[str, Any]]
    names: list[str]

    @property
    def references(self) -> list[dict[str, Any]]:
        """The positions, as parameters of `textDocument/references`."""
        return [{**position, "context": {"includeDeclaration": True}} for position in self.positions]


def places(root: str) -> Places:
    """Files and names of the repository in an order of chance, the same at every run."""
    files = list(sources(root))
    random.Random(1).shuffle(files)
    documents = [at(root, file) for file in files]
    found = Places(documents, [], [])
    with Ty(root) as ty:
        for document in documents[:_FILES_WITH_NAMES]:
            symbols = ty.ask(SYMBOLS, document) or []
            for symbol in [symbol for symbol in symbols if symbol["kind"] in _FUNCTION_KINDS][:1]:
                found.positions.append({**document, "position": symbol["selectionRange"]["start"]})
                found.names.append(symbol["name"])
    return found
