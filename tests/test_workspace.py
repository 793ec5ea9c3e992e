"""A workspace in this process, where the gate can be made late at a chosen moment."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from semctx.errors import SemctxError
from semctxd import health
from semctxd.config.schema import Config, Daemon, Server
from semctxd.errors import NotYetFresh, RootNotFound
from semctxd.flights import Work
from semctxd.lsp.interpreter import Environment
from semctxd.lsp.requests import respell
from semctxd.rpc.methods import TABLE
from semctxd.rpc.queries import Routes
from semctxd.rpc.server import Connection
from semctxd.service import Service
from semctxd.workspace import Workspace
from tests.conftest import PATIENCE_S, daemon_at, sources, until
from tests.zoo import command

SYMBOLS = "textDocument/documentSymbol"


@asynccontextmanager
async def opened(root: Path, config: Config) -> AsyncIterator[tuple[Service, Workspace]]:
    async with anyio.create_task_group() as tasks:
        service = Service(sources(config), tasks)
        yield service, await service.workspaces.open(str(root))
        await service.drain()
        tasks.cancel_scope.cancel()


def late(tmp_path: Path) -> Config:
    """Any work at all is too much for the gate's deadline; the language server is patient."""
    return Config(
        daemon=Daemon(gate_deadline_s=1e-9), servers={"ty": Server(command=tuple(command("patient", tmp_path)))}
    )


def symbols(workspace: Workspace, file: str) -> Work:
    params = {"textDocument": {"uri": f"file://{workspace.root}/{file}"}}
    session = workspace.servers.session("python", "", Environment(path=os.environ["PATH"]))
    return workspace.lsp_work(session, SYMBOLS, respell(params, workspace.root, workspace.root))


async def test_a_gate_past_its_deadline_is_not_passed(repo: Path, tmp_path: Path) -> None:
    async with opened(repo, late(tmp_path)) as (service, workspace):
        workspace.pass_gate()
        (repo / "new").mkdir()
        with pytest.raises(NotYetFresh):
            workspace.pass_gate()
        assert workspace.counts["not_yet_fresh"] == 1
        await until(lambda: not workspace.trees.todo)  # finished between requests
        workspace.pass_gate()
        assert health.report(service)["workspaces"][0]["fresh"] is True


async def test_a_repeated_question_at_a_late_gate_is_not_answered_from_memory(repo: Path, tmp_path: Path) -> None:
    async with opened(repo, late(tmp_path)) as (service, workspace):
        path = str(tmp_path / "s")
        routes = Routes()
        server = await asyncio.get_running_loop().create_unix_server(lambda: Connection(service, routes, TABLE), path)
        reader, writer = await asyncio.open_unix_connection(path)
        find = {"jsonrpc": "2.0", "id": 1, "method": "symbols/find", "params": {"root": str(repo), "name": "Order"}}
        message = json.dumps(find).encode() + b"\n"
        for cached in (False, True, True):
            writer.write(message)
            assert json.loads(await reader.readline())["result"]["meta"]["cached"] is cached
        (connection,) = service.clients
        (repo / "new").mkdir()
        connection.data_received(message)  # in the same turn of the loop; tried once more, the gate is passed
        assert workspace.counts["not_yet_fresh"] == 1
        assert json.loads(await reader.readline())["result"]["meta"]["cached"] is False
        writer.close()
        server.close()


