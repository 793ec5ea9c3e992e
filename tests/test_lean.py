"""What the daemon does not load, and that others can load it all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module

import pytest

from semctxd import lean


@pytest.mark.parametrize(
    ("ours", "unused"),
    [
        ("semctxd.logs", ["rich", "colorama"]),
        ("semctxd.rpc.dispatch", ["jsonschema", "http"]),
        (
            "semctxd.app",
            [
                "rich",
                "jsonschema",
                "http",
                "pygls",
                "lsprotocol",
                "tree_sitter",
                "prometheus_client",
                "h11",
                "watchfiles",
            ],
        ),
        (
            "semctxd.index.__main__",
            ["typing_extensions", "inspect", "dataclasses", "tempfile", "random", "multiprocessing", "asyncio"],
        ),
    ],
)
def test_what_is_never_used_is_not_loaded(ours: str, unused: list[str]) -> None:
    program = f"import json, sys, {ours}; print(json.dumps(list(sys.modules)))"
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    said = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, env=unmeasured).stdout
    loaded = json.loads(said)
    assert ours in loaded
    assert not {name.partition(".")[0] for name in loaded} & set(unused)


def test_others_get_the_real_modules() -> None:
    program = """
import semctxd.app
from http.server import HTTPServer
from jsonschema.validators import validator_for
assert HTTPServer.__mro__[1].__name__ == "TCPServer"
assert validator_for({"$schema": "http://json-schema.org/draft-07/schema#"}).__name__ == "Draft7Validator"
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_types_of_lsp_are_complete_once_they_are_used() -> None:
    program = """
import attrs
from semctxd.lsp.typed import load
converter, methods = load()
from lsprotocol import types
assert sum(map(attrs.has, types.ALL_TYPES_MAP.values())) < 10
place = {"textDocument": {"uri": "file:///a"}, "position": {"line": 1, "character": 2}}
found = converter.structure(place, methods["textDocument/hover"][2])
assert isinstance(found, types.HoverParams)
assert found.position == types.Position(1, 2) != types.Position(1, 3)
assert attrs.asdict(found.text_document) == {"uri": "file:///a"}
cells = {"notebookSelector": [{"notebook": "jupyter", "cells": [{"language": "python"}]}]}
found = converter.structure(cells, types.NotebookDocumentSyncOptions)
assert found.notebook_selector[0].cells == (types.NotebookCellLanguage("python"),)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_was_loaded_before_is_there_again() -> None:
    stand_in = lean.module("made_up", answer=42)
    with lean.instead({"json": None, "made_up": stand_in}):
        assert import_module("made_up").answer == 42
        with pytest.raises(ImportError):
            import_module("json")
    assert import_module("json") is json
    with pytest.raises(ImportError):
        import_module("made_up")
