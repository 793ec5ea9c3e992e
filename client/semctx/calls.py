"""The protocol's methods as typed functions: each gives name, parameters and what to make of the result.

Both connections turn them into methods of their own, so that every parameter is written once. The first
parameter is the connection's workspace.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal, TypeAlias, TypeVar

    from semctx.context import SemanticContext
    from semctx.protocol import (
        CacheStats,
        ConfigReloaded,
        ConfigResult,
        ContextResult,
        Dropped,
        FilesResult,
        FindResult,
        HealthResult,
        Limits,
        LogLevel,
        LspResult,
        MetricsReset,
        MetricsResult,
        MetricsText,
        Restarted,
        Stopping,
        Subscribed,
        TrustList,
        TrustState,
    )

    R = TypeVar("R")
    Call: TypeAlias = tuple[str, dict[str, Any], Callable[[Any], R]]
    Consistency: TypeAlias = Literal["strict", "relaxed"]


def context(
    root: str,
    intent: str,
    *,
    signature: str | None = None,
    arguments: str | None = None,
    target_file: str | None = None,
    qualname: str | None = None,
    draft: str | None = None,
    limits: Limits | None = None,
    min_confidence: float | None = None,
    explain: bool | None = None,
    consistency: Consistency | None = None,
) -> Call[SemanticContext]:
    """Ranked context for what is about to be written (`context/query`).

    `intent` says it in words; `signature` is its `def` line, `arguments` what is said of the arguments,
    `target_file` where it will stand, `qualname` its dotted name, `draft` code written before any context was
    there.
    """
    params = given(
        root=root,
        intent=intent,
        signature=signature,
        arguments=arguments,
        targetFile=target_file,
        qualname=qualname,
        draft=draft,
        limits=limits,
        minConfidence=min_confidence,
        explain=explain,
        consistency=consistency,
    )
    return "context/query", params, _semantic_context


def files(
    root: str,
    intent: str,
    *,
    signature: str | None = None,
    arguments: str | None = None,
    target_file: str | None = None,
    qualname: str | None = None,
    draft: str | None = None,
    limits: Limits | None = None,
    explain: bool | None = None,
    consistency: Consistency | None = None,
) -> Call[FilesResult]:
    """Ranked files for what is about to be written (`files/relevant`); parameters as of `context`."""
    params = given(
        root=root,
        intent=intent,
        signature=signature,
        arguments=arguments,
        targetFile=target_file,
        qualname=qualname,
        draft=draft,
        limits=limits,
        explain=explain,
        consistency=consistency,
    )
    return "files/relevant", params, as_is


def find(
    root: str,
    name: str,
    *,
    kind: Literal["class", "function", "method", "variable"] | None = None,
    match: Literal["exact", "substring", "fuzzy"] | None = None,
    limits: Limits | None = None,
    consistency: Consistency | None = None,
) -> Call[FindResult]:
    """The symbols with a name (`filter`) or name path (`QuerySet.filter`) (`symbols/find`)."""
    params = given(root=root, name=name, kind=kind, match=match, limits=limits, consistency=consistency)
    return "symbols/find", params, as_is


def lsp(
    root: str,
    method: str,
    params: Mapping[str, Any],
    *,
    language: str | None = None,
    server: str | None = None,
    consistency: Consistency | None = None,
) -> Call[LspResult]:
    """A read-only LSP request, such as `textDocument/hover` with LSP's own parameters (`lsp/request`)."""
    request = given(root=root, method=method, params=params, language=language, server=server, consistency=consistency)
    return "lsp/request", request, as_is


def health(root: str, workspace: str | None = None) -> Call[HealthResult]:
    """Whether all is well with the daemon and all workspaces, or one, and if not, what to do (`health`)."""
    return "health", given(root=workspace), as_is


def metrics(root: str) -> Call[MetricsResult]:
    """Counts, rates and latencies of everything (`metrics/get`)."""
    return "metrics/get", {}, as_is


def metrics_reset(root: str) -> Call[MetricsReset]:
    """Count anew (`metrics/reset`)."""
    return "metrics/reset", {}, as_is


def metrics_prometheus(root: str) -> Call[MetricsText]:
    """The metrics as text for Prometheus (`metrics/prometheus`)."""
    return "metrics/prometheus", {}, as_is


def config(root: str, workspace: str | None = None) -> Call[ConfigResult]:
    """Each setting and its origin, of the user or of one workspace (`config/get`)."""
    return "config/get", given(root=workspace), as_is


def config_reload(root: str) -> Call[ConfigReloaded]:
    """Have the daemon read its configuration again (`config/reload`)."""
    return "config/reload", {}, as_is


def log_level(root: str, level: Literal["debug", "info", "warning", "error"] | None = None) -> Call[LogLevel]:
    """How much is logged, changed to `level` if that is given (`log/level`)."""
    return "log/level", given(level=level), as_is


def cache_stats(root: str, workspace: str | None = None) -> Call[CacheStats]:
    """The state of the cache, over all workspaces or of one (`cache/stats`)."""
    return "cache/stats", given(root=workspace), as_is


def cache_invalidate(root: str, file: str | None = None) -> Call[Dropped]:
    """Drop what depends on a file of this workspace, or everything of it (`cache/invalidate`)."""
    return "cache/invalidate", given(root=root, file=file), as_is


def cache_clear(root: str, workspace: str | None = None) -> Call[Dropped]:
    """Drop every entry, of all workspaces or of one (`cache/clear`)."""
    return "cache/clear", given(root=workspace), as_is


def subscribe(
    root: str, topics: Sequence[Literal["changes", "sessions", "metrics", "health", "log"]]
) -> Call[Subscribed]:
    """Ask for the notifications `events/<topic>` of exactly these topics (`events/subscribe`).

    A connection that was lost and made again has no subscription.
    """
    return "events/subscribe", {"topics": list(topics)}, as_is


def trust(root: str) -> Call[TrustState]:
    """Which programs this workspace's own file names, and whether they may be run (`trust/show`)."""
    return "trust/show", {"root": root}, as_is


def trust_grant(root: str, sha256: str) -> Call[TrustState]:
    """Trust the file that `trust` showed, with that hash, until it changes (`trust/grant`)."""
    return "trust/grant", {"root": root, "sha256": sha256}, as_is


def trust_revoke(root: str) -> Call[TrustState]:
    """Trust this workspace's own file no more (`trust/revoke`)."""
    return "trust/revoke", {"root": root}, as_is


def trust_list(root: str) -> Call[TrustList]:
    """Every workspace that was trusted (`trust/list`)."""
    return "trust/list", {}, as_is


def restart_server(root: str, name: str | None = None) -> Call[Restarted]:
    """Begin this workspace's language server of that name, or all and the indexer, anew (`session/restart`)."""
    return "session/restart", given(root=root, name=name), as_is


def stop(root: str) -> Call[Stopping]:
    """Have the daemon drain and leave (`daemon/stop`)."""
    return "daemon/stop", {}, as_is


def given(**params: Any) -> dict[str, Any]:
    """The parameters that are not None."""
    return {name: value for name, value in params.items() if value is not None}


def as_is(result: Any) -> Any:
    """The result as the protocol has it."""
    return result


def _semantic_context(result: ContextResult) -> SemanticContext:
    from semctx.context import SemanticContext

    return SemanticContext.from_result(result)
