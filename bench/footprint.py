"""What the daemon and its processes take: alone, with a workspace, and after a thousand mixed questions."""

from __future__ import annotations

import os
import random
import subprocess
from typing import Any

from bench.daemon import Client, Daemon, lsp
from bench.oracle import Ty, at
from bench.places import HOVER, REFERENCES, SYMBOLS, Places, places
from bench.repository import demo, sources
from bench.resident import rss_and_pss_mb
from bench.rows import Peer, Row, Target, row
from bench.scale import intents

_QUESTIONS, _QUICK_QUESTIONS = 1000, 60
_CONTEXTS, _FINDS = 0.1, 0.2  # shares of the questions; the others go to the language server
_MOST_MB = {"django": 150, "sympy": 350}
_ALONE, _WITH_ONE, _SERVER = Target("≤", 50), Target("≤", 65), Target("≤", 1.05, of="ratio")


def footprint(repository: str, *, quick: bool) -> list[Row]:
    """All of it on the repository; on sympy's source, which is installed at the first use, the questions alone."""
    number = _QUICK_QUESTIONS if quick else _QUESTIONS
    rows = []
    with Daemon() as daemon:
        client = daemon.start()
        client.ask("health")
        rows.append(row("memory of the daemon alone, PSS", _pss(daemon.process.pid), "MB", None, _ALONE))
        client.ask("context/query", root=repository, intent="Warm up")
        client.ask("lsp/request", **lsp(repository, SYMBOLS, at(repository, next(sources(repository)))))
        rows.append(
            row("memory of the daemon with one workspace, PSS", _pss(daemon.process.pid), "MB", None, _WITH_ONE)
        )
        rows.append(_after_questions(daemon, client, repository, number))
    rows.append(_server(repository, number))
    if not quick:
        try:
            other = demo("sympy")
        except subprocess.CalledProcessError as error:
            print(f"not measured: sympy could not be installed: {error}")
            return [*rows, row("not measured: sympy could not be installed", 0, "MB")]
        with Daemon() as daemon:
            rows.append(_after_questions(daemon, daemon.start(), other, number))
    return rows


def _after_questions(daemon: Daemon, client: Client, root: str, number: int) -> Row:
    asked, chance, about = places(root), random.Random(41), intents()
    for _ in range(number):
        kind = chance.random()
        if kind < _CONTEXTS:
            client.ask("context/query", root=root, intent=chance.choice(about))
        elif kind < _CONTEXTS + _FINDS:
            client.ask("symbols/find", root=root, name=chance.choice(asked.names))
        else:
            client.ask("lsp/request", **lsp(root, *_question(asked, chance)))
    pids = daemon.pids(client)
    taken = _pss(pids["daemon"]) + _pss(pids["indexer"])
    name = os.path.basename(root)
    target = Target("≤", _MOST_MB[name]) if name in _MOST_MB else None
    return row(f"memory of daemon and indexer after {number} questions about {name}, PSS", taken, "MB", None, target)


def _server(root: str, number: int) -> Row:
    """The server beside a private one that was asked the same, by a client that asks nothing else."""
    asked, chance = places(root), random.Random(42)
    with Daemon() as daemon, Ty(root) as private:
        client = daemon.start()
        for _ in range(number):
            method, params = _question(asked, chance)
            client.ask("lsp/request", **lsp(root, method, params))
            private.ask(method, params)
        ours, theirs = _pss(daemon.pids(client)["ty"]), _pss(private.pid)
    return row("memory of ty after the same questions, PSS", ours, "MB", Peer("ty alone", theirs), _SERVER)


def _question(asked: Places, chance: random.Random) -> tuple[str, dict[str, Any]]:
    """One that a language server answers: half of them outlines, one of ten references."""
    kind = chance.random()
    if kind < 0.5:
        return SYMBOLS, chance.choice(asked.documents)
    return (HOVER, chance.choice(asked.positions)) if kind < 0.9 else (REFERENCES, chance.choice(asked.references))


def _pss(pid: int) -> float:
    return rss_and_pss_mb(pid)[1]
