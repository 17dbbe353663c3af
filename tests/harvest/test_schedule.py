"""When a source is due: never twice, never skipped, whatever the machine's sleep and clock do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.editions.calendar import silence
from broadsheet.harvest.schedule import Due, LastRun, last_due, next_due, what_now
from broadsheet.sources.base import Rhythm

ARXIV = Rhythm(calendar="arxiv", delay_h=3)
DAILY = Rhythm(calendar="days", every_h=24)
SIX_HOURS = Rhythm(calendar="days", every_h=6)
WEEKDAYS = Rhythm(calendar="weekdays", every_h=6)
RHYTHMS = [ARXIV, DAILY, SIX_HOURS, WEEKDAYS, Rhythm("weekdays", 24), Rhythm("days", 168)]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

rhythms = st.sampled_from(RHYTHMS)
moments = st.datetimes(datetime(2025, 1, 10), datetime(2027, 1, 10), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text: str) -> datetime:
    """Return a moment written as "2026-11-19 07:00" in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- slots ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rhythm", "now", "last", "following"),
    [
        (ARXIV, "2026-11-19 04:00", "2026-11-19 04:00", "2026-11-20 04:00"),
        (ARXIV, "2026-11-19 03:59", "2026-11-18 04:00", "2026-11-19 04:00"),
        (ARXIV, "2026-11-21 12:00", "2026-11-20 04:00", "2026-11-23 04:00"),
        # Thanksgiving
        (ARXIV, "2026-11-27 12:00", "2026-11-26 04:00", "2026-11-30 04:00"),
        # Clocks go back on 1 November: the slot is an hour later in UTC.
        (ARXIV, "2026-11-01 12:00", "2026-10-30 03:00", "2026-11-02 04:00"),
        (ARXIV, "2026-03-08 12:00", "2026-03-06 04:00", "2026-03-09 03:00"),
        (DAILY, "2026-11-19 12:00", "2026-11-19 00:00", "2026-11-20 00:00"),
        (SIX_HOURS, "2026-11-19 12:00", "2026-11-19 12:00", "2026-11-19 18:00"),
        (WEEKDAYS, "2026-11-21 12:00", "2026-11-20 18:00", "2026-11-23 00:00"),
        (WEEKDAYS, "2026-11-20 18:30", "2026-11-20 18:00", "2026-11-23 00:00"),
    ],
)
def test_slots(rhythm, now, last, following):
    """Slots follow arXiv's announcements, or the hours since 1970, on weekdays if so told."""
    assert last_due(rhythm, utc(now)) == utc(last)
    assert next_due(rhythm, utc(now)) == utc(following)


@given(rhythms, moments)
def test_now_lies_between_two_slots(rhythm, now):
    """The last slot is not later than now, the next one is, and there is none between."""
    last, following = last_due(rhythm, now), next_due(rhythm, now)
    assert last <= now < following
    assert next_due(rhythm, last) == following
    assert last_due(rhythm, last) == last
    assert last_due(rhythm, following - MINUTE) == last


@given(moments)
def test_arxiv_is_due_once_for_each_listing(now):
    """A slot of arXiv is `delay_h` after an announcement."""
    listing = (last_due(ARXIV, now) - 3 * HOUR + 6 * HOUR).date()
    assert silence(listing) is None


def test_a_clock_before_all_listings_breaks_nothing():
    """A clock that stands in 1970 gives a slot that nobody waits for."""
    assert last_due(ARXIV, utc("1970-02-01 00:00")) <= utc("1970-02-01 00:00")


def test_nothing_runs_without_end():
    """A rhythm of no hours is one of a quarter of an hour."""
    now = utc("2026-11-19 12:01")
    assert next_due(Rhythm(every_h=0), now) == utc("2026-11-19 12:15")


# --- what now ---------------------------------------------------------------------------------

SLOT = utc("2026-11-19 04:00")


def after(outcome: str, *, failures: int = 0, retry_after: float | None = None, at=SLOT) -> LastRun:
    """Return a run of the slot that ended five minutes after it was due."""
    return LastRun(at, at + 5 * MINUTE, outcome, failures, retry_after)


def ask(last: LastRun | None, now: datetime) -> Due:
    """Ask about arXiv."""
    return what_now(ARXIV, now, last)


def test_the_first_time():
    """What was never run is due at once, for the newest slot."""
    due = ask(None, SLOT + HOUR)
    assert (due.is_due, due.slot, due.why) == (True, SLOT, "it has never been run")


@pytest.mark.parametrize("outcome", ["new", "nothing new"])
def test_a_slot_that_was_run_well_is_over(outcome):
    """It is due again with the next slot only."""
    due = ask(after(outcome), SLOT + 10 * HOUR)
    assert (due.is_due, due.next_try) == (False, SLOT + DAY)
    assert ask(after(outcome), SLOT + DAY).is_due


@pytest.mark.parametrize("outcome", ["failed", "partly failed"])
@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 10), (2, 30), (3, 60), (4, 120), (5, 240), (6, 240), (0, 10)]
)
def test_a_failure_is_tried_again_later_and_later(outcome, failures, minutes):
    """10 minutes, 30, then 1, 2 and 4 hours after the last run ended."""
    last = after(outcome, failures=failures)
    again = last.ended + minutes * MINUTE
    early, late = ask(last, again - MINUTE), ask(last, again)
    assert (early.is_due, early.next_try) == (False, again)
    assert (late.is_due, late.slot) == (True, SLOT)
    assert outcome in late.why


