"""Small trees of files and their index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from semctxd.index.live import LiveIndex

Grow = Callable[[Mapping[str, str | bytes]], LiveIndex]


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def grow(tmp_path: Path) -> Grow:
    """Write files below `tmp_path` and index them."""

    def build(files: Mapping[str, str | bytes]) -> LiveIndex:
        write(tmp_path, files)
        live = LiveIndex(str(tmp_path))
        live.refresh()
        return live

    return build
