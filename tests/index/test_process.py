"""The indexer as the daemon runs it: a process that speaks JSON-RPC on its standard streams."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from semctx.framing import Decoder, frame
from semctxd.index import __main__ as main
from tests.conftest import PATIENCE_S, eventually, write
from tests.index.conftest import Grow
from tests.index.test_answer import SHOP


class Indexer:
    """A running indexer."""

    def __init__(self, *arguments: Path) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "semctxd.index", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.decoder = Decoder(headers=True)
        self.replies: list[dict[str, Any]] = []
        self.state: dict[str, Any] = {}  # as it last said of itself

    def send(self, **message: Any) -> None:
        self.raw(msgspec.json.encode({"jsonrpc": "2.0", **message}))

    def raw(self, message: bytes) -> None:
        assert self.child.stdin
        self.child.stdin.write(frame(message, headers=True))
        self.child.stdin.flush()

    def reply(self) -> dict[str, Any]:
        assert self.child.stdout
        while not self.replies:
            data = self.child.stdout.read1()
            assert data, "the indexer ended"
            for message in map(msgspec.json.decode, self.decoder.feed(data)):
                if message.get("method") == "state":
                    self.state = message["params"]
                else:
                    self.replies.append(message)
        return self.replies.pop(0)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.send(id=7, method=method, params=params)
        found = self.reply()
        assert found["id"] == 7
        return found

    def end(self) -> tuple[int, str]:
        _, errors = self.child.communicate(timeout=60)
        return self.child.returncode, errors.decode()


@pytest.fixture
def indexer(tmp_path: Path) -> Iterator[Indexer]:
    write(tmp_path, SHOP)
    running = Indexer(tmp_path)
    yield running
    if running.child.poll() is None:
        running.end()


def test_helpers_end_with_an_indexer_that_was_killed(tmp_path: Path) -> None:
    text = "".join(f"def number_{number}(value): return other_{number}(value)\n" for number in range(5000))
    write(tmp_path, {f"{number}.py": text for number in range(40)})
    script = """if True:
        import os, sys
        from semctxd.index import build
        root = os.fsencode(sys.argv[1])
        for batch in build.records(root, [(path, build.stat_of(path)) for path in map(os.fsencode, sys.argv[2:])], 2):
            pass
    """
    with psutil.Popen([sys.executable, "-c", script, tmp_path, *tmp_path.iterdir()]) as process:
        eventually(lambda: len(process.children()) == 2, "helpers read")
        process.suspend()  # so that they have more to say than a pipe holds
        helpers = process.children()
        assert len(helpers) == 2
        process.kill()
    assert psutil.wait_procs(helpers, PATIENCE_S)[1] == []


def test_it_answers_changes_and_ends_with_its_input(indexer: Indexer, tmp_path: Path) -> None:
    before = indexer.call("statistics")["result"]
    assert before == {"files": 6, "symbols": 14, "functions": 8, "classes": 4}
    write(tmp_path, {"shop/more.py": "def more(): pass\n"})
    indexer.send(method="changes", params={"paths": [str(tmp_path / "shop/more.py")]})
    assert (
        indexer.call("symbols/find", root=str(tmp_path), name="more")["result"]["symbols"][0]["file"] == "shop/more.py"
    )
    (tmp_path / "shop/more.py").unlink()
    indexer.send(method="changes", params={"everything": True})
    error = indexer.call("symbols/find", root=str(tmp_path), name="more")["error"]
    assert error["data"]["type"] == "SymbolNotFound"
    assert indexer.call("context/query", root=str(tmp_path), intent="Parse a price")["result"]["symbols"]
    assert (
        indexer.call("files/relevant", root=str(tmp_path), intent="Parse a price")["result"]["files"][0]["path"]
        == "shop/money.py"
    )
    assert indexer.end() == (0, "")


def test_the_first_message_builds_the_index(indexer: Indexer, tmp_path: Path) -> None:
    indexer.send(method="changes", params={"paths": [str(tmp_path)]})
    assert indexer.call("statistics")["result"]["files"] == 6
    assert (indexer.state["files"], indexer.state["symbols"], indexer.state["updates"]) == (6, 14, 0)


def test_so_does_one_about_unsaved_text(indexer: Indexer, tmp_path: Path) -> None:
    path = str(tmp_path / "shop/draft.py")
    indexer.send(method="overlays", params={"paths": [path], "texts": {path: "def drafted(): ...\n"}})
    assert indexer.call("statistics")["result"]["files"] == 7


def test_faults_are_told_to_the_daemon_and_logged(indexer: Indexer) -> None:
    error = indexer.call("context/query", intent=["secret"])["error"]
    assert error["data"]["type"] == "InternalError"
    assert error["message"].startswith("Traceback")
    assert indexer.call("nothing/such")["error"]["data"]["type"] == "MethodNotFound"
    indexer.send(method="changes", params={"paths": 3})
    indexer.raw(b"{no json")
    assert indexer.call("statistics")["result"]["files"] == 6
    code, errors = indexer.end()
    assert code == 0
    assert errors.count("Traceback") == 3


def test_after_a_notice_that_failed_everything_is_looked_at(indexer: Indexer, tmp_path: Path) -> None:
    assert indexer.call("statistics")["result"]["files"] == 6
    write(tmp_path, {"shop/more.py": "def more(): pass\n"})
    indexer.send(method="changes", params={"paths": [3, str(tmp_path / "shop/more.py")]})
    assert indexer.call("statistics")["result"]["files"] == 7
    assert indexer.end()[1].count("Traceback") == 1


def test_what_prints_by_mistake_is_no_reply(tmp_path: Path) -> None:
    write(tmp_path, SHOP)
    script = (
        "import sys, os; from semctxd.index import __main__ as m\n"
        "m._REQUESTS['statistics'] = lambda live, params: (print('stray'), os.write(1, b'stray')) and {}\n"
        f"sys.argv = ['semctxd.index', {str(tmp_path)!r}]; m.main()"
    )
    request = frame(msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "statistics"}), headers=True)
    done = subprocess.run([sys.executable, "-c", script], input=request, capture_output=True, timeout=60)
    reply, state = map(msgspec.json.decode, Decoder(headers=True).feed(done.stdout))
    assert reply.pop("took_ms") > 0
    assert (reply, state["method"]) == ({"jsonrpc": "2.0", "id": 1, "result": {}}, "state")
    assert done.stderr.count(b"stray") == 2


def test_only_what_is_needed_is_imported() -> None:
    heavy = {"anyio", "asyncio", "structlog", "numpy", "pygls", "lsprotocol", "jsonrpcserver", "watchfiles", "_hashlib"}
    script = f"import sys, semctxd.index.__main__; print(sorted({heavy!r} & set(sys.modules)))"
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # it needs hashlib
    ended = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, timeout=60)
    assert ended.stdout == b"[]\n"


def test_what_questions_leave_is_looked_at_by_the_collector_in_a_pause(tmp_path: Path) -> None:
    program = f"""
