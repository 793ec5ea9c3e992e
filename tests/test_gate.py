"""The gate in this process: what it must have seen once `drain` returned True."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from semctxd.model import Change, What
from semctxd.watch.gate import InotifyGate
from semctxd.watch.inotify import Inotify
from semctxd.watch.trees import Trees
from tests.conftest import PATIENCE_S

APPEARED, MODIFIED, GONE, EVERYTHING = What.APPEARED, What.MODIFIED, What.GONE, What.EVERYTHING


class Watched:
    """One workspace on a gate. Paths are seen relative to its root; a folder ends with a slash."""

    def __init__(self, gate: InotifyGate, root: Path) -> None:
        self.gate = gate
        self.root = root
        self.changes: list[Change] = []
        self.trees: Trees = gate.open(str(root), self.changes.extend)

    async def watch(self, top: Path | None = None, below: bool = True) -> None:
        stands = asyncio.Event()
        self.gate.watch(self.trees, str(top or self.root), below=below, done=stands.set)
        await asyncio.wait_for(stands.wait(), PATIENCE_S)

    def drain(self, patience_s: float = PATIENCE_S) -> bool:
        return self.gate.drain(self.trees, time.monotonic() + patience_s)

    def seen(self) -> list[tuple[str, What]]:
        """What a drain brings."""
        assert self.drain()
        changes, self.changes[:] = list(self.changes), []
        return [
            (os.path.relpath(change.path, self.root) + "/" * change.is_folder if change.path else "", change.what)
            for change in changes
        ]

    def names(self) -> set[str]:
        """The watched folders."""
        return {os.path.relpath(os.fsdecode(folder), self.root) for folder in self.trees.folders}


@contextmanager
def a_gate() -> Iterator[InotifyGate]:
    gate = InotifyGate(asyncio.get_running_loop())
    try:
        yield gate
    finally:
        gate.stop()


@asynccontextmanager
async def watched(root: Path) -> AsyncIterator[Watched]:
    with a_gate() as gate:
        one = Watched(gate, root)
        await one.watch()
        assert one.seen() == []
        yield one


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = Path(os.path.realpath(tmp_path)) / "root"
    (root / "pkg/sub").mkdir(parents=True)
    (root / "pkg/a.py").write_text("a = 1\n")
    (root / "pkg/sub/b.py").write_text("b = 1\n")
    return root


async def test_files(root: Path) -> None:
    async with watched(root) as one:
        (root / "pkg/new.py").write_text("")
        assert one.seen() == [("pkg/new.py", APPEARED)]
        (root / "pkg/new.py").write_text("x = 1\n")
        assert one.seen() == [("pkg/new.py", MODIFIED)]
        with (root / "pkg/new.py").open("a") as file:
            file.write("y")
            file.flush()
            assert one.seen() == [("pkg/new.py", MODIFIED)]
            os.ftruncate(file.fileno(), 0)
            assert one.seen() == [("pkg/new.py", MODIFIED)]
        assert one.seen() == []  # to close it changes nothing
        os.utime(root / "pkg/new.py", (1, 1))
        assert one.seen() == [("pkg/new.py", MODIFIED)]
        (root / "pkg/new.py").rename(root / "pkg/sub/moved.py")
        assert one.seen() == [("pkg/new.py", GONE), ("pkg/sub/moved.py", APPEARED)]
        (root / "pkg/sub/moved.py").unlink()
        assert one.seen() == [("pkg/sub/moved.py", GONE)]


async def test_whether_the_queue_is_read(root: Path) -> None:
    async with watched(root) as one:
        one.gate.is_alive()
        assert one.gate.is_alive()  # there is nothing to read
        (root / "pkg/a.py").write_text("a = 2\n")
        assert not one.gate.is_alive()
        assert one.seen()
        assert one.gate.is_alive()
        (root / "pkg/a.py").write_text("a = 3\n")
        one.seen()
        (root / "pkg/a.py").write_text("a = 4\n")
        assert one.gate.is_alive()  # there is more by now, but it was read


async def test_only_the_last_word_on_a_path(root: Path) -> None:
    async with watched(root) as one:
        (root / "pkg/a.py").unlink()
        (root / "pkg/a.py").write_text("")
        (root / "pkg/a.py").write_text("x")
        (root / "pkg/sub/b.py").write_text("y")
        (root / "pkg/a.py").write_text("z")
        assert one.seen() == [("pkg/sub/b.py", MODIFIED), ("pkg/a.py", APPEARED)]  # another file, whatever came later


async def test_files_that_no_answer_depends_on(root: Path) -> None:
    async with watched(root) as one:
        (root / "server.log").write_text("line\n")
        (root / "pkg/a.py~").write_text("")
        (root / "pkg/notes.md").symlink_to(root / "server.log")
        (root / "server.log").unlink()
        assert one.seen() == []
        (root / "pkg/notes.md").rename(root / "pkg/notes.py")  # what editors do: it counts from now on
        assert one.seen() == [("pkg/notes.py", APPEARED)]


async def test_configuration_counts(root: Path) -> None:
    async with watched(root) as one:
        for name in ("pyproject.toml", ".gitignore", "pkg/ty.toml"):
            (root / name).write_text("")
            assert one.seen()[0] == (name, APPEARED)


async def test_a_folder_with_all_that_is_in_it_before_the_drain(root: Path) -> None:
    async with watched(root) as one:
        (root / "deep/er/est").mkdir(parents=True)
        (root / "deep/er/est/c.py").write_text("")
        (root / "deep/d.py").write_text("")
        assert set(one.seen()) == {("deep/", APPEARED), ("deep/d.py", APPEARED), ("deep/er/est/c.py", APPEARED)}
        assert {"deep", "deep/er", "deep/er/est"} <= one.names()
        (root / "deep/er/est/c.py").write_text("c")
        assert one.seen() == [("deep/er/est/c.py", MODIFIED)]


async def test_a_folder_moved_within_the_tree_is_watched_under_its_new_name_only(root: Path) -> None:
    async with watched(root) as one:
        (root / "pkg").rename(root / "renamed")
        assert one.seen() == [
            ("pkg/", GONE),
            ("renamed/", APPEARED),
            ("renamed/a.py", APPEARED),
            ("renamed/sub/b.py", APPEARED),
        ]
        assert one.names() == {".", "renamed", "renamed/sub"}
        (root / "renamed/sub/b.py").write_text("new")
        assert one.seen() == [("renamed/sub/b.py", MODIFIED)]


async def test_a_folder_moved_out_and_in_again(root: Path, tmp_path: Path) -> None:
    async with watched(root) as one:
        (root / "pkg").rename(tmp_path / "away")
        assert one.seen() == [("pkg/", GONE)]
        (tmp_path / "away/a.py").write_text("written outside")
        assert one.seen() == []
        (tmp_path / "away").rename(root / "back")
        assert ("back/a.py", APPEARED) in one.seen()
        (root / "back/sub/b.py").write_text("inside again")
        assert one.seen() == [("back/sub/b.py", MODIFIED)]


async def test_a_folder_removed_and_made_again_before_the_drain(root: Path) -> None:
    async with watched(root) as one:
        shutil.rmtree(root / "pkg")
        (root / "pkg").mkdir()
        (root / "pkg/new.py").write_text("")
        seen = one.seen()
        assert ("pkg/a.py", GONE) in seen
        assert ("pkg/", APPEARED) in seen
        assert ("pkg/new.py", APPEARED) in seen
        assert one.names() == {".", "pkg"}
        (root / "pkg/new.py").write_text("x")
        assert one.seen() == [("pkg/new.py", MODIFIED)]


async def test_a_tree_removed_as_a_whole(root: Path) -> None:
    async with watched(root) as one:
        shutil.rmtree(root / "pkg")
        assert ("pkg/", GONE) in one.seen()
        assert one.names() == {"."}


@pytest.mark.parametrize("name", [".git", "node_modules", "__pycache__"])
async def test_folders_that_are_left_out(root: Path, name: str) -> None:
    (root / name).mkdir()
    async with watched(root) as one:
        (root / name / "x.py").write_text("")
        (root / "pkg" / name).mkdir()
        (root / "pkg" / name / "x.py").write_text("")
        rules = [("pkg/.gitignore", MODIFIED)] if name == ".git" else []  # they hold in work trees only
        assert one.seen() == rules
        assert one.names() == {".", "pkg", "pkg/sub"}


async def test_a_virtual_environment_is_no_source_but_its_coming_is_told(root: Path, tmp_path: Path) -> None:
    async with watched(root) as one:
        (root / ".venv/lib").mkdir(parents=True)
        assert (".venv/", APPEARED) in one.seen()
        (root / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
        assert (".venv/pyvenv.cfg", APPEARED) in one.seen()
        assert one.names() == {".", "pkg", "pkg/sub"}
        (root / ".venv/lib/x.py").write_text("")
        assert one.seen() == []
        (root / ".venv").rename(tmp_path / "venv")
        assert one.seen() == [(".venv/", GONE)]
        (tmp_path / "venv").rename(root / "another")
        assert one.seen() == [("another/pyvenv.cfg", APPEARED)]
        assert one.names() == {".", "pkg", "pkg/sub"}


async def test_a_folder_behind_a_symlink(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "in").mkdir(parents=True)
    (outside / "in/x.py").write_text("")
    (root / "old").symlink_to(outside)
    async with watched(root) as one:
        (outside / "in/x.py").write_text("x")
        assert one.seen() == [("old/in/x.py", MODIFIED)]
        (root / "link").symlink_to(outside)
        assert one.seen() == [("link/", APPEARED), ("link/in/x.py", APPEARED)]
        (outside / "in/y.py").write_text("")
        assert set(one.seen()) == {("link/in/y.py", APPEARED), ("old/in/y.py", APPEARED)}
        (root / "old").unlink()
        assert one.seen() == [("old/", GONE)]
        (outside / "in/y.py").write_text("y")
        assert one.seen() == [("link/in/y.py", MODIFIED)]


async def test_a_symlink_led_elsewhere(root: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.py").write_text(name)
    (root / "link").symlink_to(tmp_path / "one")
    async with watched(root) as one:
        (root / "next").symlink_to(tmp_path / "two")
        (root / "next").rename(root / "link")
        assert ("link/x.py", APPEARED) in one.seen()
        (tmp_path / "two/x.py").write_text("x")
        assert one.seen() == [("link/x.py", MODIFIED)]
        (tmp_path / "one/x.py").write_text("x")
        assert one.seen() == []


async def test_links_that_lead_in_a_circle_end(root: Path) -> None:
    (root / "pkg/loop").symlink_to(root)
    async with watched(root) as one:
        assert one.names() == {".", "pkg", "pkg/sub", "pkg/loop", "pkg/loop/pkg", "pkg/loop/pkg/sub"}
        (root / "pkg/a.py").write_text("x")
        assert set(one.seen()) == {("pkg/a.py", MODIFIED), ("pkg/loop/pkg/a.py", MODIFIED)}


async def test_a_file_behind_a_symlink(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.py"
    (root / "link.py").symlink_to(target)  # it leads nowhere yet
    async with watched(root) as one:
        target.write_text("x")
        assert one.seen() == [("link.py", MODIFIED)]
        target.write_text("xy")
        assert one.seen() == [("link.py", MODIFIED)]
        assert one.seen() == []
        target.unlink()
        assert one.seen() == [("link.py", GONE)]
        (root / "link.py").unlink()
        assert one.seen() == [("link.py", GONE)]
        target.write_text("x")
        assert one.seen() == []
        (root / "later.py").symlink_to(target)
        assert one.seen() == [("later.py", APPEARED)]
        target.write_text("another")
        assert one.seen() == [("later.py", MODIFIED)]


async def test_a_file_with_another_hard_link(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.py"
    os.link(root / "pkg/a.py", elsewhere)
    async with watched(root) as one:
        elsewhere.write_text("through the other name")
        assert one.seen() == [("pkg/a.py", MODIFIED)]
        assert one.seen() == []
        os.link(elsewhere, root / "late.py")
        assert ("late.py", APPEARED) in one.seen()
        elsewhere.write_text("through the third name")
        assert set(one.seen()) == {("pkg/a.py", MODIFIED), ("late.py", MODIFIED)}
        (root / "late.py").unlink()
        assert ("late.py", GONE) in one.seen()
        (root / "pkg").rename(root / "renamed")
        assert ("pkg/", GONE) in one.seen()
        elsewhere.write_text("and again")
        assert one.seen() == [("renamed/a.py", MODIFIED)]


async def test_too_many_linked_files_to_compare(root: Path, tmp_path: Path) -> None:
    (root / "many").mkdir()
    (tmp_path / "target").write_text("")
    for number in range(2001):
        (root / f"many/{number}.py").symlink_to(tmp_path / "target")
    async with watched(root) as one:
        assert one.trees.degraded == {"many-linked-files"}


async def test_a_root_removed_and_made_again(root: Path) -> None:
    async with watched(root) as one:
        shutil.rmtree(root)
        seen = one.seen()
        assert ("./", GONE) in seen
        assert ("", EVERYTHING) in seen
        assert one.names() == set()
        assert not one.gate.is_settled(one.trees)
        assert one.seen() == []
        root.mkdir()
        (root / "new.py").write_text("")
        assert one.seen() == [("./", APPEARED), ("new.py", APPEARED)]
        assert one.gate.is_settled(one.trees)
        (root / "new.py").write_text("x")
        assert one.seen() == [("new.py", MODIFIED)]


async def test_a_root_moved_away_and_another_in_its_place(root: Path, tmp_path: Path) -> None:
    async with watched(root) as one:
        root.rename(tmp_path / "away")
        (root / "pkg").mkdir(parents=True)
        (root / "pkg/other.py").write_text("")
        assert ("pkg/other.py", APPEARED) in one.seen()
        assert one.names() == {".", "pkg"}
        (tmp_path / "away/pkg/a.py").write_text("x")
        assert one.seen() == []


async def test_a_root_removed_while_a_process_works_in_it(root: Path) -> None:
    """The kernel keeps its inode then, and says nothing."""
    async with watched(root) as one:
        worker = subprocess.Popen(["sleep", "3600"], cwd=root)
        try:
            shutil.rmtree(root)
            assert ("./", GONE) in one.seen()
            root.mkdir()
            (root / "new.py").write_text("")
            assert one.seen() == [("./", APPEARED), ("new.py", APPEARED)]
            shutil.rmtree(root)
            root.mkdir()
            (root / "newer.py").write_text("")
            assert ("newer.py", APPEARED) in one.seen()
            (root / "newer.py").write_text("x")
            assert one.seen() == [("newer.py", MODIFIED)]
        finally:
            worker.kill()
            worker.wait()


async def test_a_parent_of_the_root_moved_away(root: Path) -> None:
    inner = root / "pkg/sub"
    async with watched(inner) as one:
        (root / "pkg").rename(root / "away")
        assert not one.gate.is_settled(one.trees)
        assert ("./", GONE) in one.seen()
        assert one.names() == set()
        inner.mkdir(parents=True)
        (inner / "other.py").write_text("")
        assert one.seen() == [("./", APPEARED), ("other.py", APPEARED)]


async def test_a_name_that_is_not_utf_8(root: Path) -> None:
    async with watched(root) as one:
        name = os.fsdecode(b"caf\xe9.py")
        (root / name).write_text("")
        assert one.seen() == [(name, APPEARED)]


async def test_a_dependency_folder_watched_by_itself_or_with_all_below(root: Path, tmp_path: Path) -> None:
    packages = Path(os.path.realpath(tmp_path)) / "packages"
    (packages / "dep").mkdir(parents=True)
    (packages / "dep/__init__.py").write_text("")
    async with watched(root) as one:
        await one.watch(packages, below=False)
        assert one.trees.covers(os.fsencode(packages))
        assert not one.trees.covers(os.fsencode(packages / "dep"))
        (packages / "x.pth").write_text("")
        (packages / "dep/__init__.py").write_text("x")
        (packages / "more").mkdir()  # not below what is watched by itself
        assert one.seen() == [("../packages/x.pth", APPEARED)]
        await one.watch(packages, below=True)
        assert one.trees.covers(os.fsencode(packages / "dep"))
        (packages / "dep/__init__.py").write_text("xy")
        assert one.seen() == [("../packages/dep/__init__.py", MODIFIED)]
        await one.watch(packages, below=False)  # asked for less, it stays watched as a whole
        (packages / "dep/__init__.py").write_text("xyz")
        assert one.seen() == [("../packages/dep/__init__.py", MODIFIED)]
        os.link(packages / "dep/__init__.py", tmp_path / "cache")
        one.seen()
        assert one.trees.guarded == {}  # installers link whole caches into packages


async def test_several_workspaces_on_one_descriptor(root: Path, tmp_path: Path) -> None:
    other = Path(os.path.realpath(tmp_path)) / "other"
    other.mkdir()
    with a_gate() as gate:
        outer, inner, apart = Watched(gate, root), Watched(gate, root / "pkg"), Watched(gate, other)
        await asyncio.gather(outer.watch(), inner.watch(), apart.watch())
        (root / "pkg/a.py").write_text("x")
        (other / "c.py").write_text("")
        assert outer.seen() == [("pkg/a.py", MODIFIED)]  # this drain delivered to all
        assert [change.path for change in inner.changes] == [str(root / "pkg/a.py")]
        assert [change.path for change in apart.changes] == [str(other / "c.py")]
        gate.close(inner.trees)
        inner.changes.clear()
        (root / "pkg/a.py").write_text("xy")
        assert outer.seen() == [("pkg/a.py", MODIFIED)]
        assert inner.changes == []
        assert inner.trees.folders == {}


async def test_closed_while_it_is_being_opened(root: Path) -> None:
    with a_gate() as gate:
        closed, kept = Watched(gate, root), Watched(gate, root)
        done: list[str] = []
        gate.watch(closed.trees, str(root), below=True, done=lambda: done.append("closed"))
        gate.close(closed.trees)
        await kept.watch()
        assert done == []
        (root / "pkg/a.py").write_text("x")
        assert kept.seen() == [("pkg/a.py", MODIFIED)]


async def test_the_queue_is_emptied_between_requests_too(root: Path) -> None:
    async with watched(root) as one:
        for number in range(3):  # again after each pause
            (root / f"pkg/new{number}.py").write_text("")
            async with asyncio.timeout(PATIENCE_S):
                while not any(change.path.endswith(f"new{number}.py") for change in one.changes):
                    await asyncio.sleep(0)
        assert one.gate.counts["events"] >= 3


async def test_past_the_deadline_it_is_not_fresh_and_finishes_between_requests(root: Path) -> None:
    async with watched(root) as one:
        for number in range(200):
            (root / f"many/{number}").mkdir(parents=True)
            (root / f"many/{number}/x.py").write_text("")
        assert not one.drain(patience_s=0)
        async with asyncio.timeout(PATIENCE_S):
            while one.trees.todo:
                await asyncio.sleep(0)
        assert one.drain(patience_s=0)
        assert sum(change.path.endswith("/x.py") for change in one.changes) == 200


async def test_opening_a_large_tree_leaves_the_loop_to_others(root: Path) -> None:
    for number in range(3000):
        (root / f"many/{number // 100}/{number}").mkdir(parents=True)
    with a_gate() as gate:
        one = Watched(gate, root)
        turns = 0
        opening = asyncio.ensure_future(one.watch())
        while not opening.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 3
        assert len(one.names()) == 3034


CHURN = """
import os, sys
paths = [f"{sys.argv[1]}/{number}.py" for number in range(40)]
while True:
    for path in paths:
        open(path, "w").close()
    for path in paths:
        os.unlink(path)
