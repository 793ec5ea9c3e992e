"""`core`: what the daemon's main jobs cost, each beside a peer or a floor measured in the same run.

The peer is a direct conversation with the same language server, which has no daemon between; the floor is an echo.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from statistics import mean, median
from typing import Any, NamedTuple, ParamSpec

from bench.daemon import Client, Daemon, lsp, request
from bench.hits import compare, spellings
from bench.options import Options
from bench.oracle import Ty, at
from bench.repository import copy, put, small, sources
from bench.resident import rss_and_pss_mb
from bench.rows import Peer, Row, Target, percentile, row

P = ParamSpec("P")

_SYMBOLS = "textDocument/documentSymbol"
_FUNCTION_KINDS = (5, 6, 12)  # LSP's SymbolKind: class, method, function
_HIT_FILES = 16

_ACTIONS = (
    "Validate the format of", "Parse", "Serialize", "Cache", "Render a template for", "Log a warning about", "Escape",
    "Convert", "Look up", "Delete",
)  # fmt: skip
_OBJECTS = ("an email address", "a date range in a query", "an uploaded file", "a user's session and its permissions")
INTENTS = tuple(f"{action} {thing}" for action in _ACTIONS for thing in _OBJECTS)
"""Forty distinct ones."""


class Places(NamedTuple):
    """What is asked about: files, and positions of names, as LSP parameters."""

    documents: list[dict[str, Any]]
    names: list[dict[str, Any]]


def run(options: Options) -> list[Row]:
    """Every part in turn, on a private copy of the repository."""
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as made:
        place = os.path.realpath(made)
        root = copy(options.repository, os.path.join(place, "tree"))
        places = _places(root)
        rows = _starts(root, places, 1 if options.quick else 5)
        with Daemon() as daemon, Ty(root) as direct:
            client = daemon.start()
            intents = INTENTS[::4] if options.quick else INTENTS
            rows += _context(client, direct, root, intents)
            rows += _memory(daemon, client, root, places)
            rows += _uncached(client, direct, root, places)
            rows += _hits(daemon, client, root, intents, 200 if options.quick else 2000)
            rows += _workload(client, root, intents[::2])
        rows += _after_writes(os.path.join(place, "small"), 40 if options.quick else 400)
    return rows


# -- start


def _starts(root: str, places: Places, rounds: int) -> list[Row]:
    context, server, direct_all, direct_one = [], [], [], []
    for number in range(rounds):
        with Daemon() as daemon:
            started = time.perf_counter()
            daemon.start().ask("context/query", root=root, intent=INTENTS[number])
            context.append(time.perf_counter() - started)
        with Daemon() as daemon:
            client = daemon.start()
            client.call("symbols/find", root=root, name="main")  # opens the workspace, without a language server
            server.append(_ms(client.ask, "lsp/request", **lsp(root, _SYMBOLS, places.documents[0])) / 1e3)
        direct_all.append(_ms(_converse, root, "workspace/symbol", {"query": "main"}) / 1e3)
        direct_one.append(_ms(_converse, root, _SYMBOLS, places.documents[0]) / 1e3)
    return [
        row(
            "daemon start to first context",
            median(context),
            "s",
            Peer("ty alone, start to first workspace symbols", median(direct_all)),
            Target("<", 1.5),
        ),
        row(
            "language server start to first document symbols",
            median(server),
            "s",
            Peer("ty alone", median(direct_one)),
            Target("<", 2),
        ),
    ]


def _converse(root: str, method: str, params: object) -> None:
    """Start a server, ask it one question."""
    with Ty(root) as ty:
        ty.ask(method, params)


# -- context


def _context(client: Client, direct: Ty, root: str, intents: Sequence[str]) -> list[Row]:
    client.ask("context/query", root=root, intent="Warm up")
    direct.ask("workspace/symbol", {"query": "warm"})
    new, inside, peer = [], [], []
    for intent in intents:
        new.append(_ms(client.ask, "context/query", root=root, intent=intent))
        peer.append(_ms(direct.ask, "workspace/symbol", {"query": intent.split()[-1]}))
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


def _memory(daemon: Daemon, client: Client, root: str, places: Places) -> list[Row]:
    for document in places.documents[:100]:
        client.ask("lsp/request", **lsp(root, _SYMBOLS, document))
    for name in places.names[:50]:
        client.ask("lsp/request", **lsp(root, "textDocument/hover", name))
    sizes = {name: rss_and_pss_mb(pid) for name, pid in daemon.pids(client).items()}
    rows = []
    for index, kind in enumerate(("RSS", "PSS")):
        own = sizes["daemon"][index] + sizes["indexer"][index]
        rows.append(row(f"memory of daemon and indexer, {kind}", own, "MB", None, Target("<", 110)))
        rows.append(row(f"memory with ty, {kind}", own + sizes["ty"][index], "MB", None, Target("<", 200)))
    return rows


# -- answers of the language server


def _uncached(client: Client, direct: Ty, root: str, places: Places) -> list[Row]:
    """Both servers have answered each question once; the daemon's memory is emptied, so that it must ask again."""
    references = [{**name, "context": {"includeDeclaration": True}} for name in places.names[:20]]
    rows = []
    for name, method, questions in (
        ("document symbols", _SYMBOLS, places.documents[:100]),
        ("hover", "textDocument/hover", places.names[:50]),
        ("references", "textDocument/references", references),
    ):
        for question in questions:
            client.ask("lsp/request", **lsp(root, method, question))
            direct.ask(method, question)
        client.ask("cache/clear")
        ours, theirs = [], []
        for question in questions:
            ours.append(_ms(client.ask, "lsp/request", **lsp(root, method, question)))
            theirs.append(_ms(direct.ask, method, question))
        rows.append(row(f"{name}, uncached, p50", median(ours), "ms", Peer("ty alone", median(theirs))))
    return [*rows, _three_files(client, direct, root, places)]


