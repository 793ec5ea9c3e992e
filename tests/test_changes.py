"""Every class of change that is not a plain write: a real daemon, a real language server, real changes.

What the kernel's events mean is held by test_gate.py; here it is held that the answers follow. See docs/reliability.md.
"""

from __future__ import annotations

import mmap
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from semctxd.tree import is_left_out
from tests.conftest import Daemon, Wire, daemon_at

pytestmark = pytest.mark.proof

USE = (1, 10)  # `result` in use.py


def use(repo: Path, module: str) -> None:
    (repo / "use.py").write_text(f"from {module} import value\nresult = value\n")


def value(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"value: {kind} = {kind}()\n")


def kind(client: Wire, repo: Path) -> str:
    """The type of `result`, asked twice: the second answer may come from memory."""
    said = [client.hover(repo, "use.py", *USE) for _ in range(2)]
    assert said[0] == said[1]
    return said[0].removeprefix("```python\n").removesuffix("\n```")


def names(client: Wire, repo: Path, file: str) -> list[str]:
    document = {"textDocument": {"uri": f"file://{repo}/{file}"}}
    return [symbol["name"] for symbol in client.lsp(repo, "textDocument/documentSymbol", document) or []]


def found(client: Wire, repo: Path, name: str) -> list[str]:
    """The files in which the index knows a symbol."""
    reply = client.call("symbols/find", root=str(repo), name=name)
    return [symbol["file"] for symbol in reply["result"]["symbols"]] if "result" in reply else []


def state(client: Wire) -> Any:
    """The one workspace."""
    [workspace] = client.ask("health")["workspaces"]
    return workspace


def servers(client: Wire) -> Any:
    """The language servers that run, by their interpreter."""
    return {one["interpreter"]: one for one in state(client)["sessions"] if one["name"] == "ty"}


