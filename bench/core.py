"""`core`: what the daemon's main jobs cost, each beside a peer or a floor measured in the same run.

The peer is a direct conversation with the same language server, which has no daemon between; the floor is an echo.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from statistics import mean, median
from typing import Any

from bench.daemon import Client, Daemon, lsp
from bench.options import Options
from bench.oracle import Ty, at
from bench.places import HOVER, INTENTS, SYMBOLS, Places, places
from bench.repository import copy, put, small
from bench.resident import rss_and_pss_mb
from bench.rows import Peer, Row, Target, percentile, row
from bench.timing import ms


def run(options: Options) -> list[Row]:
    """Every part in turn, on a private copy of the repository."""
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as made:
        place = os.path.realpath(made)
        root = copy(options.repository, os.path.join(place, "tree"))
        asked = places(root)
        rows = []
        with Daemon() as daemon, Ty(root) as direct:
            client = daemon.start()
            intents = INTENTS[::4] if options.quick else INTENTS
            rows += _context(client, direct, root, intents)
            rows += _memory(daemon, client, root, asked)
            rows += _workload(client, root, intents[::2])
        rows += _after_writes(os.path.join(place, "small"), 40 if options.quick else 400)
    return rows


# -- context


def _context(client: Client, direct: Ty, root: str, intents: Sequence[str]) -> list[Row]:
    client.ask("context/query", root=root, intent="Warm up")
    direct.ask("workspace/symbol", {"query": "warm"})
    new, inside, peer = [], [], []
    for intent in intents:
        new.append(ms(client.ask, "context/query", root=root, intent=intent))
        peer.append(ms(direct.ask, "workspace/symbol", {"query": intent.split()[-1]}))
    for intent in intents:
        meta = client.ask("context/query", root=root, intent=intent)["meta"]
        assert meta["cached"], intent
        inside.append(meta["elapsed_ms"])
    one = Peer("ty alone, workspace symbols for one word", median(peer))
    return [
        row("new intent, warm, p50", median(new), "ms", one, Target("<", 100)),
        row("new intent, warm, slowest", max(new), "ms"),
        row("same intent again, inside the daemon, p50", median(inside), "ms", None, Target("<", 1)),
        row("same intent again, inside the daemon, slowest", max(inside), "ms", None, Target("<", 5)),
    ]


# -- memory


def _memory(daemon: Daemon, client: Client, root: str, asked: Places) -> list[Row]:
    for document in asked.documents[:100]:
        client.ask("lsp/request", **lsp(root, SYMBOLS, document))
    for name in asked.positions[:50]:
        client.ask("lsp/request", **lsp(root, HOVER, name))
    sizes = {name: rss_and_pss_mb(pid) for name, pid in daemon.pids(client).items()}
    rows = []
    for index, kind in enumerate(("RSS", "PSS")):
        own = sizes["daemon"][index] + sizes["indexer"][index]
        rows.append(row(f"memory of daemon and indexer, {kind}", own, "MB", None, Target("<", 110)))
        rows.append(row(f"memory with ty, {kind}", own + sizes["ty"][index], "MB", None, Target("<", 200)))
    return rows


# -- a day's work


def _workload(client: Client, root: str, intents: Sequence[str]) -> list[Row]:
    """Each task: context for an intent, symbols of its files, hover on its symbols, all of it twice; then an edit."""
    times: list[float] = []
    before = client.ask("cache/stats")

    def ask(name: str, **params: object) -> Any:
        started = time.perf_counter()
        result = client.ask(name, **params)
        times.append((time.perf_counter() - started) * 1e3)
        return result

    for intent in intents:
        for _ in range(2):
            context = ask("context/query", root=root, intent=intent)
            for file in context["files"]:
                ask("lsp/request", **lsp(root, SYMBOLS, at(root, file["path"])))
            for symbol in context["symbols"][:5]:
                position = at(root, symbol["file"], symbol["line"] - 1, symbol["column"])
                ask("lsp/request", **lsp(root, HOVER, position))
        put(root, {"semctx_bench_task.py": f"def task() -> str:\n    return {intent!r}\n".encode()})
    after = client.ask("cache/stats")
    hits, misses = (after[name] - before[name] for name in ("hits", "misses"))
    return [
        row("average query of a workload with edits", mean(times), "ms", None, Target("<", 500)),
        row("its slowest query", max(times), "ms"),
        row("its hit rate", hits / (hits + misses), ""),
    ]


def _after_writes(root: str, number: int) -> list[Row]:
    """Document symbols right after a write; ty alone is told of the write by a notification."""
    put(root, small())
    document = at(root, "small/part3.py")
    event = {"changes": [{"uri": document["textDocument"]["uri"], "type": 2}]}
    ours, theirs = [], []
    with Daemon() as daemon, Ty(root) as direct:
        client = daemon.start()

        def tell_and_ask() -> None:
            direct.notify("workspace/didChangeWatchedFiles", event)
            direct.ask(SYMBOLS, document)

        client.ask("lsp/request", **lsp(root, SYMBOLS, document))
        direct.ask(SYMBOLS, document)
        for count in range(number):
            put(root, {"small/part3.py": f"def work_{count}() -> int:\n    return {count}\n".encode()})
            ours.append(ms(client.ask, "lsp/request", **lsp(root, SYMBOLS, document)))
            theirs.append(ms(tell_and_ask))
    return [
        row(
            f"document symbols right after a write, small repository, {name}",
            percentile(ours, share),
            "ms",
            Peer("ty alone, told", percentile(theirs, share)),
            Target("<", bound),
        )
        for name, share, bound in (("p50", 0.5, 15), ("p99", 0.99, 150))
    ]
