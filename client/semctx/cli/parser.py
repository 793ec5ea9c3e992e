"""The grammar of the command line."""

from __future__ import annotations

import argparse
import sys

import semctx
from semctx import wire
from semctx.errors import SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Commands: TypeAlias = dict[str, tuple[str, str, Callable[[argparse.ArgumentParser], None]]]

EXIT_FAILED = 1
EXIT_NO_DAEMON = 3
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141

_EPILOG = """\
exit codes:
  0    done
  1    the request failed; `health` or `doctor`: nothing can be answered
  2    wrong usage
  3    no daemon, and none could or should be started
  130  interrupted by Ctrl-C
  141  whoever read the output has gone

environment:
  SEMCTX_NO_START=1  never start a daemon, except by `start` and `restart`
  SEMCTX_SOCKET, SEMCTX_LOG, SEMCTX_CONFIG
                     other places for these files
  NO_COLOR=1         no colour on a terminal

The workspace is --root, else the nearest folder upwards with .git, else with
pyproject.toml, else this folder.
"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Of fixed width: argparse asks for the terminal's even if it prints nothing, and imports four modules for it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=80)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments; `run` names the command, `usage_error` ends it with a message."""
    argv = sys.argv[1:] if argv is None else argv
    # argparse is slow: only the command that is asked for gets its parser, unless there is none to be seen
    return build({argv[0]: _COMMANDS[argv[0]]} if argv and argv[0] in _COMMANDS else None).parse_args(argv)


def build(commands: Commands | None = None) -> argparse.ArgumentParser:
    """The parser of these commands, or of all."""
    parser = argparse.ArgumentParser(
        prog="semctx",
        description="Ask the daemon that knows your repositories.",
        epilog=_EPILOG,
        formatter_class=_Formatter,
    )
    parser.add_argument("--version", action="version", version=f"semctx {semctx.__version__}")
    _add_commands(parser, "semctx", commands or _COMMANDS)
    return parser


def _context(parser: argparse.ArgumentParser) -> None:
    _intent(parser)
    parser.add_argument("--prompt", action="store_true", help="print it as Markdown for a prompt")
    parser.add_argument("--max-tokens", type=_count, metavar="N", help="how long the prompt may be")
    parser.add_argument("--limit", type=_count, metavar="N", help="how many symbols (default 20)")


def _files(parser: argparse.ArgumentParser) -> None:
    _intent(parser)
    parser.add_argument("--limit", type=_count, metavar="N", help="how many files (default 3)")


def _intent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("intent", metavar="INTENT", help="what is about to be written, in words; - reads it")
    parser.add_argument("--file", metavar="FILE", help="where it will stand")
    parser.add_argument("--signature", metavar="DEF", help="its signature, such as `def f(x: int) -> str`")
    parser.add_argument("--explain", action="store_true", help="say what each place in the ranking is due to")


def _find(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="filter, QuerySet.filter or QuerySet/filter")
    parser.add_argument("--kind", choices=("class", "function", "method", "variable"), help="only these")
    parser.add_argument("--match", choices=("exact", "substring", "fuzzy"), help="default: exact")
    parser.add_argument("--limit", type=_count, metavar="N", help="how many symbols (default 20)")


def _symbol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("symbol", metavar="SYMBOL", help="a name, the end of a name path, or FILE:LINE:COL from 1")
    parser.add_argument("--file", metavar="FILE", help="where the symbol of that name stands")
    parser.add_argument("--kind", choices=("class", "function", "method", "variable"), help="only these")
    parser.add_argument("--limit", type=_count, metavar="N", help="how many places (or lines, of a body) are shown")


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the file that would get the text; it need not exist")
    parser.add_argument("--text", metavar="PATH", default="-", help="where the text is; default: -, standard input")
    parser.add_argument("--scope", choices=("file", "dependents"), help="dependents: the files that import it, too")


def _path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", help="a file or folder; default: the workspace")
    parser.add_argument("--limit", type=_count, metavar="N", help="how many files (default 50)")


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="such as ty or indexer; default: all of the workspace")


