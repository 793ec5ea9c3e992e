"""docs/protocol.md says what the code does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints, is_typeddict

import pytest

from semctx import protocol
from semctx.errors import ERRORS
from semctx.protocol import METHODS
from semctxd.rpc.methods import TABLE
from tests.conftest import Daemon

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def document() -> str:
    return (DOCS / "protocol.md").read_text()


def test_it_is_what_the_renderer_makes_of_the_code(document: str) -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "render_protocol.py")], capture_output=True, text=True, check=True
    )
    assert document == done.stdout, "run: python docs/render_protocol.py > docs/protocol.md"


def test_the_daemon_has_every_method_and_no_other() -> None:
    assert set(TABLE) == set(METHODS)


def test_every_method_object_field_and_error_is_in_it(document: str) -> None:
    for name, method in METHODS.items():
        assert f"\n### {name}\n" in document
        for kind in (method.params, method.result):
            assert all(f"| `{field}` |" in document for field in get_type_hints(kind))
        assert set(method.errors) <= set(ERRORS)
    objects = [name for name, value in vars(protocol).items() if is_typeddict(value)]
    linked = set(re.findall(r"\]\(#([a-z]+)\)", document)) - {"errors"}
    assert linked <= {name.lower() for name in objects}
    assert all(re.search(rf"^### {name}$", document, re.IGNORECASE | re.MULTILINE) for name in linked)
    for name, kind in ERRORS.items():
        assert f"| `{name}` | {kind.code} | {kind.when} |" in document


def test_its_client_works(document: str, daemon: Daemon, repo: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", program], env=daemon.env, cwd=repo, capture_output=True, text=True)
    assert done.stderr == ""
    assert "shop/validation.py:12: def validate_email(address: str) -> str" in done.stdout.splitlines()
    assert os.path.exists(daemon.socket)
