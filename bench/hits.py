"""Answers from memory beside an echo of the same bytes, everything pinned to one core."""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from statistics import median
from typing import Any, NamedTuple

from bench.daemon import PATIENCE_S, Client, Daemon, connected
from bench.rows import percentile

_ROUNDS = 7
_WARMINGS = 5
_FOLDER = os.path.dirname(os.path.abspath(__file__))


class Figure(NamedTuple):
    """Medians over the rounds: of the daemon, of the echo, and of the ratio of the two in each round."""

    daemon: float
    echo: float
    ratio: float


class Compared(NamedTuple):
    """What a request takes, in microseconds, and how many are answered in a second."""

    p50_us: Figure
    p99_us: Figure
    rate: Figure


def compare(daemon: Daemon, requests: Sequence[bytes], variants: int, clients: int) -> Compared:
    """Seven interleaved rounds, in each of which `clients` processes share the requests, answered by the daemon and by
    an echo. The `variants` first requests differ in more than their ids: the echo gives each client the very bytes that
    the daemon gave for these. Raises RuntimeError where an answer does not come from memory."""
    first = daemon.client()
    replies = _warm(first, requests[:variants])
    shares = [requests[number::clients] for number in range(clients)]
    with ExitStack() as stack:
        ours = [stack.enter_context(_asker(connected(daemon.socket), share)) for share in shares]
        sockets, echoes = zip(*[stack.enter_context(_echo(replies)) for _ in shares], strict=True)
        theirs = [stack.enter_context(_asker(made, share)) for made, share in zip(sockets, shares, strict=True)]
        pids = [one.pid for one in (*ours, *echoes, *theirs)]
        before = _lookups(first)
        with _on_one_core([daemon.process.pid, *pids]):
            rounds = [(_round(ours), _round(theirs)) for _ in range(_ROUNDS)]
        hits, misses = (now - then for now, then in zip(_lookups(first), before, strict=True))
    if misses or hits != len(requests) * _ROUNDS:
        raise RuntimeError(f"{misses} answers of {len(requests) * _ROUNDS} did not come from memory")
    return Compared(*(_figure([(mine[index], echo[index]) for mine, echo in rounds]) for index in range(3)))


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


def _figure(rounds: Sequence[tuple[float, float]]) -> Figure:
    return Figure(
        median(mine for mine, _ in rounds),
        median(echo for _, echo in rounds),
        median(mine / echo for mine, echo in rounds),
    )


def _warm(client: Client, requests: Sequence[bytes]) -> list[bytes]:
    """Ask until all comes from memory; the replies then."""
    for _ in range(_WARMINGS):
        _, before = _lookups(client)
        replies = [client.exchange(request) for request in requests]
        _, after = _lookups(client)
        if before == after:
            return replies
    raise RuntimeError("some answers are not kept")


def _lookups(client: Client) -> tuple[int, int]:
    stats = client.ask("cache/stats")
    return stats["hits"], stats["misses"]


# -- processes


def _round(askers: Sequence[subprocess.Popen[bytes]]) -> tuple[float, float, float]:
    """p50 and p99 of all requests in microseconds, and requests a second."""
    for asker in askers:
        assert asker.stdin
        asker.stdin.write(b"go\n")
        asker.stdin.flush()
    began, ended, times = zip(*(json.loads(asker.stdout.readline()) for asker in askers if asker.stdout), strict=True)
    all_times = [one for some in times for one in some]
    seconds = (max(ended) - min(began)) / 1e9
    return percentile(all_times, 0.5) / 1e3, percentile(all_times, 0.99) / 1e3, len(all_times) / seconds


@contextmanager
def _asker(connection: socket.socket, requests: Sequence[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    with _program("asker.py", connection, b"".join(requests) + b"\n") as process:
        yield process


@contextmanager
def _echo(replies: Sequence[bytes]) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with _program("echo_server.py", theirs, b"".join(replies)) as process:
        assert process.stdin
        process.stdin.close()
        yield ours, process


@contextmanager
def _program(name: str, connection: socket.socket, told: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """A program of this folder, which needs none of the packages that are installed; it has the connection, is told
    something, and ends by itself in the end."""
    command = [sys.executable, "-I", "-S", os.path.join(_FOLDER, name), str(connection.fileno())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[connection.fileno()])
    connection.close()
    assert process.stdin and process.stdout
    try:
        process.stdin.write(told)
        process.stdin.flush()
        yield process
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(PATIENCE_S)


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
