"""When issues are due, in zones of every kind, held against a slow way to find it out.

The oracle looks at every minute's clock face; it knows nothing of offsets, leaps and folds.
"""

from __future__ import annotations

import calendar
import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broadsheet.delivery.due import begins, ends, issue_of, last_due, next_due
from broadsheet.delivery.subscription import Wishes

ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "Europe/Lisbon", "Atlantic/Azores",
    "America/New_York", "America/St_Johns", "America/Sao_Paulo", "America/Havana",
    "America/Caracas", "America/Los_Angeles", "America/Toronto", "America/Scoresbysund",
    "America/Asuncion", "America/Santiago", "Africa/Cairo", "Africa/Casablanca", "Africa/Monrovia",
    "Asia/Beirut", "Asia/Tehran", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Gaza", "Asia/Pyongyang",
    "Asia/Amman", "Asia/Tokyo", "Australia/Adelaide", "Australia/Eucla", "Australia/Lord_Howe",
    "Pacific/Apia", "Pacific/Chatham", "Pacific/Kwajalein", "Pacific/Kiritimati",
    "Pacific/Marquesas", "Antarctica/Troll", "Antarctica/Casey",
)  # fmt: skip
# What the properties are tried on besides anything else: days on which clocks were changed.
CHANGES = (
    ("Pacific/Apia", date(2011, 12, 29)), ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 20)), ("Pacific/Kiritimati", date(1994, 12, 31)),
    ("Australia/Lord_Howe", date(2026, 10, 4)), ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("America/Sao_Paulo", date(2018, 11, 4)), ("America/Sao_Paulo", date(2018, 2, 17)),
    ("America/Havana", date(2026, 3, 8)), ("America/Havana", date(2026, 11, 1)),
    ("Asia/Beirut", date(2026, 3, 29)), ("Asia/Beirut", date(2026, 10, 24)),
    ("Africa/Cairo", date(2026, 4, 24)), ("Africa/Cairo", date(2026, 10, 29)),
    ("America/Toronto", date(1919, 3, 30)), ("America/Scoresbysund", date(2024, 3, 30)),
    ("Antarctica/Troll", date(2026, 3, 29)), ("Antarctica/Casey", date(2018, 3, 11)),
    ("Asia/Pyongyang", date(2018, 5, 4)), ("America/Caracas", date(2016, 5, 1)),
    ("Africa/Casablanca", date(2026, 2, 15)), ("Africa/Casablanca", date(2026, 3, 22)),
    ("Europe/Berlin", date(2026, 3, 29)), ("Europe/Berlin", date(2026, 10, 25)),
    ("America/St_Johns", date(2011, 3, 13)), ("America/St_Johns", date(2011, 11, 6)),
)  # fmt: skip
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)

times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
somewhere = st.tuples(st.sampled_from(ZONES), st.dates(date(1996, 1, 1), date(2037, 1, 1)))
places = st.sampled_from(CHANGES) | somewhere
cadences = st.one_of(
    st.just(("day", 0)),
    st.just(("weekdays", 0)),
    st.tuples(st.just("week"), st.integers(0, 6)),
    st.tuples(st.just("month"), st.integers(1, 31)),
)


def wish(zone, at, cadence=("day", 0)):
    """Return wishes for a schedule."""
    return Wishes(zone=zone, at=at, cadence=cadence[0], on_day=cadence[1])


