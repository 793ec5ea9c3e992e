"""Sessions behind the daemon: shared, keyed by the interpreter, visible, restarted, and ended when idle."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import PATIENCE_S, Daemon, Wire, daemon_at, eventually, importing
from tests.zoo import command, configured

HOVER = "textDocument/hover"


def hover(repo: Path, **more: object) -> dict[str, Any]:
    params = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}, "position": {"line": 11, "character": 30}}
    return {"root": str(repo), "method": HOVER, "params": params, **more}


@pytest.fixture
def daemon(shared: Daemon) -> Daemon:
    """One for all tests, each of which has its own root."""
    return shared


@pytest.fixture(scope="module")
def with_rude_servers() -> Iterator[Daemon]:
    with daemon_at(config=configured(command("rude", "../how", "../record"))) as running:
        yield running


@pytest.fixture
def rude(with_rude_servers: Daemon, repo: Path) -> Callable[[str], Wire]:
    """A client of a daemon whose language server for this root misbehaves as told."""

    def told(how: str) -> Wire:
        (repo.parent / "how").write_text(how)
        return with_rude_servers.client()

    return told


def kind(error: dict[str, Any]) -> str:
    return str(error["data"]["type"])


def environment(folder: Path) -> Path:
    """A virtual environment's bones; its python."""
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11\n")
    (folder / "bin/python").symlink_to(shutil.which("python3") or "")
    return folder / "bin/python"


