"""Who may talk to the daemon, what it may be led to read, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Daemon, daemon_at

pytestmark = pytest.mark.proof

ANOTHER = 65534  # nobody
CONNECT = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
problem = client.connect_ex(sys.argv[1])
if not problem:
    try:
        client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"health"}\\n')
        print(client.recv(100))
    except OSError:
        print(b"")
else:
    print(problem)
"""


def as_another_user(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run a program as somebody else: really, where that is allowed, else as the second user of a user namespace."""
    if os.getuid() == 0:
        return subprocess.run(argv, user=ANOTHER, group=ANOTHER, extra_groups=[], capture_output=True, text=True)
    become = ["unshare", "--user", "--map-auto", "--map-root-user", "setpriv", "--reuid=1", "--clear-groups"]
    return subprocess.run([*become, *argv], capture_output=True, text=True)


def kind(reply: dict[str, Any]) -> str:
    return str(reply["error"]["data"]["type"])


# -- the socket


def test_another_user_cannot_reach_the_socket_nor_be_served_by_it(daemon: Daemon) -> None:
    assert os.stat(daemon.socket).st_mode & 0o777 == 0o600
    assert daemon.place.stat().st_mode & 0o777 == 0o700
    connect = ["/usr/bin/python3", "-c", CONNECT, daemon.socket]
    assert as_another_user(*connect).stdout == "13\n"  # EACCES
    daemon.place.chmod(0o755)
    assert as_another_user(*connect).stdout == "13\n"
    os.chmod(daemon.socket, 0o666)  # all that the file system can do is undone
    assert as_another_user(*connect).stdout == "b''\n"
    assert daemon.client().ask("health")["connections"] == 1
    daemon.place.chmod(0o700)


@pytest.mark.parametrize("name", ["s.sock", "sub/s.sock"])
def test_a_daemon_does_not_start_in_a_folder_of_another_user_or_behind_a_link(daemon: Daemon, name: str) -> None:
    """Whoever owns the folder could put a socket of their own there."""
    theirs = daemon.place / "theirs"
    theirs.mkdir(0o700)
    if os.getuid() == 0:
        os.chown(theirs, ANOTHER, ANOTHER)
    else:
        theirs.chmod(0o777)
    (daemon.place / "link").symlink_to(daemon.place)
    for folder in (theirs, daemon.place / "link"):
        env = {**daemon.env, "SEMCTX_SOCKET": str(folder / Path(name).name)}
        done = subprocess.run([sys.executable, "-m", "semctxd"], env=env, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith(f"semctxd: {folder}: ")


# -- files


@pytest.fixture
def linked(repo: Path, tmp_path: Path) -> Path:
    """A repository with links that lead out of it, and one that does not."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("hunter2 = 'hunter2'\nhunter2(\n")
    (repo / "secret.py").symlink_to(outside / "secret.py")
    (repo / "folder").symlink_to(outside)
    (repo / "again").symlink_to("folder")
    (repo / "inner.py").symlink_to("shop/orders.py")
    return repo


@pytest.mark.parametrize("file", ["secret.py", "folder/secret.py", "again/secret.py", "folder/new.py", "folder"])
def test_a_link_that_leads_out_of_the_root_is_no_way_out(daemon: Daemon, linked: Path, file: str) -> None:
    client, root = daemon.client(), str(linked)
    document = {"textDocument": {"uri": f"file://{root}/{file}"}}
    hover = {"method": "textDocument/hover", "params": {**document, "position": {"line": 0, "character": 0}}}
    for method, params in (
        ("lsp/request", {"method": "textDocument/documentSymbol", "params": document}),
        ("lsp/request", hover),
        ("context/query", {"intent": "a password", "targetFile": file}),
        ("context/query", {"intent": "a password", "targetFile": f"{root}/{file}"}),
        ("files/relevant", {"intent": "a password", "targetFile": file}),
        ("symbols/overview", {"file": file}),
        ("symbols/body", {"file": file, "line": 1, "column": 0}),
        ("cache/invalidate", {"file": file}),
    ):
        for _ in range(2):  # also where the question has a route by now
            reply = client.call(method, root=root, **params)
            assert kind(reply) == "OutsideRoot", (method, reply)
            assert "hunter2" not in json.dumps(reply)


@pytest.mark.parametrize("name", ["shop", "shop/orders.py"])
def test_what_becomes_a_link_out_of_the_root_is_no_way_out(
    daemon: Daemon, repo: Path, tmp_path: Path, name: str
) -> None:
    """What is watched is not looked at again, as long as no link is known."""
    client = daemon.client()
    document = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}}
    assert client.lsp(repo, "textDocument/documentSymbol", document)
    (repo / name).rename(tmp_path / "outside")
    (repo / name).symlink_to(tmp_path / "outside")
    reply = client.call("lsp/request", root=str(repo), method="textDocument/documentSymbol", params=document)
    assert kind(reply) == "OutsideRoot"