"""


async def test_folders_beside_files_that_vanish_while_they_are_listed(root: Path) -> None:
    """A file gone between the listing and its stat must not end the listing."""
    (root / "busy").mkdir()
    process = subprocess.Popen([sys.executable, "-c", CHURN, str(root / "busy")])
    try:
        for number in range(30):
            (root / f"busy/folder{number}").mkdir()
        for _ in range(80):
            async with watched_noisily(root) as one:
                assert {f"busy/folder{number}" for number in range(30)} <= one.names()
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def watched_noisily(root: Path) -> AsyncIterator[Watched]:
    with a_gate() as gate:
        one = Watched(gate, root)
        await one.watch()
        yield one


def max_queued_events() -> int:
    return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


async def test_an_overflow_of_the_kernel_s_queue(root: Path) -> None:
    async with watched(root) as one:
        (root / "pkg/gone").mkdir()
        (root / "pkg/again").mkdir()
        assert one.seen() == [("pkg/gone/", APPEARED), ("pkg/again/", APPEARED)]
        paths = [root / "pkg/a.py", root / "pkg/sub/b.py"]
        for number in range(max_queued_events() // 2 + 10):  # in turns, or the kernel merges them
            os.utime(paths[0], ns=(number, number))
            os.utime(paths[1], ns=(number, number))
        (root / "pkg/sub/lost.py").write_text("its event was lost")
        (root / "pkg/gone").rmdir()
        (root / "pkg/again").rmdir()
        (root / "pkg/again").mkdir()
        (root / "pkg/new/er").mkdir(parents=True)
        (root / "pkg/new/er/lost.py").write_text("")
        seen = one.seen()
        assert one.gate.counts["overflows"] == 1
        assert ("", EVERYTHING) in seen
        assert ("pkg/sub/lost.py", APPEARED) in seen
        assert ("pkg/new/er/lost.py", APPEARED) in seen
        assert one.names() == {".", "pkg", "pkg/sub", "pkg/again", "pkg/new", "pkg/new/er"}
        (root / "pkg/new/er/lost.py").write_text("x")
        (root / "pkg/again/new.py").write_text("x")
        assert one.seen() == [("pkg/new/er/lost.py", MODIFIED), ("pkg/again/new.py", APPEARED)]


LIMITED = """
import asyncio, json, sys, time
from semctxd.watch.gate import InotifyGate

