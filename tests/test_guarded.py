"""What the kernel does not tell: comparing by stat, the ways to the trees, and what is left out of them."""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from semctxd.watch.gate import InotifyGate
from semctxd.watch.mounts import changes_unseen, remote_within
from tests.test_gate import APPEARED, EVERYTHING, GONE, LIMITED, MODIFIED, Watched, a_gate, max_queued_events, watched


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = Path(os.path.realpath(tmp_path)) / "above/root"
    (root / "pkg/sub").mkdir(parents=True)
    (root / "pkg/a.py").write_text("a = 1\n")
    (root / "pkg/sub/b.py").write_text("b = 1\n")
    return root


# -- comparing


async def test_a_tree_on_a_network_is_compared_as_a_whole(root: Path) -> None:
    """Its kernel's word is taken away here: what remains is what another machine's changes would look like."""
    gate = InotifyGate(asyncio.get_running_loop(), sweep="always")
    try:
        one = Watched(gate, root)
        await one.watch()
        assert one.seen() == []

        def deafen() -> None:
            for wd in set(one.trees.folders.values()):
                gate._watches.inotify.remove(wd)
            assert one.seen() == []

        deafen()
        (root / "pkg/a.py").write_text("another = 1\n")
        assert one.seen() == [("pkg/a.py", MODIFIED)]
        deafen()
        (root / "pkg/new.py").write_text("")
        assert ("pkg/new.py", APPEARED) in one.seen()
        deafen()
        (root / "pkg/sub/b.py").unlink()
        assert ("pkg/sub/b.py", GONE) in one.seen()
        deafen()
        (root / "more/deep").mkdir(parents=True)
        (root / "more/deep/c.py").write_text("")
        assert {("more/", APPEARED), ("more/deep/c.py", APPEARED)} <= set(one.seen())
        deafen()
        shutil.rmtree(root / "more")
        assert ("more/deep/c.py", GONE) in one.seen()
        assert one.gate.counts["compared"] > 0
    finally:
        gate.stop()


async def test_a_comparison_cut_short_goes_on_where_it_was(root: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    (tmp_path / "last").write_text("")
    for number in range(200):
        (root / f"pkg/m{number}.py").symlink_to(tmp_path / ("last" if number == 199 else "target"))
    async with watched(root) as one:
        (tmp_path / "last").write_text("x")
        assert one.drain(patience_s=0)
        assert one.trees.degraded == {"sweep"}
        while not one.changes:
            assert one.drain(patience_s=0)
        assert one.seen() == [("pkg/m199.py", MODIFIED)]
        assert one.trees.degraded == set()


async def test_a_link_within_what_a_link_leads_to(root: Path, tmp_path: Path) -> None:
    for name in ("outside", "elsewhere"):
        (tmp_path / name).mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "outside/back").symlink_to(root / "pkg")
    async with watched(root) as one:
        assert one.trees.degraded == set()  # seen under its other name
        for link in (tmp_path / "outside/on", root / "link"):  # that is taken away
            (tmp_path / "outside/on").symlink_to(tmp_path / "elsewhere")
            one.seen()
            assert one.trees.degraded == {"nested-links"}
            link.unlink()
            one.seen()
            assert one.trees.degraded == set()


async def test_a_link_above_the_root_is_not_followed(root: Path) -> None:
    """One to `/` would have everything watched."""
    (root / "itself").symlink_to(root)
    (root / "above").symlink_to("/")
    async with watched(root) as one:
        assert one.trees.degraded == {"nested-links"}
        assert os.fsencode(root / "itself/pkg") in one.trees.folders
        assert len(one.trees.folders) < 10
        (root / "above").unlink()
        assert one.seen() == []
        assert one.trees.degraded == set()


