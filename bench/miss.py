"""`miss`: questions that only the language server can answer, through the daemon and without it.

Both servers have answered each question once, and the daemon's memory is emptied before each round: so what is compared
is the way through the daemon, two more hops between processes and the check that nothing changed.
"""

from __future__ import annotations

import os
import tempfile
from statistics import median

from bench.daemon import Client, Daemon, lsp, request
from bench.options import Options
from bench.oracle import Ty
from bench.places import HOVER, REFERENCES, SYMBOLS, Places, places
from bench.repository import copy
from bench.rows import Peer, Row, Target, row
from bench.timing import ms

_MOST_MS = 0.3  # that the daemon may add


def run(options: Options) -> list[Row]:
    """On a private copy of the repository."""
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as made:
        root = copy(options.repository, os.path.join(os.path.realpath(made), "tree"))
        asked = places(root)
        with Daemon() as daemon, Ty(root) as direct:
            client = daemon.start()
            rounds = 1 if options.quick else 7
            return [*_one_by_one(client, direct, root, asked, rounds), _three_files(client, direct, root, asked)]


def _one_by_one(client: Client, direct: Ty, root: str, asked: Places, rounds: int) -> list[Row]:
    rows = []
    for name, method, questions in (
        ("document symbols", SYMBOLS, asked.documents[:100]),
        ("hover", HOVER, asked.positions[:50]),
        ("references", REFERENCES, asked.references[:20]),
    ):
        for question in questions:
            client.ask("lsp/request", **lsp(root, method, question))
            direct.ask(method, question)
        ours, theirs = [], []
        for _ in range(rounds):
            client.ask("cache/clear")
            for question in questions:
                ours.append(ms(client.ask, "lsp/request", **lsp(root, method, question)))
                theirs.append(ms(direct.ask, method, question))
        added = median(mine - other for mine, other in zip(ours, theirs, strict=True))
        rows += [
            row(f"{name}, uncached, p50", median(ours), "ms", Peer("ty alone", median(theirs))),
            row(f"{name}, what the daemon adds, p50", added, "ms", None, Target("≤", _MOST_MS)),
        ]
    return rows


def _three_files(client: Client, direct: Ty, root: str, asked: Places) -> Row:
    client.ask("cache/clear")
    ours, theirs = [], []
    for start in range(0, len(asked.documents) - 2, 3)[:20]:
        three = asked.documents[start : start + 3]
        questions = [request(number, "lsp/request", lsp(root, SYMBOLS, one)) for number, one in enumerate(three)]
        ours.append(ms(client.exchange_all, questions))
        theirs.append(ms(direct.ask_all, [(SYMBOLS, one) for one in three]))
    peer = Peer("ty alone", median(theirs))
    return row("symbols of three files at once, uncached, p50", median(ours), "ms", peer, Target("<", 600))
