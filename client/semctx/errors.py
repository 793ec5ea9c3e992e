"""The protocol's version and its errors.

They stand apart from the types of `protocol` because every client needs them, and creating those types
costs a command line more time than all the rest of it.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False  # importing typing would double the time that this module takes
if TYPE_CHECKING:
    from typing import Any

PROTOCOL = 1
"""The protocol's major version; it is in the socket's name too. A change that breaks a client raises it."""

ErrorKind = namedtuple("ErrorKind", "code when hint")

ERRORS: dict[str, ErrorKind] = {
    "ParseError": ErrorKind(-32700, "The message is no JSON.", "Send one JSON-RPC 2.0 message a frame."),
    "InvalidRequest": ErrorKind(
        -32600,
        "The message is no JSON-RPC 2.0 request, or a batch that is empty or over the cap.",
        "See docs/protocol.md.",
    ),
    "MethodNotFound": ErrorKind(-32601, "There is no such method.", "See docs/protocol.md for the methods."),
    "InvalidParams": ErrorKind(
        -32602, "A parameter is missing, unknown or of the wrong type.", "Correct the parameters."
    ),
    "InternalError": ErrorKind(
        -32603, "A fault of the daemon.", "Report it with the correlation id, which is in the daemon's log."
    ),
    "ShuttingDown": ErrorKind(-32001, "The daemon is leaving.", "Retry: a new daemon will be started."),
    "VersionMismatch": ErrorKind(
        -32002,
        "Client and daemon speak different protocol versions.",
        "Upgrade the older one, then `semctx restart`.",
    ),
    "TooManyRequests": ErrorKind(
        -32003, "The connection has too many requests under way.", "Wait for some replies, then retry."
    ),
    "OutOfFiles": ErrorKind(
        -32006,
        "The daemon has as many open files as its limit allows.",
        "Close some connections, or raise the limit (`ulimit -n`) and `semctx restart`.",
    ),
    "NotYetFresh": ErrorKind(
        -32004,
        "The changes of the file system could not be taken in within the gate's deadline.",
        "Retry, or ask with consistency relaxed.",
    ),
    "DeadlineExceeded": ErrorKind(
        -32005, "The answer did not come within the deadline.", "Retry, or raise [daemon] deadline_s."
    ),
    "Cancelled": ErrorKind(-32800, "The client cancelled the request.", "Nothing to do."),
    "RootNotFound": ErrorKind(
        -32010, "The root is no directory that can be read.", "Give the absolute path of a directory."
    ),
    "RootRefused": ErrorKind(
        -32011,
        "The root is refused: `/`, what lies in `/proc` or `/sys`, the home directory, or no absolute path.",
        "Give the root of a project.",
    ),
    "OutsideRoot": ErrorKind(-32012, "The file lies outside the workspace.", "Ask with the root that holds the file."),
    "SymbolNotFound": ErrorKind(-32013, "No symbol has that name.", "See `nearest` for names that exist."),
    "MethodNotAllowed": ErrorKind(
        -32014, "The LSP method is not one of the read-only ones.", "See docs/protocol.md for those that are."
    ),
    "UnknownServer": ErrorKind(
        -32015, "No such language or language server is known.", "See `nearest` for the known ones."
    ),
    "UnknownView": ErrorKind(
        -32016, "No connection has that view token.", "Say hello without `view`, or with a living one."
    ),
    "StateUnwritable": ErrorKind(
        -32017,
        "What is to be remembered cannot be written to the user's state folder.",
        "See the message; the folder is $XDG_STATE_HOME/semctx, or ~/.local/state/semctx.",
    ),
    "FileNotFound": ErrorKind(-32025, "There is no such file.", "Correct the path: it is relative to the root."),
    "FileRefused": ErrorKind(
        -32018,
        "The file cannot be shown: it is binary, too large, or no text in the encoding that it declares.",
        "Ask for another file; Python source without a declaration is UTF-8.",
    ),
    "PositionOutside": ErrorKind(
        -32019,
        "The position lies outside of the file.",
        "Lines count from 1, columns from 0 in UTF-16 code units; the file may have changed.",
    ),
    "NoSourceFiles": ErrorKind(
        -32024,
        "There is no file of a supported language.",
        "Python is supported (.py, .pyi); ignored folders are left out. Ask with the root that holds the code.",
    ),
    "DocumentNotOpen": ErrorKind(
        -32026, "The view has no such document open.", "Open it with its whole text (`document/open`)."
    ),
    "DocumentOutOfStep": ErrorKind(
        -32027,
        "The edit does not fit the document: an earlier one was lost or repeated.",
        "Open the document again with its whole text.",
    ),
    "TextRefused": ErrorKind(
        -32028, "The text is binary or too large to be source code.", "Send source code of at most 2 000 000 bytes."
    ),
    "ConfigRefused": ErrorKind(
        -32040,
        "The configuration is wrong; what held before still holds.",
        "Correct what the message names, then `semctx config reload`.",
    ),
    "ServerUnavailable": ErrorKind(
        -32020,
        "The language server's program is not installed, or it failed too often.",
        "See the message for what to install or why it failed.",
    ),
    "ServerCrashed": ErrorKind(
        -32021, "The language server ended while the request was under way.", "Retry: it is started again."
    ),
    "FileEndsServer": ErrorKind(
        -32035,
        "The language server ended twice lately while it was asked about this file.",
        "Ask about others. It is tried again when it changes, in three minutes, or after `semctx restart-server`.",
    ),
    "ServerError": ErrorKind(
        -32022, "The language server answered with an error.", "See the message, which is the server's own."
    ),
    "IndexerFailed": ErrorKind(
        -32023, "The indexer ended while the request was under way.", "Retry: it is started again."
    ),
    "AnswerTooLarge": ErrorKind(
        -32029,
        "The answer is larger than the daemon takes.",
        "Ask for less, or raise [sessions] max_answer_bytes.",
    ),
    # raised by the client itself
    "DaemonUnavailable": ErrorKind(
        -32030, "No daemon answers and none could be started.", "Run `semctx start` and read `semctx logs`."
    ),
    "ConnectionLost": ErrorKind(-32031, "The connection ended before the reply.", "Retry: the client connects again."),
    "NoServiceManager": ErrorKind(
        -32033,
        "There is no systemd here, or it refused.",
        "Nothing is needed: the first client starts the daemon.",
    ),
    "FileUnusable": ErrorKind(
        -32034,
        "A file or stream of the client's own cannot be read or written.",
        "See the message, which is the operating system's.",
    ),
    "Timeout": ErrorKind(-32032, "No reply within the client's time-out.", "Retry with a longer time-out."),
}
"""Every error type: JSON-RPC code, when it is raised, what to do."""


class SemctxError(Exception):
    """A request failed. `type` is a key of ERRORS; `hint` says what to do."""

    def __init__(
        self,
        type: str,  # noqa: A002 (the protocol's own word)
        message: str = "",
        *,
        hint: str = "",
        nearest: list[str] | None = None,
        correlation_id: str | None = None,
        code: int | None = None,
    ) -> None:
        kind = ERRORS.get(type)
        self.type = type
        self.message = message or (kind.when if kind else type)
        self.hint = hint or (kind.hint if kind else "")
        self.nearest = nearest or []
        self.correlation_id = correlation_id
        self.code = code if code is not None else (kind.code if kind else -32000)
        super().__init__(self.message)

    def to_json(self) -> dict[str, Any]:
        """The JSON-RPC `error` object."""
        data: dict[str, Any] = {"type": self.type, "hint": self.hint}
        if self.nearest:
            data["nearest"] = self.nearest
        if self.correlation_id:
            data["correlation_id"] = self.correlation_id
        return {"code": self.code, "message": self.message, "data": data}

    @classmethod
    def from_json(cls, error: dict[str, Any]) -> SemctxError:
        """From the JSON-RPC `error` object of a reply."""
        data = error.get("data") or {}
        return cls(
            data.get("type", "InternalError"),
            error.get("message", ""),
            hint=data.get("hint", ""),
            nearest=data.get("nearest"),
            correlation_id=data.get("correlation_id"),
            code=error.get("code"),
        )
