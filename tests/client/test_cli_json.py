"""`--json` of every command: exactly what docs/cli.md says."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from semctx.cli import main
from semctx.cli.completion import _commands
from semctx.cli.parser import build
from semctx.protocol import METHODS
from tests.conftest import Daemon, daemon_at

METHOD_OF = {
    "context 'a price'": "context/query",
    "context 'a price' --prompt": "context/query",
    "files 'a price'": "files/relevant",
    "find Price": "symbols/find",
    "overview": "symbols/overview",
    "body Price": "symbols/body",
    "def Price": "symbols/definition",
    "refs Price": "symbols/references",
    "impl Price": "symbols/implementations",
    "hover Price": "symbols/hover",
    "callers parse_price": "symbols/callers",
    "callees total": "symbols/callees",
    "diagnostics shop/prices.py": "diagnostics",
    "check shop/prices.py --text shop/prices.py": "code/check",
    "status": "health",
    "health": "health",
    "metrics": "metrics/get",
    "metrics --prometheus": "metrics/prometheus",
    "metrics --reset": "metrics/reset",
    "restart-server": "session/restart",
    "cache stats": "cache/stats",
    "cache clear": "cache/clear",
    "cache invalidate": "cache/invalidate",
    "config show": "config/get",
    "config reload": "config/reload",
    "trust": "trust/show",
    "trust --revoke": "trust/revoke",
    "trust --list": "trust/list",
    "logs --level info": "log/level",
}
LIFE = {"stop": "daemon/stop", "start": "session/hello", "restart": "session/hello"}
_SERVICE = {"folder", "done", "units", "manager", "lingers", "socket"}
KEYS_OF = {
    "version": {"version", "protocol", "daemon", "problem"},
    "doctor": {"root", "findings"},
    "config check": {"problems"},
    "service install": _SERVICE,
    "service status": _SERVICE,
    "service uninstall": _SERVICE,
}
LINES = {"logs"}
REFUSED = {"top", "completion bash"}


def words(command: str) -> list[str]:
    return [*shlex.split(command), "--json"]


def is_result_of(method: str, said: Any) -> None:
    kind = METHODS[method].result
    msgspec.convert(said, kind)
    assert said.keys() <= get_type_hints(kind).keys()


@pytest.fixture
def here(shared: Daemon, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository, where there is a daemon, a log, and no service manager that answers."""
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho nobody >&2; exit 1\n")
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "log").write_text('{"event": "one"}\nTraceback\n[1]\n{"event": "two"}\n')
    for name, value in {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SEMCTX_SOCKET": shared.socket,
        "SEMCTX_LOG": str(tmp_path / "log"),
        "XDG_CONFIG_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(repo)
    return repo


def test_every_command_is_tried() -> None:
    commands = [command.path for command in _commands(build(), ())]
    leaves = {path for path in commands if not any(other[:-1] == path for other in commands)}
    tried = [*METHOD_OF, *LIFE, *KEYS_OF, *LINES, *REFUSED]
    assert {path for path in leaves if any(words(one)[: len(path)] == [*path] for one in tried)} == leaves


@pytest.mark.parametrize("command", METHOD_OF)
def test_a_command_prints_the_result_of_its_method(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main(words(command)) == 0
    out, err = capsys.readouterr()
    assert not err
    is_result_of(METHOD_OF[command], json.loads(out))


@pytest.mark.parametrize("command", KEYS_OF)
def test_a_command_prints_an_object_of_its_own(here: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    main(words(command))
    out, err = capsys.readouterr()
    assert not err
    assert json.loads(out).keys() == KEYS_OF[command]


def test_the_log_is_an_object_a_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"event": "one"}, {"text": "Traceback"}, {"text": "[1]"}, {"event": "two"}]


@pytest.mark.parametrize("command", sorted(REFUSED))
def test_what_has_none_is_a_usage_error_that_says_so(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words(command))
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert not out
    assert "JSON" in err or "--json" in err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("find parse_prize", "parse_prize"),
        ("check shop/prices.py --text nowhere.py", "nowhere.py"),
        ("logs", "no log at"),
        ("body shop/prices.py:99:1", "no line 99"),
    ],
)
def test_an_error_is_json_too(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    message: str,
) -> None:
    monkeypatch.setenv("SEMCTX_LOG", str(tmp_path / "none"))
    assert main(words(command)) == 1
    out, err = capsys.readouterr()
    assert not out
    error = json.loads(err)["error"]
    assert message in error["message"]
    assert error["data"]["hint"]


def test_the_life_of_a_daemon(repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(repo)
    with daemon_at() as daemon:
        for name, value in daemon.env.items():
            monkeypatch.setenv(name, value)
        pids = set()
        for command in ("stop", "start", "restart", "stop"):
            assert main(words(command)) == 0
            said = json.loads(capsys.readouterr().out)
            is_result_of(LIFE[command], said)
            pids.add(said["pid"])
        assert len(pids) == 3
