"""semctx: thin client of the semctx daemon (standard library only).

`connect()` returns a blocking connection; `semctx.aio.connect()` its async twin.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from semctx.connection import Connection, connect
    from semctx.context import SemanticContext
    from semctx.errors import SemctxError

__all__ = ["Connection", "SemanticContext", "SemctxError", "__version__", "connect"]

_HOMES = {
    "Connection": "semctx.connection",
    "SemanticContext": "semctx.context",
    "SemctxError": "semctx.errors",
    "connect": "semctx.connection",
}


def __getattr__(name: str) -> object:
    """Import the public names on first use: `import semctx` alone costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
