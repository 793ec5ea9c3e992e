"""What is kept of what was worked out from files."""

from __future__ import annotations

import pytest

from semctxd.index import memo
from semctxd.index.memo import Looking, Memo, kept
from tests.index.conftest import Grow


class Sizes(Looking):
    """Works out sums of files' sizes, and says how often."""

    worked = 0

    @kept
    def size(self, path: str) -> int:
        self.look(path)
        self.worked += 1
        return len(path)

    @kept
    def both(self, first: str, second: str, times: int = 1) -> int:
        return times * (self.size(first) + self.size(second))


def test_values_stay_until_a_file_changes_that_they_came_from() -> None:
    known = Memo()
    sizes = Sizes(known, "")
    assert (sizes.both("a", "bb"), sizes.both("a", "bb", 2), sizes.both("a", "bb", times=3)) == (3, 6, 9)
    assert sizes.size("ccc") == 3 and sizes.worked == 3
    known.forget(["bb"])
    assert sizes.both("a", "ccc") == 4 and sizes.worked == 3
    assert sizes.both("a", "bb") == 3 and sizes.worked == 4
    known.forget(["a"])
    assert sizes.both("a", "bb") == 3 and sizes.worked == 5


def test_what_came_from_a_hidden_file_is_kept_apart() -> None:
    known = Memo()
    plain, hiding, later = Sizes(known, ""), Sizes(known, "a"), Sizes(known, "a")
    assert plain.both("a", "bb") == hiding.both("a", "bb") == 3
    assert (plain.worked, hiding.worked) == (2, 1)  # the other file's is shared
    assert hiding.both("a", "bb") == 3 and hiding.size("ccc") == 3 and hiding.worked == 2
    assert later.size("a") == 1 and later.size("ccc") == 3 and later.worked == 1


def test_of_too_many_values_none_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "_KEPT_MAX", 3)
    sizes = Sizes(Memo(), "")
    for path in ("a", "b", "c", "d", "e", "d", "a"):
        sizes.size(path)
    assert sizes.worked == 6 and len(sizes.memo.values) == 3


def test_what_a_file_imports_comes_from_it(grow: Grow) -> None:
    resolver = grow({"a.py": "import b\n", "b.py": ""}).resolver()
    resolver.imports("a.py")
    assert resolver.looked == resolver.memo.bit("a.py")


def test_a_change_leaves_what_other_files_say(grow: Grow) -> None:
    live = grow({"a.py": "def f(): pass\n", "b.py": "from a import f\ndef g(): f()\n", "c.py": "def h(): pass\n"})
    for path in ("a.py", "b.py", "c.py"):
        live.resolver().scope(path)
    path = live.root.decode() + "/a.py"
    live.overlay([path], {path: "f = 1\n"})
    kept_now = {key for key in live.resolver().memo.values if isinstance(key, tuple) and key[0] == "scope"}
    assert kept_now == {("scope", "c.py")}


def test_a_file_that_comes_is_seen_by_those_that_import_it(grow: Grow) -> None:
    live = grow({"b.py": "from a import f\n"})
    assert live.resolver().scope("b.py") == {}
    path = live.root.decode() + "/a.py"
    live.overlay([path], {path: "f = 1\n"})
    assert list(live.resolver().scope("b.py")) == ["f"]
