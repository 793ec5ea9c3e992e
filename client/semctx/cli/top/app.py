"""The application of `semctx top`: fed by the daemon's notifications, it keeps no state of its own but the trend."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.markup import escape
from textual.widgets import DataTable, Footer, RichLog, Sparkline, Static

from semctx import aio
from semctx.cli.render import duration, mib, times
from semctx.cli.top.trend import Trend
from semctx.errors import SemctxError
from semctx.protocol import HealthResult, MetricsResult

_STALE_S = 3.0  # readings come each second
_COLOURS = {"ok": "green", "degraded": "yellow", "failing": "red"}
_COLUMNS = {
    "sessions": ("workspace", "session", "state", "memory", "restarts", "pending", "p50 ms", "p99 ms", "why"),
    "operations": ("method", "total", "cached", "error", "p50 ms", "p99 ms", "max ms"),
    "recent": ("at", "request", "method", "ms", "error", "client"),
}


class Top(App[None]):
    """Sessions, rates, latencies, cache, index and the last slow or failed requests of one daemon."""

    TITLE = "semctx top"
    CSS = """
    #status { height: auto; padding: 0 1; }
    #trends { height: 4; }
    #trends Static { width: 1fr; padding: 0 1; }
    Sparkline { width: 2fr; height: 3; margin: 0 1; }
    DataTable { height: 1fr; margin: 0 1; }
    #recent { max-height: 8; }
    RichLog { height: 10; display: none; border-top: solid $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restart", "Restart the session"),
        Binding("c", "clear", "Clear the cache"),
        Binding("l", "log", "Log"),
        Binding("q", "quit", "Leave"),
    ]

    def __init__(self, *, start: bool) -> None:
        super().__init__()
        self._trend = Trend()
        self._daemon: aio.Connection | None = None
        self._start = start
        self._told_at = 0.0
        self._health: HealthResult | None = None
        self._sessions: list[tuple[str, str]] = []  # root and name of each row

    def compose(self) -> ComposeResult:
        """See App."""
        yield Static("connecting …", id="status")
        with Horizontal(id="trends"):
            yield Static(id="rate")
            yield Sparkline(id="rates")
            yield Static(id="latency")
            yield Sparkline(id="latencies")
        for name in _COLUMNS:
            yield DataTable(id=name, cursor_type="row" if name == "sessions" else "none")
        yield RichLog(max_lines=1000, wrap=True)
        yield Footer()

    async def on_mount(self) -> None:
        """See App."""
        for name, columns in _COLUMNS.items():
            self.query_one(f"#{name}", DataTable).add_columns(*columns)
        await self._connect()
        self.set_interval(1.0, self._keep_connected)

    async def on_unmount(self) -> None:
        """See App."""
        if self._daemon:
            await self._daemon.close()

    # -- the daemon

    async def _connect(self) -> None:
        try:
            if self._daemon is None:
                self._daemon = await aio.connect(start=self._start, on_notification=self._told)
            await self._daemon.subscribe(["metrics", "health", "log"])
        except SemctxError as error:
            self._say(f"[red]{escape(error.message)}[/]")

    async def _keep_connected(self) -> None:
        if time.monotonic() - self._told_at > _STALE_S:
            await self._connect()

    def _told(self, method: str, params: Any) -> None:
        self._told_at = time.monotonic()
        if method == "events/log":
            said = " ".join(f"{name}={value}" for name, value in params.items() if name != "timestamp")
            self.query_one(RichLog).write(said)
        elif method == "events/health":
            self._health = params
        elif method == "events/metrics":
            self._show(params)

    # -- what is shown

    def _say(self, text: str) -> None:
        self.query_one("#status", Static).update(text)

    def _show(self, reading: MetricsResult) -> None:
        self._trend.add(reading)
        cache, process, lag = reading["cache"], reading["process"], reading["loop_lag"]
        lines = [
            f"up {duration(reading['uptime_s'])}, {mib(process['memory_bytes'])}, "
            f"{times(reading['connections'], 'connection')}, {reading['under_way']} under way, "
            f"loop lag p99 {lag['p99_ms']:.1f} ms",
            f"cache: {cache['size']} answers, {mib(cache['bytes'])} of {mib(cache['max_bytes'])}, "
            f"hit rate {cache['hit_rate']:.1%}, {cache['invalidations']} invalidated",
        ]
        for root, workspace in reading["workspaces"].items():
            index = workspace["index"]
            scanning = f", reading {index['read']} of {index['to_read']}" if index["read"] < index["to_read"] else ""
            lines.append(
                f"{root}: epoch {workspace['epoch']}, {times(index['files'], 'file')} and "
                f"{times(index['symbols'], 'symbol')} indexed{scanning}, gate p99 {workspace['gate']['p99_ms']:.1f} ms"
            )
        head = ""
        if self._health:
            status = self._health["status"]
            head = f"[{_COLOURS[status]}]{status}[/] semctxd {self._health['version']}\n"
            lines += self._health["reasons"]
        self._say(head + escape("\n".join(lines)))
        self._show_trend()
        self._show_tables(reading)

    def _show_trend(self) -> None:
        trend = self._trend
        self.query_one("#rate", Static).update(f"{trend.rates[-1]:.1f} requests/s\n{trend.hit_rate:.0%} from memory")
        self.query_one("#latency", Static).update(f"{trend.latencies_ms[-1]:.2f} ms each")
        self.query_one("#rates", Sparkline).data = list(trend.rates)
        self.query_one("#latencies", Sparkline).data = list(trend.latencies_ms)

    def _show_tables(self, reading: MetricsResult) -> None:
        why = {
            (workspace["root"], session["name"]): session["why"]
            for workspace in (self._health["workspaces"] if self._health else [])
            for session in workspace["sessions"]
        }
        rows, self._sessions = [], []
        for root, workspace in reading["workspaces"].items():
            for session in workspace["sessions"]:
                key = root, session["name"]
                busiest = max(session["operations"].values(), key=lambda of: of["total"], default=None)
                latency = (f"{busiest['p50_ms']:.1f}", f"{busiest['p99_ms']:.1f}") if busiest else ("", "")
                memory = mib(session["memory_bytes"])
                facts = (session["state"], memory, session["restarts"], session["pending"])
                rows.append((*key, *facts, *latency, why.get(key, "")))
                self._sessions.append(key)
        self._fill("sessions", rows)
        operations = sorted(reading["operations"].items(), key=lambda item: -item[1]["total"])
        self._fill(
            "operations",
            [
                (
                    name,
                    of["total"],
                    of["cached"],
                    of["error"],
                    *(f"{ms:.2f}" for ms in (of["p50_ms"], of["p99_ms"], of["max_ms"])),
                )
                for name, of in operations
            ],
        )
        self._fill(
            "recent",
            [
                (
                    time.strftime("%H:%M:%S", time.localtime(one["at"])),
                    one["request"],
                    one["method"],
                    f"{one['ms']:.1f}",
                    one["error"] or "slow",
                    one["client"],
                )
                for one in reversed(reading["recent"])
            ],
        )

    def _fill(self, name: str, rows: list[tuple[Any, ...]]) -> None:
        table = self.query_one(f"#{name}", DataTable)
        row = table.cursor_row
        table.clear()
        for cells in rows:
            table.add_row(*(escape(str(cell)) for cell in cells))
        table.move_cursor(row=row)

    # -- keys

    async def action_restart(self) -> None:
        """Restart the session in the chosen row."""
        row = self.query_one("#sessions", DataTable).cursor_row
        if row < len(self._sessions):
            root, name = self._sessions[row]
            await self._do("session/restart", {"root": root, "name": name}, f"{name} is started again")

    async def action_clear(self) -> None:
        """Clear the cache of every workspace."""
        await self._do("cache/clear", {}, "the cache is empty")

    def action_log(self) -> None:
        """Show the log, or hide it."""
        log = self.query_one(RichLog)
        log.display = not log.display

    async def _do(self, method: str, params: dict[str, str], done: str) -> None:
        if self._daemon is None:
            return
        try:
            await self._daemon.request(method, params)
        except SemctxError as error:
            self.notify(error.message, title=error.type, severity="error", markup=False)
        else:
            self.notify(done, markup=False)
