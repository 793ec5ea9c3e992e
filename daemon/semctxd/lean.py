"""Importing a library without those of its imports that are never used here, and would cost memory and a start's time.

A name in `sys.modules` is taken as it stands, and None there means that no such module is installed: that is how Python
documents it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def instead(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Within, whoever imports one of these gets what it is mapped to; None: an ImportError."""
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)  # type: ignore[arg-type]  # of None the type says nothing
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)


def module(name: str, **attributes: object) -> ModuleType:
    """A module that has these attributes, and nothing else."""
    made = ModuleType(name)
    vars(made).update(attributes)
    return made
