"""Workspaces whose file system is slow, or never answers: who waits is told so in time, and nobody else is held up."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from semctxd.config.schema import Config, Daemon
from semctxd.errors import DeadlineExceeded, RootNotFound, ShuttingDown
from semctxd.service import Service
from tests.conftest import PATIENCE_S, daemon_at, eventually, sources, until

MUTE = """
import ctypes, os, sys
fuse = os.open("/dev/fuse", os.O_RDWR)
os.set_inheritable(fuse, True)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fuse
if ctypes.CDLL(None).mount(b"mute", sys.argv[1].encode(), b"fuse", 0, options):
    sys.exit("no mount")
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Mounts a file system, then becomes a program that has it open and never answers for it."""


def mute(place: Path) -> list[str]:
    """A command that becomes another, which sees a file system that never answers at a place."""
    return ["unshare", "-Urm", sys.executable, "-c", MUTE, str(place)]


@pytest.fixture(scope="module")
def _fuse(tmp_path_factory: pytest.TempPathFactory) -> None:
    tried = subprocess.run([*mute(tmp_path_factory.mktemp("mute")), "true"], capture_output=True)
    if tried.returncode:
        pytest.skip("no file system can be mounted from a user's own namespace")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A root that takes about a tenth of a second to be watched."""
    root = tmp_path / "large"
    for number in range(2000):
        (root / f"{number % 50}" / f"{number}").mkdir(parents=True)
    return root


@asynccontextmanager
async def service(deadline_s: float) -> AsyncIterator[Service]:
    async with anyio.create_task_group() as tasks:
        running = Service(sources(Config(daemon=Daemon(deadline_s=deadline_s))), tasks)
        yield running
        await running.drain()
        tasks.cancel_scope.cancel()


@pytest.mark.proof
@pytest.mark.usefixtures("_fuse")
@pytest.mark.parametrize("where", ["", "mounted"], ids=["the root", "a folder in it"])
def test_a_file_system_that_never_answers(tmp_path: Path, repo: Path, where: str) -> None:
    place = tmp_path / "root" / where
    place.mkdir(parents=True)
    with daemon_at(config="[daemon]\ndeadline_s = 0.5\n", prefix=mute(place)) as daemon:
        client, other = daemon.client(), daemon.client()
        for _ in range(2):
            error = client.fails("symbols/find", root=str(tmp_path / "root"), name="Price")
            assert error["data"]["type"] == "DeadlineExceeded"
            assert "file system" in error["data"]["hint"]
        client.start("symbols/find", root=str(tmp_path / "root"), name="Price")
        eventually(lambda: "result" in other.call("symbols/find", root=str(repo), name="Price"), "another is served")
        begun = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begun < 5.0  # [daemon] drain_s


async def test_a_tree_that_takes_longer_than_a_request_is_opened_all_the_same(large: Path) -> None:
    async with service(0.02) as running:
        refused = 0
        while not running.workspaces.opened:
            try:
                await running.workspaces.open(str(large))
            except DeadlineExceeded:
                refused += 1
        assert refused
        assert await running.workspaces.open(str(large)) is running.workspaces.opened[str(large)]


async def test_a_small_tree_does_not_wait_for_a_large_one(large: Path, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    order: list[str] = []
    async with service(PATIENCE_S) as running:

        async def open_it(name: str) -> None:
            await running.workspaces.open(str(tmp_path / name))
            order.append(name)

        async with anyio.create_task_group() as both:
            both.start_soon(open_it, "large")
            await until(lambda: running.gate.counts["listed"])
            both.start_soon(open_it, "small")
    assert order == ["small", "large"]


async def test_a_daemon_that_leaves_gives_up_what_it_opens(large: Path) -> None:
    async with service(PATIENCE_S) as running:
        asking = asyncio.create_task(running.workspaces.open(str(large), indexed=True))
        await until(lambda: running.gate.counts["listed"])
        await running.workspaces.close_all()
        with pytest.raises(ShuttingDown):
            await asking
        assert not running.workspaces.opened


async def test_what_cannot_be_opened_is_told_to_all_who_wait(tmp_path: Path) -> None:
    async with service(PATIENCE_S) as running:
        told = await asyncio.gather(
            *(running.workspaces.open(str(tmp_path / "none")) for _ in range(2)), return_exceptions=True
        )
        assert [type(one) for one in told] == [RootNotFound] * 2


async def test_a_root_that_is_no_directory_after_all_have_gone_is_no_fault(tmp_path: Path) -> None:
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with service(1e-6) as running:
        with pytest.raises(DeadlineExceeded):
            await running.workspaces.canonical(str(tmp_path / "none"))
        await until(lambda: not running.workspaces._reaching._under_way)
        gc.collect()
    assert faults == []
