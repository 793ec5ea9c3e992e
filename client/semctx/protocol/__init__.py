"""The protocol between clients and the daemon: methods, their parameters and results.

With `errors`, which can be imported from here too, this package is the single definition: the daemon
validates parameters against these types, the client returns results of them, and `docs/protocol.md` is
rendered from them. Parameters are camelCase; result fields are snake_case, except what a language server
said, which is passed on as it came.

Each noun has a module of its own, with its types and the rows of its methods.
"""

from __future__ import annotations

from semctx.errors import ERRORS, PROTOCOL, ErrorKind, SemctxError
from semctx.protocol import (
    base,
    cache,
    code,
    config,
    context,
    documents,
    events,
    health,
    lsp,
    metrics,
    session,
    symbols,
    trust,
)
from semctx.protocol.base import *
from semctx.protocol.cache import *
from semctx.protocol.code import *
from semctx.protocol.config import *
from semctx.protocol.context import *
from semctx.protocol.documents import *
from semctx.protocol.events import *
from semctx.protocol.health import *
from semctx.protocol.lsp import *
from semctx.protocol.metrics import *
from semctx.protocol.session import *
from semctx.protocol.symbols import *
from semctx.protocol.trust import *

NOUNS = (session, lsp, context, symbols, code, documents, cache, metrics, health, events, config, trust)
"""The modules of methods, in the order of the document; `base` has what they share."""

METHODS: dict[str, base.Method] = {name: method for noun in NOUNS for name, method in noun.METHODS.items()}
"""Every request. `$/cancelRequest` (CancelParams) is the one notification from client to daemon."""

__all__ = ["ERRORS", "METHODS", "NOUNS", "PROTOCOL", "ErrorKind", "SemctxError"]
for _noun in (base, *NOUNS):
    __all__ += _noun.__all__
