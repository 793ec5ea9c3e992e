"""The daemon's own edges: what clients, descriptors, disks, clocks and signals may do to it, and it goes on."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from typing import Any

import psutil
import pytest

import semctx
from semctx.errors import SemctxError
from semctxd.lsp.registry import registry
from semctxd.lsp.sync import Ledger
from semctxd.model import Change, What
from tests.conftest import PATIENCE_S, Daemon, Wire, daemon_at, eventually, importing
from tests.test_gate import max_queued_events, watched
from tests.zoo import command, configured

pytestmark = pytest.mark.proof

HEALTH = {"jsonrpc": "2.0", "id": 1, "method": "health"}
HOVER = "textDocument/hover"
_MB = 1024 * 1024


def kind(reply: dict[str, Any]) -> str:
    return str(reply["error"]["data"]["type"])


def hover(repo: Path, line: int = 0) -> dict[str, Any]:
    position = {"line": line, "character": 0}
    params = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}, "position": position}
    return {"root": str(repo), "method": HOVER, "params": params}


def descriptors(daemon: Daemon) -> int:
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


def memory(daemon: Daemon) -> int:
    return int(psutil.Process(daemon.pid).memory_info().rss)


@pytest.fixture
def root(repo: Path) -> Path:
    (repo / "pkg/sub").mkdir(parents=True)
    (repo / "pkg/a.py").write_text("a = 1\n")
    (repo / "pkg/sub/b.py").write_text("b = 1\n")
    return repo


@pytest.fixture
def a_daemon_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where our own client finds, or starts, a daemon; it is stopped in the end."""
    with tempfile.TemporaryDirectory(prefix="sd", dir="/tmp") as place:
        monkeypatch.setenv("SEMCTX_SOCKET", f"{place}/s.sock")
        for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            monkeypatch.setenv(name, place)
        yield
        subprocess.run([sys.executable, "-m", "semctx.cli", "stop"], check=True, stdout=subprocess.DEVNULL)


# -- clients


def test_clients_that_leave_in_the_middle_of_a_request_leave_nothing_behind(repo: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"

    def heard() -> list[str]:
        return [json.loads(line).get("method") for line in record.read_text().splitlines()]

    with daemon_at(config=configured(command("rude", "answers what is given up", record))) as daemon:
        client = daemon.client()
        number = client.start("lsp/request", **hover(repo))
        eventually(lambda: record.exists() and heard().count(HOVER) == 2, "the server is asked, after its probe")
        client.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}})
        assert kind(client.receive()) == "Cancelled"

        def leave(number: int) -> None:
            gone = daemon.client()
            for line in range(number, number + 4):
                gone.start("lsp/request", **hover(repo, line))
            gone.close()
            daemon.clients.remove(gone)

        def settled() -> Any:
            health = client.ask("health")
            return health["connections"] == 1 and not any(
                session["pending"] for session in health["workspaces"][0]["sessions"]
            )

        for number in range(50):
            leave(number * 4)
        eventually(settled, "the first are forgotten")
        before = descriptors(daemon), memory(daemon)
        for number in range(50, 300):
            leave(number * 4)
        eventually(settled, "all are forgotten")
        assert descriptors(daemon) < before[0] + 50  # its own watch may begin meanwhile; 250 clients have left
        assert memory(daemon) - before[1] < 4 * _MB
        assert heard().count("$/cancelRequest") == heard().count(HOVER) - 1 > 100  # all but the probe
        assert client.ask("metrics/get")["workspaces"][str(repo)]["flights"]["stored"] == 0


def test_a_slow_reader_costs_no_memory(repo: Path, tmp_path: Path) -> None:
    """Hundreds of answers from memory can be asked for in one piece of the stream; the standard loop copies each."""
    (tmp_path / "uvloop.py").write_text("raise ImportError\n")
    with daemon_at(env=importing(tmp_path)) as daemon:
        read_slowly(daemon, repo)


