"""`semctx service` with a real user manager, in a namespace of its own. Needs root, and systemd's programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tests.client.test_docs import pattern, steps
from tests.conftest import eventually

pytestmark = pytest.mark.outside

REPOSITORY = Path(__file__).parents[2]
MANAGER = """
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/systemd/system  # by which systemd knows that it is there
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mkdir /sys/fs/cgroup/$0
echo $$ > /sys/fs/cgroup/$0/cgroup.procs
unshare --cgroup /usr/lib/systemd/systemd --user --log-target=console
exit
"""


class Machine:
    """What a user has who is logged in where systemd runs."""

    def __init__(self, init: int, env: dict[str, str]) -> None:
        self._enter = ["nsenter", f"--target={init}", "--mount", "--pid", "--"]
        self.env = env

    def run(self, *command: str, cwd: Path | str = "/") -> subprocess.CompletedProcess[str]:
        """Standard output and error in one."""
        return subprocess.run(
            [*self._enter, "env", f"--chdir={cwd}", *command],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )


@contextmanager
def logged_in() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="sm", dir="/tmp") as name:
        home = Path(name)
        for folder, mode in (("run", 0o700), ("bin", 0o755), (".config", 0o755)):
            (home / folder).mkdir(mode)
        semctx = home / "bin/semctx"
        semctx.write_text(f'#!/bin/sh\nexec {sys.executable} -m semctx.cli "$@"\n')
        semctx.chmod(0o755)
        env = {
            "HOME": str(home),
            "PATH": f"{home}/bin:{os.path.dirname(sys.executable)}:/usr/bin:/bin:/usr/sbin:/sbin",
            "XDG_RUNTIME_DIR": str(home / "run"),
            "PYTHONPATH": os.pathsep.join(str(REPOSITORY / part) for part in ("client", "daemon")),
            "LC_ALL": "C.UTF-8",
        }
        cgroup = f"semctx-{uuid.uuid4().hex}"
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with open(home / "log", "w") as log:
            manager = subprocess.Popen([*isolated, "sh", "-ec", MANAGER, cgroup], env=env, stdout=log, stderr=log)
        try:
            eventually(lambda: psutil.Process(manager.pid).children() or manager.poll() is not None, "it starts")
            assert manager.poll() is None, (home / "log").read_text()
            machine = Machine(psutil.Process(manager.pid).children()[0].pid, env)
            eventually(lambda: machine.run("systemctl", "--user", "is-system-running").returncode == 0, "it runs")
            yield machine
        finally:
            manager.kill()
            manager.wait()
            for top in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
                folders = sorted((top / cgroup).rglob("*/"), reverse=True) if (top / cgroup).exists() else []
                for folder in [*folders, top / cgroup]:
                    if folder.is_dir():
                        eventually(lambda folder=folder: _removed(folder), f"{folder} is empty")


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


@pytest.fixture
def machine() -> Iterator[Machine]:
    with logged_in() as made:
        yield made


def test_the_session_of_the_document(machine: Machine, repo: Path) -> None:
    for step in steps("service-session.md"):
        done = machine.run(*step.command, cwd=repo)
        said = done.stdout.rstrip("\n") + "\n" if done.stdout else ""
        assert re.fullmatch(pattern(step.shown), said), f"{step.line}: {step.command[-1]}\n{said}"


ATTACHED = """
import subprocess, semctx

with semctx.connect() as daemon:
    before = daemon.health()["pid"]
    subprocess.run(["semctx", "service", "install"], check=True, stdout=subprocess.DEVNULL)
    print(before != daemon.health()["pid"])
"""


def test_an_upgrade_with_a_client_attached(machine: Machine, repo: Path) -> None:
    assert machine.run("semctx", "service", "install").returncode == 0
    assert machine.run("python", "-c", ATTACHED, cwd=repo).stdout == "True\n"


def test_language_servers_work_in_the_hardened_unit(machine: Machine, repo: Path) -> None:
    assert machine.run("semctx", "service", "install").returncode == 0
    assert "validate_email" in machine.run("semctx", "hover", "shop/orders.py:11:22", cwd=repo).stdout
    health = machine.run("semctx", "health", "--json", cwd=repo).stdout
    assert {session["state"] for one in json.loads(health)["workspaces"] for session in one["sessions"]} == {"ready"}
    assert machine.run("systemctl", "--user", "is-active", "semctxd.service").stdout == "active\n"
