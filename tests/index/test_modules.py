from __future__ import annotations

import pytest

from semctxd.index.modules import Modules

PATHS = [
    "src/pkg/__init__.py", "src/pkg/a.py", "src/pkg/sub/__init__.py", "src/pkg/sub/b.py",
    "src/ns/part/__init__.py", "src/ns/part/c.py",
    "other/pkg/__init__.py", "other/pkg/a.py", "setup.py", "scripts/tool.py", "stubs/a.pyi", "deep/er/a.py",
    "top/__init__.pyi", "stubs/far-stubs/__init__.pyi", "stubs/far-stubs/away/__init__.pyi",
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
        ("stubs/far-stubs/__init__.pyi", "far"),
        ("stubs/far-stubs/away/b.pyi", "far.away.b"),
    ],
)
def test_a_module_is_named_from_its_source_root(path: str, module: str) -> None:
    assert Modules(PATHS).name(path) == module


NAMESPACES = ["pkg/sub/a.py", "pkg/sub/b.py", "pkg/other.py", "src/ns/part/__init__.py", "src/ns/part/c.py", "main.py"]


@pytest.mark.parametrize(
    ("imported", "folders"),
    [
        ({"pkg.sub.a"}, {"pkg", "pkg/sub"}),
        ({"sub.b"}, {"pkg/sub"}),
        ({"ns.part"}, {"src/ns"}),
        ({"ns.part.c", "main"}, {"src/ns"}),
        ({"a", "part.c", "pkg.sub", "json.sub.a"}, set()),
    ],
)
def test_folders_without_init_are_packages_if_imports_name_them_so(imported: set[str], folders: set[str]) -> None:
    assert Modules(NAMESPACES).namespaces_by(imported.__contains__) == folders


def test_a_regular_package_is_what_an_import_means_first() -> None:
    modules = Modules(["src/pkg/__init__.py", "src/pkg/a.py", "tests/pkg/a.py", "tests/pkg/b.py"])
    assert not modules.namespaces_by({"pkg.a", "pkg.b"}.__contains__)
    assert not modules.namespaces_by({"src.pkg.a", "pkg"}.__contains__)
    assert modules.namespaces_by({"src.pkg.a"}.__contains__) == {"src"}


@pytest.mark.parametrize(
    ("path", "module"),
    [("pkg/sub/a.py", "pkg.sub.a"), ("pkg/new.py", "pkg.new"), ("src/ns/part/c.py", "ns.part.c"), ("main.py", "main")],
)
def test_a_module_in_a_namespace_package_has_its_whole_name(path: str, module: str) -> None:
    assert Modules(NAMESPACES, frozenset({"pkg", "pkg/sub", "src/ns"})).name(path) == module


def test_a_script_imports_its_neighbours_also_where_others_import_it_from_a_package() -> None:
    modules = Modules(
        ["tools/run.py", "tools/helper.py", "tools/main.py", "main.py", "x/helper.py"], frozenset({"tools"})
    )
    assert modules.find("helper", "tools/run.py") == "tools/helper.py"
    assert modules.find("tools.helper", "tools/run.py") == "tools/helper.py"
    assert modules.find("main", "tools/run.py") == "main.py"
    assert modules.find("tools.helper", "main.py") == "tools/helper.py"
    assert modules.find("json", "tools/run.py") is None
    both = Modules(["a/helper.py", "b/helper.py", "b/run.py"], frozenset({"a", "b"}))
    assert both.find("helper", "b/run.py") == "b/helper.py"


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