def read_slowly(shared: Daemon, repo: Path) -> None:
    (repo / "shop/many.py").write_text("".join(f"def find_{number}(): ...\n" for number in range(900)))
    slow, other = shared.client(), shared.client()
    query = {"root": str(repo), "name": "find_", "match": "substring", "limits": {"symbols": 1000}}
    size = len(json.dumps(slow.ask("symbols/find", **query)))
    before = memory(shared)
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "symbols/find", "params": query}).encode() + b"\n"
    number = 600
    assert number * size > 90 * _MB
    slow.socket.setblocking(False)
    sent = b""
    try:
        while True:
            sent = sent or request * number
            sent = sent[slow.socket.send(sent) :]
            if not sent:
                break
    except BlockingIOError:
        pass
    assert other.ask("health")["status"] == "ok"
    assert memory(shared) - before < 40 * _MB
    slow.socket.settimeout(PATIENCE_S)
    writer = threading.Thread(target=slow.socket.sendall, args=(sent,))
    writer.start()
    for _ in range(number):
        assert slow.receive()["result"]["left_out"] == 0
    writer.join()
    slow.close()


def test_a_slow_reader_that_sends_no_more_still_gets_every_reply(shared: Daemon, repo: Path) -> None:
    (repo / "shop/many.py").write_text("".join(f"def find_{number}(): ...\n" for number in range(900)))
    slow = shared.client()
    query = {"root": str(repo), "name": "find_", "match": "substring", "limits": {"symbols": 1000}}
    slow.ask("symbols/find", **query)
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "symbols/find", "params": query}).encode() + b"\n"
    slow.send_raw(request * 100)
    slow.socket.shutdown(socket.SHUT_WR)
    assert len(slow.file.read().splitlines()) == 100


def test_a_large_answer_needs_no_reader_to_be_written(shared: Daemon, repo: Path) -> None:
    """Written in parts, each of which waits for the reader, it takes longer by every switch between the processes."""
    (repo / "shop/many.py").write_text("".join(f"def find_{number}(): ...\n" for number in range(1700)))
    client = shared.client()
    params = {"textDocument": {"uri": f"file://{repo}/shop/many.py"}}
    size = len(json.dumps(client.lsp(repo, "textDocument/documentSymbol", params), separators=(",", ":")))
    assert 300_000 < size < 400_000
    client.start("lsp/request", root=str(repo), method="textDocument/documentSymbol", params=params)
    queued = array("i", [0])
    eventually(lambda: fcntl.ioctl(client.socket, termios.FIONREAD, queued) or queued[0] > size, "all of it is there")


def test_a_subscriber_that_never_reads_holds_up_nobody(repo: Path) -> None:
    with daemon_at() as daemon:
        deaf, client = daemon.client(), daemon.client()
        deaf.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"events/subscribe","params":{"topics":["changes"]}}\n')
        client.ask("symbols/find", root=str(repo), name="Order")
        assert client.ask("health")["connections"] == 2
        before = memory(daemon)
        for number in range(1500):
            client.send({"jsonrpc": "2.0", "method": "cache/invalidate", "params": {"root": str(repo)}})
            if number % 500 == 0:
                client.ask("health")
        assert client.ask("health")["status"] == "ok"
        assert memory(daemon) - before < 40 * _MB


def test_subscribers_that_do_not_read_are_told_how_much_they_lost(repo: Path) -> None:
    """Each holds what its socket takes and a little, so a thousand hold no more than a thousand times that."""
    root = repo.joinpath(*["x" * 200] * 8)  # an event that names it has two kilobytes
    root.mkdir(parents=True)
    with daemon_at() as daemon:
        client, deaf = daemon.client(), [daemon.client() for _ in range(100)]
        for one in deaf:
            assert one.ask("events/subscribe", topics=["changes"])
        before = memory(daemon)
        for _ in range(600):
            client.ask("cache/invalidate", root=str(root))
        assert memory(daemon) - before < 40 * _MB  # all events for all of them: 100 MB
        for one in deaf[::20]:
            heard = lost = 0
            while heard + lost < 600:
                event = one.receive()
                if event["method"] == "events/lost":
                    lost = event["params"]["count"]
                else:
                    heard += 1
            assert lost > 300
            assert heard > 10
        client.ask("cache/invalidate", root=str(root))
        assert deaf[0].receive()["method"] == "events/changes"  # nothing is lost for good


