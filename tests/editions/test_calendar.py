"""The calendar: periods and how people write them, and when arXiv announces what."""

from __future__ import annotations

import json
import lzma
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broadsheet.editions import calendar as module
from broadsheet.editions.calendar import (
    FIRST_YEAR,
    LAST_YEAR,
    announcement,
    announcements,
    closes,
    day_of,
    listing_day,
    month_of,
    next_announcement,
    read_day,
    read_month,
    read_week,
    silence,
    week_of,
)
from broadsheet.errors import QueryError
from shared_data import SHARED, needs_shared

EASTERN = ZoneInfo("America/New_York")
TODAY = date(2026, 3, 17)
DAY = timedelta(days=1)
READERS = {"day": read_day, "week": read_week, "month": read_month}
MAKERS = {"day": day_of, "week": week_of, "month": month_of}

days = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))
periods = st.builds(lambda make, day: make(day), st.sampled_from(list(MAKERS.values())), days)
# Half of the moments lie where the lists of arXiv and the rules for other years meet.
moments = st.one_of(
    st.datetimes(datetime(2024, 12, 1), datetime(2027, 2, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.datetimes(datetime(1991, 8, 15), datetime(9998, 12, 1), timezones=st.timezones()),  # noqa: DTZ001
)
# The first use of a time zone reads its file, which can take a while on a busy machine.
calm = settings(deadline=None)


def et(text: str) -> datetime:
    """Return a moment written as "2026-03-17 14:00" in US Eastern."""
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


def utc(text: str) -> datetime:
    """Return a moment written as "2026-03-18 01:00" in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- periods --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "key", "path", "title"),
    [
        (day_of(TODAY), "2026-03-17", "/2026/03/17", "Tuesday, 17 March 2026"),
        (day_of(date(1999, 1, 3)), "1999-01-03", "/1999/01/03", "Sunday, 3 January 1999"),
        (week_of(TODAY), "2026-W12", "/2026/w12", "Week 12 of 2026, 16 to 22 March"),
        (
            week_of(date(2026, 4, 1)),
            "2026-W14",
            "/2026/w14",
            "Week 14 of 2026, 30 March to 5 April",
        ),
        (
            week_of(date(2025, 12, 31)),
            "2026-W01",
            "/2026/w01",
            "Week 1 of 2026, 29 December 2025 to 4 January 2026",
        ),
        (
            week_of(date(2021, 1, 3)),
            "2020-W53",
            "/2020/w53",
            "Week 53 of 2020, 28 December 2020 to 3 January 2021",
        ),
        (month_of(TODAY), "2026-03", "/2026/03", "March 2026"),
        (month_of(date(2024, 2, 29)), "2024-02", "/2024/02", "February 2024"),
    ],
)
def test_period_names(period, key, path, title):
    """A period has its key, its place on the site and its name in words."""
    assert (period.key, period.path, period.title) == (key, path, title)


@pytest.mark.parametrize(
    ("kind", "text", "key"),
    [
        ("day", "2026-03-17", "2026-03-17"),
        ("day", "2026-3-7", "2026-03-07"),
        ("day", " 2026-03-07\n", "2026-03-07"),
        ("day", "today", "2026-03-17"),
        ("day", "Yesterday ", "2026-03-16"),
        ("day", "2024-02-29", "2024-02-29"),
        ("week", "2026-W12", "2026-W12"),
        ("week", "2026-w5", "2026-W05"),
        ("week", "2020-W53", "2020-W53"),
        ("week", "this", "2026-W12"),
        ("week", "LAST", "2026-W11"),
        ("month", "2026-03", "2026-03"),
        ("month", "2026-3", "2026-03"),
        ("month", "this", "2026-03"),
        ("month", "last", "2026-02"),
    ],
)
def test_reading(kind, text, key):
    """A period is read as people write it."""
    assert READERS[kind](text, TODAY).key == key


@pytest.mark.parametrize(
    ("kind", "text", "position", "message"),
    [
        ("day", "", 0, "This is not a day."),
        ("day", "tomorrow", 0, "This is not a day."),
        ("day", "2026", 4, "This is not a day."),
        ("day", "2026-03", 7, "This is not a day."),
        ("day", "2026-03-", 8, "This is not a day."),
        ("day", "2026-03-17x", 10, "This is not a day."),
        ("day", "2026-03-1 7", 10, "This is not a day."),
        ("day", "2026/03/17", 4, "This is not a day."),
        ("day", "26-03-17", 2, "This is not a day."),
        ("day", "２０２６-03-17", 0, "This is not a day."),
        ("day", "1899-12-31", 0, "The year 1899 is out of range."),
        ("day", "9999-01-01", 0, "The year 9999 is out of range."),
        ("day", "2026-13-01", 5, "There is no month 13."),
        ("day", " 2026-00-01", 6, "There is no month 00."),
        ("day", "2026-02-30", 8, "February 2026 has 28 days."),
        ("day", "1900-2-29", 7, "February 1900 has 28 days."),
        ("day", "2026-04-0", 8, "April 2026 has 30 days."),
        ("week", "2026", 4, "This is not a week."),
        ("week", "2026-12", 5, "This is not a week."),
        ("week", "2026-W123", 8, "This is not a week."),
        ("week", "2025-W53", 6, "2025 has 52 weeks."),
        ("week", "2026-W54", 6, "2026 has 53 weeks."),
        ("week", "2026-w0", 6, "2026 has 53 weeks."),
        ("week", "0000-W01", 0, "The year 0000 is out of range."),
        ("month", "2026-03-17", 7, "This is not a month."),
        ("month", "March", 0, "This is not a month."),
        ("month", "2026-13", 5, "There is no month 13."),
    ],
)
def test_misreading(kind, text, position, message):
    """What is no period is refused at the place where it goes wrong, with what to write."""
    with pytest.raises(QueryError, match=message) as caught:
        READERS[kind](text, TODAY)
    error = caught.value
    assert (error.query, error.position) == (text, position)
    assert error.hint.startswith("Write ")


@calm
@given(st.sampled_from(list(READERS)), st.one_of(st.text(), st.text("0123456789-wW \n")))
@example("day", "2026-03-17 \n ")
@example("week", "2026-w12 \t")
def test_any_text(kind, text):
    """Any text is a period of the kind asked for or a QueryError with a place inside the text."""
    try:
        period, place = READERS[kind](text, TODAY), 0
    except QueryError as error:
        period, place = None, error.position
    assert period is None or period.kind == kind
    assert 0 <= place <= len(text)


@calm
@given(periods)
@example(day_of(date(FIRST_YEAR, 1, 1)))
@example(week_of(date(FIRST_YEAR, 1, 1)))
@example(week_of(date(LAST_YEAR, 12, 31)))
@example(month_of(date(LAST_YEAR, 12, 31)))
def test_period_round_trip(period):
    """The key and the path of a period lead back to it, and so do its own days."""
    read = READERS[period.kind]
    assert read(period.key, TODAY) == period
    assert read(period.path[1:].replace("/", "-"), TODAY) == period
    assert {MAKERS[period.kind](day) for day in period.days} == {period}
    assert (period.days[0], period.days[-1]) == (period.first, period.last)


@calm
@given(periods)
@example(day_of(date(FIRST_YEAR, 1, 1)))
@example(week_of(date(FIRST_YEAR, 1, 1)))
@example(week_of(date(LAST_YEAR, 12, 31)))
@example(month_of(date(LAST_YEAR, 12, 31)))
def test_neighbours(period):
    """Periods of a kind follow each other without gap or overlap, and end only at the edges."""
    if (after := period.next) is None:
        assert period.holds(date(LAST_YEAR, 12, 31))
    else:
        assert after.first == period.last + DAY
        assert after.previous == period
    if (before := period.previous) is None:
        assert period.holds(date(FIRST_YEAR, 1, 1))
    else:
        assert before.last == period.first - DAY
        assert before.next == period


@calm
@given(days, periods)
def test_one_period_holds_a_day(day, period):
    """A day is in exactly one period of a kind: the one that is made of it."""
    assert period.holds(day) == (MAKERS[period.kind](day) == period) == (day in period.days)


# --- arXiv's announcements -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("submitted", "announced", "listed"),
    [
        # Summer time: 20:00 is midnight UTC.
        ("2026-06-09 13:59:59.999999", "2026-06-10 00:00", "2026-06-10"),
        ("2026-06-09 14:00", "2026-06-11 00:00", "2026-06-11"),
        # Winter time: 20:00 is 01:00 UTC.
        ("2026-02-03 13:59", "2026-02-04 01:00", "2026-02-04"),
        ("2026-02-03 14:00", "2026-02-05 01:00", "2026-02-05"),
        # Over the weekend: Friday's batch on Sunday, the weekend's on Monday.
        ("2026-06-11 14:00", "2026-06-15 00:00", "2026-06-15"),
        ("2026-06-12 13:59", "2026-06-15 00:00", "2026-06-15"),
        ("2026-06-12 14:00", "2026-06-16 00:00", "2026-06-16"),
        ("2026-06-13 09:00", "2026-06-16 00:00", "2026-06-16"),
        ("2026-06-14 23:00", "2026-06-16 00:00", "2026-06-16"),
        ("2026-06-15 13:59", "2026-06-16 00:00", "2026-06-16"),
        # Clocks go forward on Sunday 8 March 2026 and back on Sunday 1 November.
        ("2026-03-05 13:00", "2026-03-06 01:00", "2026-03-06"),
        ("2026-03-06 13:00", "2026-03-09 00:00", "2026-03-09"),
        ("2026-10-29 13:00", "2026-10-30 00:00", "2026-10-30"),
        ("2026-10-30 13:00", "2026-11-02 01:00", "2026-11-02"),
        # A Monday off: its batch comes on Tuesday, with Tuesday's.
        ("2025-08-29 13:59", "2025-09-01 00:00", "2025-09-01"),
        ("2025-08-29 14:00", "2025-09-03 00:00", "2025-09-03"),
        ("2025-09-02 13:59", "2025-09-03 00:00", "2025-09-03"),
        # Thanksgiving: a Thursday off, so Friday's edition is missing.
        ("2025-11-26 13:59", "2025-11-27 01:00", "2025-11-27"),
        ("2025-11-26 14:00", "2025-12-01 01:00", "2025-12-01"),
        ("2025-11-28 13:59", "2025-12-01 01:00", "2025-12-01"),
        ("2025-11-28 14:00", "2025-12-02 01:00", "2025-12-02"),
        # The Sunday after Independence Day 2025, named by arXiv itself.
        ("2025-07-03 13:59", "2025-07-04 00:00", "2025-07-04"),
        ("2025-07-03 14:00", "2025-07-08 00:00", "2025-07-08"),
        # A Friday off: its batch would come on Sunday.
        ("2026-06-18 13:59", "2026-06-19 00:00", "2026-06-19"),
        ("2026-06-18 14:00", "2026-06-23 00:00", "2026-06-23"),
        # Christmas 2025, a Thursday; then Tuesday 30 December and New Year, a Thursday.
        ("2025-12-24 13:59", "2025-12-25 01:00", "2025-12-25"),
        ("2025-12-24 14:00", "2025-12-29 01:00", "2025-12-29"),
        ("2025-12-29 14:00", "2026-01-01 01:00", "2026-01-01"),
        ("2025-12-31 14:00", "2026-01-05 01:00", "2026-01-05"),
        # Christmas 2026, a Friday: no Sunday; Tuesday and Thursday are off as well, and New
        # Year's Day 2027 is a Friday again.
        ("2026-12-24 13:59", "2026-12-25 01:00", "2026-12-25"),
        ("2026-12-24 14:00", "2026-12-29 01:00", "2026-12-29"),
        ("2026-12-28 14:00", "2026-12-31 01:00", "2026-12-31"),
        ("2026-12-30 13:59", "2026-12-31 01:00", "2026-12-31"),
        ("2026-12-30 14:00", "2027-01-05 01:00", "2027-01-05"),
    ],
)
def test_announcement(submitted, announced, listed):
    """What is submitted in Eastern time is announced at an hour of UTC and listed the day after."""
    found = announcement(et(submitted))
    assert (found, found.tzinfo) == (utc(announced), UTC)
    assert listing_day(found).isoformat() == listed


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ("2026-03-17", None),
        ("2026-03-21", "Saturday: arXiv lists nothing on weekends"),
        ("2026-03-22", "Sunday: arXiv lists nothing on weekends"),
        ("2026-09-07", None),
        ("2026-09-08", "Labor Day: arXiv announces nothing the evening before"),
        ("2026-01-02", "New Year's Day: arXiv announces nothing the evening before"),
        ("2026-01-20", "Martin Luther King Jr. Day: arXiv announces nothing the evening before"),
        ("2026-06-19", None),
        ("2026-06-22", "Juneteenth, kept on Friday: arXiv announces nothing on the Sunday after"),
        (
            "2026-07-06",
            "Independence Day, kept on Friday: arXiv announces nothing on the Sunday after",
        ),
        ("2025-07-07", "Independence Day: arXiv announces nothing the evening before"),
        ("2026-11-27", "Thanksgiving: arXiv announces nothing the evening before"),
        ("2026-12-28", "Christmas, kept on Friday: arXiv announces nothing on the Sunday after"),
        ("2026-12-30", "arXiv's year-end break: arXiv announces nothing the evening before"),
        ("2027-01-01", "arXiv's year-end break: arXiv announces nothing the evening before"),
        # Memorial Day, Presidents' Day and Veterans Day are not kept.
        ("2025-05-27", None),
        ("2026-02-17", None),
        ("2025-11-12", None),
        # Computed: a Friday, a Sunday kept on Monday, a Saturday kept on Friday, then on the
        # last Friday of the year before.
        (
            "2027-01-04",
            "New Year's Day, kept on Friday: arXiv probably announces nothing on the Sunday after",
        ),
        ("2027-07-06", "Independence Day: arXiv probably announces nothing the evening before"),
        (
            "2027-12-27",
            "Christmas, kept on Friday: arXiv probably announces nothing on the Sunday after",
        ),
        (
            "2028-01-03",
            "New Year's Day, kept on Friday: arXiv probably announces nothing on the Sunday after",
        ),
        ("2018-11-23", "Thanksgiving: arXiv probably announces nothing the evening before"),
        ("2018-06-20", None),
        ("2024-06-20", "Juneteenth: arXiv probably announces nothing the evening before"),
        ("1991-08-13", "arXiv began in August 1991"),
        ("1991-08-14", None),
    ],
)
def test_silence(listed, why):
    """A day without a listing says why, and says "probably" where the holidays are computed."""
    assert silence(date.fromisoformat(listed)) == why


@pytest.mark.parametrize(
    ("year", "besides", "only_by_rule"),
    [
        # arXiv named 14 June and 27 December, and not the Monday after a New Year's Sunday.
        (2023, {"2023-06-15", "2023-12-28"}, {"2023-01-03"}),
        (2025, {"2025-12-31"}, set()),
        (2026, {"2026-12-30"}, set()),
    ],
)
def test_rule_against_lists(monkeypatch, year, besides, only_by_rule):
    """The rule for other years finds what arXiv named, but for the days that differ each year."""
    named = {
        2023: {
            *("2023-01-17", "2023-06-15", "2023-06-20", "2023-07-05"),
            *("2023-09-05", "2023-11-24", "2023-12-26", "2023-12-28"),
        }
    }.get(year) or silent_weekdays(year)
    monkeypatch.setattr(module, "_NAMED", {})
    by_rule = silent_weekdays(year)
    assert (named - by_rule, by_rule - named) == (besides, only_by_rule)


def silent_weekdays(year: int) -> set[str]:
    """Return the Mondays to Fridays of a year that have no listing."""
    whole = [date(year, 1, 1) + n * DAY for n in range(365)]
    return {str(day) for day in whole if day.weekday() < 5 and silence(day) is not None}


def test_announcements_of_a_week():
    """The announcements of a week's listings: its holiday is left out, the clocks change in it."""
    found = list(announcements(date(2026, 3, 5), date(2026, 3, 10)))
    assert found == [
        utc("2026-03-05 01:00"),
        utc("2026-03-06 01:00"),
        utc("2026-03-09 00:00"),
        utc("2026-03-10 00:00"),
    ]
    assert list(announcements(date(2026, 12, 26), date(2027, 1, 4))) == [
        utc("2026-12-29 01:00"),
        utc("2026-12-31 01:00"),
    ]
    assert list(announcements(date(2026, 3, 10), date(2026, 3, 9))) == []


@pytest.mark.parametrize(
    ("after", "announced"),
    [
        ("2026-06-09 19:59", "2026-06-10 00:00"),
        ("2026-06-09 20:00", "2026-06-11 00:00"),
        ("2026-06-11 20:00", "2026-06-15 00:00"),
        ("2026-06-13 12:00", "2026-06-15 00:00"),
        ("2026-06-18 20:00", "2026-06-23 00:00"),
        ("1950-01-01 00:00", "1991-08-14 00:00"),
    ],
)
def test_next_announcement(after, announced):
    """The next announcement is later than the moment asked about, never at it."""
    assert next_announcement(et(after)) == utc(announced)


@pytest.mark.parametrize("function", [announcement, next_announcement, listing_day])
def test_naive_times(function):
    """A time without a zone is refused."""
    with pytest.raises(ValueError, match=r"2026-03-17T12:00:00 has no time zone"):
        function(datetime(2026, 3, 17, 12))  # noqa: DTZ001


def test_closes():
    """A day is over where clocks are twelve hours behind UTC before its edition closes."""
    assert closes(date(2026, 3, 17)) == utc("2026-03-18 12:00")
    last = ZoneInfo("Etc/GMT+12")
    assert closes(TODAY).astimezone(last) == datetime(2026, 3, 18, tzinfo=last)


@calm
@given(moments)
@example(et("2026-12-30 14:00"))
def test_announcement_waits(submitted):
    """An announcement comes six hours after its cut-off or later, and within a week."""
    wait = announcement(submitted) - submitted.astimezone(UTC)
    assert timedelta(hours=6) < wait < timedelta(days=7)


@calm
@given(moments)
def test_announcement_evening(submitted):
    """Announcements are at 20:00 Eastern, Sunday to Thursday, and their day has a listing."""
    found = announcement(submitted)
    evening = found.astimezone(EASTERN)
    assert (evening.hour, evening.minute, evening.second) == (20, 0, 0)
    assert evening.isoweekday() not in {5, 6}
    assert silence(listing_day(found)) is None


@calm
@given(moments, moments)
def test_announcement_monotone(one, other):
    """Who submits earlier is not announced later."""
    earlier, later = sorted([one, other], key=datetime.timestamp)
    assert announcement(earlier) <= announcement(later)


@calm
@given(moments)
def test_next_announcement_is_next(after):
    """Between a moment and the next announcement there is no other."""
    found = next_announcement(after)
    assert found > after
    day = listing_day(found)
    between = announcements(after.astimezone(EASTERN).date() - DAY, day)
    assert [other for other in between if other > after] == [found]
    assert announcement(after) >= found


# --- the calendar against real listings ------------------------------------------------------

# Weekdays on which the crawler missed a listing: the ids of its papers are missing too.
MISSED = {
    *("2025-09-30", "2025-11-04", "2025-11-11", "2025-11-25", "2026-01-21", "2026-03-03"),
}
# Days without a listing on which the crawler looked again and found what it had overlooked in
# the listing before; 2025-11-28 is the day after Thanksgiving, the others are of weekends.
AGAIN = {
    *("2025-06-22", "2025-07-05", "2025-11-15", "2025-11-28"),
    *("2025-12-13", "2025-12-20", "2026-03-28"),
}


@pytest.fixture(scope="module")
def crawled() -> dict[date, list[tuple[str, int]]]:
    """Return the ids of the corpus as (month, number), in order, by the day of their listing."""
    assert SHARED is not None
    found = defaultdict(list)
    with lzma.open(SHARED / "corpus" / "arxiv_daily.jsonl.xz") as lines:
        for line in lines:
            record = json.loads(line)
            month, _, number = record["arxiv_id"].partition(".")
            found[date.fromisoformat(record["date"])].append((month, int(number)))
    return {day: sorted(ids) for day, ids in sorted(found.items())}


@needs_shared
@pytest.mark.corpus
def test_listing_days(crawled):
    """From March 2025 to April 2026 the days with papers are those that the calendar lists."""
    first, last = min(crawled), max(crawled)
    expected = {listing_day(moment) for moment in announcements(first, last)}
    assert {str(day) for day in expected - crawled.keys()} == MISSED
    assert {str(day) for day in crawled.keys() - expected} == AGAIN


@needs_shared
@pytest.mark.corpus
def test_ids_run_on_over_holidays(crawled):
    """Ids run on over silent weekdays, and hundreds are missing where the crawler was away.

    arXiv gives ids in order as it announces, so a listing that took place has used some up.
    """
    listed = [day for day in crawled if str(day) not in AGAIN]
    unused, missing = {}, {}
    for before, after in pairwise(listed):
        between = [before + n * DAY for n in range(1, (after - before).days)]
        missed = [str(day) for day in between if str(day) in MISSED]
        silent = [str(day) for day in between if day.weekday() < 5 and silence(day)]
        last = max(ids[-1] for day, ids in crawled.items() if day < after)
        if missed:
            missing[missed[-1]] = skipped(last, crawled[after])
        elif silent:
            unused[silent[0]] = skipped(last, crawled[after])
    assert unused.keys() == {
        *("2025-06-20", "2025-07-07", "2025-09-02", "2025-11-28"),
        *("2025-12-26", "2025-12-31", "2026-01-02"),
    }
    assert missing.keys() == MISSED
    assert max(unused.values()) < 100
    # The least is that of 30 September: three papers of its listing were found a day later.
    assert min(missing.values()) > 300


def skipped(last: tuple[str, int], later: list[tuple[str, int]]) -> int:
    """Return how many ids lie between the last one known and the first of a later listing."""
    month, number = min(paper for paper in later if paper > last)
    return number - (last[1] if month == last[0] else 0)
