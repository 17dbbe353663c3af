"""Which days hold an edition, and when arXiv announces. Pure.

A day here is a calendar day; for papers of arXiv it is the day whose date their listing carries.
Years run from 1900 to 9998.

arXiv announces at 20:00 US Eastern, Sunday to Thursday, what was submitted before 14:00, and its
listing carries the date of the next day: listings are dated Monday to Friday. What comes between
Thursday 14:00 and Friday 14:00 is announced on Sunday, what comes later until Monday 14:00 on
Monday. On its holidays arXiv announces nothing, and the next announcement brings both batches.
Today's hours are taken for all years (until 2017 the cut-off was at 16:00).
"""

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from broadsheet.errors import QueryError

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 9998

_DAY: Final = timedelta(days=1)
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONDAY, _THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 0, 3, 4, 5, 6

# ---------------------------------------------------------------------------------------------
# Days, weeks and months
# ---------------------------------------------------------------------------------------------

Kind: TypeAlias = Literal["day", "week", "month"]


class Period(NamedTuple):
    """A day, an ISO week (Monday to Sunday) or a month; `first` and `last` both belong to it."""

    kind: Kind
    first: date
    last: date

    @property
    def key(self) -> str:
        """The period as its reader takes it: "2026-03-17", "2026-W12" or "2026-03"."""
        if self.kind == "week":
            iso = self.first.isocalendar()
            return f"{iso.year:04}-W{iso.week:02}"
        return self.first.isoformat()[: 10 if self.kind == "day" else 7]

    @property
    def path(self) -> str:
        """Where its edition stands on the site: "/2026/03/17", "/2026/w12" or "/2026/03"."""
        return "/" + self.key.lower().replace("-", "/")

    @property
    def title(self) -> str:
        """The period in words: "Tuesday, 17 March 2026", "March 2026"."""
        month = f"{_MONTHS[self.first.month - 1]} {self.first.year}"
        if self.kind == "month":
            return month
        if self.kind == "day":
            return f"{_WEEKDAYS[self.first.weekday()]}, {self.first.day} {month}"
        iso = self.first.isocalendar()
        return f"Week {iso.week} of {iso.year}, {_span(self.first, self.last)}"

    @property
    def previous(self) -> "Period | None":
        """The period of the same kind before this one; None before 1900."""
        return _within(_OF[self.kind](self.first - _DAY))

    @property
    def next(self) -> "Period | None":
        """The period of the same kind after this one; None after 9998."""
        return _within(_OF[self.kind](self.last + _DAY))

    @property
    def days(self) -> list[date]:
        """All days of the period, in order."""
        return [self.first + n * _DAY for n in range((self.last - self.first).days + 1)]

    def holds(self, day: date) -> bool:
        """Return whether a day belongs to the period."""
        return self.first <= day <= self.last


def day_of(day: date) -> Period:
    """Return a day as a period."""
    return Period("day", day, day)


def week_of(day: date) -> Period:
    """Return the ISO week that a day belongs to; its year can differ from the day's."""
    monday = day - day.weekday() * _DAY
    return Period("week", monday, monday + 6 * _DAY)


def month_of(day: date) -> Period:
    """Return the month that a day belongs to."""
    return Period("month", day.replace(day=1), day.replace(day=_length(day.year, day.month)))


_OF: Final[dict[Kind, Callable[[date], Period]]] = {
    "day": day_of,
    "week": week_of,
    "month": month_of,
}


def _within(period: Period) -> Period | None:
    # A week counts for its ISO year: 1900 begins with one, 9998 ends with its 53rd.
    return period if FIRST_YEAR <= int(period.key[:4]) <= LAST_YEAR else None


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _span(first: date, last: date) -> str:
    """Return two days in words, saying month and year once where they are the same."""
    start = str(first.day)
    if first.month != last.month:
        start += f" {_MONTHS[first.month - 1]}"
    if first.year != last.year:
        start += f" {first.year}"
    end = f"{last.day} {_MONTHS[last.month - 1]}"
    return f"{start} to {end}" + (f" {last.year}" if first.year != last.year else "")


# ---------------------------------------------------------------------------------------------
# What people type
# ---------------------------------------------------------------------------------------------


class _Form(NamedTuple):
    """How a kind of period is written; `start` matches as much of a text as can begin one."""

    whole: re.Pattern[str]
    start: re.Pattern[str]
    hint: str


_DAY_FORM: Final = _Form(
    re.compile(r"\s*([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})\s*"),
    re.compile(r"\s*(?:[0-9]{4}(?:-(?:[0-9]{1,2}(?:-(?:[0-9]{1,2}\s*)?)?)?)?|[0-9]{0,3})"),
    "Write a day as 2026-03-17, today or yesterday.",
)
_WEEK_FORM: Final = _Form(
    re.compile(r"\s*([0-9]{4})-[Ww]([0-9]{1,2})\s*"),
    re.compile(r"\s*(?:[0-9]{4}(?:-(?:[Ww](?:[0-9]{1,2}\s*)?)?)?|[0-9]{0,3})"),
    "Write a week as 2026-W12, this or last.",
)
_MONTH_FORM: Final = _Form(
    re.compile(r"\s*([0-9]{4})-([0-9]{1,2})\s*"),
    re.compile(r"\s*(?:[0-9]{4}(?:-(?:[0-9]{1,2}\s*)?)?|[0-9]{0,3})"),
    "Write a month as 2026-03, this or last.",
)