def test_a_link_within_the_root_is_followed(daemon: Daemon, linked: Path) -> None:
    client, root = daemon.client(), str(linked)
    document = {"textDocument": {"uri": f"file://{root}/inner.py"}}
    said = client.lsp(root, "textDocument/documentSymbol", document)
    assert [symbol["name"] for symbol in said] == ["Order", "total"]
    assert client.ask("context/query", root=root, intent="an order", targetFile="inner.py")["symbols"]
    assert client.ask("cache/invalidate", root=root, file="inner.py")["dropped"] >= 0


def test_what_is_to_be_invalidated_must_be_there(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    error = client.fails("cache/invalidate", root=str(repo), file="shop/ordres.py")
    assert (error["data"]["type"], "shop/ordres.py" in error["message"]) == ("InvalidParams", True)
    assert client.ask("cache/invalidate", root=f"{repo}/", file=f"{repo}/shop/orders.py")["dropped"] == 0


# -- secrets


def test_no_secret_of_the_daemon_s_environment_reaches_a_child(repo: Path) -> None:
    canary = "canary-of-the-environment"
    with daemon_at(env={"AWS_SECRET_ACCESS_KEY": canary, "GITHUB_TOKEN": canary, "LD_PRELOAD_": canary}) as daemon:
        client = daemon.client()
        client.ask("context/query", root=str(repo), intent="parse a price")
        client.hover(repo, "shop/orders.py", 11, 30)
        sessions = client.sessions(repo)
        assert {session["name"] for session in sessions} == {"indexer", "ty"}
        for session in sessions:
            environment = Path(f"/proc/{session['pid']}/environ").read_bytes()
            assert b"PATH=" in environment
            assert canary.encode() not in environment
            assert f"{daemon.socket}".encode() not in environment
        assert canary.encode() in Path(f"/proc/{daemon.pid}/environ").read_bytes()
        assert canary not in daemon.log


def test_no_error_tells_what_a_file_holds(daemon: Daemon, linked: Path) -> None:
    """Whatever is wrong with a file or a question about it: its text goes only where answers to questions go."""
    client, root = daemon.client(), str(linked)
    (linked / ".semctx.toml").write_text("hunter2 = hunter2\n")
    (linked / "binary.py").write_bytes(b"hunter2 = \xff\0\n")
    replies = [
        client.call("trust/show", root=root),
        client.call("symbols/find", root=root, name="no such name"),
        client.call("symbols/find", root=f"{root}/binary.py", name="x"),
        client.call("context/query", root=root, intent="x", targetFile="binary.py", draft="def ("),
        client.call("lsp/request", root=root, method="textDocument/hover", params={}),
        client.call(
            "lsp/request",
            root=root,
            method="textDocument/hover",
            params={"textDocument": {"uri": f"file://{root}/binary.py"}, "position": {"line": 10**6, "character": -1}},
        ),
        client.call("health"),
    ]
    errors = [reply for reply in replies if "error" in reply]
    assert len(errors) >= 4
    assert "hunter2" not in json.dumps(errors)
    assert "hunter2" not in json.dumps([replies[0], replies[-1]])
    assert "hunter2" not in daemon.log


def test_the_interpreter_that_a_workspace_brings_is_not_run(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    """The default server reads an environment and runs nothing of it; nor does a workspace choose another server."""
    record = tmp_path / "record"
    (repo / ".venv/bin").mkdir(parents=True)
    (repo / ".venv/pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11\n")
    (repo / ".venv/bin/python").write_text(f'#!/bin/sh\necho "$@" >> {record}\n')
    (repo / ".venv/bin/python").chmod(0o755)
    (repo / ".semctx.toml").write_text('[languages.python]\nserver = "basedpyright"\n')
    client = daemon.client()
    assert client.hover(repo, "shop/orders.py", 11, 30)
    client.ask("context/query", root=str(repo), intent="parse a price", targetFile="shop/orders.py")
    sessions = {session["name"]: session for session in client.sessions(repo)}
    assert sessions.keys() == {"indexer", "ty"}
    assert sessions["ty"]["interpreter"] == f"{repo}/.venv/bin/python"
    assert not record.exists()
