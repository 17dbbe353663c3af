"""How fast digests go out: whatever is asked, and whenever, no limit is ever passed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.delivery.pace import JITTER, WAITS_MIN, Limits, Pace, back_off

DOMAINS = ("a.org", "b.org", "c.org")
LIMITS = st.builds(
    Limits, st.integers(1, 4), st.integers(0, 5), st.integers(1, 3), st.integers(0, 3)
)
# Seconds that pass, and then: one begins at a domain if it may, or the oldest there arrives.
STEPS = st.lists(
    st.tuples(st.floats(0, 40), st.sampled_from(DOMAINS), st.booleans()), max_size=80
)  # fmt: skip


@given(limits=LIMITS, steps=STEPS)
def test_no_limit_is_ever_passed(limits, steps):
    """At no moment are more under way, and in no 60 seconds did more begin."""
    pace, now = Pace(limits), 1e9
    under_way, began = Counter(), []
    for passed, domain, begins in steps:
        now += passed
        if not begins and under_way[domain]:
            under_way[domain] -= 1
            pace.end(domain)
        elif begins and pace.may_begin(domain, now):
            under_way[domain] += 1
            began.append((now, domain))
            pace.begin(domain, now)
        assert under_way.total() <= limits.connections
        assert max(under_way.values(), default=0) <= limits.domain_connections

    for start, domain in began:
        inside = [d for moment, d in began if 0 <= moment - start < 60]
        assert not limits.per_minute or len(inside) <= limits.per_minute
        of_domain = inside.count(domain)
        assert not limits.domain_per_minute or of_domain <= limits.domain_per_minute


@given(limits=LIMITS, steps=STEPS)
def test_what_has_arrived_holds_up_nobody_for_longer_than_a_minute(limits, steps):
    """After a minute without anything under way, any domain may be handed one."""
    pace, now = Pace(limits), 1e9
    for passed, domain, _ in steps:
        now += passed
        if pace.may_begin(domain, now):
            pace.begin(domain, now)
            pace.end(domain)
    pace.spare("a.org", now)

    assert all(pace.may_begin(domain, now + 60) for domain in DOMAINS)


def test_who_is_busy_is_left_alone_for_a_minute():
    """And nobody else is."""
    pace = Pace(Limits())
    pace.spare("a.org", 1000)

    assert not pace.may_begin("a.org", 1059)
    assert pace.may_begin("b.org", 1000)
    assert pace.may_begin("a.org", 1060)


def test_a_clock_that_is_set_back_holds_up_nobody():
    """Else a wrong clock that was put right would stop everything for hours."""
    pace = Pace(Limits(per_minute=1, domain_per_minute=1))
    pace.begin("a.org", 10_000)
    pace.end("a.org")
    pace.spare("a.org", 10_000)

    assert pace.may_begin("a.org", 5_000)


@given(tries=st.integers(-3, 10_000), dice=st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_are_never_the_same(tries, dice):
    """Each is near that of the table, and the last is kept to."""
    minutes = back_off(tries, dice).total_seconds() / 60
    wait = WAITS_MIN[min(max(tries, 1), len(WAITS_MIN)) - 1]

    assert abs(minutes - wait) <= wait * JITTER + 1e-6
    assert back_off(tries, 0) < back_off(tries, 0.5) < back_off(tries, 0.99)


@pytest.mark.parametrize(("tries", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60), (9, 60)])
def test_waits(tries, minutes):
    """As docs/mail.md tells them."""
    assert back_off(tries, 0.5).total_seconds() == minutes * 60