async def main():
    gate = InotifyGate(asyncio.get_running_loop())
    trees = gate.open(sys.argv[1], lambda changes: None)
    stands = asyncio.Event()
    gate.watch(trees, sys.argv[1], below=True, done=stands.set)
    await stands.wait()
    fresh = gate.drain(trees, time.monotonic() + 60)
    print(json.dumps({"degraded": sorted(trees.degraded), "folders": len(trees.folders), "fresh": fresh}))
    gate.stop()

asyncio.run(main())
"""


def test_the_kernel_s_limit_of_watches(root: Path) -> None:
    for number in range(20):
        (root / f"pkg/{number}").mkdir()
    limit = 'echo 10 > /proc/sys/user/max_inotify_watches && exec "$0" -c "$1" "$2"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", limit, sys.executable, LIMITED, root], capture_output=True, text=True
    )
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert said["folders"] < 10  # the ways to the root take some
    assert (said["degraded"], said["fresh"]) == (["watch-limit"], True)


def test_the_kernel_s_refusal_is_an_error() -> None:
    inotify = Inotify()
    with pytest.raises(FileNotFoundError):
        inotify.add(b"/nowhere")
    with pytest.raises(NotADirectoryError):
        inotify.add(os.fsencode(__file__))
    inotify.close()