def test_a_host_that_asks_for_longer_is_obeyed():
    """Retry-After counts if it is longer, in the next slot too, but not for ever."""
    last = after("failed", failures=1, retry_after=7200)
    assert ask(last, last.ended + HOUR).next_try == last.ended + 2 * HOUR
    assert ask(last, last.ended + 2 * HOUR).is_due
    short = after("failed", failures=1, retry_after=5)
    assert ask(short, short.ended + MINUTE).next_try == short.ended + 10 * MINUTE
    late = after("failed", failures=9, retry_after=7200, at=SLOT)._replace(
        ended=SLOT + DAY - 10 * MINUTE
    )
    assert not ask(late, SLOT + DAY).is_due
    assert ask(late, late.ended + 2 * HOUR).is_due
    endless = after("failed", failures=1, retry_after=float("inf"))
    assert ask(endless, endless.ended + DAY).is_due
    assert ask(after("failed", failures=1, retry_after=float("nan")), SLOT + HOUR).is_due


def test_a_suspicious_run_is_looked_at_again_three_times():
    """Two hours later each time; then the next slot has its turn."""
    for failures in (1, 2, 3):
        last = after("suspicious", failures=failures)
        assert not ask(last, last.ended + HOUR).is_due
        assert ask(last, last.ended + 2 * HOUR).is_due
    due = ask(after("suspicious", failures=4), SLOT + 20 * HOUR)
    assert (due.is_due, due.next_try) == (False, SLOT + DAY)


def test_a_retry_that_comes_after_the_next_slot_waits_for_that():
    """The next slot makes up for the one that failed."""
    last = after("failed", failures=8)._replace(ended=SLOT + 23 * HOUR)
    due = ask(last, SLOT + 23 * HOUR + MINUTE)
    assert (due.is_due, due.next_try) == (False, SLOT + DAY)
    assert ask(last, SLOT + DAY).slot == SLOT + DAY


def test_after_a_sleep_only_the_newest_slot_is_run():
    """Three listings were slept through: one run, which brings them all."""
    friday = utc("2026-11-20 04:00")
    due = ask(after("new", at=utc("2026-11-16 04:00")), friday + 5 * HOUR)
    assert (due.is_due, due.slot) == (True, friday)
    assert due.why == "it has been due since 2026-11-20 04:00 UTC"
    assert not ask(after("new", at=friday), friday + 6 * HOUR).is_due


def test_a_clock_that_went_back():
    """By hours: wait for what has been run already. By more than a day: it was wrong; run."""
    ahead = after("new", at=SLOT)
    due = ask(ahead, SLOT - 5 * HOUR)
    assert (due.is_due, due.next_try) == (False, SLOT + DAY)
    assert ask(ahead, SLOT).is_due is False
    wrong = after("new", at=utc("2031-05-06 03:00"))
    due = ask(wrong, SLOT + HOUR)
    assert (due.is_due, due.slot) == (True, SLOT)
    assert "clock" in due.why


# --- whatever happens -------------------------------------------------------------------------

naps = st.lists(
    st.timedeltas(5 * MINUTE, HOUR) | st.timedeltas(HOUR, 9 * DAY), min_size=1, max_size=60
)


@given(rhythms, moments, naps)
def test_never_twice_and_never_skipped(rhythm, start, naps):
    """A machine that sleeps at random runs each slot that it wakes in exactly once."""
    now, last, ran, awake = start, None, [], set()
    for nap in naps:
        due = what_now(rhythm, now, last)
        awake.add(last_due(rhythm, now))
        if due.is_due:
            ran.append(due.slot)
            last = LastRun(due.slot, now + MINUTE, "new")
        now += nap
    assert ran == sorted(awake)


outcomes = st.sampled_from(["new", "nothing new", "suspicious", "partly failed", "failed"])


@given(rhythms, moments, st.lists(outcomes, min_size=1, max_size=40))
def test_waking_at_the_next_try_is_enough(rhythm, start, outcomes):
    """Whoever sleeps until `next_try` is in time: something is due then or at its next one."""
    now, last = start, None
    done: list[datetime] = []
    for outcome in outcomes:
        due = what_now(rhythm, now, last)
        if not due.is_due:
            assert due.next_try > now
            now = due.next_try
            due = what_now(rhythm, now, last)
        assert due.is_due
        assert due.slot not in done
        assert due.slot == last_due(rhythm, now)
        is_same = last is not None and last.slot == due.slot
        failures = (last.failures if is_same else 0) + (outcome not in {"new", "nothing new"})
        if outcome in {"new", "nothing new"}:
            done.append(due.slot)
        last = LastRun(due.slot, now + MINUTE, outcome, failures)
        now += 2 * MINUTE


@given(rhythms, moments, st.lists(st.timedeltas(-3 * DAY, 3 * DAY), min_size=1, max_size=40))
def test_a_jumping_clock_never_stops_a_source(rhythm, start, jumps):
    """Wherever the clock jumps, within two days and a slot of steady time something is run."""
    now, last = start, None
    for jump in jumps:
        due = what_now(rhythm, now, last)
        if due.is_due:
            last = LastRun(due.slot, now + MINUTE, "new")
        now += jump
    for _ in range(200):
        due = what_now(rhythm, now, last)
        if due.is_due:
            break
        assert due.next_try <= next_due(rhythm, next_due(rhythm, now + DAY))
        now = due.next_try
    assert due.is_due
