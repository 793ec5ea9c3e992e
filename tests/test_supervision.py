"""Every fault of a language server and of the indexer: a typed error in time, and no process left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.conftest import PATIENCE_S, Daemon, Wire, daemon_at, eventually, importing
from tests.test_sessions import hover, kind
from tests.zoo import command, configured

pytestmark = pytest.mark.proof

INDEXERS = Path(__file__).parent / "zoo" / "indexer"
MEGABYTE = 1_000_000


class Fault(NamedTuple):
    """What a child does, and what its asker is told."""

    name: str
    server: str  # of tests/zoo/unruly.py
    indexer: str  # of tests/zoo/rude.py
    error: str  # type; CRASHED stands for the child's own, "" for none
    words: str = ""  # in its message or hint


CRASHED = "ServerCrashed or IndexerFailed"

AT_ONCE = [
    Fault("crash at start", "ends at its start", "exits at start", CRASHED, "exit code 3: no licence found"),
    Fault("crash mid-request", "ends", "exits", CRASHED, "exit code 7: out of memory"),
    Fault("garbage", "rude: garbage", "garbage", CRASHED, "no LSP message"),
    Fault("Content-Length too small", "rude: length too small", "length too small", CRASHED, "no LSP message"),
    Fault("Content-Length too large", "rude: length too large", "length too large", CRASHED, "no LSP message"),
    Fault("1 MB on standard error", "floods standard error", "floods standard error", ""),
    Fault("an answer of 200 MB", "rude: 200 MB", "200 MB", "AnswerTooLarge", "max_answer_bytes"),
    Fault("memory beyond the cap", "grows", "grows", CRASHED, "[sessions] max_bytes"),
    Fault("memory of a child of its own", "a child grows", "grows", CRASHED, "[sessions] max_bytes"),
]
"""Where the fault itself ends the request."""

IN_TIME = [
    Fault("hang", "hangs", "hangs", "DeadlineExceeded", "hangs"),
    Fault("SIGSTOP", "stops", "stops", "DeadlineExceeded", "hangs"),
    Fault("slow start", "hangs at its start", "never reads", "DeadlineExceeded", "was not ready within 8 s"),
]
"""Where the deadline does; the words are why the child is ended then."""


@contextmanager
def supervising(toml: str) -> Iterator[Daemon]:
    """A daemon whose children misbehave as told, and that leaves none behind."""
    with daemon_at(env=importing(INDEXERS), config=toml + configured(command("unruly", "../server"))) as running:
        yield running
        children = psutil.Process(running.pid).children(recursive=True)
        running.stop()
        assert psutil.wait_procs(children, PATIENCE_S)[1] == []


@pytest.fixture(scope="module")
def patient() -> Iterator[Daemon]:
    with supervising(f"[daemon]\ndeadline_s = 60\n[sessions]\nmax_bytes = {250 * MEGABYTE}\n") as running:
        yield running


@pytest.fixture(scope="module")
def brisk() -> Iterator[Daemon]:
    with supervising("[daemon]\ndeadline_s = 1\n[sessions]\nstart_s = 8\n") as running:
        yield running


class Case:
    """A root with one child that misbehaves, and how it is asked."""

    def __init__(self, repo: Path, fault: Fault, child: str) -> None:
        self.repo, self.child = repo, child
        self.how = fault.server if child == "ty" else fault.indexer
        (repo.parent / ("server" if child == "ty" else "indexer")).write_text(self.how)
        crashed = "ServerCrashed" if child == "ty" else "IndexerFailed"
        self.error = crashed if fault.error == CRASHED else fault.error

    def ask(self, client: Wire) -> Any:
        if self.child == "ty":
            return client.call("lsp/request", **hover(self.repo))
        return client.call("symbols/find", root=str(self.repo), name="Order")

    def session(self, client: Wire) -> dict[str, Any]:
        [found] = client.sessions(self.repo, self.child)
        return found


CHILDREN = pytest.mark.parametrize("child", ["ty", "indexer"], ids=["language server", "indexer"])


@CHILDREN
@pytest.mark.parametrize("fault", AT_ONCE, ids=lambda fault: fault.name)
def test_a_fault_is_a_typed_error_at_once(patient: Daemon, repo: Path, fault: Fault, child: str) -> None:
    case, client = Case(repo, fault, child), patient.client()
    before = peak_bytes(patient.pid)
    reply = case.ask(client)
    assert peak_bytes(patient.pid) - before < 60 * MEGABYTE  # whatever the child sends
    if fault.error:
        error = reply["error"]
        assert kind(error) == case.error, error
        assert fault.words in error["message"] + error["data"]["hint"]
    else:
        assert "result" in reply, reply
    state = case.session(client)
    assert (state["state"], state["restarts"]) == (("crashed", 1) if fault.error == CRASHED else ("ready", 0))


@CHILDREN
@pytest.mark.parametrize("fault", IN_TIME, ids=lambda fault: fault.name)
def test_a_child_that_does_not_answer_is_ended(brisk: Daemon, repo: Path, fault: Fault, child: str) -> None:
    case, client = Case(repo, fault, child), brisk.client()
    error = case.ask(client)["error"]
    assert kind(error) == "DeadlineExceeded", error

    def ended() -> bool:
        if case.session(client)["state"] == "ready":  # it may have been started too slowly for the first question
            case.ask(client)
        return bool(case.session(client)["state"] == "crashed")

    eventually(ended, "it is ended")
    assert fault.words in case.session(client)["why"]


def test_progress_without_end_is_no_hang(brisk: Daemon, repo: Path) -> None:
    (repo.parent / "server").write_text("endless progress")
    client = brisk.client()

    def ready() -> bool:
        client.call("lsp/request", **hover(repo))
        return bool(client.sessions(repo, "ty")[0]["state"] == "ready")

    eventually(ready, "it has started")
    assert kind(client.fails("lsp/request", **hover(repo))) == "DeadlineExceeded"
    eventually(lambda: client.sessions(repo, "ty")[0]["pending"] == 0, "nothing is waited for")
    assert (client.sessions(repo, "ty")[0]["state"], client.sessions(repo, "ty")[0]["restarts"]) == ("ready", 0)


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def test_a_killed_daemon_leaves_no_process(repo: Path, tmp_path: Path) -> None:
    """Not even one that ignores the end of its input, one that is stopped, or what one started itself."""
    with supervising("") as daemon:
        client = daemon.client()
        roots = {}
        for how in ("rude: ignores its end", "rude: leaves a child", "stops"):
            root = tmp_path / how.replace(" ", "-").replace(":", "") / "repo"
            root.mkdir(parents=True)
            (root / "shop").mkdir()
            (root / "shop/orders.py").write_text("")
            (root.parent / "server").write_text(how)
            roots[how] = root
        for how, root in roots.items():
            if how == "stops":
                client.start("lsp/request", **hover(root))
            else:
                client.ask("lsp/request", **hover(root))
        client.ask("symbols/find", root=str(repo), name="Order")
        process = psutil.Process(daemon.pid)

        def stopped() -> bool:
            return any(child.status() == psutil.STATUS_STOPPED for child in process.children())

        eventually(stopped, "one is stopped")
        children = process.children(recursive=True)
        assert len(children) == 6
        [shell] = [child for child in children if child.name() == "sh"]
        shell.kill()
        shell.wait(PATIENCE_S)
        eventually(  # without a rest: what is there and was told nothing yet is no use
            lambda: any(child.name() == "sh" for child in process.children()), "another watches in its place", every_s=0
        )
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.process.wait(PATIENCE_S)
        assert psutil.wait_procs(children, PATIENCE_S)[1] == []
        daemon.start()


def test_a_killed_daemon_leaves_no_process_even_if_all_of_them_are_stopped(repo: Path) -> None:
    with supervising("") as daemon:
        daemon.client().ask("symbols/find", root=str(repo), name="Order")
        children = psutil.Process(daemon.pid).children()
        assert sorted(child.name() == "sh" for child in children) == [False, True]
        for child in children:
            eventually(lambda: child.status() == psutil.STATUS_SLEEPING, "it waits to be told more")  # noqa: B023 (it is asked at once)
            child.suspend()
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.process.wait(PATIENCE_S)
        assert psutil.wait_procs(children, PATIENCE_S)[1] == []
        daemon.start()


def test_sessions_that_take_too_much_together_end_the_longest_unused_first(repo: Path, tmp_path: Path) -> None:
    with supervising("[sessions]\nbudget_bytes = 1\n") as daemon:
        client = daemon.client()
        other = tmp_path / "other" / "repo"
        (other / "shop").mkdir(parents=True)
        (other / "shop/orders.py").write_text("")
        for root in (repo, other):
            (root.parent / "server").write_text("rude: echoes")
            client.ask("lsp/request", **hover(root))
        eventually(lambda: client.sessions(repo, "ty")[0]["state"] == "stopped", "the first is ended")
        assert "[sessions] budget_bytes" in client.sessions(repo, "ty")[0]["why"]
        assert client.sessions(other, "ty")[0]["state"] == "ready"  # the one used last stays, whatever it takes
        (repo / "shop/orders.py").write_text("new = 1\n")
        assert client.ask("lsp/request", **hover(repo))["result"]
        eventually(lambda: client.sessions(other, "ty")[0]["state"] == "stopped", "now it is the other")


@pytest.fixture
def told(patient: Daemon, repo: Path) -> Callable[[str], Wire]:
    def tell(how: str) -> Wire:
        (repo.parent / "server").write_text(how)
        return patient.client()

    return tell


def test_one_that_failed_is_started_anew_on_request(told: Callable[[str], Wire], repo: Path) -> None:
    client = told("rude: exits at start")
    for _ in range(5):
        assert kind(client.fails("lsp/request", **hover(repo))) == "ServerCrashed"
    error = client.fails("lsp/request", **hover(repo))
    assert kind(error) == "ServerUnavailable"
    assert "semctx restart-server ty" in error["data"]["hint"]
    for asked in ({}, {"root": str(repo)}):
        health = client.ask("health", **asked)
        assert health["status"] == "failing"
        assert any(f"`semctx restart-server ty --root {repo}`" in reason for reason in health["reasons"])
    client.ask("symbols/overview", root=str(repo / "shop"))
    other = client.ask("health", root=str(repo / "shop"))  # how a server of another workspace ended is not its affair
    assert (other["status"], other["reasons"]) == ("ok", [])
    assert [space["root"] for space in other["workspaces"]] == [str(repo / "shop")]
    assert client.ask("health", root=str(repo.parent))["workspaces"] == []  # not open
    assert kind(client.fails("health", root="/")) == "RootRefused"
    told("rude: echoes")
    assert client.ask("session/restart", root=str(repo), name="ty") == {"names": ["ty"]}
    assert client.ask("lsp/request", **hover(repo))["result"]
    assert client.sessions(repo, "ty")[0]["state"] == "ready"


def test_a_file_that_ends_the_server_does_not_take_it_from_the_others(told: Callable[[str], Wire], repo: Path) -> None:
    client = told("ends about prices.py")
    prices = hover(repo)
    prices["params"] = {**prices["params"], "textDocument": {"uri": f"file://{repo}/shop/prices.py"}}

    def twice() -> None:
        for _ in range(2):
            assert kind(client.fails("lsp/request", **prices)) == "ServerCrashed"
        error = client.fails("lsp/request", **prices)
        assert (kind(error), "shop/prices.py" in error["message"]) == ("FileEndsServer", True)

    assert "well" in str(client.ask("lsp/request", **hover(repo))["result"])
    twice()
    (repo / "shop/orders.py").write_text("")
    assert "well" in str(client.ask("lsp/request", **hover(repo))["result"])
    assert kind(client.fails("lsp/request", **prices)) == "FileEndsServer"
    (session,) = client.sessions(repo, "ty")
    assert (session["state"], session["restarts"]) == ("ready", 2)
    client.ask("session/restart", root=str(repo), name="ty")
    twice()
    (repo / "shop/prices.py").write_text("")
    assert kind(client.fails("lsp/request", **prices)) == "ServerCrashed"  # it is tried again: the file has changed
    assert "well" in str(client.ask("lsp/request", **hover(repo))["result"])


def test_a_file_is_not_blamed_for_a_server_that_somebody_killed(told: Callable[[str], Wire], repo: Path) -> None:
    client = told("is killed about prices.py")
    prices = hover(repo)
    prices["params"] = {**prices["params"], "textDocument": {"uri": f"file://{repo}/shop/prices.py"}}
    assert "well" in str(client.ask("lsp/request", **hover(repo))["result"])
    assert [kind(client.fails("lsp/request", **prices)) for _ in range(4)] == ["ServerCrashed"] * 4


def test_one_that_never_answered_is_not_judged_by_its_files(told: Callable[[str], Wire], repo: Path) -> None:
    client = told("ends")
    for _ in range(5):
        assert kind(client.fails("lsp/request", **hover(repo))) == "ServerCrashed"
    assert kind(client.fails("lsp/request", **hover(repo))) == "ServerUnavailable"
    assert client.sessions(repo, "ty")[0]["state"] == "failed"


def test_one_that_runs_is_started_anew_and_answers_who_waits(told: Callable[[str], Wire], repo: Path) -> None:
    client, other = told("rude: hangs"), told("rude: hangs")
    number = client.start("lsp/request", **hover(repo))
    eventually(lambda: other.sessions(repo, "ty") and other.sessions(repo, "ty")[0]["state"] == "ready", "it waits")
    told("rude: echoes")
    assert other.ask("session/restart", root=str(repo)) == {"names": ["indexer", "ty"]}
    reply = client.receive()
    assert reply["id"] == number
    assert "argv" in reply["result"]["result"]
    error = other.fails("session/restart", root=str(repo), name="clangd")
    assert (kind(error), error["data"]["nearest"]) == ("UnknownServer", ["indexer", "ty"])
    assert other.ask("session/restart", root=str(repo / "shop")) == {"names": []}  # not opened
