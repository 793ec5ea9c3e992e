"""The dashboard in a real browser without a screen. Fails where chromium is not installed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.conftest import daemon_at
from tests.test_web import free_port

pytestmark = pytest.mark.outside


def browse(url: str, profile: Path, *arguments: str) -> str:
    """What the page looks like after some seconds of its own time, as HTML."""
    return subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",  # the page is our own, and a container's root may have no other
            "--disable-gpu",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=5000",
            *arguments,
            url,
        ],
        env=os.environ | {"HOME": str(profile)},
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    ).stdout


def test_the_dashboard_shows_what_the_daemon_says(repo: Path, tmp_path: Path) -> None:
    port = free_port()
    with daemon_at(config=f"[http]\nport = {port}\n") as daemon:
        client = daemon.client()
        client.hover(repo, "shop/orders.py", 11, 30)
        client.fails("symbols/find", root=str(repo), name="<b>no such")
        shown = browse(f"http://127.0.0.1:{port}/", tmp_path / "profile", "--dump-dom")
    assert '<span id="status" class="ok">ok</span>' in shown
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
    for expected in (str(repo), "ty", "ready", "indexer", "lsp/request", "SymbolNotFound"):
        assert expected in cells
    assert f"process {daemon.pid}" in shown
    assert re.search(r'id="rates" points="0,19 ', shown)
