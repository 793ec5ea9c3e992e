"""What an indexer leaves on disk for the next: it saves work, and never changes an answer."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from semctxd.index import __main__ as indexer
from semctxd.index import snapshot, tables
from semctxd.index.build import digest
from semctxd.index.live import LiveIndex
from semctxd.index.snapshot import Snapshot
from tests.conftest import Daemon, daemon_at, eventually, write
from tests.index.test_answer import SHOP
from tests.index.test_equal import EDIT, FILES, FOLDERS, NAMES, START, answers, edit
from tests.index.test_process import Indexer

MANY = {f"p/m{number}.py": f"def f{number}(x): ...\n" for number in range(120)}


def run(root: Path, kept: Path) -> LiveIndex:
    """An indexer that has begun."""
    live = LiveIndex(str(root), snapshots=str(kept))
    indexer.build(live)
    return live


def end(live: LiveIndex) -> None:
    for _ in live.keep():
        pass


def said(live: LiveIndex) -> str:
    assert live.snapshot
    return live.snapshot.said


def path(live: LiveIndex) -> Path:
    assert live.snapshot
    return Path(live.snapshot.path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "root", SHOP)
    return tmp_path / "root"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


# -- the answers


def all_answers(live: LiveIndex) -> list[bytes]:
    """By every method that tells of the index alone."""
    names = ("load", "Store", "Store.save", "q.b", "KEYS")
    asked = [("statistics", {}), *(("symbols/targets", {"name": name}) for name in names)]
    for file in sorted(live.store.files):
        asked += [(method, {"file": file}) for method in ("closure", "symbols/overview", "code/dependents")]
        asked += [("symbols/body", {"file": file, "name": name}) for name in names[:2]]
        asked += [("code/ways", {"file": file, "names": list(names)})]
    return answers(live) + [answer(live, method, params) for method, params in asked]


def answer(live: LiveIndex, method: str, params: dict[str, object]) -> bytes:
    raw = indexer.handle(live, msgspec.json.encode({"id": 1, "method": method, "params": params}))
    assert raw
    reply = msgspec.json.decode(raw)
    assert reply.get("error", {}).get("data", {}).get("type") != "InternalError", reply
    del reply["took_ms"]
    return msgspec.json.encode(reply)


@st.composite
def renamed(draw: st.DrawFn) -> tuple[str, ...]:
    """Another text of the same size, the time set back."""
    return "same size", draw(FOLDERS), draw(FILES), draw(NAMES), draw(NAMES)


def edit_unseen(root: Path, what: str, *names: str) -> None:
    """An edit that no index is told of."""
    if what != "same size":
        edit(root, LiveIndex(str(root)), what, *names)
        return
    target = root / names[0] / names[1]
    if target.exists():
        before = target.stat()
        text = target.read_text().replace(names[2], names[3])
        target.write_text(text.encode()[: before.st_size].ljust(before.st_size).decode())
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.lists(EDIT, max_size=3), st.lists(EDIT | renamed(), max_size=4)), min_size=1, max_size=3))
@example([([], [("same size", "p", "a.py", "load", "save")]), ([], [])])
def test_a_start_from_a_snapshot_answers_as_one_from_nothing(
    runs: list[tuple[list[tuple[str, ...]], list[tuple[str, ...]]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as snapshots:
        root, kept = Path(folder), Path(snapshots)
        write(root, START)
        end(run(root, kept))
        for seen, unseen in runs:
            live = run(root, kept)
            assert said(live) == "used"
            assert all_answers(live) == all_answers(run(root, kept / "none"))
            for one in seen:
                edit(root, live, *one)
            assert all_answers(live) == all_answers(run(root, kept / "none"))
            end(live)
            for one in unseen:
                edit_unseen(root, *one)


def test_only_what_differs_is_parsed(root: Path, kept: Path) -> None:
    first = run(root, kept)
    assert (first.restored, said(first)) == (0, "")
    end(first)
    (root / "shop/errors.py").unlink()
    write(root, {"shop/money.py": "def parse(): ...\n", "new.py": "x = 1\n"})
    second = run(root, kept)
    assert (second.restored, said(second)) == (len(SHOP) - 2, "used")
    assert all_answers(second) == all_answers(run(root, kept / "none"))


def test_many_files_that_differ_are_read_as_on_a_first_start(root: Path, kept: Path) -> None:
    write(root, MANY)
    end(run(root, kept))
    write(root, {name: text.replace("def f", "def g") for name, text in MANY.items()})
    live = run(root, kept)
    assert (live.restored, live.scan.read, live.scan.to_read) == (len(SHOP), len(MANY), len(MANY))
    assert all_answers(live) == all_answers(run(root, kept / "none"))


def test_unsaved_text_is_not_kept(root: Path, kept: Path) -> None:
    write(root, MANY)
    live = run(root, kept)
    assert live.is_worth_keeping
    live.overlay([str(root / "shop/money.py")], {str(root / "shop/money.py"): "def drafted(): ...\n"})
    assert not live.is_worth_keeping
    source, sink = os.pipe()
    os.close(sink)
    indexer.serve(live, source, -1)
    os.close(source)
    again = run(root, kept)
    assert again.restored == len(SHOP) + len(MANY)
    assert all_answers(again) == all_answers(run(root, kept / "none"))


# -- doubt


def cut(snapshot: Path) -> None:
    os.truncate(snapshot, snapshot.stat().st_size - 1)


def empty(snapshot: Path) -> None:
    os.truncate(snapshot, 0)


def flip(snapshot: Path) -> None:
    data = bytearray(snapshot.read_bytes())
    data[len(data) // 2] ^= 1
    snapshot.write_bytes(data)


def open_to_others(snapshot: Path) -> None:
    snapshot.chmod(0o666)


def lead_elsewhere(snapshot: Path) -> None:
    snapshot.rename(snapshot.with_name("elsewhere"))
    snapshot.symlink_to(snapshot.with_name("elsewhere"))


def be_a_pipe(snapshot: Path) -> None:
    snapshot.unlink()
    os.mkfifo(snapshot, 0o600)


def of_another_root(snapshot: Path) -> None:
    other = snapshot.parent.parent / "other"
    write(other, SHOP)
    live = run(other, snapshot.parent)
    end(live)
    path(live).rename(snapshot)


def vouched(*sections: object, more: int = 0) -> Callable[[Path], None]:
    """A snapshot that says of itself that all is well; and of its sections that they are `more` bytes longer."""
    encoded = list(map(msgspec.msgpack.encode, sections))
    payload = b"".join((len(one) + more).to_bytes(4, "big") + one for one in encoded)

    def vouch(snapshot: Path) -> None:
        snapshot.write_bytes(snapshot.read_bytes()[:16] + digest(payload) + payload)

    return vouch


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (cut, "it is damaged"),
        (empty, "another version wrote it, or it is of another root"),
        (flip, "it is damaged"),
        (of_another_root, "another version wrote it, or it is of another root"),
        (open_to_others, "it is not this user's alone"),
        (be_a_pipe, "it is not this user's alone"),
        (lead_elsewhere, "Too many levels of symbolic links"),
        (vouched((6, {})), "index out of range"),
        (vouched((0, {"a": (b"", b"")}), (1, {"a": b"1"})), "multiple of"),
        (vouched((255, [(b"", 1, ["a.py"])])), "of at least length 6"),
        (vouched("no section"), "Expected `array`"),
        (vouched((1, {}), more=-1), "truncated"),
        (vouched((1, {}), (1, {}), more=1), "trailing"),
    ],
)
def test_what_is_in_doubt_is_discarded(root: Path, kept: Path, harm: Callable[[Path], None], why: str) -> None:
    first = run(root, kept)
    end(first)
    harm(path(first))
    live = run(root, kept)
    assert said(live).startswith("discarded: ") and why in said(live)
    assert live.restored == 0 and len(live.store.files) == len(SHOP)
    assert all_answers(live) == all_answers(run(root, kept / "none"))
    end(live)
    assert said(run(root, kept)) == "used"


def test_what_another_version_wrote_is_discarded(root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end(run(root, kept))
    monkeypatch.setattr(snapshot, "_FORMAT", b"another")
    snapshot._made_by.cache_clear()
    live = run(root, kept)
    assert "another version" in said(live) and live.restored == 0
    snapshot._made_by.cache_clear()


def test_what_is_another_users_or_too_large_is_discarded(
    root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(run(root, kept))
    with monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: 4_000_000_000)
        assert "not this user's alone" in said(run(root, kept))
    monkeypatch.setattr(snapshot, "_LARGEST_BYTES", 100)
    assert "too large" in said(run(root, kept))


# -- writing


def test_a_snapshot_is_its_users_alone(root: Path, kept: Path) -> None:
    live = run(root, kept)
    end(live)
    assert kept.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in kept.iterdir()] == [path(live).name]
    assert path(live).stat().st_mode & 0o777 == 0o600
    written = path(live).stat().st_mtime_ns
    end(live)
    assert path(live).stat().st_mtime_ns == written  # of the same, none is written


def test_what_cannot_be_written_is_said_and_left(root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.mkdir()
    kept.chmod(0o777)
    live = run(root, kept)
    end(live)
    assert "others may write to it" in said(live)
    kept.chmod(0o700)
    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "_LARGEST_BYTES", 100)
        live = run(root, kept)
        end(live)
        assert said(live).startswith("not written: [Errno 27]")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.py")).write_text("odd = 1\n")
    live = run(root, kept)
    end(live)
    assert "can't decode byte 0xff" in said(live)
    assert not list(kept.iterdir())
    assert all_answers(live) == all_answers(run(root, kept))


def test_who_stops_writing_leaves_what_was_there(root: Path, kept: Path) -> None:
    first = run(root, kept)
    end(first)
    was = path(first).read_bytes()
    write(root, MANY)
    live = run(root, kept)
    for _ in live.keep():
        assert len(list(kept.iterdir())) == 2
        break
    assert [file.read_bytes() for file in kept.iterdir()] == [was]
    assert live.is_worth_keeping
    end(live)
    assert not live.is_worth_keeping and path(live).read_bytes() != was


def test_snapshots_are_bounded(root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end(run(root, kept))
    now = time.time()

    def age(name: str, seconds: float) -> Path:
        file = kept / name
        file.write_bytes(b"x" * 1000)
        os.utime(file, (now - seconds, now - seconds))
        return file

    used, unused = age("used", 86400), age("unused", 31 * 86400)
    under_way, given_up = age("a.1.new", 60), age("a.2.new", 7200)
    write(root, {"new.py": "new = 1\n"})
    end(run(root, kept))
    assert used.exists() and under_way.exists()
    assert not unused.exists() and not given_up.exists()
    monkeypatch.setattr(snapshot, "_ALL", 2)
    older = age("older", 2 * 86400)
    write(root, {"new.py": "new = 2\n"})
    end(run(root, kept))
    assert used.exists() and not older.exists()
    monkeypatch.setattr(snapshot, "_ALL_BYTES", 500)
    write(root, {"new.py": "new = 3\n"})
    live = run(root, kept)
    end(live)
    assert not list(kept.iterdir())


# -- the process


@pytest.fixture
def start(root: Path, kept: Path) -> Iterator[Callable[[], Indexer]]:
    running: list[Indexer] = []

    def begin() -> Indexer:
        running.append(Indexer(root, kept))
        return running[-1]

    yield begin
    for one in running:
        if one.child.poll() is None:
            one.end()


def began(one: Indexer, root: Path) -> tuple[int, int, str]:
    """How many files it has, how many of them from a snapshot, and what it says of that."""
    one.send(method="changes", params={"paths": [str(root)]})
    one.call("statistics")
    return one.state["files"], one.state["restored"], one.state["snapshot"]


def test_an_indexer_leaves_what_it_holds_in_the_end(start: Callable[[], Indexer], root: Path, kept: Path) -> None:
    first = start()
    assert began(first, root) == (len(SHOP), 0, "")
    assert not kept.exists()
    assert first.end() == (0, "")
    second = start()
    assert began(second, root) == (len(SHOP), len(SHOP), "used")
    assert second.end() == (0, "")


def test_after_much_has_changed_it_does_so_in_a_pause(start: Callable[[], Indexer], root: Path, kept: Path) -> None:
    write(root, MANY)
    first = start()
    began(first, root)
    eventually(lambda: kept.exists() and [one.suffix for one in kept.iterdir()] == [""], "a snapshot is there")
    assert first.child.poll() is None
    first.child.kill()
    first.end()
    assert began(start(), root)[1:] == (len(SHOP) + len(MANY), "used")


def test_one_that_is_asked_nothing_leaves_nothing(start: Callable[[], Indexer], kept: Path) -> None:
    assert start().end() == (0, "")
    assert not kept.exists()


def test_a_question_is_answered_before_the_snapshot_is_written(
    root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, sink = os.pipe()

    class Asked(LiveIndex):
        """One that is asked while it writes."""

        def keep(self) -> Iterator[None]:
            for step in super().keep():
                os.write(sink, b"question")
                yield step

    monkeypatch.setattr(indexer, "_PAUSE_S", 0)
    write(root, MANY)
    live = Asked(str(root), snapshots=str(kept))
    indexer.build(live)
    assert indexer._next(live, source) == b"question"
    assert not list(kept.iterdir()) and live.is_worth_keeping
    os.close(source)
    os.close(sink)


# -- the daemon


def of_index(daemon: Daemon, root: Path) -> dict[str, Any]:
    """What it says of the index, once the tree is read."""
    client = daemon.client()
    client.ask("symbols/find", root=str(root), name="Price")
    return dict(client.ask("metrics/get")["workspaces"][str(root)]["index"])


def test_a_daemon_begins_with_what_the_last_one_left_and_says_so(root: Path) -> None:
    with daemon_at() as daemon:
        assert of_index(daemon, root)["restored"] == 0
        daemon.stop()
        (file,) = (daemon.place / "cache/semctx/index").iterdir()
        daemon.start()
        index = of_index(daemon, root)
        assert (index["files"], index["restored"], index["snapshot"]) == (len(SHOP), len(SHOP), "used")
        daemon.stop()
        flip(file)
        daemon.start()
        index = of_index(daemon, root)
        assert (index["files"], index["restored"]) == (len(SHOP), 0)
        lines = [event for event in daemon.events if event["event"] == "snapshot"]
        assert [(line["level"], line["said"]) for line in lines] == [
            ("info", "used"),
            ("warning", "discarded: it is damaged"),
        ]


def test_a_tree_that_rests_is_read_once(root: Path) -> None:
    with daemon_at() as daemon:
        of_index(daemon, root)
        daemon.client().ask("symbols/find", root=str(root), name="Cart")  # what it says of itself follows a reply
        assert of_index(daemon, root)["updates"] == 0
        write(root, {"new.py": "new = 1\n"})
        daemon.client().ask("symbols/find", root=str(root), name="new")
        daemon.client().ask("symbols/find", root=str(root), name="Price", kind="class")
        assert of_index(daemon, root)["updates"] == 1


def test_without_snapshots_nothing_is_written(root: Path) -> None:
    with daemon_at(config="[index]\nsnapshot = false\n") as daemon:
        assert of_index(daemon, root)["snapshot"] == "off"
        daemon.stop()
        assert not (daemon.place / "cache").exists()
        daemon.configure("")
        daemon.start()
        assert of_index(daemon, root)["snapshot"] == ""
        daemon.configure("[index]\nsnapshot = false\n")
        client = daemon.client()
        client.ask("config/reload")
        client.ask("session/restart", root=str(root), name="indexer")
        assert of_index(daemon, root)["snapshot"] == "off"


# -- what it is made of


def test_tables_are_restored_as_they_were(root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_PART", 3)
    live = run(root, kept)
    write(root, {"shop/money.py": "def parse(): ...\n"})  # so that there is a gap in the ids
    live.apply([str(root / "shop/money.py")])
    end(live)
    found = Snapshot(str(kept), live.root).read()
    assert found
    restored, digests = found
    assert [list(table.saved()) for table in restored.tables] == [list(table.saved()) for table in live.store.tables]
    assert {name: restored.ids(name) for name in restored.files} == {
        name: live.store.ids(name) for name in live.store.files
    }
    assert digests == {os.fsencode(root / name): digest((root / name).read_bytes()) for name in SHOP}
    assert (restored.marks, restored.mark_counts) == (live.store.marks, live.store.mark_counts)
    for each in (restored, live.store):
        for name in SHOP:
            each.drop(name)
        assert [list(table.saved()) for table in each.tables] == [[]] * len(each.tables)
