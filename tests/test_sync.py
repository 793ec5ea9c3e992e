"""The ledger: which messages bring a server to the present."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from semctxd.lsp.registry import registry
from semctxd.lsp.sync import Ledger, to_uri
from semctxd.model import Change, What

SECOND = 1_000_000_000
NOW = 100 * SECOND
FILE, FOLDER = 0o100644, 0o040755


class Disk:
    """Modification times by path; what is not there does not exist."""

    def __init__(self, **mtimes: int) -> None:
        self.mtimes = {f"/r/{name.replace('_', '.')}": mtime for name, mtime in mtimes.items()}

    def __call__(self, path: str) -> os.stat_result:
        if path not in self.mtimes:
            raise FileNotFoundError(path)
        mtime = self.mtimes[path]
        mode = FOLDER if "." not in os.path.basename(path) else FILE
        return os.stat_result(
            (mode, 1, 1, 1, 0, 0, 0, 0, mtime // SECOND, 0), {"st_mtime_ns": mtime, "st_mtime": mtime / SECOND}
        )


def ledger(*changes: Change) -> Ledger:
    made = Ledger("/r", registry().servers["ty"].sync, "python")
    made.add(changes)
    return made


def settled(due: Ledger, disk: Disk, quiet: int = 50 * SECOND, now: int = NOW) -> tuple[list[Any], bool]:
    cure = due.settle(quiet, now, disk)
    assert (cure.read, cure.signs) == ([], False)
    return [json.loads(message) for message in cure.messages], cure.nudges


def told(messages: list[Any]) -> list[tuple[str, int]]:
    """(uri, FileChangeType) of the notice."""
    return [(event["uri"], event["type"]) for event in messages[0]["params"]["changes"]]


def nudged(messages: list[Any]) -> list[str]:
    """The files that were opened without text and closed again."""
    uris = []
    for opened, closed in zip(messages[1::2], messages[2::2], strict=True):
        document = opened["params"]["textDocument"]
        assert (opened["method"], closed["method"]) == ("textDocument/didOpen", "textDocument/didClose")
        assert document == {"uri": document["uri"], "languageId": "python", "version": 0, "text": ""}
        assert closed["params"]["textDocument"] == {"uri": document["uri"]}
        uris.append(document["uri"])
    return uris


def test_a_file_that_exists_is_told_as_created_whatever_happened_to_it() -> None:
    for what in (What.APPEARED, What.MODIFIED, What.GONE):
        messages, nudges = settled(ledger(Change("/r/a.py", what)), Disk(a_py=60 * SECOND))
        assert told(messages) == [("file:///r/a.py", 1)]
        assert not nudges
        assert nudged(messages) == []


def test_a_file_that_is_gone_is_told_as_deleted() -> None:
    messages, nudges = settled(ledger(Change("/r/a.py", What.APPEARED)), Disk())
    assert told(messages) == [("file:///r/a.py", 3)]
    assert not nudges


@pytest.mark.parametrize(
    ("mtime", "quiet", "why"),
    [
        (50, 50, "it may have been read with this very time stamp"),
        (49, 50, "older than what the server has read"),
        (60, 0, "a request was under way: it may have been read any time"),
        (101, 50, "in the future: a later write may get the same time stamp"),
    ],
)
def test_a_notice_is_not_enough_where_the_server_may_have_read_the_time_stamp(mtime: int, quiet: int, why: str) -> None:
    messages, nudges = settled(
        ledger(Change("/r/a.py", What.MODIFIED)), Disk(a_py=mtime * SECOND), quiet=quiet * SECOND
    )
    assert told(messages) == [("file:///r/a.py", 1)]
    assert nudges, why
    assert nudged(messages) == ["file:///r/a.py"]


def test_only_source_files_are_nudged() -> None:
    changes = [Change("/r/sub", What.APPEARED, True), Change("/r/ty.toml", What.MODIFIED)]
    messages, nudges = settled(ledger(*changes), Disk(sub=1, ty_toml=1))
    assert told(messages) == [("file:///r/sub", 1), ("file:///r/ty.toml", 1)]
    assert not nudges


def test_everything_stands_for_the_root() -> None:
    messages, _nudges = settled(
        ledger(Change("", What.EVERYTHING), Change("/r/a.py", What.APPEARED)),
        Disk(a_py=60 * SECOND),
    )
    assert told(messages) == [("file:///r", 3), ("file:///r/a.py", 1)]


def test_in_the_order_of_the_last_change_and_once() -> None:
    due = ledger(Change("/r/a.py", What.APPEARED), Change("/r/b.py", What.APPEARED))
    due.add([Change("/r/a.py", What.MODIFIED)])
    assert due
    messages, _ = settled(due, Disk(a_py=60 * SECOND, b_py=60 * SECOND))
    assert told(messages) == [("file:///r/b.py", 1), ("file:///r/a.py", 1)]
    assert not due
    assert (due.notices, due.nudges) == (2, 0)
    assert settled(due, Disk()) == ([], False)


def test_what_is_due_to_a_server_that_is_gone_is_due_no_more() -> None:
    due = ledger(Change("/r/a.py", What.APPEARED))
    due.clear()
    assert not due


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/r/a b.py", "file:///r/a%20b.py"),
        ("/r/caf\u00e9.py", "file:///r/caf%C3%A9.py"),
        ("/r/50%.py", "file:///r/50%25.py"),
        ("/r/a[1]|^.py", "file:///r/a[1]|^.py"),
        ("/r/a#b?.py", "file:///r/a%23b%3F.py"),
        (os.fsdecode(b"/r/\xe9.py"), "file:///r/%E9.py"),
    ],
)
def test_uris_as_servers_spell_them(path: str, uri: str) -> None:
    assert to_uri(path) == uri
