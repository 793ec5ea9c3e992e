"""Small trees of files and their index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

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
