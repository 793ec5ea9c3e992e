"""`semctx doctor`: what it finds, and when it fails."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import semctx
from semctx.cli import doctor, main
from tests.client.peer import Peer
from tests.conftest import Daemon, daemon_at

Found = dict[str, tuple[str, str, str]]


@pytest.fixture
def examine(repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Found]:
    """What -> (state, message, hint), of the last finding."""
    monkeypatch.chdir(repo)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)

    def run(*argv: str, code: int = 0) -> Found:
        assert main(["doctor", "--json", *argv]) == code
        findings = json.loads(capsys.readouterr().out)["findings"]
        return {one["what"]: (one["state"], one["message"], one["hint"]) for one in findings}

    return run


@pytest.fixture
def running(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
    return daemon


def test_all_is_well(
    running: Daemon, examine: Callable[..., Found], repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = examine()
    assert {what: state for what, (state, _, _) in found.items() if what != "watches"} == dict.fromkeys(
        ("client", "socket", "daemon", "index", "language server", "interpreter"), "ok"
    )
    assert found["index"][1] == f"4 source files in {repo}"
    assert found["language server"][1] == "ty ready"
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(repo)
    assert f"  ok       index: 4 source files in {repo}" in lines


def test_what_wants_attention(
    running: Daemon,
    examine: Callable[..., Found],
    repo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (repo / ".semctx.toml").write_text('[servers.ty]\ncommand = ["/tmp/mine"]\n')
    (repo / "shop/binary.py").write_bytes(b"\0")
    (tmp_path / "watches").write_text("8192\n")
    monkeypatch.setattr(doctor, "_WATCHES", str(tmp_path / "watches"))
    monkeypatch.setenv("VIRTUAL_ENV", "/nowhere/venv")
    monkeypatch.setattr(semctx, "__version__", "0.0.7")
    found = examine()
    assert found["daemon"][2] == "semctx restart"
    assert found["watches"][:2] == ("warning", "the kernel allows 8192, one for each folder")
    assert "although /nowhere/venv is active" in found["interpreter"][1]
    assert found["files"][0] == "warning"
    assert found["files"][1].endswith("not readable: shop/binary.py")
    assert found["trust"][0] == "warning"
    assert found["trust"][2] == "semctx trust"
    assert found["health"][0] == "warning"
    assert main(["doctor"]) == 0
    assert "\n           semctx trust\n" in capsys.readouterr().out
    monkeypatch.setattr(doctor, "_WATCHES", "/nowhere")
    assert "watches" not in examine()


def test_a_server_that_is_not_installed_and_no_python(
    examine: Callable[..., Found], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with daemon_at(config='[servers.ty]\ncommand = ["/nowhere/ty"]\n', env={"PATH": str(tmp_path)}) as daemon:
        monkeypatch.setenv("SEMCTX_SOCKET", daemon.socket)
        monkeypatch.setenv("PATH", str(tmp_path))
        found = examine()
    assert found["language server"][0] == "warning"
    assert "pip install ty" in found["language server"][2]
    assert found["interpreter"][0] == "warning"
    assert "stay unresolved" in found["interpreter"][1]


def test_where_nothing_can_be_answered(running: Daemon, examine: Callable[..., Found], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = examine("--root", str(tmp_path / "empty"), code=1)
    assert found["index"][0] == "problem"
    assert found["language server"][0] == "ok"
    found = examine("--root", "/", code=1)
    assert found["index"][:2] == found["trust"][:2] == ("problem", "/ is refused as a root")


def test_no_daemon(place: str, examine: Callable[..., Found]) -> None:
    found = examine("--no-start", code=1)
    assert found["socket"] == ("ok", f"no daemon ran on {place}/s.sock", "")
    assert found["daemon"][0] == "problem"
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(f"{place}/s.sock")
    left_over.close()
    assert examine("--no-start", code=1)["socket"][0] == "warning"
    os.chmod(place, 0o777)
    assert examine("--no-start", code=1)["socket"][0] == "problem"
    os.chmod(place, 0o700)


def test_a_daemon_of_another_protocol(peer: Peer, examine: Callable[..., Found]) -> None:
    peer.plays(lambda talk: talk.file.read(), lambda talk: talk.hello(protocol=2))
    assert "speaks protocol" in examine(code=1)["daemon"][1]


def test_a_daemon_that_is_not_installed(
    place: str, examine: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "semctxd", raising=False)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not os.path.isdir(os.path.join(path, "semctxd"))])
    found = examine(code=1)
    assert found["daemon's program"][0] == "warning"
    assert found["daemon's program"][2] == "pip install 'semctx[daemon]'"
    assert found["daemon"][0] == "problem"