def noon(day):
    """Return noon in UTC on a day."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def due_by_looking(wishes, first, last):
    """Return the local day and the moment of each issue, by looking at the clock every minute.

    That of a day is the first minute at which the clock shows its time or, of that day or a later
    one, more; a day that no clock ever shows has none.
    """
    zone = ZoneInfo(wishes.zone)
    start, minutes = noon(first - 2 * DAY), int((last - first + 4 * DAY) / MINUTE)
    faces = []
    for minute in range(minutes):
        moment = start + minute * MINUTE
        faces.append((moment.astimezone(zone).replace(tzinfo=None), moment))
    shown = {face.date() for face, _ in faces}
    hour, minute = map(int, wishes.at.split(":"))
    found = []
    for day in (first + n * DAY for n in range((last - first).days + 1)):
        wanted = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 (a clock's face)
        if day in shown and is_day(wishes, day):
            found.append((day, next(moment for face, moment in faces if face >= wanted)))
    return found


def is_day(wishes, day):
    """Return whether a day has an issue by the calendar."""
    last = calendar.monthrange(day.year, day.month)[1]
    return {
        "day": True,
        "weekdays": day.isoweekday() <= 5,
        "week": day.isoweekday() == wishes.on_day + 1,
        "month": day.day == wishes.on_day or (day.day == last and wishes.on_day > last),
    }[wishes.cadence]


@pytest.mark.parametrize("zone", ZONES)
def test_there_is_no_zone_that_this_machine_does_not_know(zone):
    """What the properties are tried in are real zones."""
    assert ZoneInfo(zone).key == zone


@settings(max_examples=1500 if os.environ.get("BROADSHEET_LONG") else 100)
@given(place=places, at=times, cadence=cadences)
@example(place=("Pacific/Apia", date(2011, 12, 29)), at="00:00", cadence=("day", 0))
@example(place=("Pacific/Apia", date(2011, 12, 29)), at="07:00", cadence=("week", 4))
@example(place=("America/Toronto", date(1919, 3, 30)), at="23:45", cadence=("day", 0))
@example(place=("America/Sao_Paulo", date(2018, 11, 4)), at="00:30", cadence=("day", 0))
@example(place=("Australia/Lord_Howe", date(2026, 10, 4)), at="02:15", cadence=("day", 0))
@example(place=("Asia/Beirut", date(2026, 10, 24)), at="23:30", cadence=("day", 0))
@example(place=("Europe/Berlin", date(2026, 10, 25)), at="02:30", cadence=("month", 31))
def test_issues_are_due_when_the_clock_first_shows_their_time(place, at, cadence):
    """Each day of the calendar once, across every change of clocks, and none that is not there."""
    zone, day = place
    wishes = wish(zone, at, cadence)
    looked = due_by_looking(wishes, day - 2 * DAY, day + 3 * DAY)

    found, moment = [], looked[0][1] - MINUTE if looked else noon(day - 2 * DAY)
    while (moment := next_due(wishes, moment)) <= noon(day + 2 * DAY):
        found.append((date.fromisoformat(issue_of(wishes, moment)), moment))
    assert found == [one for one in looked if one[1] <= noon(day + 2 * DAY)]


@given(place=places, at=times, cadence=cadences, seconds=st.integers(0, 86_400 * 40))
def test_next_and_last_are_each_other_turned_round(place, at, cadence, seconds):
    """There is nothing between them, and no date names two issues."""
    wishes = wish(place[0], at, cadence)
    now = noon(place[1]) + timedelta(seconds=seconds)
    last, due = last_due(wishes, now), next_due(wishes, now)

    assert last is not None
    assert last <= now < due
    assert next_due(wishes, last) == due
    assert last_due(wishes, due) == due
    assert last_due(wishes, due - timedelta(seconds=1)) == last
    assert issue_of(wishes, last) < issue_of(wishes, due)
    assert due < ends(wishes, due)
    assert due.tzinfo is UTC


@pytest.mark.parametrize(
    ("at", "issues"),
    [
        ("07:00", ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]),
        ("00:00", ["2011-12-29", "2011-12-31", "2012-01-01", "2012-01-02"]),
    ],
)
def test_a_day_that_a_zone_leaves_out_has_no_issue(at, issues):
    """Apia went from 29 to 31 December 2011 overnight."""
    wishes, due, found = wish("Pacific/Apia", at), datetime(2011, 12, 28, 12, tzinfo=UTC), []
    for _ in issues:
        due = next_due(wishes, due)
        found.append(issue_of(wishes, due))
    assert found == issues


def test_clocks_that_leap_over_the_time_let_an_issue_be_due_right_after():
    """Half an hour on Lord Howe, an hour in Berlin, one at midnight in Beirut; at 23:30, too."""
    for zone, at, after, due in [
        ("Australia/Lord_Howe", "02:15", date(2026, 10, 3), "2026-10-03T15:30:00+00:00"),
        ("Europe/Berlin", "02:30", date(2026, 3, 28), "2026-03-29T01:00:00+00:00"),
        ("Asia/Beirut", "00:10", date(2026, 3, 28), "2026-03-28T22:00:00+00:00"),
        # The day after its own, since the clocks went from 23:30 to 00:30.
        ("America/Toronto", "23:45", date(1919, 3, 30), "1919-03-31T04:30:00+00:00"),
    ]:
        assert next_due(wish(zone, at), noon(after)).isoformat() == due
    assert issue_of(wish("America/Toronto", "23:45"), datetime(1919, 3, 31, 4, 30, tzinfo=UTC)) == (
        "1919-03-30"
    )


def test_a_time_that_comes_twice_is_due_the_first_time_alone():
    """At 02:30 in Berlin, when summer ends."""
    wishes = wish("Europe/Berlin", "02:30")
    first = next_due(wishes, noon(date(2026, 10, 24)))

    assert first.isoformat() == "2026-10-25T00:30:00+00:00"
    assert next_due(wishes, first).isoformat() == "2026-10-26T01:30:00+00:00"


def test_day_31_is_the_last_of_every_month():
    """Of February, too, in a leap year."""
    wishes, due, found = wish("Europe/Berlin", "07:00", ("month", 31)), noon(date(2028, 1, 1)), []
    for _ in range(4):
        due = next_due(wishes, due)
        found.append(issue_of(wishes, due))
    assert found == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]


def test_what_comes_seldom_is_of_use_for_longer():
    """But never until the next one is due."""
    lives = [
        ends(wish("UTC", "07:00", cadence), noon(date(2026, 3, 17))) - noon(date(2026, 3, 17))
        for cadence in (("day", 0), ("weekdays", 0), ("week", 0), ("month", 1))
    ]
    assert lives == [timedelta(hours=h) for h in (12, 12, 36, 72)]


@given(place=places)
def test_a_day_begins_with_the_first_moment_that_its_clock_shows(place):
    """Or at the end of what the zone leaves out."""
    zone, day = place
    begin = begins(zone, day).astimezone(ZoneInfo(zone))
    before = (begins(zone, day) - timedelta(seconds=1)).astimezone(ZoneInfo(zone))

    assert begin.date() >= day
    assert before.replace(tzinfo=None) < datetime(day.year, day.month, day.day)  # noqa: DTZ001


def test_the_calendar_ends_at_both_ends():
    """Without a loop that does not."""
    assert last_due(wish("UTC", "07:00"), datetime(1, 1, 1, 6, tzinfo=UTC)) is None
    with pytest.raises(OverflowError):
        next_due(wish("UTC", "07:00"), datetime(9999, 12, 31, 8, tzinfo=UTC))
