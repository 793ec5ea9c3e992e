"""Defaults, the settings of a file, and what is said about a wrong one."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from semctxd.config import Config, Language, Server, load
from semctxd.errors import ConfigError

ALL = """
[cache]
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
[http]
port = 9464
[servers.ty]
command = ["/opt/ty", "server"]
"""


def loaded(tmp_path: Path, text: str) -> Config:
    (tmp_path / "config.toml").write_text(text)
    return load(str(tmp_path / "config.toml"))


@pytest.mark.parametrize("path", [None, "/no/such/config.toml"])
def test_no_file_means_the_defaults(path: str | None) -> None:
    config = load(path)
    assert config == Config()
    assert config.languages == {"python": Language(server="ty")}
    assert (config.cache.ttl_s, config.daemon.deadline_s, config.python.interpreter) == (300.0, 30.0, "")


def test_every_setting_can_be_made(tmp_path: Path) -> None:
    config = loaded(tmp_path, ALL)
    default, set_ = msgspec.to_builtins(Config()), msgspec.to_builtins(config)
    for section in ("cache", "log", "daemon", "python", "context", "watch", "http"):
        for key, value in default[section].items():
            assert set_[section][key] != value, f"{section}.{key}"
    assert config.languages == {"python": Language(server="other"), "rust": Language(server="rust-analyzer")}
    assert config.servers == {"ty": Server(command=("/opt/ty", "server"))}


def test_the_readme_shows_the_defaults(tmp_path: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    shown = readme.partition("```toml\n")[2].partition("```")[0]
    assert loaded(tmp_path, shown) == Config()
    sections = msgspec.to_builtins(Config())
    assert all(key in shown for section in sections.values() for key in section)


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    config = loaded(tmp_path, '[cache]\nttl_s = 1\n[languages.rust]\nserver = "rust-analyzer"')
    assert config.cache.max_entries == Config().cache.max_entries
    assert config.languages["python"].server == "ty"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[cache]\nttl_s = 0", "cache.ttl_s: Expected `float` > 0.0"),
        ("[cache]\nttl_s = inf", "cache.ttl_s: Expected `float` <= 31536000.0"),
        ("[cache]\nttl_s = nan", "cache.ttl_s: Expected `float` > 0.0"),
        ("[cache]\nmax_bytes = -1", "cache.max_bytes: Expected `int` >= 1"),
        ("[context]\nenrich_s = -0.1", "context.enrich_s: Expected `float` >= 0.0"),
        ('[daemon]\ndrain_s = "5"', "daemon.drain_s: Expected `float`, got `str`"),
        ("[log]\nhits = 1", "log.hits: Expected `bool`, got `int`"),
        ('[log]\nlevel = "all"', "log.level: Expected one of debug, info, warning, error"),
        ('[watch]\ngate = "poll"', "watch.gate: Expected one of auto, inotify, watchfiles"),
        ('[python]\ninterpreter = "python3"', "python: interpreter must be an absolute path"),
        ("[log]\nhit = true", "[log] has no hit; allowed are hits, level, slow_s"),
        ("[languages.python]\nserve = 1", "[languages.*] has no serve; allowed are server"),
        ('[languages.python]\nserver = ""', "languages.*.server: Expected `str` of length >= 1"),
        ("[servers.ty]\ncommand = []", "servers.*.command: Expected `array` of length >= 1"),
        ("[servers.ty]\ncommand = [1]", "servers.*.command[0]: Expected `str`, got `int`"),
        ("[servers.ty]", "servers.*: Object missing required field `command`"),
        ("cache = 1", "cache: Expected `object`, got `int`"),
        ("[cash]\nttl_s = 1", "there is no section cash; allowed are cache, context, daemon"),
        ("[cache", "no valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/config.toml: {said}")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: .*directory"):
        load(str(tmp_path))
    path = tmp_path / "latin"
    path.write_bytes(b"# \xe9")
    with pytest.raises(ConfigError, match="cannot be read: .*utf-8"):
        load(os.fspath(path))
