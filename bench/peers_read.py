"""What the peers' answers say, as what can be compared; see `peers_truth`. Paths become relative to a root."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from bench.peers_truth import Found, Place, fenced, inside, squeezed, where

_CLASSES_AND_FUNCTIONS = (5, 12)  # LSP's SymbolKind


# -- Serena


def serena_symbols(text: str, name: str) -> Found:
    """Of find_symbol and find_declaration; lines are 0-based there."""
    said = json.loads(text)
    symbols = [said] if isinstance(said, dict) else said
    return frozenset(
        (one["relative_path"], one["body_location"]["start_line"] + 1)
        for one in symbols
        if one["name_path"].rpartition("/")[2] == name
    )


def serena_overview(text: str) -> Found:
    """Of get_symbols_overview: names by kind, those with something below them as objects."""
    kinds = json.loads(text)
    listed = [one for kind in ("Class", "Function") for one in kinds.get(kind, [])]
    return frozenset(name for one in listed for name in (one if isinstance(one, dict) else (one,)))


def serena_references(text: str) -> Found:
    """Of find_referencing_symbols: an excerpt for each reference, with a mark before its line, which is 0-based."""
    return frozenset(
        (file, int(line) + 1)
        for file, kinds in json.loads(text).items()
        for symbols in kinds.values()
        for symbol in symbols
        for line in re.findall(r"^  >\s*(\d+):", symbol["content_around_reference"], re.MULTILINE)
    )


def serena_hover(text: str) -> Found:
    """Of find_symbol with include_info."""
    return frozenset(squeezed(one.get("info", "")) for one in json.loads(text))


# -- karellen-lsp-mcp


def karellen_symbols(text: str, name: str, root: str) -> Found:
    """Of lsp_workspace_symbols, which finds similar names, too."""
    symbols = json.loads(text)["symbols"]
    return frozenset((inside(one["file"], root), one["line"]) for one in symbols if one["name"] == name)


def karellen_overview(text: str) -> Found:
    """Of lsp_document_symbols."""
    return frozenset(one["name"] for one in json.loads(text)["symbols"] if one["kind"] in ("Class", "Function"))


def karellen_places(text: str, root: str) -> Found:
    """Of lsp_find_references and lsp_read_definition."""
    return frozenset((inside(one["file"], root), one["line"]) for one in json.loads(text)["locations"])


def karellen_hover(text: str) -> Found:
    """Of lsp_hover."""
    return frozenset({squeezed(json.loads(text)["content"] or "")})


# -- cclsp


def cclsp_symbols(text: str, name: str, root: str) -> Found:
    """Of find_workspace_symbols, which finds similar names, too."""
    found = re.findall(r"^• (\S+) \(\w+\) at (.+):(\d+):\d+", text, re.MULTILINE)
    return frozenset((inside(file, root), int(line)) for said, file, line in found if said == name)


def cclsp_places(text: str, root: str) -> Found:
    """Of find_references: places below a heading for each symbol of the name."""
    return frozenset(
        (inside(file, root), int(line)) for file, line in re.findall(r"^(/.+):(\d+):\d+$", text, re.MULTILINE)
    )


def cclsp_hover(text: str) -> Found:
    """Of get_hover."""
    return frozenset({squeezed(text)})


# -- semctx


def semctx_symbols(said: Mapping[str, Any]) -> Found:
    """Of symbols/find."""
    return frozenset((one["file"], one["line"]) for one in said["symbols"])


def semctx_overview(said: Mapping[str, Any]) -> Found:
    """Of symbols/overview of a file."""
    return frozenset(
        one["name"]
        for file in said["files"]
        for one in file["symbols"]
        if one["kind"] in ("class", "function") and one["qualname"] == one["name"]
    )


def semctx_places(said: Mapping[str, Any]) -> Found:
    """Of symbols/references and symbols/definition."""
    return frozenset(
        (file["file"], place["line"]) for group in said["groups"] for file in group["files"] for place in file["places"]
    )


def semctx_hover(said: Mapping[str, Any]) -> Found:
    """Of symbols/hover."""
    return frozenset(squeezed(fenced(group["text"])) for group in said["groups"])


# -- a language server


def lsp_symbols(said: Iterable[Mapping[str, Any]] | None, name: str, root: str) -> Found:
    """Of workspace/symbol, which finds similar names, too."""
    return frozenset(where(one["location"], root) for one in said or () if one["name"] == name)


def lsp_overview(said: Iterable[Mapping[str, Any]] | None) -> Found:
    """Of textDocument/documentSymbol."""
    return frozenset(one["name"] for one in said or () if one["kind"] in _CLASSES_AND_FUNCTIONS)


def lsp_places(said: Iterable[Mapping[str, Any]] | None, root: str) -> Found:
    """Of textDocument/references and textDocument/definition."""
    places: set[Place] = {where(one, root) for one in said or ()}
    return frozenset(places)


def lsp_hover(said: Mapping[str, Any] | None) -> Found:
    """Of textDocument/hover."""
    return frozenset({squeezed(said["contents"]["value"]) if said else ""})
