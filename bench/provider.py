"""`python -m bench provider`: what a code generator waits for, through the client library that it would use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from statistics import median
from time import perf_counter
from typing import Any

import semctx.aio
from bench.daemon import Daemon, environment
from bench.options import Options
from bench.rows import Peer, Row, Target, row
from semctx.provider import LSPConfig, LSPSemanticContextProvider

_INTENTS = (
    "Validate email address format",
    "Build a query set that caches its results",
    "Parse a date from a string",
    "Render a template with a context",
    "Hash a password with a salt",
)
_FILES = 3


def run(options: Options) -> list[Row]:
    """First and second contexts on a daemon just started, then on one that runs; three files at once or in turn."""
    rounds = 2 if options.quick else 5
    cold = [_with_daemon(lambda: _twice(options.repository, _INTENTS[:1])) for _ in range(rounds)]
    warm = _with_daemon(lambda: _twice(options.repository, _INTENTS))
    turns = _with_daemon(lambda: _three_files(options.repository, 10 * rounds))
    return [
        row(
            "first context, daemon, index and server just started",
            median(first for one in cold for first, _ in one),
            "ms",
            Peer("the same again", median(second for one in cold for _, second in one)),
            Target("≥", 100, of="ratio"),
        ),
        row(
            "first context of an intent, all of them running",
            median(first for first, _ in warm[1:]),
            "ms",
            Peer("the same again", median(second for _, second in warm[1:])),
        ),
        row(
            f"symbols of {_FILES} files that are not in memory, one after the other",
            median(in_turn for in_turn, _ in turns),
            "ms",
            Peer("at once", median(at_once for _, at_once in turns)),
        ),
    ]


def _with_daemon(measure: Callable[[], Coroutine[Any, Any, list[tuple[float, float]]]]) -> list[tuple[float, float]]:
    """Measure with a daemon that was just started."""
    with Daemon() as daemon, environment(daemon.environment):
        daemon.start()
        return asyncio.run(measure())


async def _twice(repository: str, intents: tuple[str, ...]) -> list[tuple[float, float]]:
    """Milliseconds of the first and of the second time, of each intent; contexts that differ are an error."""
    times = []
    async with LSPSemanticContextProvider(LSPConfig(repository, timeout=120.0)) as provider:
        for intent in intents:
            started = perf_counter()
            first = await provider.get_context_for_intent(intent)
            between = perf_counter()
            second = await provider.get_context_for_intent(intent)
            times.append(((between - started) * 1e3, (perf_counter() - between) * 1e3))
            if first != second or not second.meta.cached:
                raise RuntimeError(f"{intent}: the second context is another, or was made anew")
    return times


async def _three_files(repository: str, rounds: int) -> list[tuple[float, float]]:
    """Milliseconds for the document symbols of three files, in turn and at once, with nothing in memory."""
    async with await semctx.aio.connect(repository, start=False, timeout=120.0) as daemon:
        overview = await daemon.overview(limits={"files": 1000, "symbols": 1000})
        largest = sorted(overview["files"], key=lambda file: (-len(file["symbols"]), file["file"]))[:_FILES]
        asked = [{"textDocument": {"uri": f"file://{repository}/{file['file']}"}} for file in largest]
        times = []
        for _ in range(rounds + 1):  # the first round warms the server up
            await daemon.cache_clear()
            started = perf_counter()
            for params in asked:
                await daemon.lsp("textDocument/documentSymbol", params)
            in_turn = perf_counter() - started
            await daemon.cache_clear()
            started = perf_counter()
            await asyncio.gather(*(daemon.lsp("textDocument/documentSymbol", params) for params in asked))
            times.append((in_turn * 1e3, (perf_counter() - started) * 1e3))
    return times[1:]
