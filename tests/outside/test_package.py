"""The distribution as users get it: built, installed into an empty environment with uv or pipx, used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.outside

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = os.path.dirname(sys.executable)
UV, PIPX = (shutil.which(name, path=SCRIPTS) or name for name in ("uv", "pipx"))
INSTALL = {
    "uv": ([UV, "tool", "install", "--python", sys.executable], "share/uv/tools/semctx"),
    "pipx": ([PIPX, "install", "--python", sys.executable], "share/pipx/venvs/semctx"),
}
"""By tool: its command, and where below ~/.local the environment is then."""


def run(*command: str, env: dict[str, str], cwd: Path | str = "/") -> str:
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--out-dir", str(folder), str(REPOSITORY), env=dict(os.environ))
    return folder


def test_the_wheel_has_what_it_needs_and_the_sdist_builds_it(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    needed = ("semctx/systemd/semctxd.service", "semctx/systemd/semctxd.socket", "semctxd/lsp/servers.toml")
    assert [name for name in needed if name not in names] == []
    assert {name.split("/")[0].split("-")[0] for name in names} == {"semctx", "semctxd"}
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("/systemd/semctxd.service") for name in archive.getnames())


@pytest.fixture
def installed(built: Path, tool: str) -> Iterator[dict[str, str]]:
    """The environment of a user who installed the wheel with the tool; the daemon ends with it."""
    (wheel,) = built.glob("*.whl")
    with tempfile.TemporaryDirectory(prefix="su", dir="/tmp") as home:
        os.mkdir(f"{home}/run", 0o700)
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        env |= {
            "HOME": home,
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", os.path.expanduser("~/.cache/uv")),
            "PATH": f"{home}/.local/bin:/usr/bin:/bin",
            "XDG_RUNTIME_DIR": f"{home}/run",
        }
        run(*INSTALL[tool][0], f"{wheel}[daemon]", env=env)
        yield env
        run("semctx", "stop", env=env)


@pytest.mark.parametrize("tool", INSTALL)
def test_it_is_installed_and_used(installed: dict[str, str], repo: Path, tool: str) -> None:
    found = run("semctx", "context", "validate an email address", "--prompt", env=installed, cwd=repo)
    assert "validate_email" in found
    version = json.loads(run("semctx", "version", "--json", env=installed, cwd=repo))
    assert version["version"] == version["daemon"]["version"]
    hover = run("semctx", "hover", "shop/orders.py:11:22", env=installed, cwd=repo)
    assert "validate_email" in hover  # a language server came along
    written = subprocess.run(["semctx", "service", "install"], env=installed, capture_output=True, text=True)
    assert "wrote semctxd.service" in written.stdout, written
    unit = Path(installed["HOME"], ".config/systemd/user/semctxd.service").read_text()
    assert f'ExecStart="{installed["HOME"]}/.local/{INSTALL[tool][1]}/bin/python' in unit
