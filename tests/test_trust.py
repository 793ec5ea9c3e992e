"""What a workspace's own file may say, and what counts only when the user trusts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from semctxd.config.schema import Config, Context, Python, Server, load_local, overlaid
from semctxd.config.settings import Pin, Pins, Settings
from semctxd.errors import ConfigError
from semctxd.lsp.registry import check
from tests.conftest import Daemon, Wire, eventually
from tests.zoo import command, configured

SYMBOLS = "textDocument/documentSymbol"


def own_file(repo: Path, record: Path) -> None:
    """Name a server that leaves a record when it runs."""
    (repo / ".semctx.toml").write_text(configured(command("rude", "echoes", record)))


def symbols(client: Wire, repo: Path) -> Any:
    params = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}}
    return client.call("lsp/request", root=str(repo), method=SYMBOLS, params=params)


def semctx(daemon: Daemon, *argv: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "semctx.cli", "trust", *argv]
    return subprocess.run(command, env=daemon.env, input=answer, capture_output=True, text=True)


# -- the file


@pytest.mark.parametrize("name", [".semctx.toml", "pyproject.toml"])
def test_what_is_harmless_holds_at_once(repo: Path, tmp_path: Path, name: str) -> None:
    section = "context" if name == ".semctx.toml" else "tool.semctx.context"
    with (repo / name).open("a") as file:
        file.write(f"[{section}]\nenrich_s = 0\n")
    user = Config(context=Context(enrich_symbols=3))
    settings = Settings(str(repo), user, Pins(str(tmp_path / "pins")), check)
    assert settings.config.context == Context(enrich_s=0, enrich_symbols=3)  # the rest is the user's
    assert (settings.problem, settings.trusted) == ("", False)


def test_a_workspace_that_says_nothing_has_the_users_configuration(repo: Path, tmp_path: Path) -> None:
    user = Config(python=Python(interpreter="/usr/bin/python3"))
    settings = Settings(str(repo), user, Pins(str(tmp_path / "pins")), check)
    assert settings.config is user
    (repo / ".semctx.toml").write_text("")
    (repo / "pyproject.toml").write_text("[tool.semctx.context]\n")
    settings.forget()
    assert settings.config == user
    assert settings.file
    assert settings.file.path == f"{repo}/.semctx.toml"  # the first that has any


def test_the_files_settings_stand_over_the_users(tmp_path: Path) -> None:
    user = Config(servers={"ty": Server(command=("a", "b")), "other": Server(command=("c",))})
    config = overlaid(user, {"servers": {"ty": {"command": ["d"]}}})
    assert config.servers == {"ty": Server(command=("d",)), "other": Server(command=("c",))}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[context]\nenrich = 1", "[context] has no enrich; allowed are enrich_s, enrich_symbols"),
        ("[daemon]\ndeadline_s = 1", "there is no section daemon; allowed are context, languages, python, servers"),
        ("[servers.ty]\ncommand = ['./ty']", "servers.ty: command must be an absolute path, or a name on PATH"),
        ("[python]\ninterpreter = 'bin/python'", "python: interpreter must be an absolute path"),
        ("[languages.python]\nserver = ''", "languages.python.server: Expected `str` of length >= 1"),
        ("[context", "no valid TOML"),
        ("# \udce9", "cannot be read: "),
        ("#" * (1 << 20) + "\n", "is larger than 1048576 bytes"),
    ],
)
def test_a_file_that_is_wrong_is_named_and_holds_nothing(repo: Path, tmp_path: Path, text: str, said: str) -> None:
    (repo / ".semctx.toml").write_bytes(text.encode(errors="surrogateescape"))
    settings = Settings(str(repo), Config(), Pins(str(tmp_path / "pins")), check)
    assert settings.config == Config()
    assert re.match(rf"{repo}/\.semctx\.toml:(\d+:)? {re.escape(said)}", settings.problem)
    assert "nothing of that file holds" in settings.problem


def test_the_section_of_a_pyproject_is_named(repo: Path) -> None:
    (repo / "pyproject.toml").write_text("[tool.semctx.cash]\n")
    with pytest.raises(ConfigError, match=r"pyproject.toml:1: there is no section cash"):
        load_local(str(repo))
    (repo / "pyproject.toml").write_text("tool = 1\n")
    assert load_local(str(repo)) is None


def test_a_file_that_is_none_is_not_waited_for_and_one_elsewhere_is_not_read(repo: Path, tmp_path: Path) -> None:
    os.mkfifo(repo / ".semctx.toml")
    with pytest.raises(ConfigError, match="is no file"):
        load_local(str(repo))
    (repo / ".semctx.toml").unlink()
    (tmp_path / "secret.toml").write_text("[hunter2]\n")
    (repo / ".semctx.toml").symlink_to(tmp_path / "secret.toml")
    with pytest.raises(ConfigError, match="leads out of the workspace") as caught:
        load_local(str(repo))
    assert "hunter2" not in str(caught.value)


# -- the pins


def test_pins_are_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "trusted.json"
    pins = Pins(str(path))
    assert pins.read() == {}
    pins.put("/a", Pin("/a/.semctx.toml", "0a"))
    pins.put("/b", Pin("/b/.semctx.toml", "0b"))
    pins.put("/a", None)
    pins.put("/a", None)
    assert pins.read() == {"/b": Pin("/b/.semctx.toml", "0b")}
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert os.listdir(path.parent) == ["trusted.json"]
    for mode in (0o620, 0o602):
        path.chmod(mode)
        assert pins.read() == {}
    path.chmod(0o600)
    path.write_text("{")
    assert pins.read() == {}


# -- a daemon


def test_a_workspace_names_no_program_unless_trusted(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    record, client = tmp_path / "record", daemon.client()
    own_file(repo, record)
    assert [symbol["name"] for symbol in symbols(client, repo)["result"]["result"]] == ["Order", "total"]  # ty's own
    assert not record.exists()
    health = client.ask("health")
    assert health["status"] == "degraded"
    assert f"look at them with `semctx trust {repo}`" in health["reasons"][0]

    shown = client.ask("trust/show", root=str(repo))
    assert shown["programs"] == [f"[servers.ty] command = {command('rude', 'echoes', record)!r}"]
    assert not shown["trusted"]
    assert client.fails("trust/grant", root=str(repo), sha256="0a")["data"]["type"] == "InvalidParams"
    symbols(client, repo)
    assert not record.exists()

    assert client.ask("trust/grant", root=str(repo), sha256=shown["sha256"])["trusted"]
    symbols(client, repo)
    assert record.exists()
    assert client.ask("health")["status"] == "ok"
    pid = client.sessions(repo, "ty")[0]["pid"]

    (repo / ".semctx.toml").write_text((repo / ".semctx.toml").read_text() + "# changed\n")  # which ends the trust
    assert [symbol["name"] for symbol in symbols(client, repo)["result"]["result"]] == ["Order", "total"]
    assert record.read_text().count('"initialize"') == 1  # it was started once, when it was trusted
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), "what the file started is ended")
    assert client.ask("trust/list") == {"workspaces": [client.ask("trust/show", root=str(repo))]}
    assert not client.ask("trust/list")["workspaces"][0]["trusted"]


def test_a_trust_that_is_revoked_ends_what_it_started(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    client = daemon.client()
    own_file(repo, tmp_path / "record")
    sha256 = client.ask("trust/show", root=str(repo))["sha256"]
    client.ask("trust/grant", root=str(repo), sha256=sha256)  # before anything was asked of the workspace
    symbols(client, repo)
    pid = client.sessions(repo, "ty")[0]["pid"]
    assert not client.ask("trust/revoke", root=str(repo))["trusted"]
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), "it is ended without another question")
    assert client.ask("trust/list") == {"workspaces": []}
    assert [symbol["name"] for symbol in symbols(client, repo)["result"]["result"]] == ["Order", "total"]


def test_trust_that_cannot_be_remembered(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    client = daemon.client()
    own_file(repo, tmp_path / "record")
    (daemon.place / "state").mkdir(exist_ok=True)
    (daemon.place / "state" / "semctx").write_text("no folder")
    sha256 = client.ask("trust/show", root=str(repo))["sha256"]
    error = client.fails("trust/grant", root=str(repo), sha256=sha256)
    assert (error["code"], error["data"]["type"]) == (-32017, "StateUnwritable")
    assert not client.ask("trust/show", root=str(repo))["trusted"]


# -- the command


def test_the_command_shows_asks_trusts_and_revokes(daemon: Daemon, repo: Path, tmp_path: Path) -> None:
    assert "names no programs: there is nothing to trust" in semctx(daemon, str(repo)).stdout
    assert semctx(daemon, "--list").stdout == "none is trusted\n"
    own_file(repo, tmp_path / "record")
    shown = semctx(daemon, str(repo), answer="no\n")
    assert shown.returncode == 1
    assert "[servers.ty] command = " in shown.stdout
    assert "[y/N]" in shown.stdout
    assert semctx(daemon, "--root", str(repo), answer="").returncode == 1
    assert semctx(daemon, str(repo), "--json", answer="yes\n").returncode == 1  # nobody to ask
    trusted = semctx(daemon, str(repo), answer="y\n")
    assert (trusted.returncode, trusted.stderr) == (0, "")
    assert trusted.stdout.splitlines()[-1] == "  trusted, until the file changes"
    assert semctx(daemon, str(repo)).stdout.splitlines()[-1] == "  trusted, until the file changes"
    assert semctx(daemon, "--list").stdout == f"{repo}  trusted\n"
    (repo / ".semctx.toml").write_text((repo / ".semctx.toml").read_text() + "\n")
    assert semctx(daemon, "--list").stdout == f"{repo}  changed since, and not trusted any more\n"
    assert "names programs, which are not run" in semctx(daemon, str(repo), "--revoke").stdout
    assert semctx(daemon, str(repo), "--yes").stdout.splitlines()[-1] == "  trusted, until the file changes"
    assert json.loads(semctx(daemon, str(repo), "--yes", "--json").stdout)["trusted"]


def test_a_trusted_file_that_names_what_does_not_exist(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    (repo / ".semctx.toml").write_text(
        "[languages.python]\nserver = 'my-own'\n[python]\ninterpreter = '/usr/bin/python3'\n"
    )
    shown = client.ask("trust/show", root=str(repo))
    assert shown["programs"] == ["[languages.python] server = 'my-own'", "[python] interpreter = '/usr/bin/python3'"]
    said = client.ask("trust/grant", root=str(repo), sha256=shown["sha256"])
    assert said["trusted"]
    assert ".semctx.toml:2: languages.python.server: Expected one of ty" in said["problem"]
    assert "nothing of that file holds" in said["problem"]
    assert [symbol["name"] for symbol in symbols(client, repo)["result"]["result"]] == ["Order", "total"]
