"""The commands about the daemon's configuration."""

from __future__ import annotations

from semctx import roots, spawn
from semctx.cli import talk
from semctx.cli.parser import EXIT_FAILED

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace


def show(arguments: Namespace) -> int:
    """semctx config show."""
    with talk.connect(arguments) as daemon:
        return talk.show(arguments, daemon.config(arguments.root and daemon.root), "configuration.values")


def check(arguments: Namespace) -> int:
    """semctx config check: by the daemon's program and not by a daemon, as with a wrong configuration none starts."""
    wrong = spawn.check_config(roots.chosen(arguments.root))
    talk.show(arguments, {"problems": wrong}, "configuration.problems")
    return EXIT_FAILED if wrong else 0


def reload(arguments: Namespace) -> int:
    """semctx config reload."""
    with talk.connect(arguments, start=False) as daemon:
        return talk.show(arguments, daemon.config_reload(), "configuration.reloaded")
