"""`semctx service`, with a stand-in for systemd's own program; tests/outside has it with a real manager."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from semctx.cli import main
from semctx.cli.service import rendered

SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$HOME/asked"
case "$2" in
  show) cat "$HOME/$3" ;;
  "$REFUSED") echo "it refused" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home where systemctl writes down what it was asked, refuses `$REFUSED` and shows the files of units."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text(SYSTEMCTL)
    (tmp_path / "bin/systemctl").chmod(0o755)
    for unit in ("semctxd.socket", "semctxd.service"):
        (tmp_path / unit).write_text("ActiveState=active\nSubState=running\nResult=success\nStatusText=ok\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("REFUSED", "nothing")
    for name in ("XDG_CONFIG_HOME", "SEMCTX_SOCKET", "USER"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def asked(home: Path) -> list[str]:
    lines = [line.removeprefix("--user ") for line in (home / "asked").read_text().splitlines()]
    (home / "asked").unlink()
    return [line for line in lines if not line.startswith("show")]


def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_install_upgrade_and_uninstall(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / ".config/systemd/user"
    started = ["enable --now semctxd.socket", "try-restart semctxd.service"]
    loaded = ["daemon-reload", "reset-failed semctxd.socket semctxd.service"]
    assert main(["service", "install"]) == 0
    said = capsys.readouterr().out
    assert "wrote semctxd.socket" in said
    assert "loginctl enable-linger" in said
    assert asked(home) == [*loaded, *started]
    assert sys.executable in (folder / "semctxd.service").read_text()
    assert main(["service", "status", "--json"]) == 0
    assert [unit["file"] for unit in answer(capsys)["units"]] == ["current", "current"]
    asked(home)
    with open(folder / "semctxd.socket", "a") as unit:
        unit.write("# another\n")
    assert main(["service", "status"]) == 1
    assert "another" in capsys.readouterr().out
    asked(home)
    assert main(["service", "install", "--json"]) == 0
    assert answer(capsys)["done"][0] == "wrote semctxd.socket"
    assert asked(home) == [loaded[0], "stop semctxd.socket semctxd.service", loaded[1], *started]
    assert main(["service", "uninstall"]) == 0
    assert "removed semctxd.service" in capsys.readouterr().out
    assert asked(home) == ["disable --now semctxd.socket semctxd.service", "daemon-reload"]
    assert list(folder.iterdir()) == []


def test_what_stands_in_the_place_of_units_is_replaced(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / ".config/systemd/user"
    folder.mkdir(parents=True)
    (folder / "semctxd.socket").write_bytes(b"\xff")
    (folder / "semctxd.service").symlink_to("/dev/null")  # it is masked
    assert main(["service", "status", "--json"]) == 1
    assert [unit["file"] for unit in answer(capsys)["units"]] == ["another", "another"]
    assert main(["service", "install", "--json"]) == 0
    assert [unit["file"] for unit in answer(capsys)["units"]] == ["current", "current"]
    assert sorted(path.name for path in folder.iterdir()) == ["semctxd.service", "semctxd.socket"]
    assert not (folder / "semctxd.service").is_symlink()


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ("Result=exit-code\nExecMainStatus=78", "semctx config check"),
        ("Result=exit-code\nExecMainStatus=203", "install semctx again"),
        ("Result=watchdog\nExecMainStatus=6", "stood still"),
        ("Result=signal\nExecMainStatus=11", "journalctl"),
    ],
)
def test_what_to_do_when_it_failed(
    home: Path, capsys: pytest.CaptureFixture[str], properties: str, problem: str
) -> None:
    main(["service", "install"])
    capsys.readouterr()
    for unit in ("semctxd.socket", "semctxd.service"):
        (home / unit).write_text(f"ActiveState=failed\nSubState=failed\n{properties}\n")
    assert main(["service", "status"]) == 1
    said = capsys.readouterr().out
    assert problem in said
    assert "again and again" in said


def test_without_a_manager_the_units_are_written_and_removed(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUSED", "show-environment")
    monkeypatch.setenv("SEMCTX_SOCKET", "/elsewhere/s.sock")
    assert main(["service", "install"]) == 1
    said = capsys.readouterr().out
    assert "no service manager of yours answers here: it refused" in said
    assert "SEMCTX_SOCKET=/elsewhere/s.sock leads past it" in said
    assert (home / ".config/systemd/user/semctxd.socket").exists()
    assert main(["service", "uninstall"]) == 0
    assert not (home / ".config/systemd/user/semctxd.socket").exists()


def test_a_manager_that_refuses(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUSED", "enable")
    assert main(["service", "install"]) == 1
    assert "systemctl --user enable --now semctxd.socket: it refused" in capsys.readouterr().err


def test_where_there_is_no_systemd(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["service", "status"]) == 1
    assert "There is no systemd here" in capsys.readouterr().err


def test_without_the_daemon_there_is_nothing_to_install(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["service", "install"]) == 1
    assert "semctx[daemon]" in capsys.readouterr().err
    assert not (home / ".config").exists()


def test_paths_that_units_would_read_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", '/a b/100%/$x/"q"/bin/python')
    lines = rendered("semctxd.service").splitlines()
    assert 'ExecStart="/a b/100%%/$$x/\\"q\\"/bin/python" -P -m semctxd' in lines
    assert any(line.startswith('Environment="PATH=/a b/100%%/$x/\\"q\\"/bin:%h/.local/bin') for line in lines)
