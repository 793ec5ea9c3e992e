"""Memory of one agent and of eight: of all processes that their tool needs, without the agents themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress

import psutil

from bench.daemon import Daemon
from bench.oracle import Ty
from bench.peers_ask import Asked, Private, Unanswered, children, connected, processes, served
from bench.peers_specs import Spec, of
from bench.peers_truth import OPERATIONS, Question
from bench.resident import rss_and_pss_mb
from bench.rows import Peer, Row, Target, row

_AGENTS = 8
_MEMORY_TARGETS = {"Serena": Target("≤", 1 / 10, of="ratio"), "private ty": Target("≤", 1 / 3, of="ratio")}

Work = Sequence[Sequence[Question]]
"""What each agent asks."""


async def memory(root: str, peers: Sequence[Spec], questions: Sequence[Question], each: int) -> list[Row]:
    """Of one agent and of eight, each with `each` questions in all operations that there are."""
    work = [[questions[(number * each + turn) % len(questions)] for turn in range(each)] for number in range(_AGENTS)]
    ours = await _our_memory(root, work)
    theirs = {spec.name: await _their_memory(root, spec, work) for spec in peers}
    theirs[Private.name] = await _private_memory(root, work)
    rows = []
    for agents, mine, sizes in zip((1, len(work)), ours, zip(*theirs.values(), strict=True), strict=True):
        said = f"memory for {agents} agent{'s' if agents > 1 else ''}, PSS"
        rows += [row(f"{said}: semctx's {part}", size, "MB") for part, size in mine.items()]
        for name, size in zip(theirs, sizes, strict=True):
            target = of(_MEMORY_TARGETS, name) if agents > 1 else None
            rows.append(row(f"{said}: semctx beside {name}", sum(mine.values()), "MB", Peer(name, size), target))
    return rows


async def _our_memory(root: str, work: Work) -> list[dict[str, float]]:
    """Of each part, with the first agent and with all."""
    with Daemon() as daemon, ExitStack() as stack:
        client = daemon.start()
        sizes = []
        for questions in work:
            await _work(stack.enter_context(connected(daemon, root)), questions)
            sizes.append(_parts_mb(daemon.pids(client)))
        return [sizes[0], sizes[-1]]


def _parts_mb(pids: Mapping[str, int]) -> dict[str, float]:
    """PSS of each part, and of whatever else the daemon started."""
    parts = {name: pss_mb([psutil.Process(pid)]) for name, pid in pids.items()}
    others = [one for one in children(psutil.Process(pids["daemon"])) if one.pid not in pids.values()]
    return {**parts, "other processes": pss_mb(others)}


async def _their_memory(root: str, spec: Spec, work: Work) -> tuple[float, float]:
    async with AsyncExitStack() as stack:
        await _work(await stack.enter_async_context(served(spec, root)), work[0])
        one = pss_mb(processes(spec))
        for questions in work[1:]:
            await _work(await stack.enter_async_context(served(spec, root)), questions)
        return one, pss_mb(processes(spec))


async def _private_memory(root: str, work: Work) -> tuple[float, float]:
    with ExitStack() as stack:
        servers = []
        sizes = []
        for questions in work:
            servers.append(stack.enter_context(Ty(root)))
            await _work(Private(servers[-1]), questions)
            sizes.append(pss_mb([psutil.Process(one.pid) for one in servers]))
        return sizes[0], sizes[-1]


async def _work(asked: Asked, questions: Sequence[Question]) -> None:
    for question in questions:
        for operation in filter(asked.offers, OPERATIONS):
            with suppress(Unanswered):
                await asked.ask(operation, question)


def pss_mb(those: Sequence[psutil.Process]) -> float:
    """PSS of all that are still there."""
    total = 0.0
    for one in those:
        try:
            total += rss_and_pss_mb(one.pid)[1]
        except (FileNotFoundError, ProcessLookupError, KeyError):  # ended meanwhile
            continue
    return total
