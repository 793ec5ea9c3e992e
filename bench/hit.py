"""`hit`: answers from memory, beside an echo of the same bytes, beside the language server, and while another
repository is being indexed."""

from __future__ import annotations

import os
import select
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.daemon import Client, Daemon, lsp, request
from bench.hits import Compared, Figure, compare, spellings
from bench.options import Options
from bench.oracle import Ty, at
from bench.places import HOVER, INTENTS, REFERENCES, SYMBOLS, Places, places
from bench.plot import lines
from bench.repository import copy, installed, put, sources
from bench.rows import Peer, Row, Target, percentile, row

_VARIANTS = 16
_CLIENTS, _QUICK_CLIENTS = (1, 8), (1, 2)
_SIZES = {"200 B": 200, "2 kB": 2000, "40 kB": 40_000, "400 kB": 400_000}
_BYTES_A_FUNCTION = 215  # of an answer, as ty writes it
_TOLERANCE = 1.5
_TO_ECHO = {"200 B": 1.6, "2 kB": 1.6, "40 kB": 1.25, "400 kB": 1.15}  # the most, of p50
_SMALL = ("200 B", "2 kB")
_LATE_TO_ECHO = 2.5  # of p99 of small ones
_TO_TY = {"document symbols": 40, "hover": 6, "references": 100, "workspace symbols": 50}  # the least


class Kind(NamedTuple):
    """Questions of one kind, and how large their answers are."""

    method: str
    params: list[dict[str, Any]]
    answer_bytes: int


def run(options: Options) -> list[Row]:
    """On a private copy of the repository, to which files are added whose answers have the sizes that are measured."""
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as made:
        place = os.path.realpath(made)
        root = copy(options.repository, os.path.join(place, "tree"))
        for size in _SIZES.values():
            put(root, {f"semctx_bench_{size}_{number}.py": _source(size) for number in range(4)})
        asked = places(root)
        with Daemon() as daemon, Ty(root) as direct:
            client = daemon.start()
            kinds = _kinds(client, root, asked)
            crowds = _QUICK_CLIENTS if options.quick else _CLIENTS
            found = _beside_echo(daemon, kinds, crowds, 160 if options.quick else 2000)
            rows = [one for (name, clients), figures in found.items() for one in _rows(name, clients, figures)]
            rows += _beside_ty(client, direct, root, asked, 1 if options.quick else 7)
            other = installed("sympy").get("sympy", root) if not options.quick else root
            rows += _while_indexing(daemon, kinds["document symbols, 2 kB"], copy(other, os.path.join(place, "other")))
        if options.document:
            _draw(kinds, found, Path(options.document).parent / "images" / "hit.svg")
    return rows


# -- what is asked


