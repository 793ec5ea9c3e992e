from __future__ import annotations

from pathlib import Path

import pytest

from semctx.roots import find_root, path_in


def test_the_nearest_repository_is_the_root_even_above_a_nearer_project(tmp_path: Path) -> None:
    (tmp_path / ".git").touch()  # a worktree's is a file
    inner = tmp_path / "packages" / "a" / "src"
    inner.mkdir(parents=True)
    (tmp_path / "packages" / "a" / "pyproject.toml").touch()
    assert find_root(str(inner)) == str(tmp_path)


def test_without_a_repository_the_nearest_project_is_the_root(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "a" / "pyproject.toml").touch()
    assert find_root(str(inner)) == str(tmp_path / "a")


def test_without_either_the_folder_itself_is_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_root() == str(tmp_path)


def test_files_are_named_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "real"
    (root / "src").mkdir(parents=True)
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(root / "src")
    for given in (str(root), str(tmp_path / "link")):
        assert path_in(given, "new.py") == "src/new.py", "seen from the current folder"
        assert path_in(given, str(tmp_path / "link" / "a.py")) == "a.py"
        assert path_in(given, "/elsewhere/a.py") == "/elsewhere/a.py", "for the daemon to refuse"
    monkeypatch.chdir(tmp_path)
    assert path_in(str(root), "src/new.py") == "src/new.py", "already seen from the root"
