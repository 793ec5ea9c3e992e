"""The terminal dashboard against a real daemon, and its arithmetic."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import DataTable, RichLog, Sparkline, Static

from semctx.cli import main
from semctx.cli.top.app import Top
from semctx.cli.top.trend import LENGTH, Trend
from tests.conftest import PATIENCE_S, Daemon, daemon_at, until


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    with daemon_at() as running:
        monkeypatch.setenv("SEMCTX_SOCKET", running.socket)
        yield running


@asynccontextmanager
async def shown() -> AsyncIterator[tuple[Top, Any]]:
    app = Top(start=False)
    async with app.run_test(size=(160, 60)) as pilot:
        yield app, pilot


def text(app: Top, name: str) -> str:
    return str(app.query_one(f"#{name}", Static).render())


def rows(app: Top, name: str) -> list[list[str]]:
    table = app.query_one(f"#{name}", DataTable)
    return [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]


async def test_sessions_requests_and_trends_are_shown(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    client.hover(repo, "shop/orders.py", 11, 30)
    client.fails("symbols/find", root=str(repo), name="[no such]")
    async with shown() as (app, _):
        await until(lambda: "ok" in text(app, "status") and rows(app, "sessions"))
        names = {row[1]: row for row in rows(app, "sessions")}
        assert names["ty"][0] == str(repo)
        assert names["ty"][2] == "ready"
        assert f"{repo}: epoch" in text(app, "status")
        assert any(row[0] == "symbols/find" and row[3] == "1" for row in rows(app, "operations"))
        assert [row[4] for row in rows(app, "recent") if row[2] == "symbols/find"] == ["SymbolNotFound"]
        client.hover(repo, "shop/orders.py", 11, 30)
        await until(lambda: max(app.query_one("#rates", Sparkline).data or [0]) > 0)


async def test_keys_clear_the_cache_show_the_log_and_restart(daemon: Daemon, repo: Path) -> None:
    client = daemon.client()
    client.hover(repo, "shop/orders.py", 11, 30)
    async with shown() as (app, pilot):
        await pilot.press("r")  # nothing is chosen yet
        await until(lambda: len(rows(app, "sessions")) == 2)
        await pilot.press("c")
        await until(lambda: client.ask("cache/stats")["size"] == 0)
        await pilot.press("l")
        await until(lambda: app.query_one(RichLog).display)
        client.ask("health")
        await until(lambda: any("method=health" in line.text for line in app.query_one(RichLog).lines))
        await pilot.press("r")
        await until(lambda: {one.message for one in app._notifications} - {"the cache is empty"})
        await pilot.press("q")


async def test_a_daemon_that_comes_later_or_again(daemon: Daemon) -> None:
    daemon.stop()
    async with shown() as (app, pilot):
        await pilot.press("c")  # there is nobody to ask
        await until(lambda: "no daemon listens" in text(app, "status"))
        daemon.start()
        await until(lambda: "ok" in text(app, "status"))
        daemon.stop()
        await pilot.press("c")
        await until(lambda: "no daemon listens" in text(app, "status"))
        daemon.start()
        await until(lambda: "ok" in text(app, "status"))


def test_on_a_real_terminal(daemon: Daemon) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "semctx.cli", "top"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**daemon.env, "TERM": "xterm"},
    )
    os.close(theirs)
    seen = b""
    while b"Leave" not in seen:
        seen += os.read(ours, 65536)
    os.write(ours, b"q")
    try:
        while os.read(ours, 65536):
            pass
    except OSError:  # the other end is closed
        pass
    assert process.wait(PATIENCE_S) == 0
    os.close(ours)


def test_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "textual", None)
    assert main(["top"]) == 3
    assert "pip install 'semctx[cli]'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["top"], ["top", "--json"]])
def test_without_a_terminal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "semctx metrics --json" in capsys.readouterr().err


def reading(uptime_s: float, total: int, cached: int = 0, sum_ms: float = 0.0) -> Any:
    return {"uptime_s": uptime_s, "operations": {"m": {"total": total, "cached": cached, "sum_ms": sum_ms}}}


def test_rates_are_of_the_time_between_two_readings() -> None:
    trend = Trend()
    trend.add(reading(10, 100, 50, 1000))
    assert (set(trend.rates), len(trend.rates)) == ({0.0}, LENGTH)
    trend.add(reading(12, 110, 55, 1050))
    assert (trend.rates[-1], trend.latencies_ms[-1], trend.hit_rate) == (5.0, 5.0, 0.5)
    trend.add(reading(13, 110, 55, 1050))
    assert (trend.rates[-1], trend.latencies_ms[-1], trend.hit_rate) == (0.0, 0.0, 0.5)
    before = list(trend.rates)
    trend.add(reading(14, 3))  # counting began anew
    trend.add(reading(2, 4))  # another daemon
    assert list(trend.rates) == before
