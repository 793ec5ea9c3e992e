"""`memory`: does it grow over many mixed questions with edits between them?"""

from __future__ import annotations

import os
import random
import tempfile
from typing import Any

from bench.daemon import Daemon, lsp, request
from bench.footprint import footprint
from bench.options import Options
from bench.oracle import at
from bench.places import INTENTS
from bench.repository import copy, sources
from bench.resident import rss_and_pss_mb
from bench.rows import Peer, Row, Target, row
from bench.storm import Question, Writer, plant

_QUESTIONS, _QUICK_QUESTIONS = 100_000, 2_000
_SETTLED = 0.1  # of the questions: then everything is loaded, and memory should be flat
_SAMPLES = 20
_AT_ONCE = 48  # questions between two edits, beside those about the edit
_GROWTH = Target("≤", 1.05, of="ratio")


def run(options: Options) -> list[Row]:
    """Ask, edit, and look at the processes from time to time."""
    number = _QUICK_QUESTIONS if options.quick else _QUESTIONS
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as place, Daemon() as daemon:
        tree = plant(copy(options.repository, os.path.join(os.path.realpath(place), "tree")), 1)
        client, chance = daemon.start(), random.Random(700)
        writer = Writer(tree, 0, random.Random(701))
        files = list(sources(tree.root))
        samples: list[dict[str, float]] = []
        asked = edits = 0

        def ask(question: Question) -> None:
            nonlocal asked
            client.call(question.method, **question.params)
            asked += 1

        while asked < number:
            some = [_question(tree.root, files, writer, chance) for _ in range(_AT_ONCE)]
            client.exchange_all([request(number, *one) for number, one in enumerate(some)])
            asked += len(some)
            writer.edit(ask)
            edits += 1
            share = len(samples) / _SAMPLES
            if asked >= number * (_SETTLED + (1 - _SETTLED) * share):
                pids = daemon.pids(client)
                samples.append({name: rss_and_pss_mb(pid)[0] for name, pid in pids.items()})
    first = samples[0]
    rows = footprint(options.repository, quick=options.quick)
    rows += [row("questions", asked, ""), row("edits", edits, "")]
    for name in first:
        most = max(sample[name] for sample in samples if name in sample)
        target = None if name == "ty" else _GROWTH  # a server's memory is its own
        peer = Peer("after a tenth of the questions", first[name])
        rows.append(row(f"memory of {name}, the most after that", most, "MB", peer, target))
    return rows


def _question(root: str, files: list[str], writer: Writer, chance: random.Random) -> tuple[str, dict[str, Any]]:
    kind = chance.random()
    file = chance.choice(files)
    if kind < 0.45:
        return "lsp/request", lsp(root, "textDocument/documentSymbol", at(root, file))
    if kind < 0.65:
        return "lsp/request", lsp(root, "textDocument/hover", at(root, file, chance.randrange(60), 4))
    if kind < 0.75:
        question = chance.choice(writer.questions)
        return question.method, question.params
    if kind < 0.99:
        return "symbols/find", {"root": root, "name": os.path.basename(file).removesuffix(".py")}
    return "context/query", {"root": root, "intent": chance.choice(INTENTS)}