def git(repo: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", str(repo), *identity, *arguments], check=True, capture_output=True)


# -- the root, and what stands above it


def test_a_parent_of_the_root_renamed_and_back(client: Wire, repo: Path) -> None:
    parent, away = repo.parent, repo.parent.with_name("away")
    value(repo / "one.py", "int")
    use(repo, "one")
    assert kind(client, repo) == "int"
    parent.rename(away)
    document = {"textDocument": {"uri": f"file://{repo}/use.py"}, "position": {"line": 1, "character": 1}}
    asked = {"root": str(repo), "method": "textDocument/hover", "params": document}
    assert client.fails("lsp/request", **asked)["data"]["type"] == "RootNotFound"
    value(away / "repo/one.py", "str")  # nobody watches it there
    away.rename(parent)
    assert kind(client, repo) == "str"
    value(repo / "one.py", "bytes")
    assert kind(client, repo) == "bytes"


@pytest.mark.parametrize("what", ["folder", "symlink", "parent"])
def test_another_root_in_its_place(client: Wire, repo: Path, what: str) -> None:
    other = repo.parent.parent / "other/repo"
    for root, of in ((repo, "int"), (other, "str")):
        value(root / "one.py", of)
        use(root, "one")
    assert kind(client, repo) == "int"
    if what == "parent":
        repo.parent.rename(other.parent.with_name("old"))
        other.parent.rename(repo.parent)
    else:
        repo.rename(repo.with_name("old"))
        if what == "folder":
            other.rename(repo)
        else:
            repo.symlink_to(other)
    assert kind(client, repo) == "str"
    value(repo / "one.py", "bytes")
    assert kind(client, repo) == "bytes"


@pytest.mark.parametrize("name", ["ty.toml", "pyproject.toml"])
@pytest.mark.parametrize("above", [False, True], ids=["in the root", "above it"])
def test_configuration_made_edited_and_removed(client: Wire, repo: Path, name: str, above: bool) -> None:
    folder = repo.parent if above else repo
    section = "environment" if name == "ty.toml" else "tool.ty.environment"
    value(folder / "lib/one.py", "int")
    value(folder / "more/one.py", "str")
    (repo / "pyproject.toml").unlink()
    use(repo, "one")
    assert kind(client, repo) == "Unknown"
    (folder / name).write_text(f'[{section}]\nextra-paths = ["lib"]\n')
    assert kind(client, repo) == "int"
    (folder / name).write_text(f'[{section}]\nextra-paths = ["more"]\n')
    assert kind(client, repo) == "str"
    value(folder / "more/one.py", "bytes")
    assert kind(client, repo) == "bytes"
    (folder / name).unlink()
    assert kind(client, repo) == "Unknown"


# -- environments


def make_venv(folder: Path) -> Path:
    """A real environment; where its packages are."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    return packages


def test_an_environment_made_later_replaced_and_removed(client: Wire, repo: Path) -> None:
    use(repo, "dep")
    assert kind(client, repo) == "Unknown"
    packages = make_venv(repo / ".venv")
    assert kind(client, repo) == "Unknown"
    assert str(repo / ".venv/bin/python") in servers(client)
    value(packages / "dep.py", "int")
    assert kind(client, repo) == "int"
    (repo / ".venv").rename(repo.parent / "old")
    assert kind(client, repo) == "Unknown"
    value(make_venv(repo.parent / "new") / "dep.py", "str")
    (repo.parent / "new").rename(repo / ".venv")
    assert kind(client, repo) == "str"
    value(packages / "dep.py", "bytes")  # the same path again, in another folder
    assert kind(client, repo) == "bytes"
    shutil.rmtree(repo / ".venv")
    assert kind(client, repo) == "Unknown"


def test_an_environment_of_another_version(client: Wire, repo: Path) -> None:
    """ty reads the version at its start, and does not believe what it is told later."""
    make_venv(repo / ".venv")
    (repo / "use.py").write_text(
        "import sys\n\nif sys.version_info >= (3, 13):\n    kind = str()\nelse:\n    kind = int()\nkind\n"
    )
    cfg = repo / ".venv/pyvenv.cfg"
    for version, of in (("3.12.1", "int"), ("3.13.1", "str"), ("3.12.1", "int")):
        cfg.write_text(f"home = /usr/bin\nversion = {version}\n")
        assert of in client.hover(repo, "use.py", 6, 1)
        assert of in client.hover(repo, "use.py", 6, 1)


def pip(venv: Path, *arguments: str) -> None:
    python = str(venv / "bin/python")
    subprocess.run([sys.executable, "-m", "pip", "-q", "--python", python, *arguments], check=True, capture_output=True)


def wheel(folder: Path, version: str, of: str) -> Path:
    path = folder / f"dep-{version}-py3-none-any.whl"
    about = f"dep-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("dep/__init__.py", f"value: {of} = {of}()\n")
        file.writestr("dep/py.typed", "")
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: dep\nVersion: {version}\n")
        file.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{about}/RECORD", "")
    return path


def test_a_package_installed_upgraded_and_removed(client: Wire, repo: Path, tmp_path: Path) -> None:
    make_venv(repo / ".venv")
    use(repo, "dep")
    assert kind(client, repo) == "Unknown"
    pip(repo / ".venv", "install", "--no-index", "--no-deps", str(wheel(tmp_path, "1", "int")))
    assert kind(client, repo) == "int"
    pip(repo / ".venv", "install", "--no-index", "--no-deps", str(wheel(tmp_path, "2", "str")))
    assert kind(client, repo) == "str"
    pip(repo / ".venv", "uninstall", "-y", "dep")
    assert kind(client, repo) == "Unknown"


def test_an_editable_install_whose_folder_lies_outside(client: Wire, repo: Path, tmp_path: Path) -> None:
    packages = make_venv(repo / ".venv")
    value(tmp_path / "one/dep/__init__.py", "int")
    value(tmp_path / "two/dep/__init__.py", "bytes")
    use(repo, "dep")
    assert kind(client, repo) == "Unknown"
    (packages / "dep.pth").write_text(f"{tmp_path}/one\n")
    assert kind(client, repo) == "int"
    value(tmp_path / "one/dep/__init__.py", "str")
    assert kind(client, repo) == "str"
    (packages / "dep.pth").write_text(f"{tmp_path}/two\n")
    assert kind(client, repo) == "bytes"
    value(tmp_path / "two/dep/__init__.py", "float")
    assert kind(client, repo) == "float"
    (packages / "dep.pth").unlink()
    assert kind(client, repo) == "Unknown"


# -- git


def test_a_switch_between_branches_of_hundreds_of_files(client: Wire, repo: Path) -> None:
    git(repo, "init")
    for branch, of in (("main", "int"), ("other", "str")):
        if branch == "other":
            git(repo, "checkout", "-b", branch)
            shutil.rmtree(repo / "many/7")
        for number in range(400):
            value(repo / f"many/{number % 20 + 10 * (branch == 'other')}/file{number}.py", of)
        value(repo / "one.py", of)
        use(repo, "one")
        git(repo, "add", ".")
        git(repo, "commit", "-m", branch)
    for branch, of, there, gone in (("main", "int", 7, 27), ("other", "str", 27, 7)) * 3:
        git(repo, "checkout", branch)
        assert kind(client, repo) == of
        assert names(client, repo, f"many/{there}/file{there if there == 7 else 17}.py") == ["value"]
        assert not any(file.startswith(f"many/{gone}/") for file in found(client, repo, "value"))
    assert state(client)["degraded"] == []


def test_a_head_that_moves_alone_costs_no_answer(client: Wire, repo: Path) -> None:
    git(repo, "init")
    use(repo, "shop.orders")
    git(repo, "add", ".")
    git(repo, "commit", "-m", "one")
    kind(client, repo)
    epoch = state(client)["epoch"]
    git(repo, "commit", "--allow-empty", "-m", "two")
    git(repo, "checkout", "-b", "other")
    kind(client, repo)
    assert state(client)["epoch"] == epoch


def test_ignored_folders_are_not_indexed_and_never_stale(client: Wire, repo: Path) -> None:
    git(repo, "init")
    (repo / ".gitignore").write_text("/generated/\nmy-data/\nnode_modules/\n")
    value(repo / "generated/one.py", "int")
    value(repo / "my-data/deep/two.py", "int")
    value(repo / "node_modules/deep/three.py", "int")
    use(repo, "generated.one")
    assert kind(client, repo) == "int"
    value(repo / "generated/one.py", "str")
    assert kind(client, repo) == "str"
    value(repo / "generated/new.py", "bytes")
    use(repo, "generated.new")
    assert kind(client, repo) == "bytes"
    assert found(client, repo, "value") == []
    watched = state(client)["folders"]
    value(repo / "my-data/deep/er/three.py", "int")
    assert found(client, repo, "value") == []
    assert state(client)["folders"] == watched
    for name in ("value", "other"):  # asked about all the same
        (repo / "my-data/deep/two.py").write_text(f"{name} = 1\n")
        assert names(client, repo, "my-data/deep/two.py") == [name]
    (repo / ".gitignore").write_text("/generated/\n")
    assert found(client, repo, "other") == ["my-data/deep/two.py"]
    assert state(client)["folders"] == watched + 3
    (repo / ".git/info/exclude").write_text("my-data/\n")
    assert found(client, repo, "other") == []
    (repo / ".git/info/exclude").write_text("")
    (repo / ".gitignore").unlink()
    assert found(client, repo, "other") == ["my-data/deep/two.py"]
    assert set(found(client, repo, "value")) > {"generated/new.py", "generated/one.py"}


# -- links


def test_a_linked_folder_led_elsewhere_at_once(client: Wire, repo: Path, tmp_path: Path) -> None:
    for number, of in enumerate(("int", "str", "bytes")):
        value(tmp_path / f"{number}/one.py", of)
    (repo / "lib").symlink_to(tmp_path / "0")
    use(repo, "lib.one")
    assert kind(client, repo) == "int"
    for number, of in ((1, "str"), (2, "bytes"), (0, "int")):
        (repo / "next").symlink_to(tmp_path / f"{number}")
        (repo / "next").rename(repo / "lib")
        assert kind(client, repo) == of
    value(tmp_path / "0/one.py", "float")
    assert kind(client, repo) == "float"
    (tmp_path / "0").rename(tmp_path / "old")  # and where it leads to is replaced
    (tmp_path / "1").rename(tmp_path / "0")
    assert kind(client, repo) == "str"
    value(tmp_path / "0/one.py", "bytes")
    assert kind(client, repo) == "bytes"


def test_a_linked_file_led_elsewhere_at_once(client: Wire, repo: Path, tmp_path: Path) -> None:
    for number, of in enumerate(("int", "str")):
        value(tmp_path / f"{number}.py", of)
    (repo / "one.py").symlink_to(tmp_path / "0.py")
    use(repo, "one")
    assert kind(client, repo) == "int"
    (repo / "next").symlink_to(tmp_path / "1.py")
    (repo / "next").rename(repo / "one.py")
    assert kind(client, repo) == "str"
    value(tmp_path / "1.py", "bytes")
    assert kind(client, repo) == "bytes"
    value(tmp_path / "new", "float")
    (tmp_path / "new").rename(tmp_path / "1.py")
    assert kind(client, repo) == "float"


@pytest.mark.parametrize("name", ["other.py", "one.py~"])
def test_a_hard_link_made_later_and_written_through(client: Wire, repo: Path, name: str) -> None:
    """Also through a name that is no source file's."""
    value(repo / "one.py", "int")
    use(repo, "one")
    assert kind(client, repo) == "int"
    other = repo / "shop" / name
    os.link(repo / "one.py", other)
    value(other, "str")
    assert kind(client, repo) == "str"
    value(other, "bytes")
    assert kind(client, repo) == "bytes"
    other.unlink()
    os.link(repo / "one.py", other)
    value(other, "float")
    assert kind(client, repo) == "float"
    value(other, "bool")
    other.unlink()
    os.link(next(repo.rglob("*.py")), repo / "more~")
    assert kind(client, repo) == "bool"


def test_a_name_that_is_not_utf_8(client: Wire, repo: Path) -> None:
    """ty dies of a URI that is no UTF-8: it must never see one."""
    folder = os.fsencode(repo) + b"/caf\xe9"
    value(repo / "one.py", "int")
    use(repo, "one")
    assert kind(client, repo) == "int"
    os.mkdir(folder)
    for path in (folder + b"/inner.py", os.fsencode(repo) + b"/th\xe9.py"):
        for text in ("def tea(): ...\n", "def tea(): ...\ndef more(): ...\n"):
            Path(os.fsdecode(path)).write_text(text)
            assert kind(client, repo) == "int"
        assert len(found(client, repo, "more")) == 1
        os.unlink(path)
        assert found(client, repo, "more") == []
        assert kind(client, repo) == "int"
    os.rmdir(folder)
    value(repo / "one.py", "str")
    assert kind(client, repo) == "str"
    document = {"textDocument": {"uri": f"file://{repo}/th%E9.py"}}
    asked = {"root": str(repo), "method": "textDocument/documentSymbol", "params": document}
    assert client.fails("lsp/request", **asked)["data"]["type"] == "InvalidParams"
    assert [one["restarts"] for one in servers(client).values()] == [0]


# -- where the kernel gives up


@pytest.fixture
def patient() -> Iterator[Daemon]:
    """A daemon that waits for all dependencies to be walked again, rather than saying NotYetFresh."""
    with daemon_at(config="[daemon]\ngate_deadline_s = 30\n") as daemon:
        yield daemon


def test_an_overflow_of_the_kernel_s_queue(patient: Daemon, repo: Path) -> None:
    client = patient.client()
    value(repo / "one.py", "int")
    use(repo, "one")
    assert kind(client, repo) == "int"
    value(repo / "gone.py", "int")
    (repo / "uses.py").write_text("from gone import value\nresult = value\n")
    assert "int" in client.hover(repo, "uses.py", *USE)
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    os.kill(patient.pid, signal.SIGSTOP)
    try:
        for number in range(limit // 2 + 10):  # in turns, or the kernel merges them
            os.utime(repo / "shop/orders.py", ns=(number, number))
            os.utime(repo / "shop/prices.py", ns=(number, number))
        value(repo / "one.py", "str")
        value(repo / "new/er/two.py", "bytes")
        (repo / "gone.py").unlink()
    finally:
        os.kill(patient.pid, signal.SIGCONT)
    assert kind(client, repo) == "str"
    assert "Unknown" in client.hover(repo, "uses.py", *USE)
    assert client.ask("metrics/get")["gate"]["overflows"] >= 1
    use(repo, "new.er.two")
    assert kind(client, repo) == "bytes"
    value(repo / "new/er/two.py", "float")
    assert kind(client, repo) == "float"
    assert state(client)["degraded"] == []


@contextmanager
def a_daemon_with_few_watches(number: int) -> Iterator[Daemon]:
    limited = f'echo {number} > /proc/sys/user/max_inotify_watches && exec "$0" "$@"'
    with daemon_at(prefix=["unshare", "-Ur", "sh", "-c", limited]) as daemon:
        yield daemon


def test_the_kernel_s_limit_of_watches_is_said_and_nothing_kept(repo: Path) -> None:
    for number in range(30):
        (repo / f"many/{number}").mkdir(parents=True)
    value(repo / "many/29/one.py", "int")
    use(repo, "many.29.one")
    with a_daemon_with_few_watches(16) as daemon:
        client = daemon.client()
        document = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}}
        for _ in range(2):
            asked = {"root": str(repo), "method": "textDocument/documentSymbol", "params": document}
            assert client.ask("lsp/request", **asked)["degraded"] == ["watch-limit"]
        assert client.ask("cache/stats")["hits"] == 0
        assert "fs.inotify.max_user_watches" in client.ask("health")["reasons"][0]


