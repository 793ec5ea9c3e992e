"""The configuration of a running daemon: what holds, from where, and what reading it again changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PATIENCE_S, Daemon, Wire, daemon_at, eventually, importing, manager_at
from tests.zoo import command, configured


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with daemon_at(config="[cache]\nttl_s = 100\n", env={"SEMCTX_DAEMON_DRAIN_S": "3"}) as running:
        yield running


def values(client: Wire, **params: str) -> dict[str, tuple[Any, str]]:
    return {one["key"]: (one["value"], one["source"]) for one in client.ask("config/get", **params)["values"]}


def semctx(daemon: Daemon, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "semctx.cli", *argv], env=daemon.env, capture_output=True, text=True, timeout=PATIENCE_S
    )


def file_of(daemon: Daemon) -> str:
    return str(daemon.place / "config" / "semctx" / "config.toml")


def logged(daemon: Daemon, event: str) -> list[dict[str, Any]]:
    return [line for line in daemon.events if line["event"] == event]


def test_each_setting_says_where_it_comes_from(daemon: Daemon, repo: Path) -> None:
    (repo / ".semctx.toml").write_text("[context]\n\nenrich_symbols = 3\n[python]\ninterpreter = '/bin/true'\n")
    client = daemon.client()
    found = values(client)
    assert found["cache.ttl_s"] == (100, f"{file_of(daemon)}:2")
    assert found["daemon.drain_s"] == (3, "SEMCTX_DAEMON_DRAIN_S")
    assert found["cache.max_entries"] == (10000, "default")
    assert found["context.enrich_symbols"] == (8, "default")
    of_root = values(client, root=str(repo))
    assert of_root["context.enrich_symbols"] == (3, f"{repo}/.semctx.toml:3")
    assert of_root["python.interpreter"] == ("", "default"), "it names a program, and is not trusted"
    shown = semctx(daemon, "config", "show", "--root", str(repo)).stdout.splitlines()
    assert shown[0] == file_of(daemon)
    assert ["context.enrich_symbols", "3", f"{repo}/.semctx.toml:3"] in [line.split() for line in shown]


def test_what_has_changed_holds_at_once(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    for name in ("Order", "Price"):
        client.ask("symbols/find", root=str(repo), name=name)
    daemon.configure(
        "[cache]\nttl_s = 50\nmax_entries = 1\n[log]\nhits = true\nlevel = 'debug'\n[http]\nport = 1\n"
        "[daemon]\nmax_batch = 1\n"
    )
    changed = {change.pop("key"): change for change in client.ask("config/reload")["changed"]}
    assert changed == {
        "cache.max_entries": {"old": 10000, "new": 1, "restart": False},
        "cache.ttl_s": {"old": 100, "new": 50, "restart": False},
        "daemon.max_batch": {"old": 100, "new": 1, "restart": False},
        "http.port": {"old": 0, "new": 1, "restart": True},
        "log.hits": {"old": False, "new": True, "restart": False},
        "log.level": {"old": "info", "new": "debug", "restart": False},
    }
    stats = client.ask("cache/stats")
    assert (stats["size"], stats["max_size"], stats["ttl_s"], stats["evictions"]) == (1, 1, 50, 1)
    client.ask("symbols/find", root=str(repo), name="Price")
    eventually(lambda: logged(daemon, "hit"), "the hit is logged")
    client.send([{"jsonrpc": "2.0", "id": 1, "method": "health"}] * 2)
    assert client.receive()["error"]["data"]["type"] == "InvalidRequest"
    again = semctx(daemon, "config", "reload")
    assert again.stdout == "nothing has changed\n"
    daemon.configure("")
    said = semctx(daemon, "config", "reload").stdout.splitlines()
    assert ["http.port", "1", "->", "0", "after", "`semctx", "restart`"] in [line.split() for line in said]


def test_another_server_answers_from_now_on(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    client = daemon.client()
    hover = ("shop/orders.py", 11, 30)
    before = client.hover(repo, *hover)
    assert "parse_price" in before
    (tmp_path / "1.go").write_text("")
    daemon.configure(configured(command("patient", tmp_path)))
    client.ask("config/reload")
    assert client.hover(repo, *hover) == (repo / "shop/orders.py").read_text()


def test_a_deadline_holds_for_sessions_that_run(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    client = daemon.client()
    patient = configured(command("patient", tmp_path))
    daemon.configure(patient)
    client.ask("config/reload")
    (tmp_path / "1.go").write_text("")
    client.hover(repo, "shop/orders.py", 11, 30)
    pid = client.sessions(repo, "ty")[0]["pid"]
    daemon.configure(patient + "[daemon]\ndeadline_s = 0.2\n")
    client.ask("config/reload")
    params = {"textDocument": {"uri": f"file://{repo}/shop/prices.py"}, "position": {"line": 1, "character": 1}}
    error = client.fails("lsp/request", root=str(repo), method="textDocument/hover", params=params)
    assert error["data"]["type"] == "DeadlineExceeded"
    assert client.sessions(repo, "ty")[0]["pid"] == pid


def test_a_wrong_one_is_refused_with_its_line_and_the_old_one_stays(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.configure("[cache]\nttl_s = 7\n[http]\nprt = 7\n")
    problem = f"{file_of(daemon)}:4: [http] has no prt; allowed are port"
    error = client.fails("config/reload")
    assert (error["data"]["type"], error["message"]) == ("ConfigRefused", problem)
    assert client.ask("cache/stats")["ttl_s"] == 100
    health = client.ask("health")
    assert health["status"] == "degraded"
    assert health["reasons"][0].startswith(problem)
    check = semctx(daemon, "config", "check")
    assert (check.returncode, check.stdout) == (1, problem + "\n")
    daemon.configure("[cache]\nttl_s = 7\n")
    client.ask("config/reload")
    assert client.ask("cache/stats")["ttl_s"] == 7
    assert client.ask("health")["status"] == "ok"
    check = semctx(daemon, "config", "check", "--json")
    assert (check.returncode, json.loads(check.stdout)) == (0, {"problems": []})
    assert semctx(daemon, "config", "check").stdout == "the configuration is right\n"


def test_a_restart_with_a_wrong_one_leaves_the_daemon_running(daemon: Daemon, tmp_path: Path) -> None:
    daemon.configure("[cache]\nttl_s = 7\n[http]\nprt = 7\n")
    restart = semctx(daemon, "restart")
    problem = f"{file_of(daemon)}:4: [http] has no prt; allowed are port"
    assert (restart.returncode, restart.stdout) == (1, "")
    assert restart.stderr.startswith(f"semctx: {problem}\n")
    assert "nothing was stopped" in restart.stderr
    assert daemon.client().ask("cache/stats")["ttl_s"] == 100
    assert daemon.client().ask("health")["pid"] == daemon.pid


@pytest.mark.parametrize(("broken", "why"), [("raise ImportError('gone')", "ImportError: gone"), ("exit(7)", "code 7")])
def test_a_restart_with_a_broken_program_leaves_the_daemon_running(
    daemon: Daemon, tmp_path: Path, broken: str, why: str
) -> None:
    (tmp_path / "msgspec.py").write_text(broken)
    daemon.env.update(importing(tmp_path))
    restart = semctx(daemon, "restart", "--json")
    error = json.loads(restart.stderr)["error"]
    assert (restart.returncode, error["data"]["type"]) == (3, "DaemonUnavailable")
    assert why in error["message"]
    assert daemon.client().ask("health")["pid"] == daemon.pid


def test_a_workspace_s_file_is_checked_too(daemon: Daemon, repo: Path) -> None:
    (repo / ".semctx.toml").write_text("[context]\nenrich = 1\n")
    check = semctx(daemon, "config", "check", "--root", str(repo))
    assert check.returncode == 1
    assert check.stdout.startswith(f"{repo}/.semctx.toml:2: [context] has no enrich")


def test_a_hang_up_has_it_read_again_and_the_manager_is_told(tmp_path: Path) -> None:
    with (
        manager_at(tmp_path / "notify") as manager,
        daemon_at(env={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as daemon,
    ):

        def next_state() -> list[bytes]:
            while (words := manager.recv(4096).split(b"\n"))[0].startswith(b"STATUS="):
                pass
            return words

        assert next_state() == [b"READY=1"]
        for toml, event in (("[cache]\nttl_s = 9\n", "reloaded"), ("[cache]\nttl_s = -9\n", "reload_refused")):
            daemon.configure(toml)
            os.kill(daemon.pid, signal.SIGHUP)
            reloading = next_state()
            assert reloading[0] == b"RELOADING=1"
            assert reloading[1].startswith(b"MONOTONIC_USEC=")
            assert next_state() == [b"READY=1"]
            (line,) = eventually(lambda event=event: logged(daemon, event), event)
            assert "cache.ttl_s" in json.dumps(line)
        assert daemon.client().ask("cache/stats")["ttl_s"] == 9


def test_flags_of_the_daemon(daemon: Daemon) -> None:
    daemon.stop()
    done = subprocess.run(
        [sys.executable, "-m", "semctxd", "--detach", "--set", "cache.ttl_s=11", "--set", "log.level=debug"],
        env=daemon.env,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0
    client = daemon.client()
    assert values(client)["cache.ttl_s"] == (11, "--set cache.ttl_s")
    client.ask("daemon/stop")
    eventually(lambda: not os.path.exists(daemon.socket), "it has left")
