from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

from tests.client.peer import Peer


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A private folder with a short name that everything of semctx lies in; no daemon is started unless asked for."""
    with tempfile.TemporaryDirectory(prefix="sc") as folder:
        monkeypatch.setenv("SEMCTX_SOCKET", os.path.join(folder, "s.sock"))
        monkeypatch.setenv("SEMCTX_LOG", os.path.join(folder, "semctxd.log"))
        monkeypatch.setenv("SEMCTX_CONFIG", os.path.join(folder, "config.toml"))
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("XDG_STATE_HOME", folder)
        monkeypatch.setenv("XDG_CONFIG_HOME", folder)
        monkeypatch.setenv("XDG_CACHE_HOME", folder)
        monkeypatch.delenv("SEMCTX_NO_START", raising=False)
        yield folder


@pytest.fixture
def peer(place: str) -> Iterator[Peer]:
    peer = Peer(os.environ["SEMCTX_SOCKET"])
    yield peer
    peer.finish()
