"""The configuration that holds in a workspace, and which workspaces may name programs.

A workspace is data. Its own file may tune what is harmless; where it names a program to run, that counts only once
the user said so for exactly that file: its SHA-256 is pinned in the user's state folder, so any change of the
file ends the trust.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

import msgspec

from semctxd import logs
from semctxd.config.schema import PROGRAMS, Config, LocalFile, load_local, overlaid
from semctxd.config.tables import Path, Problem, leaves, refuse
from semctxd.errors import ConfigError

_log = logs.get("settings")


class Pin(NamedTuple):
    """Which file of a workspace is trusted."""

    file: str  # absolute
    sha256: str


class Pins:
    """The trusted files by canonical root, kept in the file `path`, which only its user may write to."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> dict[str, Pin]:
        """All pins; none where the file is missing, damaged, or not the user's alone."""
        try:
            with open(self._path, "rb") as file:
                status = os.fstat(file.fileno())
                if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
                    raise PermissionError("others may write to it")
                return msgspec.json.decode(file.read(), type=dict[str, Pin])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("trust_unreadable", path=self._path, reason=str(error))
            return {}

    def put(self, root: str, pin: Pin | None) -> None:
        """Trust a file of a root, or with None nothing of it. Raises OSError."""
        pins = self.read()
        pins.pop(root, None)
        if pin is not None:
            pins[root] = pin
        os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
        new = self._path + ".new"
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(pins)))
        os.replace(new, self._path)


class Settings:
    """What holds in the workspace `root`: the user's configuration, and over it what the workspace's own file says.

    The file is read when first needed, and again after `forget`. `check` finds what a configuration names that does
    not exist.
    """

    def __init__(self, root: str, user: Config, pins: Pins, check: Callable[[Config], Iterable[Problem]]) -> None:
        self.root = root
        self._user = user
        self._pins = pins
        self._check = check
        self._config: Config | None = None
        self.file: LocalFile | None = None
        self.trusted = False  # the programs that the file names may be run
        self.problem = ""  # why not all of the file holds, and what to do
        self.origins: dict[Path, str] = {}  # of the settings that hold and come from the file: its name and line

    @property
    def config(self) -> Config:
        """The configuration. Never raises: a file that is wrong does not hold."""
        if self._config is None:
            self._config = self._read()
        return self._config

    def base(self, user: Config) -> None:
        """The user's configuration is another one."""
        self._user = user
        self.forget()

    def forget(self) -> None:
        """The file, or what is trusted, may have changed."""
        self._config = None

    def look(self) -> Self:
        """Read the file now."""
        self._config = self._read()
        return self

    def _read(self) -> Config:
        self.file, self.trusted, self.problem, self.origins = None, False, "", {}
        try:
            self.file = load_local(self.root)
            if self.file is None:
                return self._user
            self.trusted = self._pins.read().get(self.root) == (self.file.path, self.file.sha256)
            table = self.file.table
            if not self.trusted:
                table = {section: value for section, value in table.items() if section not in PROGRAMS}
            config = overlaid(self._user, table)
            refuse(self._check(config), self.file.place)
            self.origins = {path: self.file.place(path) for path, _ in leaves(table)}
        except ConfigError as error:
            self.problem = f"{error}; nothing of that file holds"
            return self._user
        if self.file.programs and not self.trusted:
            self.problem = (
                f"{self.file.path} names programs, which are not run: look at them with `semctx trust {self.root}`"
            )
        return config
