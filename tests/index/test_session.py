"""The session with the indexer: what clients are told of its faults."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from semctxd.child.base import Child
from semctxd.child.terms import Terms
from semctxd.child.warden import Warden
from semctxd.config.schema import Sessions
from semctxd.index.session import IndexerSession

pytestmark = pytest.mark.anyio


async def test_a_fault_is_logged_under_the_number_that_the_client_is_told(tmp_path: Path) -> None:
    session = IndexerSession(
        root=str(tmp_path),
        env=os.environ,
        terms=Terms(1, Sessions(), Warden()),
        spawn=lambda work: None,
        changed=lambda child: None,
    )
    error = {"code": -32603, "message": "Traceback: hunter2", "data": {"type": "InternalError", "hint": ""}}
    with capture_logs() as lines:
        told = session.refused(json.dumps(error).encode())
    assert told.type == "InternalError"
    assert "hunter2" not in json.dumps(told.to_json())
    assert [(line["traceback"], line["correlation_id"]) for line in lines] == [
        ("Traceback: hunter2", told.correlation_id)
    ]


async def test_an_indexer_that_reads_on_is_given_the_time_that_it_needs(tmp_path: Path) -> None:
    """It is slower than `start_s`, but never so long without a word of how far it is."""
    program = """
import json, sys, time
from semctx.framing import frame
for read in range(15):
    time.sleep(0.1)  # all in all longer than `start_s`, which is what is tested
    params = {**dict.fromkeys(("files", "symbols", "scan_ms", "restored", "updates"), 0), "snapshot": ""}
    params["not_indexed"] = {"count": 0, "files": []}
    said = {"jsonrpc": "2.0", "method": "state", "params": {**params, "read": read, "to_read": 15}}
    sys.stdout.buffer.write(frame(json.dumps(said).encode(), headers=True))
    sys.stdout.buffer.flush()
sys.stdout.buffer.write(frame(b'{"jsonrpc":"2.0","id":1,"result":{}}', headers=True))
sys.stdout.buffer.flush()
sys.stdin.read()
"""
    warden = Warden()
    states: list[str] = []
    ready = asyncio.Event()

    def changed(child: Child) -> None:
        states.append(child.state)
        if child.state != "starting":
            ready.set()

    async with anyio.create_task_group() as tasks:
        session = IndexerSession(
            root=str(tmp_path),
            env=os.environ,
            terms=Terms(30, Sessions(start_s=1), warden),
            spawn=tasks.start_soon,
            changed=changed,
        )
        session.argv = [sys.executable, "-c", program]
        session.watched()
        session.warm()
        await asyncio.wait_for(ready.wait(), 60)
        assert states == ["starting", "ready"]
        await session.stop()
        await warden.close()
