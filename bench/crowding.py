"""What one daemon costs as its clients and its workspaces grow in number."""

from __future__ import annotations

import os
import selectors
import shutil
import socket
import time
from collections.abc import Sequence
from statistics import median

import psutil

from bench.daemon import Client, Daemon, connected, lsp, request
from bench.generated import generate
from bench.growing import Effort, Figures, edited, idle_share, indexed
from bench.oracle import at
from bench.repository import sources
from bench.resident import rss_and_pss_mb
from bench.rows import percentile

_SYMBOLS = "textDocument/documentSymbol"
_FILES = 100  # of each workspace
_HIT_FILES = 16
_EDITS = 20
_NEWLINE = 10


def of_clients(root: str, number: int, hits: int, _tree: str) -> Figures:
    """So many clients, each of which asks for symbols that are in memory, one question after the other."""
    with Daemon() as daemon:
        client = daemon.start()
        documents = [at(root, file) for file in list(sources(root))[:_HIT_FILES]]
        asked = [request(number, "lsp/request", lsp(root, _SYMBOLS, one)) for number, one in enumerate(documents)]
        for one in asked:
            client.exchange(one)
        return _load(daemon.socket, number, asked, hits)


def _load(path: str, number: int, asked: Sequence[bytes], hits: int) -> Figures:
    """So many connections, each with one question under way at any time, until there were `hits` answers."""
    with selectors.DefaultSelector() as selector:
        connections: dict[int, socket.socket] = {}
        sent: dict[int, float] = {}
        times: list[float] = []
        started = time.perf_counter()
        for count in range(number):
            one = connected(path)
            selector.register(one, selectors.EVENT_READ)
            connections[one.fileno()] = one
            sent[one.fileno()] = time.perf_counter()
            one.sendall(asked[count % len(asked)])
        while len(times) < hits:
            for key, _ in selector.select():
                one = connections[key.fd]
                data = one.recv(1 << 18)
                while data[-1] != _NEWLINE:
                    data += one.recv(1 << 18)
                now = time.perf_counter()
                times.append((now - sent[key.fd]) * 1e6)
                sent[key.fd] = time.perf_counter()
                one.sendall(asked[len(times) % len(asked)])
        took = time.perf_counter() - started
        for one in connections.values():
            one.close()
    return {"hit p50": median(times), "hit p99": percentile(times, 0.99), "hits": len(times) / took}


def of_workspaces(number: int, effort: Effort, tree: str) -> Figures:
    """Figures of a daemon that has so many workspaces open, of a hundred files each, each with its language server."""
    first = generate(_FILES, f"{tree}-0")
    roots = [first, *(_copy(first, f"{tree}-{count}") for count in range(1, number))]
    with Daemon() as daemon:
        client = daemon.start()
        started = time.perf_counter()
        for root in roots:
            indexed(client, root, "Open the workspace")
            client.ask("lsp/request", **lsp(root, _SYMBOLS, at(root, next(sources(root)))))
        found = {
            "opening": (time.perf_counter() - started) / number,
            "idle": idle_share(daemon.process.pid, effort.idle_s),
        }
        found |= _memory(client, daemon.process.pid, number)
        found |= edited(client, [(root, next(sources(root))) for root in (roots * _EDITS)[: max(_EDITS, number)]])
    return found


def _memory(client: Client, pid: int, number: int) -> Figures:
    """PSS in MB of the daemon, and for each workspace of its sessions; what else the daemon holds."""
    sums = {"daemon PSS": rss_and_pss_mb(pid)[1], "indexer PSS": 0.0, "ty PSS": 0.0}
    living = 0
    for workspace in client.ask("health")["workspaces"]:
        for session in workspace["sessions"]:
            if session["pid"]:
                living += 1
                sums[f"{session['name']} PSS"] += rss_and_pss_mb(session["pid"])[1] / number
    process = psutil.Process(pid)
    return sums | {"sessions": living, "threads": process.num_threads(), "open files": process.num_fds()}


def _copy(template: str, target: str) -> str:
    shutil.copytree(template, target)
    return os.path.realpath(target)