def _three_files(client: Client, direct: Ty, root: str, places: Places) -> Row:
    client.ask("cache/clear")
    ours, theirs = [], []
    for start in range(0, len(places.documents) - 2, 3)[:20]:
        three = places.documents[start : start + 3]
        asked = [request(number, "lsp/request", lsp(root, _SYMBOLS, one)) for number, one in enumerate(three)]
        ours.append(_ms(client.exchange_all, asked))
        theirs.append(_ms(direct.ask_all, [(_SYMBOLS, one) for one in three]))
    peer = Peer("ty alone", median(theirs))
    return row("symbols of three files at once, uncached, p50", median(ours), "ms", peer, Target("<", 600))


# -- answers from memory


def _hits(daemon: Daemon, client: Client, root: str, intents: Sequence[str], number: int) -> list[Row]:
    sized = []
    for file in sources(root):
        params = lsp(root, _SYMBOLS, at(root, file))
        sized.append((len(client.exchange(request(1000, "lsp/request", params))), file, params))
    asked = {
        "same intent again, over the socket": ("context/query", [{"root": root, "intent": one} for one in intents])
    }
    for size, name in ((200, "200 B"), (2000, "2 kB")):
        nearest = sorted(sized, key=lambda one: (abs(one[0] - size), one[1]))[:_HIT_FILES]
        asked[f"document symbols from memory, {name}"] = "lsp/request", [params for _, _, params in nearest]
    rows = []
    for name, (method, params_in_turn) in asked.items():
        found = compare(client, daemon.process.pid, spellings(method, params_in_turn, number))
        peer = Peer("echo", found.echo_us, found.ratio)
        target = Target("≤", 1.8, of="ratio") if method == "lsp/request" else None
        rows.append(row(f"{name}, one core, p50", found.daemon_us, "µs", peer, target))
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
                ask("lsp/request", **lsp(root, _SYMBOLS, at(root, file["path"])))
            for symbol in context["symbols"][:5]:
                position = at(root, symbol["file"], symbol["line"] - 1, symbol["column"])
                ask("lsp/request", **lsp(root, "textDocument/hover", position))
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
            direct.ask(_SYMBOLS, document)

        client.ask("lsp/request", **lsp(root, _SYMBOLS, document))
        direct.ask(_SYMBOLS, document)
        for count in range(number):
            put(root, {"small/part3.py": f"def work_{count}() -> int:\n    return {count}\n".encode()})
            ours.append(_ms(client.ask, "lsp/request", **lsp(root, _SYMBOLS, document)))
            theirs.append(_ms(tell_and_ask))
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


# -- helpers


def _ms(act: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    act(*args, **kwargs)
    return (time.perf_counter() - started) * 1e3


def _places(root: str) -> Places:
    """Files and names of the repository in an order of chance, the same at every run."""
    files = list(sources(root))
    random.Random(1).shuffle(files)
    documents = [at(root, file) for file in files]
    with Ty(root) as ty:
        names = [
            {**document, "position": symbol["selectionRange"]["start"]}
            for document in documents[:200]
            for symbol in _functions(ty.ask(_SYMBOLS, document) or [])[:1]
        ]
    return Places(documents, names)


def _functions(symbols: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [symbol for symbol in symbols if symbol["kind"] in _FUNCTION_KINDS]