def _cache(parser: argparse.ArgumentParser) -> None:
    _add_commands(parser, "semctx cache", _CACHE_COMMANDS)


def _config(parser: argparse.ArgumentParser) -> None:
    _add_commands(parser, "semctx config", _CONFIG_COMMANDS)


def _service(parser: argparse.ArgumentParser) -> None:
    _add_commands(parser, "semctx service", _SERVICE_COMMANDS)


def _invalidate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="default: the whole workspace")


def _trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("workspace", metavar="ROOT", nargs="?", help="default: the workspace")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--yes", action="store_true", help="do not ask")
    what.add_argument("--revoke", action="store_true", help="trust it no more")
    what.add_argument("--list", action="store_true", help="which workspaces were trusted")


def _metrics(parser: argparse.ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--prometheus", action="store_true", help="print them as text for Prometheus")
    form.add_argument("--reset", action="store_true", help="count anew")


def _logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=_count, default=20, dest="lines", metavar="N", help="how many lines (default 20)")
    parser.add_argument("-f", action="store_true", dest="follow", help="go on with what comes")
    parser.add_argument("--live", action="store_true", help="what the daemon logs from now on, wherever it logs to")
    parser.add_argument("--request", metavar="N", help="only the lines of one request, such as 3.17")
    parser.add_argument(
        "--level", choices=("debug", "info", "warning", "error"), help="change how much is logged; debug: every step"
    )


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell it is for")


def _nothing(parser: argparse.ArgumentParser) -> None:
    """It has no arguments of its own."""


_COMMANDS: Commands = {
    "context": ("code.context", "what in the repository matters for code about to be written", _context),
    "files": ("code.files", "which files matter for code about to be written", _files),
    "find": ("code.find", "symbols by name, or by the end of their path", _find),
    "overview": ("symbols.overview", "what a file or a folder defines", _path),
    "body": ("symbols.body", "the source of a symbol", _symbol),
    "def": ("symbols.definition", "where a symbol is defined", _symbol),
    "refs": ("symbols.references", "where a symbol is named: its definition, imports, uses", _symbol),
    "impl": ("symbols.implementations", "the classes below a class, or what overrides a method", _symbol),
    "hover": ("symbols.hover", "signature, types and documentation of a symbol", _symbol),
    "callers": ("symbols.callers", "which functions call a function", _symbol),
    "callees": ("symbols.callees", "which functions a function calls", _symbol),
    "diagnostics": ("symbols.diagnostics", "what is wrong in a file, or in the files of a folder", _path),
    "check": ("code.check", "what a text would add to what is wrong, without writing it", _check),
    "status": ("daemon.status", "whether the daemon runs, and what it holds", _nothing),
    "health": ("daemon.health", "whether all is well, and if not, what to do", _nothing),
    "metrics": ("stored.metrics", "counts and latencies of everything", _metrics),
    "top": ("top.run", "a live view of the daemon (needs the extra `cli`)", _nothing),
    "start": ("daemon.start", "start the daemon, if none runs", _nothing),
    "stop": ("daemon.stop", "have the daemon finish its work and leave", _nothing),
    "restart": ("daemon.restart", "stop, then start", _nothing),
    "restart-server": ("daemon.restart_server", "start a language server or the indexer anew", _name),
    "cache": ("", "the daemon's stored answers", _cache),
    "config": ("", "the daemon's configuration", _config),
    "service": ("", "the daemon as a systemd user service", _service),
    "trust": ("daemon.trust", "let a workspace's own file name programs to run, until it changes", _trust),
    "doctor": ("doctor.doctor", "what is wrong with installation and workspace, and what to do", _nothing),
    "logs": ("daemon.logs", "the log of a daemon that was started by a client", _logs),
    "completion": ("completion.completion", "print a shell's completion of this command", _completion),
    "version": ("daemon.version", "versions of this program and of the daemon, if one runs", _nothing),
}
"""Name -> what runs (MODULE.FUNCTION of this package; nothing: it has commands of its own), summary, what adds its
arguments."""