def test_one_session_for_all_clients(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python3"
    python.symlink_to(sys.executable)
    clients = [daemon.client(headers=number % 2 == 0) for number in range(4)]
    for client in clients:
        client.ask("session/hello", client="test", protocol=1, env={"PATH": str(tmp_path / "bin")})
        assert "parse_price" in client.hover(repo, "shop/orders.py", 11, 30)
    [session] = clients[0].sessions(repo, "ty")
    assert session["state"] == "ready"
    assert psutil.pid_exists(session["pid"])
    assert session["memory_bytes"] > 1_000_000
    assert session["interpreter"] == str(python)


def test_another_interpreter_is_another_session(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    one, two, three = daemon.client(), daemon.client(), daemon.client()
    pythons = {str(environment(tmp_path / name)) for name in ("one", "two")}
    one.ask("session/hello", client="one", protocol=1, env={"VIRTUAL_ENV": str(tmp_path / "one")})
    two.ask("session/hello", client="two", protocol=1, env={"CONDA_PREFIX": str(tmp_path / "two")})
    three.ask("session/hello", client="three", protocol=1, env={"VIRTUAL_ENV": str(tmp_path / "one"), "PATH": "/x"})
    for client in (one, two, three):
        client.ask("lsp/request", **hover(repo))
    assert {session["interpreter"] for session in one.sessions(repo, "ty")} == pythons
    assert len(one.sessions(repo, "ty")) == 2


def test_a_virtual_environment_made_later(client: Wire, repo: Path, tmp_path: Path) -> None:
    (repo / "shop/use.py").write_text("from dep import value\n\nresult = value()\n")
    assert "int" not in client.hover(repo, "shop/use.py", 2, 10)
    python = environment(repo / ".venv")
    packages = repo / ".venv/lib/python3.11/site-packages/dep"
    packages.mkdir(parents=True)
    (packages / "__init__.py").write_text("def value() -> int: ...\n")
    for _ in range(2):
        assert "-> int" in client.hover(repo, "shop/use.py", 2, 10)
    assert str(python) in {session["interpreter"] for session in client.sessions(repo, "ty")}
    (repo / ".venv").rename(tmp_path / "venv")
    assert "-> int" not in client.hover(repo, "shop/use.py", 2, 10)
    (tmp_path / "venv").rename(repo / ".venv")
    assert "-> int" in client.hover(repo, "shop/use.py", 2, 10)


def test_a_virtual_environment_that_is_asked_about_while_it_is_made(client: Wire, repo: Path) -> None:
    (repo / "shop/use.py").write_text("from dep import value\n\nresult = value()\n")
    packages = repo / ".venv/lib/python3.11/site-packages/dep"
    packages.mkdir(parents=True)
    (packages / "__init__.py").write_text("def value() -> int: ...\n")
    (repo / ".venv/bin").mkdir()
    (repo / ".venv/pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11\n")
    for _ in range(3):
        assert "-> int" not in client.hover(repo, "shop/use.py", 2, 10)
    (repo / ".venv/bin/python").symlink_to(shutil.which("python3") or "")
    for _ in range(3):
        assert "-> int" in client.hover(repo, "shop/use.py", 2, 10)


def test_the_configured_interpreter_before_all(repo: Path, tmp_path: Path) -> None:
    configured_python = environment(tmp_path / "configured")
    environment(repo / ".venv")
    with daemon_at(config=f"[python]\ninterpreter = '{configured_python}'\n") as daemon:
        client = daemon.client()
        client.ask("lsp/request", **hover(repo))
        assert [session["interpreter"] for session in client.sessions(repo, "ty")] == [str(configured_python)]


def test_a_configured_interpreter_that_is_not_there(repo: Path) -> None:
    with daemon_at(config="[python]\ninterpreter = '/nowhere/python'\n") as daemon:
        client = daemon.client()
        error = client.fails("lsp/request", **hover(repo))
        assert kind(error) == "ServerUnavailable"
        assert "/nowhere/python" in error["message"]


def test_a_server_is_handed_the_interpreter_and_a_scrubbed_environment(repo: Path, tmp_path: Path) -> None:
    python = environment(repo / ".venv")
    env = {"SEMCTX_CANARY": "sings", "VIRTUAL_ENV": "/nowhere", "LD_LIBRARY_PATH": "/nowhere"}
    with daemon_at(env=env, config=configured(command("rude", "echoes", tmp_path / "record"))) as daemon:
        client = daemon.client()
        told = client.ask("lsp/request", **hover(repo))["result"]
        assert not {"SEMCTX_CANARY", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH"} & told["env"].keys()
        assert client.sessions(repo, "ty")[0]["interpreter"] == str(python)


def test_states_are_told_to_who_subscribed(daemon: Daemon, repo: Path) -> None:
    subscriber, client = daemon.client(), daemon.client()
    subscriber.ask("events/subscribe", topics=["sessions"])
    client.ask("lsp/request", **hover(repo))
    seen = []
    while ("ty", "ready") not in seen:
        event = subscriber.receive()
        assert event["method"] == "events/sessions"
        assert event["params"]["root"] == str(repo)
        seen.append((event["params"]["name"], event["params"]["state"]))
    assert [state for name, state in seen if name == "ty"] == ["starting", "ready"]
    os.kill(client.sessions(repo, "ty")[0]["pid"], signal.SIGKILL)
    event = subscriber.receive()["params"]
    assert (event["name"], event["state"]) == ("ty", "crashed")
    assert "exit code -9" in event["why"]


def test_a_crash_while_it_is_asked(rude: Callable[[str], Wire], repo: Path) -> None:
    one, two = rude("exits once"), rude("exits once")
    numbers = [(client, client.start("lsp/request", **hover(repo))) for client in (one, two)]
    for client, number in numbers:
        reply = client.receive()
        assert reply["id"] == number
        assert (reply["error"]["code"], kind(reply["error"])) == (-32021, "ServerCrashed")
    assert one.ask("lsp/request", **hover(repo))["result"] == "well again"
    assert one.sessions(repo, "ty")[0]["restarts"] == 1


def test_the_indexer_crashed(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    client.ask("symbols/find", root=str(repo), name="Order")
    os.kill(client.sessions(repo, "indexer")[0]["pid"], signal.SIGKILL)
    eventually(lambda: client.sessions(repo, "indexer")[0]["state"] == "crashed", "it is gone")
    health = client.ask("health")
    assert health["status"] in ("degraded", "failing")  # other roots of the same daemon may fare worse
    assert any(reason.startswith(f"{repo}: indexer ended, and is started again") for reason in health["reasons"])
    (repo / "shop/new.py").write_text("def brand_new(): ...\n")
    assert client.ask("symbols/find", root=str(repo), name="brand_new")["symbols"]
    assert client.sessions(repo, "indexer")[0]["restarts"] == 1


def test_the_indexer_crashed_too_often(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    for restarts in range(5):
        client.ask("files/relevant", root=str(repo), intent=f"parse price {restarts}")  # another question each time
        os.kill(client.sessions(repo, "indexer")[0]["pid"], signal.SIGKILL)
        eventually(lambda: client.sessions(repo, "indexer")[0]["restarts"] == restarts + 1, "it is gone")  # noqa: B023
    error = client.fails("context/query", root=str(repo), intent="parse a price")
    assert kind(error) == "IndexerFailed"
    assert "semctx restart" in error["data"]["hint"]
    assert client.ask("health")["status"] == "failing"


def test_the_indexer_ended_while_it_is_asked(daemon: Daemon, repo: Path) -> None:
    client, other = daemon.client(), daemon.client()
    other.ask("symbols/find", root=str(repo), name="Order")
    indexer = psutil.Process(other.sessions(repo, "indexer")[0]["pid"])
    indexer.suspend()
    client.start("context/query", root=str(repo), intent="parse a price")
    client.start("symbols/find", root=str(repo), name="total")
    eventually(lambda: other.sessions(repo, "indexer")[0]["pending"] == 2, "both are under way")
    indexer.kill()
    for _ in range(2):
        error = client.receive()["error"]
        assert (error["code"], kind(error)) == (-32023, "IndexerFailed")
    assert client.ask("symbols/find", root=str(repo), name="total")["symbols"]


def test_ignore_files_above_the_root_hold_in_the_index(client: Wire, repo: Path) -> None:
    subprocess.run(["git", "init", "-q", repo.parent], check=True)
    (repo / "generated").mkdir()
    (repo / "generated/code.py").write_text("def machine_made(): ...\n")
    assert client.ask("symbols/find", root=str(repo), name="machine_made")["symbols"]
    (repo.parent / ".gitignore").write_text("generated/\n")
    assert kind(client.fails("symbols/find", root=str(repo), name="machine_made")) == "SymbolNotFound"
    (repo.parent / ".gitignore").unlink()
    assert client.ask("symbols/find", root=str(repo), name="machine_made")["symbols"]


def test_a_server_that_never_starts(rude: Callable[[str], Wire], repo: Path) -> None:
    client = rude("exits at start")
    for _ in range(5):
        assert kind(client.fails("lsp/request", **hover(repo))) == "ServerCrashed"
    error = client.fails("lsp/request", **hover(repo))
    assert (error["code"], kind(error)) == (-32020, "ServerUnavailable")
    assert "no licence found" in error["message"]
    health = client.ask("health")
    assert health["status"] == "failing"
    assert any(str(repo) in reason and "no licence found" in reason for reason in health["reasons"])
    found = client.ask("context/query", root=str(repo), intent="parse a price")
    assert found["symbols"]
    assert found["enriched"] is False


def test_a_program_that_is_missing(repo: Path) -> None:
    with daemon_at(config=configured(["/nowhere/ty", "server"])) as daemon:
        client = daemon.client()
        error = client.fails("lsp/request", **hover(repo))
        assert (error["code"], kind(error)) == (-32020, "ServerUnavailable")
        assert error["data"]["hint"] == "Install it: pip install ty"
        health = client.ask("health")
        assert health["status"] == "degraded"
        assert health["reasons"] == [f"{repo}: python: {error['message']}"]
        found = client.ask("context/query", root=str(repo), intent="parse a price")
        assert found["symbols"]
        assert found["enriched"] is False


def test_a_library_that_is_broken_ends_in_an_error_at_once(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/pygls.py").write_text("raise RuntimeError('broken')\n")
    with daemon_at(env=importing(tmp_path / "lib")) as daemon:
        client = daemon.client()
        error = client.fails("lsp/request", **hover(repo))
        assert kind(error) == "ServerUnavailable"
        assert "RuntimeError('broken')" in error["message"]
        assert client.sessions(repo, "ty")[0]["state"] == "crashed"


def test_the_deadline_of_a_request(repo: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"
    config = "[daemon]\ndeadline_s = 1\n" + configured(command("rude", "hangs but once", record))
    with daemon_at(config=config) as daemon:
        client = daemon.client()
        eventually(lambda: "result" in client.call("lsp/request", **hover(repo)), "it has started")
        (repo / "shop/orders.py").write_text("")
        error = client.fails("lsp/request", **hover(repo))
        assert (error["code"], kind(error)) == (-32005, "DeadlineExceeded")
        eventually(lambda: "$/cancelRequest" in record.read_text(), "it is told to give up")


@pytest.mark.parametrize("how", ["garbage", "length too small"])
def test_a_server_that_speaks_no_lsp(rude: Callable[[str], Wire], repo: Path, how: str) -> None:
    error = rude(how).fails("lsp/request", **hover(repo))
    assert kind(error) == "ServerCrashed"
    assert "no LSP message" in error["message"]


def test_content_modified_is_asked_again(rude: Callable[[str], Wire], repo: Path) -> None:
    client = rude("content modified twice")
    assert client.ask("lsp/request", **hover(repo))["result"] == "settled"
    assert client.ask("metrics/get")["workspaces"][str(repo)]["flights"]["asked_again"] == 2


def test_content_modified_for_ever_is_an_error(rude: Callable[[str], Wire], repo: Path) -> None:
    client = rude("content modified")
    error = client.fails("lsp/request", **hover(repo))
    assert (kind(error), error["message"]) == (
        "ServerError",
        "ty drops the request again and again: the content changes",
    )
    record = (repo.parent / "record").read_text().splitlines()
    assert sum("orders.py" in line for line in record) == 7
    assert client.ask("cache/stats", root=str(repo))["size"] == 0


def test_idle_sessions_end_and_start_again_on_need(repo: Path) -> None:
    with daemon_at(config="[daemon]\nidle_session_s = 0.5\n") as daemon:
        client = daemon.client()
        client.ask("lsp/request", **hover(repo))
        eventually(lambda: not client.ask("health")["workspaces"], "the workspace is closed")
        eventually(lambda: not psutil.Process(daemon.pid).children(), "its sessions are ended")
        assert client.ask("lsp/request", **hover(repo))["result"]


def test_an_idle_session_beside_one_in_use(repo: Path) -> None:
    with daemon_at(config="[daemon]\nidle_session_s = 3\n") as daemon:
        client = daemon.client()
        client.ask("lsp/request", **hover(repo))
        [pid] = [session["pid"] for session in client.sessions(repo, "ty")]

        def gone() -> bool:
            client.ask("symbols/find", root=str(repo), name="Order")  # from memory: it uses the workspace alone
            return not psutil.pid_exists(pid)

        eventually(gone, "ty is ended")
        assert client.sessions(repo, "ty")[0]["state"] == "stopped"
        client.ask("cache/clear")
        assert client.ask("lsp/request", **hover(repo))["result"]
        assert client.sessions(repo, "ty")[0]["state"] == "ready"


def test_the_workspace_that_went_away(client: Wire, repo: Path) -> None:
    for _ in range(3):  # asked, then known by what it means, then by its very bytes
        client.ask("lsp/request", **hover(repo))
    shutil.move(repo, f"{repo}-away")
    assert kind(client.fails("lsp/request", **hover(repo))) == "RootNotFound"
    shutil.move(f"{repo}-away", repo)
    assert client.ask("lsp/request", **hover(repo))["result"]
    (repo / "shop/orders.py").write_text("value: int = 1\n")
    assert "Literal[1]" in client.hover(repo, "shop/orders.py", 0, 0)


def test_a_root_removed_and_made_again_while_the_server_works_in_it(client: Wire, repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(repo, other)
    (other / "shop/prices.py").write_text("def parse_price(text: str) -> bytes: ...\n")
    assert "-> Price" in client.hover(repo, "shop/orders.py", 11, 30)
    shutil.rmtree(repo)
    assert kind(client.fails("lsp/request", **hover(repo))) == "RootNotFound"
    shutil.copytree(other, repo)
    assert "-> bytes" in client.hover(repo, "shop/orders.py", 11, 30)
    (repo / "shop/prices.py").write_text("def parse_price(text: str) -> int: ...\n")
    assert "-> int" in client.hover(repo, "shop/orders.py", 11, 30)
    shutil.rmtree(repo)
    shutil.copytree(other, repo)
    assert "-> bytes" in client.hover(repo, "shop/orders.py", 11, 30)
    assert client.ask("symbols/find", root=str(repo), name="parse_price")["symbols"]


def test_the_cache_on_request(repo: Path) -> None:
    with daemon_at() as daemon:
        client = daemon.client()
        other = repo.parent / "other"
        shutil.copytree(repo, other)
        document = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}}
        client.ask("lsp/request", **hover(repo))
        client.lsp(repo, "textDocument/documentSymbol", document)
        client.ask("lsp/request", **hover(other))
        assert client.ask("cache/stats")["size"] == 3
        assert client.ask("cache/stats", root=str(repo))["size"] == 2
        assert client.ask("cache/stats", root=str(repo / "shop"))["size"] == 0  # not opened
        # the cross-file one
        assert client.ask("cache/invalidate", root=str(repo), file="shop/prices.py") == {"dropped": 1}
        assert client.ask("cache/invalidate", root=str(repo), file=f"{repo}/shop/orders.py") == {"dropped": 1}
        assert kind(client.fails("cache/invalidate", root=str(repo), file="/etc/hosts")) == "OutsideRoot"
        client.ask("lsp/request", **hover(repo))
        assert client.ask("cache/invalidate", root=str(repo)) == {"dropped": 1}
        assert client.ask("cache/clear", root=str(other)) == {"dropped": 1}
        client.ask("lsp/request", **hover(repo))
        client.ask("lsp/request", **hover(other))
        assert client.ask("cache/clear") == {"dropped": 2}
        stats = client.ask("cache/stats")
        assert (stats["size"], stats["bytes"], stats["invalidations"]) == (0, 0, 6)
        assert client.ask("lsp/request", **hover(repo))["result"]


def test_hits_are_counted_and_logged_on_request(repo: Path) -> None:
    with daemon_at(config="[log]\nhits = true\n") as daemon:
        client = daemon.client(headers=True)
        for _ in range(3):
            client.ask("lsp/request", **hover(repo))
        operation = client.ask("metrics/get")["operations"]["lsp/request"]
        assert (operation["total"], operation["success"], operation["cached"]) == (3, 3, 2)
        assert sum('"event": "hit"' in line for line in daemon.log.splitlines()) == 2


def test_a_server_killed_with_its_process_group(rude: Callable[[str], Wire], repo: Path) -> None:
    client = rude("leaves a child")
    grandchild = psutil.Process(client.ask("lsp/request", **hover(repo))["result"])
    os.kill(client.sessions(repo, "ty")[0]["pid"], signal.SIGKILL)
    grandchild.wait(PATIENCE_S)
