from __future__ import annotations

import pytest

from semctxd.index.modules import Modules

PATHS = [
    "src/pkg/__init__.py", "src/pkg/a.py", "src/pkg/sub/__init__.py", "src/pkg/sub/b.py",
    "src/ns/part/__init__.py", "src/ns/part/c.py",
    "other/pkg/__init__.py", "other/pkg/a.py", "setup.py", "scripts/tool.py", "stubs/a.pyi", "deep/er/a.py",
    "top/__init__.pyi",
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("src/pkg/__init__.py", "pkg"),
        ("src/pkg/sub/b.py", "pkg.sub.b"),
        ("src/pkg/new.py", "pkg.new"),
        ("src/ns/part/c.py", "part.c"),
        ("setup.py", "setup"),
        ("scripts/tool.py", "tool"),
        ("top/__init__.pyi", "top"),
        ("top/x.py", "top.x"),
    ],
)
def test_a_module_is_named_from_its_source_root(path: str, module: str) -> None:
    assert Modules(PATHS).name(path) == module


def test_the_root_itself_may_be_a_package() -> None:
    assert Modules(["__init__.py", "a.py"]).name("a.py") == "a"
    assert Modules(["__init__.py", "a.py"]).name("__init__.py") == ""


@pytest.mark.parametrize(
    ("module", "importer", "path"),
    [
        ("pkg.a", "src/pkg/sub/b.py", "src/pkg/a.py"),
        ("pkg.a", "other/pkg/__init__.py", "other/pkg/a.py"),
        ("pkg.a", "setup.py", "other/pkg/a.py"),
        ("ns.part.c", "setup.py", "src/ns/part/c.py"),
        ("a", "setup.py", "stubs/a.pyi"),
        ("wrong.part.c", "setup.py", None),
        ("json", "setup.py", None),
    ],
)
def test_an_import_means_the_file_of_the_same_root_first(module: str, importer: str, path: str | None) -> None:
    assert Modules(PATHS).find(module, importer) == path


@pytest.mark.parametrize(
    ("importer", "level", "module", "path"),
    [
        ("src/pkg/sub/b.py", 1, "", "src/pkg/sub/__init__.py"),
        ("src/pkg/sub/b.py", 2, "a", "src/pkg/a.py"),
        ("src/pkg/sub/__init__.py", 1, "b", "src/pkg/sub/b.py"),
        ("setup.py", 1, "setup", "setup.py"),
        ("setup.py", 3, "x", None),
        ("setup.py", 1, "", None),
    ],
)
def test_relative_imports(importer: str, level: int, module: str, path: str | None) -> None:
    assert Modules(PATHS).relative(importer, level, module) == path


def test_submodules_are_found_in_packages_only() -> None:
    modules = Modules(PATHS)
    assert modules.submodule("src/pkg/__init__.py", "sub") == "src/pkg/sub/__init__.py"
    assert modules.submodule("src/pkg/a.py", "sub") is None
    assert Modules(["__init__.py", "a.py"]).submodule("__init__.py", "a") == "a.py"
