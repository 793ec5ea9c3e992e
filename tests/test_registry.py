"""Which language server answers, where its program is, and which Python it is told of."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest

from semctxd.config.sources import Sources
from semctxd.errors import ServerUnavailable, UnknownServer
from semctxd.lsp.interpreter import resolve
from semctxd.lsp.registry import check, choose, command_line, registry

SERVERS = ["ty", "basedpyright", "pyrefly", "zuban", "jedi-language-server"]


def test_the_default_server_of_a_language() -> None:
    assert choose("python", "") == ("ty", registry().servers["ty"])
    assert choose("python", "ty")[0] == "ty"


def test_an_unknown_language_or_server_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownServer, match="unknown language 'pyhton'") as caught:
        choose("pyhton", "")
    assert caught.value.nearest == ["python"]
    with pytest.raises(UnknownServer, match="unknown language server 'tie' for python") as caught:
        choose("python", "tie")
    assert caught.value.nearest == SERVERS


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[languages.rust]\nserver = 'ty'\n", "languages.rust: no such language; allowed are python"),
        ("[languages.python]\nserver = 'tie'\n", "languages.python.server: Expected one of " + ", ".join(SERVERS)),
        ("[servers.pyright]\ncommand = ['x']\n", "servers.pyright: no such server; allowed are " + ", ".join(SERVERS)),
    ],
)
def test_a_configuration_names_what_the_registry_has(tmp_path: Path, toml: str, said: str) -> None:
    (tmp_path / "config.toml").write_text(toml)
    assert [what for _, what in check(Sources(str(tmp_path / "config.toml")).config)] == [said]


def program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return folder / name


def test_the_daemon_s_own_environment_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "ty")
    monkeypatch.setenv("PATH", str(tmp_path))
    own = os.path.join(sysconfig.get_path("scripts"), "ty")
    assert command_line("ty", registry().servers["ty"], None) == [own, "server"]


def test_then_the_path_and_the_user_s_command_before_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = program(tmp_path, "no-such-server-here")
    monkeypatch.setenv("PATH", str(tmp_path))
    import msgspec

    elsewhere = msgspec.structs.replace(registry().servers["ty"], command=["no-such-server-here", "serve"])
    assert command_line("other", elsewhere, None) == [str(other), "serve"]
    assert command_line("ty", registry().servers["ty"], [str(other), "-v"]) == [str(other), "-v"]
    assert command_line("ty", registry().servers["ty"], ["no-such-server-here"]) == [str(other)]
    with pytest.raises(ServerUnavailable, match="ty is not installed: missing was not found") as caught:
        command_line("ty", registry().servers["ty"], ["missing"])
    assert caught.value.hint == "Install it: pip install ty"


def test_the_order_in_which_an_interpreter_is_looked_for(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    env = {
        "VIRTUAL_ENV": str(tmp_path / "venv"),
        "CONDA_PREFIX": str(tmp_path / "conda"),
        "PATH": str(tmp_path / "path"),
    }
    assert resolve(str(root), "", env) == ""
    python = program(tmp_path / "path", "python")
    assert resolve(str(root), "", env) == str(python)
    python3 = program(tmp_path / "path", "python3")
    assert resolve(str(root), "", env) == str(python3)
    conda = program(tmp_path / "conda/bin", "python3")
    assert resolve(str(root), "", env) == str(conda)
    venv = program(tmp_path / "venv/bin", "python")
    assert resolve(str(root), "", env) == str(venv)
    own = program(root / ".venv/bin", "python")
    assert resolve(str(root), "", env) == str(own)
    configured = program(tmp_path, "configured")
    assert resolve(str(root), str(configured), env) == str(configured)
    assert resolve(str(root), "/nowhere/python", env) == str(own)


def test_the_link_that_an_environment_s_python_is_stays_one(tmp_path: Path) -> None:
    real = program(tmp_path, "real")
    link = tmp_path / "root/.venv/bin/python"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    assert resolve(str(tmp_path / "root"), "", {}) == str(link)


def test_a_version_manager_s_shim_is_no_python(tmp_path: Path) -> None:
    root, pyenv = tmp_path / "of/root", tmp_path / "pyenv"
    root.mkdir(parents=True)
    program(pyenv / "shims", "python3")
    one, two = (program(pyenv / f"versions/{version}/bin", "python3") for version in ("3.12.1", "3.13.0"))
    last = program(tmp_path / "bin", "python3")
    env = {"PATH": f"{pyenv}/shims:{tmp_path}/bin"}
    assert resolve(str(root), "", env) == str(last)
    (pyenv / "version").write_text("3.12.1\n")
    assert resolve(str(root), "", env) == str(one)
    (root.parent / ".python-version").write_text("3.14.0\n3.13.0\n")
    assert resolve(str(root), "", env) == str(two)
    (root / ".python-version").write_bytes(b"\xff")
    assert resolve(str(root), "", env) == str(two)
    (root / ".python-version").write_text("system\n")
    assert resolve(str(root), "", env) == str(two)
    (root / ".python-version").unlink()
    os.mkfifo(root / ".python-version")
    assert resolve(str(root), "", env) == str(two)
