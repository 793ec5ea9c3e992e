"""`peers`: the same questions about the same repository, with the same language server, to others that agents use.

Serena, cclsp and karellen-lsp-mcp are asked over MCP, with the SDK's client; ty alone by its own protocol; semctx over
its socket, with its client library. All of them run at the same time, and each question goes to one after the other.
A ratio is how many times longer than semctx a peer takes, or for memory, the share of the peer's that semctx takes.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import NamedTuple

import anyio

from bench.daemon import PATIENCE_S, Daemon, warm_up
from bench.options import Options
from bench.oracle import Ty
from bench.peers_ask import Asked, Ours, Private, Unanswered, connected, end, prepared, processes, served
from bench.peers_install import Missing
from bench.peers_memory import memory, pss_mb
from bench.peers_specs import Spec, idle, of, specs
from bench.peers_truth import OPERATIONS, Found, Operation, Question, Source, choose, read
from bench.repository import copy
from bench.rows import Peer, Row, Target, row

_HOP_CALLS = 200
_WARMING = 2  # questions that are not counted
_SHOWN = 2  # differences that are printed, for each peer and operation
_START_TARGETS = {"Serena": Target("≥", 5, of="ratio"), "cclsp": Target("≥", 3, of="ratio")}
_TARGETS: dict[str, dict[str, Target]] = {
    "new": {"Serena": Target("≥", 100, of="ratio")},
    "repeated": {"Serena": Target("≥", 5000, of="ratio")},
    "repeated, several in a row": {},
}
"""How a question is put -> targets of finding a symbol."""


class Setting(NamedTuple):
    """Where all of it happens."""

    root: str
    place: str  # a folder for whatever is written
    source: Source
    questions: Sequence[Question]
    peers: Sequence[Spec]


def run(options: Options) -> list[Row]:
    """Every part in turn, on a private copy of the repository."""
    if not importlib.util.find_spec("mcp"):
        raise SystemExit("`peers` needs the dependency group of that name: pip install --group peers")
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as made:  # a socket's path has at most 108 bytes
        return anyio.run(_all, os.path.realpath(made), options)


async def _all(place: str, options: Options) -> list[Row]:
    root = copy(options.repository, os.path.join(place, "tree"))
    source = read(root)
    questions = choose(root, source, _WARMING + (5 if options.quick else 14))
    peers: list[Spec] = []
    rows: list[Row] = []
    setting = Setting(root, place, source, questions, peers)
    try:
        for made in specs(root, place):
            try:
                spec = made()
                started = time.perf_counter()
                await anyio.to_thread.run_sync(prepared, spec)
                if spec.prepare:
                    rows.append(row(f"{spec.name}: its index, made beforehand", time.perf_counter() - started, "s"))
                async with served(spec, root) as asked:  # not counted: whatever the disk holds is in memory then
                    await _until_right(asked, setting, questions[0])
                peers.append(spec)
            except (Missing, Unanswered, TimeoutError, ExceptionGroup) as problem:
                print(f"not asked: {problem}")
                rows.append(row(f"not asked: {str(problem).partition(':')[0]}", 0, "answers"))
        await anyio.to_thread.run_sync(warm_up, root)
        rows += await _starts(setting, 1 if options.quick else 3)
        hop = await _hop(setting)
        rows += hop.rows
        rows += await _answers(setting, hop.ms, 1 if options.quick else 2)
        rows += await memory(root, peers, questions, 1 if options.quick else 2)
    finally:
        for spec in peers:
            end(spec)
    return rows


# -- start


async def _starts(setting: Setting, rounds: int) -> list[Row]:
    """From a process to the first right answer of a search across the repository; the rounds are interleaved."""
    times: dict[str, list[float]] = {}
    ours: dict[str, list[float]] = {"first": [], "again": []}
    question = setting.questions[0]
    for _ in range(rounds):
        with Daemon() as daemon:
            for name in ("first", "again"):  # again: in the same place, so with whatever the first left on the disk
                started = time.perf_counter()
                daemon.start()
                with connected(daemon, setting.root) as asked:
                    await _until_right(asked, setting, question)
                ours[name].append(time.perf_counter() - started)
                if name == "first":
                    daemon.process.terminate()
                    daemon.process.wait(PATIENCE_S)
        for spec in setting.peers:
            started = time.perf_counter()
            async with served(spec, setting.root) as asked:
                await _until_right(asked, setting, question)
                times.setdefault(spec.name, []).append(time.perf_counter() - started)
        started = time.perf_counter()
        with Ty(setting.root) as ty:
            await _until_right(Private(ty), setting, question)
            times.setdefault(Private.name, []).append(time.perf_counter() - started)
    first, again = (Peer(Ours.name, median(ours[name])) for name in ("first", "again"))
    rows = [
        row(f"{name}: start to first right answer", median(taken), "s", first, of(_START_TARGETS, name))
        for name, taken in times.items()
    ]
    rows += [
        row(f"{name}: the same, semctx started before", median(taken), "s", again, of(_START_TARGETS, name))
        for name, taken in times.items()
    ]
    return rows


async def _until_right(asked: Asked, setting: Setting, question: Question) -> None:
    """Some say that there is no such symbol while they begin. Raises TimeoutError."""
    with anyio.fail_after(PATIENCE_S):
        while not (await _answer(asked, setting, "find", question)).right:
            await anyio.sleep(0.01)


# -- answers


class Answer(NamedTuple):
    """What was said, after how long, and whether it is right."""

    ms: float
    found: Found | None  # None: no answer
    right: bool


class Hop(NamedTuple):
    """What MCP itself costs."""

    ms: float
    rows: list[Row]


async def _hop(setting: Setting) -> Hop:
    spec = idle(os.path.join(setting.place, "idle"))
    async with served(spec, setting.root) as asked:
        times = [(await _answer(asked, setting, "hover", setting.questions[0])).ms for _ in range(_HOP_CALLS)]
        size = pss_mb(processes(spec))
    ms = median(times)
    return Hop(
        ms,
        [
            row("MCP alone: a call that does nothing, the SDK's client and server, p50", ms, "ms"),
            row("MCP alone: memory of such a server, PSS", size, "MB"),
        ],
    )


async def _answers(setting: Setting, hop_ms: float, repeats: int) -> list[Row]:
    """Each question to each peer in turn; then all of them again; then, to find a symbol, all to one peer, and to the
    next."""
    new: dict[tuple[str, Operation], list[Answer]] = {}
    took: Took = {}
    async with _everybody(setting) as everybody:
        for question in setting.questions[:_WARMING]:
            for asked in everybody:
                for operation in filter(asked.offers, OPERATIONS):
                    await _answer(asked, setting, operation, question)
        for turn in range(1 + repeats):
            for question in setting.questions[_WARMING:]:
                for operation in OPERATIONS:
                    for asked in everybody:
                        if not asked.offers(operation):
                            continue
                        answer = await _answer(asked, setting, operation, question)
                        how = "repeated" if turn else "new"
                        took.setdefault((asked.name, operation, how), []).append(answer.ms)
                        if not turn:
                            new.setdefault((asked.name, operation), []).append(answer)
        for _ in range(repeats):
            for asked in everybody:
                for question in setting.questions[_WARMING:]:
                    answer = await _answer(asked, setting, "find", question)
                    took.setdefault((asked.name, "find", "repeated, several in a row"), []).append(answer.ms)
    rows = []
    for operation, said in OPERATIONS.items():
        for asked in everybody:
            name = asked.name
            if not asked.offers(operation):
                rows.append(row(f"{name}: {said}: not offered", 0, "answers"))
                continue
            if name != Ours.name:
                rows += _compared(operation, name, took, hop_ms)
            rows += _judged(setting, operation, name, new[name, operation])
    return rows


Took = dict[tuple[str, Operation, str], list[float]]
"""By peer, operation, and how the questions were put: milliseconds."""


def _compared(operation: Operation, name: str, took: Took, hop_ms: float) -> Iterator[Row]:
    for how, targets in _TARGETS.items():
        if (name, operation, how) not in took:
            continue
        said = f"{name}: {OPERATIONS[operation]}, {how}, p50"
        their_ms, our_ms = (median(took[who, operation, how]) for who in (name, Ours.name))
        target = of(targets, name) if operation == "find" else None
        yield row(said, their_ms, "ms", Peer(Ours.name, our_ms), target)
        if target:
            together = Peer("semctx and an MCP call", our_ms + hop_ms)
            yield row(f"{said}, MCP added to semctx", their_ms, "ms", together)


def _judged(setting: Setting, operation: Operation, name: str, answers: Sequence[Answer]) -> Iterator[Row]:
    """What is right; of references that are not, how much is missing, and how much is too much."""
    said = f"{name}: {OPERATIONS[operation]}"
    yield row(f"{said}: right", sum(answer.right for answer in answers) / len(answers), "")
    asked = setting.questions[_WARMING:]
    wrong = [pair for pair in zip(asked, answers, strict=True) if not pair[1].right]
    missing = beyond = 0
    for number, (question, answer) in enumerate(wrong):
        found, right = answer.found or frozenset(), question.right[operation]
        absent, more = right - found, found - right - question.declared
        if number < _SHOWN:  # so that a reader can judge
            print(f"{said} of {'.'.join(question.path)} in {question.file}:{question.line}:", end=" ")
            print(f"missing {sorted(absent)[:3]}, beyond {sorted(more)[:3]}")
        missing, beyond = missing + len(absent), beyond + len(more)
    if wrong and operation == "references":
        places = sum(len(question.right[operation]) for question in asked)
        yield row(f"{said}: places missing, of {places}", missing, "")
        yield row(f"{said}: places that are none", beyond, "")


async def _answer(asked: Asked, setting: Setting, operation: Operation, question: Question) -> Answer:
    """Ask, by the clock; then read."""
    started = time.perf_counter()
    try:
        said = await asked.ask(operation, question)
    except Unanswered:
        return Answer((time.perf_counter() - started) * 1e3, None, right=False)
    ms = (time.perf_counter() - started) * 1e3
    try:
        found = setting.source.settled(asked.read(operation, question, said))
    except (ValueError, KeyError, IndexError, TypeError):  # a sentence in place of an answer
        return Answer(ms, None, right=False)
    return Answer(ms, found, question.agrees(operation, found))


@asynccontextmanager
async def _everybody(setting: Setting) -> AsyncIterator[list[Asked]]:
    async with AsyncExitStack() as stack:
        daemon = stack.enter_context(Daemon())
        daemon.start()
        everybody: list[Asked] = [stack.enter_context(connected(daemon, setting.root))]
        for spec in setting.peers:
            everybody.append(await stack.enter_async_context(served(spec, setting.root)))
        everybody.append(Private(stack.enter_context(Ty(setting.root))))
        yield everybody