async def test_a_link_to_a_folder_that_is_not_there_yet_or_no_more(root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to(tmp_path / "target")
    async with watched(root) as one:
        assert one.seen() == []
        (tmp_path / "target").mkdir()
        (tmp_path / "target/x.py").write_text("")
        assert one.seen() == [("link/", APPEARED), ("link/x.py", APPEARED)]
        shutil.rmtree(tmp_path / "target")
        assert ("link/x.py", GONE) in one.seen()
        (tmp_path / "target").mkdir()
        (tmp_path / "target/y.py").write_text("")
        assert ("link/y.py", APPEARED) in one.seen()
        (tmp_path / "target").rename(tmp_path / "away")
        (tmp_path / "target").mkdir()
        (tmp_path / "target/z.py").write_text("")
        assert ("link/z.py", APPEARED) in one.seen()


async def test_a_write_through_a_memory_map(root: Path) -> None:
    path = root / "pkg/a.py"
    async with watched(root) as one:
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            memory[0:1] = b"b"
            memory.flush()
        assert one.seen() == [("pkg/a.py", MODIFIED)]  # when it is closed
        with path.open("r+b") as file:
            file.write(b"c")
            file.flush()
            assert one.seen() == [("pkg/a.py", MODIFIED)]
        assert one.seen() == []


async def test_another_name_for_a_file_makes_both_compared(root: Path, tmp_path: Path) -> None:
    async with watched(root) as one:
        os.link(root / "pkg/a.py", root / "pkg/same.py")
        assert ("pkg/same.py", APPEARED) in one.seen()
        (root / "pkg/same.py").write_text("through the other name")
        assert {("pkg/a.py", MODIFIED), ("pkg/same.py", MODIFIED)} <= set(one.seen())


async def test_a_folder_that_could_not_be_read_and_now_can(root: Path) -> None:
    async with watched(root) as one:
        (root / "pkg/sub").chmod(0o755)  # its mode is told; nothing new is in it
        assert one.seen() == []


@pytest.mark.parametrize(
    ("fstype", "options", "unseen"),
    [
        ("ext4", "rw", False),
        ("tmpfs", "rw", False),
        ("nfs4", "rw", True),
        ("cifs", "rw", True),
        ("9p", "rw", True),
        ("fuse.sshfs", "rw", True),
        ("fuseblk", "rw", False),
        ("overlay", "rw,lowerdir=/nowhere/a:/nowhere/b,upperdir=/nowhere/c,workdir=/tmp", False),
        ("overlay", "rw,lowerdir=/nowhere/a:/tmp,upperdir=/nowhere/c", True),
        ("overlay", "rw,lowerdir=/nowhere/a,upperdir=/tmp", True),
    ],
)
def test_file_systems_that_others_write_to(fstype: str, options: str, unseen: bool) -> None:
    assert changes_unseen(fstype, options) is unseen


def test_this_very_folder_is_of_a_known_kind(tmp_path: Path) -> None:
    assert {type(place) for place in remote_within(str(tmp_path))} <= {str}
    assert remote_within("/proc/self") == []


# -- the ways to the trees


async def test_a_dependency_folder_that_is_not_there_yet(root: Path, tmp_path: Path) -> None:
    late = Path(os.path.realpath(tmp_path)) / "env/lib/packages"
    async with watched(root) as one:
        await one.watch(late)
        assert one.seen() == []
        (late / "dep").mkdir(parents=True)
        (late / "dep/x.py").write_text("")
        assert ("../../env/lib/packages/dep/x.py", APPEARED) in one.seen()
        (late / "dep/x.py").write_text("x")
        assert len(one.seen()) == 1
        (late.parent.parent).rename(tmp_path / "gone")
        assert ("../../env/lib/packages/", GONE) in one.seen()
        (tmp_path / "gone").rename(late.parent.parent)
        assert ("../../env/lib/packages/dep/x.py", APPEARED) in one.seen()


async def test_configuration_above_the_root(root: Path) -> None:
    above = root.parent
    async with watched(root) as one:
        (above / "notes.txt").write_text("")
        (above / "pyproject.toml").write_text("")
        assert one.seen() == [("../pyproject.toml", APPEARED)]
        (above / "pyproject.toml").write_text("[tool.ty]\n")
        assert one.seen() == [("../pyproject.toml", MODIFIED)]
        (above / "pyproject.toml").rename(above / "other")
        assert one.seen() == [("../pyproject.toml", GONE)]
        (above / "other").rename(above / "ty.toml")
        assert one.seen() == [("../ty.toml", APPEARED)]
        (above / "ty.toml").unlink()
        assert one.seen() == [("../ty.toml", GONE)]


async def test_configuration_above_the_root_after_an_overflow(root: Path) -> None:
    (root.parent / "pyproject.toml").write_text("")
    async with watched(root) as one:
        for number in range(max_queued_events() // 2 + 10):
            os.utime(root / "pkg/a.py", ns=(number, number))
            os.utime(root / "pkg/sub/b.py", ns=(number, number))
        seen = one.seen()
        assert ("", EVERYTHING) in seen
        assert ("../pyproject.toml", MODIFIED) in seen


async def test_a_workspace_within_another(root: Path) -> None:
    """The outer's root is on the inner's way: what is written there concerns the outer alone."""
    with a_gate() as gate:
        outer, inner = Watched(gate, root), Watched(gate, root / "pkg")
        await asyncio.gather(outer.watch(), inner.watch())
        (root / "x.py").write_text("x")
        assert outer.seen() == [("x.py", APPEARED)]
        (root / "x.py").write_text("xy")
        assert outer.seen() == [("x.py", MODIFIED)]
        assert inner.changes == []
        (root / "pkg").rename(root / "moved")
        assert ("pkg/", GONE) in outer.seen()
        assert ("./", GONE) in inner.seen()


def test_the_kernel_s_limit_on_the_way(root: Path) -> None:
    limit = 'echo 1 > /proc/sys/user/max_inotify_watches && exec "$0" -c "$1" "$2"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", limit, sys.executable, LIMITED, root], capture_output=True, text=True
    )
    assert done.stderr == ""
    assert json.loads(done.stdout)["degraded"] == ["watch-limit"]


# -- what is left out


async def test_ignored_folders_that_no_import_can_name_are_not_watched(root: Path) -> None:
    subprocess.run(["git", "init", "-q", root], check=True)
    (root / ".gitignore").write_text("build-out\nvendored\n")
    for name in ("build-out", "vendored"):
        (root / name).mkdir()
    async with watched(root) as one:
        assert one.names() == {".", "pkg", "pkg/sub", "vendored"}
        (root / "build-out/x.py").write_text("")
        (root / "pkg/build-out").mkdir()
        assert one.seen() == []
        shutil.rmtree(root / "pkg/build-out")
        assert one.seen() == []
        (root / ".gitignore").write_text("")
        seen = one.seen()
        assert (".gitignore", MODIFIED) in seen
        assert ("build-out/", APPEARED) in seen
        assert ("build-out/x.py", APPEARED) in seen
        (root / ".git/info/exclude").write_text("pkg/sub\n")
        assert (".gitignore", MODIFIED) in one.seen()
        shutil.rmtree(root / ".git")
        assert (".gitignore", MODIFIED) in one.seen()


async def test_ignore_files_above_the_root(root: Path) -> None:
    subprocess.run(["git", "init", "-q", root.parent], check=True)
    (root.parent / ".gitignore").write_text("build-out\n")
    (root / "build-out").mkdir()
    async with watched(root) as one:
        assert "build-out" not in one.names()
        (root.parent / ".gitignore").write_text("other\n")
        assert set(one.seen()) == {("../.gitignore", MODIFIED), ("build-out/", APPEARED)}
        assert "build-out" in one.names()