def read_day(text: str, today: date) -> Period:
    """Return the day that a text names: "2026-03-17", "2026-3-7", "today" or "yesterday".

    Raises QueryError where it names none; its position is that of the first wrong part.
    """
    match text.strip().lower():
        case "today":
            return day_of(today)
        case "yesterday":
            return day_of(today - _DAY)
    found = _match(_DAY_FORM, text, "a day")
    year, month = _year(found), _month(found)
    length = _length(year, month)
    message = f"{_MONTHS[month - 1]} {year} has {length} days."
    return day_of(date(year, month, _number(found, 3, (1, length), message)))


def read_week(text: str, today: date) -> Period:
    """Return the ISO week that a text names: "2026-W12", "2026-w5", "this" or "last".

    Raises QueryError where it names none; its position is that of the first wrong part.
    """
    match text.strip().lower():
        case "this":
            return week_of(today)
        case "last":
            return week_of(today - 7 * _DAY)
    found = _match(_WEEK_FORM, text, "a week")
    year = _year(found)
    # The 28th of December is always in the last ISO week of its year.
    weeks = date(year, 12, 28).isocalendar().week
    week = _number(found, 2, (1, weeks), f"{year} has {weeks} weeks.")
    return week_of(date.fromisocalendar(year, week, 1))


def read_month(text: str, today: date) -> Period:
    """Return the month that a text names: "2026-03", "2026-3", "this" or "last".

    Raises QueryError where it names none; its position is that of the first wrong part.
    """
    match text.strip().lower():
        case "this":
            return month_of(today)
        case "last":
            return month_of(today.replace(day=1) - _DAY)
    found = _match(_MONTH_FORM, text, "a month")
    return month_of(date(_year(found), _month(found), 1))


def _match(form: _Form, text: str, name: str) -> re.Match[str]:
    if found := form.whole.fullmatch(text):
        return found
    start = form.start.match(text)
    position = start.end() if start else 0
    raise QueryError(f"This is not {name}.", query=text, position=position, hint=form.hint)


def _year(found: re.Match[str]) -> int:
    message = f"The year {found[1]} is out of range."
    return _number(found, 1, (FIRST_YEAR, LAST_YEAR), message)


def _month(found: re.Match[str]) -> int:
    return _number(found, 2, (1, 12), f"There is no month {found[2]}.")


def _number(found: re.Match[str], group: int, bounds: tuple[int, int], message: str) -> int:
    low, high = bounds
    if low <= (value := int(found[group])) <= high:
        return value
    hint = f"Write a number from {low} to {high} here."
    raise QueryError(message, query=found.string, position=found.start(group), hint=hint)


# ---------------------------------------------------------------------------------------------
# arXiv's announcements
# ---------------------------------------------------------------------------------------------

_EASTERN: Final = ZoneInfo("America/New_York")
_CUT_OFF: Final = time(14)
_EVENING: Final = time(20)
_BEGAN: Final = date(1991, 8, 14)

_NEW_YEAR: Final = "New Year's Day"
_KING: Final = "Martin Luther King Jr. Day"
_JUNETEENTH: Final = "Juneteenth"
_INDEPENDENCE: Final = "Independence Day"
_LABOR: Final = "Labor Day"
_THANKSGIVING: Final = "Thanksgiving"
_CHRISTMAS: Final = "Christmas"
_YEAR_END: Final = "arXiv's year-end break"

# The days that arXiv names at https://info.arxiv.org/help/availability.html, as it names them. A
# Friday there silences the Sunday after it, when Friday's batch would be announced: on the Mondays
# 22 June and 6 July 2026 the listings still showed the Friday before, and in 2025 arXiv named
# Sunday 6 July itself. Of December 2025 no list is at hand: 25 and 30 are what the ids of the
# papers say (tests/editions/test_calendar.py); they run on without a listing between.
_NAMED: Final[dict[int, dict[date, str]]] = {
    2025: {
        date(2025, 1, 1): _NEW_YEAR,
        date(2025, 1, 20): _KING,
        date(2025, 6, 19): _JUNETEENTH,
        date(2025, 7, 6): _INDEPENDENCE,
        date(2025, 9, 1): _LABOR,
        date(2025, 11, 27): _THANKSGIVING,
        date(2025, 12, 25): _CHRISTMAS,
        date(2025, 12, 30): _YEAR_END,
    },
    2026: {
        date(2026, 1, 1): _NEW_YEAR,
        date(2026, 1, 19): _KING,
        date(2026, 6, 19): _JUNETEENTH,
        date(2026, 7, 3): _INDEPENDENCE,
        date(2026, 9, 7): _LABOR,
        date(2026, 11, 26): _THANKSGIVING,
        date(2026, 12, 25): _CHRISTMAS,
        date(2026, 12, 29): _YEAR_END,
        date(2026, 12, 31): _YEAR_END,
    },
}


