from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import semctx
from semctx.cli import main
from semctx.roots import path_in
from semctxd.index import knowledge
from tests.client.peer import HELLO, Peer, Talk, answering, error

META = {"elapsed_ms": 1.25, "cached": True}
SYMBOL = {
    "name": "check",
    "qualname": "Guard.check",
    "kind": "method",
    "file": "pkg/mod.py",
    "line": 3,
    "column": 4,
    "module": "pkg.mod",
    "signature": "def check(\n    self,\n) -> None",
    "doc": "Check it.\nReally.",
    "scope": "workspace",
}
CONTEXT = {
    "symbols": [
        {**SYMBOL, "confidence": 0.9, "breakdown": {"body": 0.2, "name": 0.7}},
        {**SYMBOL, "qualname": "Guard", "kind": "class", "signature": "class Guard", "doc": "", "confidence": 0.5},
        {**SYMBOL, "qualname": "LIMIT", "kind": "variable", "signature": "LIMIT = 3", "doc": "", "confidence": 0.1},
    ],
    "types": [1],
    "functions": [0],
    "files": [{"path": "pkg/mod.py", "score": 0.5, "why": "defines check"}],
    "imports": [
        {
            "module": "pkg",
            "names": ["mod"],
            "statement": "from pkg import mod",
            "count": 1,
            "evidence": ["a.py:1"],
            "checked": True,
        }
    ],
    "conventions": [{"key": "errors", "value": "ValueError", "count": 2, "of": 3, "evidence": []}],
    "keywords": ["check"],
    "source": "index",
    "enriched": True,
    "meta": META,
}
SESSION = {
    "name": "ty",
    "state": "ready",
    "why": "",
    "pid": 7,
    "interpreter": "/venv/bin/python",
    "restarts": 1,
    "memory_bytes": 3 * 1024 * 1024,
    "pending": 0,
}
HEALTH = {
    "status": "degraded",
    "reasons": ["the watch limit is reached: raise it"],
    "version": "9.9",
    "pid": 4242,
    "uptime_s": 7200.0,
    "memory_bytes": 1024 * 1024,
    "connections": 1,
    "workspaces": [
        {
            "root": "/r",
            "epoch": 5,
            "fresh": False,
            "degraded": ["a symlink leads outside"],
            "folders": 2,
            "not_indexed": {"count": 6, "files": ["a.py", "b.py", "c.py", "d.py", "e.py"]},
            "sessions": [SESSION, {**SESSION, "name": "indexer", "state": "failed", "pid": None, "why": "no memory"}],
        }
    ],
}
STATS = {
    "size": 1,
    "max_size": 10,
    "bytes": 1024,
    "max_bytes": 1024 * 1024,
    "hits": 3,
    "misses": 1,
    "hit_rate": 0.75,
    "evictions": 0,
    "invalidations": 2,
    "ttl_s": 300.0,
    "by_method": {"context/query": {"hits": 3, "misses": 1}},
}
OPERATION = {
    "total": 4,
    "success": 3,
    "error": 1,
    "cached": 2,
    "errors": {"Timeout": 1},
    "avg_ms": 1.0,
    "p50_ms": 1.0,
    "p99_ms": 2.0,
    "max_ms": 3.0,
}
METRICS = {
    "uptime_s": 90.0,
    "queries": {"total": 4, "success": 3, "error": 1, "cached": 2},
    "rates": {"success_rate": 0.75, "cache_hit_rate": 0.5},
    "operations": {"health": OPERATION},
    "cache": STATS,
    "workspaces": {
        "/r": {
            "epoch": 5,
            "index": {"files": 1, "symbols": 7},
            "gate": {"total": 3, "p50_ms": 0.25, "p99_ms": 0.5},
            "flights": {"joined": 8, "stored": 9},
            "witness": {"reports": 1, "missed": 0},
            "sessions": [
                {"name": "ty", "state": "ready", "operations": {"initialize": OPERATION}},
                {"name": "indexer", "state": "stopped", "operations": {}},
            ],
        }
    },
}
ANSWERS = {
    "context/query": CONTEXT,
    "files/relevant": {"files": CONTEXT["files"], "keywords": [], "meta": META, "degraded": ["no watching here"]},
    "symbols/find": {"symbols": [SYMBOL], "left_out": 2, "meta": {"elapsed_ms": 1.0, "cached": False}},
    "health": HEALTH,
    "metrics/get": METRICS,
    "metrics/reset": {"was_s": 90.0},
    "metrics/prometheus": {"content_type": "text/plain", "text": "semctx_health 0.0\n"},
    "cache/stats": STATS,
    "cache/clear": {"dropped": 4},
    "cache/invalidate": {"dropped": 1},
}