@pytest.mark.parametrize("headers", [False, True])
def test_half_a_frame_is_waited_for_and_forgotten_with_its_client(shared: Daemon, headers: bool) -> None:
    whole = json.dumps(HEALTH).encode()
    raw = b"Content-Length: %d\r\n\r\n%s" % (len(whole), whole) if headers else whole + b"\n"
    client, other = shared.client(headers), shared.client()
    before = other.ask("health")["connections"]
    for cut in (1, 10, len(raw) - 1):
        client.send_raw(raw[:cut])
        assert other.ask("health")["status"] == "ok"
        client.send_raw(raw[cut:])
        assert client.receive()["id"] == 1
    client.send_raw(raw[:20])
    client.close()
    eventually(lambda: other.ask("health")["connections"] == before - 1, "it is forgotten")
    other.close()


def test_a_batch_of_ten_thousand(shared: Daemon) -> None:
    """Over the cap it is refused as a whole, at once; under a cap of the user's own it is served."""
    batch = [{**HEALTH, "method": "cache/stats", "id": number} for number in range(10_000)]
    client = shared.client()
    client.send(batch)
    reply = client.receive()
    assert (reply["id"], kind(reply)) == (None, "InvalidRequest")
    client.close()
    with daemon_at(config="[daemon]\nmax_batch = 10000\n") as daemon:
        client = daemon.client()
        client.send(batch)
        assert {reply["id"] for reply in client.receive()} == set(range(10_000))


def test_a_batch_that_meets_the_end_is_told_to_retry(repo: Path, tmp_path: Path) -> None:
    config = "[daemon]\ndrain_s = 0.1\n" + configured(command("patient", tmp_path))
    with daemon_at(config=config) as daemon:
        client, other = daemon.client(), daemon.client()
        query = {"jsonrpc": "2.0", "method": "lsp/request", "params": hover(repo)}
        client.send([{**query, "id": 1}, query, 5, {**query, "id": "two"}])
        other.send([query])
        eventually((tmp_path / "1.asked").exists, "it is under way")
        daemon.process.terminate()
        replies = client.receive()
        assert [reply["id"] for reply in replies] == [1, None, "two"]
        assert {kind(reply) for reply in replies} == {"ShuttingDown"}
        assert client.file.read() == b""
        assert other.file.read() == b""  # a batch of notifications has no reply
        assert daemon.process.wait(PATIENCE_S) == 0


def test_two_thousand_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        with daemon_at(prefix=["prlimit", "--nofile=1024:4096"]) as daemon:  # it raises the lower limit itself
            clients: list[Wire] = []
            for _ in range(4):
                clients.extend(daemon.client() for _ in range(500))  # half of what the kernel queues
                eventually(lambda: clients[0].ask("health")["connections"] == len(clients), "all are accepted")
            for client in clients:
                client.send(HEALTH)
            assert {client.receive()["result"]["status"] for client in clients} == {"ok"}
            for client in clients[1:]:
                client.close()
            eventually(lambda: clients[0].ask("health")["connections"] == 1, "they are forgotten")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- descriptors


def test_more_connections_than_files_allow_are_told_so(repo: Path) -> None:
    with daemon_at(prefix=["prlimit", "--nofile=124:124"]) as daemon:
        clients = [daemon.client() for _ in range(60)]
        for client in clients:
            assert client.ask("health")["status"] == "ok"
        refused = daemon.client()
        reply = refused.receive()
        assert (reply["id"], kind(reply)) == (None, "OutOfFiles")
        assert refused.file.read() == b""
        assert clients[0].ask("symbols/find", root=str(repo), name="Order")["symbols"]  # what is left suffices to work
        clients[1].close()
        eventually(lambda: clients[0].ask("health")["connections"] == 59, "one has left")
        assert daemon.client().ask("health")["connections"] == 60


