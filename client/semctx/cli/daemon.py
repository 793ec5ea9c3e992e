"""The commands about the daemon itself."""

from __future__ import annotations

import time

import semctx
from semctx import connection, paths, spawn
from semctx.cli.parser import EXIT_FAILED
from semctx.cli.talk import agrees, connect, show
from semctx.errors import PROTOCOL, SemctxError

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from semctx.protocol import Stopping


def status(arguments: Namespace) -> int:
    """semctx status."""
    with connect(arguments, start=False) as daemon:
        answer: Any = daemon.health()
        if not arguments.json:
            answer["cache"] = daemon.cache_stats()
        return show(arguments, answer, "daemon.status")


def health(arguments: Namespace) -> int:
    """semctx health: of the daemon and the workspace; from where there is none, such as the home folder, of all."""
    with connect(arguments, start=False) as daemon:
        try:
            answer = daemon.health(daemon.root)
        except SemctxError as error:
            if error.type != "RootRefused" or arguments.root:
                raise
            answer = daemon.health()
    show(arguments, answer, "daemon.health")
    sessions = [session for workspace in answer["workspaces"] for session in workspace["sessions"]]
    without_index = any(session["name"] == "indexer" and session["state"] == "failed" for session in sessions)
    return EXIT_FAILED if without_index else 0  # without a language server much can be answered


def trust(arguments: Namespace) -> int:
    """semctx trust."""
    arguments.root = arguments.workspace or arguments.root
    with connect(arguments) as daemon:
        if arguments.list:
            return show(arguments, daemon.trust_list(), "daemon.trust_list")
        if arguments.revoke:
            return show(arguments, daemon.trust_revoke(), "daemon.trust")
        state = daemon.trust()
        if state["programs"] and not state["trusted"]:
            if not arguments.yes:
                show(arguments, state, "daemon.trust")
                if arguments.json or not agrees("Run them when they are needed, until the file changes?"):
                    return EXIT_FAILED
            state = daemon.trust_grant(state["sha256"])
        return show(arguments, state, "daemon.trust")


def start(arguments: Namespace) -> int:
    """semctx start."""
    # asked for in so many words: SEMCTX_NO_START is about starts that nobody asked for
    spawn.open_socket(paths.socket_path(), time.monotonic() + arguments.timeout, start=not arguments.no_start).close()
    with connect(arguments, start=False) as daemon:
        return show(arguments, daemon.daemon, "daemon.hello")


def restart_server(arguments: Namespace) -> int:
    """semctx restart-server."""
    with connect(arguments) as daemon:
        return show(arguments, daemon.restart_server(arguments.name), "daemon.restarted")


def stop(arguments: Namespace) -> int:
    """semctx stop."""
    return show(arguments, _stopped(arguments), "daemon.stopping")


def restart(arguments: Namespace) -> int:
    """semctx restart. With a configuration with which no daemon starts, the one that runs goes on."""
    if spawn.is_installed() and (wrong := spawn.check_config("")):
        hint = "Correct it, then run `semctx restart` again: nothing was stopped."
        raise SemctxError("ConfigRefused", "\n".join(wrong), hint=hint)
    try:
        _stopped(arguments)
    except SemctxError as error:
        if error.type != "DaemonUnavailable":
            raise
    return start(arguments)


def logs(arguments: Namespace) -> int:
    """semctx logs."""
    from semctx.cli import logs as log

    if arguments.level:
        with connect(arguments, start=False) as daemon:
            return show(arguments, daemon.log_level(arguments.level), "daemon.log_level")
    present = log.presenter(arguments.request, raw=arguments.json)
    if arguments.live:
        log.live(arguments.root, present)
    return log.show(paths.log_path(), arguments.lines, present, follow=arguments.follow)


def version(arguments: Namespace) -> int:
    """semctx version."""
    answer: dict[str, Any] = {"version": semctx.__version__, "protocol": PROTOCOL, "daemon": None, "problem": ""}
    try:
        with connect(arguments, start=False) as daemon:
            answer["daemon"] = daemon.daemon
    except SemctxError as error:
        answer["problem"] = error.message
    return show(arguments, answer, "daemon.version")


def _stopped(arguments: Namespace) -> Stopping:
    # without a greeting: a daemon of another version can be stopped, too
    with connection.connect(arguments.root, start=False, timeout=arguments.timeout, greet=False) as daemon:
        answer = daemon.stop()
        if not daemon.wait_closed(arguments.timeout) or not _has_left(arguments.timeout):
            raise SemctxError("Timeout", f"the daemon (process {answer['pid']}) still finishes its work")
    return answer


def _has_left(timeout: float) -> bool:
    """Whether the daemon lets go of its lock within so many seconds: its children end after its connections, and until
    then another daemon would find it still there."""
    import fcntl

    until = time.monotonic() + timeout
    with open(paths.socket_path() + ".lock", "ab") as lock:
        while time.monotonic() < until:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)  # flock(2) waits for ever or not at all
            else:
                return True
    return False
