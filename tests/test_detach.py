"""What a starter sees of `semctxd --detach`, and what the detached process is rid of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from semctxd.detach import Ready

REPORT = """
import json, os, sys
from semctxd.detach import detach
ready = detach(sys.argv[1])
with open(sys.argv[2], "w") as file:
    json.dump({
        "pid": os.getpid(), "session": os.getsid(0), "cwd": os.getcwd(),
        "fds": [os.readlink(f"/dev/fd/{fd}") for fd in range(3)],
    }, file)
print("lost")
print("kept", file=sys.stderr, flush=True)
ready.ready()
open(sys.argv[3]).read()
"""


def start(*args: str | Path, code: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], text=True, capture_output=True, timeout=30, **kwargs
    )


def test_a_ready_daemon_outlives_its_starter_and_is_tied_to_nothing(tmp_path: Path) -> None:
    log, report, gate = tmp_path / "state" / "log", tmp_path / "report", tmp_path / "gate"
    os.mkfifo(gate)
    inherited, ours = os.pipe()
    # returning at all shows that the daemon, still alive, holds neither captured stream
    done = start(log, report, gate, code=REPORT, pass_fds=(ours,))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = json.loads(report.read_text())
    daemon = psutil.Process(found["pid"])
    os.close(ours)
    assert os.read(inherited, 1) == b""  # nor the pipe that its starter had open
    os.close(inherited)
    assert found["session"] == found["pid"]
    assert found["cwd"] == "/"
    assert found["fds"] == [os.devnull, os.devnull, str(log)]
    assert log.read_text() == "kept\n"
    assert log.parent.stat().st_mode & 0o777 == 0o700
    assert daemon.is_running()
    gate.write_text("")
    daemon.wait(30)


def test_a_log_that_cannot_be_opened_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code = "import sys; from semctxd.detach import detach; detach(sys.argv[1]).ready()"
    assert start(tmp_path / "file" / "log", code=code).returncode == 0
    os.mkfifo(tmp_path / "pipe")  # whose reader nobody waits for
    assert start(tmp_path / "pipe", code=code).returncode == 0


def test_the_starter_passes_on_why_a_daemon_failed(tmp_path: Path) -> None:
    code = "import sys; from semctxd.detach import detach; detach(sys.argv[1]).failed(78, 'bad ☃ \\udc80')"
    done = start(tmp_path / "log", code=code)
    assert (done.returncode, done.stderr) == (78, "semctxd: bad ☃ \\udc80\n")


@pytest.mark.parametrize(
    ("death", "how"),
    [("os._exit(3)", "with code 3"), (f"os.kill(os.getpid(), {signal.SIGKILL})", "on signal 9")],
)
def test_the_starter_says_how_a_daemon_died_without_a_word(tmp_path: Path, death: str, how: str) -> None:
    code = f"import os, sys; from semctxd.detach import detach; detach(sys.argv[1]); {death}"
    done = start(tmp_path / "log", code=code)
    assert (done.returncode, done.stderr) == (
        1,
        f"semctxd: ended {how} before it listened; see {tmp_path}/log\n",
    )


def test_closed_standard_streams_do_not_swallow_the_report(tmp_path: Path) -> None:
    code = "import sys; from semctxd.detach import detach; detach(sys.argv[1]).failed(5, '')"
    shell = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'
    done = subprocess.run(["/bin/sh", "-c", shell, sys.executable, code, tmp_path / "log"], timeout=30)
    assert done.returncode == 5


def test_a_starter_that_was_killed_does_not_stop_the_daemon() -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    ready = Ready(write_fd)
    ready.ready()
    ready.ready()  # the second is no error either


def test_in_the_foreground_only_failure_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Ready().ready()
    Ready().failed(1, "no room")
    assert capsys.readouterr() == ("", "semctxd: no room\n")
