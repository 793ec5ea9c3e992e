"""`freshness`: an edit storm beside queries of two clients. Is any answer stale, and what does freshness cost?

Every strict answer is compared with what was written, and of a sample the whole answer with that of a fresh language
server on a copy of the tree as it was. Half of the queries are relaxed, that is without the gate, at random: they say
what the gate costs in the same run, and what it is for.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bench.daemon import Client, Daemon, request
from bench.options import Options
from bench.recovery import recovery
from bench.replay import Judged, Sample, judge
from bench.repository import copy
from bench.rows import Peer, Row, Target, percentile, row
from bench.storm import Question, Tree, Writer, plant

_CLIENTS = 2
_EDIT_SHARE = 0.1
_SECONDS, _QUICK_SECONDS = 60.0, 6.0
_KILLS, _QUICK_KILLS = 4, 1  # after five crashes in three minutes a server is given up, on purpose
_SAMPLES, _QUICK_SAMPLES = 400, 40
_REPEATS = 200
_WITNESS_PATIENCE_S = 30.0
_OUT_OF_TIME = ("NotYetFresh", "DeadlineExceeded")


class Record(NamedTuple):
    """One query and its reply."""

    question: Question
    strict: bool
    sent: int  # on the clock of the tree
    arrived: int
    raw: bytes

    @property
    def ms(self) -> float:
        return (self.arrived - self.sent) / 1e6


class Asker:
    """One client: asks, and keeps what it was told."""

    def __init__(self, client: Client, chance: random.Random) -> None:
        self.client = client
        self.records: list[Record] = []
        self._chance = chance
        self._number = 0

    def ask(self, question: Question) -> None:
        """Ask, strictly or not, as chance has it."""
        self.ask_as(question, self._chance.random() < 0.5)

    def ask_as(self, question: Question, strict: bool) -> None:
        """Ask."""
        self._number += 1
        params = {**question.params, "consistency": "strict" if strict else "relaxed"}
        message = request(self._number, question.method, params)
        sent = Tree.now()
        raw = self.client.exchange(message)
        # a copy: what was received is a page of its own, and the kernel gives a process 65 530 of those
        self.records.append(Record(question, strict, sent, Tree.now(), raw[:-1]))


def run(options: Options) -> list[Row]:
    """Run the storm, then judge its answers."""
    seconds = options.seconds or (_QUICK_SECONDS if options.quick else _SECONDS)
    with tempfile.TemporaryDirectory(prefix="semctx-bench-") as place:
        tree = plant(copy(options.repository, os.path.join(os.path.realpath(place), "tree")), _CLIENTS)
        writers = [Writer(tree, number, random.Random(number)) for number in range(_CLIENTS)]
        with Daemon(f"[languages.python]\nserver = {json.dumps(options.server)}\n") as daemon:
            first = daemon.start()
            askers = [Asker(daemon.client(), random.Random(100 + number)) for number in range(_CLIENTS)]
            for question in _all_questions(writers):  # starts the language server and the indexer
                first.call(question.method, **question.params)
            before = first.ask("cache/stats")
            _storm(writers, askers, seconds)
            hits_with_edits = _hit_rate(before, first.ask("cache/stats"))
            hits_of_repeats, rest = _rest(first, _all_questions(writers))
            witness = _witness(first, tree)
            recovered = recovery(
                daemon,
                tree,
                writers[0].about_callee[0],
                writers[0].about_own[1],
                writers[0].change,
                _QUICK_KILLS if options.quick else _KILLS,
            )
        storm = [record for asker in askers for record in asker.records]
        answers = _judge_all(storm, tree)
        samples = _sample(storm, tree, _QUICK_SAMPLES if options.quick else _SAMPLES)
        by_oracle = judge(samples, tree, os.path.realpath(place)) if options.server == "ty" else Judged(0, 0)
    return [
        row("edits", len(tree.states) - 1, "steps"),
        row("queries under edits", len(storm), ""),
        row("strict answers compared with what was written", answers.compared, ""),
        row("strict answers compared with a fresh ty on a copy", by_oracle.compared, ""),
        row("stale answers", answers.stale + by_oracle.stale, "", target=Target("≤", 0)),
        row("errors", answers.errors, "", target=Target("≤", 0)),
        row("refused as not yet fresh, or marked as degraded", answers.marked, ""),
        row("relaxed answers that were stale", answers.relaxed_stale, "", Peer("relaxed answers", answers.relaxed)),
        row("reports of the second watcher", witness["reports"], ""),
        row("changes in them that the gate had not seen", witness["missed"], "", target=Target("≤", 0)),
        row("hit rate under edits", hits_with_edits, ""),
        row("hit rate of repeats without a change", hits_of_repeats, "", target=Target("≥", 0.95)),
        *_latencies("under edits", storm),
        *_latencies("repeats without a change", rest),
        *recovered,
    ]


def _all_questions(writers: Iterable[Writer]) -> list[Question]:
    return [question for writer in writers for question in writer.questions]


def _storm(writers: Sequence[Writer], askers: Sequence[Asker], seconds: float) -> None:
    """Each client edits its own files and asks about everybody's, as fast as it can."""
    questions = _all_questions(writers)
    until = time.monotonic() + seconds
    failed: list[BaseException] = []

    def work(writer: Writer, asker: Asker, chance: random.Random) -> None:
        try:
            while time.monotonic() < until:
                if chance.random() < _EDIT_SHARE:
                    writer.edit(asker.ask)
                else:
                    asker.ask(chance.choice(questions))
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=work, args=(writer, asker, random.Random(200 + number)))
        for number, (writer, asker) in enumerate(zip(writers, askers, strict=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def _rest(client: Client, questions: Sequence[Question]) -> tuple[float, list[Record]]:
    """Nothing changes: hit rate of all but the first round, and the records, strict and relaxed in turn."""
    asker = Asker(client, random.Random(300))
    for question in questions:
        asker.ask_as(question, strict=True)
    asker.records.clear()
    before = client.ask("cache/stats")
    for repeat in range(_REPEATS):
        for question in questions:
            for strict in (True, False) if repeat % 2 else (False, True):
                asker.ask_as(question, strict)
    return _hit_rate(before, client.ask("cache/stats")), asker.records


def _hit_rate(before: dict[str, Any], after: dict[str, Any]) -> float:
    hits, misses = (after[name] - before[name] for name in ("hits", "misses"))
    return float(hits / (hits + misses))


def _witness(client: Client, tree: Tree) -> dict[str, int]:
    """What the second watcher has reported, and of that beyond the gate, once it has seen an edit after the storm.

    It begins anew when folders come and go, so one edit may fall into a moment in which it is blind.
    """

    def counts() -> dict[str, int]:
        said: dict[str, int] = client.ask("metrics/get")["workspaces"][tree.root]["witness"]
        return said

    reports, edits = counts()["reports"], 0
    until = time.monotonic() + _WITNESS_PATIENCE_S
    while time.monotonic() < until:
        edits += 1
        tree.write("storm/__init__.py", f"# after the storm {edits}\n".encode())
        time.sleep(0.1)
        found = counts()
        if found["reports"] > reports:
            return found
    raise RuntimeError("the second watcher sees nothing")


class Answers(NamedTuple):
    """What became of the answers of the storm."""

    compared: int
    stale: int
    errors: int
    marked: int  # the daemon itself said that the answer may not be fresh
    relaxed: int
    relaxed_stale: int


def _judge_all(records: Iterable[Record], tree: Tree) -> Answers:
    compared = stale = errors = marked = relaxed = relaxed_stale = 0
    for record in records:
        reply = json.loads(record.raw)
        error = reply.get("error", {}).get("data", {}).get("type")
        if error in _OUT_OF_TIME or "degraded" in reply.get("result", {}):
            marked += 1
            continue
        if error is not None and error != "SymbolNotFound":
            errors += 1
            print(f"error: {reply['error']}")
            continue
        seen = [] if error else record.question.seen(reply["result"])
        states = tree.may_have_stood(record.sent, record.arrived)
        fresh = any(record.question.expected(tree.states[state]) == seen for state in states)
        if record.strict:
            compared += 1
            stale += not fresh
            if not fresh:
                wanted = [record.question.expected(tree.states[state]) for state in states]
                print(f"stale: {record.question.kind}: {seen}, expected one of {wanted}")
        else:
            relaxed += 1
            relaxed_stale += not fresh
    return Answers(compared, stale, errors, marked, relaxed, relaxed_stale)


def _sample(records: Sequence[Record], tree: Tree, number: int) -> list[Sample]:
    """Answers for the oracle, drawn at random, the same number of each kind."""
    kinds: dict[str, list[Sample]] = {}
    for record in records:
        reply = json.loads(record.raw)
        if record.strict and record.question.lsp and "degraded" not in reply.get("result", {"degraded": ["error"]}):
            states = tree.may_have_stood(record.sent, record.arrived)
            sample = Sample(record.question, reply["result"]["result"], states)
            kinds.setdefault(record.question.kind, []).append(sample)
    chance = random.Random(400)
    share = -(-number // max(1, len(kinds)))
    return [sample for kind in kinds.values() for sample in chance.sample(kind, min(share, len(kind)))]


def _latencies(when: str, records: Iterable[Record]) -> list[Row]:
    times: dict[bool, list[float]] = {True: [], False: []}
    for record in records:
        times[record.strict].append(record.ms)
    return [
        row(
            f"latency {when}, gate on, {name}",
            percentile(times[True], share),
            "ms",
            Peer("gate off", percentile(times[False], share)),
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]