def _source(size: int) -> bytes:
    """A module whose document symbols take about so many bytes."""
    number = max(1, size // _BYTES_A_FUNCTION)
    return b"\n\n".join(b"def f%d(value: int) -> int:\n    return value\n" % one for one in range(number))


def _kinds(client: Client, root: str, asked: Places) -> dict[str, Kind]:
    def lsp_kind(method: str, questions: Sequence[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
        return "lsp/request", [lsp(root, method, question) for question in questions[:_VARIANTS]]

    sized = []
    for file in sources(root):
        document = at(root, file)
        sized.append((len(client.exchange(request(1000, "lsp/request", lsp(root, SYMBOLS, document)))), document))
    kinds = {
        f"document symbols, {name}": lsp_kind(
            SYMBOLS, [document for got, document in sized if size / _TOLERANCE <= got <= size * _TOLERANCE]
        )
        for name, size in _SIZES.items()
    }
    kinds["hover"] = lsp_kind(HOVER, asked.positions)
    kinds["references"] = lsp_kind(REFERENCES, asked.references)
    kinds["context"] = "context/query", [{"root": root, "intent": intent} for intent in INTENTS[:_VARIANTS]]
    kinds["find"] = "symbols/find", [{"root": root, "name": name} for name in asked.names[:_VARIANTS]]
    return {name: Kind(method, params, _mean_bytes(client, method, params)) for name, (method, params) in kinds.items()}


def _mean_bytes(client: Client, method: str, params: Sequence[dict[str, Any]]) -> int:
    return sum(len(client.exchange(request(1000, method, one))) for one in params) // len(params)


# -- beside an echo


def _beside_echo(
    daemon: Daemon, kinds: Mapping[str, Kind], crowds: Sequence[int], number: int
) -> dict[tuple[str, int], Compared]:
    """By kind and number of clients. Of large answers fewer: each costs time in proportion."""
    found = {}
    for clients in crowds:
        for name, kind in kinds.items():
            enough = max(number // max(1, kind.answer_bytes // 10_000), _VARIANTS * clients)
            questions = spellings(kind.method, kind.params, enough)
            found[name, clients] = compare(daemon, questions, len(kind.params), clients)
    return found


def _rows(name: str, clients: int, found: Compared) -> list[Row]:
    """The targets are those of one client's document symbols, and of the rate with several."""
    size = name.rpartition(", ")[2]
    most = Target("≤", _TO_ECHO[size], of="ratio") if clients == 1 and size in _TO_ECHO else None
    late = Target("≤", _LATE_TO_ECHO, of="ratio") if clients == 1 and size in _SMALL else None
    who = f"{name}, {clients} client{'s' * (clients > 1)}"
    least = Target("≥", 25_000) if clients > 1 and size in _SMALL else None
    return [
        row(f"{who}, p50", found.p50_us.daemon, "µs", _peer(found.p50_us), most),
        row(
            f"{who}, p99",
            found.p99_us.daemon,
            "µs",
            _peer(found.p99_us),
            late,
        ),
        row(f"{who}, requests a second", round(found.rate.daemon), "", _peer(found.rate), least),
    ]


def _peer(figure: Figure) -> Peer:
    return Peer("echo", round(figure.echo, 1), figure.ratio)


def _draw(kinds: Mapping[str, Kind], found: Mapping[tuple[str, int], Compared], path: Path) -> None:
    """How the ratio to the echo falls as answers grow."""
    series = {
        f"{clients} client{'s' * (clients > 1)}": [
            (kind.answer_bytes, found[name, clients].p50_us.ratio)
            for name, kind in kinds.items()
            if name.startswith("document symbols")
        ]
        for clients in sorted({clients for _, clients in found})
    }
    lines(series, ("bytes of the answer", "time of the daemon over that of the echo, p50"), path, log=True)


# -- beside the language server


def _beside_ty(client: Client, direct: Ty, root: str, asked: Places, rounds: int) -> list[Row]:
    """The same questions, first answered by both; then all to the one and all to the other, in turns, so that what
    either leaves behind, threads that go on and cold caches, is its own. Until the last byte of the reply is there."""
    words = [{"query": intent.split()[-1]} for intent in INTENTS[:4]]
    rows = []
    for name, method, questions in (
        ("document symbols", SYMBOLS, asked.documents[:100]),
        ("hover", HOVER, asked.positions[:50]),
        ("references", REFERENCES, asked.references[:20]),
        ("workspace symbols", "workspace/symbol", words),
    ):
        asking = [request(1000, "lsp/request", lsp(root, method, question)) for question in questions]
        asking_ty = [direct.request(method, question) for question in questions]
        for line, question in zip(asking, questions, strict=True):
            client.exchange(line)
            direct.ask(method, question)
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(rounds):
            ours += _latencies(client.exchange, asking)
            theirs += _latencies(direct.exchange, asking_ty)
        ours_us, theirs_us = median(ours) * 1e3, median(theirs) * 1e3
        peer = Peer("ty alone", theirs_us, theirs_us / ours_us)
        rows.append(row(f"{name} beside ty, p50", ours_us, "µs", peer, Target("≥", _TO_TY[name], of="ratio")))
    return rows


# -- while another repository is being indexed


def _while_indexing(daemon: Daemon, kind: Kind, other: str) -> list[Row]:
    """Hits as fast as one client can, from the moment that another repository is asked about until its answer."""
    client, asking = daemon.client(), daemon.client()
    questions = spellings(kind.method, kind.params, 1000)
    rest = _latencies(client.exchange, questions)
    size = sum(_lines(os.path.join(other, file)) for file in sources(other))
    asking.send(request(1, "symbols/find", {"root": other, "name": "main"}))
    busy: list[float] = []
    while not select.select([asking.fileno()], [], [], 0)[0]:
        busy += _latencies(client.exchange, questions[:100])
    name = f"hits while {round(size, -3)} lines are indexed"
    return [
        row(
            f"{name}, p99",
            percentile(busy, 0.99),
            "ms",
            Peer("at rest", percentile(rest, 0.99)),
            Target("≤", 2),
        ),
        row(f"{name}, p50", percentile(busy, 0.5), "ms", Peer("at rest", percentile(rest, 0.5))),
        row(f"{name}, slowest", max(busy), "ms", Peer("at rest", max(rest))),
    ]


def _latencies(exchange: Callable[[bytes], bytes], questions: Sequence[bytes]) -> list[float]:
    """Of each, in milliseconds."""
    times = []
    for question in questions:
        started = time.perf_counter()
        exchange(question)
        times.append((time.perf_counter() - started) * 1e3)
    return times


def _lines(path: str) -> int:
    with open(path, "rb") as file:
        return file.read().count(b"\n")
