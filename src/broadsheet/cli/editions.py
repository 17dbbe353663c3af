"""Commands that print editions and their calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from broadsheet.cli.base import (
    As,
    AsJson,
    Home,
    Ident,
    Limit,
    acting,
    app,
    fail,
    opened,
    print_json,
)

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
def pick(
    ident: Ident,
    note: Annotated[str, typer.Option("--note", help="Why; everybody reads it.")] = "",
    date: Day = None,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Feature a paper on the edition of its day, or change the note of a pick of one's own."""
    from broadsheet import wire_people
    from broadsheet.papers.identity import format_paper_id

    with opened(home) as library:
        day = _day(date, library.today())
        made = library.picks.pick(acting(library, as_), ident, note, day=day)
    if as_json:
        print_json(wire_people.pick(made))
    else:
        typer.echo(f"{format_paper_id(made.paper)} is picked for the edition of {made.day}")


@app.command()
def unpick(
    ident: Ident,
    date: Day = None,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take back what was picked, whoever picked it."""
    from broadsheet import wire_people
    from broadsheet.papers.identity import format_paper_id

    with opened(home) as library:
        day = _day(date, library.today())
        ended = library.picks.unpick(acting(library, as_), ident, day=day)
    if as_json:
        print_json(wire_people.picks(ended))
    else:
        paper = format_paper_id(ended[0].paper)
        typer.echo(f"{paper} is not picked any more for the edition of {ended[0].day}")


@app.command()
def picks(
    date: Day = None,
    week: Week = None,
    month: Month = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List what curators picked for an edition; without a day for the newest one."""
    from broadsheet import present, wire_people

    with opened(home) as library:
        today = library.today()
        period = _period(date, week, month, today)
        if period is None:
            period = _newest(library.editions.newest(today), today)
        found = library.picks.between(period.first, period.last)
    if as_json:
        print_json(wire_people.picks(found))
    else:
        present.picks(found)


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


@app.command()
def trending(
    query: Annotated[list[str] | None, typer.Argument(help="Only papers that match.")] = None,
    view: Annotated[
        Literal["hot", "rising"],
        typer.Option(help="hot: standing against age; rising: what was gained in the window."),
    ] = "hot",
    window: Annotated[
        Literal["day", "week", "month", "all"], typer.Option(help="Of rising.")
    ] = "day",
    at: Annotated[
        str | None, typer.Option("--at", help="As it was at 2026-05-01T08:00Z, or on a day.")
    ] = None,
    limit: Limit = 20,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the papers worth attention now, or at any time past, each with what it stands by."""
    from broadsheet import present, wire
    from broadsheet.editions.trending_list import read_moment

    moment = read_moment(at) if at else None
    with opened(home) as library:
        found = library.trending(
            view, window=window, at=moment, query=" ".join(query or ()), limit=limit
        )
    if as_json:
        print_json(wire.trending(found))
    else:
        present.trending(found)


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


def _day(text: str | None, today: date) -> date | None:
    from broadsheet.editions import calendar as periods

    return periods.read_day(text, today).first if text else None


def _newest(newest: date | None, today: date) -> Period:
    from broadsheet.editions import calendar as periods

    return periods.day_of(newest or today)
