"""What the endpoint serves: a dashboard, metrics for Prometheus, health for probes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from importlib import resources

import msgspec
from anyio import to_thread

from semctx.protocol import HealthResult
from semctxd import health, prometheus, readings
from semctxd.service import Service
from semctxd.web.http import Page, Pages, Site

_JSON = "application/json"


async def listen(service: Service, port: int) -> asyncio.Server:
    """Serve the pages on 127.0.0.1. Raises OSError."""
    return await Site(pages(service), service.spawn).listen(port)


def pages(service: Service) -> Pages:
    """Every page by its path."""

    async def metrics() -> Page:
        text = await to_thread.run_sync(prometheus.text, readings.metrics(service), health.report(service))
        return Page(text.encode(), prometheus.CONTENT_TYPE)

    def probe(look: Callable[[HealthResult], HealthResult | health.ServersHealth]) -> Callable[[], Awaitable[Page]]:
        async def page() -> Page:
            body = look(health.report(service))
            status = HTTPStatus.SERVICE_UNAVAILABLE if body["status"] == "failing" else HTTPStatus.OK
            return Page(msgspec.json.encode(body), _JSON, status)

        return page

    async def state() -> Page:
        both = {"health": health.report(service), "metrics": readings.metrics(service)}
        return Page(msgspec.json.encode(both), _JSON)

    html = resources.files("semctxd.web").joinpath("page.html").read_bytes()

    async def dashboard() -> Page:
        return Page(html, "text/html; charset=utf-8")

    return {
        "/": dashboard,
        "/metrics": metrics,
        "/health": probe(lambda report: report),
        "/health/lsp": probe(health.of_servers),
        "/state": state,
    }
