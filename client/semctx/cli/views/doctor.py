"""What `semctx doctor` found."""

from __future__ import annotations

from semctx.cli.render import BAD, GOOD, PLAIN, TITLE, WARNING

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from semctx.cli.render import Line

_STYLES = {"ok": GOOD, "warning": WARNING, "problem": BAD}


def doctor(answer: Any) -> Iterator[Line]:
    """Each finding, and under what is not well what to do."""
    yield TITLE, answer["root"]
    for found in answer["findings"]:
        yield _STYLES[found["state"]], f"  {found['state']:<8} {found['what']}: {found['message']}"
        if found["hint"]:
            yield PLAIN, f"           {found['hint']}"
