"""The command line. It imports what a command needs when the command runs: `semctx status` is often asked."""

from __future__ import annotations

import io
import json
import os
import sys
from importlib import import_module

from semctx.cli.parser import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NO_DAEMON, EXIT_NO_READER, parse
from semctx.errors import SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Wrong usage raises SystemExit(2), as argparse does."""
    if sys.stdout is None:  # it was closed
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (for the rest of the process)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know a letter
    try:
        arguments = parse(argv)
        return _run(arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes once more when it leaves
        return EXIT_NO_READER


def _run(arguments: Namespace) -> int:
    module, _, function = arguments.run.partition(".")
    run: Callable[[Namespace], int] = getattr(import_module(f"semctx.cli.{module}"), function)
    try:
        code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except SemctxError as error:
        _complain(error, as_json=arguments.json)
        return EXIT_NO_DAEMON if error.type == "DaemonUnavailable" else EXIT_FAILED
    except OSError as error:
        _complain(SemctxError("FileUnusable", str(error)), as_json=arguments.json)
        return EXIT_FAILED
    return code


def _complain(error: SemctxError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": error.to_json()}), file=sys.stderr)
        return
    print(f"semctx: {error.message}", file=sys.stderr)
    if error.nearest:
        print(f"  nearest: {', '.join(error.nearest)}", file=sys.stderr)
    if error.correlation_id:
        print(f"  correlation id: {error.correlation_id}", file=sys.stderr)
    print(f"  {error.hint}", file=sys.stderr)
