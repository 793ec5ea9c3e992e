"""Answers from memory beside an echo of the same bytes, everything pinned to one core."""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from statistics import median
from typing import Any, NamedTuple

from bench.daemon import PATIENCE_S, Client

_ROUNDS = 7
_ECHO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "echo_server.py")


class Compared(NamedTuple):
    """Medians over the rounds of each round's median; times in microseconds."""

    daemon_us: float
    echo_us: float
    ratio: float


def compare(client: Client, daemon_pid: int, requests: Sequence[bytes]) -> Compared:
    """Seven interleaved rounds of all requests, each answered by the daemon and by the echo.

    The daemon must hold every answer; the echo gives the very bytes that the daemon gave.
    """
    replies = [client.exchange(request) for request in requests]
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    server = subprocess.Popen(
        [sys.executable, _ECHO, str(theirs.fileno())], stdin=subprocess.PIPE, pass_fds=[theirs.fileno()]
    )
    theirs.close()
    assert server.stdin
    server.stdin.write(b"".join(replies))
    server.stdin.close()
    echo = Client(ours)
    rounds: list[tuple[float, float]] = []
    try:
        with _on_one_core([os.getpid(), daemon_pid, server.pid]):
            for _ in range(_ROUNDS):
                rounds.append((_median_us(client, requests), _median_us(echo, requests)))
    finally:
        echo.close()
        server.wait(PATIENCE_S)
    return Compared(
        median(daemon for daemon, _ in rounds),
        median(echo for _, echo in rounds),
        median(daemon / echo for daemon, echo in rounds),
    )


def spellings(method: str, params: Sequence[dict[str, Any]], number: int) -> list[bytes]:
    """`number` requests over these parameters in turn, with ids and orders of keys that differ."""
    chance = random.Random(1)
    made = []
    for count, one in zip(range(number), itertools.cycle(params), strict=False):
        inner = _shuffled(one, chance)
        message = {"jsonrpc": "2.0", "id": 1000 + count, "method": method, "params": inner}
        made.append(json.dumps(_shuffled(message, chance), separators=(",", ":")).encode() + b"\n")
    return made


def _shuffled(members: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    return dict(chance.sample(list(members.items()), len(members)))


def _median_us(client: Client, requests: Iterable[bytes]) -> float:
    times = []
    for request in requests:
        started = time.perf_counter_ns()
        client.exchange(request)
        times.append(time.perf_counter_ns() - started)
    return median(times) / 1e3


@contextmanager
def _on_one_core(pids: Sequence[int]) -> Iterator[None]:
    """Pin every thread of these processes to the last core, and let them go after."""
    threads = [int(thread) for pid in pids for thread in os.listdir(f"/proc/{pid}/task")]
    allowed = os.sched_getaffinity(0)
    try:
        for thread in threads:
            os.sched_setaffinity(thread, {max(allowed)})
        yield
    finally:
        for thread in threads:
            with suppress(ProcessLookupError):  # an idle worker thread ends
                os.sched_setaffinity(thread, allowed)