def test_accepting_goes_on_when_descriptors_are_there_again(repo: Path) -> None:
    with daemon_at(faulty=True) as daemon:
        client = daemon.client()
        client.ask("health")
        process = psutil.Process(daemon.pid)
        before = process.rlimit(resource.RLIMIT_NOFILE)
        process.rlimit(resource.RLIMIT_NOFILE, (descriptors(daemon), before[1]))
        refused = socket.socket(socket.AF_UNIX)
        refused.connect(daemon.socket)  # in the kernel's queue, at least
        assert client.ask("health")["status"] == "ok"
        assert kind(client.call("symbols/find", root=str(repo), name="Order")) == "OutOfFiles"
        process.rlimit(resource.RLIMIT_NOFILE, before)
        refused.close()
        assert daemon.client().ask("health")["status"] == "ok"
        eventually(
            lambda: "result" in client.call("symbols/find", root=str(repo), name="Order"), "the indexer is tried again"
        )


async def test_a_folder_that_cannot_be_listed_for_want_of_descriptors_is_said(root: Path) -> None:
    async with watched(root) as one:
        (root / "new/er").mkdir(parents=True)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        probe = os.open(root, os.O_RDONLY)
        os.close(probe)
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe, before[1]))
        try:
            assert one.drain()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert one.trees.degraded == {"open-files"}


# -- disks, pipes and clocks


