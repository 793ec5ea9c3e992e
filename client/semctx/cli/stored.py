"""The commands about what the daemon keeps: answers and counts."""

from __future__ import annotations

from semctx import roots
from semctx.cli.talk import connect, show

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace


def metrics(arguments: Namespace) -> int:
    """semctx metrics."""
    with connect(arguments) as daemon:
        if arguments.prometheus:
            return show(arguments, daemon.metrics_prometheus(), "stored.metrics_prometheus")
        if arguments.reset:
            return show(arguments, daemon.metrics_reset(), "stored.metrics_reset")
        return show(arguments, daemon.metrics(), "stored.metrics")


def cache_stats(arguments: Namespace) -> int:
    """semctx cache stats."""
    with connect(arguments) as daemon:
        return show(arguments, daemon.cache_stats(arguments.root and daemon.root), "stored.cache_stats")


def cache_clear(arguments: Namespace) -> int:
    """semctx cache clear."""
    with connect(arguments) as daemon:
        return show(arguments, daemon.cache_clear(arguments.root and daemon.root), "stored.dropped")


def cache_invalidate(arguments: Namespace) -> int:
    """semctx cache invalidate."""
    with connect(arguments) as daemon:
        file = arguments.file and roots.path_in(daemon.root, arguments.file)
        return show(arguments, daemon.cache_invalidate(file), "stored.dropped")
