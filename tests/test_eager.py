"""watchfiles as the second witness, and as the only watcher where there is no inotify."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from semctxd import health
from semctxd.config.schema import Config, Watch
from semctxd.model import Change, What
from semctxd.service import Service
from semctxd.watch import eager
from semctxd.watch.eager import EagerGate, follow
from semctxd.watch.gate import InotifyGate
from tests.conftest import PATIENCE_S, Wire, daemon_at, eventually, sources


async def until(condition: Callable[[], Any], repeat: Callable[[], object] = lambda: None) -> None:
    """Wait for a condition; `repeat` is done again and again meanwhile, for a watcher that may not stand yet."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            repeat()
            await asyncio.sleep(0.05)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = Path(os.path.realpath(tmp_path)) / "root"
    (root / "pkg").mkdir(parents=True)
    return root


class Followed:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.starts = 0

    def started(self) -> None:
        self.starts += 1

    def seen(self, path: Path, what: What) -> bool:
        return Change(str(path), what) in self.changes


@asynccontextmanager
async def following(folders: set[str], recursive: bool = False) -> AsyncIterator[Followed]:
    followed = Followed()

    async def run() -> None:
        await follow(lambda: folders, followed.changes.extend, recursive=recursive, started=followed.started)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        yield followed
        tasks.cancel_scope.cancel()


async def test_what_happens_in_the_folders_is_told(root: Path) -> None:
    file = root / "pkg/a.py"
    async with following({str(root), str(root / "pkg")}) as followed:
        await until(lambda: followed.starts)
        file.write_text("")
        await until(lambda: followed.seen(file, What.APPEARED))
        (root / "pkg/server.log").write_text("no answer depends on it")
        file.write_text("x")
        await until(lambda: followed.seen(file, What.MODIFIED))
        file.unlink()
        await until(lambda: followed.seen(file, What.GONE))
    assert {change.path for change in followed.changes} == {str(file)}


async def test_it_begins_again_when_there_are_more_folders(root: Path) -> None:
    folders = {str(root)}
    async with following(folders) as followed:
        await until(lambda: followed.starts)
        (root / "new").mkdir()
        folders.add(str(root / "new"))
        file = root / "new/a.py"
        await until(lambda: any(change.path == str(file) for change in followed.changes), lambda: file.write_text("x"))


async def test_a_folder_that_is_not_there_yet(root: Path) -> None:
    async with following({str(root / "late")}) as followed:
        await until(lambda: followed.starts)
        (root / "late").mkdir()
        file = root / "late/a.py"
        await until(lambda: any(change.path == str(file) for change in followed.changes), lambda: file.write_text("x"))


async def test_a_name_that_is_not_utf_8_does_not_end_it(root: Path) -> None:
    async with following({str(root)}) as followed:
        await until(lambda: followed.starts)
        (root / os.fsdecode(b"caf\xe9.py")).write_text("")
        file = root / "a.py"
        await until(lambda: any(change.path == str(file) for change in followed.changes), lambda: file.write_text("x"))


async def test_it_ends_without_waiting_until_nothing_was_seen_for_long(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eager, "_WITNESS_POLL_MS", 3_600_000)
    file = root / "a.py"
    async with following({str(root)}) as followed:
        await until(lambda: followed.changes, lambda: file.write_text("x"))


@asynccontextmanager
async def service(config: Config) -> AsyncIterator[Service]:
    async with anyio.create_task_group() as tasks:
        made = Service(sources(config), tasks)
        yield made
        await made.drain()
        tasks.cancel_scope.cancel()


