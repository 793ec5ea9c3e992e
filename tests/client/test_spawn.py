"""Starting a daemon, with small programs in its place that start badly."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

import semctx
from semctx import SemctxError
from semctx.spawn import dial, may_start, open_socket

LISTENS = """
import os, socket, sys
assert sys.argv[1:] == ["--detach"], sys.argv
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["SEMCTX_SOCKET"])
listener.listen()
if os.fork() == 0:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDWR), 2)
    connection, _ = listener.accept()
    connection.recv(1)
"""


@pytest.fixture
def program(place: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that runs in the daemon's place."""
    package = Path(place, "path", "semctxd")
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return package / "__main__.py"


def start(seconds: float = 10) -> socket.socket:
    return open_socket(os.environ["SEMCTX_SOCKET"], time.monotonic() + seconds, start=True)


def test_a_daemon_is_started_where_there_is_none(program: Path) -> None:
    program.write_text(LISTENS)
    start().close()


def test_a_socket_that_nobody_listens_on_is_no_daemon(program: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(os.environ["SEMCTX_SOCKET"])
    assert dial(os.environ["SEMCTX_SOCKET"], time.monotonic() + 1) is None
    program.write_text("import os\nos.unlink(os.environ['SEMCTX_SOCKET'])\n" + LISTENS)
    start().close()


def test_what_lies_in_the_current_folder_is_never_run(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.write_text(LISTENS)
    trap = tmp_path / "semctxd"
    trap.mkdir()
    (trap / "__init__.py").write_text("import sys\nsys.exit('this is the repository')\n")
    monkeypatch.chdir(tmp_path)
    start().close()


def test_the_reason_of_a_failed_start_is_told(program: Path) -> None:
    program.write_text("import sys\nsys.exit('configuration: no such key')\n")
    with pytest.raises(SemctxError, match="could not be started: configuration: no such key") as caught:
        semctx.connect()
    assert caught.value.type == "DaemonUnavailable"


def test_a_start_that_fails_without_a_word(program: Path) -> None:
    program.write_text("import sys\nsys.exit(7)\n")
    with pytest.raises(SemctxError, match="could not be started: exit code 7"):
        start()


def test_a_start_that_takes_too_long(program: Path) -> None:
    program.write_text("import signal\nsignal.pause()\n")
    with pytest.raises(SemctxError, match="one takes longer to start than the time-out allows") as caught:
        start(0.5)
    assert "Retry with more time" in caught.value.hint


def test_a_daemon_that_was_leaving_is_followed_by_a_new_one(program: Path) -> None:
    """The first try finds one that "already runs", but listens no more."""
    marker = "os.environ['SEMCTX_SOCKET'] + '.tried'"
    program.write_text(
        f"import os, sys\nif not os.path.exists({marker}):\n    open({marker}, 'w').close()\n    sys.exit(0)\n"
        + LISTENS
    )
    start().close()


def test_a_daemon_that_says_it_listens_and_does_not(program: Path) -> None:
    program.write_text("")
    with pytest.raises(SemctxError, match="in time, although one was started"):
        start(0.5)


@pytest.mark.parametrize(("flag", "value", "may"), [(True, "1", False), (False, "", False), (True, "0", True)])
def test_starting_can_be_refused(monkeypatch: pytest.MonkeyPatch, flag: bool, value: str, may: bool) -> None:
    monkeypatch.setenv("SEMCTX_NO_START", value)
    assert may_start(flag) is may


def test_no_daemon_and_none_may_be_started(place: str) -> None:
    with pytest.raises(SemctxError, match="no daemon listens on") as caught:
        semctx.connect(start=False)
    assert caught.value.type == "DaemonUnavailable"


def test_a_folder_that_does_not_exist_yet_holds_no_daemon(place: str) -> None:
    assert dial(os.path.join(place, "missing", "s.sock"), time.monotonic() + 1) is None


def test_the_daemon_is_not_installed(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "semctxd", raising=False)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not os.path.isdir(os.path.join(path, "semctxd"))])
    with pytest.raises(SemctxError, match="is not installed here") as caught:
        semctx.connect()
    assert caught.value.type == "DaemonUnavailable"
    assert "pip install 'semctx[daemon]'" in caught.value.hint


def test_a_folder_that_others_may_write_to(place: str) -> None:
    os.chmod(place, 0o777)
    with pytest.raises(SemctxError, match="is open to others, so anybody could listen") as caught:
        semctx.connect(start=False)
    assert caught.value.type == "DaemonUnavailable"
    os.chmod(place, 0o700)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("file/s.sock", "Not a directory"), ("file/x/s.sock", "Not a directory"), ("x" * 120, "too long")],
)
def test_a_path_that_can_be_no_socket(place: str, monkeypatch: pytest.MonkeyPatch, path: str, reason: str) -> None:
    Path(place, "file").touch()
    monkeypatch.setenv("SEMCTX_SOCKET", os.path.join(place, path))
    with pytest.raises(SemctxError, match=reason) as caught:
        semctx.connect(start=False)
    assert caught.value.type == "DaemonUnavailable"


def test_a_socket_of_another_kind(place: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(os.environ["SEMCTX_SOCKET"])
        with pytest.raises(SemctxError, match="Protocol wrong type"):
            semctx.connect()


def test_a_daemon_that_never_accepts(place: str) -> None:
    path = os.environ["SEMCTX_SOCKET"]
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(path)
        busy.listen(0)
        first.connect(path)
        with pytest.raises(SemctxError, match="Resource temporarily unavailable"):
            semctx.connect(timeout=0.05)
