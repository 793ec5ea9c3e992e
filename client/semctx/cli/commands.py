"""What the commands do: ask the daemon, print the answer, return an exit code."""

from __future__ import annotations

import json
import sys
import time

import semctx
from semctx import calls, connection, paths, roots, spawn
from semctx.cli.parser import EXIT_FAILED
from semctx.errors import PROTOCOL, SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from typing import Any

    from semctx.calls import Call
    from semctx.protocol import Limits, Stopping

_TIMEOUT_S = 30.0


def _context(arguments: Namespace) -> int:
    intent = _intent(arguments)
    with _connect(arguments) as daemon:
        call = calls.context(
            daemon.root,
            intent,
            signature=arguments.signature,
            target_file=arguments.file and roots.path_in(daemon.root, arguments.file),
            limits={"symbols": arguments.limit} if arguments.limit else None,
            explain=arguments.explain or None,
        )
        answer = _ask(daemon, call)
    if arguments.prompt and not arguments.json:
        from semctx.context import SemanticContext

        sys.stdout.write(SemanticContext.from_result(answer).to_prompt(arguments.max_tokens))
        return 0
    return _show(arguments, answer, "context")


def _files(arguments: Namespace) -> int:
    intent = _intent(arguments)
    with _connect(arguments) as daemon:
        call = calls.files(
            daemon.root,
            intent,
            signature=arguments.signature,
            target_file=arguments.file and roots.path_in(daemon.root, arguments.file),
            limits={"files": arguments.limit} if arguments.limit else None,
            explain=arguments.explain or None,
        )
        return _show(arguments, _ask(daemon, call), "files")


def _find(arguments: Namespace) -> int:
    limits: Limits | None = {"symbols": arguments.limit} if arguments.limit else None
    with _connect(arguments) as daemon:
        call = calls.find(daemon.root, arguments.name, kind=arguments.kind, match=arguments.match, limits=limits)
        return _show(arguments, _ask(daemon, call), "find")


def _status(arguments: Namespace) -> int:
    with _connect(arguments, start=False) as daemon:
        return _show(arguments, daemon.health(), "status")


def _health(arguments: Namespace) -> int:
    with _connect(arguments, start=False) as daemon:
        answer = daemon.health()
    _show(arguments, answer, "health")
    return EXIT_FAILED if answer["status"] == "failing" else 0


def _metrics(arguments: Namespace) -> int:
    with _connect(arguments) as daemon:
        if arguments.prometheus:
            sys.stdout.write(daemon.metrics_prometheus()["text"])
            return 0
        if arguments.reset:
            return _show(arguments, daemon.metrics_reset(), "metrics_reset")
        return _show(arguments, daemon.metrics(), "metrics")


def _cache_stats(arguments: Namespace) -> int:
    with _connect(arguments) as daemon:
        return _show(arguments, daemon.cache_stats(arguments.root and daemon.root), "cache_stats")


def _cache_clear(arguments: Namespace) -> int:
    with _connect(arguments) as daemon:
        return _show(arguments, daemon.cache_clear(arguments.root and daemon.root), "dropped")


def _cache_invalidate(arguments: Namespace) -> int:
    with _connect(arguments) as daemon:
        file = arguments.file and roots.path_in(daemon.root, arguments.file)
        return _show(arguments, daemon.cache_invalidate(file), "dropped")


def _trust(arguments: Namespace) -> int:
    arguments.root = arguments.workspace or arguments.root
    with _connect(arguments) as daemon:
        if arguments.list:
            return _show(arguments, daemon.trust_list(), "trust_list")
        if arguments.revoke:
            return _show(arguments, daemon.trust_revoke(), "trust")
        state = daemon.trust()
        if state["programs"] and not state["trusted"]:
            if not arguments.yes:
                _show(arguments, state, "trust")
                if arguments.json or not _agrees("Run them when they are needed, until the file changes?"):
                    return EXIT_FAILED
            state = daemon.trust_grant(state["sha256"])
        return _show(arguments, state, "trust")


def _start(arguments: Namespace) -> int:
    # asked for in so many words: SEMCTX_NO_START is about starts that nobody asked for
    spawn.open_socket(paths.socket_path(), time.monotonic() + _TIMEOUT_S, start=not arguments.no_start).close()
    with _connect(arguments, start=False) as daemon:
        return _show(arguments, daemon.daemon, "hello")


def _stop(arguments: Namespace) -> int:
    return _show(arguments, _stopped(arguments), "stopping")


def _restart(arguments: Namespace) -> int:
    try:
        _stopped(arguments)
    except SemctxError as error:
        if error.type != "DaemonUnavailable":
            raise
    return _start(arguments)


def _logs(arguments: Namespace) -> int:
    from semctx.cli import logs

    return logs.show(paths.log_path(), arguments.lines, follow=arguments.follow, raw=arguments.json)


def _version(arguments: Namespace) -> int:
    answer: dict[str, Any] = {"version": semctx.__version__, "protocol": PROTOCOL, "daemon": None, "problem": ""}
    try:
        with _connect(arguments, start=False) as daemon:
            answer["daemon"] = daemon.daemon
    except SemctxError as error:
        answer["problem"] = error.message
    return _show(arguments, answer, "version")


RUN: dict[str, Callable[[Namespace], int]] = {
    "context": _context,
    "files": _files,
    "find": _find,
    "status": _status,
    "health": _health,
    "metrics": _metrics,
    "cache_stats": _cache_stats,
    "cache_clear": _cache_clear,
    "cache_invalidate": _cache_invalidate,
    "trust": _trust,
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "logs": _logs,
    "version": _version,
}
"""The `run` of the parsed arguments -> what runs."""


def _connect(arguments: Namespace, *, start: bool = True) -> connection.Connection:
    return connection.connect(arguments.root, start=start and not arguments.no_start, timeout=_TIMEOUT_S)


def _stopped(arguments: Namespace) -> Stopping:
    # without a greeting: a daemon of another version can be stopped, too
    with connection.connect(arguments.root, start=False, timeout=_TIMEOUT_S, greet=False) as daemon:
        answer = daemon.stop()
        if not daemon.wait_closed(_TIMEOUT_S) or not _has_left():
            raise SemctxError("Timeout", f"the daemon (process {answer['pid']}) still finishes its work")
    return answer


def _has_left() -> bool:
    """Whether the daemon lets go of its lock in time: its children end after its connections, and until then another
    daemon would find it still there."""
    import fcntl

    until = time.monotonic() + _TIMEOUT_S
    with open(paths.socket_path() + ".lock", "ab") as lock:
        while time.monotonic() < until:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
            else:
                return True
    return False


def _intent(arguments: Namespace) -> str:
    intent: str = sys.stdin.read() if arguments.intent == "-" else arguments.intent
    if not intent.strip():
        arguments.usage_error("the intent is empty")
    return intent.strip()


def _ask(daemon: connection.Connection, call: Call[Any]) -> Any:
    """The result as the protocol has it, whatever the library would make of it."""
    method, params, _ = call
    return daemon.request(method, params)


def _agrees(question: str) -> bool:
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show(arguments: Namespace, answer: Any, view: str) -> int:
    if arguments.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    else:
        from semctx.cli import render

        print(render.render(view, answer))
    return 0
