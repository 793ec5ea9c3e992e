from __future__ import annotations

import os

from semctx.errors import PROTOCOL
from semctx.paths import SOCKET_NAME, config_path, log_path, socket_path


def test_the_version_of_the_protocol_is_in_the_name_of_the_socket() -> None:
    assert f"-v{PROTOCOL}." in SOCKET_NAME


def test_where_the_socket_lives() -> None:
    assert socket_path({"XDG_RUNTIME_DIR": "/run/user/7"}) == "/run/user/7/semctx/semctxd-v1.sock"
    assert socket_path({}, uid=7) == "/tmp/semctx-7/semctxd-v1.sock"
    assert socket_path({}) == f"/tmp/semctx-{os.getuid()}/semctxd-v1.sock"
    assert socket_path({"SEMCTX_SOCKET": "s", "XDG_RUNTIME_DIR": "/run"}) == os.path.abspath("s")


def test_where_log_and_configuration_live() -> None:
    home = {"HOME": "/home/me"}
    assert log_path(home) == "/home/me/.local/state/semctx/semctxd.log"
    assert log_path({**home, "XDG_STATE_HOME": "/state"}) == "/state/semctx/semctxd.log"
    assert log_path({**home, "SEMCTX_LOG": "/l"}) == "/l"
    assert config_path(home) == "/home/me/.config/semctx/config.toml"
    assert config_path({**home, "XDG_CONFIG_HOME": "/config"}) == "/config/semctx/config.toml"
    assert config_path({**home, "SEMCTX_CONFIG": "/c"}) == "/c"
    assert log_path({}) == os.path.expanduser("~/.local/state/semctx/semctxd.log")
