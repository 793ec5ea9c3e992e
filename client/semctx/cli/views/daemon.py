"""Answers about the daemon."""

from __future__ import annotations

from semctx.cli.render import DIM, FILE, PLAIN, TITLE, columns, duration, mib, not_indexed, section, times

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from semctx.cli.render import Line
    from semctx.protocol import (
        HealthResult,
        HelloResult,
        LogLevel,
        Restarted,
        Stopping,
        TrustList,
        TrustState,
        WorkspaceState,
    )


def status(answer: Any) -> Iterator[Line]:
    """health in short, with the state of the `cache`."""
    yield TITLE, f"semctxd {answer['version']}: {answer['status']}"
    facts = (f"process {answer['pid']}", f"up {duration(answer['uptime_s'])}", mib(answer["memory_bytes"]))
    yield PLAIN, f"  {', '.join(facts)}, {times(answer['connections'], 'connection')}"
    cache = answer["cache"]
    used = f"{mib(cache['bytes'])} of {mib(cache['max_bytes'])}"
    yield PLAIN, f"  {times(cache['size'], 'answer')} kept, {used}, {cache['hit_rate']:.1%} of look-ups hit"
    for workspace in answer["workspaces"]:
        yield FILE, f"  {workspace['root']}  epoch {workspace['epoch']}"
        if workspace["not_indexed"]["count"]:
            yield PLAIN, f"    {not_indexed(workspace['not_indexed'])}"
        yield from columns(
            ("", session["name"], session["state"], mib(session["memory_bytes"]), session["why"].partition("\n")[0])
            for session in workspace["sessions"]
        )


def health(answer: HealthResult) -> Iterator[Line]:
    """health."""
    yield TITLE, answer["status"]
    for reason in answer["reasons"]:
        yield PLAIN, f"  {reason}"
    for workspace in answer["workspaces"]:
        yield from section(workspace["root"], _workspace(workspace))


def _workspace(workspace: WorkspaceState) -> Iterator[Line]:
    fresh = "fresh" if workspace["fresh"] else "not fresh"
    yield PLAIN, f"  {fresh}, epoch {workspace['epoch']}, {times(workspace['folders'], 'folder')} watched"
    for reason in workspace["degraded"]:
        yield PLAIN, f"  degraded: {reason}"
    if workspace["not_indexed"]["count"]:
        yield PLAIN, f"  {not_indexed(workspace['not_indexed'])}"
    yield from columns(
        (
            session["name"],
            session["state"],
            f"process {session['pid']}" if session["pid"] else "",
            mib(session["memory_bytes"]),
            times(session["restarts"], "restart"),
            f"{session['pending']} pending",
            session["interpreter"],
            session["why"],
        )
        for session in workspace["sessions"]
    )


def trust(answer: TrustState) -> Iterator[Line]:
    """trust/show."""
    yield TITLE, answer["root"]
    if answer["file"]:
        yield PLAIN, f"  {answer['file']}, SHA-256 {answer['sha256']}"
    for program in answer["programs"]:
        yield PLAIN, f"  {program}"
    if answer["problem"]:
        yield PLAIN, f"  {answer['problem']}"
    elif answer["trusted"]:
        yield PLAIN, "  trusted, until the file changes"
    else:
        yield DIM, "  names no programs: there is nothing to trust"


def trust_list(answer: TrustList) -> Iterator[Line]:
    """trust/list."""
    for state in answer["workspaces"]:
        yield PLAIN, f"{state['root']}  {'trusted' if state['trusted'] else 'changed since, and not trusted any more'}"
    if not answer["workspaces"]:
        yield DIM, "none is trusted"


def hello(answer: HelloResult) -> Iterator[Line]:
    """session/hello."""
    yield PLAIN, f"semctxd {answer['version']}, protocol {answer['protocol']}, runs as process {answer['pid']}"


def log_level(answer: LogLevel) -> Iterator[Line]:
    """log/level."""
    yield PLAIN, f"the log level is {answer['level']}"


def restarted(answer: Restarted) -> Iterator[Line]:
    """session/restart."""
    yield PLAIN, f"started anew: {', '.join(answer['names'])}" if answer["names"] else "nothing runs there yet"


def stopping(answer: Stopping) -> Iterator[Line]:
    """daemon/stop."""
    yield PLAIN, f"semctxd (process {answer['pid']}) has left"


def version(answer: dict[str, Any]) -> Iterator[Line]:
    """Versions of both sides."""
    yield PLAIN, f"semctx {answer['version']}, protocol {answer['protocol']}"
    if answer["daemon"]:
        yield from hello(answer["daemon"])
    else:
        yield DIM, answer["problem"]
