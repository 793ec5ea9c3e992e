"""Recovery: how long after `kill -9` until the next right answer, for a client that uses the library and tries again.

A file is edited right before each kill, so that no answer from before is right.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from statistics import median

import semctx
from bench.daemon import Daemon, environment
from bench.rows import Row, row
from bench.storm import Question, Tree
from semctx.connection import Connection

Edit = Callable[[], None]
"""Changes what the question's right answer is."""

_PATIENCE_S = 60.0


def recovery(daemon: Daemon, tree: Tree, by_server: Question, by_index: Question, edit: Edit, rounds: int) -> list[Row]:
    """Kill a language server, the indexer and the daemon, so many times each. The daemon that is left is ended."""
    rows = []
    with environment(daemon.environment), semctx.connect(tree.root) as connection:
        server = connection.request("health")["workspaces"][0]["sessions"]
        name = next(session["name"] for session in server if session["name"] != "indexer" and session["pid"])
        for victim, question in ((name, by_server), ("indexer", by_index), ("daemon", by_server)):
            times = [_time(connection, victim, question, tree, edit) for _ in range(rounds)]
            rows.append(row(f"kill -9 of {victim} to the next right answer, median", median(times), "s"))
            rows.append(row(f"kill -9 of {victim} to the next right answer, slowest", max(times), "s"))
        connection.stop()
        connection.wait_closed(_PATIENCE_S)
    return rows


def _time(connection: Connection, victim: str, question: Question, tree: Tree, edit: Edit) -> float:
    _ask(connection, question, tree)  # everything runs
    pid = _pid(connection, victim)
    edit()
    os.kill(pid, signal.SIGKILL)
    killed = time.perf_counter()
    while not _ask(connection, question, tree):
        if time.perf_counter() - killed > _PATIENCE_S:
            raise RuntimeError(f"no right answer after the end of {victim}")
    return time.perf_counter() - killed


def _ask(connection: Connection, question: Question, tree: Tree) -> bool:
    """Whether the answer is right; an error is none."""
    try:
        said = connection.request(question.method, question.params)
    except semctx.SemctxError:
        time.sleep(0.01)
        return False
    return question.seen(said) == question.expected(tree.states[-1])


def _pid(connection: Connection, victim: str) -> int:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        health = connection.request("health")
        sessions = health["workspaces"][0]["sessions"] if health["workspaces"] else []
        found = [session["pid"] for session in sessions if session["name"] == victim and session["pid"]]
        if victim == "daemon":
            found = [health["pid"]]
        if found:
            return int(found[0])
        time.sleep(0.01)
    raise RuntimeError(f"{victim} does not run")
