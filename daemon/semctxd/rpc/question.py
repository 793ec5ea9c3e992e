"""A query's parameters, checked and in canonical form. Pure: no file is looked at.

Two clients that write the same question with other key orders, spellings of a path or of a URI ask for the same
entry of the cache.
"""

from __future__ import annotations

import difflib
import os
from functools import lru_cache
from typing import Any, NamedTuple, cast, get_type_hints, is_typeddict

import msgspec

from semctx.protocol import METHODS, SymbolParams
from semctxd.documents import shown
from semctxd.errors import InvalidParams, MethodNotAllowed, OutsideRoot
from semctxd.lsp.requests import READ_ONLY, Spelt, respell
from semctxd.model import Unsaved

QUERIES = frozenset(
    {"lsp/request", "context/query", "files/relevant", "diagnostics", "code/check", "code/resolve"}
    | {name for name in METHODS if name.startswith("symbols/")}
)
"""The methods whose answers are kept."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises."""

_MAX_LIMIT = 1000
_MAX_NAMES = 100
_MAX_TOKENS = 1_000_000
_MAX_NAME, _MAX_TEXT = 500, 100_000  # characters of a name, of what is said of code that is about to be written


class Question(NamedTuple):
    """One of the queries, ready to be looked up."""

    root: str  # as the client wrote it
    strict: bool
    method: str  # of the key: LSP's own for lsp/request
    params: bytes  # canonical JSON
    lsp: LspAsk | None = None
    files: tuple[str, ...] = ()  # those that the parameters name: absolute for lsp/request, else relative to the root
    unsaved: Unsaved | None = None  # the text in question, whose digest is in `params`

    @property
    def respelt(self) -> bool:
        """Whether the answer's URIs must be put back into the client's spelling."""
        return self.lsp is not None and bool(self.lsp.spelt.back)


class LspAsk(NamedTuple):
    """What an lsp/request says beyond its key."""

    language: str
    server: str
    params: dict[str, Any]
    spelt: Spelt


def question(method: str, raw: bytes) -> Question:
    """The query in the raw `params` of a request. Raises InvalidParams, MethodNotAllowed, OutsideRoot or
    TextRefused."""
    try:
        params = checked(msgspec.json.decode(raw), method)
    except UNREADABLE as error:
        raise InvalidParams(str(error)) from None
    root = params.pop("root").rstrip("/") or "/"
    strict = params.pop("consistency", "strict") == "strict"
    if method != "lsp/request":
        _check_lengths(params, method)
        if "targetFile" in params:
            params["targetFile"] = relative(params["targetFile"], root)
        if METHODS[method].params is SymbolParams:
            _check_target(params, method)
        unsaved = None
        if method.startswith("code/"):
            params["file"] = relative(params["file"], root)
            if "text" in params:
                unsaved = shown(params["text"])
                params["text"] = unsaved.digest.hex()
            if len(params.get("names", ())) > _MAX_NAMES:
                raise InvalidParams(f"{method}: at most {_MAX_NAMES} names")
        elif "file" in params:
            params["file"] = _file(params["file"], root)
        files = tuple(params[name] for name in ("targetFile", "file") if name in params)
        canonical = msgspec.json.encode(params, order="sorted")
        return Question(root, strict, method, canonical, files=files, unsaved=unsaved)
    asked = params["method"]
    if asked not in READ_ONLY:
        nearest = difflib.get_close_matches(asked, READ_ONLY, 3, 0.4)
        raise MethodNotAllowed(f"{asked} is not one of the read-only requests", nearest=nearest)
    spelt = respell(params["params"], root, root)
    ask = LspAsk(params.get("language", "python"), params.get("server", ""), params["params"], spelt)
    return Question(root, strict, asked, spelt.params, ask, spelt.files)


def checked(params: object, method: str) -> dict[str, Any]:
    """Parameters of a method, decoded already. Raises InvalidParams that names the key."""
    kind = METHODS[method].params
    try:
        valid: dict[str, Any] = msgspec.convert(params, kind)
    except msgspec.ValidationError as error:
        raise InvalidParams(f"{method}: {error}") from None
    _refuse_unknown(cast("dict[str, Any]", params), kind, method)
    for name, value in valid.get("limits", {}).items():
        most = _MAX_TOKENS if name == "tokens" else _MAX_LIMIT
        if not 0 <= value <= most:
            raise InvalidParams(f"{method}: limits.{name} must be between 0 and {most}")
    return valid


def relative(file: str, *roots: str) -> str:
    """`file`, absolute or relative to the root, as a path relative to the root. Raises OutsideRoot or InvalidParams."""
    if "\0" in file:
        raise InvalidParams(f"{file!r} is no path")
    for root in roots:
        path, above = os.path.normpath(os.path.join(root, file)), root.rstrip("/") + "/"
        if path.startswith(above):
            return path[len(above) :]
        if path + "/" == above:
            raise InvalidParams(f"{file!r} is the root itself, where a file in it is meant")
    raise OutsideRoot(f"{file} lies outside {roots[0]}")


def _file(file: str, root: str) -> str:
    """As `relative`, "" for the root itself."""
    return "" if os.path.normpath(os.path.join(root, file)) == root else relative(file, root)


def _check_lengths(params: dict[str, Any], method: str) -> None:
    """Raises InvalidParams for a text that would keep the indexer from others' questions; `text` has its own bound."""
    for name, value in params.items():
        most = _MAX_NAME if name in ("name", "names", "qualname") else _MAX_TEXT
        for said in value if isinstance(value, list) else (value,):
            if isinstance(said, str) and len(said) > most and name != "text":
                raise InvalidParams(f"{method}: {name} has {len(said)} characters, of {most} that it may have")


def _check_target(params: dict[str, Any], method: str) -> None:
    """Raises InvalidParams where neither a name nor a position is given, or parts of both."""
    given = [name for name in ("line", "column") if name in params]
    if ("name" in params and given) or ("name" not in params and ("file" not in params or len(given) < 2)):
        raise InvalidParams(f"{method}: give either `name` (with or without `file`), or `file`, `line` and `column`")


def _refuse_unknown(value: dict[str, Any], kind: type, where: str) -> None:
    known = _known(kind)
    for key, item in value.items():
        if key not in known:
            raise InvalidParams(f"{where}: unknown parameter {key!r}", nearest=difflib.get_close_matches(key, known, 3))
        if (inner := known[key]) is not None:
            _refuse_unknown(item, inner, f"{where}: {key}")


@lru_cache
def _known(kind: type) -> dict[str, type | None]:
    """The keys of a TypedDict, with the TypedDict that the value is, if it is one."""
    return {name: hint if is_typeddict(hint) else None for name, hint in get_type_hints(kind).items()}
