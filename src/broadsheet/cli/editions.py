"""Commands that print editions and their calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from broadsheet.cli.base import AsJson, Home, app, fail, opened, print_json

if TYPE_CHECKING:
    from datetime import date

    from broadsheet.editions.calendar import Period

Day = Annotated[str | None, typer.Option("--date", help="A day: 2026-03-17, today, yesterday.")]
Week = Annotated[str | None, typer.Option("--week", help="A week: 2026-W12, this, last.")]
Month = Annotated[str | None, typer.Option("--month", help="A month: 2026-03, this, last.")]


@app.command()
def edition(
    date: Day = None,
    week: Week = None,
    month: Month = None,
    query: Annotated[str, typer.Option("--query", "-q", help="Only papers that match.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Print the papers of a day, a week or a month in the order of reading, with reasons.

    Without a day it is today's, or the newest there is.
    """
    from broadsheet import present, wire

    with opened(home) as library:
        today = library.today()
        period = _period(date, week, month, today)
        if period is None:
            period = _newest(library.editions.newest(today), today)
        found = library.editions.edition(period, query)
    if as_json:
        print_json(wire.edition(found))
    else:
        present.edition(found)


@app.command()
def calendar(month: Month = None, home: Home = None, as_json: AsJson = False) -> None:
    """Show how many papers each day of a month holds, and why a day holds none."""
    from broadsheet import present, wire
    from broadsheet.editions import calendar as periods

    with opened(home) as library:
        today = library.today()
        shown = periods.read_month(month, today) if month else periods.month_of(today)
        days = library.editions.calendar(shown.first, shown.last)
    if as_json:
        print_json({"days": wire.calendar(days)})
    else:
        present.calendar(days)


def _period(day: str | None, week: str | None, month: str | None, today: date) -> Period | None:
    """Return the one period that was named, None if none was."""
    from broadsheet.editions import calendar as periods

    named = [
        (read, text)
        for read, text in (
            (periods.read_day, day), (periods.read_week, week), (periods.read_month, month),
        )
        if text is not None
    ]  # fmt: skip
    if len(named) > 1:
        fail("an edition is of a day, a week or a month: give one of --date, --week, --month", 2)
    return named[0][0](named[0][1], today) if named else None


def _newest(newest: date | None, today: date) -> Period:
    from broadsheet.editions import calendar as periods

    return periods.day_of(newest or today)
