"""Which files are near a file: the definition, held for any tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from semctxd.index.near import Near
from tests.index.conftest import calls

PATHS = st.lists(st.sampled_from("a b ab a-b a0 b.py a.py ab.py z.py".split()), min_size=1, max_size=4).map("/".join)


def by_definition(target: str, paths: list[str]) -> list[str]:
    parts = target.split("/")

    def shared(path: str) -> int:
        both = zip(parts, path.split("/"), strict=False)
        return next(
            (at for at, (mine, theirs) in enumerate(both) if mine != theirs), min(len(parts), path.count("/") + 1)
        )

    return sorted(paths, key=lambda path: (-shared(path), path))


@given(st.sets(PATHS, max_size=30), st.one_of(PATHS, st.just("")))
def test_files_come_in_the_order_of_the_folders_that_they_share(paths: set[str], target: str) -> None:
    folders = {path.rpartition("/")[0] for path in {*paths, target}}
    files = {path for path in paths if not any(f"{folder}/".startswith(f"{path}/") for folder in folders)}
    files = {path for path in files if not path.startswith(f"{target}/")}  # the target is a file too
    near = Near(target, sorted(files))
    assert list(near) == by_definition(target, sorted(files))
    assert sorted(files, key=near.rank) == list(near)


def test_the_first_of_few_files_and_of_many() -> None:
    paths = sorted(f"{folder}/{number:03}.py" for folder in "abc" for number in range(200))
    near = Near("b/100.py", paths)
    assert near.first(["a/001.py", "b/150.py", "c/000.py", "b/002.py"], 3) == ["b/002.py", "b/150.py", "a/001.py"]
    assert near.first({path for path in paths if not path.startswith("b")}, 2) == ["a/000.py", "a/001.py"]
    assert near.first(set(paths), 2) == ["b/100.py", "b/000.py"]


def test_few_files_far_away_are_not_looked_for_among_all() -> None:
    paths = sorted(f"{folder}/{number:05}.py" for folder in "ab" for number in range(5000))
    near = Near("a/00000.py", paths)
    far = paths[-100:]
    assert near.first(far, 90) == far[:90]
    assert calls(lambda: near.first(far, 90)) < 1000
