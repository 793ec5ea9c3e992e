"""Random edits beside random questions of several clients: every strict answer is the one of a server started afresh on
a copy of the tree, in one of the states that it had between the question and its reply.

The judge shares no code with the daemon: it is a language server that is told of nothing. For what the index answers
it is an index built from nothing; what that answers is tested elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from bench.oracle import ENVIRONMENT, Ty, at
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from semctx.errors import SemctxError
from semctxd.index.answer import context
from semctxd.index.find import find
from semctxd.index.live import LiveIndex
from tests.conftest import Daemon, Wire, daemon_at

pytestmark = pytest.mark.proof

CLIENTS = 3
STATIC = ("int", "str", "set")
TEXTS = (
    *(f"def value() -> {kind}: ...\n" for kind in STATIC),  # of equal size
    "from pkg.mod import value\n\nresult = value()\n",
    "from pkg.sub.deep import value\n\nresult = value()\n",
    "from pkg import *\n\nresult = value()\n",
    "import one\n\nresult = one.value()\n",
    "from .mod import value\n\nresult = value()\n",
    "import pkg.sub.deep\n\nresult = pkg.sub.deep.value()\n",
    "class Base: ...\n\nresult = Base()\n",
    "def value(:\n",
    "",
)
FILES = ("one.py", "two.py", "pkg/__init__.py", "pkg/mod.py", "pkg/sub/deep.py", "apart/alone.py", "linked.py")
START = dict(zip(FILES, (TEXTS[0], TEXTS[3], "", TEXTS[1], TEXTS[0], TEXTS[6], TEXTS[4]), strict=True))
FOLDERS = ("pkg", "pkg/sub", "apart", "pkg2", "new/pkg")


class Tree:
    """A tree, and every state that it had: path -> content. One system call at a time changes it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.states: list[Mapping[str, bytes]] = [{}]
        for path, text in START.items():
            self.write(path, text)

    @property
    def files(self) -> Mapping[str, bytes]:
        return self.states[-1]

    def now(self, changes: Mapping[str, bytes | None]) -> None:
        after = {**self.files, **changes}
        self.states.append({path: content for path, content in after.items() if content is not None})

    def write(self, path: str, text: str, keeps_time: bool = False) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        before = target.stat() if keeps_time and path in self.files else None
        with open(target, "wb", buffering=0) as file:
            self.now({path: b""})
            file.write(text.encode())
            self.now({path: text.encode()})
        if before:
            os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))

    def replace(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (target.parent / "saved.tmp").write_text(text)
        os.replace(target.parent / "saved.tmp", target)
        self.now({path: text.encode()})

    def append(self, path: str) -> None:
        if path in self.files:
            with open(self.root / path, "ab", buffering=0) as file:
                file.write(b"\nadded = 1\n")
            self.now({path: self.files[path] + b"\nadded = 1\n"})

    def truncate(self, path: str) -> None:
        if path in self.files:
            os.truncate(self.root / path, len(self.files[path]) // 2)
            self.now({path: self.files[path][: len(self.files[path]) // 2]})

    def delete(self, path: str) -> None:
        if path in self.files:
            os.unlink(self.root / path)
            self.now({path: None})

    def move(self, old: str, new: str) -> None:
        """A file or a folder, with all below it."""
        below = {path: content for path, content in self.files.items() if (path + "/").startswith(old + "/")}
        if not below or (self.root / new).exists() or (new + "/").startswith(old + "/"):
            return
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        os.rename(self.root / old, self.root / new)
        self.now({**dict.fromkeys(below), **{new + path[len(old) :]: content for path, content in below.items()}})

    def switch(self, branch: Mapping[str, str]) -> None:
        """As git does: what differs is unlinked and made again, what is not of the branch goes, folders with it."""
        for path in [path for path in self.files if path not in branch]:
            self.delete(path)
            folder = (self.root / path).parent
            if folder != self.root and not any(folder.iterdir()):
                folder.rmdir()
        for path, text in branch.items():
            if self.files.get(path) != text.encode():
                self.delete(path)
                self.write(path, text)

    def back_and_forth(self, path: str, text: str) -> None:
        if path in self.files:
            before = self.files[path].decode()
            self.write(path, text)
            self.write(path, before, keeps_time=True)


@dataclass
class Asked:
    """A question under way, and the first state of the tree that its answer may be of."""

    method: str
    params: dict[str, Any]
    strict: bool
    since: int


@dataclass
class Answered:
    asked: Asked
    reply: dict[str, Any]
    until: int


@dataclass
class Client:
    """One connection, with questions under way by their numbers."""

    daemon: Daemon
    wire: Wire
    asked: dict[int, Asked] = field(default_factory=dict)


class World:
    """What a program of edits and questions works on."""

    def __init__(self, daemon: Daemon, root: Path) -> None:
        self.tree = Tree(root)
        self.clients = [Client(daemon, daemon.client()) for _ in range(CLIENTS)]
        self.answered: list[Answered] = []

    def ask(self, number: int, question: tuple[str, Any], strict: bool) -> None:
        client = self.clients[number]
        method, params = question[0], {**question[1](str(self.tree.root))}
        asked = Asked(method, params, strict, len(self.tree.states) - 1)
        root, consistency = str(self.tree.root), "strict" if strict else "relaxed"
        if "/" in method and not method.startswith(("context/", "symbols/")):
            sent = client.wire.start("lsp/request", root=root, method=method, params=params, consistency=consistency)
        else:
            sent = client.wire.start(method, root=root, consistency=consistency, **params)
        client.asked[sent] = asked

    def receive(self, number: int) -> None:
        """Wait for one reply, whichever comes first."""
        client = self.clients[number]
        if client.asked:
            reply = client.wire.receive()
            self.answered.append(Answered(client.asked.pop(reply["id"]), reply, len(self.tree.states) - 1))

    def cancel(self, number: int) -> None:
        for sent in self.clients[number].asked:
            self.clients[number].wire.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": sent}})

    def leave(self, number: int) -> None:
        """Go away without waiting for replies, and come again."""
        client = self.clients[number]
        client.wire.close()
        self.clients[number] = Client(client.daemon, client.daemon.client())

    def around(self, number: int, question: tuple[str, Any], edits: list[Step]) -> None:
        """The same question before and after each edit: what was in memory must not be the answer."""
        for edit in (None, *edits):
            if edit:
                edit(self)
            self.ask(number, question, strict=True)
            while self.clients[number].asked:
                self.receive(number)

    def race(self, path: str, question: tuple[str, Any], pair: tuple[str, str], before: int, rounds: int) -> None:
        """The same question as its answer changes to and fro: one is under way then, one comes right after, and one
        asks what was kept of both. `before`: how many others are asked first, which moves the moment."""
        for number in range(rounds):
            for _ in range(before):
                self.ask(0, ("workspace/symbol", lambda root: {"query": "value"}), strict=False)
            self.ask(0, question, strict=True)
            self.tree.replace(path, pair[number % 2])
            self.ask(1, question, strict=True)
            for client in (1, 0, 2):
                while self.clients[client].asked:
                    self.receive(client)
            self.ask(2, question, strict=True)

    def end(self) -> None:
        for number, client in enumerate(self.clients):
            while client.asked:
                self.receive(number)
            client.wire.close()


# -- programs

T = TypeVar("T")
Step = Callable[[World], None]


def one(*choices: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """One of them, each as likely as another, whatever it is made of: `st.one_of` weighs the parts of its parts."""
    return st.sampled_from(choices).flatmap(lambda choice: choice)


def step(act: Callable[..., None], *drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    """A step that calls a method of the world, or of its tree, with what is drawn."""

    def bound(arguments: tuple[Any, ...]) -> Step:
        def do(world: World) -> None:
            note(f"{act.__name__} {arguments}")
            act(world if act.__qualname__.startswith("World") else world.tree, *arguments)

        return do

    return st.tuples(*drawn).map(bound)


files = st.sampled_from((*FILES, "two.py", "pkg/mod.py", "pkg/mod.py"))


def lsp(method: str, *place: int, **more: Any) -> st.SearchStrategy[tuple[str, Any]]:
    return files.map(lambda file: (f"textDocument/{method}", lambda root: {**at(root, file, *place), **more}))


texts, folders = st.sampled_from(TEXTS), st.sampled_from(FOLDERS)
clients = st.integers(0, CLIENTS - 1)
INTENT = {"intent": "Return the value of the base", "targetFile": "two.py"}
questions = one(
    lsp("documentSymbol"),
    lsp("hover", 2, 1),
    lsp("hover", 2, 1),
    lsp("definition", 2, 11),
    lsp("references", 0, 5, context={"includeDeclaration": True}),
    lsp("semanticTokens/full"),
    lsp("diagnostic"),
    st.just(("workspace/symbol", lambda root: {"query": "value"})),
    st.sampled_from(["value", "value", "result", "Base"]).map(
        lambda name: ("symbols/find", lambda root: {"name": name})
    ),
    st.just(("context/query", lambda root: INTENT)),
)
edits = one(
    step(Tree.write, files, texts),
    step(Tree.write, files, texts, st.just(True)),
    step(Tree.replace, files, texts),
    step(Tree.append, files),
    step(Tree.truncate, files),
    step(Tree.delete, files),
    step(Tree.move, folders, folders),
    step(Tree.move, files, files),
    step(Tree.back_and_forth, files, texts),
    step(Tree.switch, st.dictionaries(files, texts)),
)
asks = step(World.ask, clients, questions, st.integers(0, 4).map(bool))
arounds = step(World.around, clients, questions, st.lists(edits, min_size=1, max_size=4))
receives = step(World.receive, clients)
races = step(
    World.race,
    st.just("pkg/mod.py"),
    one(lsp("documentSymbol"), lsp("hover", 2, 1), lsp("diagnostic")),
    st.tuples(texts, texts),
    st.integers(0, 3),
    st.integers(2, 8),
)
departures = one(step(World.cancel, clients), step(World.leave, clients))
programs = st.lists(one(edits, asks, asks, arounds, arounds, races, receives, departures), min_size=15, max_size=40)


# -- the judge


class Copy:
    """A copy of a tree that is put into one state after the other. Each meets judges who know nothing."""

    def __init__(self, root: str, place: Path) -> None:
        self.root = root
        self.place = place

    def become(self, files: Mapping[str, bytes]) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        for path, content in files.items():
            (self.place / path).parent.mkdir(parents=True, exist_ok=True)
            (self.place / path).write_bytes(content)

    def wrong(self, files: Mapping[str, bytes], answers: list[Answered]) -> list[Answered]:
        """Those whose answer is not the one of that state."""
        self.become(files)
        index = LiveIndex(str(self.place))
        index.refresh()
        with Ty(str(self.place)) as server:
            return [one for one in answers if self.expected(index, server, one.asked) != self.given(one)]

    def expected(self, index: LiveIndex, server: Ty, asked: Asked) -> str:
        try:
            if asked.method == "symbols/find":
                return self.plain(find(index, asked.params))
            if asked.method == "context/query":
                found = context(index, asked.params)
                for pattern in found["imports"]:
                    pattern.pop("at", None)
                return self.plain(found)
            params = json.loads(json.dumps(asked.params).replace(self.root, server.root))
            return self.plain(server.ask(asked.method, params))
        except (SemctxError, RuntimeError):
            return "an error"

    def given(self, one: Answered) -> str:
        if "error" in one.reply:
            assert one.reply["error"]["data"]["type"] in ("ServerError", "SymbolNotFound", "NoSourceFiles"), one
            return "an error"
        result = one.reply["result"]
        result.pop("meta", None)
        return self.plain(result["result"] if "epoch" in result else result)

    def plain(self, answer: Any) -> str:
        """Without the place of the tree, the order of places, and the name of a result."""
        if isinstance(answer, list) and answer and "uri" in json.dumps(answer):
            answer = sorted(answer, key=lambda one: json.dumps(one).replace(str(self.place), self.root))
        if isinstance(answer, dict):
            answer = {name: value for name, value in answer.items() if name != "resultId"}
        return json.dumps(answer, sort_keys=True).replace(str(self.place), self.root)


def is_judged(one: Answered) -> bool:
    """What says of itself that it may be behind, or was given up, is no answer."""
    result, error = one.reply.get("result", {}), one.reply.get("error", {}).get("data", {}).get("type")
    return one.asked.strict and error != "Cancelled" and "changing" not in result.get("degraded", ())


def judge(world: World, place: Path) -> list[str]:
    """What is wrong. The last state is tried first, as it is the likeliest."""
    copy = Copy(str(world.tree.root), place)
    undecided = [one for one in world.answered if is_judged(one)]
    wrong: list[str] = []
    back = 0
    while undecided:
        by_state: dict[frozenset[tuple[str, bytes]], list[Answered]] = {}
        for one in undecided:
            if one.until - back < one.asked.since:
                wrong.append(f"{one.asked}: {copy.given(one)}, in states {one.asked.since} to {one.until}")
            else:
                by_state.setdefault(frozenset(world.tree.states[one.until - back].items()), []).append(one)
        undecided = [one for state, answers in by_state.items() for one in copy.wrong(dict(state), answers)]
        back += 1
    return wrong


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with daemon_at(ENVIRONMENT, "[context]\nenrich_s = 0\n") as running:  # enriched or not: two right answers
        yield running


@given(program=programs)
@settings(
    max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=False
)
def test_every_answer_is_that_of_a_fresh_server(daemon: Daemon, program: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(os.path.realpath(name))
        (place / "tree").mkdir()
        world = World(daemon, place / "tree")
        for do in program:
            do(world)
        world.end()
        assert judge(world, place / "copy") == []
