"""Imports run downwards only, and each library is known in one place (see docs/ARCHITECTURE.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
# from the top; parts of one layer do not know each other
LAYERS = (
    {"__main__"},
    {"app"},
    {"rpc", "web"},
    {"readings", "prometheus", "reload"},
    {"check", "context", "symbols", "editor", "health"},
    {"service", "compose"},
    {"workspaces"},
    {"workspace", "roots"},
    {"flights", "learning"},
    {"documents", "lsp", "cache", "index", "watch"},
    {"ranking", "child", "closures"},
    {"tree", "config", "detach", "notify"},
    {"model", "errors"},
    {"metrics", "logs", "events"},
    {"lean"},
)
DEPTH = {part: depth for depth, layer in enumerate(LAYERS) for part in layer}
OF_THE_CLIENT = {"semctx.__version__", "semctx.protocol", "semctx.errors", "semctx.framing", "semctx.paths"}
HOMES = {
    "jsonrpcserver": ("rpc/dispatch.py",),
    "pygls": ("lsp/", "editor/"),
    "lsprotocol": ("lsp/", "editor/"),
    "watchfiles": ("watch/",),
    "tree_sitter": ("index/",),
    "tree_sitter_python": ("index/",),
    "pathspec": ("tree.py",),
    "uvloop": ("app.py",),
    "prometheus_client": ("prometheus.py",),
    "h11": ("web/http.py",),
}
NOT_IN_RANKING = {"asyncio", "anyio", "time", "os", "random"}


def imports(path: Path, top: Path) -> Iterator[str]:
    """The modules that a file imports, absolute; `from semctxd import x` imports semctxd.x."""
    package = ".".join(path.relative_to(top).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{a.name}" for a in node.names) if module in {"semctx", "semctxd"} else [module]


def modules(top: Path) -> list[Path]:
    found = sorted(top.rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("path", modules(REPOSITORY / "daemon"), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_the_daemon_imports_downwards_and_knows_each_library_in_its_home(path: Path) -> None:
    inside = path.relative_to(REPOSITORY / "daemon" / "semctxd").as_posix()
    part = inside.split("/")[0].removesuffix(".py")
    for module in imports(path, REPOSITORY / "daemon"):
        top, _, rest = module.partition(".")
        if top == "semctxd" and rest != "__version__":
            other = rest.split(".")[0]
            assert other == part or DEPTH[other] > DEPTH[part], f"{inside} imports {module}"
        elif top == "semctx":
            assert module in OF_THE_CLIENT, f"{inside} imports {module}"
        assert inside.startswith(HOMES.get(top, "")), f"{inside} imports {module}"
        assert part != "ranking" or top not in NOT_IN_RANKING, f"{inside} imports {module}"


@pytest.mark.parametrize("path", modules(REPOSITORY / "client"), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_the_client_never_imports_the_daemon(path: Path) -> None:
    assert not [module for module in imports(path, REPOSITORY / "client") if module.startswith("semctxd")]
