"""Which Python a workspace runs on: a language server that is not told takes its own, and answers wrongly.

In this order: the configuration, the root's own `.venv`, the client's VIRTUAL_ENV, its CONDA_PREFIX, the `python3`
or `python` of its PATH. A client that did not introduce itself counts as one with the daemon's environment.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

_PROGRAMS = ("bin/python", "bin/python3")


def resolve(root: str, configured: str, env: Mapping[str, str]) -> str:
    """Absolute path of the interpreter, "" if there is none. A link is kept: in a virtual environment it is one."""
    prefixes = [os.path.join(root, ".venv"), env.get("VIRTUAL_ENV", ""), env.get("CONDA_PREFIX", "")]
    candidates = [
        configured,
        *(os.path.join(prefix, program) for prefix in prefixes if prefix for program in _PROGRAMS),
    ]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    path = env.get("PATH", os.defpath)
    return shutil.which("python3", path=path) or shutil.which("python", path=path) or ""


def is_settled(root: str, interpreter: str) -> bool:
    """Whether to rely on what was found: not while the root's own environment is being made, which lacks its python
    for a moment, and nobody tells when that comes."""
    own = os.path.join(root, ".venv")
    return interpreter.startswith(own + "/") or not os.path.isdir(own)


def environment_file(interpreter: str) -> str:
    """The file that makes an interpreter's folder a virtual environment, whether it is there or not."""
    return os.path.join(os.path.dirname(os.path.dirname(interpreter)), "pyvenv.cfg")
