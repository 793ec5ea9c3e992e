"""The session with the indexer: what clients are told of its faults."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

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
