"""The protocol between clients and the daemon: methods, their parameters and results.

With `errors`, which can be imported from here too, this module is the single definition: the daemon
validates parameters against these types, the client returns results of them, and `docs/protocol.md` is
rendered from them. Parameters are camelCase; result fields are snake_case, except what a language server
said, which is passed on as it came.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, NotRequired, Required, TypedDict

from semctx.errors import ERRORS, PROTOCOL, ErrorKind, SemctxError

__all__ = ["ERRORS", "METHODS", "PROTOCOL", "ErrorKind", "Method", "SemctxError"]

# -- parameters -----------------------------------------------------------------------------------


class HelloParams(TypedDict, total=False):
    """Who is asking, and in which environment."""

    client: Required[str]  # name and version of the client program, for logs
    protocol: Required[int]  # PROTOCOL of the client
    env: dict[str, str]  # VIRTUAL_ENV, CONDA_PREFIX and PATH of the client: where its python is
    view: str  # the token of a connection whose unsaved text this one wants to see


class LspParams(TypedDict, total=False):
    """A read-only LSP request for the language server of a workspace."""

    root: Required[str]  # absolute path of the workspace
    method: Required[str]  # LSP's method name, such as textDocument/hover
    params: Required[dict[str, Any]]  # LSP's parameters; positions count UTF-16 code units
    language: str  # default: python
    server: str  # default: the configured server of the language
    consistency: Literal["strict", "relaxed"]  # default: strict


class Limits(TypedDict, total=False):
    """How much of each kind an answer holds at most."""

    symbols: int  # default 20
    files: int  # default 3
    imports: int  # default 10
    conventions: int  # default 10


class ContextParams(TypedDict, total=False):
    """What is about to be written."""

    root: Required[str]
    intent: Required[str]  # in words
    signature: str  # `def f(x: int) -> str`
    arguments: str  # what is said of the arguments, `:param x: …`
    targetFile: str  # where it will stand: absolute, or relative to the root
    qualname: str  # its own name, dotted, without the module
    draft: str  # code written before any context was there
    limits: Limits
    minConfidence: float  # leave out symbols below this
    explain: bool  # add a breakdown to each symbol
    consistency: Literal["strict", "relaxed"]


class FilesParams(TypedDict, total=False):
    """Which files matter for an intent."""

    root: Required[str]
    intent: Required[str]
    signature: str
    arguments: str
    targetFile: str
    qualname: str
    draft: str
    limits: Limits
    explain: bool
    consistency: Literal["strict", "relaxed"]


class FindParams(TypedDict, total=False):
    """A symbol by its name or name path."""

    root: Required[str]
    name: Required[str]  # `filter`, `QuerySet.filter` or `QuerySet/filter`: the end of a symbol's path
    kind: Literal["class", "function", "method", "variable"]
    match: Literal["exact", "substring", "fuzzy"]  # default: exact
    limits: Limits
    consistency: Literal["strict", "relaxed"]


class RootParams(TypedDict, total=False):
    """One workspace, or all where `root` is missing."""

    root: str


class InvalidateParams(TypedDict, total=False):
    """Drop what depends on a file (all cross-file answers with it), or all of a workspace."""

    root: Required[str]
    file: str


class SubscribeParams(TypedDict):
    """Which notifications the connection wants; replaces an earlier list."""

    topics: list[Literal["changes", "sessions"]]


class CancelParams(TypedDict):
    """Which request is to be cancelled."""

    id: int | str


class NoParams(TypedDict):
    """No parameters."""


# -- results --------------------------------------------------------------------------------------


class HelloResult(TypedDict):
    """The daemon on the other side."""

    server: str
    version: str
    protocol: int
    pid: int
    view: str  # token of this connection's view


class LspResult(TypedDict, total=False):
    """A language server's answer."""

    result: Required[Any]  # exactly what the server said
    epoch: Required[int]  # the workspace's epoch that the answer belongs to
    completeness: Literal["unknown", "indexing", "partial"]  # missing: complete
    degraded: list[str]  # what the answer may not reflect; missing: nothing


class Symbol(TypedDict, total=False):
    """A definition in the repository."""

    name: Required[str]
    qualname: Required[str]  # dotted, without the module
    kind: Required[Literal["class", "function", "method", "variable"]]
    file: Required[str]  # relative to the root
    line: Required[int]  # 1-based, of the name
    column: Required[int]  # 0-based, UTF-16 code units, of the name
    module: Required[str]  # importable
    signature: Required[str]
    doc: Required[str]  # first paragraph of the documentation
    scope: Required[Literal["class", "file", "workspace"]]  # relative to the target
    confidence: float  # 0 to 1: estimated chance that the code to be written uses it (context only)
    breakdown: dict[str, float]  # signal -> share of the score (with `explain`)


class FileScore(TypedDict):
    """A file that matters."""

    path: str  # relative to the root
    score: float
    why: str


class ImportPattern(TypedDict):
    """An import that code in this place would have."""

    module: str
    names: list[str]
    statement: str  # can be pasted as it is
    count: int  # how many files have it
    evidence: list[str]  # path:line
    checked: bool  # the language server resolved it


class Convention(TypedDict):
    """How this repository does something, counted."""

    key: str
    value: str
    count: int
    of: int
    evidence: list[str]  # path:line


class Meta(TypedDict):
    """Facts of this call, not of the answer."""

    elapsed_ms: float
    cached: bool


