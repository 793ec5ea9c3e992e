"""`semctx top`: a live view of the daemon in the terminal."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from semctx.errors import SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace


def run(arguments: Namespace) -> int:
    """Show it until the user leaves. Raises SemctxError where the library for it is not installed."""
    if find_spec("textual") is None:
        raise SemctxError("DaemonUnavailable", "`semctx top` is not installed here", hint="pip install 'semctx[cli]'")
    if arguments.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        arguments.usage_error("it is for a terminal; `semctx metrics --json` gives the figures")
    from semctx.cli.top.app import Top

    Top(start=not arguments.no_start).run()
    return 0
