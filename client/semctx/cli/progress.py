"""What a person sees while an answer takes its time: a line on standard error that says what the daemon is doing."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from typing import Any

_CLEAR = "\r\x1b[K"


def told(method: str, params: Any) -> None:
    """Show what a notification `events/metrics` says of every workspace where something is under way."""
    if method == "events/metrics":
        works = [work for root, one in params["workspaces"].items() for work in _work(root, one)]
        sys.stderr.write(_CLEAR + "; ".join(works)[:100])
        sys.stderr.flush()


def clear() -> None:
    """Leave no trace."""
    sys.stderr.write(_CLEAR)
    sys.stderr.flush()


def _work(root: str, workspace: Any) -> list[str]:
    index = workspace["index"]
    works = []
    if index["read"] < index["to_read"]:
        works.append(f"indexing {root}: {index['read']} of {index['to_read']} files")
    for session in workspace["sessions"]:
        if session["state"] in ("starting", "indexing"):
            works.append(f"{session['name']} is {session['state']}")
        elif session["pending"]:
            works.append(f"{session['name']} works on {session['pending']}")
    return works