def test_sweeping_sees_what_causes_no_event(repo: Path, tmp_path: Path) -> None:
    value(repo / "one.py", "int")
    use(repo, "one")
    with daemon_at(config='[watch]\nsweep = "always"\n[daemon]\ngate_deadline_s = 10\n') as daemon:
        client = daemon.client()
        assert kind(client, repo) == "int"
        os.link(repo / "one.py", tmp_path / "outside.py")  # a name that nobody watches
        for of in ("str", "bytes", "float"):
            value(tmp_path / "outside.py", of)
            assert kind(client, repo) == of
        assert state(client)["degraded"] == []


def test_a_sweep_that_takes_too_long_is_said(repo: Path) -> None:
    for number in range(200):
        value(repo / f"many/file{number}.py", "int")
    config = '[watch]\nsweep = "always"\n[daemon]\ngate_deadline_s = 1e-6\n'
    with daemon_at(config=config) as daemon:
        client = daemon.client()
        document = {"textDocument": {"uri": f"file://{repo}/shop/orders.py"}}
        asked = {"root": str(repo), "method": "textDocument/documentSymbol", "params": document}
        assert client.ask("lsp/request", **asked)["degraded"] == ["sweep"]


def test_an_overlay_written_to_below_and_through_its_mount(repo: Path, tmp_path: Path) -> None:
    """The mount exists for the daemon alone; the test writes to its layers, and through the daemon's eyes."""
    layers = [tmp_path / name for name in ("upper", "work", "merged")]
    for folder in layers:
        folder.mkdir()
    upper, work, merged = (Path(os.path.realpath(folder)) for folder in layers)
    mount = f"mount -t overlay overlay -o lowerdir={repo},upperdir={upper},workdir={work} {merged}"
    value(repo / "one.py", "int")
    use(repo, "one")
    with daemon_at(prefix=["unshare", "-Urm", "sh", "-c", f'{mount} && exec "$0" "$@"']) as daemon:
        client = daemon.client()
        assert kind(client, merged) == "int"
        value(repo / "one.py", "str")  # below the mount: no event
        assert kind(client, merged) == "str"
        seen = Path(f"/proc/{daemon.pid}/root{merged}")
        value(seen / "one.py", "bytes")
        assert kind(client, merged) == "bytes"
        assert state(client)["degraded"] == []


