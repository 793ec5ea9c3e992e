"""What is shown on a terminal while an answer takes its time."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from semctx.cli import progress
from tests.conftest import daemon_at, eventually
from tests.zoo import command, configured


def test_a_line_that_is_gone_in_the_end(repo: Path) -> None:
    (repo / "folder").mkdir()
    with daemon_at(config=configured(command("patient", "folder"))) as daemon:
        ours, theirs = pty.openpty()
        argv = [sys.executable, "-m", "semctx.cli", "hover", "parse_price"]
        with subprocess.Popen(argv, cwd=repo, env=daemon.env, stdout=subprocess.PIPE, stderr=theirs) as asking:
            os.close(theirs)
            seen = b""

            def shown() -> bool:
                nonlocal seen
                seen += os.read(ours, 4096)
                return b"ty works on 1" in seen

            eventually(shown, "the progress is shown")
            (repo / "folder/1.go").touch()
            out, _ = asking.communicate()
            assert asking.returncode == 0
        while not seen.endswith(b"\r\x1b[K"):
            seen += os.read(ours, 4096)
        os.close(ours)
    assert b"parse_price" in out


def test_what_is_said_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    ready = {"name": "ty", "state": "ready", "pending": 0}
    workspace = {"index": {"read": 3, "to_read": 9}, "sessions": [ready, {**ready, "state": "indexing"}]}
    progress.told("events/metrics", {"workspaces": {"/r": workspace}})
    assert capsys.readouterr().err == "\r\x1b[Kindexing /r: 3 of 9 files; ty is indexing"
    progress.told("events/changes", {})
    assert capsys.readouterr().err == ""
