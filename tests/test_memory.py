"""How much memory processes take, and how often that is measured."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import anyio
import psutil
import pytest

from semctxd.child import memory
from semctxd.config.schema import Config
from semctxd.service import Service
from tests.conftest import sources


def test_a_group_is_counted_as_a_whole() -> None:
    hold = "import subprocess, sys; hoard = b'x' * 20_000_000; print('held', flush=True); sys.stdin.read()"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout
        leader.stdout.readline()
        found = memory.of_groups([leader.pid])
        assert found[leader.pid] > memory.of_process(leader.pid, shares=True) + 20_000_000
    assert memory.of_groups([leader.pid]) == {leader.pid: 0}


def test_what_forks_share_is_counted_once() -> None:
    """An indexer of many files forks helpers when many of them change."""
    script = """if True:
        import os, sys
        hoard = b"x" * 100_000_000
        if os.fork() and os.fork():
            print("held", flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout
        leader.stdout.readline()
        assert 100_000_000 < memory.of_groups([leader.pid])[leader.pid] < 200_000_000


def test_nothing_can_be_told_without_an_open_file() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        assert memory.of_groups([os.getpgrp()]) == {}
        assert memory.of_process(os.getpid()) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_the_budget_is_a_quarter_of_the_machine_unless_it_is_set() -> None:
    assert memory.budget(7) == 7
    assert memory.budget(0) == psutil.virtual_memory().total // 4


@pytest.mark.parametrize(
    ("rested_s", "measured_s", "is_measured"),
    [
        (0.1, 1.0, True),
        (6.0, 1.0, False),  # it was measured after that, and has done nothing since
        (6.0, 3.5, True),
        (1000.0, 9.0, False),
        (1000.0, 10.5, True),
    ],
    ids=["just used", "measured since", "used lately", "long unused", "but measured now and then"],
)
async def test_what_rests_is_measured_seldom(repo: Path, rested_s: float, measured_s: float, is_measured: bool) -> None:
    async with anyio.create_task_group() as tasks:
        running = Service(sources(Config()), tasks)
        workspace = await running.workspaces.open(str(repo))
        await workspace.indexed("symbols/find", b'{"name":"Order"}')
        session = workspace.indexer
        assert not session.memory_bytes
        await running.workspaces.bound_memory()
        assert session.memory_bytes > 1_000_000
        now = time.monotonic()
        session.used_at, session.measured_at, session.memory_bytes = now - rested_s, now - measured_s, 1
        await running.workspaces.bound_memory()
        assert (session.memory_bytes > 1) == is_measured
        await running.drain()
        tasks.cancel_scope.cancel()
