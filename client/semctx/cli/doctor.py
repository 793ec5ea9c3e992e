"""`semctx doctor`: what is wrong with this installation and workspace, and what to do about it.

Each check gives findings and fails nothing else; the command fails only where no question can be answered.
"""

from __future__ import annotations

import os
import time

import semctx
from semctx import connection, paths, roots, spawn
from semctx.cli import render, talk
from semctx.cli.parser import EXIT_FAILED
from semctx.errors import PROTOCOL, SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator
    from typing import Any, Literal, TypedDict

    class Finding(TypedDict):
        """What one check found."""

        what: str
        state: Literal["ok", "warning", "problem"]
        message: str
        hint: str  # what to do

    Findings = Iterator[Finding]


_WATCHES = "/proc/sys/fs/inotify/max_user_watches"
_FEW_WATCHES = 65_536


def doctor(arguments: Namespace) -> int:
    """semctx doctor."""
    root = roots.chosen(arguments.root)
    findings = [*_program(), *_socket(arguments.timeout), *_limits()]
    answers = False
    try:
        with talk.connect(arguments) as daemon:
            findings += _daemon(daemon)
            index = _checked("index", _index, daemon)
            answers = index[0]["state"] != "problem"
            findings += index
            for what, check in _MORE.items():
                findings += _checked(what, check, daemon)
    except SemctxError as error:
        findings.append(_problem("daemon", error))
    talk.show(arguments, {"root": root, "findings": findings}, "doctor.doctor")
    return 0 if answers else EXIT_FAILED


def _program() -> Findings:
    yield _finding("client", "ok", f"semctx {semctx.__version__}, protocol {PROTOCOL}")
    if not spawn.is_installed():
        hint = "pip install 'semctx[daemon]'"
        yield _finding("daemon's program", "warning", "it is not installed here, so no daemon can be started", hint)


def _socket(timeout: float) -> Findings:
    path = paths.socket_path()
    try:
        connected = spawn.dial(path, time.monotonic() + timeout)
    except SemctxError as error:
        yield _problem("socket", error)
        return
    if connected is not None:
        connected.close()
        yield _finding("socket", "ok", f"a daemon listens on {path}")
    elif os.path.exists(path):
        hint = "Nothing to do: the next daemon replaces it."
        yield _finding("socket", "warning", f"{path} is left over from a daemon that was killed", hint)
    else:
        yield _finding("socket", "ok", f"no daemon ran on {path}")


def _limits() -> Findings:
    try:
        with open(_WATCHES) as file:
            limit = int(file.read())
    except OSError:  # no Linux
        return
    if limit < _FEW_WATCHES:
        hint = f"sudo sysctl fs.inotify.max_user_watches={_FEW_WATCHES}, and put it into /etc/sysctl.d to stay"
        yield _finding("watches", "warning", f"the kernel allows {limit}, one for each folder", hint)


def _daemon(daemon: connection.Connection) -> Findings:
    hello = daemon.daemon
    assert hello is not None
    about = f"semctxd {hello['version']}, process {hello['pid']}"
    if hello["version"] != semctx.__version__:
        message = f"{about}, is another version than semctx {semctx.__version__}"
        yield _finding("daemon", "warning", message, "semctx restart")
    else:
        yield _finding("daemon", "ok", about)


def _index(daemon: connection.Connection) -> Findings:
    found = daemon.overview(limits={"files": 1, "symbols": 0})
    files = len(found["files"]) + found["left_out"]
    yield _finding("index", "ok", f"{files} source files in {daemon.root}")
    if missing := found.get("not_indexed"):
        hint = "Split them, or leave their folder out (.gitignore, .ignore). `lsp/request` answers about them."
        yield _finding("files", "warning", render.not_indexed(missing), hint)


def _server(daemon: connection.Connection) -> Findings:
    nothing = {
        "textDocument": {"uri": f"file://{daemon.root}/.semctx-doctor.py"},
        "position": {"line": 0, "character": 0},
    }
    try:
        daemon.lsp("textDocument/hover", nothing)
    except SemctxError as error:
        if error.type != "ServerError":  # it answers, if only that there is no such file
            yield _finding("language server", "warning", error.message, error.hint)
            return
    states = [f"{session['name']} {session['state']}" for session in _sessions(daemon)]
    yield _finding("language server", "ok", ", ".join(states))


def _interpreter(daemon: connection.Connection) -> Findings:
    active = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX") or ""
    known = [session["interpreter"] for session in _sessions(daemon) if session["interpreter"]]
    known.sort(key=lambda one: not one.startswith(os.path.join(active, "")))  # each environment has its own session
    chosen = known[0] if known else ""
    if not chosen:
        hint = "Make one in .venv, activate one, or set [python] interpreter in the configuration."
        yield _finding("interpreter", "warning", "none was found: imports of packages stay unresolved", hint)
    elif active and not chosen.startswith(os.path.join(active, "")):
        hint = "The configuration's [python] interpreter and the workspace's own .venv come before what is active."
        yield _finding("interpreter", "warning", f"{chosen} is used, although {active} is active", hint)
    else:
        yield _finding("interpreter", "ok", chosen)


def _trust(daemon: connection.Connection) -> Findings:
    state = daemon.trust()
    if state["programs"] and not state["trusted"]:
        message = f"{state['file']} names programs to run, which it may not: {'; '.join(state['programs'])}"
        yield _finding("trust", "warning", message, "semctx trust")


def _health(daemon: connection.Connection) -> Findings:
    for reason in daemon.health(daemon.root)["reasons"]:
        yield _finding("health", "warning", reason, "See the message; `semctx logs` says more.")


_MORE: dict[str, Callable[[connection.Connection], Findings]] = {
    "language server": _server,
    "interpreter": _interpreter,
    "trust": _trust,
    "health": _health,
}


def _checked(
    what: str, check: Callable[[connection.Connection], Findings], daemon: connection.Connection
) -> list[Finding]:
    try:
        return list(check(daemon))
    except SemctxError as error:
        return [_problem(what, error)]


def _sessions(daemon: connection.Connection) -> list[Any]:
    """The language servers of the workspace."""
    workspaces = daemon.health(daemon.root)["workspaces"]
    sessions = [session for one in workspaces for session in one["sessions"]]
    return [session for session in sessions if session["name"] != "indexer"]


def _finding(what: str, state: Literal["ok", "warning", "problem"], message: str, hint: str = "") -> Finding:
    return {"what": what, "state": state, "message": message, "hint": hint}


def _problem(what: str, error: SemctxError) -> Finding:
    return _finding(what, "problem", error.message, error.hint)
