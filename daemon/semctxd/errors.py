"""Every error that the daemon raises: when, and what its receiver should do.

The first part goes to clients; each class is named as its type in `semctx.errors.ERRORS`, which holds its
code and its usual message and hint. The second part stays inside: it keeps a daemon from starting.
"""

from __future__ import annotations

import uuid

from semctx.errors import SemctxError


class RequestFailed(SemctxError):
    """What all errors that go to clients have in common; raise one of its subclasses.

    `message` and `hint` replace the usual ones of the type, `nearest` names what exists instead.
    """

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        nearest: list[str] | None = None,
    ) -> None:
        super().__init__(type(self).__name__, message, hint=hint, nearest=nearest)


class ParseError(RequestFailed):
    """Raised for a message that is no JSON; the client is to send one JSON-RPC 2.0 message a frame."""


class InvalidRequest(RequestFailed):
    """Raised for JSON that is no request, or a batch empty or over the cap; the client is to mend it."""


class MethodNotFound(RequestFailed):
    """Raised for a method that the protocol does not have; the client is to look it up."""


class InvalidParams(RequestFailed):
    """Raised for a missing, unknown or mistyped parameter; the client is to correct it."""


class InternalError(RequestFailed):
    """Raised in place of any unforeseen exception; a person is to find the correlation id in the log."""

    def __init__(self) -> None:
        super().__init__()
        self.correlation_id = uuid.uuid4().hex


class ShuttingDown(RequestFailed):
    """Raised for requests that meet a draining daemon; the client is to retry with a new one."""


class VersionMismatch(RequestFailed):
    """Raised by hello for another protocol version; a person is to upgrade the older side and restart."""


class TooManyRequests(RequestFailed):
    """Raised over the cap of requests under way on a connection; the client is to await replies first."""


class OutOfFiles(RequestFailed):
    """Raised where the limit of open files is reached, or a connection would leave none to work with."""


class NotYetFresh(RequestFailed):
    """Raised past the gate's deadline, instead of a guess; the client is to retry or to ask relaxed."""


class DeadlineExceeded(RequestFailed):
    """Raised when a session did not answer in time; the client is to retry or to raise the deadline."""


class Cancelled(RequestFailed):
    """Raised for a request that its client cancelled; nothing is to be done."""


class RootNotFound(RequestFailed):
    """Raised for a root that is no readable directory; the client is to name another."""


class RootRefused(RequestFailed):
    """Raised for `/`, the home directory and relative roots; the client is to name a project's root."""


class OutsideRoot(RequestFailed):
    """Raised for a file outside the workspace; the client is to ask with the root that holds it."""


class SymbolNotFound(RequestFailed):
    """Raised when no symbol has the name; the client is to pick one of `nearest`."""


class FileNotFound(RequestFailed):
    """Raised for a path that names no file; the client is to correct it."""


class FileRefused(RequestFailed):
    """Raised for a file that is no text or too large to be read; the client is to ask for another."""


class PositionOutside(RequestFailed):
    """Raised for a line or column that its file does not have; the client is to look at the file again."""


class NoSourceFiles(RequestFailed):
    """Raised where a root or folder has nothing in a supported language; the client is to name another."""


class MethodNotAllowed(RequestFailed):
    """Raised for an LSP method that could write or that no entry exists for; the client is to use another."""


class UnknownServer(RequestFailed):
    """Raised for a language or server not in the registry; the client is to pick one of `nearest`."""


class UnknownView(RequestFailed):
    """Raised by hello for a view that no living connection has; the client is to say hello without it."""


class StateUnwritable(RequestFailed):
    """Raised where the user's state folder cannot be written to; a person is to read the message."""


class DocumentNotOpen(RequestFailed):
    """Raised for an edit or a close of a document that the view has not; the client is to open it."""


class DocumentOutOfStep(RequestFailed):
    """Raised for an edit that cannot be of the text that the view has; the client is to open it again."""


class TextRefused(RequestFailed):
    """Raised for text that is binary or too large; the client is to send source code."""


class ConfigRefused(RequestFailed):
    """Raised when the configuration is wrong that is to be read again; a person is to edit it."""


class ServerUnavailable(RequestFailed):
    """Raised when a server cannot be started, or failed too often; a person is to read the message."""


class ServerCrashed(RequestFailed):
    """Raised for what waited on a server that ended; the client is to retry, which starts it again."""


class FileEndsServer(RequestFailed):
    """Raised for a question about a file that ended the server twice lately; the client is to ask about others."""


class ServerError(RequestFailed):
    """Raised when a language server answered with an error; the client is to read the message."""


class IndexerFailed(RequestFailed):
    """Raised for what waited on an indexer that ended; the client is to retry, which starts it again."""


class AnswerTooLarge(RequestFailed):
    """Raised for an answer of a session that is over the bound; the client is to ask for less."""


# -- not on the wire: why a daemon does not start ---------------------------------------------------


class ConfigError(Exception):
    """The configuration is wrong: the message names file, key and what is allowed; a person is to edit it."""


class SocketRefused(Exception):
    """The socket's place is unsafe or unusable: the message says why and what to do about it."""


class AlreadyRunning(Exception):
    """Another daemon serves the socket; this one is to leave. `pid` is None where it could not be told."""

    def __init__(self, path: str, pid: int | None = None) -> None:
        self.path = path
        self.pid = pid
        super().__init__(f"a daemon{f' (process {pid})' if pid else ''} already serves {path}")
