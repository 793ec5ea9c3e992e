from __future__ import annotations

import json
import math
import os
import signal
import socket
import threading
from typing import Any

import pytest

import semctx
from semctx import SemctxError, calls
from semctx.framing import MAX_FRAME_BYTES
from semctx.protocol import METHODS
from tests.client.peer import HELLO, Peer, Talk, answering, error, reply


def test_a_request_has_its_result(peer: Peer) -> None:
    peer.plays(answering({"health": {"status": "ok"}}))
    with semctx.connect() as daemon:
        assert daemon.daemon == HELLO
        assert daemon.request("health") == {"status": "ok"}
    assert peer.accepted == 1


def test_the_greeting_says_where_python_is(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, Any]] = []
    peer.plays(lambda talk: said.append(talk.hello()))
    monkeypatch.setenv("VIRTUAL_ENV", "/venv")
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    semctx.connect().close()
    peer.finish()
    assert said == [
        {
            "client": f"semctx-python/{semctx.__version__}",
            "protocol": 1,
            "env": {"VIRTUAL_ENV": "/venv", "PATH": os.environ["PATH"]},
        }
    ]


def test_without_a_greeting_the_first_line_is_the_request(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        request = talk.read()
        assert request == {"jsonrpc": "2.0", "method": "daemon/stop", "params": {}, "id": 1}
        talk.reply(request, {"pid": 1})
        assert stopped.wait(10)
        talk.send({"jsonrpc": "2.0", "method": "events/sessions", "params": {}})

    stopped = threading.Event()
    peer.plays(script)
    with semctx.connect(greet=False) as daemon:
        assert daemon.stop() == {"pid": 1}
        stopped.set()
        assert daemon.wait_closed(5)
        assert daemon.wait_closed(5), "closed already"


def test_waiting_for_an_end_that_does_not_come(peer: Peer) -> None:
    peer.plays(answering({}))
    with semctx.connect() as daemon:
        assert not daemon.wait_closed(0.01)


def test_every_method_has_a_typed_function(peer: Peer) -> None:
    asked: list[tuple[str, Any]] = []

    def script(talk: Talk) -> None:
        talk.hello()
        while True:
            request = talk.read()
            asked.append((request["method"], request["params"]))
            talk.reply(request, {})

    peer.plays(script)
    with semctx.connect("/r") as daemon:
        daemon.files("cache", limits={"files": 2}, explain=True)
        daemon.find("filter", kind="method", match="fuzzy")
        daemon.overview()
        daemon.diagnostics("a.py", limits={"places": 3})
        daemon.body("filter", file="a.py", kind="method")
        for ask in (daemon.definition, daemon.references, daemon.implementations, daemon.hover):
            ask(file="a.py", line=1, column=0)
        daemon.callers("filter")
        daemon.callees("filter", consistency="relaxed")
        daemon.check("a.py", "x = 1", scope="dependents")
        daemon.resolve("a.py", ("x", "y"))
        daemon.open_document("a.py", "x", version=1)
        daemon.change_document("a.py", 2, [{"text": "y"}])
        daemon.close_document("a.py")
        daemon.lsp("textDocument/hover", {"position": {}}, server="ty")
        daemon.health()
        daemon.health("/other")
        daemon.metrics()
        daemon.metrics_reset()
        daemon.metrics_prometheus()
        daemon.config("/other")
        daemon.config_reload()
        daemon.log_level("debug")
        daemon.cache_stats()
        daemon.cache_stats("/other")
        daemon.cache_invalidate("a.py")
        daemon.cache_clear()
        daemon.subscribe(["changes"])
        daemon.trust()
        daemon.trust_grant("0a")
        daemon.trust_revoke()
        daemon.trust_list()
        daemon.restart_server("ty")
        daemon.stop()
    assert asked == [
        ("files/relevant", {"root": "/r", "intent": "cache", "limits": {"files": 2}, "explain": True}),
        ("symbols/find", {"root": "/r", "name": "filter", "kind": "method", "match": "fuzzy"}),
        ("symbols/overview", {"root": "/r"}),
        ("diagnostics", {"root": "/r", "file": "a.py", "limits": {"places": 3}}),
        ("symbols/body", {"root": "/r", "name": "filter", "kind": "method", "file": "a.py"}),
        *(
            (f"symbols/{name}", {"root": "/r", "file": "a.py", "line": 1, "column": 0})
            for name in ("definition", "references", "implementations", "hover")
        ),
        ("symbols/callers", {"root": "/r", "name": "filter"}),
        ("symbols/callees", {"root": "/r", "name": "filter", "consistency": "relaxed"}),
        ("code/check", {"root": "/r", "file": "a.py", "text": "x = 1", "scope": "dependents"}),
        ("code/resolve", {"root": "/r", "file": "a.py", "names": ["x", "y"]}),
        ("document/open", {"root": "/r", "file": "a.py", "text": "x", "version": 1}),
        ("document/change", {"root": "/r", "file": "a.py", "version": 2, "changes": [{"text": "y"}]}),
        ("document/close", {"root": "/r", "file": "a.py"}),
        (
            "lsp/request",
            {"root": "/r", "method": "textDocument/hover", "params": {"position": {}}, "server": "ty"},
        ),
        ("health", {}),
        ("health", {"root": "/other"}),
        ("metrics/get", {}),
        ("metrics/reset", {}),
        ("metrics/prometheus", {}),
        ("config/get", {"root": "/other"}),
        ("config/reload", {}),
        ("log/level", {"level": "debug"}),
        ("cache/stats", {}),
        ("cache/stats", {"root": "/other"}),
        ("cache/invalidate", {"root": "/r", "file": "a.py"}),
        ("cache/clear", {}),
        ("events/subscribe", {"topics": ["changes"]}),
        ("trust/show", {"root": "/r"}),
        ("trust/grant", {"root": "/r", "sha256": "0a"}),
        ("trust/revoke", {"root": "/r"}),
        ("trust/list", {}),
        ("session/restart", {"root": "/r", "name": "ty"}),
        ("daemon/stop", {}),
    ]
    assert {method for method, _ in asked} | {"session/hello", "context/query"} == set(METHODS)


def test_context_is_a_semantic_context(peer: Peer) -> None:
    parts = ("symbols", "types", "functions", "files", "imports", "conventions", "keywords")
    meta = {"elapsed_ms": 1.0, "cached": True}
    peer.plays(
        answering({"context/query": {part: [] for part in parts} | {"source": "index", "enriched": True, "meta": meta}})
    )
    with semctx.connect() as daemon:
        context = daemon.context("cache a query set")
    assert isinstance(context, semctx.SemanticContext)
    assert (context.symbols, context.cached) == ((), True)


def test_parameters_that_are_not_given_are_not_sent() -> None:
    assert calls.context("/r", "x")[1] == {"root": "/r", "intent": "x"}
    assert calls.context("/r", "x", target_file="a.py", min_confidence=0.0)[1] == {
        "root": "/r",
        "intent": "x",
        "targetFile": "a.py",
        "minConfidence": 0.0,
    }


def test_an_error_is_raised_with_all_it_says(peer: Peer) -> None:
    peer.plays(
        answering(
            {"x": lambda request: error(request, "SymbolNotFound", "no y", hint="h", nearest=["z"], correlation_id="c")}
        )
    )
    with semctx.connect() as daemon, pytest.raises(SemctxError) as caught:
        daemon.request("x")
    assert (caught.value.type, caught.value.message, caught.value.hint) == ("SymbolNotFound", "no y", "h")
    assert (caught.value.nearest, caught.value.correlation_id, caught.value.code) == (["z"], "c", -1)


def test_notifications_that_come_between(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        request = talk.read()
        talk.send(
            {"jsonrpc": "2.0", "method": "events/changes", "params": {"epoch": 1}},
            reply({"id": 99}, "nobody asked for this"),
            reply(request, "first"),
            reply({"id": 99}, "nor for this"),
            {"jsonrpc": "2.0", "method": "events/changes", "params": {"epoch": 2}},
        )
        talk.reply(talk.read(), "second")

    peer.plays(script, script)
    heard: list[tuple[str, Any]] = []
    with semctx.connect(on_notification=lambda method, params: heard.append((method, params))) as daemon:
        assert [daemon.request("x"), daemon.request("x")] == ["first", "second"]
    assert heard == [("events/changes", {"epoch": 1}), ("events/changes", {"epoch": 2})]
    with semctx.connect() as daemon:
        assert daemon.request("x") == "first", "nobody wants to hear"


def test_a_reply_in_pieces(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        for byte in json.dumps(reply(talk.read(), "née")).encode() + b"\n":
            talk.raw(bytes((byte,)))

    peer.plays(script)
    with semctx.connect() as daemon:
        assert daemon.request("x") == "née"


def test_a_reply_as_large_as_one_may_be(peer: Peer) -> None:
    text = "a" * (MAX_FRAME_BYTES - 1000)
    peer.plays(answering({"x": text}))
    with semctx.connect() as daemon:
        assert daemon.request("x", timeout=60) == text


def test_a_time_out_cancels_the_request_and_its_late_reply_is_dropped(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        slow, cancel, quick = talk.read(), talk.read(), talk.read()
        assert cancel == {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": slow["id"]}}
        talk.send(error(slow, "Cancelled"), reply(quick, "quick"))

    peer.plays(script)
    with semctx.connect() as daemon:
        with pytest.raises(SemctxError, match=r"slow: no reply within 0\.01 s") as caught:
            daemon.request("slow", timeout=0.01)
        assert caught.value.type == "Timeout"
        assert daemon.request("quick") == "quick"
    assert peer.accepted == 1


def test_an_interrupt_cancels_the_request(peer: Peer) -> None:
    cancelled = threading.Event()

    def script(talk: Talk) -> None:
        talk.hello()
        request = talk.read()
        talk.send({"jsonrpc": "2.0", "method": "events/changes", "params": {}})
        assert talk.read()["params"] == {"id": request["id"]}
        cancelled.set()

    peer.plays(script)
    # the notification is there to have the signal come while the reply is waited for
    with semctx.connect(on_notification=lambda method, params: signal.raise_signal(signal.SIGINT)) as daemon:
        with pytest.raises(KeyboardInterrupt):
            daemon.request("x")
        assert cancelled.wait(10)


@pytest.mark.parametrize(
    "last",
    [b"", b'{"jsonrpc":"2.0","id":2,"res', b"this is no JSON\n", b"[1]\n"],
    ids=["nothing", "half a reply", "no JSON", "no object"],
)
def test_a_daemon_that_goes_or_is_none(peer: Peer, last: bytes) -> None:
    def dies(talk: Talk) -> None:
        talk.hello()
        talk.read()
        talk.raw(last)

    peer.plays(dies, answering({"x": "again"}))
    with semctx.connect() as daemon:
        with pytest.raises(SemctxError) as caught:
            daemon.request("x")
        assert caught.value.type == "ConnectionLost"
        assert daemon.request("x") == "again"
    assert peer.accepted == 2


def test_a_reply_that_is_too_long(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        talk.read()
        talk.raw(b"a" * (MAX_FRAME_BYTES + 2))

    peer.plays(script)
    with semctx.connect() as daemon, pytest.raises(SemctxError, match="message over") as caught:
        daemon.request("x", timeout=60)
    assert caught.value.type == "ConnectionLost"


def test_a_connection_that_the_daemon_left_idle_is_made_again_unnoticed(peer: Peer) -> None:
    left = threading.Event()

    def leaves(talk: Talk) -> None:
        talk.hello()
        talk.socket.shutdown(socket.SHUT_RDWR)
        left.set()

    peer.plays(leaves, answering({"x": 1}))
    with semctx.connect() as daemon:
        assert left.wait(10)
        assert daemon.request("x") == 1


def test_a_connection_that_was_reset_while_idle_is_made_again(peer: Peer) -> None:
    given_up, left = threading.Event(), threading.Event()

    def resets(talk: Talk) -> None:
        talk.hello()
        assert given_up.wait(10)
        talk.file.close()
        talk.socket.close()  # with a request unread in it: what the client meets is ECONNRESET
        left.set()

    peer.plays(resets, answering({"x": 1}))
    with semctx.connect() as daemon:
        with pytest.raises(SemctxError, match="no reply"):
            daemon.request("x", timeout=0.01)
        given_up.set()
        assert left.wait(10)
        assert daemon.request("x") == 1


def resets(talk: Talk) -> None:
    """Leave with a request unread."""
    talk.hello()
    assert talk.socket.recv(1, socket.MSG_PEEK)


def test_a_connection_that_is_reset_under_a_request(peer: Peer) -> None:
    peer.plays(resets)
    with semctx.connect() as daemon, pytest.raises(SemctxError) as caught:
        daemon.request("x")
    assert caught.value.type == "ConnectionLost"


def test_an_interrupt_in_the_middle_of_a_request_ends_the_connection(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        assert talk.socket.recv(1, socket.MSG_PEEK)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    peer.plays(script, answering({"x": 1}))
    with semctx.connect() as daemon:
        with pytest.raises(KeyboardInterrupt):
            daemon.request("x", {"text": "a" * 10_000_000})
        assert daemon.request("x") == 1


def test_listening_hears_notifications_until_the_connection_ends(peer: Peer) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        ready.wait(10)
        talk.send({"jsonrpc": "2.0", "method": "events/sessions", "params": {"number": 1}})

    ready = threading.Event()  # or it might be heard with the answer to hello
    heard: list[Any] = []
    peer.plays(script)
    with semctx.connect(on_notification=lambda method, params: heard.append((method, params))) as daemon:
        ready.set()
        with pytest.raises(SemctxError) as lost:
            daemon.listen()
        daemon.close()
        with pytest.raises(SemctxError) as caught:
            daemon.listen()
    assert heard == [("events/sessions", {"number": 1})]
    assert (lost.value.type, caught.value.type) == ("ConnectionLost", "ConnectionLost")


def test_what_was_not_read_of_a_daemon_that_left_hides_nothing(peer: Peer) -> None:
    left = threading.Event()

    def leaves(talk: Talk) -> None:
        talk.hello()
        talk.send({"jsonrpc": "2.0", "method": "events/sessions", "params": {}})
        talk.socket.shutdown(socket.SHUT_RDWR)
        left.set()

    peer.plays(leaves, answering({"x": 1}))
    with semctx.connect() as daemon:
        assert left.wait(10)
        assert daemon.request("x") == 1


def test_the_daemon_goes_before_the_request_is_out(peer: Peer) -> None:
    peer.plays(resets)
    with semctx.connect() as daemon, pytest.raises(SemctxError, match="lost: ") as caught:
        daemon.request("x", {"text": "a" * 10_000_000})
    assert caught.value.type == "ConnectionLost"
    assert peer.accepted == 2, "it asks another once"


def test_a_daemon_that_takes_nothing(peer: Peer) -> None:
    done = threading.Event()
    peer.plays(lambda talk: (talk.hello(), done.wait(10)), answering({"x": 1}))
    with semctx.connect() as daemon:
        with pytest.raises(SemctxError) as caught:  # half of the request is out: the connection is of no more use
            daemon.request("x", {"text": "a" * 10_000_000}, timeout=0.2)
        assert caught.value.type == "Timeout"
        assert daemon.request("x") == 1
        done.set()


def test_a_daemon_that_takes_not_even_the_cancellation(peer: Peer) -> None:
    done = threading.Event()

    def fills(talk: Talk) -> None:
        talk.hello()
        done.wait(10)

    peer.plays(fills, answering({"x": 1}))
    with semctx.connect() as daemon:
        room = 0
        while True:  # requests that time out fill the socket, until one, or the end of one, does not fit
            with pytest.raises(SemctxError) as caught:
                daemon.request("x", {"text": "a" * 1000}, timeout=0.001)
            assert caught.value.type == "Timeout"
            room += 1
            if daemon._socket is None:
                break
        assert room > 1
        done.set()
        assert daemon.request("x") == 1


@pytest.mark.parametrize("timeout", [0, -1, -math.inf])
def test_no_time_left(peer: Peer, timeout: float) -> None:
    peer.plays(answering({}))
    with semctx.connect() as daemon:
        assert not daemon.wait_closed(timeout)
        for ask in (lambda: daemon.request("x", timeout=timeout), lambda: semctx.connect(timeout=timeout)):
            with pytest.raises(SemctxError, match="no reply within 0 s") as caught:
                ask()
            assert caught.value.type == "Timeout"


@pytest.mark.parametrize("timeout", ["5", math.nan, [1]])
def test_a_time_out_that_is_no_number(peer: Peer, timeout: Any) -> None:
    peer.plays(answering({"x": 1}))
    with semctx.connect() as daemon:
        for ask in (
            lambda: semctx.connect(timeout=timeout),
            lambda: daemon.request("x", timeout=timeout),
            lambda: daemon.wait_closed(timeout),
        ):
            with pytest.raises(SemctxError, match="a time-out is a number of seconds, not ") as caught:
                ask()
            assert caught.value.type == "InvalidParams"
            assert "such as 30" in caught.value.hint
        assert daemon.request("x") == 1
    nothing: Any = None  # of a request it is the connection's own
    with pytest.raises(SemctxError, match="not None"):
        semctx.connect(timeout=nothing)


@pytest.mark.parametrize("timeout", [math.inf, 1e300, 10**400], ids=["inf", "large", "no float"])
def test_a_time_out_of_as_long_as_it_takes(peer: Peer, timeout: float) -> None:
    peer.plays(answering({"x": 1}), lambda talk: talk.hello())
    with semctx.connect(timeout=timeout) as daemon:
        assert daemon.request("x") == daemon.request("x", timeout=timeout) == 1
    with semctx.connect() as daemon:
        assert daemon.wait_closed(timeout)


def test_a_reply_to_what_could_not_be_read_fails_the_request(peer: Peer) -> None:
    peer.plays(answering({"x": lambda request: error({"id": None}, "ParseError", "no JSON")}))
    with semctx.connect() as daemon, pytest.raises(SemctxError) as caught:
        daemon.request("x")
    assert caught.value.type == "ParseError"


@pytest.mark.parametrize("bad", [math.nan, object(), "\ud800"], ids=["not a number", "an object", "half a letter"])
def test_parameters_that_are_no_json(peer: Peer, bad: object) -> None:
    peer.plays(answering({"x": 1}))
    with semctx.connect() as daemon:
        with pytest.raises(SemctxError, match="are no JSON") as caught:
            daemon.request("x", {"bad": bad})
        assert caught.value.type == "InvalidParams"
        assert daemon.request("x") == 1


def test_a_request_over_the_cap_is_not_sent(peer: Peer) -> None:
    peer.plays(answering({"x": 1}))
    with semctx.connect() as daemon:
        with pytest.raises(SemctxError, match="at most") as caught:
            daemon.request("x", {"text": "a" * MAX_FRAME_BYTES})
        assert caught.value.type == "InvalidParams"
        assert daemon.request("x") == 1


def test_versions_that_differ(peer: Peer) -> None:
    peer.plays(lambda talk: talk.hello(protocol=2))
    with pytest.raises(SemctxError, match=r"speaks protocol 1, the daemon 9\.9 \(process 4242\) speaks 2") as caught:
        semctx.connect()
    assert caught.value.type == "VersionMismatch"
    assert "semctx restart" in caught.value.hint


def test_a_daemon_that_refuses_the_greeting(peer: Peer) -> None:
    peer.plays(answering_hello_with_error)
    with pytest.raises(SemctxError, match="go away"):
        semctx.connect()


def ends(talk: Talk) -> None:
    talk.read()


def leaves(talk: Talk) -> None:
    talk.send(error(talk.read(), "ShuttingDown"))


@pytest.mark.parametrize("dying", [ends, leaves, lambda talk: None], ids=["ends", "says so", "resets"])
def test_a_daemon_that_leaves_when_it_is_greeted_is_followed_by_another(peer: Peer, dying: Any) -> None:
    peer.plays(dying, answering({"x": 1}))
    with semctx.connect() as daemon:
        assert daemon.request("x") == 1
    assert peer.accepted == 2


def test_daemons_that_all_leave_when_they_are_greeted(peer: Peer) -> None:
    peer.plays(ends)
    with pytest.raises(SemctxError) as caught:
        semctx.connect()
    assert (caught.value.type, peer.accepted) == ("ConnectionLost", 2)


def answering_hello_with_error(talk: Talk) -> None:
    talk.send(error(talk.read(), "VersionMismatch", "go away"))


def test_the_public_names() -> None:
    assert semctx.SemctxError is SemctxError
    assert all(hasattr(semctx, name) for name in semctx.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = semctx.nothing


def test_the_root_is_absolute(peer: Peer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    peer.plays(answering({}))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "src").mkdir()
    with semctx.connect("src") as daemon:
        assert daemon.root == str(tmp_path / "src")
    monkeypatch.chdir(tmp_path / "src")
    with semctx.connect() as daemon:
        assert daemon.root == str(tmp_path)
