"""How much memory processes take."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import psutil

from semctxd.child import memory


def test_a_group_is_counted_as_a_whole() -> None:
    hold = "import subprocess, sys; hoard = b'x' * 20_000_000; print('held', flush=True); sys.stdin.read()"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout
        leader.stdout.readline()
        found = memory.of_groups([leader.pid])
        assert found[leader.pid] > memory.of_process(leader.pid) + 20_000_000
    assert memory.of_groups([leader.pid]) == {leader.pid: 0}


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