def announcement(submitted: datetime) -> datetime:
    """Return when arXiv announces what was submitted at a time, in UTC.

    A submission at 14:00 US Eastern sharp is too late for that day. Moderation can hold a paper
    back for longer. Raises ValueError for a time without a zone.
    """
    local = _eastern(submitted)
    day = local.date() + (_DAY if local.time() >= _CUT_OFF else timedelta())
    batch = day + {_SATURDAY: 2, _SUNDAY: 1}.get(day.weekday(), 0) * _DAY
    evening = batch + (2 * _DAY if batch.weekday() == _FRIDAY else timedelta())
    return _announced(_next_listing(evening + _DAY))


def next_announcement(after: datetime) -> datetime:
    """Return the first announcement later than a time, in UTC.

    Raises ValueError for a time without a zone.
    """
    local = _eastern(after)
    evening = local.date() + (_DAY if local.time() >= _EVENING else timedelta())
    return _announced(_next_listing(evening + _DAY))


def announcements(first: date, last: date) -> Iterator[datetime]:
    """Yield, in UTC and in order, the announcements whose listings carry dates from first to last.

    Both days count.
    """
    for day in (first + n * _DAY for n in range((last - first).days + 1)):
        if silence(day) is None:
            yield _announced(day)


def listing_day(announced: datetime) -> date:
    """Return the date that the listing of an announcement carries.

    Raises ValueError for a time without a zone.
    """
    return _eastern(announced).date() + _DAY


def silence(day: date) -> str | None:
    """Return why arXiv has no listing of this day, in words for readers; None if it has one.

    The holidays of 2025 and 2026 are arXiv's own. Those of other years are computed, say
    "probably", and lack the days that arXiv takes off besides, as at the end of each year.
    """
    if day < _BEGAN:
        return "arXiv began in August 1991"
    if day.weekday() in {_SATURDAY, _SUNDAY}:
        return f"{_WEEKDAYS[day.weekday()]}: arXiv lists nothing on weekends"
    evening = day - _DAY
    if name := _holidays(evening.year).get(evening):
        return f"{name}: {_subject(evening)} nothing the evening before"
    friday = day - 3 * _DAY
    if day.weekday() == _MONDAY and (name := _holidays(friday.year).get(friday)):
        return f"{name}, kept on Friday: {_subject(friday)} nothing on the Sunday after"
    return None


def closes(day: date) -> datetime:
    """Return when the edition of a day is closed: when the day has ended everywhere on Earth.

    That is 12:00 UTC of the next day, where clocks are twelve hours behind.
    """
    return datetime.combine(day + _DAY, time(12), UTC)


def _eastern(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone, so nobody knows when it is")
    return moment.astimezone(_EASTERN)


def _announced(day: date) -> datetime:
    return datetime.combine(day - _DAY, _EVENING, _EASTERN).astimezone(UTC)


def _next_listing(day: date) -> date:
    day = max(day, _BEGAN)
    while silence(day) is not None:
        day += _DAY
    return day


def _subject(holiday: date) -> str:
    return "arXiv announces" if holiday.year in _NAMED else "arXiv probably announces"


def _holidays(year: int) -> dict[date, str]:
    return _NAMED.get(year) or _computed(year)


@cache
def _computed(year: int) -> dict[date, str]:
    """Return the days that US offices keep of the holidays that arXiv names year by year."""
    fixed = {
        date(year, 1, 1): _NEW_YEAR,
        date(year, 7, 4): _INDEPENDENCE,
        date(year, 12, 25): _CHRISTMAS,
        # On a Saturday it is kept on 31 December: on a day of this year.
        date(year + 1, 1, 1): _NEW_YEAR,
    }
    if year >= 2021:  # noqa: PLR2004 (since then by law)
        fixed[date(year, 6, 19)] = _JUNETEENTH
    days = {_observed(day): name for day, name in fixed.items()}
    days[_nth(_MONDAY, 3, date(year, 1, 1))] = _KING
    days[_nth(_MONDAY, 1, date(year, 9, 1))] = _LABOR
    days[_nth(_THURSDAY, 4, date(year, 11, 1))] = _THANKSGIVING
    return {day: name for day, name in days.items() if day.year == year}


def _observed(day: date) -> date:
    """Return the weekday on which a holiday is kept that may fall on a weekend."""
    return day + {_SATURDAY: -1, _SUNDAY: 1}.get(day.weekday(), 0) * _DAY


def _nth(weekday: int, nth: int, month: date) -> date:
    """Return the nth such weekday of the month that begins on this day."""
    return month + ((weekday - month.weekday()) % 7 + 7 * (nth - 1)) * _DAY
