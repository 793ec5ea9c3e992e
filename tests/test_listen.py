"""One daemon on one private socket: binding, being handed one, and meeting whoever is there already."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import psutil
import pytest

from semctxd.errors import AlreadyRunning, SocketRefused
from semctxd.rpc.listen import Listener, acquire, peer_uid
from tests.conftest import eventually


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder whose path is short enough for sockets, wherever tests keep their files."""
    with tempfile.TemporaryDirectory(prefix="sx", dir="/tmp") as name:
        yield Path(name)


def connects(path: Path | str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(os.fspath(path)) == 0


def listening(path: Path, kind: int = socket.SOCK_STREAM) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(os.fspath(path))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


# -- binding ------------------------------------------------------------------------------------------


def test_a_bound_socket_is_private_and_goes_with_its_listener(folder: Path) -> None:
    path = folder / "new" / "s"
    listener = acquire(str(path), {})
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path.parent / "s.lock").read_text() == str(os.getpid())
    assert listener.is_ours()
    assert connects(path)
    listener.close()
    listener.close()
    assert not path.exists()
    acquire(str(path), {}).close()  # the lock is free again


def test_the_umask_is_as_before(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        acquire(str(folder / "s"), {}).close()
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_of_two_daemons_one_wins_and_the_other_knows_who(folder: Path) -> None:
    listener = acquire(str(folder / "s"), {})
    with pytest.raises(AlreadyRunning) as caught:
        acquire(str(folder / "s"), {})
    assert caught.value.pid == os.getpid()
    assert listener.is_ours()
    assert connects(folder / "s")
    listener.close()


def test_a_lock_without_a_process_id_is_a_lock_all_the_same(folder: Path) -> None:
    listener = acquire(str(folder / "s"), {})
    (folder / "s.lock").write_text("")
    with pytest.raises(AlreadyRunning) as caught:
        acquire(str(folder / "s"), {})
    assert caught.value.pid is None
    listener.close()


def test_a_stale_socket_is_replaced(folder: Path) -> None:
    listening(folder / "s").close()
    assert (folder / "s").exists()
    listener = acquire(str(folder / "s"), {})
    assert connects(folder / "s")
    listener.close()


@pytest.mark.parametrize("full", [False, True])
def test_a_socket_that_someone_serves_without_our_lock_is_never_replaced(folder: Path, full: bool) -> None:
    with listening(folder / "s") as live:
        clients = []
        if full:
            live.listen(0)
            clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
            for client in clients:
                client.setblocking(False)
                client.connect_ex(str(folder / "s"))
        inode = (folder / "s").stat().st_ino
        with pytest.raises(AlreadyRunning):
            acquire(str(folder / "s"), {})
        assert (folder / "s").stat().st_ino == inode
        for client in clients:
            client.close()
    acquire(str(folder / "s"), {}).close()  # the lock was not kept


def test_a_listener_whose_path_was_taken_over_leaves_it_alone(folder: Path) -> None:
    listener = acquire(str(folder / "s"), {})
    (folder / "s").rename(folder / "kept")  # so that its inode cannot be given out again
    with listening(folder / "s"):
        assert not listener.is_ours()
        listener.close()
        assert connects(folder / "s")


def test_a_listener_whose_path_is_gone_is_nobodys(folder: Path) -> None:
    listener = acquire(str(folder / "s"), {})
    (folder / "s").unlink()
    assert not listener.is_ours()
    listener.close()


# -- places that are refused --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o710, 0o701, 0o770, 0o1777])
def test_a_folder_that_others_can_enter_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(SocketRefused, match="open to others .*chmod it 700"):
        acquire(str(folder / "s"), {})
    assert list(folder.iterdir()) == []


def test_a_folder_behind_a_link_is_refused(folder: Path) -> None:
    (folder / "real").mkdir(0o700)
    (folder / "link").symlink_to("real")
    with pytest.raises(SocketRefused, match="a link to one"):
        acquire(str(folder / "link" / "s"), {})


def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    if os.getuid() != 0:
        with pytest.raises(SocketRefused, match="belongs to user 0"):
            acquire("/etc/s", {})
        return
    os.chown(folder, 12345, -1)  # root owns /etc too, but can give a folder away
    with pytest.raises(SocketRefused, match="belongs to user 12345"):
        acquire(str(folder / "s"), {})


def test_a_folder_that_cannot_be_made_is_refused(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(SocketRefused, match="cannot be served: .*Not a directory"):
        acquire(str(folder / "file" / "sub" / "s"), {})


def test_a_path_too_long_for_sockets_is_refused_in_so_many_words(folder: Path) -> None:
    with pytest.raises(SocketRefused, match="at most 107 bytes: set SEMCTX_SOCKET"):
        acquire(str(folder / ("ü" * 60)), {})


def test_the_longest_path_is_served(folder: Path) -> None:
    path = f"{folder}/".ljust(107, "x")
    listener = acquire(path, {})
    assert connects(path)
    listener.close()


def test_what_is_no_socket_is_not_removed(folder: Path) -> None:
    (folder / "s").write_text("precious")
    with pytest.raises(SocketRefused, match="is no socket"):
        acquire(str(folder / "s"), {})
    assert (folder / "s").read_text() == "precious"


def test_a_socket_of_another_kind_is_not_removed(folder: Path) -> None:
    with (
        listening(folder / "s", socket.SOCK_DGRAM),
        pytest.raises(SocketRefused, match="cannot be served: .*wrong type"),
    ):
        acquire(str(folder / "s"), {})
    assert (folder / "s").exists()


def test_a_lock_that_is_a_link_is_not_followed(folder: Path) -> None:
    (folder / "target").write_text("precious")
    (folder / "s.lock").symlink_to("target")
    with pytest.raises(SocketRefused, match="cannot be served: .*s.lock"):
        acquire(str(folder / "s"), {})
    assert (folder / "target").read_text() == "precious"


def test_a_file_system_without_sockets_is_refused() -> None:
    with pytest.raises(SocketRefused):
        acquire("/proc/self/fdinfo/s", {})


# -- handed over by systemd ---------------------------------------------------------------------------

HANDED = """
import json, os, sys
from semctxd.errors import AlreadyRunning, SocketRefused
from semctxd.rpc.listen import acquire
os.dup2(int(sys.argv[1]), 3)
env = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": sys.argv[2], "LISTEN_FDNAMES": "semctxd.socket", "LANG": "C"}
try:
    listener = acquire("/never/looked/at", env, lock_wait_s=float(sys.argv[3]))
except (AlreadyRunning, SocketRefused) as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}), flush=True)
else:
    found = {"path": listener.path, "ours": listener.is_ours(), "env": env, "inheritable": os.get_inheritable(3)}
    print(json.dumps(found), flush=True)
    sys.stdin.read()
    listener.close()
"""


def handed(sock: socket.socket | TextIO, count: str = "1", lock_wait_s: float = 30) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HANDED, str(sock.fileno()), count, str(lock_wait_s)]
    return subprocess.Popen(
        command, pass_fds=(sock.fileno(),), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def waits_with(pid: int, path: Path) -> bool:
    """Whether a process sleeps with a file open."""
    process = psutil.Process(pid)
    is_open = str(path) in [file.path for file in process.open_files()]
    assert process.status() != psutil.STATUS_ZOMBIE
    return is_open and process.status() == psutil.STATUS_SLEEPING


def outcome(daemon: subprocess.Popen[str]) -> dict[str, Any]:
    """What it printed; it has ended then."""
    found: dict[str, Any] = json.loads(daemon.communicate(timeout=30)[0])
    return found


def test_a_handed_socket_is_served_whatever_its_mode_and_left_in_place(folder: Path) -> None:
    with listening(folder / "s") as sock:
        (folder / "s").chmod(0o644)
        assert outcome(handed(sock)) == {
            "path": str(folder / "s"),
            "ours": True,
            "env": {"LANG": "C"},  # no child of ours may believe what was meant for us
            "inheritable": False,
        }
    assert (folder / "s").exists()
    assert (folder / "s.lock").exists()


def test_an_activated_daemon_waits_until_its_predecessor_left(folder: Path) -> None:
    predecessor = acquire(str(folder / "s"), {})
    (folder / "s").unlink()
    with listening(folder / "s") as sock, handed(sock) as daemon:
        holder = folder / "s.lock"
        eventually(lambda: waits_with(daemon.pid, holder), "the daemon waits for the lock")
        assert holder.read_text() == str(os.getpid())
        predecessor.close()
        assert daemon.stdout is not None
        assert json.loads(daemon.stdout.readline())["ours"]
        assert holder.read_text() == str(daemon.pid)
        with pytest.raises(AlreadyRunning):
            acquire(str(folder / "s"), {})


def test_but_not_for_ever(folder: Path) -> None:
    predecessor = acquire(str(folder / "s"), {})
    (folder / "s").unlink()
    with listening(folder / "s") as sock:
        assert outcome(handed(sock, lock_wait_s=0.05))["error"] == "AlreadyRunning"
    predecessor.close()


@pytest.mark.parametrize("count", ["2", "0", ""])
def test_any_number_of_sockets_but_one_is_refused(folder: Path, count: str) -> None:
    with listening(folder / "s") as sock:
        found = outcome(handed(sock, count))
    assert found["error"] == "SocketRefused"
    assert "ListenStream=" in found["message"]


def test_handed_descriptors_that_are_no_listening_unix_stream_are_refused(folder: Path) -> None:
    with (
        socket.socket(socket.AF_INET) as internet,
        socket.socket(socket.AF_UNIX) as idle,
        listening(folder / "d", socket.SOCK_DGRAM) as datagram,
    ):
        internet.listen()
        for sock in (internet, idle, datagram):
            assert outcome(handed(sock)) == {
                "error": "SocketRefused",
                "message": "the descriptor from systemd is no listening Unix stream socket",
            }


def test_a_handed_descriptor_that_is_no_socket_is_refused() -> None:
    with open(os.devnull) as file:
        assert "non-socket" in outcome(handed(file))["message"]


def test_a_handed_socket_without_a_folder_is_refused() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"\0semctx-test-{os.getpid()}")
        sock.listen()
        assert "absolute ListenStream=" in outcome(handed(sock))["message"]


def test_a_handed_socket_in_an_open_folder_is_refused(folder: Path) -> None:
    with listening(folder / "s") as sock:
        folder.chmod(0o755)
        assert "open to others" in outcome(handed(sock))["message"]


def test_a_handed_socket_whose_folder_is_gone_is_refused(folder: Path) -> None:
    (folder / "sub").mkdir(0o700)
    with listening(folder / "sub" / "s") as sock:
        (folder / "sub").rename(folder / "elsewhere")
        assert "No such file" in outcome(handed(sock))["message"]


def test_what_was_meant_for_another_process_is_not_taken(folder: Path) -> None:
    env = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    listener = acquire(str(folder / "s"), env)
    assert (listener.path, env) == (str(folder / "s"), {})
    listener.close()


# -- who is at the other end --------------------------------------------------------------------------


def test_the_user_of_a_peer_is_known() -> None:
    a, b = socket.socketpair(socket.AF_UNIX)
    with a, b:
        assert peer_uid(a) == os.getuid()


def test_a_listener_of_a_socket_without_a_path_is_nobodys(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        listener = Listener(sock, str(folder / "never"), os.open(os.devnull, os.O_RDONLY), bound=True)
        assert not listener.is_ours()
        listener.close()
