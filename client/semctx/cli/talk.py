"""What commands have in common: a connection, a question, an answer shown."""

from __future__ import annotations

import json
import sys

from semctx import connection
from semctx.cli import progress

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from semctx.calls import Call


def connect(arguments: Namespace, *, start: bool = True) -> connection.Connection:
    """A connection about the workspace that the command line means. Raises SemctxError."""
    may_start = start and not arguments.no_start
    told = progress.told if _is_watched() else None
    return connection.connect(arguments.root, start=may_start, timeout=arguments.timeout, on_notification=told)


def ask(daemon: connection.Connection, call: Call[Any]) -> Any:
    """The result as the protocol has it, whatever the library would make of it. On a terminal, progress is shown."""
    method, params, _ = call
    if not _is_watched():
        return daemon.request(method, params)
    daemon.subscribe(["metrics"])
    try:
        return daemon.request(method, params)
    finally:
        progress.clear()


def _is_watched() -> bool:
    """Whether somebody sees what is written to standard error."""
    return sys.stderr is not None and sys.stderr.isatty()


def limits(arguments: Namespace, kind: str) -> Any:
    """The `limits` of a request for what --limit counts; None where it is not given."""
    return {kind: arguments.limit} if arguments.limit else None


def show(arguments: Namespace, answer: Any, view: str) -> int:
    """Print an answer: as JSON, or as `view` (MODULE.FUNCTION of semctx.cli.views) says it. Exit code 0."""
    if arguments.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    else:
        from semctx.cli import render

        print(render.render(view, answer))
    return 0


def agrees(question: str) -> bool:
    """Whether the user says yes."""
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
