"""`semctx service`: the daemon as a systemd user service, which a first connection starts.

The units are the files that this package ships, with the programs of this installation in them: the interpreter of a
virtual environment keeps its path when `uv tool upgrade` or `pipx upgrade` replaces what is in it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import semctx
from semctx import paths, spawn
from semctx.cli.parser import EXIT_FAILED
from semctx.cli.talk import show
from semctx.errors import SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import TypedDict

    class UnitState(TypedDict):
        """A unit: its file, and what the manager says of it."""

        unit: str
        file: str  # "current", "another" than `install` would write, or "missing"
        active: str  # ActiveState and SubState, "" without a manager
        says: str  # the daemon's own status
        problem: str  # why it failed, and what to do

    class ServiceState(TypedDict):
        """What the three commands show."""

        folder: str
        done: list[str]
        units: list[UnitState]
        manager: str  # "" where one answers, else why not
        lingers: bool
        socket: str  # SEMCTX_SOCKET, which leads clients past the service


SOCKET, SERVICE = "semctxd.socket", "semctxd.service"
_LINGERING = "/var/lib/systemd/linger"
_INSTALL = "`semctx service install`"
_PROBLEMS = {
    "78": f"the configuration is wrong: `semctx config check` says where; correct it, then {_INSTALL}",
    "203": f"its program is gone: install semctx again, then {_INSTALL}",
    "watchdog": f"it stood still and was ended: `semctx logs` says more; {_INSTALL} starts it again",
    "": f"`journalctl --user -u semctxd` says why; {_INSTALL} starts it again",
}
"""Exit status or result of a unit that failed -> what to do."""


def install(arguments: Namespace) -> int:
    """semctx service install."""
    _check_programs()
    folder = paths.units_path()
    os.makedirs(folder, exist_ok=True)
    done = []
    before = {unit: _file_state(unit) for unit in (SOCKET, SERVICE)}
    for unit, state in before.items():
        if state != "current":
            path = os.path.join(folder, unit)
            with open(path + ".new", "w") as file:
                file.write(rendered(unit))
            os.replace(path + ".new", path)  # a link there, as of a unit that is masked, is not written through
            done.append(f"wrote {unit}")
    manager = _manager_problem()
    if not manager:
        _systemctl("daemon-reload")
        if before[SOCKET] == "another":  # only a socket that is stopped can listen elsewhere
            _systemctl("stop", SOCKET, SERVICE)
        _systemctl("reset-failed", SOCKET, SERVICE, check=False)  # a unit that is not loaded has nothing to reset
        _systemctl("enable", "--now", SOCKET)
        # the socket stays: who connects meanwhile is served by the new one
        _systemctl("try-restart", SERVICE)
        done.append(f"{SOCKET} listens, and starts the daemon when a client comes")
    show(arguments, _state(done, manager), "service.state")
    return EXIT_FAILED if manager else 0


def uninstall(arguments: Namespace) -> int:
    """semctx service uninstall."""
    manager = _manager_problem()
    if not manager:
        _systemctl("disable", "--now", SOCKET, SERVICE)
    done = []
    for unit in (f"sockets.target.wants/{SOCKET}", SOCKET, SERVICE):
        path = os.path.join(paths.units_path(), unit)
        if os.path.lexists(path):
            os.unlink(path)
            done.append(f"removed {unit}")
    if not manager:
        _systemctl("daemon-reload")
    return show(arguments, _state(done, manager), "service.state")


def status(arguments: Namespace) -> int:
    """semctx service status."""
    _check_programs()
    state = _state([], _manager_problem())
    show(arguments, state, "service.state")
    return EXIT_FAILED if any(unit["file"] != "current" or unit["problem"] for unit in state["units"]) else 0


def rendered(unit: str) -> str:
    """A unit's text, with the programs of this installation."""
    packaged = os.path.join(os.path.dirname(semctx.__file__), "systemd")
    folder = packaged if os.path.isdir(packaged) else os.path.join(os.path.dirname(semctx.__file__), "../../systemd")
    with open(os.path.join(folder, unit)) as file:
        text = file.read()
    python = sys.executable
    for program, module in (("semctxd", "semctxd"), ("semctx", "semctx.cli")):
        text = text.replace(f"=/usr/bin/env {program}", f"={_quoted(python)} -P -m {module}")
    path = "Environment=PATH="
    return "".join(
        f'Environment="PATH={_escaped(os.path.dirname(python))}:{line.removeprefix(path).rstrip()}"\n'
        if line.startswith(path)
        else line
        for line in text.splitlines(keepends=True)
    )


def _quoted(word: str) -> str:
    """A word of a command line in a unit (systemd.service(5)); a `$` would name a variable."""
    return f'"{_escaped(word).replace("$", "$$")}"'


def _escaped(text: str) -> str:
    """Text in a unit: `%` begins a specifier."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _state(done: list[str], manager: str) -> ServiceState:
    units = [_unit(unit, {} if manager else _properties(unit)) for unit in (SOCKET, SERVICE)]
    user = os.environ.get("USER", "")
    return {
        "folder": paths.units_path(),
        "done": done,
        "units": units,
        "manager": manager,
        "lingers": bool(user) and os.path.exists(os.path.join(_LINGERING, user)),
        "socket": os.environ.get("SEMCTX_SOCKET", ""),
    }


def _unit(unit: str, properties: dict[str, str]) -> UnitState:
    problem = ""
    if properties.get("ActiveState") == "failed" or properties.get("Result", "success") != "success":
        reasons = (properties.get("ExecMainStatus", ""), properties.get("Result", ""))
        known = next((_PROBLEMS[reason] for reason in reasons if reason in _PROBLEMS), _PROBLEMS[""])
        problem = "the service failed again and again" if unit == SOCKET else known
    active = f"{properties['ActiveState']} ({properties['SubState']})" if "SubState" in properties else ""
    return {
        "unit": unit,
        "file": _file_state(unit),
        "active": active,
        "says": properties.get("StatusText", ""),
        "problem": problem,
    }


def _file_state(unit: str) -> str:
    path = os.path.join(paths.units_path(), unit)
    if not os.path.isfile(path):
        return "another" if os.path.lexists(path) else "missing"
    wanted = rendered(unit).encode()
    with open(path, "rb") as file:
        return "current" if file.read(len(wanted) + 1) == wanted else "another"


def _check_programs() -> None:
    if not spawn.is_installed():
        raise SemctxError("NoServiceManager", "the daemon is not installed here", hint="pip install 'semctx[daemon]'")


def _properties(unit: str) -> dict[str, str]:
    names = "ActiveState,SubState,Result,StatusText,ExecMainStatus"
    lines = _systemctl("show", unit, f"--property={names}").stdout.splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _manager_problem() -> str:
    """Why no manager of this user answers, "" if one does. Raises SemctxError where there is no systemd."""
    done = _systemctl("show-environment", check=False)
    return done.stderr.strip() if done.returncode else ""


def _systemctl(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["systemctl", "--user", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SemctxError("NoServiceManager") from None
    if check and done.returncode:
        raise SemctxError("NoServiceManager", f"{shlex.join(command)}: {done.stderr.strip()}", hint="See the message.")
    return done