_CACHE_COMMANDS: Commands = {
    "stats": ("stored.cache_stats", "its state, over all workspaces or of --root", _nothing),
    "clear": ("stored.cache_clear", "drop every answer, of all workspaces or of --root", _nothing),
    "invalidate": ("stored.cache_invalidate", "drop what depends on a file, or on the workspace", _invalidate),
}

_CONFIG_COMMANDS: Commands = {
    "show": ("configuration.show", "each setting and where it comes from, of the user or of --root", _nothing),
    "check": ("configuration.check", "say what is wrong in the user's files and the workspace's", _nothing),
    "reload": ("configuration.reload", "have the daemon read it again", _nothing),
}

_SERVICE_COMMANDS: Commands = {
    "install": ("service.install", "write the units, or bring them up to date, and listen", _nothing),
    "uninstall": ("service.uninstall", "stop it and remove the units", _nothing),
    "status": ("service.status", "whether the units are there and well", _nothing),
}

_EXAMPLES = {
    "context": """\
semctx context "validate an email address"
semctx context "total of an order with tax" --file shop/orders.py --signature "def total(order: Order) -> Price"
echo "parse a price" | semctx context - --prompt --max-tokens 2000
""",
    "files": 'semctx files "validate an email address" --limit 5',
    "find": """\
semctx find parse_price
semctx find Price.with_tax
semctx find price --match substring --kind function
""",
    "overview": """\
semctx overview shop/prices.py
semctx overview shop
""",
    "body": "semctx body Price.with_tax",
    "def": """\
semctx def parse_price
semctx def shop/orders.py:11:22
""",
    "refs": """\
semctx refs validate_email
semctx refs Price.with_tax --json
""",
    "impl": "semctx impl Price",
    "hover": "semctx hover shop/orders.py:12:22",
    "callers": "semctx callers parse_price",
    "callees": "semctx callees Order.__init__ --file shop/orders.py",
    "diagnostics": """\
semctx diagnostics shop/orders.py
semctx diagnostics
""",
    "check": "semctx check shop/orders.py --text shop/orders.py --scope dependents",
    "restart-server": "semctx restart-server ty",
    "doctor": "semctx doctor",
    "completion": """\
semctx completion bash > ~/.local/share/bash-completion/completions/semctx
semctx completion zsh > ~/.zfunc/_semctx
semctx completion fish > ~/.config/fish/completions/semctx.fish
""",
}
"""Command -> how it is used, a line each; docs/cli.md shows what they print."""


def _add_commands(
    parser: argparse.ArgumentParser,
    prog: str,
    commands: Commands,
) -> None:
    parsers = parser.add_subparsers(prog=prog, title="commands", metavar="COMMAND", required=True)
    for name, (run, summary, add_arguments) in commands.items():
        description = f"{summary[0].upper()}{summary[1:]}."
        lines = _EXAMPLES.get(name, "").splitlines() if prog == "semctx" else []
        examples = "".join(f"\n  {line}" for line in lines)
        command = parsers.add_parser(
            name,
            help=summary,
            description=description,
            epilog=f"examples:{examples}" if examples else None,
            formatter_class=_Formatter,
        )
        add_arguments(command)
        if run:
            command.add_argument("--json", action="store_true", help="print the daemon's result as JSON, errors too")
            command.add_argument("--root", metavar="DIR", help="the workspace")
            command.add_argument("--no-start", action="store_true", help="never start a daemon")
            command.add_argument(
                "--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="how long an answer may take (30)"
            )
            command.set_defaults(run=run, usage_error=command.error)


def _seconds(text: str) -> float:
    """A time-out."""
    try:
        return wire.seconds(float(text))
    except (ValueError, SemctxError):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None


def _count(text: str) -> int:
    """A positive number, of at most nine digits."""
    if not text.isdecimal() or len(text) > 9 or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number of at most nine digits")
    return int(text)
