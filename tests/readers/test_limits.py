"""How often anybody may do what: windows that slide, and memory that is bounded."""

from __future__ import annotations

import re
from collections import deque
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import TooOften
from broadsheet.readers.limits import LIMITS, Kind, Limit, Limits, client_key, wait

TABLE = {"vote": (Limit(3, 10), Limit(5, 100))}


class Clock:
    """Seconds that are moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def taken(limits: Limits, key: object = 1) -> float:
    """Return the seconds to wait for one more, 0 if it was counted."""
    try:
        limits.take("vote", key)
    except TooOften as error:
        return error.retry_after
    return 0


def test_a_window_slides():
    """Three in ten seconds, whichever; each window waits for its own oldest."""
    clock = Clock()
    limits = Limits(clock, TABLE)
    found = []
    for now in (1000, 1001, 1002, 1003, 1009.9, 1010, 1010.5, 1011, 1020, 1021, 1100, 1101):
        clock.now = now
        found.append(taken(limits))

    assert found == [0, 0, 0, 7, 1, 0, 1, 0, 80, 79, 0, 0]


def test_what_is_refused_counts_for_nothing():
    """Who goes on trying has to wait no longer for that."""
    clock = Clock()
    limits = Limits(clock, TABLE)
    for _ in range(3):
        taken(limits)
    for _ in range(20):
        assert taken(limits) == 10
    clock.now += 10
    assert taken(limits) == 0


def test_what_is_given_back_is_not_counted():
    """One more fits afterwards; of nothing nothing is given back."""
    limits = Limits(Clock(), TABLE)
    limits.give_back("vote", 1)
    for _ in range(20):
        assert taken(limits) == 0
        limits.give_back("vote", 1)


def test_keys_and_kinds_are_apart():
    """What one does is nothing to another."""
    limits = Limits(Clock(), TABLE | {"comment": (Limit(1, 10),)})
    limits.take("comment", 1)
    assert [taken(limits, key) for key in (1, 2, 1, 2, 1, 2)] == [0] * 6
    assert taken(limits, "1") == 10


def test_memory_is_bounded():
    """Of very many keys those are forgotten that did least of late."""
    limits = Limits(Clock(), TABLE, most=10)
    for _ in range(3):
        taken(limits, "busy")
    for key in range(1000):
        taken(limits, key)
        if key % 5 == 0:
            assert taken(limits, "busy") == 10
    assert len(limits._done) == 10


def test_a_clock_that_is_put_back_makes_nobody_wait_for_it():
    """What seems to be in the future is forgotten."""
    clock = Clock()
    limits = Limits(clock, TABLE)
    for _ in range(3):
        taken(limits)
    clock.now -= 500
    assert taken(limits) == 0


def test_threads_never_get_more_than_there_is():
    """Many at once are counted one by one."""
    limits, found = Limits(Clock(), {"vote": (Limit(50, 10),)}), []
    threads = [
        Thread(target=lambda: found.extend(taken(limits) for _ in range(20))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found.count(0) == 50


def test_it_is_said_in_words_when_it_can_be_done_again():
    """Seconds, minutes or hours, and what it was."""
    assert re.fullmatch("These are many votes .* again in 60 seconds.", _words("vote", 0))
    assert re.fullmatch("Many letters .* again in 15 minutes.", _words("letter", 0))
    assert re.fullmatch("Many letters .* again in 23 hours.", _words("letter", 400))


def _words(kind: Kind, step: float) -> str:
    """Return what is said to somebody who goes on until it is too often."""
    clock = Clock()
    limits = Limits(clock)
    try:
        while True:
            limits.take(kind, "a")
            clock.now += step
    except TooOften as error:
        return str(error)


def test_every_kind_has_a_limit():
    """None is without end."""
    assert all(limit.times > 0 < limit.seconds for found in LIMITS.values() for limit in found)


@given(st.lists(st.floats(0, 50), max_size=30), st.integers(1, 5), st.floats(1, 20))
def test_no_window_ever_holds_more(steps, times, seconds):
    """Whenever somebody tries, no window has more than it may, and after the wait there is room."""
    clock = Clock()
    limits, done = Limits(clock, {"vote": (Limit(times, seconds),)}), []
    for step in steps:
        clock.now += step / 10
        if taken(limits):
            kept = limits._done["vote", "1"]
            after = clock.now + wait(kept, (Limit(times, seconds),), clock.now)
            assert wait(kept, (Limit(times, seconds),), after) < 1e-6
        else:
            done.append(clock.now)
    for start in done:
        assert len([t for t in done if start <= t < start + seconds - 1e-6]) <= times


def test_no_times_need_no_wait():
    """Who did nothing yet can."""
    assert wait(deque(), (Limit(1, 10),), 0) == 0


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("unix:" + "x" * 100, "unix:" + "x" * 90, True),
        ("", "192.0.2.1", False),
    ],
)
def test_which_addresses_are_one_client(one, other, is_same):
    """A net of 64 bits is; an IPv4 address is itself, however it is written."""
    assert (client_key(one) == client_key(other)) == is_same
