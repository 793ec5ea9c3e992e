"""Which Python a workspace runs on: a language server that is not told takes its own, and answers wrongly.

In this order: the configuration, the root's own `.venv`, the client's VIRTUAL_ENV, its CONDA_PREFIX, the `python3`
or `python` of its PATH. A client that did not introduce itself counts as one with the daemon's environment. With a
version manager's shim ty would load no project and read no configuration.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from glob import escape, glob
from typing import NamedTuple

from semctxd.tree import contents

_PACKAGES = ("lib*/python*/site-packages", "lib/python*/dist-packages", "local/lib/python*/dist-packages")
_PROGRAMS = ("bin/python", "bin/python3")
_MAX_BYTES = 1_000_000  # of a file that names versions or folders


class Environment(NamedTuple):
    """What of a client's environment decides which Python its workspace runs on."""

    virtual_env: str = ""
    conda_prefix: str = ""
    path: str = ""

    @classmethod
    def of(cls, env: dict[str, str]) -> Environment:
        """From environment variables."""
        return cls(env.get("VIRTUAL_ENV", ""), env.get("CONDA_PREFIX", ""), env.get("PATH", ""))

    def variables(self) -> dict[str, str]:
        """As environment variables."""
        return {"VIRTUAL_ENV": self.virtual_env, "CONDA_PREFIX": self.conda_prefix, "PATH": self.path or os.defpath}


def resolve(root: str, configured: str, env: Mapping[str, str]) -> str:
    """Absolute path of the interpreter, "" if there is none. A link is kept: in a virtual environment it is one."""
    prefixes = [os.path.join(root, ".venv"), env.get("VIRTUAL_ENV", ""), env.get("CONDA_PREFIX", "")]
    folders = [folder for folder in (env.get("PATH") or os.defpath).split(os.pathsep) if folder.startswith("/")]
    candidates = [
        configured,
        *(os.path.join(prefix, program) for prefix in prefixes if prefix for program in _PROGRAMS),
        *(_behind_shim(os.path.join(folder, name), root) for name in ("python3", "python") for folder in folders),
    ]
    return next((candidate for candidate in candidates if candidate and os.access(candidate, os.X_OK)), "")


def _behind_shim(program: str, root: str) -> str:
    """The program itself. In place of a version manager's script, what pyenv would start in the root; "" if none."""
    shims, name = os.path.split(program)
    if os.path.basename(shims) != "shims":
        return program
    manager = os.path.dirname(shims)
    choices = [os.path.join(manager, "version")]
    folder = root
    while len(folder) > 1:
        choices.insert(-1, os.path.join(folder, ".python-version"))
        folder = os.path.dirname(folder)
    for choice in choices:
        with suppress(OSError, UnicodeDecodeError):
            for version in contents(choice, _MAX_BYTES).decode().split():
                found = os.path.join(manager, "versions", version, "bin", name)
                if os.access(found, os.X_OK):
                    return found
    return ""


def is_settled(root: str, interpreter: str) -> bool:
    """Whether to rely on what was found: not while the root's own environment is being made, which lacks its python
    for a moment, and nobody tells when that comes."""
    own = os.path.join(root, ".venv")
    return interpreter.startswith(own + "/") or not os.path.isdir(own)


def import_folders(interpreter: str) -> list[str]:
    """Where an interpreter finds installed packages: its site-packages, and the folders that their *.pth name."""
    prefix = os.path.dirname(os.path.dirname(interpreter))
    folders = [folder for pattern in _PACKAGES for folder in glob(os.path.join(escape(prefix), pattern))]
    for path in [path for folder in folders for path in glob(os.path.join(escape(folder), "*.pth"))]:
        with suppress(OSError, UnicodeDecodeError):
            folders += [
                line
                for line in contents(path, _MAX_BYTES).decode().splitlines()
                if line.startswith("/") and os.path.isdir(line)
            ]
    return [os.path.normpath(folder) for folder in folders]


def environment_file(interpreter: str) -> str:
    """The file that makes an interpreter's folder a virtual environment, whether it is there or not."""
    return os.path.join(os.path.dirname(os.path.dirname(interpreter)), "pyvenv.cfg")
