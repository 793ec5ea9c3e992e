"""When a child may be started again: plain arithmetic on a clock."""

from __future__ import annotations

from semctxd.child.crashes import MAX_CRASHES, WINDOW_S, Crashes, Suspects


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_each_crash_doubles_the_pause_up_to_a_bound() -> None:
    crashes = Crashes(clock := Clock())
    assert crashes.pause_s == 0
    pauses = []
    for _ in range(MAX_CRASHES):
        crashes.add()
        pauses.append(round(crashes.pause_s, 3))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6]
    clock.now += 1.5
    assert round(crashes.pause_s, 3) == 0.1
    clock.now += 1
    assert crashes.pause_s == 0


def test_only_those_within_the_window_count() -> None:
    crashes = Crashes(clock := Clock())
    for _ in range(MAX_CRASHES + 2):
        crashes.add()
        clock.now += 1
    assert crashes.recent == MAX_CRASHES
    clock.now += WINDOW_S - MAX_CRASHES
    assert crashes.recent == MAX_CRASHES - 1
    clock.now += WINDOW_S
    assert (crashes.recent, crashes.pause_s) == (0, 0)
    crashes.add()
    crashes.clear()
    assert crashes.recent == 0


def test_a_file_is_suspect_after_two_ends_within_the_window() -> None:
    suspects = Suspects(clock := Clock())
    assert not suspects
    suspects.add(["a", "b"])
    assert suspects
    assert "a" not in suspects
    clock.now += WINDOW_S - 1
    suspects.add(["a"])
    assert "a" in suspects
    assert "b" not in suspects
    clock.now += 2
    assert "a" not in suspects
    suspects.add(["a"])
    suspects.clear(["a", "c"])
    suspects.add(["b"])
    assert "b" not in suspects
    clock.now += WINDOW_S + 1
    suspects.add([])
    assert not suspects
