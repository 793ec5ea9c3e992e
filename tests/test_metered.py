"""What a real daemon counts of itself, its sessions and its index, and the ways to read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from tests.conftest import FILES, Daemon, daemon_at, eventually
from tests.zoo import command, configured

HOVER = ("shop/orders.py", 11, 30)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    """One for all tests, each of which has its own root."""
    with daemon_at(config="[log]\nslow_s = 0\n") as running:
        yield running


@pytest.fixture
def used(daemon: Daemon, repo: Path) -> Daemon:
    """It was asked each kind of question, some of them twice."""
    client = daemon.client()
    client.ask("metrics/reset")
    for _ in range(3):
        client.hover(repo, *HOVER)
        client.ask("symbols/find", root=str(repo), name="Order")
    client.fails("symbols/find", root=str(repo), name="Odrer")
    (repo / "shop/more.py").write_text("def more() -> None: ...\n")
    client.ask("symbols/find", root=str(repo), name="more")
    return daemon


def metrics(daemon: Daemon) -> Any:
    return daemon.client().ask("metrics/get")


def samples(daemon: Daemon) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """(name, labels) -> value of every sample of the Prometheus text."""
    said = daemon.client().ask("metrics/prometheus")
    assert said["content_type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families(said["text"])
        for sample in family.samples
    }


def test_what_was_asked_and_how_it_ended(used: Daemon, repo: Path) -> None:
    said = metrics(used)
    find, hover = said["operations"]["symbols/find"], said["operations"]["lsp/request"]
    assert (find["total"], find["cached"], find["error"], find["errors"]) == (5, 2, 1, {"SymbolNotFound": 1})
    assert (hover["total"], hover["cached"], hover["success"]) == (3, 2, 3)
    assert hover["buckets"]["10"] >= 2
    assert hover["p50_ms"] <= hover["p90_ms"] <= hover["p99_ms"] <= hover["max_ms"] <= hover["sum_ms"]
    assert said["under_way"] == 1  # this very request
    assert said["connections"] >= 1
    assert said["process"]["memory_bytes"] > 10_000_000
    assert said["process"]["open_files"] > 3
    eventually(lambda: metrics(used)["loop_lag"]["total"], "the lag is measured")


def test_sessions_with_what_each_was_asked(used: Daemon, repo: Path) -> None:
    sessions = {session["name"]: session for session in metrics(used)["workspaces"][str(repo)]["sessions"]}
    indexer, server = sessions["indexer"], sessions["ty"]
    assert indexer["operations"]["symbols/find"]["total"] == 3
    assert indexer["operations"]["symbols/find"]["errors"] == {"SymbolNotFound": 1}
    assert server["operations"]["textDocument/hover"]["success"] >= 1
    assert server["operations"]["initialize"]["total"] == 1
    assert server["state"] == "ready"
    assert server["interpreter"]
    for session in (indexer, server):
        assert session["memory_bytes"] > 1_000_000
        assert (session["pending"], session["unread_bytes"], session["restarts"]) == (0, 0, 0)


def test_the_index_and_the_guards_of_freshness(used: Daemon, repo: Path) -> None:
    workspace = metrics(used)["workspaces"][str(repo)]
    index = workspace["index"]
    assert index["files"] == sum(name.endswith(".py") for name in FILES) + 1
    assert index["symbols"] > 10
    assert index["updates"] >= 1
    assert workspace["flights"]["stored"] >= 3
    assert workspace["flights"]["not_yet_fresh"] == 0
    assert workspace["witness"]["missed"] == 0
    assert workspace["under_way"] == 0
    assert (workspace["cache"]["hits"], workspace["cache"]["by_method"]["symbols/find"]["misses"]) == (4, 3)

    def waited() -> bool:
        """A change is taken in while a request waits, unless the loop happened to read it a moment earlier."""
        (repo / "shop/more.py").write_text("def more() -> None: ...\n")
        client.ask("symbols/find", root=str(repo), name="more")
        return bool(client.ask("metrics/get")["workspaces"][str(repo)]["gate"]["total"])

    client = used.client()
    eventually(waited, "the gate had something to do")


def test_a_long_scan_says_how_far_it_is(daemon: Daemon, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"m{number}.py").write_text(f"def f{number}() -> None: ...\n" * 100)
    client = daemon.client()
    client.start("symbols/find", root=str(tmp_path), name="f7")
    seen: set[int] = set()

    def read() -> bool:
        workspace = metrics(daemon)["workspaces"].get(str(tmp_path))
        index = workspace["index"] if workspace else {"read": 0, "to_read": 0}
        seen.add(index["read"])
        return bool(index["read"] == index["to_read"] == 300)

    eventually(read, "the scan is done")
    assert len(seen) > 2, "in between, too"
    assert metrics(daemon)["workspaces"][str(tmp_path)]["index"]["scan_ms"] > 0


def test_counting_anew_keeps_what_is_state(used: Daemon, repo: Path) -> None:
    client = used.client()
    before = client.ask("metrics/get")
    assert client.ask("metrics/reset")["was_s"] > 0
    after = client.ask("metrics/get")
    assert set(after["operations"]) == {"metrics/reset"}
    assert after["cache"] == {**before["cache"], "hits": 0, "misses": 0, "hit_rate": 0, "by_method": {}} | {
        "evictions": 0,
        "invalidations": 0,
    }
    old, new = (said["workspaces"][str(repo)] for said in (before, after))
    assert set(new["flights"].values()) == {0}
    assert new["gate"]["total"] == 0
    assert all(session["operations"] == {} for session in new["sessions"])
    for name in ("epoch", "witness", "index", "folders"):
        assert new[name] == old[name]


def test_the_text_for_prometheus_says_the_same(used: Daemon, repo: Path) -> None:
    said, text = metrics(used), samples(used)
    root, hover = ("root", str(repo)), ("method", "lsp/request")

    def sample(name: str, *labels: tuple[str, str]) -> float:
        return text[name, frozenset(labels)]

    assert sample("semctx_health") == 0
    assert sample("semctx_request_duration_seconds_count", hover) == 3
    assert sample("semctx_request_duration_seconds_bucket", hover, ("le", "+Inf")) == 3
    assert sample("semctx_request_duration_seconds_sum", hover) == pytest.approx(
        said["operations"]["lsp/request"]["sum_ms"] / 1e3
    )
    assert sample("semctx_request_cached_total", hover) == 2
    assert sample("semctx_request_errors_total", ("method", "symbols/find"), ("error", "SymbolNotFound")) == 1
    assert sample("semctx_cache_lookups_total", root, ("method", "textDocument/hover"), ("result", "hit")) == 2
    assert sample("semctx_flights_total", root, ("how", "stored")) >= 3
    assert sample("semctx_index", root, ("what", "files")) == 5
    assert sample("semctx_index", root, ("what", "not_indexed")) == 0
    indexer = (root, ("session", "indexer"), ("interpreter", ""))
    assert sample("semctx_session_state", *indexer, ("state", "ready")) == 1
    find = ("method", "symbols/find")
    assert sample("semctx_session_request_duration_seconds_count", *indexer, find) == 3
    assert sample("semctx_session_request_errors_total", *indexer, find, ("error", "SymbolNotFound")) == 1
    assert all(name.startswith("semctx_") for name, _ in text)


def test_a_subscriber_is_told_each_second(used: Daemon, repo: Path) -> None:
    client = used.client()
    client.ask("events/subscribe", topics=["metrics", "health"])
    told = {message["method"]: message["params"] for message in (client.receive() for _ in range(4))}
    assert str(repo) in told["events/metrics"]["workspaces"]
    assert told["events/health"]["pid"] == used.pid


def test_slow_and_failed_requests_are_remembered_and_stand_out_in_the_log(repo: Path, tmp_path: Path) -> None:
    with daemon_at(config="[log]\nslow_s = 0.001\n" + configured(command("patient", tmp_path))) as daemon:
        client = daemon.client()
        client.ask("session/hello", client="me", protocol=1)
        (tmp_path / "1.go").write_text("")
        client.hover(repo, *HOVER)
        client.fails("symbols/find", root=str(repo), name="no such")
        recent = client.ask("metrics/get")["recent"]
        slow = next(one for one in recent if one["method"] == "lsp/request")
        failed = next(one for one in recent if one["method"] == "symbols/find")
        assert (slow["error"], slow["client"], failed["error"]) == ("", "me", "SymbolNotFound")
        assert slow["ms"] >= 1
        assert daemon.line(event="request", method="metrics/get")
        lines = daemon.events
        (line,) = (line for line in lines if line.get("method") == "lsp/request")
        assert (line["level"], line["slow"], line["request"]) == ("warning", True, slow["request"])
        numbers = [line["request"] for line in lines if line["event"] == "request"]
        assert len(set(numbers)) == len(numbers)


def of_request(daemon: Daemon, number: str) -> list[dict[str, Any]]:
    return [line for line in daemon.events if line.get("request") == number]


def test_one_request_can_be_followed_through_daemon_session_and_indexer(repo: Path, tmp_path: Path) -> None:
    with daemon_at(config="[context]\nenrich_s = 30\n") as daemon:
        client, other = daemon.client(), daemon.client()
        client.hover(repo, *HOVER)
        assert client.ask("log/level") == {"level": "info"}
        assert client.ask("log/level", level="debug") == {"level": "debug"}
        client.ask("context/query", root=str(repo), intent="parse a price")
        other.ask("context/query", root=str(repo), intent="validate an email", explain=True)
        number = daemon.line(event="request", method="context/query")["request"]
        steps = of_request(daemon, number)
        asked = [(line["event"], line["session"], line["method"]) for line in steps if "session" in line]
        assert ("asked", "indexer", "context/query") in asked
        assert ("answered", "indexer", "context/query") in asked
        assert ("asked", "ty", "textDocument/hover") in asked
        assert ("answered", "ty", "textDocument/hover") in asked
        answered = next(line for line in steps if line["event"] == "answered" and line["session"] == "indexer")
        assert 0 < answered["took_ms"] <= answered["ms"]
        (end,) = (line for line in steps if line["event"] == "request")
        assert (end["root"], end["ms"] >= answered["ms"]) == (str(repo), True)


def test_who_joins_says_whose_work_it_waits_for(repo: Path, tmp_path: Path) -> None:
    with daemon_at(config="[log]\nlevel = 'debug'\n" + configured(command("patient", tmp_path))) as daemon:
        client, other = daemon.client(), daemon.client()
        path, line, character = HOVER
        params = {
            "textDocument": {"uri": f"file://{repo}/{path}"},
            "position": {"line": line, "character": character},
        }
        for one in (client, other):
            one.start("lsp/request", root=str(repo), method="textDocument/hover", params=params)
            eventually((tmp_path / "1.asked").exists, "it is under way")
        eventually(lambda: '"joined"' in daemon.log, "the other waits, too")
        (tmp_path / "1.go").write_text("")
        assert client.receive()["result"] == other.receive()["result"]
        (joined,) = [event for event in daemon.events if event["event"] == "joined"]
        assert joined["work"] != joined["request"]
        assert any(event["event"] == "asked" for event in of_request(daemon, joined["work"]))


def test_a_slow_request_says_what_was_asked(repo: Path) -> None:
    with daemon_at(config="[log]\nslow_s = 0.000001\n") as daemon:
        client = daemon.client()
        client.ask("symbols/find", root=str(repo), name="Order")
        client.fails("symbols/find", root=str(repo), name="x" * 5000)
        eventually(lambda: daemon.log.count('"slow"') == 2, "both have their line")
        first, second = (line for line in daemon.events if line.get("method") == "symbols/find")
        assert json.loads(first["params"]) == {"root": str(repo), "name": "Order"}
        assert len(second["params"]) == 500


def test_a_session_that_ends_is_a_warning(repo: Path, tmp_path: Path) -> None:
    config = configured(command("rude", "exits", tmp_path / "record"))
    with daemon_at(config=config, faulty=True) as daemon:
        params = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}, "position": {"line": 1, "character": 1}}
        daemon.client().fails("lsp/request", root=str(repo), method="textDocument/hover", params=params)
        states = [line for line in daemon.events if line["event"] == "session"]
        crashed = next(line for line in states if line["state"] == "crashed")
        assert (crashed["level"], crashed["name"], crashed["root"]) == ("warning", "ty", str(repo))
        assert crashed["why"]


def test_the_log_can_be_subscribed_to(daemon: Daemon) -> None:
    client = daemon.client()
    client.ask("events/subscribe", topics=["log"])
    daemon.client().ask("health")
    while (message := client.receive())["params"]["method"] != "health":
        assert message["method"] == "events/log"
    assert message["params"]["event"] == "request"
