"""When issues are due: local times in any zone, across every change of its clocks. Pure.

next_due(wishes, after), last_due(wishes, now) -> the moment, aware and in UTC
issue_of(wishes, due) -> the local date that names the issue
ends(wishes, due) -> when it is of no use any more

A local time that the clocks leap over is due at the first moment after the leap; one that comes
twice is due the first time. A day that a zone leaves out (Apia had no 30 December 2011) has no
issue.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from broadsheet.delivery.subscription import Cadence, Wishes

LIFE: Final[dict[Cadence, timedelta]] = {
    "day": timedelta(hours=12),
    "weekdays": timedelta(hours=12),
    "week": timedelta(hours=36),
    "month": timedelta(hours=72),
}
"""How long after it is due an issue is still worth getting: half the time until the next, at most.

Longer for what comes seldom, so that a server that was down over a night loses none of those.
"""
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_SATURDAY: Final = 5


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; raises what ZoneInfo raises for one that there is not."""
    # ZoneInfo itself remembers eight, fewer than a night's subscribers live in.
    return ZoneInfo(name)


def next_due(wishes: Wishes, after: datetime) -> datetime:
    """Return the first moment after `after` at which an issue is due, aware and in UTC.

    Raises OverflowError where the calendar ends.
    """
    # What clocks leap over midnight is due on the day after its own.
    for day in _days(wishes, _local_date(wishes, after) - _DAY, _DAY):
        due = _moment(wishes, day)
        if due is not None and due > after:
            return due
    raise AssertionError


def last_due(wishes: Wishes, now: datetime) -> datetime | None:
    """Return the newest moment until `now` at which an issue was due, aware and in UTC.

    None where the calendar begins.
    """
    try:
        for day in _days(wishes, _local_date(wishes, now), -_DAY):
            due = _moment(wishes, day)
            if due is not None and due <= now:
                return due
    except OverflowError:
        return None
    raise AssertionError


def issue_of(wishes: Wishes, due: datetime) -> str:
    """Return the local date, ISO, of the issue that is due at a moment."""
    day = _local_date(wishes, due)
    is_of_eve = _moment(wishes, day - _DAY) == due
    return (day - _DAY if is_of_eve else day).isoformat()


def ends(wishes: Wishes, due: datetime) -> datetime:
    """Return the moment from which on an issue is of no use any more."""
    return due + LIFE[wishes.cadence]


def begins(zone: str, day: date) -> datetime:
    """Return the first moment of a local day, or after it if the zone leaves it out; in UTC."""
    return _first(zone_of(zone), datetime.combine(day, time()))


# ---------------------------------------------------------------------------- days


def _local_date(wishes: Wishes, moment: datetime) -> date:
    return moment.astimezone(zone_of(wishes.zone)).date()


def _days(wishes: Wishes, day: date, step: timedelta) -> Iterator[date]:
    """Yield the days that have an issue by the calendar, from `day` on, without end."""
    while True:
        if _is_day(wishes, day):
            yield day
        day += step


def _is_day(wishes: Wishes, day: date) -> bool:
    match wishes.cadence:
        case "day":
            return True
        case "weekdays":
            return day.weekday() < _SATURDAY
        case "week":
            return day.weekday() == wishes.on_day
        case "month":
            last = calendar.monthrange(day.year, day.month)[1]
            return day.day == min(wishes.on_day, last)


# ---------------------------------------------------------------------------- moments


def _moment(wishes: Wishes, day: date) -> datetime | None:
    """Return when the issue of a day is due, None if the zone leaves the day out."""
    zone = zone_of(wishes.zone)
    due = _first(zone, datetime.combine(day, time.fromisoformat(wishes.at)))
    is_whole = due.astimezone(zone).date() == day
    is_there = is_whole or begins(wishes.zone, day).astimezone(zone).date() == day
    return due if is_there else None


def _first(zone: ZoneInfo, wall: datetime) -> datetime:
    """Return the first moment, in UTC, at which the clocks of a zone show `wall` or later."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(zone, moment) == wall:
        return moment
    # They leap over it. Read with the offset from after the leap, it lies before; with that from
    # before, after (PEP 495).
    early, late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), moment
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        early, late = (early, middle) if _wall(zone, middle) >= wall else (middle, late)
    return late


def _wall(zone: ZoneInfo, moment: datetime) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