import gc, os
from threading import Timer
from semctxd.index import __main__ as indexer
from semctxd.index.live import LiveIndex

indexer._PAUSE_S = 0
live = LiveIndex({str(tmp_path)!r})
indexer.build(live)
frozen, collected = gc.get_freeze_count(), gc.get_stats()[2]["collections"]
left = [[] for _ in range(200_000)]
source, sink = os.pipe()
os.write(sink, b"one")
assert indexer._next(live, source) == b"one"
assert (gc.get_freeze_count(), gc.get_stats()[2]["collections"]) == (frozen, collected)
Timer(0.2, os.write, (sink, b"two")).start()
assert indexer._next(live, source) == b"two"
assert gc.get_freeze_count() > frozen + 200_000
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_names_are_counted_while_nobody_asks(grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    live = grow({f"m{number}.py": "def f(): go()\n" for number in range(4)})
    source, sink = os.pipe()
    os.set_blocking(source, False)
    count = live.store.count

    def counted() -> bool:
        os.write(sink, b"two")
        return count()

    os.write(sink, b"one")
    assert main._next(live, source) == b"one"
    monkeypatch.setattr(live.store, "count", counted)
    assert main._next(live, source) == b"two"
    assert [count() for _ in range(4)] == [True, True, True, False]
    assert live.store.said("go") == 4
    os.close(source)
    os.close(sink)
