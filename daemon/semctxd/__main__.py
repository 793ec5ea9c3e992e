"""`semctxd`: run the daemon, in the foreground (as a service manager wants it) or detached."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from semctx import __version__
from semctx.paths import config_path, log_path, socket_path

EX_OK, EX_CONFIG, EX_FAILED = 0, 78, 1


def main(argv: list[str] | None = None) -> int:
    """Exit codes: 0 left in order, or another daemon runs already; 1 failed; 78 the configuration is wrong."""
    parser = argparse.ArgumentParser(prog="semctxd", description="The semctx daemon.")
    parser.add_argument("--detach", action="store_true", help="go to the background once it listens")
    parser.add_argument("--version", action="version", version=f"semctxd {__version__}")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as cache.ttl_s=10")
    parser.add_argument(
        "--check-config",
        nargs="?",
        const="",
        metavar="ROOT",
        help="say what is wrong in the configuration, and leave",
    )
    arguments = parser.parse_args(argv)

    if arguments.check_config is not None:
        return _check(arguments.check_config, arguments.set)
    from semctxd.detach import Ready, detach, fill_standard_streams

    fill_standard_streams()
    config_file, socket_file, log_file = config_path(), socket_path(), log_path()  # before the folder is left
    ready = detach(log_file) if arguments.detach else Ready()
    from semctxd import logs
    from semctxd.config.sources import Sources
    from semctxd.errors import AlreadyRunning, ConfigError, SocketRefused
    from semctxd.lsp.registry import check
    from semctxd.rpc.listen import acquire

    try:
        sources = Sources(config_file, os.environ, arguments.set, check)
        logs.configure(sources.config.log.level, log_file if arguments.detach else None)
        listener = acquire(socket_file)
    except ConfigError as error:
        ready.failed(EX_CONFIG, str(error))
        return EX_CONFIG
    except AlreadyRunning as error:
        ready.failed(EX_OK, str(error))
        return EX_OK
    except SocketRefused as error:
        ready.failed(EX_FAILED, str(error))
        return EX_FAILED
    from semctxd.app import run

    try:
        run(listener, sources, ready)
    finally:
        listener.close()
    return EX_OK


def _check(root: str, flags: Sequence[str]) -> int:
    from semctx.paths import trust_path
    from semctxd.config.settings import Pins, Settings
    from semctxd.config.sources import Sources
    from semctxd.errors import ConfigError
    from semctxd.lsp.registry import check

    try:
        sources = Sources(config_path(), os.environ, flags, check)
    except ConfigError as error:
        print(error)
        return EX_CONFIG
    if root and (problem := Settings(os.path.realpath(root), sources.config, Pins(trust_path()), check).look().problem):
        print(problem)
        return EX_CONFIG
    return EX_OK


if __name__ == "__main__":
    sys.exit(main())