@pytest.mark.usefixtures("a_daemon_of_its_own")
def test_a_log_on_a_full_disk_costs_no_request(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMCTX_LOG", "/dev/full")
    with semctx.connect(str(repo)) as daemon:
        assert [daemon.find("Order")["left_out"] for _ in range(50)] == [0] * 50


def test_standard_error_that_nobody_reads_costs_no_request(repo: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with daemon_at(prefix=["sh", "-c", f'exec "$0" "$@" 2<>{tmp_path}/pipe']) as daemon:
        client = daemon.client()
        for _ in range(2000):  # a line each, four times what a pipe holds
            client.ask("cache/stats")
        pipe = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        read = [os.read(pipe, 1 << 16)]
        assert len(read[0]) > 1 << 15
        for _ in range(10):
            client.ask("cache/stats")

        def are_written() -> bool:
            with suppress(BlockingIOError):
                read.append(os.read(pipe, 1 << 16))
            return b"".join(read[1:]).count(b"cache/stats") >= 10

        eventually(are_written, "the lines of ten requests")
        lines = b"".join(read).splitlines()
        os.close(pipe)
    whole = [json.loads(line) for line in lines if line.endswith(b"}")]
    assert len(lines) - len(whole) <= 1  # one was torn
    assert [line["method"] for line in whole[-10:]] == ["cache/stats"] * 10  # it goes on when it is read


def test_closed_standard_streams_are_no_place_for_connections(repo: Path) -> None:
    """A line of the log would end up in the reply to whoever got that descriptor."""
    with daemon_at(prefix=["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-']) as daemon:
        assert [os.readlink(f"/proc/{daemon.pid}/fd/{standard}") for standard in (0, 1, 2)] == ["/dev/null"] * 3
        assert daemon.client().ask("symbols/find", root=str(repo), name="Order")["symbols"]


def test_a_file_system_that_goes_read_only(repo: Path, tmp_path: Path) -> None:
    bind = 'mount --bind "$PWD" "$PWD" && cd "$PWD" && exec "$0" "$@"'
    with daemon_at(prefix=["unshare", "-Urm", "sh", "-c", bind]) as daemon:
        client = daemon.client()
        (repo / ".semctx.toml").write_text("[python]\ninterpreter = '/usr/bin/python3'\n")
        sha256 = client.ask("trust/show", root=str(repo))["sha256"]
        cover = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'  # over what has files open for writing
        daemon.run_inside("sh", "-c", cover, daemon.place)
        assert kind(client.call("trust/grant", root=str(repo), sha256=sha256)) == "StateUnwritable"
        assert client.ask("symbols/find", root=str(repo), name="Order")["symbols"]
        (repo / "shop/new.py").write_text("def added(): ...\n")
        assert client.ask("symbols/find", root=str(repo), name="added")["symbols"]
    assert os.path.lexists(daemon.socket) is False  # with the folder; it left with exit code 0


def test_a_socket_on_a_file_system_that_is_read_only(daemon: Daemon) -> None:
    ro = 'mount --bind "$PWD" "$PWD" && mount -o remount,bind,ro "$PWD" && exec "$@"'
    command = ["unshare", "-Urm", "sh", "-c", ro, "sh", sys.executable, "-m", "semctxd"]
    env = {**daemon.env, "SEMCTX_SOCKET": f"{daemon.place}/new/s"}
    done = subprocess.run(command, env=env, cwd=daemon.place, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr


@pytest.mark.parametrize(
    ("quiet", "modified", "now", "suffices"),
    [
        (100, 150, 200, True),
        (100, 50, 60, False),  # the clock was set back, then the file was written
        (100, 250, 200, False),  # written, then the clock was set back
        (100, 250, 300, True),  # set ahead, then written
        (300, 250, 310, False),  # set ahead, asked, set back, written, set ahead
    ],
)
def test_a_clock_that_jumps_makes_no_server_stale(quiet: int, modified: int, now: int, suffices: bool) -> None:
    """A notice alone may not do where the clock was set; the times are injected, no clock is."""
    ledger = Ledger("/r", registry().servers["ty"].sync, "python")
    ledger.add([Change("/r/a.py", What.MODIFIED)])
    status = os.stat_result((0o100644, *[0] * 9), {"st_mtime_ns": modified})
    cure = ledger.settle(quiet, now, lambda path: status)
    assert cure.nudges is not suffices


async def test_a_clock_that_is_set_back_before_events_are_lost(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time_ns
    async with watched(root) as one:
        monkeypatch.setattr(time, "time_ns", lambda: real() + 3600 * 10**9)
        (root / "pkg/a.py").write_text("a = 2\n")
        assert one.seen()
        monkeypatch.setattr(time, "time_ns", real)  # set back by an hour
        paths = [root / "pkg/a.py", root / "pkg/sub/b.py"]
        for number in range(max_queued_events() // 2 + 10):
            for path in paths:  # in turns, or the kernel merges them
                os.utime(path, ns=(number, number))
        (root / "pkg/sub/lost.py").write_text("its event was lost")
        assert ("pkg/sub/lost.py", What.APPEARED) in one.seen()
        assert one.gate.counts["overflows"] == 1


# -- the daemon itself is killed


@pytest.mark.usefixtures("a_daemon_of_its_own")
def test_a_daemon_that_is_killed_again_and_again_loses_no_request_that_is_retried(repo: Path) -> None:
    each, threads = 500, 4
    answered = [0] * threads
    retried = [0] * threads
    connected = Barrier(threads + 1)  # a daemon that is killed at its start is an error of who connects

    def work(at: int) -> None:
        with semctx.connect(str(repo)) as daemon:
            connected.wait(PATIENCE_S)
            while answered[at] < each:
                try:
                    found = daemon.find("Order" if answered[at] % 2 else "parse_price")
                except SemctxError as error:
                    assert error.type in ("ConnectionLost", "DaemonUnavailable", "ShuttingDown", "IndexerFailed")
                    retried[at] += 1
                else:
                    assert [symbol["file"] for symbol in found["symbols"]] == [
                        "shop/orders.py" if answered[at] % 2 else "shop/prices.py"
                    ]
                    answered[at] += 1

    with ThreadPoolExecutor(threads) as pool:
        working = [pool.submit(work, at) for at in range(threads)]
        connected.wait(PATIENCE_S)
        lock, killed = Path(os.environ["SEMCTX_SOCKET"] + ".lock"), set[int]()
        for number in range(1, 5):
            eventually(lambda number=number: sum(answered) > number * 80, "they go on")
            pid = eventually(lambda: set(map(int, lock.read_text().split())) - killed, "another daemon is there").pop()
            killed.add(pid)
            os.kill(pid, signal.SIGTERM if number == 3 else signal.SIGKILL)
        for one in working:
            one.result()

    def is_found() -> bool:  # the last one may be killed when all has been answered, and be asked while it dies
        with suppress(SemctxError), semctx.connect(str(repo)) as daemon:
            return bool(daemon.find("Order"))
        return False

    eventually(is_found, "a daemon is there in the end")
    assert answered == [each] * threads
    assert len(killed) == 4
    assert sum(retried) > 0
