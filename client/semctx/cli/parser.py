"""The grammar of the command line."""

from __future__ import annotations

import argparse

import semctx

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

EXIT_FAILED = 1
EXIT_NO_DAEMON = 3
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141

_EPILOG = """\
exit codes:
  0    done
  1    the request failed, or `health` says failing
  2    wrong usage
  3    no daemon, and none could or should be started
  130  interrupted by Ctrl-C
  141  whoever read the output has gone

environment:
  SEMCTX_NO_START=1  never start a daemon, except by `start` and `restart`
  SEMCTX_SOCKET, SEMCTX_LOG, SEMCTX_CONFIG  other places for these files
  NO_COLOR           no colour on a terminal

The workspace is --root, else the nearest folder upwards with .git, else with pyproject.toml, else this folder.
"""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments; `run` names the command, `usage_error` ends it with a message."""
    parser = argparse.ArgumentParser(
        prog="semctx",
        description="Ask the daemon that knows your repositories.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"semctx {semctx.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    context = _command(commands, "context", "what in the repository matters for code about to be written")
    _add_intent(context)
    context.add_argument("--prompt", action="store_true", help="print it as Markdown for a prompt")
    context.add_argument("--max-tokens", type=_count, metavar="N", help="how long the prompt may be")
    context.add_argument("--limit", type=_count, metavar="N", help="how many symbols (default 20)")

    files = _command(commands, "files", "which files matter for code about to be written")
    _add_intent(files)
    files.add_argument("--limit", type=_count, metavar="N", help="how many files (default 3)")

    find = _command(commands, "find", "symbols by name, or by the end of their path")
    find.add_argument("name", metavar="NAME", help="filter, QuerySet.filter or QuerySet/filter")
    find.add_argument("--kind", choices=("class", "function", "method", "variable"), help="only these")
    find.add_argument("--match", choices=("exact", "substring", "fuzzy"), help="default: exact")
    find.add_argument("--limit", type=_count, metavar="N", help="how many symbols (default 20)")

    _command(commands, "status", "whether the daemon runs, and what it holds")
    _command(commands, "health", "whether all is well, and if not, what to do")
    _command(commands, "metrics", "counts and latencies of every operation")
    _command(commands, "start", "start the daemon, if none runs")
    _command(commands, "stop", "have the daemon finish its work and leave")
    _command(commands, "restart", "stop, then start")

    cache = commands.add_parser("cache", help="the daemon's stored answers", description="The daemon's stored answers.")
    parts = cache.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _command(parts, "stats", "its state, over all workspaces or of --root", run="cache_stats")
    _command(parts, "clear", "drop every answer, of all workspaces or of --root", run="cache_clear")
    invalidate = _command(
        parts, "invalidate", "drop what depends on a file, or on the workspace", run="cache_invalidate"
    )
    invalidate.add_argument("file", metavar="FILE", nargs="?", help="default: the whole workspace")

    logs = _command(commands, "logs", "the log of a daemon that was started by a client")
    logs.add_argument("-n", type=_count, default=20, dest="lines", metavar="N", help="how many lines (default 20)")
    logs.add_argument("-f", action="store_true", dest="follow", help="go on with what comes")

    _command(commands, "version", "versions of this program and of the daemon, if one runs")
    return parser.parse_args(argv)


def _command(commands: Any, name: str, summary: str, run: str = "") -> argparse.ArgumentParser:
    """A command with the options that all have; its arguments get the attribute `run`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    parser.add_argument("--json", action="store_true", help="print the daemon's result as JSON, errors too")
    parser.add_argument("--root", metavar="DIR", help="the workspace")
    parser.add_argument("--no-start", action="store_true", help="never start a daemon")
    parser.set_defaults(run=run or name, usage_error=parser.error)
    return parser


def _add_intent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("intent", metavar="INTENT", help="what is about to be written, in words; - reads it")
    parser.add_argument("--file", metavar="FILE", help="where it will stand")
    parser.add_argument("--signature", metavar="DEF", help="its signature, such as `def f(x: int) -> str`")
    parser.add_argument("--explain", action="store_true", help="say what each place in the ranking is due to")


def _count(text: str) -> int:
    """A positive number."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)