def run(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    assert main(argv) == code
    out, err = capsys.readouterr()
    assert not err
    return out


def fails(capsys: pytest.CaptureFixture[str], *argv: str, code: int) -> str:
    assert main(argv) == code
    out, err = capsys.readouterr()
    assert not out
    return err


def process(*argv: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "semctx.cli", *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_context(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering(ANSWERS))
    assert run(capsys, "context", "check it", "--explain").splitlines() == [
        "Types",
        "  0.50  pkg.mod.Guard  pkg/mod.py:3",
        "      class Guard",
        "",
        "Functions",
        "  0.90  pkg.mod.Guard.check  pkg/mod.py:3",
        "      def check(",
        "          self,",
        "      ) -> None",
        "      Check it.",
        "      name 0.70, body 0.20",
        "",
        "Other",
        "  0.10  pkg.mod.LIMIT  pkg/mod.py:3",
        "      LIMIT = 3",
        "",
        "Files",
        "  0.50  pkg/mod.py  defines check",
        "",
        "Imports",
        "  from pkg import mod  1 file  a.py:1",
        "",
        "Conventions",
        "  errors  ValueError  2 of 3",
        "",
        "1.25 ms, cached",
    ]


def test_what_is_asked(peer: Peer, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked: list[Any] = []
    heard = {method: lambda request, answer=answer: listen(request, answer) for method, answer in ANSWERS.items()}

    def listen(request: dict[str, Any], answer: Any) -> dict[str, Any]:
        asked.append(request["params"])
        return {"jsonrpc": "2.0", "id": request["id"], "result": answer}

    peer.plays(answering(heard))
    root = str(tmp_path)
    more = ("--root", root, "--file", f"{root}/a.py", "--signature", "def f()", "--limit", "2", "--explain")
    run(capsys, "context", "x", *more)
    run(capsys, "files", "x", *more)
    run(capsys, "find", "x", "--root", root, "--kind", "class", "--match", "fuzzy", "--limit", "2")
    run(capsys, "cache", "stats")
    run(capsys, "cache", "stats", "--root", root)
    run(capsys, "cache", "clear", "--root", root)
    run(capsys, "cache", "invalidate", "--root", root)
    run(capsys, "cache", "invalidate", f"{root}/a.py", "--root", root)
    common = {"root": root, "intent": "x", "signature": "def f()", "targetFile": "a.py"}
    assert asked == [
        {**common, "limits": {"symbols": 2}, "explain": True},
        {**common, "limits": {"files": 2}, "explain": True},
        {"root": root, "name": "x", "kind": "class", "match": "fuzzy", "limits": {"symbols": 2}},
        {},
        {"root": root},
        {"root": root},
        {"root": root},
        {"root": root, "file": "a.py"},
    ]


def test_a_prompt(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering(ANSWERS))
    assert run(capsys, "context", "check it", "--prompt").startswith("## Use these\n\n- pkg.mod.Guard.check (method,")
    assert run(capsys, "context", "check it", "--prompt", "--max-tokens", "1") == ""


def test_built_in_knowledge_is_called_so(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering({"context/query": {**CONTEXT, "source": "knowledge-base"}}))
    assert "built-in knowledge" in run(capsys, "context", "x")


def test_what_has_no_place_in_the_repository_has_no_counts(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    answer = knowledge.context(["json"], {})
    peer.plays(answering({"context/query": {**answer, "meta": META}}))
    shown = run(capsys, "context", "x").splitlines()
    assert "  0.10  json.loads" in shown
    assert "  import json" in shown
    assert not any("0 of 0" in line or "0 files" in line or ":1" in line for line in shown)


def test_an_intent_from_standard_input(
    peer: Peer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(talk: Talk) -> None:
        talk.hello()
        request = talk.read()
        assert request["params"]["intent"] == "check it"
        talk.reply(request, CONTEXT)

    peer.plays(script)
    monkeypatch.setattr(sys, "stdin", io.StringIO("check it\n"))
    run(capsys, "context", "-")


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("context",),
        ("context", " "),
        ("files", "-"),
        ("cache",),
        ("find", "x", "--kind", "planet"),
        ("logs", "-n", "0"),
        ("find", "x", "--limit", "many"),
        ("status", "--no-such-option"),
    ],
)
def test_wrong_usage(
    place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "usage: semctx" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [("context", "-"), ("check", "a.py")])
def test_standard_input_that_is_closed(
    place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in fails(capsys, *argv, code=1)


def test_a_text_without_end_is_not_read_to_its_end(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    refused = {"code/check": lambda request: error(request, "TextRefused", f"{len(request['params']['text'])} read")}
    peer.plays(answering(refused))
    assert "2000001 read" in fails(capsys, "check", "a.py", "--text", "/dev/zero", code=1)


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_standard_input_that_is_no_utf_8(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, errors: str
) -> None:
    """How it is read depends on the locale."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), "utf-8", errors))
    assert "standard input is no UTF-8" in fails(capsys, "check", "a.py", code=1)


def test_an_argument_that_is_no_utf_8(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering({}))
    assert r"'\udce9' is no text in UTF-8" in fails(capsys, "find", "caf\udce9", code=1)


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "9" * 20, "9" * 5000], ids=["0", "-1", "1.5", "20", "5000"])
def test_what_is_no_number_of_lines(capsys: pytest.CaptureFixture[str], number: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["logs", "-n", number])
    assert left.value.code == 2
    assert "is no positive number of at most nine digits" in capsys.readouterr().err


def test_files(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering(ANSWERS))
    assert run(capsys, "files", "check it").splitlines() == [
        "Files",
        "  0.50  pkg/mod.py  defines check",
        "",
        "degraded: no watching here",
        "1.25 ms, cached",
    ]


@pytest.mark.parametrize(("command", "method"), [("context", "context/query"), ("files", "files/relevant")])
def test_an_answer_that_says_little(peer: Peer, capsys: pytest.CaptureFixture[str], command: str, method: str) -> None:
    peer.plays(answering({method: {**ANSWERS[method], "hint": "Say it in other words."}}))
    assert "Say it in other words." in run(capsys, command, "xyzzy").splitlines()


def test_find(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering(ANSWERS))
    assert run(capsys, "find", "check").splitlines()[:2] == ["Symbols", "  pkg.mod.Guard.check  pkg/mod.py:3"]
    assert run(capsys, "find", "check").splitlines()[-2:] == ["2 more: see --limit", "1.00 ms"]


def test_an_answer_that_is_not_complete_says_so(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering({"symbols/find": {**ANSWERS["symbols/find"], "completeness": "indexing"}}))
    assert "not complete: the language server still reads the repository" in run(capsys, "find", "check").splitlines()


def test_an_answer_says_what_could_not_be_looked_into(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    missing = {"count": 1, "files": ["big.py"]}
    peer.plays(answering({"symbols/find": {**ANSWERS["symbols/find"], "not_indexed": missing}}))
    said = run(capsys, "find", "check").splitlines()
    assert "1 file not looked into, as too large, no text or not readable: big.py" in said


def test_status(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering(ANSWERS))
    assert run(capsys, "status").splitlines() == [
        "semctxd 9.9: degraded",
        "  process 4242, up 2.0 h, 1.0 MiB, 1 connection",
        "  1 answer kept, 0.0 MiB of 1.0 MiB, 75.0% of look-ups hit",
        "  /r  epoch 5",
        "    6 files not looked into, as too large, no text or not readable: a.py, b.py, c.py, d.py, e.py, …",
        "    ty       ready   3.0 MiB",
        "    indexer  failed  3.0 MiB  no memory",
    ]


def test_health(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering(ANSWERS))
    assert run(capsys, "health", code=1).splitlines() == [
        "degraded",
        "  the watch limit is reached: raise it",
        "/r",
        "  not fresh, epoch 5, 2 folders watched",
        "  degraded: a symlink leads outside",
        "  6 files not looked into, as too large, no text or not readable: a.py, b.py, c.py, d.py, e.py, …",
        "  ty       ready   process 7  3.0 MiB  1 restart  0 pending  /venv/bin/python",
        "  indexer  failed             3.0 MiB  1 restart  0 pending  /venv/bin/python  no memory",
    ]


def test_health_is_of_the_workspace_or_where_there_is_none_of_all(
    peer: Peer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def heard(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request["params"])
        if request["params"].get("root") == str(tmp_path):
            return error(request, "RootRefused")
        return {"jsonrpc": "2.0", "id": request["id"], "result": {**HEALTH, "workspaces": []}}

    peer.plays(*[answering({"health": heard})] * 3)
    monkeypatch.chdir(tmp_path)
    run(capsys, "health", "--root", "/r")
    run(capsys, "health")
    assert asked == [{"root": "/r"}, {"root": str(tmp_path)}, {}]
    assert "refused" in fails(capsys, "health", "--root", str(tmp_path), code=1)


def test_only_a_workspace_without_its_index_is_an_exit_code(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    served = {**HEALTH["workspaces"][0], "sessions": [{**SESSION, "state": "failed"}, {**SESSION, "name": "indexer"}]}
    failing = {**HEALTH, "status": "failing", "uptime_s": 3.0, "workspaces": [served]}
    peer.plays(answering({**ANSWERS, "health": failing}))
    assert run(capsys, "health").startswith("failing\n")
    assert json.loads(run(capsys, "health", "--json")) == failing
    assert "up 3.0 s" in run(capsys, "status")


def test_metrics(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering(ANSWERS))
    lines = run(capsys, "metrics").splitlines()
    assert lines[0] == "up 1.5 min"
    assert "  cache_hit_rate  50.0%" in lines
    assert "  health  4      1      2       1.00    2.00    3.00" in lines
    assert "  initialize  4      1      2       1.00    2.00    3.00" in lines
    assert "  indexed             1 file, 7 symbols" in lines
    assert "  gate                3 times, p50 0.25 ms, p99 0.50 ms" in lines
    assert "  stored              9" in lines
    assert run(capsys, "metrics", "--prometheus") == "semctx_health 0.0\n"
    assert run(capsys, "metrics", "--reset") == "what was counted for 1.5 min is counted anew\n"


def test_cache(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering(ANSWERS))
    lines = run(capsys, "cache", "stats").splitlines()
    assert "  hits           3 (75.0%)" in lines
    assert lines[-1] == "  context/query  3     1"
    assert run(capsys, "cache", "clear") == "dropped 4 stored answers\n"
    assert run(capsys, "cache", "invalidate", "pkg/mod.py") == "dropped 1 stored answers\n"


@pytest.mark.parametrize(
    ("argv", "method"),
    [
        (("context", "x"), "context/query"),
        (("context", "x", "--prompt"), "context/query"),
        (("files", "x"), "files/relevant"),
        (("find", "x"), "symbols/find"),
        (("status",), "health"),
        (("metrics",), "metrics/get"),
        (("cache", "stats"), "cache/stats"),
        (("cache", "clear"), "cache/clear"),
        (("cache", "invalidate"), "cache/invalidate"),
    ],
)
def test_json_is_the_result_of_the_method(
    peer: Peer, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], method: str
) -> None:
    peer.plays(answering(ANSWERS))
    assert json.loads(run(capsys, *argv, "--json")) == ANSWERS[method]


def test_an_error(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(
        answering({"symbols/find": lambda request: error(request, "SymbolNotFound", "no x", hint="h", nearest=["y"])})
    )
    assert fails(capsys, "find", "x", code=1) == "semctx: no x\n  nearest: y\n  h\n"
    assert json.loads(fails(capsys, "find", "x", "--json", code=1)) == {
        "error": {
            "code": -1,
            "message": "no x",
            "data": {"type": "SymbolNotFound", "hint": "h", "nearest": ["y"]},
        }
    }


def test_a_fault_of_the_daemon_can_be_found_in_its_log(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering({"health": lambda request: error(request, "InternalError", "oops", correlation_id="c1")}))
    err = fails(capsys, "status", code=1)
    assert "correlation id: c1" in err
    assert "daemon's log" in err
    data = json.loads(fails(capsys, "status", "--json", code=1))["error"]["data"]
    assert data["correlation_id"] == "c1"


@pytest.mark.parametrize("argv", [("status",), ("health",), ("stop",), ("context", "x", "--no-start")])
def test_no_daemon(place: str, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]) -> None:
    assert "no daemon listens on" in fails(capsys, *argv, code=3)


def test_no_daemon_may_be_started(
    place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMCTX_NO_START", "1")
    assert "no daemon listens on" in fails(capsys, "find", "x", code=3)


def test_start_finds_the_daemon_that_runs(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(lambda talk: talk.hello())
    assert run(capsys, "start") == "semctxd 9.9, protocol 1, runs as process 4242\n"
    assert json.loads(run(capsys, "start", "--json")) == HELLO


def stops(talk: Talk) -> None:
    request = talk.read()
    assert request["method"] == "daemon/stop", "another version's daemon can be stopped, too: no greeting"
    talk.reply(request, {"pid": 4242})


def test_stop_returns_when_the_daemon_has_left(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(stops)
    assert run(capsys, "stop") == "semctxd (process 4242) has left\n"
    assert json.loads(run(capsys, "stop", "--json")) == {"pid": 4242}


def test_a_daemon_that_does_not_leave(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    def stays(talk: Talk) -> None:
        stops(talk)
        talk.read()

    peer.plays(stays)
    assert "still finishes its work" in fails(capsys, "stop", "--timeout", "0.3", code=1)


def test_a_daemon_that_still_ends_its_children(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(stops)
    with open(os.environ["SEMCTX_SOCKET"] + ".lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "still finishes its work" in fails(capsys, "stop", "--timeout", "0.3", code=1)


def test_an_answer_that_takes_longer_than_it_may(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(lambda talk: (talk.hello(), talk.read(), talk.read()))
    err = fails(capsys, "find", "x", "--timeout", "0.1", code=1)
    assert "no reply within 0.1 s" in err
    assert "Retry with a longer time-out." in err


@pytest.mark.parametrize("text", ["soon", "nan", ""])
def test_a_time_out_that_is_no_number(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["find", "x", "--timeout", text])
    assert left.value.code == 2
    assert f"{text!r} is no number of seconds" in capsys.readouterr().err


def test_restart(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(stops, lambda talk: None, lambda talk: talk.hello(pid=4343))
    assert run(capsys, "restart") == "semctxd 9.9, protocol 1, runs as process 4343\n"


def test_restart_of_a_server(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering({"session/restart": {"names": ["ty"]}}), answering({"session/restart": {"names": []}}))
    assert run(capsys, "restart-server", "ty") == "started anew: ty\n"
    assert run(capsys, "restart-server") == "nothing runs there yet\n"


def test_restart_without_a_daemon_is_a_start(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no daemon listens on" in fails(capsys, "restart", "--no-start", code=3)


def test_a_restart_that_is_refused(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(answering({"daemon/stop": lambda request: error(request, "ShuttingDown")}))
    assert "daemon is leaving" in fails(capsys, "restart", code=1)


def test_version(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.plays(lambda talk: talk.hello(), lambda talk: talk.hello(protocol=2))
    line = f"semctx {semctx.__version__}, protocol 1\n"
    assert run(capsys, "version") == f"{line}semctxd 9.9, protocol 1, runs as process 4242\n"
    assert run(capsys, "version") == f"{line}semctx {semctx.__version__} speaks protocol 1, the daemon 9.9 " + (
        "(process 4242) speaks 2\n"
    )
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"semctx {semctx.__version__}\n"


def test_a_current_folder_that_is_gone(
    place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "the current directory is gone" in fails(capsys, "find", "x", "--no-start", code=1)
    assert "the current directory is gone" in fails(capsys, "find", "x", "--no-start", "--root", "sub", code=1)
    assert "Change to another directory" in fails(capsys, "doctor", "--no-start", "--root", "sub", code=1)
    assert "no daemon listens" in fails(capsys, "find", "x", "--no-start", "--root", "/r", code=3)
    assert path_in("/r", "a.py") == "a.py"


@pytest.mark.parametrize(("no_color", "colour"), [(None, True), ("1", False)])
def test_colour_on_a_terminal(peer: Peer, no_color: str | None, colour: bool) -> None:
    """And codes that a repository holds never reach it."""
    peer.plays(answering({"symbols/find": {**ANSWERS["symbols/find"], "symbols": [{**SYMBOL, "doc": "\x1b]0;owned"}]}}))
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "semctx.cli", "find", "check"]
    subprocess.run(command, stdout=theirs, env=env | ({"NO_COLOR": no_color} if no_color else {}), check=True)
    os.close(theirs)
    with open(ours, "rb", buffering=0) as terminal:
        out = b""
        while b" ms" not in out:
            out += terminal.read(4096)
    assert (b"\x1b[1mSymbols\x1b[0m" in out) is colour
    assert b"\x1b]0;" not in out
    assert "\ufffd]0;owned".encode() in out


def test_a_reader_that_leaves(peer: Peer) -> None:
    many = {**ANSWERS["symbols/find"], "symbols": [SYMBOL] * 10_000}
    peer.plays(answering({"symbols/find": many}))
    with process("find", "check") as command:
        assert command.stdout is not None and command.stderr is not None
        command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read() == ""
        assert command.wait() == 141


def test_an_interrupt(peer: Peer) -> None:
    child: list[subprocess.Popen[str]] = []

    def script(talk: Talk) -> None:
        talk.hello()
        request = talk.read()
        child[0].send_signal(signal.SIGINT)
        assert talk.read()["params"] == {"id": request["id"]}

    peer.plays(script)
    read, write = os.pipe()
    with process("context", "-", stdin=read) as command:
        child.append(command)
        os.write(write, b"check it")
        os.close(write)
        os.close(read)
        assert command.communicate() == ("", "")
        assert command.returncode == 130


def test_a_terminal_that_does_not_know_the_letters(peer: Peer) -> None:
    peer.plays(answering({"symbols/find": {**ANSWERS["symbols/find"], "symbols": [{**SYMBOL, "doc": "née"}]}}))
    with process("find", "x", env={**os.environ, "PYTHONIOENCODING": "ascii"}) as command:
        out, err = command.communicate()
    assert (command.returncode, err) == (0, "")
    assert "n\\xe9e" in out


def test_standard_output_is_closed(peer: Peer) -> None:
    peer.plays(answering(ANSWERS))
    command = f"exec {sys.executable} -m semctx.cli status --json >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_check_of_a_text_in_a_file(peer: Peer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[dict[str, Any]] = []
    added = {
        "range": {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 6}},
        "message": "no such name\ninfo: really",
        "file": "a.py",
        "source_line": "    xs",
        "nearest": ["x", "y"],
    }

    def checked(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request["params"])
        result = {"diagnostics": [added], "checked": 1, "left_out": 2, "meta": META}
        return {"jsonrpc": "2.0", "id": request["id"], "result": result}

    peer.plays(answering({"code/check": checked}))
    (tmp_path / "new.txt").write_bytes(b"x = 1\r\n")
    arguments = ["--root", str(tmp_path), "--text", str(tmp_path / "new.txt"), "--scope", "dependents"]
    assert main(["check", str(tmp_path / "a.py"), *arguments]) == 0
    assert asked == [{"root": str(tmp_path), "file": "a.py", "text": "x = 1\r\n", "scope": "dependents"}]
    out = capsys.readouterr().out
    assert "a.py:2:5: no such name\n    xs\n    nearest: x, y\n2 more" in out
    assert "1 diagnostic added, 1 file checked" in out
    (tmp_path / "new.txt").write_bytes(b"\xff")
    assert main(["check", "a.py", *arguments]) == 1
    assert "is no UTF-8" in capsys.readouterr().err
