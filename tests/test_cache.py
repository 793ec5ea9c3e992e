"""The cache against a plain model, and its rules one by one."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from semctxd.cache import _ENTRY_OVERHEAD_BYTES, Cache, Shelf
from semctxd.closures import Closures
from semctxd.model import ANY, Change, Depends, Key, What

START = 1000.0


def key(name: str, method: str = "m") -> Key:
    return Key("session", method, name.encode())


def cache(ttl_s: float = 10.0, max_entries: int = 100, max_bytes: int = 1_000_000) -> tuple[Cache, Shelf]:
    return Cache(ttl_s=ttl_s, max_entries=max_entries, max_bytes=max_bytes), Shelf()


def put(kept: Cache, shelf: Shelf, key: Key, raw: bytes, depends: Depends = ANY, after_s: float = 0.0) -> None:
    kept.put(shelf, key, raw, depends, START + after_s)


def get(kept: Cache, shelf: Shelf, key: Key, after_s: float = 0.0) -> bytes | None:
    return kept.get(shelf, key, START + after_s)


def test_an_entry_lives_as_long_as_its_ttl_and_no_longer() -> None:
    kept, shelf = cache(ttl_s=10)
    put(kept, shelf, key("a"), b"1")
    assert get(kept, shelf, key("a"), after_s=9.999) == b"1"  # a look does not prolong it
    assert get(kept, shelf, key("a"), after_s=10) is None
    assert kept.stats([shelf])["size"] == 0
    assert kept.stats([shelf])["evictions"] == 1


def test_storing_again_replaces_the_answer_and_what_it_depends_on() -> None:
    kept, shelf = cache(ttl_s=10)
    put(kept, shelf, key("a"), b"old", Depends("/r/a.py"))
    put(kept, shelf, key("a"), b"newer", Depends("/r/b.py"), after_s=9)
    assert get(kept, shelf, key("a"), after_s=18) == b"newer"
    assert kept.invalidate(shelf, [Change("/r/a.py", What.MODIFIED)]) == 0
    assert kept.invalidate(shelf, [Change("/r/b.py", What.MODIFIED)]) == 1
    assert kept.stats([shelf])["bytes"] == 0


def test_the_least_recently_used_goes_first() -> None:
    kept, shelf = cache(max_entries=3)
    for name in "abc":
        put(kept, shelf, key(name), b"1")
    get(kept, shelf, key("a"))
    put(kept, shelf, key("d"), b"1")
    assert [name for name in "abcd" if get(kept, shelf, key(name))] == ["a", "c", "d"]
    assert kept.stats([shelf])["evictions"] == 1


def test_the_bound_in_bytes_holds_over_all_workspaces() -> None:
    size = 100 + 1 + _ENTRY_OVERHEAD_BYTES
    kept, one = cache(max_bytes=4 * size)
    two = Shelf()
    for name in "abcd":
        put(kept, one, key(name), b"x" * 100)
    assert kept.stats([one])["bytes"] == 4 * size
    put(kept, two, key("e"), b"x" * 100)
    assert get(kept, one, key("a")) is None
    assert (one.size, two.size, one.evictions, two.evictions) == (3, 1, 1, 0)
    assert kept.stats([one, two])["bytes"] == 4 * size


def test_an_answer_too_large_is_not_kept_and_pushes_nothing_out() -> None:
    kept, shelf = cache(max_bytes=4000)
    put(kept, shelf, key("small"), b"1")
    put(kept, shelf, key("large"), b"old")
    put(kept, shelf, key("large"), b"x" * 1000)
    assert get(kept, shelf, key("small")) == b"1"
    assert get(kept, shelf, key("large")) is None  # the smaller one before it does not come back


def filled() -> tuple[Cache, Shelf]:
    kept, shelf = cache()
    put(kept, shelf, key("own"), b"1", Depends("/r/a.py"))
    put(kept, shelf, key("other"), b"1", Depends("/r/b.py"))
    put(kept, shelf, key("any"), b"1")
    return kept, shelf


KNOWN = {"/r/a.py": {"a", "b"}, "/r/b.py": {"b"}, "/r/c.py": {"c"}}  # a imports b; of d nothing is known


def imported() -> tuple[Cache, Shelf]:
    kept, shelf = cache()
    for name in "abcd":
        put(kept, shelf, key(name), b"1", Depends(f"/r/{name}.py", imports=True))
    for file, closure in KNOWN.items():
        shelf.closures.learn(file, [f"/r/{name}.py" for name in sorted(closure)])
    return kept, shelf


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([Change("/r/a.py", What.MODIFIED)], "bc"),
        ([Change("/r/b.py", What.MODIFIED)], "c"),
        ([Change("/r/b.py", What.APPEARED)], "c"),  # replaced by a rename
        ([Change("/r/c.py", What.MODIFIED)], "ab"),
        ([Change("/r/a.py", What.MODIFIED), Change("/r/c.py", What.MODIFIED)], "b"),
        ([Change("/r/c.py", What.GONE)], ""),
        ([Change("/r/d.py", What.MODIFIED)], ""),  # no closure is known to hold it
        ([Change("/r/c.py", What.MODIFIED), Change("/r/new.py", What.APPEARED)], ""),
        ([Change("/r/c.py", What.APPEARED, is_folder=True)], ""),
        ([Change("", What.EVERYTHING)], ""),
    ],
)
def test_what_outlives_a_change_of_files_that_are_not_imported(changes: list[Change], left: str) -> None:
    kept, shelf = imported()
    assert kept.invalidate(shelf, changes) == 4 - len(left)
    assert "".join(name for name in "abcd" if get(kept, shelf, key(name))) == left
    assert [name for name in "abcd" if f"/r/{name}.py" in shelf.closures] == list(left)


def test_without_narrowing_every_edit_drops_all_but_what_depends_on_one_file() -> None:
    kept, shelf = imported()
    put(kept, shelf, key("own"), b"1", Depends("/r/a.py"))
    kept.resize(ttl_s=10.0, max_entries=100, max_bytes=1_000_000, narrow=False)
    assert kept.invalidate(shelf, [Change("/r/c.py", What.MODIFIED)]) == 4
    assert get(kept, shelf, key("own")) == b"1"


def test_a_closure_that_is_forgotten_protects_nothing_until_it_is_learnt_again() -> None:
    kept, shelf = imported()
    kept.invalidate(shelf, [Change("/r/b.py", What.MODIFIED)])
    put(kept, shelf, key("b"), b"2", Depends("/r/b.py", imports=True))
    kept.invalidate(shelf, [Change("/r/a.py", What.MODIFIED)])
    assert [name for name in "bc" if get(kept, shelf, key(name))] == ["c"]
    put(kept, shelf, key("b"), b"3", Depends("/r/b.py", imports=True))
    shelf.closures.learn("/r/b.py", ["/r/b.py"])
    kept.invalidate(shelf, [Change("/r/a.py", What.MODIFIED)])
    assert get(kept, shelf, key("b")) == b"3"
    shelf.closures.forget()
    kept.invalidate(shelf, [Change("/r/a.py", What.MODIFIED)])
    assert shelf.size == 0


@pytest.mark.parametrize(
    ("change", "is_asked_again"),
    [
        (Change("/r/b.py", What.MODIFIED), False),
        (Change("/r/elsewhere.py", What.MODIFIED), False),
        (Change("/r/e.py", What.MODIFIED), True),  # it may import less now
        (Change("/r/elsewhere.py", What.GONE), True),
        (Change("/r/folder", What.APPEARED, is_folder=True), True),
    ],
)
def test_a_file_that_may_depend_on_any_is_not_asked_about_after_each_edit(change: Change, is_asked_again: bool) -> None:
    kept, shelf = imported()
    put(kept, shelf, key("e"), b"1", Depends("/r/e.py", imports=True))
    shelf.closures.learn("/r/e.py", [])
    assert "/r/e.py" in shelf.closures
    kept.invalidate(shelf, [change])
    assert get(kept, shelf, key("e")) is None
    assert ("/r/e.py" not in shelf.closures) == is_asked_again


def test_closures_of_many_files() -> None:
    closures = Closures()
    for number in range(100):
        closures.learn(f"/r/{number}.py", [f"/r/{other}.py" for other in range(number, 100, number or 200)])
    touched = closures.touched_by([Change("/r/84.py", What.MODIFIED)])
    assert [number for number in range(100) if touched(f"/r/{number}.py")] == [
        number for number in range(1, 100) if 84 % number == 0
    ]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (Change("/r/a.py", What.MODIFIED), {"other"}),
        (Change("/r/new.py", What.APPEARED), {"own", "other"}),
        (Change("/r/sub", What.APPEARED, is_folder=True), set()),
        (Change("/r/sub", What.GONE, is_folder=True), set()),
        (Change("", What.EVERYTHING), set()),
    ],
)
def test_what_a_change_drops(change: Change, left: set[str]) -> None:
    kept, shelf = filled()
    elsewhere = Shelf()
    put(kept, elsewhere, Key("another session", "m", b"any"), b"1")
    assert kept.invalidate(shelf, [change]) == 3 - len(left)
    assert {name for name in ("own", "other", "any") if get(kept, shelf, key(name))} == left
    assert shelf.invalidations == 3 - len(left)
    assert elsewhere.size == 1


def test_clearing_one_workspace_leaves_the_others() -> None:
    kept, shelf = filled()
    elsewhere = Shelf()
    put(kept, elsewhere, Key("another session", "m", b"a"), b"1")
    assert kept.clear(shelf) == 3
    assert (shelf.size, shelf.bytes, shelf.invalidations, elsewhere.size) == (0, 0, 3, 1)


def test_statistics() -> None:
    kept, shelf = cache(ttl_s=10, max_entries=7, max_bytes=9999)
    assert kept.stats([])["hit_rate"] == 0.0
    kept.missed(shelf, key("a", "hover"))
    put(kept, shelf, key("a", "hover"), b"12")
    for _ in range(3):
        get(kept, shelf, key("a", "hover"))
    other = Shelf()
    kept.missed(other, key("b", "definition"))
    kept.missed(other, key("b", "hover"))
    assert get(kept, other, key("b", "hover")) is None  # no miss by itself: who asks anew says so
    assert kept.stats([shelf, other]) == {
        "size": 1,
        "max_size": 7,
        "bytes": 2 + 1 + _ENTRY_OVERHEAD_BYTES,
        "max_bytes": 9999,
        "hits": 3,
        "misses": 3,
        "hit_rate": 0.5,
        "evictions": 0,
        "invalidations": 0,
        "ttl_s": 10,
        "by_method": {"definition": {"hits": 0, "misses": 1}, "hover": {"hits": 3, "misses": 2}},
    }
    assert kept.stats([shelf])["hit_rate"] == 0.75


class Modelled(NamedTuple):
    shelf: int
    raw: bytes
    depends: Depends
    expires: float


names = st.sampled_from("abcdefgh")
shelves = st.integers(0, 1)
FILES = ("/r/a.py", "/r/b.py", "/r/c.py")
dependencies = st.builds(Depends, st.sampled_from(FILES), st.booleans()) | st.just(ANY)


class CacheMachine(RuleBasedStateMachine):
    """A dictionary in order of use, searched in full for everything, is the model."""

    MAX_ENTRIES, MAX_BYTES, TTL_S = 5, 3000, 10.0

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.cache = Cache(ttl_s=self.TTL_S, max_entries=self.MAX_ENTRIES, max_bytes=self.MAX_BYTES)
        self.shelves = [Shelf(), Shelf()]
        self.model: dict[Key, Modelled] = {}
        self.closures: list[dict[str, set[str]]] = [{}, {}]
        self.known: list[set[str]] = [set(), set()]

    def key(self, name: str, shelf: int) -> Key:
        return Key(f"session {shelf}", "m", name.encode())

    def size(self, key: Key) -> int:
        return len(self.model[key].raw) + len(key.params) + _ENTRY_OVERHEAD_BYTES

    @rule(name=names, shelf=shelves, length=st.integers(0, 500), depends=dependencies)
    def put(self, name: str, shelf: int, length: int, depends: Depends) -> None:
        key, raw = self.key(name, shelf), b"x" * length
        self.cache.put(self.shelves[shelf], key, raw, depends, self.now)
        self.model.pop(key, None)
        self.model[key] = Modelled(shelf, raw, depends, self.now + self.TTL_S)
        if self.size(key) * 4 > self.MAX_BYTES:
            del self.model[key]
        while len(self.model) > self.MAX_ENTRIES or sum(map(self.size, self.model)) > self.MAX_BYTES:
            del self.model[next(iter(self.model))]

    @rule(name=names, shelf=shelves)
    def get(self, name: str, shelf: int) -> None:
        key = self.key(name, shelf)
        found = self.model.pop(key, None)
        if found and found.expires > self.now:
            self.model[key] = found
        else:
            found = None
        assert self.cache.get(self.shelves[shelf], key, self.now) == (found.raw if found else None)

    @rule(seconds=st.sampled_from([0.5, 4.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(shelf=shelves, file=st.sampled_from(["/r/a.py", "/r/b.py", "/r/never.py"]), what=st.sampled_from(What))
    def change(self, shelf: int, file: str, what: What) -> None:
        closures = self.closures[shelf]
        is_narrow = what not in (What.GONE, What.EVERYTHING) and file in self.known[shelf]
        if is_narrow:
            closures = self.closures[shelf] = {key: one for key, one in closures.items() if file not in one}
        else:
            closures.clear()
            self.known[shelf].clear()
        gone = {
            key
            for key, one in self.model.items()
            if one.shelf == shelf
            and (
                what is What.EVERYTHING
                or (one.depends.file not in closures if one.depends.imports else one.depends.file in ("", file))
            )
        }
        assert self.cache.invalidate(self.shelves[shelf], [Change(file, what)]) == len(gone)
        for key in gone:
            del self.model[key]

    @rule(shelf=shelves, file=st.sampled_from(FILES), others=st.sets(st.sampled_from(FILES)))
    def learn(self, shelf: int, file: str, others: set[str]) -> None:
        self.closures[shelf][file] = {file, *others}
        self.known[shelf] |= {file, *others}
        self.shelves[shelf].closures.learn(file, {file, *others})

    @rule(shelf=shelves)
    def clear(self, shelf: int) -> None:
        gone = [key for key, one in self.model.items() if one.shelf == shelf]
        assert self.cache.clear(self.shelves[shelf]) == len(gone)
        for key in gone:
            del self.model[key]

    @invariant()
    def sums_agree(self) -> None:
        for number, shelf in enumerate(self.shelves):
            own = [key for key, one in self.model.items() if one.shelf == number]
            assert (shelf.size, shelf.bytes) == (len(own), sum(map(self.size, own)))
            assert shelf.keys == {
                depends: {key for key in own if self.model[key].depends == depends}
                for depends in {self.model[key].depends for key in own}
            }


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
