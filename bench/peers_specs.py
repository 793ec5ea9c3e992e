"""The peers of `peers` that speak MCP: how each is started, as its documentation says, asked, and understood.

All use the same ty and the same Python, by `VIRTUAL_ENV`.
"""

from __future__ import annotations

import json
import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from bench import peers_read as reads
from bench.oracle import ENVIRONMENT
from bench.peers_install import CCLSP, KARELLEN, SERENA, from_npm, from_pypi
from bench.peers_truth import Found, Operation, Question

MARK = "SEMCTX_BENCH_PEER"
"""In the environment of all processes of a peer: also of those that leave their group."""

_TY = [os.path.join(sysconfig.get_path("scripts"), "ty"), "server"]
_SERENA_CONFIG = """\
language_backend: LSP
agent_interface: tools
web_dashboard: false
web_dashboard_open_on_launch: false
gui_log_window: false
project_serena_folder_location: {folder}
ls_specific_settings:
  python_ty:
    ls_path: {ty}
projects: []
"""


class Way(NamedTuple):
    """How an operation is asked, and what the answer's text says."""

    tool: str
    arguments: Callable[[Question], dict[str, Any]]
    read: Callable[[str, Question], Found]


class Spec(NamedTuple):
    """An MCP server, and how it is started on one root."""

    name: str  # with its version
    command: list[str]
    environment: dict[str, str]
    ways: Mapping[Operation, Way]
    register: tuple[str, dict[str, Any]] | None = None  # a tool that is called first; all others want its project_id
    prepare: list[str] | None = None  # what its documentation wants done once for a repository


def environment_of(place: str) -> dict[str, str]:
    """An environment whose folders are all in one place, which becomes the mark of the processes."""
    os.makedirs(place, exist_ok=True)
    folders = ("HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    return {**dict.fromkeys(folders, place), **ENVIRONMENT, "PATH": os.environ["PATH"], MARK: place}


def serena(root: str, place: str) -> Spec:
    """Serena with ty in place of its own choice, one tool for each operation, no dashboard, no report of its use."""
    installed = from_pypi(SERENA, "serena")
    environment = {**environment_of(place), "SERENA_HOME": place, "SERENA_USAGE_REPORTING": "false"}
    with open(os.path.join(place, "serena_config.yml"), "w", encoding="utf-8") as file:
        file.write(_SERENA_CONFIG.format(folder=os.path.join(place, "project"), ty=_TY[0]))
    ways: dict[Operation, Way] = {
        "find": Way(
            "find_symbol",
            lambda one: {"name_path_pattern": one.name},
            lambda text, one: reads.serena_symbols(text, one.name),
        ),
        "overview": Way(
            "get_symbols_overview",
            lambda one: {"relative_path": one.file},
            lambda text, _: reads.serena_overview(text),
        ),
        "references": Way(
            "find_referencing_symbols",
            lambda one: {"name_path": "/".join(one.path), "relative_path": one.file},
            lambda text, _: reads.serena_references(text),
        ),
        "definition": Way(
            "find_declaration",
            lambda one: {"relative_path": one.use_file, "regex": _use(one)},
            lambda text, one: reads.serena_symbols(text, one.name),
        ),
        "hover": Way(
            "find_symbol",
            lambda one: {"name_path_pattern": "/".join(one.path), "relative_path": one.file, "include_info": True},
            lambda text, _: reads.serena_hover(text),
        ),
    }
    served = ["start-mcp-server", "--project", root, "--context", "agent"]
    prepare = [*installed.command, "project", "create", "--ls", "python_ty", "--index", root]
    return Spec(f"Serena {installed.version}", [*installed.command, *served], environment, ways, prepare=prepare)


def _use(question: Question) -> str:
    """An expression whose group is the name in its line."""
    before = re.escape(question.use_text[: question.use_column])
    after = re.escape(question.use_text[question.use_column + len(question.name) :])
    return f"^{before}({re.escape(question.name)}){after}$"


def karellen(root: str, place: str) -> Spec:
    """karellen-lsp-mcp, whose front ends share one daemon and one ty."""
    installed = from_pypi(KARELLEN, "karellen-lsp-mcp")

    def at_name(one: Question) -> dict[str, Any]:
        return {"file_path": os.path.join(root, one.file), "line": one.line, "character": one.column + 1}

    def at_use(one: Question) -> dict[str, Any]:
        return {"file_path": os.path.join(root, one.use_file), "line": one.use_line, "character": one.use_column + 1}

    ways: dict[Operation, Way] = {
        "find": Way(
            "lsp_workspace_symbols",
            lambda one: {"query": one.name},
            lambda text, one: reads.karellen_symbols(text, one.name, root),
        ),
        "overview": Way(
            "lsp_document_symbols",
            lambda one: {"file_path": os.path.join(root, one.file)},
            lambda text, _: reads.karellen_overview(text),
        ),
        "references": Way(
            "lsp_find_references",
            lambda one: {**at_name(one), "include_declaration": False},
            lambda text, _: reads.karellen_places(text, root),
        ),
        "definition": Way("lsp_read_definition", at_use, lambda text, _: reads.karellen_places(text, root)),
        "hover": Way("lsp_hover", at_name, lambda text, _: reads.karellen_hover(text)),
    }
    register = "lsp_register_project", {"project_path": root, "language": "python", "lsp_command": _TY}
    return Spec(
        f"karellen-lsp-mcp {installed.version}", installed.command, environment_of(place), ways, register=register
    )


def cclsp(root: str, place: str) -> Spec:
    """cclsp, which has no overview of a file, and finds definitions only of names that a file itself defines."""
    installed = from_npm(CCLSP, "dist/index.js")
    configured = os.path.join(place, "cclsp.json")
    environment = {**environment_of(place), "CCLSP_CONFIG_PATH": configured}
    with open(configured, "w", encoding="utf-8") as file:
        json.dump({"servers": [{"extensions": ["py", "pyi"], "command": _TY, "rootDir": root}]}, file)
    ways: dict[Operation, Way] = {
        "find": Way(
            "find_workspace_symbols",
            lambda one: {"query": one.name},
            lambda text, one: reads.cclsp_symbols(text, one.name, root),
        ),
        "references": Way(
            "find_references",
            lambda one: {
                "file_path": os.path.join(root, one.file),
                "symbol_name": one.name,
                "include_declaration": False,
            },
            lambda text, _: reads.cclsp_places(text, root),
        ),
        "hover": Way(
            "get_hover",
            lambda one: {
                "file_path": os.path.join(root, one.file),
                "line": one.line,
                "character": one.column + 1,
            },
            lambda text, _: reads.cclsp_hover(text),
        ),
    }
    return Spec(f"cclsp {installed.version}", installed.command, environment, ways)


def idle(place: str) -> Spec:
    """A server of the MCP SDK that does nothing."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers_echo.py")
    echo = Way("echo", lambda one: {"text": one.use_text}, lambda text, _: frozenset({text}))
    return Spec("an MCP server that does nothing", [sys.executable, script], environment_of(place), {"hover": echo})


def specs(root: str, place: str) -> Iterator[Callable[[], Spec]]:
    """How each peer over MCP is installed and configured, in a place of its own. Each raises Missing."""
    for made in (serena, cclsp, karellen):
        yield partial(made, root, os.path.join(place, made.__name__))


T = TypeVar("T")


def of(values: Mapping[str, T], name: str) -> T | None:
    """What is given for a peer, whatever its version."""
    return next((value for peer, value in values.items() if name.startswith(peer)), None)