class ContextResult(TypedDict):
    """Ranked semantic context."""

    symbols: list[Symbol]  # every kind, best first
    types: list[int]  # positions in `symbols`
    functions: list[int]
    files: list[FileScore]
    imports: list[ImportPattern]
    conventions: list[Convention]
    keywords: list[str]
    source: Literal["index", "server", "knowledge-base"]
    enriched: bool  # the language server's part is in it
    meta: Meta
    degraded: NotRequired[list[str]]


class FilesResult(TypedDict):
    """Ranked files."""

    files: list[FileScore]
    keywords: list[str]
    meta: Meta
    degraded: NotRequired[list[str]]


class FindResult(TypedDict):
    """The symbols of that name."""

    symbols: list[Symbol]
    left_out: int  # how many more there are than `limits.symbols`
    meta: Meta
    degraded: NotRequired[list[str]]


class MethodCache(TypedDict):
    """Look-ups of one method."""

    hits: int
    misses: int


class CacheStats(TypedDict):
    """State of the cache (of one workspace, or of all)."""

    size: int
    max_size: int
    bytes: int
    max_bytes: int
    hits: int
    misses: int
    hit_rate: float
    evictions: int
    invalidations: int
    ttl_s: float
    by_method: dict[str, MethodCache]


class Dropped(TypedDict):
    """How many entries went."""

    dropped: int


class OperationMetrics(TypedDict):
    """Counts and latency of one method."""

    total: int
    success: int
    error: int
    cached: int
    errors: dict[str, int]  # by error type
    avg_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float


class MetricsResult(TypedDict):
    """Every operation since the daemon's start."""

    uptime_s: float
    queries: dict[str, int]  # total, success, error, cached
    rates: dict[str, float]  # success_rate, cache_hit_rate
    operations: dict[str, OperationMetrics]
    cache: CacheStats
    workspaces: dict[str, dict[str, Any]]  # guard counters of each: gate, flights, witness, sessions


class SessionState(TypedDict):
    """One child process."""

    name: str  # ty, indexer
    state: Literal["starting", "indexing", "ready", "crashed", "failed", "stopped"]
    why: str  # of the state, where it needs a reason
    pid: int | None
    interpreter: str
    restarts: int
    memory_bytes: int
    pending: int


class WorkspaceState(TypedDict):
    """One workspace."""

    root: str
    epoch: int
    fresh: bool
    degraded: list[str]
    folders: int  # watched
    sessions: list[SessionState]


class HealthResult(TypedDict):
    """The daemon's health."""

    status: Literal["ok", "degraded", "failing"]
    reasons: list[str]  # why it is not ok, each with what to do
    version: str
    pid: int
    uptime_s: float
    memory_bytes: int
    connections: int
    workspaces: list[WorkspaceState]


class Subscribed(TypedDict):
    """The topics now subscribed to."""

    topics: list[str]


class Stopping(TypedDict):
    """The daemon drains and leaves."""

    pid: int


# -- methods --------------------------------------------------------------------------------------


class Method(NamedTuple):
    """One request of the protocol."""

    params: type
    result: type
    doc: str
    errors: tuple[str, ...] = ()  # beyond those that any request may meet


_ROOT = ("RootRefused", "RootNotFound")
_FRESH = ("NotYetFresh", "DeadlineExceeded")
_SERVER = ("ServerUnavailable", "ServerCrashed", "ServerError")

METHODS: dict[str, Method] = {
    "session/hello": Method(
        HelloParams, HelloResult, "Introduce a client; optional.", ("VersionMismatch", "UnknownView")
    ),
    "lsp/request": Method(
        LspParams,
        LspResult,
        "Any read-only LSP request, cached. The answer is the server's own, in the client's spelling of URIs.",
        (*_ROOT, *_FRESH, *_SERVER, "MethodNotAllowed", "OutsideRoot", "UnknownServer"),
    ),
    "context/query": Method(
        ContextParams,
        ContextResult,
        "Ranked context for an intent.",
        (*_ROOT, *_FRESH, "IndexerFailed", "OutsideRoot"),
    ),
    "files/relevant": Method(
        FilesParams,
        FilesResult,
        "Ranked files for an intent.",
        (*_ROOT, *_FRESH, "IndexerFailed", "OutsideRoot"),
    ),
    "symbols/find": Method(
        FindParams,
        FindResult,
        "Symbols by name or name path.",
        (*_ROOT, *_FRESH, "IndexerFailed", "SymbolNotFound"),
    ),
    "cache/stats": Method(RootParams, CacheStats, "State of the cache."),
    "cache/invalidate": Method(InvalidateParams, Dropped, "Drop what depends on a file.", (*_ROOT, "OutsideRoot")),
    "cache/clear": Method(RootParams, Dropped, "Drop every entry."),
    "metrics/get": Method(NoParams, MetricsResult, "Counts, rates and latencies of every operation."),
    "health": Method(NoParams, HealthResult, "Is all well, and if not, what to do."),
    "events/subscribe": Method(
        SubscribeParams, Subscribed, "Ask for notifications `events/<topic>`; an empty list ends them."
    ),
    "daemon/stop": Method(NoParams, Stopping, "Drain and leave, as on SIGTERM."),
}
"""Every request. `$/cancelRequest` (CancelParams) is the one notification from client to daemon."""
