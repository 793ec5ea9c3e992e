"""`cold`: from the start of a process to its first answer."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from statistics import median

from bench.daemon import Daemon, lsp, warm_up
from bench.options import Options
from bench.oracle import Ty
from bench.places import INTENTS, SYMBOLS, Places, places
from bench.repository import copy, sources
from bench.rows import Peer, Row, Target, row
from bench.timing import ms

_COMMAND = (sys.executable, "-c", "from semctx.cli import main; raise SystemExit(main())")
_NOTHING = (sys.executable, "-I", "-c", "pass")


def run(options: Options) -> list[Row]:
    """On a private copy of the repository."""
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as made:
        root = copy(options.repository, os.path.join(os.path.realpath(made), "tree"))
        asked = places(root)
        rounds = 1 if options.quick else 5
        warm_up(root)
        return [*_daemon(root, asked, rounds), *_index(root, rounds), *_commands(root, 3 if options.quick else 21)]


def _daemon(root: str, asked: Places, rounds: int) -> Iterator[Row]:
    """Each round with a daemon that has nothing on disk, then with another that has what the first left there."""
    new: list[float] = []
    kept: list[float] = []
    listening, server, direct_all, direct_one = [], [], [], []
    for number in range(rounds):
        with Daemon() as daemon:
            for times in (new, kept):
                started = time.perf_counter()
                client = daemon.start()
                listening.append(time.perf_counter() - started)
                client.ask("context/query", root=root, intent=INTENTS[number])
                times.append(time.perf_counter() - started)
                daemon.stop()
            client = daemon.start()
            client.call("symbols/find", root=root, name="main")  # opens the workspace, without a language server
            server.append(ms(client.ask, "lsp/request", **lsp(root, SYMBOLS, asked.documents[0])) / 1e3)
        direct_all.append(ms(_converse, root, "workspace/symbol", {"query": "main"}) / 1e3)
        direct_one.append(ms(_converse, root, SYMBOLS, asked.documents[0]) / 1e3)
    whole = Peer("ty alone, start to first workspace symbols", median(direct_all))
    yield row("daemon start to its first connection", median(listening), "s")
    yield row("daemon start to first context", median(new), "s", whole, Target("<", 1.5))
    yield row("daemon started again, to first context", median(kept), "s", Peer("with nothing on disk", median(new)))
    yield row(
        "language server start to first document symbols",
        median(server),
        "s",
        Peer("ty alone", median(direct_one)),
        Target("<", 2),
    )


def _converse(root: str, method: str, params: object) -> None:
    """Start a server, ask it one question."""
    with Ty(root) as ty:
        ty.ask(method, params)


def _index(root: str, rounds: int) -> Iterator[Row]:
    """What the index alone takes, in a daemon that runs: the first question opens the workspace."""
    new: list[float] = []
    kept: list[float] = []
    for _ in range(rounds):
        with Daemon() as daemon:
            for times in (new, kept):
                client = daemon.start()
                times.append(ms(client.call, "symbols/find", root=root, name="main") / 1e3)
                daemon.stop()
    files = sum(1 for _ in sources(root))
    yield row("index from nothing, files a second", round(files / median(new)), "", None, Target("≥", 1500))
    yield row(
        "index of a daemon started again", median(kept), "s", Peer("from nothing", median(new)), Target("≤", 0.25)
    )


def _commands(root: str, rounds: int) -> Iterator[Row]:
    """Whole processes, beside a Python that does nothing."""
    status, context, nothing = [], [], []
    with Daemon() as daemon:
        daemon.start().ask("context/query", root=root, intent="Warm up")
        for number in range(rounds):
            nothing.append(ms(_run, _NOTHING, daemon, root))
            status.append(ms(_run, (*_COMMAND, "status"), daemon, root))
            context.append(ms(_run, (*_COMMAND, "context", INTENTS[number]), daemon, root))
    python = Peer("python -I -c pass", median(nothing))
    yield row("semctx status, whole process, p50", median(status), "ms", python, Target("≤", 3, of="ratio"))
    yield row("semctx context of a new intent, whole process, p50", median(context), "ms", python)


def _run(command: Sequence[str], daemon: Daemon, root: str) -> None:
    subprocess.run(command, env=daemon.environment, cwd=root, stdout=subprocess.DEVNULL, check=True)
