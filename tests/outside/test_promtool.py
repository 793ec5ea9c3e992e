"""The alert rules and the configuration under Prometheus' own checks. Fails where promtool is not installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conftest import daemon_at

pytestmark = pytest.mark.outside

FOLDER = Path(__file__).parent.parent.parent / "docs" / "monitoring"


@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "alerts.yml"), ("check", "config", "prometheus.yml"), ("test", "rules", "alerts-test.yml")],
    ids=" ".join,
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_the_text_of_a_daemon_is_well_formed() -> None:
    with daemon_at() as daemon:
        text = daemon.client().ask("metrics/prometheus")["text"]
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