@pytest.mark.parametrize("over", ["pkg/sub", "pkg", "", ".."])
def test_something_mounted_over_a_watched_folder(repo: Path, tmp_path: Path, over: str) -> None:
    """And taken away again; the mount is seen by the daemon alone."""
    root, other = tmp_path.resolve() / "way/root", tmp_path.resolve() / "other"
    shutil.copytree(repo, root)
    value(root / "pkg/sub/one.py", "int")
    use(root, "pkg.sub.one")
    place = (root / over).resolve()
    shutil.copytree(place, other)
    value(other / (root / "pkg/sub/one.py").relative_to(place), "str")
    with daemon_at(prefix=["unshare", "-Urm"]) as daemon:
        client = daemon.client()
        assert kind(client, root) == "int"
        daemon.run_inside("mount", "--bind", other, place)
        assert kind(client, root) == "str"
        assert found(client, root, "value") == ["pkg/sub/one.py"]
        value(other / (root / "pkg/sub/one.py").relative_to(place), "bytes")
        assert kind(client, root) == "bytes"
        daemon.run_inside("umount", place)
        assert kind(client, root) == "int"
        value(root / "pkg/sub/one.py", "float")
        assert kind(client, root) == "float"
        assert client.ask("health")["status"] == "ok"


def test_an_overlay_mounted_later_is_swept_from_then_on(repo: Path, tmp_path: Path) -> None:
    place = tmp_path.resolve()
    for name in ("lower/sub", "upper", "work"):
        (place / name).mkdir(parents=True)
    value(repo / "pkg/sub/one.py", "int")
    use(repo, "pkg.sub.one")
    value(place / "lower/sub/one.py", "str")
    layers = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
    with daemon_at(config="[daemon]\ngate_deadline_s = 10\n", prefix=["unshare", "-Urm"]) as daemon:
        client = daemon.client()
        assert kind(client, repo) == "int"
        daemon.run_inside("mount", "-t", "overlay", "overlay", "-o", layers, repo / "pkg")
        assert kind(client, repo) == "str"
        value(place / "lower/sub/one.py", "bytes")  # below the mount: no event
        assert kind(client, repo) == "bytes"


