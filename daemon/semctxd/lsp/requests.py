"""The read-only requests of LSP, what their answers depend on, and how their URIs are spelt."""

from __future__ import annotations

import os
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import msgspec

from semctxd.child.messages import Asked
from semctxd.errors import InvalidParams
from semctxd.lsp.sync import to_uri
from semctxd.tree import sayable

READ_ONLY: dict[str, Literal["file", "imports", "any"]] = {
    "textDocument/documentSymbol": "file",
    "textDocument/foldingRange": "file",
    "textDocument/selectionRange": "file",
    "textDocument/semanticTokens/full": "imports",
    "textDocument/semanticTokens/range": "imports",
    "textDocument/documentHighlight": "imports",
    "textDocument/hover": "imports",
    "textDocument/definition": "imports",
    "textDocument/declaration": "imports",
    "textDocument/typeDefinition": "imports",
    "textDocument/implementation": "any",
    "textDocument/references": "any",
    "textDocument/signatureHelp": "imports",
    "textDocument/inlayHint": "imports",
    "textDocument/diagnostic": "imports",
    "textDocument/completion": "any",
    "textDocument/prepareCallHierarchy": "imports",
    "callHierarchy/incomingCalls": "any",
    "callHierarchy/outgoingCalls": "imports",
    "textDocument/prepareTypeHierarchy": "imports",
    "typeHierarchy/supertypes": "imports",
    "typeHierarchy/subtypes": "any",
    "workspace/symbol": "any",
}
"""Method -> whether its answer depends on the text of its own file alone, on that of what it imports too, or on any
file: any may begin to refer to a symbol, to override it, or to define one of that name.

Semantic tokens look syntactic and are not: a name is a class or a function by what it was imported as.
"""

_MAX_DEPTH = 100  # servers refuse deeper parameters, or end: serde_json takes 128 with all that is around them


class Spelt(NamedTuple):
    """LSP parameters in the server's spelling of URIs."""

    params: bytes  # canonical JSON: sorted keys
    files: tuple[str, ...]  # every file they name, absolute
    back: tuple[tuple[bytes, bytes], ...]  # (server's spelling, client's spelling) to be put back in the answer


def respell(params: dict[str, Any], given_root: str, root: str) -> Spelt:
    """Translate a client's spelling of URIs into the server's.

    `given_root` is the root as the client wrote it, `root` the same without symlinks. Raises InvalidParams for a
    URI that is no absolute file URI, and for what is nested too deep.
    """
    files: dict[str, None] = {}
    back: dict[bytes, bytes] = {}

    def walk(value: Any, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise InvalidParams(f"params are nested more than {_MAX_DEPTH} deep")
        if isinstance(value, dict):
            return {
                key: spell(item) if key.lower().endswith("uri") and isinstance(item, str) else walk(item, depth + 1)
                for key, item in value.items()
            }
        return [walk(item, depth + 1) for item in value] if isinstance(value, list) else value

    def spell(uri: str) -> str:
        path = unquote(uri.removeprefix("file://"), errors="surrogateescape")
        if not uri.startswith("file:///") or "\0" in path:
            raise InvalidParams(f"{uri!r} is no file URI", hint="Use file:///absolute/path.")
        if sayable(path) != path:
            raise InvalidParams(f"{uri!r} names no UTF-8", hint="Language servers know no such file: rename it.")
        path = os.path.normpath(path)
        if given_root != root and (path + "/").startswith(given_root + "/"):
            path = root + path[len(given_root) :]
        files[path] = None
        spelt = to_uri(path)
        if spelt != uri:
            back[msgspec.json.encode(spelt)] = msgspec.json.encode(uri)
        return spelt

    canonical = msgspec.json.encode(walk(params, 0), order="sorted")
    if given_root != root:
        back[b'"' + to_uri(root).encode() + b"/"] = b'"' + to_uri(given_root).encode() + b"/"
    return Spelt(canonical, tuple(files), tuple(back.items()))


def subject(asked: Asked) -> str:
    """The file (absolute) that a request is about; "" for one that looks for something in all of them."""
    if READ_ONLY.get(asked.method, "any") == "any":
        return ""
    return next(iter(respell(msgspec.json.decode(asked.params), "", "").files), "")


def put_back(raw: bytes, back: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """A server's answer in the client's spelling of URIs (`Spelt.back`)."""
    for server, client in back:
        raw = raw.replace(server, client)
    return raw