async def test_the_witness_catches_what_the_gate_was_kept_from_seeing(root: Path) -> None:
    async with service(Config()) as running:
        workspace = await running.workspaces.open(str(root))
        seen = root / "pkg/seen.py"
        await until(lambda: workspace.witness["reports"], lambda: seen.write_text("x"))
        assert workspace.witness["missed"] == 0  # the gate had seen it
        assert health.report(running)["status"] == "ok"
        assert isinstance(running.gate, InotifyGate)
        running.gate._watches.inotify.remove(workspace.trees.folders[os.fsencode(root / "pkg")])
        missed = root / "pkg/missed.py"
        missed.write_text("x")
        epoch = workspace.epoch
        await until(lambda: workspace.witness["missed"])
        assert workspace.epoch > epoch
        report = health.report(running)
        assert report["status"] == "degraded"
        assert report["reasons"] == ["the second watcher saw 1 changes that the gate had not: please report this"]
        await running.workspaces.close(workspace)
        workspace.witnessed([Change(str(missed), What.MODIFIED)])  # its thread's last word
        assert workspace.witness["missed"] == 1


async def test_what_was_seen_is_remembered_for_a_while(root: Path) -> None:
    """The witness is late: a change that the gate saw before is not held against it, and not for ever."""
    async with service(Config()) as running:
        workspace = await running.workspaces.open(str(root))
        told = [Change(str(root / "pkg/a.py"), What.MODIFIED)]
        workspace.apply(told)
        workspace._seen_since -= 31  # seconds
        workspace.apply([Change(str(root / "pkg/b.py"), What.MODIFIED)])
        workspace.witnessed(told)
        assert workspace.witness["missed"] == 0
        workspace._seen_since -= 31
        workspace.apply([Change(str(root / "pkg/c.py"), What.MODIFIED)])
        workspace.witnessed(told)
        assert workspace.witness["missed"] == 1


async def test_without_inotify_nothing_is_proven_but_changes_come(root: Path, tmp_path: Path) -> None:
    outside = Path(os.path.realpath(tmp_path)) / "outside"
    outside.mkdir()
    async with service(Config(watch=Watch(gate="watchfiles"))) as running:
        assert isinstance(running.gate, EagerGate)
        workspace = await running.workspaces.open(str(root))
        workspace.pass_gate()
        assert running.gate.drain(workspace.trees, 0.0)
        assert running.gate.is_alive()
        assert workspace.degraded == {"unproven"}
        assert workspace.trees.covers(os.fsencode(root / "pkg"))
        assert not workspace.trees.covers(os.fsencode(outside))
        everything = running.gate.open("/", workspace.apply)
        everything.tops[b"/"] = True
        assert everything.covers(os.fsencode(outside))
        (root / "pkg/a.py").write_text("x")
        await until(lambda: workspace.epoch)
        stands = asyncio.Event()
        running.gate.watch(workspace.trees, str(outside), below=False, done=stands.set)
        await asyncio.wait_for(stands.wait(), PATIENCE_S)
        epoch = workspace.epoch
        (outside / "b.py").write_text("x")
        await until(lambda: workspace.epoch > epoch)


def test_a_daemon_without_inotify_says_so(repo: Path) -> None:
    with daemon_at(config='[watch]\ngate = "watchfiles"\n') as daemon:
        client = daemon.client()
        found = client.ask("symbols/find", root=str(repo), name="Order")
        assert found["degraded"] == ["unproven"]
        assert client.ask("symbols/find", root=str(repo), name="Order")["meta"]["cached"]
        (repo / "shop/new.py").write_text("def brand_new(): ...\n")
        eventually(lambda: "result" in client.call("symbols/find", root=str(repo), name="brand_new"), "the change came")
        health = client.ask("health")
        assert health["status"] == "degraded"
        assert '[watch] gate is "watchfiles", and a change is noticed with a delay' in health["reasons"][0]
        symbols = documents(client, repo)
        assert symbols["degraded"] == ["unproven"]
        assert [symbol["name"] for symbol in symbols["result"]] == ["Order", "total"]
        shutil.rmtree(repo / "shop")
        eventually(lambda: "error" in client.call("symbols/find", root=str(repo), name="Order"), "that change came")


def documents(client: Wire, repo: Path) -> Any:
    params = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}}
    return client.ask("lsp/request", root=str(repo), method="textDocument/documentSymbol", params=params)
