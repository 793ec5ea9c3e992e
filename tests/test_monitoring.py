"""What docs/monitoring.md, the alerts and the dashboard speak of is what a daemon exports, and all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from tests.conftest import daemon_at

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def exported() -> dict[str, str]:
    """Name -> kind of every metric of a daemon, as Prometheus reads it."""
    with daemon_at() as daemon:
        text = daemon.client().ask("metrics/prometheus")["text"]
    return {f"{one.name}{'_total' if one.type == 'counter' else ''}": one.type for one in families(text)}


def test_each_metric_is_explained(exported: dict[str, str]) -> None:
    table = (DOCS / "monitoring.md").read_text().partition("<!-- metrics -->")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `(semctx_\w+)` \|", table, re.MULTILINE)
    assert sorted(explained) == sorted(exported)


@pytest.mark.parametrize("name", ["alerts.yml", "grafana.json"])
def test_what_is_asked_of_prometheus_exists(exported: dict[str, str], name: str) -> None:
    series = set(exported) | {
        f"{metric}_{end}"
        for metric, kind in exported.items()
        if kind == "histogram"
        for end in ("bucket", "count", "sum")
    }
    asked = set(re.findall(r"\bsemctx_\w+", (DOCS / "monitoring" / name).read_text()))
    assert asked
    assert asked <= series


def test_each_panel_has_a_place_and_a_question() -> None:
    panels = json.loads((DOCS / "monitoring" / "grafana.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len({str(panel["gridPos"]) for panel in panels}) == len(panels)
    assert all(target["expr"] for panel in panels for target in panel["targets"])
