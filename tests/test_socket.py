"""JSON-RPC on the socket of a real daemon: framings, batches, errors, caps, hello and notifications."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from semctx import __version__
from semctxd.config.schema import Config
from semctxd.config.schema import Daemon as DaemonSettings
from semctxd.rpc.methods import TABLE
from semctxd.rpc.queries import Routes
from semctxd.rpc.server import Connection
from semctxd.service import Service
from tests.conftest import PATIENCE_S, Daemon, Wire, daemon_at, eventually, importing, sources, until
from tests.zoo import command, configured

HEALTH = {"jsonrpc": "2.0", "id": 1, "method": "health"}


@pytest.fixture(params=[False, True], ids=["lines", "headers"])
def wire(shared: Daemon, request: pytest.FixtureRequest) -> Iterator[Wire]:
    client = shared.client(headers=request.param)
    yield client
    client.close()


@pytest.fixture
def client(shared: Daemon) -> Iterator[Wire]:
    client = shared.client()
    yield client
    client.close()


def kind(error: dict[str, Any]) -> str:
    return str(error["data"]["type"])


def frames(wire: Wire, *messages: object) -> bytes:
    raws = [json.dumps(message).encode() for message in messages]
    return b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(raw), raw) if wire.headers else raw + b"\n" for raw in raws)


# -- framing


def test_a_reply_has_the_framing_of_its_connection(wire: Wire) -> None:
    assert wire.ask("health")["status"] == "ok"
    assert wire.ask("health")["version"] == __version__


def test_messages_in_any_pieces(wire: Wire) -> None:
    data = frames(wire, *({**HEALTH, "id": number} for number in range(5)))
    for at in range(0, len(data), 7):
        wire.send_raw(data[at : at + 7])
    assert {wire.receive()["id"] for _ in range(5)} == set(range(5))


def test_what_is_no_frame_ends_the_connection(shared: Daemon) -> None:
    client = shared.client(headers=True)
    client.send_raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    reply = client.receive()
    assert (reply["id"], reply["error"]["code"], kind(reply["error"])) == (None, -32700, "ParseError")
    assert client.file.read() == b""


def test_a_frame_over_the_cap(shared: Daemon) -> None:
    client = shared.client(headers=True)
    client.send_raw(b"Content-Length: 67108865\r\n\r\n")
    assert "at most 67108864 are allowed" in client.receive()["error"]["message"]
    assert client.file.read() == b""


def test_a_line_over_the_cap(shared: Daemon) -> None:
    client = shared.client()
    try:
        client.send_raw(b'{"method":"' + b"x" * (64 * 1024 * 1024 + 1))
        assert kind(client.receive()["error"]) == "ParseError"
    except (BrokenPipeError, ConnectionResetError):
        pass  # it does not read to the end what it will not take
    assert shared.client().ask("health")["status"] == "ok"


# -- requests


@pytest.mark.parametrize(
    "text", ["{", "{}}", '{"jsonrpc": "2.0", "method": "health", "id": 1', "nonsense", '"\\ud800"']
)
def test_what_is_no_json(client: Wire, text: str) -> None:
    client.send_raw(text.encode() + b"\n") if text[0] == "{" else client.send_raw(b"{" + text.encode() + b"\n")
    reply = client.receive()
    assert (reply["id"], reply["error"]["code"], kind(reply["error"])) == (None, -32700, "ParseError")
    assert reply["error"]["data"]["hint"]
    assert client.ask("health")["status"] == "ok"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"id": 1},
        {"jsonrpc": "1.0", "id": 1, "method": "health"},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
        {"jsonrpc": "2.0", "id": 1, "method": "health", "params": "all"},
        {"jsonrpc": "2.0", "id": 1, "method": "health", "params": 1},
        {"jsonrpc": "2.0", "id": 1.5, "method": "health"},
        {"jsonrpc": "2.0", "id": True, "method": "health"},
        {"jsonrpc": "2.0", "id": [1], "method": "health"},
        {"jsonrpc": "2.0", "id": {"a": 1}, "method": "health"},
        [],
        [HEALTH] * 101,
    ],
)
def test_what_is_no_request(client: Wire, message: object) -> None:
    client.send(message)
    reply = client.receive()
    assert (reply["error"]["code"], kind(reply["error"])) == (-32600, "InvalidRequest")
    assert client.ask("health")["status"] == "ok"


def test_a_member_of_a_batch_that_is_no_request_spoils_none_of_the_others(client: Wire) -> None:
    client.send([HEALTH, 5, {"jsonrpc": "2.0", "id": 1}, {"jsonrpc": "1.0", "id": 2, "method": "health"}])
    served, *refused = client.receive()
    assert served["result"]["status"] == "ok"
    assert [(reply["id"], kind(reply["error"])) for reply in refused] == [(None, "InvalidRequest")] * 3


@pytest.mark.parametrize("message", [{"jsonrpc": "1.0", "id": 7}, {"jsonrpc": "2.0", "id": 1.5}])
def test_what_is_no_request_is_none_when_its_answer_is_kept_either(
    client: Wire, repo: Path, message: dict[str, object]
) -> None:
    query = {"method": "symbols/find", "params": {"root": str(repo), "name": "Price"}}
    for _ in range(2):
        client.ask("symbols/find", root=str(repo), name="Price")
    client.send(message | query)
    assert kind(client.receive()["error"]) == "InvalidRequest"


def test_an_unknown_method(wire: Wire) -> None:
    error = wire.fails("healht")
    assert (error["code"], kind(error)) == (-32601, "MethodNotFound")


def test_any_number_or_string_is_an_id_and_null_is_one_too(client: Wire) -> None:
    for number in (0, -7, 2**53, "a", "", "1", None):
        client.send({**HEALTH, "id": number})
        reply = client.receive()
        assert (reply["id"], reply["result"]["status"]) == (number, "ok")


def test_a_notification_gets_no_reply(wire: Wire) -> None:
    wire.send({"jsonrpc": "2.0", "method": "health"})
    wire.send({"jsonrpc": "2.0", "method": "nonsense"})
    wire.send({"jsonrpc": "2.0", "method": "cache/stats", "params": {"root": 5}})
    assert wire.call("health")["id"] == 1


def test_parameters_may_be_missing_but_not_a_list(client: Wire) -> None:
    client.send({"jsonrpc": "2.0", "id": 1, "method": "cache/stats"})
    assert client.receive()["result"]["max_size"] == 10_000
    client.send({"jsonrpc": "2.0", "id": 2, "method": "cache/stats", "params": ["/"]})
    assert kind(client.receive()["error"]) == "InvalidParams"


@pytest.mark.parametrize("value", [b'"\\ud800"', b'"\xff"', b"1e999", b"[" * 5000 + b"]" * 5000])
def test_values_that_no_json_text_may_have(client: Wire, value: bytes) -> None:
    """Some are found only when the parameters are looked at."""
    for method in (b"symbols/find", b"health"):
        client.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"%s","params":{"name":%s}}\n' % (method, value))
        assert kind(client.receive()["error"]) == "ParseError"
    batch = b'[{"jsonrpc":"2.0","id":1,"method":"health","params":{"name":%s}}]\n'
    for message in (batch, b'{"jsonrpc":"2.0","id":%s,"method":"health"}\n'):
        client.send_raw(message % value)
        assert kind(client.receive()["error"]) == "ParseError"
    client.send_raw(b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%s}}\n' % value)
    assert client.ask("health")["status"] == "ok"


def test_more_questions_and_environments_than_are_remembered(client: Wire, repo: Path) -> None:
    client.ask("symbols/find", root=str(repo), name="Order")
    query = {"root": str(repo), "match": "substring"}
    for chunk in range(21):
        numbers = [client.start("symbols/find", name=f"no {chunk} {number}", **query) for number in range(200)]
        assert {client.receive()["id"] for _ in numbers} == set(numbers)
    for number in range(70):
        client.ask("session/hello", client="test", protocol=1, env={"PATH": f"/nowhere/{number}"})
        assert client.ask("symbols/find", root=str(repo), name="Order")["meta"]["cached"]


# -- batches


def test_a_batch(wire: Wire) -> None:
    wire.send(
        [
            {**HEALTH, "id": "a"},
            {"jsonrpc": "2.0", "method": "health"},
            {"jsonrpc": "2.0", "id": "b", "method": "nonsense"},
            {"jsonrpc": "2.0", "id": "c", "method": "cache/stats", "params": {"root": 5}},
        ]
    )
    replies = {reply["id"]: reply for reply in wire.receive()}
    assert replies.keys() == {"a", "b", "c"}
    assert replies["a"]["result"]["status"] == "ok"
    assert kind(replies["b"]["error"]) == "MethodNotFound"
    assert kind(replies["c"]["error"]) == "InvalidParams"


def test_a_batch_of_notifications_gets_no_reply(client: Wire) -> None:
    client.send([{"jsonrpc": "2.0", "method": "health"}] * 3)
    assert client.call("health")["id"] == 1


def test_a_batch_as_large_as_allowed(client: Wire) -> None:
    client.send([{**HEALTH, "id": number} for number in range(100)])
    assert {reply["id"] for reply in client.receive()} == set(range(100))


def test_queries_in_a_batch(client: Wire, repo: Path) -> None:
    query = {"method": "symbols/find", "params": {"root": str(repo), "name": "Order"}}
    for cached in (False, True):
        client.send([{"jsonrpc": "2.0", "id": 1, **query}])
        reply = client.receive()[0]
        assert reply["result"]["symbols"][0]["name"] == "Order"
        assert reply["result"]["meta"]["cached"] is cached


# -- parameters


@pytest.mark.parametrize(
    ("method", "params", "says", "nearest"),
    [
        ("lsp/request", {}, "lsp/request: Object missing required field `root`", None),
        (
            "lsp/request",
            {"root": "/x", "method": "m", "params": []},
            "Expected `object`, got `array` - at `$.params`",
            None,
        ),
        (
            "context/query",
            {"root": "/x", "intent": "i", "target_file": "a.py"},
            "context/query: unknown parameter 'target_file'",
            ["targetFile"],
        ),
        ("context/query", {"root": "/x", "intent": 5}, "Expected `str`, got `int` - at `$.intent`", None),
        (
            "context/query",
            {"root": "/x", "intent": "i", "limits": {"symbol": 5}},
            "context/query: limits: unknown parameter 'symbol'",
            ["symbols"],
        ),
        (
            "context/query",
            {"root": "/x", "intent": "i", "limits": {"files": -1}},
            "context/query: limits.files must be between 0 and 1000",
            None,
        ),
        (
            "context/query",
            {"root": "/x", "intent": "i", "consistency": "eventual"},
            "Invalid enum value 'eventual'",
            None,
        ),
        ("symbols/find", {"root": "/x", "name": "n", "kind": "thing"}, "Invalid enum value 'thing'", None),
        ("events/subscribe", {"topics": ["weather"]}, "Invalid enum value 'weather'", None),
        ("health", {"verbose": True}, "health: unknown parameter 'verbose'", None),
        ("session/hello", {"client": "c", "protocol": "1"}, "Expected `int`, got `str` - at `$.protocol`", None),
    ],
)
def test_parameters_that_are_wrong(
    client: Wire, method: str, params: dict[str, Any], says: str, nearest: list[str] | None
) -> None:
    error = client.fails(method, **params)
    assert (error["code"], kind(error)) == (-32602, "InvalidParams")
    assert says in error["message"]
    assert error["data"].get("nearest") == nearest


def test_an_lsp_method_that_could_write(client: Wire, repo: Path) -> None:
    for method in ("textDocument/rename", "workspace/executeCommand", "textDocument/didOpen", "shutdown"):
        error = client.fails("lsp/request", root=str(repo), method=method, params={})
        assert (error["code"], kind(error)) == (-32014, "MethodNotAllowed")
    error = client.fails("lsp/request", root=str(repo), method="textDocument/hoover", params={})
    assert error["data"]["nearest"][0] == "textDocument/hover"


def test_roots_that_are_refused(client: Wire, tmp_path: Path) -> None:
    for root, expected in (
        ("/", "RootRefused"),
        (os.path.expanduser("~"), "RootRefused"),
        ("relative/path", "RootRefused"),
        ("/null\0byte", "RootRefused"),
        (str(tmp_path / "missing"), "RootNotFound"),
        (__file__, "RootNotFound"),
    ):
        assert kind(client.fails("symbols/find", root=root, name="x")) == expected
        assert kind(client.fails("cache/stats", root=root)) == expected


def test_a_target_outside_the_root(client: Wire, repo: Path) -> None:
    for target, expected in (
        ("/etc/passwd", "OutsideRoot"),
        ("../x.py", "OutsideRoot"),
        (str(repo), "InvalidParams"),
        ("shop/null\0byte.py", "InvalidParams"),
    ):
        error = client.fails("context/query", root=str(repo), intent="i", targetFile=target)
        assert kind(error) == expected


def test_other_spellings_of_a_question_find_the_same_answer(client: Wire, repo: Path) -> None:
    first = client.ask("context/query", root=str(repo), intent="parse a price", targetFile="shop/new.py")
    for root, target in (
        (str(repo), f"{repo}/shop/new.py"),
        (str(repo), "shop/../shop/./new.py"),
        (f"{repo}/", "shop/new.py"),
        (f"{repo}/", f"{repo}/shop/new.py"),
    ):
        again = client.ask("context/query", targetFile=target, intent="parse a price", root=root)
        assert again["meta"]["cached"], (root, target)
        assert again["symbols"] == first["symbols"]


# -- hello


def test_hello(wire: Wire, shared: Daemon) -> None:
    said = wire.ask("session/hello", client="test 1", protocol=1)
    view = said.pop("view")
    assert said == {"server": "semctxd", "version": __version__, "protocol": 1, "pid": shared.pid}
    assert wire.ask("session/hello", client="test 1", protocol=1)["view"] == view
    wire.ask("cache/stats")
    assert shared.line(event="request", method="cache/stats", client="test 1")


def test_versions_that_differ(client: Wire) -> None:
    for version, older in ((0, "client"), (2, "daemon")):
        error = client.fails("session/hello", client="test", protocol=version)
        assert (error["code"], kind(error)) == (-32002, "VersionMismatch")
        assert f"speaks protocol {version}" in error["message"]
        assert f"upgrade the {older}" in error["message"]


def test_a_view_is_joined_while_anyone_has_it(shared: Daemon) -> None:
    one, two, three = shared.client(), shared.client(), shared.client()
    view = one.ask("session/hello", client="editor", protocol=1)["view"]
    assert two.ask("session/hello", client="generator", protocol=1, view=view)["view"] == view
    one.close()
    assert three.ask("session/hello", client="agent", protocol=1, view=view)["view"] == view
    two.close()
    three.close()
    late = shared.client()
    eventually(
        lambda: (
            kind(late.call("session/hello", client="late", protocol=1, view=view).get("error", {"data": {"type": ""}}))
            == "UnknownView"
        ),
        "the view is gone with the last who had it",
    )


# -- notifications


def test_changes_are_told_to_who_subscribed(shared: Daemon, repo: Path) -> None:
    subscriber, other = shared.client(headers=True), shared.client()
    other.ask("symbols/find", root=str(repo), name="Order")
    assert subscriber.ask("events/subscribe", topics=["changes"]) == {"topics": ["changes"]}
    before = other.ask("metrics/get")["workspaces"][str(repo)]["epoch"]
    (repo / "shop/new.py").write_text("x = 1\n")
    event = subscriber.receive()
    assert event["method"] == "events/changes"
    assert event["params"]["root"] == str(repo)
    assert event["params"]["epoch"] > before
    assert event["params"]["count"] >= 1
    assert subscriber.ask("events/subscribe", topics=[]) == {"topics": []}
    (repo / "shop/new.py").write_text("x = 2\n")
    other.ask("symbols/find", root=str(repo), name="Order")  # applied by now
    assert subscriber.call("health")["id"] == 3  # and nothing came before it: `call` skips only other replies


# -- faults


def test_a_fault_of_the_daemon_says_nothing_of_its_inside(tmp_path: Path) -> None:
    """A library that is broken where it is installed."""
    (tmp_path / "psutil.py").write_text("raise RuntimeError('password: hunter2')\n")
    with daemon_at(env=importing(tmp_path), faulty=True) as daemon:
        client = daemon.client()
        error = client.fails("health")
        assert (error["code"], kind(error)) == (-32603, "InternalError")
        assert "hunter2" not in json.dumps(error)
        number = error["data"]["correlation_id"]
        line = json.loads(next(line for line in daemon.log.splitlines() if number in line))
        assert line["event"] == "internal_error"
        assert "hunter2" in line["exception"]
        assert daemon.line(event="request", method="health")["error"] == "InternalError"


def test_too_many_requests_at_once(repo: Path, tmp_path: Path) -> None:
    config = "[daemon]\nmax_requests = 3\n" + configured(command("rude", "hangs", tmp_path / "record"))
    with daemon_at(config=config) as daemon:
        client = daemon.client()
        hover = {
            "root": str(repo),
            "method": "textDocument/hover",
            "params": {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}},
        }
        numbers = [client.start("lsp/request", **hover) for _ in range(3)]
        error = client.fails("health")
        assert (error["code"], kind(error)) == (-32003, "TooManyRequests")
        client.send({"jsonrpc": "2.0", "method": "health"})  # a notification: nothing to say
        client.send([HEALTH])
        assert kind(client.receive()["error"]) == "TooManyRequests"
        assert daemon.client().ask("health")["status"] == "ok"  # others are not concerned
        client.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": numbers[0]}})
        assert kind(client.receive()["error"]) == "Cancelled"
        assert client.ask("health")["status"] == "ok"


def test_what_is_cancelled_must_be_under_way(client: Wire) -> None:
    for params in ({"id": 4711}, {"id": "x"}, {}, {"id": [1]}):
        client.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": params})
    client.send({"jsonrpc": "2.0", "method": "$/cancelRequest"})
    assert client.ask("health")["status"] == "ok"


def test_a_slow_reader_is_not_read_from_until_it_caught_up(shared: Daemon) -> None:
    slow = shared.client()
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "metrics/get"}).encode() + b"\n"
    slow.socket.setblocking(False)
    sent = 0
    try:
        while True:
            sent += slow.socket.send(request * 10)
            if sent > 50_000_000:
                pytest.fail("it is read from whatever it reads")
    except BlockingIOError:
        pass
    assert shared.client().ask("health")["status"] == "ok"
    slow.socket.settimeout(PATIENCE_S)
    for _ in range(sent // len(request)):
        reply = slow.receive()
        assert "result" in reply or kind(reply["error"]) in ("InvalidRequest", "TooManyRequests")
    slow.close()


def test_one_that_reads_nothing_at_all_is_dropped(shared: Daemon, repo: Path) -> None:
    deaf, other = shared.client(), shared.client()
    text = "".join(f"class Class{number}:\n    def f(self, {'argument' * 30}): ...\n" for number in range(100))
    for number in range(10):
        (repo / f"shop/m{number}.py").write_text(text)
    other.ask("symbols/find", root=str(repo), name="f", limits={"symbols": 1000})
    before = other.ask("health")["connections"]
    query = {"method": "symbols/find", "params": {"root": str(repo), "name": "f", "limits": {"symbols": 1000}}}
    batch = json.dumps([{"jsonrpc": "2.0", "id": number, **query} for number in range(100)]).encode() + b"\n"
    deaf.socket.setblocking(False)
    try:
        for _ in range(10):  # each reply is some forty megabytes
            deaf.socket.send(batch)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    eventually(lambda: other.ask("health")["connections"] == before - 1, "it is dropped")
    deaf.close()


async def test_those_that_leave_the_most_unread_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semctxd.service._MAX_ALL_UNREAD_BYTES", 1 << 20)
    ask = {"jsonrpc": "2.0", "id": 1, "method": "config/get"}
    async with anyio.create_task_group() as tasks:
        service, routes = Service(sources(Config(daemon=DaemonSettings(max_batch=300))), tasks), Routes()
        path = str(tmp_path / "s")
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: Connection(service, routes, TABLE), path)
        clients = [Wire(path) for _ in range(3)]

        def unread() -> int:
            return sum(client.unread for client in service.clients)

        batch = json.dumps([ask] * 300).encode() + b"\n"  # the reply has half a megabyte
        for count, client in enumerate(clients[:2], 1):
            client.send_raw(batch)
            await until(lambda count=count: unread() > count * 200_000)
        clients[2].send_raw(batch * 3)
        await until(lambda: len(service.clients) == 2)
        assert unread() <= 1 << 20
        for client in clients[:2]:
            assert len(await anyio.to_thread.run_sync(client.receive)) == 300
        assert await anyio.to_thread.run_sync(clients[2].file.read)  # what had been sent
        for client in clients:
            client.close()
        server.close()
        await service.drain()
        tasks.cancel_scope.cancel()


async def test_a_client_of_another_user_is_not_listened_to(tmp_path: Path) -> None:
    async with anyio.create_task_group() as tasks:
        service, routes = Service(sources(Config()), tasks), Routes()
        path = str(tmp_path / "s")
        server = await asyncio.get_running_loop().create_unix_server(lambda: Connection(service, routes, TABLE), path)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(json.dumps(HEALTH).encode() + b"\n")
        assert b'"status":"ok"' in await reader.readline()
        service.uid += 1
        stranger, theirs = await asyncio.open_unix_connection(path)
        assert await stranger.read() == b""
        assert len(service.clients) == 1
        server.close()
        await service.drain()
        for each in (writer, theirs):
            each.close()
            await each.wait_closed()
