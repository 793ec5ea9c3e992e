"""The daemon as a systemd user service."""

from __future__ import annotations

from semctx.cli.render import FILE, PLAIN, TITLE, columns

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterator

    from semctx.cli.render import Line
    from semctx.cli.service import ServiceState


def state(answer: ServiceState) -> Iterator[Line]:
    """What `semctx service` did, and how the units are."""
    for done in answer["done"]:
        yield PLAIN, done
    yield TITLE, answer["folder"]
    yield from columns((unit["unit"], unit["file"], unit["active"], unit["says"]) for unit in answer["units"])
    for unit in answer["units"]:
        if unit["problem"]:
            yield FILE, f"  {unit['unit']} failed: {unit['problem']}"
    if answer["manager"]:
        yield PLAIN, f"  no service manager of yours answers here: {answer['manager']}"
        yield PLAIN, "  log in without su, or set XDG_RUNTIME_DIR=/run/user/$(id -u); then `semctx service install`"
    elif not answer["lingers"] and any(unit["file"] != "missing" for unit in answer["units"]):
        yield PLAIN, "  it ends with your last login and comes back with the next; to keep it: `loginctl enable-linger`"
    if answer["socket"]:
        yield PLAIN, f"  SEMCTX_SOCKET={answer['socket']} leads past it: unset that"
