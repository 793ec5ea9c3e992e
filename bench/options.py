"""What the command line says to a benchmark."""

from __future__ import annotations

from typing import NamedTuple


class Options(NamedTuple):
    """Of one run."""

    quick: bool
    repository: str  # absolute path of a folder with Python source; read, never written
    seconds: float | None = None  # how long a benchmark of fixed duration lasts; None: its own default
    server: str = "ty"  # the language server that is asked, where a benchmark leaves the choice
    document: str | None = None  # that gets the figures; pictures go to `images` beside it