async def test_a_fault_in_a_query_ends_nothing_but_the_query(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(repo, Config()) as (service, _):
        path = str(tmp_path / "s")
        routes = Routes()
        server = await asyncio.get_running_loop().create_unix_server(lambda: Connection(service, routes, TABLE), path)
        reader, writer = await asyncio.open_unix_connection(path)
        find = {"jsonrpc": "2.0", "id": 1, "method": "symbols/find", "params": {"root": str(repo), "name": "Order"}}
        message = json.dumps(find).encode() + b"\n"
        with monkeypatch.context() as broken:
            broken.delattr(Workspace, "ask")
            writer.write(message)
            error = json.loads(await reader.readline())["error"]
        assert error["data"]["type"] == "InternalError"
        assert "ask" not in error["message"]
        writer.write(message)
        assert json.loads(await reader.readline())["result"]["symbols"]
        writer.close()
        server.close()


async def test_an_answer_that_lands_before_a_late_gate_is_not_given(repo: Path, tmp_path: Path) -> None:
    """The landing itself must pass the gate: what the server read may have changed just now."""
    async with opened(repo, late(tmp_path)) as (_, workspace):
        work = symbols(workspace, "shop/orders.py")
        asked = workspace.ask(work)
        await until((tmp_path / "1.asked").exists)
        flight = workspace._flights.newest[work.key]
        (repo / "new").mkdir()
        workspace._flights.landed(flight, b"[]", None)  # in the same turn of the loop: nothing was read in between
        answer = await asyncio.wait_for(asked, PATIENCE_S)
        assert isinstance(answer.error, NotYetFresh)
        assert workspace.counts["stored"] == 0


async def test_a_root_that_went_away_under_a_question(repo: Path, tmp_path: Path) -> None:
    config = Config(servers={"ty": Server(command=tuple(command("patient", tmp_path)))})
    async with opened(repo, config) as (_, workspace):
        asked = asyncio.ensure_future(workspace.answer(symbols(workspace, "shop/orders.py")))
        await until((tmp_path / "1.asked").exists)
        shutil.rmtree(repo)
        (tmp_path / "1.go").write_text("")
        with pytest.raises(RootNotFound):
            await asyncio.wait_for(asked, PATIENCE_S)


async def test_the_indexer_past_the_cache(repo: Path) -> None:
    async with opened(repo, Config()) as (_, workspace):
        found = await workspace.indexed("symbols/find", b'{"name":"Order"}')
        assert b'"Order"' in found
        with pytest.raises(SemctxError) as caught:
            await workspace.indexed("symbols/find", b'{"name":"Ordre"}')
        assert caught.value.type == "SymbolNotFound"
        assert "Order" in caught.value.nearest


def test_too_many_linked_files_are_said_and_nothing_is_kept(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "target.py").write_text("x = 1\n")
    (repo / "many").mkdir()
    for number in range(2001):
        (repo / f"many/m{number}.py").symlink_to(tmp_path / "target.py")
    with daemon_at() as daemon:
        client = daemon.client()
        params = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}}
        for _ in range(2):
            said = client.ask("lsp/request", root=str(repo), method=SYMBOLS, params=params)
            assert said["degraded"] == ["many-linked-files"]
            assert [symbol["name"] for symbol in said["result"]] == ["Order", "total"]
        stats = client.ask("cache/stats")
        assert (stats["size"], stats["hits"], stats["misses"]) == (0, 0, 2)
        report = client.ask("health")
        assert report["status"] == "degraded"
        assert "are links" in report["reasons"][0]


async def test_who_holds_a_server_of_an_earlier_configuration_does_not_start_it(repo: Path, tmp_path: Path) -> None:
    """It may be a program that is not trusted any more, and nobody would end it."""
    async with opened(repo, late(tmp_path)) as (_, workspace):
        work = symbols(workspace, "shop/orders.py")
        workspace.base(Config(servers={"ty": Server(command=tuple(command("patient", repo)))}))
        await until(lambda: not [*workspace.servers])
        answer = await asyncio.wait_for(workspace.ask(work), PATIENCE_S)
        assert answer.error
        assert answer.error.type == "ShuttingDown"
        assert not (tmp_path / "1.asked").exists()


async def test_a_daemon_that_drains_waits_for_a_workspace_that_is_being_closed(repo: Path, tmp_path: Path) -> None:
    async with anyio.create_task_group() as tasks:
        service = Service(sources(late(tmp_path)), tasks)
        workspace = await service.workspaces.open(str(repo))
        await workspace.indexed("statistics", b"{}")  # a child, whose end takes a moment
        await asyncio.gather(service.workspaces.close(workspace), service.workspaces.close(workspace), service.drain())
        assert workspace.closed
        assert workspace.indexer.pid is None
        tasks.cancel_scope.cancel()
