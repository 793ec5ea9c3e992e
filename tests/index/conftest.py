"""Small trees of files and their index."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from semctxd.index.live import LiveIndex
from tests.conftest import write

Grow = Callable[[Mapping[str, str | bytes]], LiveIndex]


@pytest.fixture
def grow(tmp_path: Path) -> Grow:
    """Write files below `tmp_path` and index them."""

    def build(files: Mapping[str, str | bytes]) -> LiveIndex:
        write(tmp_path, files)
        live = LiveIndex(str(tmp_path))
        live.refresh()
        return live

    return build


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, ours and built-in ones: what work grows with is counted, not timed."""
    count = 0

    def counted(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
