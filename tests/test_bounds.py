"""Bounds and first moments that no other test meets."""

from __future__ import annotations

from pathlib import Path

import pytest

from semctxd.documents import View
from semctxd.errors import TextRefused
from semctxd.index.__main__ import overlays
from semctxd.index.live import LiveIndex
from semctxd.watch.eager import EagerGate


def test_a_view_holds_so_much_and_no_more() -> None:
    view = View("token")
    with pytest.raises(TextRefused, match="Close some|hold more"):
        for number in range(40):
            view.open("/r", f"/r/{number}.py", "x" * 2_000_000, 1)
    view.close("/r", "/r/0.py")
    view.open("/r", "/r/again.py", "x", 1)


def test_an_index_that_is_first_told_of_overlays_is_built(repo: Path) -> None:
    live = LiveIndex(str(repo))
    overlays(live, {"paths": [], "texts": {}})
    assert live.built


def test_a_gate_without_a_descriptor_is_alive() -> None:
    assert EagerGate(lambda work: None).is_alive()
