from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import msgspec
import psutil
import pytest

from semctx.framing import Decoder
from semctxd.index import build, store
from semctxd.index.live import LiveIndex
from semctxd.tree import Ignored
from tests.conftest import write
from tests.index.conftest import Grow


def names(live: LiveIndex) -> set[str]:
    return {symbol.qualname for symbol in live.store.symbols.values()}


def test_a_file_is_read_again_alone(grow: Grow, tmp_path: Path) -> None:
    live = grow({"a.py": "def one(): pass\n", "b.py": "def two(): pass\n"})
    kept = live.store.files["b.py"]
    write(tmp_path, {"a.py": "def three(): pass\n"})
    live.apply([str(tmp_path / "a.py")])
    assert names(live) == {"three", "two"}
    assert live.store.files["b.py"] is kept


def test_equal_bytes_are_not_derived_again(grow: Grow, tmp_path: Path) -> None:
    live = grow({"a.py": "def one(): pass\n"})
    kept, generation = live.store.files["a.py"], live.store.generation
    os.utime(tmp_path / "a.py", ns=(1, 1))
    live.apply([str(tmp_path / "a.py")])
    assert live.store.files["a.py"] is kept and live.store.generation == generation


def test_a_change_that_keeps_size_and_mtime_is_seen(grow: Grow, tmp_path: Path) -> None:
    live = grow({"a.py": "def one(): pass\n"})
    before = os.stat(tmp_path / "a.py")
    write(tmp_path, {"a.py": "def two(): pass\n"})
    os.utime(tmp_path / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    live.refresh()
    assert names(live) == {"two"}


def test_what_is_gone_is_dropped_with_all_below(grow: Grow, tmp_path: Path) -> None:
    live = grow(
        {
            "a.py": "def one(): pass\n",
            "d/b.py": "def two(): pass\n",
            "d/e/c.py": "def three(): pass\n",
            "de.py": "x = 1\n",
        }
    )
    shutil.rmtree(tmp_path / "d")
    (tmp_path / "a.py").unlink()
    live.apply([str(tmp_path / "d"), str(tmp_path / "a.py"), str(tmp_path / "never.py")])
    assert names(live) == {"x"}


def test_a_folder_that_appears_or_was_moved_is_scanned(grow: Grow, tmp_path: Path) -> None:
    live = grow({"d/b.py": "def two(): pass\n"})
    os.rename(tmp_path / "d", tmp_path / "moved")
    live.apply([str(tmp_path / "d"), str(tmp_path / "moved")])
    assert set(live.store.files) == {"moved/b.py"}
    write(tmp_path, {f"moved/new/m{number}.py": f"def f{number}(): pass\n" for number in range(20)})
    live.apply([str(tmp_path / "moved")])
    assert len(live.store.files) == 21


def test_a_folder_rescan_drops_what_is_gone_below_it(grow: Grow, tmp_path: Path) -> None:
    live = grow({"d/a.py": "a = 1\n", "d/b.py": "b = 1\n", "c.py": "c = 1\n"})
    (tmp_path / "d/a.py").unlink()
    live.apply([str(tmp_path / "d")])
    assert names(live) == {"b", "c"}


def test_environments_tool_folders_and_other_files_do_not_count(grow: Grow, tmp_path: Path) -> None:
    live = grow(
        {
            "a.py": "a = 1\n",
            ".git/b.py": "b = 1\n",
            "env/lib/c.py": "c = 1\n",
            "notes.txt": "d = 1\n",
            "node_modules/x/e.py": "e = 1\n",
        }
    )
    assert names(live) == {"a", "c"}
    write(tmp_path, {"env/pyvenv.cfg": "home = /usr\n"})
    live.apply([str(tmp_path / "env/pyvenv.cfg")])
    assert names(live) == {"a"}
    write(tmp_path, {"env/lib/d.py": "d = 1\n", "notes.txt": "x = 2\n"})
    live.apply(
        [str(tmp_path / "env/lib/d.py"), str(tmp_path / "env/lib"), str(tmp_path / "notes.txt"), "/elsewhere/z.py"]
    )
    assert names(live) == {"a"}
    (tmp_path / "env/pyvenv.cfg").unlink()
    live.apply([str(tmp_path / "env/pyvenv.cfg")])
    assert names(live) == {"a", "c", "d"}


def test_a_symlinked_file_is_read_through_and_a_symlinked_folder_is_not_followed(grow: Grow, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, {"a.py": "linked = 1\n"})
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.py").symlink_to(outside / "a.py")
    (root / "folder").symlink_to(outside)
    (root / "dangling.py").symlink_to(outside / "none.py")
    live = LiveIndex(str(root))
    live.refresh()
    assert set(live.store.files) == {"link.py"}
    live.apply([str(root / "folder"), str(root / "dangling.py"), str(root / "link.py")])
    assert set(live.store.files) == {"link.py"} and names(live) == {"linked"}


def test_a_lost_root_leaves_nothing(grow: Grow, tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, {"a.py": "a = 1\n"})
    live = LiveIndex(str(root))
    live.refresh()
    shutil.rmtree(root)
    live.apply([str(root)])
    assert not live.store.files and not live.store.symbols


def test_a_folder_that_is_gone_before_it_is_read_gives_nothing(tmp_path: Path) -> None:
    assert list(build.scan(os.fsencode(tmp_path / "gone"), Ignored(os.fsencode(tmp_path)))) == []


def test_only_so_many_bodies_are_kept(grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_BODIES_MAX", 2)
    live = grow({"a.py": "".join(f"def f{number}():\n    g{number}.x()\n" for number in range(5))})
    ids = live.store.ids("a.py")
    assert [live.store.body(id).uses for id in (*ids, *ids)] == [[f"g{number}.x()"] for number in range(5)] * 2


def test_an_unreadable_file_and_a_strange_name_fail_nothing(tmp_path: Path) -> None:
    assert build.read(os.fsencode(tmp_path / "none.py")) == build.UNREADABLE
    path = os.fsencode(tmp_path) + b"/\xff.py"
    with open(path, "wb") as file:
        file.write(b"odd = 1\n")
    live = LiveIndex(str(tmp_path))
    live.refresh()
    assert list(live.store.files) == ["\\xff.py"]
    os.unlink(path)
    live.apply([os.fsdecode(path)])
    assert not live.store.files


MANY = {
    f"p/m{number}.py": f"from p.m{number // 2} import f{number // 2}\ndef f{number}(x):\n    return f(x)\n"
    for number in range(200)
}


LARGE = build._FORKED_MAX + 1
"""Files of an index whose helpers are started, not forked."""


def read(root: Path, workers: int, held: int = 0) -> dict[bytes, bytes]:
    top = os.fsencode(root)
    found = build.records(top, list(build.scan(top, Ignored(top))), workers, held)
    return {path: digest + msgspec.msgpack.encode(record) for batch in found for path, digest, record in batch}


def test_several_processes_read_the_same_as_one(tmp_path: Path) -> None:
    write(tmp_path, MANY)
    alone = read(tmp_path, 1)
    assert len(alone) == 200
    assert read(tmp_path, 3) == alone
    assert read(tmp_path, 3, LARGE) == alone


def test_helpers_of_a_large_index_are_no_copies_of_it(
    grow: Grow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = grow(MANY)
    monkeypatch.setattr(build, "_FORKED_MAX", 100)
    monkeypatch.setattr(build, "_STARTS_BYTES", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(build, "one", lambda root, path: pytest.fail("this process read, or a copy of it"))
    write(tmp_path, {path: f"x{number} = 1\n" for number, path in enumerate(MANY)})
    live.apply([str(tmp_path / path) for path in MANY])
    assert names(live) == {f"x{number}" for number in range(200)}


def test_a_large_tree_is_read_by_several_processes(grow: Grow) -> None:
    text = "#" * 3000 + "\n"
    live = grow({path: text + source for path, source in MANY.items()})
    assert len(live.store.files) == len(live.store.symbols) == 200


def test_what_a_dead_helper_owes_is_read_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, MANY)
    me, one = os.getpid(), build.one

    def deadly(root: bytes, path: bytes) -> build.Read:
        if os.getpid() != me and path.endswith(b"m150.py"):
            os.kill(os.getpid(), signal.SIGKILL)
        return one(root, path)

    monkeypatch.setattr(build, "one", deadly)
    assert len(read(tmp_path, 2)) == 200
    monkeypatch.setattr(build, "_HELPER", ["false"])
    assert len(read(tmp_path, 2, LARGE)) == 200


def test_what_no_helper_can_be_started_for_is_read_without_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, MANY)
    monkeypatch.setattr(build, "_HELPER", ["/nothing/such"])
    before = psutil.Process().num_fds()
    assert len(read(tmp_path, 2, LARGE)) == 200
    assert psutil.Process().num_fds() == before


def test_a_helper_sends_batches_and_closes(tmp_path: Path) -> None:
    write(tmp_path, {f"m{number}.py": "x = 1\n" for number in range(70)})
    root = os.fsencode(tmp_path)
    ours, theirs = os.pipe()
    build.send(theirs, root, [path for path, _ in build.scan(root, Ignored(root))])
    with open(ours, "rb") as pipe:
        batches = Decoder(headers=True).feed(pipe.read())
    assert [len(msgspec.msgpack.decode(batch)) for batch in batches] == [16, 16, 16, 16, 6]


def test_an_ignored_folder_does_not_count(grow: Grow, tmp_path: Path) -> None:
    live = grow({".ignore": "build/\n", "a.py": "a = 1\n", "build/b.py": "b = 1\n"})
    assert names(live) == {"a"}
    live.apply([str(tmp_path / "build/b.py")])
    assert names(live) == {"a"}
    write(tmp_path, {".ignore": "\n"})
    live.apply([str(tmp_path / ".ignore")])
    assert names(live) == {"a", "b"}


def test_a_switch_of_many_files_at_once(grow: Grow, tmp_path: Path) -> None:
    live = grow({**MANY, "gone/a.py": "a = 1\n", "kept/b.py": "b = 1\n"})
    shutil.rmtree(tmp_path / "gone")
    told = ["gone", "gone/a.py", "new", "new/deep", "new/deep/c.py", "p/m3.py", "p/m4.py"]
    write(tmp_path, {"new/deep/c.py": "c = 1\n", "p/m3.py": "x3 = 1\n"})
    (tmp_path / "p/m4.py").unlink()
    for number in range(5, 50):
        write(tmp_path, {f"p/m{number}.py": f"x{number} = 1\n"})
        told.append(f"p/m{number}.py")
    live.apply([str(tmp_path / path) for path in told])
    fresh = LiveIndex(str(tmp_path))
    fresh.refresh()
    assert live.store.files.keys() == fresh.store.files.keys()
    assert names(live) == names(fresh)
    assert (live.scan.read, live.scan.to_read) == (47, 47)


def test_a_file_that_became_a_folder(grow: Grow, tmp_path: Path) -> None:
    live = grow({"a.py": "a = 1\n", "b.py": "b = 1\n"})
    (tmp_path / "a.py").unlink()
    write(tmp_path, {"a.py/c.py": "c = 1\n"})
    live.apply([str(tmp_path / "a.py")])
    assert names(live) == {"b", "c"}


def test_unsaved_text_of_what_is_no_source_does_not_count(grow: Grow, tmp_path: Path) -> None:
    live = grow({"a.py": "a = 1\n"})
    notes = str(tmp_path / "notes.txt")
    live.overlay([notes], {notes: "b = 1\n"})
    live.overlay([], {})
    assert names(live) == {"a"}
