"""`servers`: what each of the registry's Python servers costs behind the daemon, on a private copy of the repository.

Each has a daemon of its own, and the copy an environment of its own without packages. Hovers are on functions that
were not asked about before, so none comes from memory; those after an edit, and after a new file, are asked for at
once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from statistics import median
from typing import Any

import psutil

from bench.daemon import PATIENCE_S, Client, Daemon, lsp
from bench.options import Options
from bench.oracle import at
from bench.repository import copy, put
from bench.rows import Row, row
from bench.spoil import functions
from bench.timing import ms
from semctxd.lsp.registry import registry

Place = tuple[str, int]
"""A file, relative to the root, and the line of a function's name in it (0-based)."""

_ROUNDS = 9
_HOVER, _REFERENCES = "textDocument/hover", "textDocument/references"


def run(options: Options) -> list[Row]:
    """All servers, one after the other."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as made:
        root = copy(options.repository, os.path.join(os.path.realpath(made), "tree"))
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", os.path.join(root, ".venv")], check=True)
        places = [(case.file, case.function_line) for case in functions(root, 60)]
        if len(places) < 2 + 3 * _ROUNDS:
            raise SystemExit(f"{options.repository} has too few functions")
        for name in registry().servers:
            config = f"[daemon]\ndeadline_s = {PATIENCE_S}\n[languages.python]\nserver = '{name}'\n"
            with Daemon(config) as daemon:
                rows += _figures(name, daemon, root, iter(places), 2 if options.quick else _ROUNDS)
    return rows


def _figures(name: str, daemon: Daemon, root: str, places: Iterator[Place], rounds: int) -> Iterator[Row]:
    client = daemon.start()
    client.ask("files/relevant", root=root, intent="Warm up")
    first = _ms(client, root, _HOVER, next(places))
    references = _ms(client, root, _REFERENCES, next(places), context={"includeDeclaration": True})
    warm = [_ms(client, root, _HOVER, next(places)) for _ in range(rounds)]
    known: list[float] = []
    new: list[float] = []
    edited = "edited_by_bench.py"
    for number in range(rounds):
        put(root, {edited: b"value = %d\n" % number})
        new.append(_ms(client, root, _HOVER, next(places)))
        put(root, {edited: b"value = %d  # edited\n" % number})
        known.append(_ms(client, root, _HOVER, next(places)))
        os.unlink(os.path.join(root, edited))
    server = psutil.Process(daemon.pids(client)[name])
    memory = sum(one.memory_info().rss for one in (server, *server.children(recursive=True)))
    yield row(f"{name}: first hover", first, "ms")
    yield row(f"{name}: references, first", references, "ms")
    yield row(f"{name}: hover, warm, p50", median(warm), "ms")
    yield row(f"{name}: hover right after a file was edited, p50", median(known), "ms")
    yield row(f"{name}: hover right after a file came, p50", median(new), "ms")
    yield row(f"{name}: memory then, RSS of all its processes", memory / 2**20, "MB")


def _ms(client: Client, root: str, method: str, place: Place, **more: Any) -> float:
    return ms(client.ask, "lsp/request", **lsp(root, method, {**at(root, *place, character=4), **more}))
