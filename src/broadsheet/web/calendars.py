"""Months as pages show them: how much each day holds, and why a day holds nothing. Pure."""

import calendar
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from broadsheet.editions.calendar import day_of, month_of, week_of
from broadsheet.editions.edition import Day

LEVELS = 4
"""Strengths of the mark that says how much a day holds."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Cell(NamedTuple):
    """One day: `level` is 0 without papers, else 1 to `LEVELS`; `words` say what it holds."""

    day: date
    level: int
    papers: int
    href: str | None
    words: str
    is_shown: bool


class Row(NamedTuple):
    """One week of a month, Monday first; None for the days of other months."""

    number: int
    href: str
    cells: list[Cell | None]


class Month(NamedTuple):
    """A month with all its days."""

    title: str
    name: str
    href: str
    papers: int
    rows: list[Row]


def cells(days: Iterable[Day], shown: Iterable[date] = (), most: int = 0) -> list[Cell]:
    """Return days as cells, marked by how much they hold beside `most`, or the fullest of them."""
    days, chosen = list(days), set(shown)
    most = max([most, *(d.papers for d in days)])
    return [_cell(d, most, is_shown=d.day in chosen) for d in days]


def _cell(day: Day, most: int, *, is_shown: bool) -> Cell:
    papers = f"{day.papers:,} paper{'' if day.papers == 1 else 's'}"
    return Cell(
        day.day,
        -(-LEVELS * day.papers // most) if most else 0,
        day.papers,
        day_of(day.day).path if day.papers else None,
        papers if day.papers else (day.silence or "no papers"),
        is_shown,
    )


def month(days: Sequence[Day], shown: Iterable[date] = (), most: int = 0) -> Month:
    """Return one month of which `days` are all days; those in `shown` stand out."""
    first = days[0].day
    weeks: dict[date, list[Cell | None]] = {}
    for cell in cells(days, shown, most):
        monday = week_of(cell.day).first
        weeks.setdefault(monday, [None] * len(WEEKDAYS))[cell.day.weekday()] = cell
    return Month(
        month_of(first).title,
        calendar.month_name[first.month],
        month_of(first).path,
        sum(d.papers for d in days),
        [Row(m.isocalendar().week, week_of(m).path, row) for m, row in weeks.items()],
    )


def months(days: Sequence[Day]) -> list[Month]:
    """Return the months that `days` make up, in order, marked on one scale."""
    most = max((d.papers for d in days), default=0)
    grouped = groupby(days, key=lambda d: (d.day.year, d.day.month))
    return [month(list(own), most=most) for _, own in grouped]
