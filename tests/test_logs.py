"""Where the log goes, what a line holds, and that logging never fails its caller."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog

from semctxd import logs
from tests.conftest import until


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    """Leave logging to the next test as pytest set it up."""
    root, raises = logging.getLogger(), logging.raiseExceptions
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    for handler in root.handlers:
        with suppress(OSError):  # the full disk
            handler.close()
    root.handlers[:], logging.raiseExceptions = handlers, raises
    root.setLevel(level)
    structlog.reset_defaults()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_one_json_object_with_time_level_and_source(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log"
    logs.configure("info", str(path))
    logs.get("rpc").debug("unseen")
    logs.get("rpc").info("request", method="health", ms=0.5, path="a\udc80\nb")
    (line,) = lines(path)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "semctxd.rpc",
        "method": "health",
        "ms": 0.5,
        "path": "a\udc80\nb",
    }
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_an_exception_is_logged_with_its_traceback(tmp_path: Path) -> None:
    logs.configure("info", str(tmp_path / "log"))
    try:
        raise LookupError("here")
    except LookupError:
        logs.get("rpc").exception("request_failed", correlation_id="c1")
    (line,) = lines(tmp_path / "log")
    assert line["correlation_id"] == "c1"
    assert "LookupError: here" in line["exception"]


def test_libraries_are_heard_from_warnings_upwards(tmp_path: Path) -> None:
    logs.configure("debug", str(tmp_path / "log"))
    logging.getLogger("pygls.protocol").info("a whole message")
    logging.getLogger("pygls.protocol").warning("late %s", "reply")
    (line,) = lines(tmp_path / "log")
    assert (line["event"], line["logger"], line["level"]) == ("late reply", "pygls.protocol", "warning")


def test_three_files_of_bounded_size_are_kept(tmp_path: Path) -> None:
    logs.configure("info", str(tmp_path / "log"))
    for _ in range(45):
        logs.get("rpc").info("x" * 1_000_000)
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1", "log.2"]
    assert all(file.stat().st_size <= 10 * 1024 * 1024 for file in tmp_path.iterdir())


def test_a_full_disk_loses_lines_not_requests(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "/dev/full")
    logs.get("rpc").info("request")
    assert capfd.readouterr() == ("", "")


def test_a_standard_error_that_was_closed_loses_lines_not_requests() -> None:
    code = 'import os; from semctxd import logs; logs.configure("info", None, json=True); os.close(2); '
    code += 'logs.get("rpc").info("request"); print("on")'
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "on\n"


@pytest.mark.parametrize("name", ["file/log", "pipe"])
def test_a_file_that_cannot_be_opened_is_said_on_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    path = str(tmp_path / name)
    logs.configure("info", path)
    logs.get("rpc").info("request")
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["event"] for line in said] == ["log_file_unusable", "request"]
    assert said[0]["path"] == path


def test_configured_again_it_goes_to_the_new_place_only(tmp_path: Path) -> None:
    logger = logs.get("rpc")
    for name in ("a", "b"):
        logs.configure("info", str(tmp_path / name))
        logger.info(name)
    assert [line["event"] for name in "ab" for line in lines(tmp_path / name)] == ["a", "b"]


def test_standard_error_gets_json_unless_it_is_a_terminal() -> None:
    code = 'from semctxd import logs; logs.configure("info", None); logs.get("rpc").info("request", ms=1)'
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(piped.stderr)["ms"] == 1
    terminal, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stderr=theirs, check=True)
    os.close(theirs)
    with open(terminal, "rb", buffering=0) as shown:
        text = shown.read(4096)
    assert b"request" in text
    assert b"\x1b[" in text  # coloured
    assert not text.startswith(b"{")


def test_the_journal_is_told_the_priority_of_each_line() -> None:
    code = (
        'from semctxd import logs; logs.configure("debug", None); log = logs.get("rpc")\n'
        "for level in ('debug', 'info', 'warning', 'error', 'critical'): getattr(log, level)('x')"
    )
    read, write = os.pipe()
    status = os.fstat(write)
    for stream, first in ((f"{status.st_dev}:{status.st_ino}", b"<7>{"), ("1:2", b"{")):
        subprocess.run(
            [sys.executable, "-c", code], stderr=write, env={**os.environ, "JOURNAL_STREAM": stream}, check=True
        )
        lines = os.read(read, 8192).splitlines()
        assert lines[0].startswith(first)
        if first == b"<7>{":
            assert [line[:3] for line in lines] == [b"<7>", b"<6>", b"<4>", b"<3>", b"<2>"]
    os.close(read)
    os.close(write)


def test_whoever_wants_them_gets_the_events(tmp_path: Path) -> None:
    logs.configure("info", str(tmp_path / "log"))
    told: list[dict[str, Any]] = []
    wanted = [True]
    end = logs.tap(lambda: wanted[0], told.append)
    try:
        raise LookupError("here")
    except LookupError:
        logs.get("rpc").exception("request_failed")
    logs.get("rpc").debug("not logged")
    logging.getLogger("pygls").warning("another's")
    wanted[0] = False
    logs.get("rpc").info("unwanted")
    wanted[0] = True
    end()
    logs.get("rpc").info("after the end")
    (event,) = told
    assert (event["event"], event["level"]) == ("request_failed", "error")
    assert "LookupError: here" in event["exception"]


def test_the_level_can_be_changed(tmp_path: Path) -> None:
    logs.configure("warning", str(tmp_path / "log"))
    assert (logs.get_level(), logs.is_tracing()) == ("warning", False)
    logs.get("rpc").info("a")
    logs.set_level("debug")
    assert (logs.get_level(), logs.is_tracing()) == ("debug", True)
    logs.get("rpc").info("b")
    assert [line["event"] for line in lines(tmp_path / "log")] == ["b"]


def test_lines_that_may_be_late_tell_of_their_own_moment(tmp_path: Path) -> None:
    logs.configure("info", str(tmp_path / "log"))
    say = logs.get("rpc").info

    async def program() -> None:
        late = logs.Lines()
        with logs.for_request("1.1"):
            late.add(say, "first", {"ms": 1})
        with logs.for_request("1.2"):
            late.add(say, "second", {})
        say("before")
        await until(lambda: len(lines(tmp_path / "log")) == 3)
        late.add(say, "last", {})
        late.flush()

    asyncio.run(program())
    before, first, second, last = lines(tmp_path / "log")
    assert [line["event"] for line in (before, first, second, last)] == ["before", "first", "second", "last"]
    assert (first["request"], first["ms"], second["request"]) == ("1.1", 1, "1.2")
    assert "request" not in last
    assert first["timestamp"] <= second["timestamp"] <= before["timestamp"] < last["timestamp"]
