"""Defaults, the settings of a file, and what is said about a wrong one."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from semctxd.config.schema import Config, Language, Server
from semctxd.config.sources import DEFAULT, Sources
from semctxd.errors import ConfigError
from semctxd.lsp.registry import check

ALL = """
[cache]
narrow = false
ttl_s = 10
max_entries = 5
max_bytes = 1000
[log]
level = "debug"
hits = true
slow_s = 0
[daemon]
deadline_s = 1.5
gate_deadline_s = 0.5
drain_s = 1
max_requests = 2
max_batch = 3
idle_session_s = 60
idle_exit_s = 60
[python]
interpreter = "/usr/bin/python3"
[context]
enrich_s = 0
enrich_symbols = 0
[languages.python]
server = "other"
[languages.rust]
server = "rust-analyzer"
[watch]
gate = "inotify"
sweep = "always"
[index]
snapshot = false
[http]
port = 9464
[servers.ty]
command = ["/opt/ty", "server"]
"""


def loaded(tmp_path: Path, text: str) -> Config:
    (tmp_path / "config.toml").write_text(text)
    return Sources(str(tmp_path / "config.toml")).config


@pytest.mark.parametrize("path", [None, "/no/such/config.toml"])
def test_no_file_means_the_defaults(path: str | None) -> None:
    config = Sources(path).config
    assert config == Config()
    assert config.languages == {"python": Language(server="ty")}
    assert (config.cache.ttl_s, config.daemon.deadline_s, config.python.interpreter) == (300.0, 30.0, "")


def test_every_setting_can_be_made(tmp_path: Path) -> None:
    config = loaded(tmp_path, ALL)
    default, set_ = msgspec.to_builtins(Config()), msgspec.to_builtins(config)
    for section in ("cache", "log", "daemon", "python", "context", "watch", "index", "http"):
        for key, value in default[section].items():
            assert set_[section][key] != value, f"{section}.{key}"
    assert config.languages == {"python": Language(server="other"), "rust": Language(server="rust-analyzer")}
    assert config.servers == {"ty": Server(command=("/opt/ty", "server"))}


def test_the_guide_shows_the_defaults(tmp_path: Path) -> None:
    guide = (Path(__file__).parent.parent / "docs/configuration.md").read_text()
    shown = guide.partition("```toml\n")[2].partition("```")[0]
    assert loaded(tmp_path, shown) == Config()
    sections = msgspec.to_builtins(Config())
    assert all(key in shown for section in sections.values() for key in section)


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    config = loaded(tmp_path, '[cache]\nttl_s = 1\n[languages.rust]\nserver = "rust-analyzer"')
    assert config.cache.max_entries == Config().cache.max_entries
    assert config.languages["python"].server == "ty"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[cache]\nttl_s = 0", 2, "cache.ttl_s: Expected `float` > 0.0"),
        ("[cache]\nttl_s = inf", 2, "cache.ttl_s: Expected `float` <= 31536000.0"),
        ("[cache]\nttl_s = nan", 2, "cache.ttl_s: Expected `float` > 0.0"),
        ("[cache]\nmax_bytes = -1", 2, "cache.max_bytes: Expected `int` >= 1"),
        ("[context]\nenrich_s = -0.1", 2, "context.enrich_s: Expected `float` >= 0.0"),
        ('[daemon]\ndrain_s = "5"', 2, "daemon.drain_s: Expected `float`, got `str`"),
        ("[log]\nhits = 1", 2, "log.hits: Expected `bool`, got `int`"),
        ('[log]\nlevel = "all"', 2, "log.level: Expected one of debug, info, warning, error"),
        ('[watch]\ngate = "poll"', 2, "watch.gate: Expected one of auto, inotify, watchfiles"),
        ('[python]\ninterpreter = "python3"', 1, "python: interpreter must be an absolute path"),
        ("[log]\nhit = true", 2, "[log] has no hit; allowed are hits, level, slow_s"),
        ("[languages.python]\nserve = 1", 2, "[languages.python] has no serve; allowed are server"),
        ('[languages.python]\nserver = ""', 2, "languages.python.server: Expected `str` of length >= 1"),
        ("[servers.ty]\ncommand = []", 2, "servers.ty.command: Expected `array` of length >= 1"),
        ("[servers.ty]\ncommand = [1]", 2, "servers.ty.command[0]: Expected `str`, got `int`"),
        ("[servers.ty]", 1, "servers.ty: Object missing required field `command`"),
        ("cache = 1", 1, "cache: Expected `object`, got `int`"),
        ("[cash]\nttl_s = 1", 1, "there is no section cash; allowed are cache, context, daemon"),
        ("[cache", 1, "no valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line_and_what_is_allowed(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/config.toml:{line}: {said}")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: .*directory"):
        Sources(str(tmp_path))
    path = tmp_path / "latin"
    path.write_bytes(b"# \xe9")
    with pytest.raises(ConfigError, match="cannot be read: .*utf-8"):
        Sources(os.fspath(path))
    os.mkfifo(tmp_path / "pipe")  # whose writer nobody waits for
    for endless in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(ConfigError, match="is no file"):
            Sources(endless)
    assert Sources(os.devnull).config == Config()


def test_every_problem_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        'log.level = "loud"  # dotted\n\n[ cache ]\n"ttl_s" = 0\nmax_bytes = "big"\n[languages.python]\nserver = 1\n'
    )
    with pytest.raises(ConfigError) as caught:
        Sources(str(path), {"SEMCTX_DAEMON_DRAIN_S": "soon", "SEMCTX_WATCH_GAT": "auto"}, ["http.port=70000"])
    assert str(caught.value).splitlines() == [
        f"{path}:1: log.level: Expected one of debug, info, warning, error",
        f"{path}:4: cache.ttl_s: Expected `float` > 0.0",
        f"{path}:5: cache.max_bytes: Expected `int`, got `str`",
        f"{path}:7: languages.python.server: Expected `str`, got `int`",
        "SEMCTX_DAEMON_DRAIN_S: daemon.drain_s: Expected `float`, got `str`",
        "SEMCTX_WATCH_GAT: [watch] has no gat; allowed are gate, sweep",
        "--set http.port: http.port: Expected `int` <= 65535",
    ]


def test_flags_come_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[cache]\nttl_s = 1\nmax_entries = 2\nmax_bytes = 3\n")
    env = {
        "SEMCTX_CACHE_MAX_ENTRIES": "20",
        "SEMCTX_CACHE_MAX_BYTES": "30",
        "SEMCTX_LOG_LEVEL": "debug",
        "SEMCTX_LOG_HITS": "true",
        "SEMCTX_PYTHON_INTERPRETER": "/usr/bin/python3",
        "SEMCTX_LANGUAGES_PYTHON_SERVER": "ty",
        "SEMCTX_SERVERS_TY_COMMAND": '["/opt/ty", "server"]',
        "SEMCTX_LOG": "/a/file",  # no setting of the daemon
        "SEMCTX_NO_START": "1",
    }
    sources = Sources(str(path), env, ["cache.max_bytes=300"], check)
    config, origins = sources.config, sources.origins
    assert (config.cache.ttl_s, config.cache.max_entries, config.cache.max_bytes) == (1.0, 20, 300)
    assert (config.log.level, config.log.hits, config.python.interpreter) == ("debug", True, "/usr/bin/python3")
    assert config.servers == {"ty": Server(command=("/opt/ty", "server"))}
    assert origins["cache", "ttl_s"] == f"{path}:2"
    assert origins["cache", "max_entries"] == "SEMCTX_CACHE_MAX_ENTRIES"
    assert origins["cache", "max_bytes"] == "--set cache.max_bytes"
    assert origins["servers", "ty", "command"] == "SEMCTX_SERVERS_TY_COMMAND"
    assert origins.get(("daemon", "drain_s"), DEFAULT) == DEFAULT


@pytest.mark.parametrize(
    ("env", "flags", "said"),
    [
        ({"SEMCTX_LANGUAGES_RUST_SERVER": "ty"}, (), "SEMCTX_LANGUAGES_RUST_SERVER: languages.rust: no such language"),
        ({"SEMCTX_SERVERS_COMMAND": "x"}, (), "SEMCTX_SERVERS_COMMAND: servers.command: Expected `object`"),
        (
            {},
            ["languages.python.server=tie"],
            "--set languages.python.server: languages.python.server: Expected one of ty",
        ),
        ({}, ["cache"], "--set cache: give a setting and its value, such as cache.ttl_s=10"),
        ({}, ["cash.ttl_s=1"], "--set cash: there is no section cash; allowed are"),
        ({}, ["cache.ttl_s.x=1"], "--set cache.ttl_s.x: cache.ttl_s.x: cache.ttl_s is no table"),
    ],
)
def test_what_is_wrong_elsewhere_than_in_the_file(env: dict[str, str], flags: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Sources(None, env, flags, check)
    assert str(caught.value).startswith(said)


def test_a_file_that_became_wrong_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[cache]\nttl_s = 1\n")
    sources = Sources(str(path))
    path.write_text("[cache]\nttl_s = 2\nx = 1\n")
    with pytest.raises(ConfigError, match=":3: .cache. has no x"):
        sources.read()
    assert sources.config.cache.ttl_s == 1
    path.write_text("[cache]\nttl_s = 2\n")
    sources.read()
    assert sources.config.cache.ttl_s == 2