def test_a_memory_map_is_seen_when_its_writer_is_done(client: Wire, repo: Path) -> None:
    value(repo / "one.py", "int")
    use(repo, "one")
    assert kind(client, repo) == "int"
    with (repo / "one.py").open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:] = memory[:].replace(b"int", b"str")
        memory.flush()
    assert kind(client, repo) == "str"


def test_a_memory_map_is_seen_at_once_where_trees_are_swept(repo: Path) -> None:
    value(repo / "one.py", "int")
    use(repo, "one")
    with daemon_at(config='[watch]\nsweep = "always"\n[daemon]\ngate_deadline_s = 10\n') as daemon:
        client = daemon.client()
        assert kind(client, repo) == "int"
        with (repo / "one.py").open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            memory[:] = memory[:].replace(b"int", b"str")
            assert kind(client, repo) == "str"


def test_a_root_that_another_project_leaves_out_says_so(patient: Daemon, repo: Path) -> None:
    client = patient.client()
    (repo.parent / "pyproject.toml").write_text("")
    hidden = repo.parent / ".demo"
    repo.rename(hidden)
    (hidden / "pyproject.toml").unlink(missing_ok=True)
    assert client.ask("symbols/overview", root=str(hidden))["degraded"] == ["outer-project"]
    assert any("pyproject.toml" in reason for reason in client.ask("health")["reasons"])
    (hidden / "pyproject.toml").write_text("")
    assert "degraded" not in client.ask("symbols/overview", root=str(hidden))
    (hidden / "pyproject.toml").unlink()
    assert client.ask("symbols/overview", root=str(hidden))["degraded"] == ["outer-project"]
    shown = repo.parent / "demo"
    hidden.rename(shown)
    assert "degraded" not in client.ask("symbols/overview", root=str(shown))


def test_which_roots_their_project_leaves_out(tmp_path: Path) -> None:
    root = tmp_path / "outer/inner"
    root.mkdir(parents=True)
    assert not is_left_out(os.fsencode(root))
    (tmp_path / "outer/ty.toml").write_text("")
    assert not is_left_out(os.fsencode(root))
    (tmp_path / "outer/.git").mkdir()
    (tmp_path / "outer/.gitignore").write_text("inner/\n")
    assert is_left_out(os.fsencode(root))
    (root / "ty.toml").write_text("")
    assert not is_left_out(os.fsencode(root))
