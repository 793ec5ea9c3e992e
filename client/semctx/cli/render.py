"""Answers as text for a person. What comes from a repository is never taken for a terminal's control codes."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, TypeAlias

    from semctx.protocol import (
        CacheStats,
        ContextResult,
        Dropped,
        FileScore,
        FilesResult,
        FindResult,
        HealthResult,
        HelloResult,
        MetricsReset,
        MetricsResult,
        OperationMetrics,
        Stopping,
        Symbol,
        TrustList,
        TrustState,
        WorkspaceMetrics,
        WorkspaceState,
    )

    Line: TypeAlias = tuple[str, str]  # style, text

_PLAIN, _TITLE, _DIM = "", "1", "2"  # numbers of ANSI's Select Graphic Rendition
_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "\ufffd")
_MIB = 1024 * 1024


def render(view: str, answer: Any) -> str:
    """The text of one view; with colour if standard output is a terminal and `NO_COLOR` is not set."""
    lines = list(_VIEWS[view](_clean(answer)))
    if lines and not lines[-1][1]:
        lines.pop()  # what follows the last section
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        return "\n".join(f"\x1b[{style}m{text}\x1b[0m" if style else text for style, text in lines)
    return "\n".join(text for _, text in lines)


def _context(answer: ContextResult) -> Iterator[Line]:
    symbols = answer["symbols"]
    shown = {*answer["types"], *answer["functions"]}
    yield from _symbols("Types", [symbols[at] for at in answer["types"]])
    yield from _symbols("Functions", [symbols[at] for at in answer["functions"]])
    yield from _symbols("Other", [symbol for at, symbol in enumerate(symbols) if at not in shown])
    yield from _file_scores(answer["files"])
    imports = answer["imports"]
    yield from _section(
        "Imports",
        _columns(
            (found["statement"], _times(found["count"], "file") if found["count"] else "", _first(found["evidence"]))
            for found in imports
        ),
    )
    yield from _section(
        "Conventions",
        _columns(
            (
                found["key"],
                found["value"],
                f"{found['count']} of {found['of']}" if found["of"] else "",
                _first(found["evidence"]),
            )
            for found in answer["conventions"]
        ),
    )
    if answer["source"] == "knowledge-base":
        yield _DIM, "the repository has nothing to say on this: built-in knowledge"
    yield from _facts(answer)


def _files(answer: FilesResult) -> Iterator[Line]:
    yield from _file_scores(answer["files"])
    yield from _facts(answer)


def _find(answer: FindResult) -> Iterator[Line]:
    yield from _symbols("Symbols", answer["symbols"])
    if answer["left_out"]:
        yield _DIM, f"{answer['left_out']} more: see --limit"
    yield from _facts(answer)


def _status(answer: HealthResult) -> Iterator[Line]:
    yield _TITLE, f"semctxd {answer['version']}: {answer['status']}"
    facts = (f"process {answer['pid']}", f"up {_duration(answer['uptime_s'])}", _mib(answer["memory_bytes"]))
    yield _PLAIN, f"  {', '.join(facts)}, {_times(answer['connections'], 'connection')}"
    for workspace in answer["workspaces"]:
        sessions = ", ".join(f"{session['name']} {session['state']}" for session in workspace["sessions"])
        yield _PLAIN, f"  {workspace['root']}  {sessions}"


def _health(answer: HealthResult) -> Iterator[Line]:
    yield _TITLE, answer["status"]
    for reason in answer["reasons"]:
        yield _PLAIN, f"  {reason}"
    for workspace in answer["workspaces"]:
        yield from _section(workspace["root"], _workspace(workspace))


def _workspace(workspace: WorkspaceState) -> Iterator[Line]:
    fresh = "fresh" if workspace["fresh"] else "not fresh"
    yield _PLAIN, f"  {fresh}, epoch {workspace['epoch']}, {_times(workspace['folders'], 'folder')} watched"
    for reason in workspace["degraded"]:
        yield _PLAIN, f"  degraded: {reason}"
    yield from _columns(
        (
            session["name"],
            session["state"],
            f"process {session['pid']}" if session["pid"] else "",
            _mib(session["memory_bytes"]),
            _times(session["restarts"], "restart"),
            f"{session['pending']} pending",
            session["interpreter"],
            session["why"],
        )
        for session in workspace["sessions"]
    )


def _metrics(answer: MetricsResult) -> Iterator[Line]:
    yield _TITLE, f"up {_duration(answer['uptime_s'])}"
    yield from _columns((name, str(count)) for name, count in answer["queries"].items())
    yield from _columns((name, f"{rate:.1%}") for name, rate in answer["rates"].items())
    yield from _section("Operations", _operations(answer["operations"]))
    for root, workspace in answer["workspaces"].items():
        yield from _section(root, _columns([*_guards(workspace)]))
        for session in workspace["sessions"]:
            yield from _section(f"{session['name']}, {session['state']}", _operations(session["operations"]))
    yield from _section("Cache", _cache_stats(answer["cache"]))


def _operations(operations: dict[str, OperationMetrics]) -> list[Line]:
    rows: list[tuple[str, ...]] = [("method", "total", "error", "cached", "p50 ms", "p99 ms", "max ms")]
    rows += [
        (
            name,
            *(str(count) for count in (of["total"], of["error"], of["cached"])),
            *(f"{time:.2f}" for time in (of["p50_ms"], of["p99_ms"], of["max_ms"])),
        )
        for name, of in operations.items()
    ]
    return _columns(rows) if operations else []


def _guards(workspace: WorkspaceMetrics) -> Iterator[tuple[str, str]]:
    index, gate = workspace["index"], workspace["gate"]
    yield "epoch", str(workspace["epoch"])
    yield "indexed", f"{_times(index['files'], 'file')}, {_times(index['symbols'], 'symbol')}"
    yield "gate", f"{gate['total']} times, p50 {gate['p50_ms']:.2f} ms, p99 {gate['p99_ms']:.2f} ms"
    yield from ((name, str(count)) for name, count in workspace["flights"].items())
    yield "missed by the gate", str(workspace["witness"]["missed"])


def _metrics_reset(answer: MetricsReset) -> Iterator[Line]:
    yield _PLAIN, f"what was counted for {_duration(answer['was_s'])} is counted anew"


def _cache_stats(answer: CacheStats) -> Iterator[Line]:
    yield from _columns(
        (
            ("entries", f"{answer['size']} of {answer['max_size']}"),
            ("size", f"{_mib(answer['bytes'])} of {_mib(answer['max_bytes'])}"),
            ("hits", f"{answer['hits']} ({answer['hit_rate']:.1%})"),
            ("misses", str(answer["misses"])),
            ("evictions", str(answer["evictions"])),
            ("invalidations", str(answer["invalidations"])),
            ("kept for", f"{answer['ttl_s']:g} s"),
        )
    )
    rows: list[tuple[str, ...]] = [("method", "hits", "misses")]
    rows += [(name, str(of["hits"]), str(of["misses"])) for name, of in answer["by_method"].items()]
    yield from _section("By method", _columns(rows))


def _dropped(answer: Dropped) -> Iterator[Line]:
    yield _PLAIN, f"dropped {answer['dropped']} stored answers"


def _hello(answer: HelloResult) -> Iterator[Line]:
    yield _PLAIN, f"semctxd {answer['version']}, protocol {answer['protocol']}, runs as process {answer['pid']}"


def _stopping(answer: Stopping) -> Iterator[Line]:
    yield _PLAIN, f"semctxd (process {answer['pid']}) has left"


def _trust(answer: TrustState) -> Iterator[Line]:
    yield _TITLE, answer["root"]
    if answer["file"]:
        yield _PLAIN, f"  {answer['file']}, SHA-256 {answer['sha256']}"
    for program in answer["programs"]:
        yield _PLAIN, f"  {program}"
    if answer["problem"]:
        yield _PLAIN, f"  {answer['problem']}"
    elif answer["trusted"]:
        yield _PLAIN, "  trusted, until the file changes"
    else:
        yield _DIM, "  names no programs: there is nothing to trust"


def _trust_list(answer: TrustList) -> Iterator[Line]:
    for state in answer["workspaces"]:
        yield _PLAIN, f"{state['root']}  {'trusted' if state['trusted'] else 'changed since, and not trusted any more'}"
    if not answer["workspaces"]:
        yield _DIM, "none is trusted"


def _version(answer: dict[str, Any]) -> Iterator[Line]:
    yield _PLAIN, f"semctx {answer['version']}, protocol {answer['protocol']}"
    if answer["daemon"]:
        yield from _hello(answer["daemon"])
    else:
        yield _DIM, answer["problem"]


_VIEWS: dict[str, Callable[[Any], Iterable[Line]]] = {
    "context": _context,
    "files": _files,
    "find": _find,
    "status": _status,
    "health": _health,
    "metrics": _metrics,
    "metrics_reset": _metrics_reset,
    "cache_stats": _cache_stats,
    "dropped": _dropped,
    "hello": _hello,
    "stopping": _stopping,
    "trust": _trust,
    "trust_list": _trust_list,
    "version": _version,
}


def _symbols(title: str, symbols: Sequence[Symbol]) -> Iterator[Line]:
    heads = _columns(
        (
            *([f"{symbol['confidence']:.2f}"] if "confidence" in symbol else []),
            f"{symbol['module']}.{symbol['qualname']}",
            f"{symbol['file']}:{symbol['line']}" if symbol["file"] else "",
        )
        for symbol in symbols
    )

    def lines() -> Iterator[Line]:
        for symbol, head in zip(symbols, heads, strict=True):
            yield head
            for line in symbol["signature"].splitlines():
                yield _PLAIN, f"      {line}"
            if symbol["doc"]:
                yield _DIM, f"      {symbol['doc'].splitlines()[0]}"
            if "breakdown" in symbol:
                shares = sorted(symbol["breakdown"].items(), key=lambda share: -share[1])
                yield _DIM, "      " + ", ".join(f"{signal} {share:.2f}" for signal, share in shares)

    yield from _section(title, lines())


def _file_scores(files: Sequence[FileScore]) -> Iterator[Line]:
    yield from _section("Files", _columns((f"{file['score']:.2f}", file["path"], file["why"]) for file in files))


def _facts(answer: ContextResult | FilesResult | FindResult) -> Iterator[Line]:
    """What is to be known of the answer: what it may not reflect, what it took."""
    for reason in answer.get("degraded", ()):
        yield _PLAIN, f"degraded: {reason}"
    meta = answer["meta"]
    yield _DIM, f"{meta['elapsed_ms']:.2f} ms{', cached' if meta['cached'] else ''}"


def _section(title: str, lines: Iterable[Line]) -> Iterator[Line]:
    """The title, the lines and an empty one; nothing where there are no lines."""
    if lines := list(lines):
        yield _TITLE, title
        yield from lines
        yield _PLAIN, ""


def _columns(rows: Iterable[tuple[str, ...]]) -> list[Line]:
    """Rows as aligned, indented lines."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [(_PLAIN, "  " + "  ".join(map(str.ljust, row, widths)).rstrip()) for row in rows]


def _first(evidence: Sequence[str]) -> str:
    """Where to look, for one; the built-in table has no evidence, counts or files."""
    return evidence[0] if evidence else ""


def _times(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f} MiB"


def _clean(value: Any) -> Any:
    """The same answer without control characters in its texts."""
    if isinstance(value, str):
        return value.translate(_CONTROLS)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value
