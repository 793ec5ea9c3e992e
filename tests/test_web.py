"""The monitoring endpoint, over real HTTP and with requests that no browser sends."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from tests.conftest import PATIENCE_S, Daemon, daemon_at, eventually, importing
from tests.zoo import command, configured


class Said(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


PORT = free_port()


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with daemon_at(config=f"[http]\nport = {PORT}\n") as running:
        yield running


def ask(path: str, *, method: str = "GET", port: int = PORT, **headers: str) -> Said:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request(method, path, headers=headers)
    reply: HTTPResponse = connection.getresponse()
    said = Said(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
    connection.close()
    return said


def raw(data: bytes) -> bytes:
    """All that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", PORT), PATIENCE_S) as client:
        client.sendall(data)
        return client.makefile("rb").read()


def test_metrics_for_prometheus(daemon: Daemon) -> None:
    said = ask("/metrics")
    assert said.status == 200
    assert said.headers["content-type"].startswith("text/plain; version=")
    names = {family.name for family in families(said.body.decode())}
    assert names >= {"semctx_health", "semctx_loop_lag_seconds", "semctx_connections"}


def test_the_dashboard_fetches_nothing_from_elsewhere(daemon: Daemon) -> None:
    said = ask("/")
    assert said.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in said.headers["content-security-policy"]
    assert b"http://" not in said.body
    assert b"https://" not in said.body


def test_health_is_what_the_socket_says(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    client.hover(repo, "shop/orders.py", 11, 30)
    said, health = json.loads(ask("/health").body), client.ask("health")
    assert {name: said[name] for name in ("status", "pid", "version")} == {
        name: health[name] for name in ("status", "pid", "version")
    }
    assert said["workspaces"][0]["root"] == str(repo)
    (server,) = json.loads(ask("/health/lsp").body)["servers"]
    assert (server["root"], server["name"], server["state"]) == (str(repo), "ty", "ready")
    state = json.loads(ask("/state?x=1").body)
    assert state["health"]["pid"] == daemon.pid
    assert str(repo) in state["metrics"]["workspaces"]


def test_a_server_that_ends_again_and_again_is_unavailable_to_probes(repo: Path, tmp_path: Path) -> None:
    port = free_port()
    config = f"[http]\nport = {port}\n" + configured(command("rude", "exits", tmp_path / "record"))
    with daemon_at(config=config, faulty=True) as daemon:
        client = daemon.client()
        hover: dict[str, Any] = {
            "textDocument": {"uri": f"file://{repo}/shop/orders.py"},
            "position": {"line": 1, "character": 1},
        }

        def fails(status: str) -> bool:
            client.fails("lsp/request", root=str(repo), method="textDocument/hover", params=hover)
            return bool(client.ask("health")["status"] == status)

        eventually(lambda: fails("degraded"), "it ended once")
        crashed = ask("/health/lsp", port=port)
        assert (crashed.status, json.loads(crashed.body)["status"]) == (200, "degraded")
        eventually(lambda: fails("failing"), "it is given up")
        for path in ("/health", "/health/lsp"):
            said = ask(path, port=port)
            assert (said.status, json.loads(said.body)["status"]) == (503, "failing")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "LOCALHOST:9464"])
def test_it_is_asked_by_the_names_of_this_machine(daemon: Daemon, host: str) -> None:
    assert ask("/health", Host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:80", "", "[::1]"])
def test_another_name_that_leads_here_reads_nothing(daemon: Daemon, host: str) -> None:
    said = ask("/state", Host=host)
    assert (said.status, b"workspaces" in said.body) == (403, False)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404 Not Found: there are /"),
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", b"405 Method Not Allowed"),
        (b"GET /health HTTP/1.1\r\n\r\n", b"400 Bad Request: "),
        (b"\x16\x03\x01\r\n\r\n", b"400 Bad Request: "),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 5_000_000, b"431 Request Header Fields Too Large"),
    ],
)
def test_what_cannot_be_served_is_told(daemon: Daemon, request_: bytes, status: bytes) -> None:
    head, _, body = raw(request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status.partition(b":")[0])
    assert body.startswith(status)


def test_a_client_that_says_no_more_is_answered(daemon: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", PORT), PATIENCE_S) as client:
        client.sendall(b"GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read().endswith(b"}")


def test_only_the_head_on_request(daemon: Daemon) -> None:
    head, _, body = raw(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b""


def test_a_request_in_pieces_and_with_more_behind_it(daemon: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", PORT), PATIENCE_S) as client:
        for piece in (b"GET /health HT", b"TP/1.1\r\nHost: local", b"host\r\n\r\nGET /state"):
            client.sendall(piece)
        assert client.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"


def test_there_are_at_most_so_many_connections(daemon: Daemon) -> None:
    clients = [socket.create_connection(("127.0.0.1", PORT), PATIENCE_S) for _ in range(64)]
    try:
        eventually(lambda: raw_or_reset() == b"", "one too many is sent away")
    finally:
        for client in clients:
            client.close()
    eventually(lambda: b"200 OK" in raw_or_reset(), "others are served again")


def raw_or_reset() -> bytes:
    try:
        return raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    except ConnectionError:
        return b""


def test_a_port_that_is_taken_is_a_reason_for_concern(daemon: Daemon) -> None:
    with daemon_at(config=f"[http]\nport = {PORT}\n") as other:
        health = other.client().ask("health")
        assert health["status"] == "degraded"
        assert f"[http] port {PORT} cannot be listened on: " in health["reasons"][0]


def test_a_fault_is_told_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "psutil.py").write_text("raise RuntimeError('password: hunter2')\n")
    port = free_port()
    with daemon_at(config=f"[http]\nport = {port}\n", env=importing(tmp_path), faulty=True) as daemon:
        said = ask("/health", port=port)
        assert (said.status, b"hunter2" in said.body) == (500, False)
        assert "page_failed" in daemon.log
