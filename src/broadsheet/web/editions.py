"""The pages of editions: of a day, a week and a month, their sections, and the year."""

from datetime import date
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException

from broadsheet.editions import calendar as periods
from broadsheet.editions.calendar import Period
from broadsheet.editions.edition import Edition
from broadsheet.errors import QueryError
from broadsheet.papers.types import PaperId
from broadsheet.web import calendars, front, listings, views
from broadsheet.web.site import Here, Site
from broadsheet.web.who import visit

editions = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

CHOSEN = 50
"""So many picks can be taken back on the page of an edition; others on that of their paper."""

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


class Chosen(NamedTuple):
    """A paper that was picked, as the list of picks has it."""

    paper: PaperId
    title: str
    href: str


class _Year(StringConvertor):
    regex = "[0-9]{4}"


class _Number(StringConvertor):
    regex = "[0-9]{1,2}"


class _Week(StringConvertor):
    regex = "[Ww][0-9]{1,2}"


# So that no address that is not a date comes here: "/search" is no year.
register_url_convertor("year", _Year())
register_url_convertor("number", _Number())
register_url_convertor("week", _Week())


@editions.get("/")
def newest(site: Here, q: str = "") -> HTMLResponse:
    """Return the edition of today or, if today has no papers, of the newest day that has."""
    today = site.library.editions.edition(periods.day_of(site.clock().date()))
    shown = today.period.first if today.total else today.before or today.after
    if shown is None:
        return site.page("empty.html", count=site.count())
    return _edition(site, periods.day_of(shown), q, at="/", today=today)


@editions.get("/{year:year}")
def year(site: Here, year: str) -> HTMLResponse:
    """Return a year as a calendar with how much each day holds."""
    if not periods.FIRST_YEAR <= int(year) <= periods.LAST_YEAR:
        raise HTTPException(404, f"There is no edition of the year {year}.")
    first, last = date(int(year), 1, 1), date(int(year), 12, 31)
    days = site.library.editions.calendar(first, last)
    before, after = site.library.editions.nearest(first, last)
    return site.page(
        "year.html",
        year=int(year),
        papers=sum(d.papers for d in days),
        months=calendars.months(days),
        before=before and before.year,
        after=after and after.year,
    )


@editions.get("/{year:year}/{week:week}")
def week(
    site: Here, year: str, week: str, q: str = "", section: str = "", page: PageNumber = 1
) -> Response:
    """Return the edition of an ISO week."""
    return _of(site, f"/{year}/{week}", f"{year}-{week}", q, section, page)


@editions.get("/{year:year}/{month:number}")
def month(
    site: Here, year: str, month: str, q: str = "", section: str = "", page: PageNumber = 1
) -> Response:
    """Return the edition of a month."""
    return _of(site, f"/{year}/{month}", f"{year}-{month}", q, section, page)


@editions.get("/{year:year}/{month:number}/{day:number}")
def day(
    site: Here,
    year: str,
    month: str,
    day: str,
    q: str = "",
    section: str = "",
    page: PageNumber = 1,
) -> Response:
    """Return the edition of a day."""
    return _of(site, f"/{year}/{month}/{day}", f"{year}-{month}-{day}", q, section, page)


def _of(site: Site, path: str, name: str, q: str, section: str, page: int) -> Response:
    """Return the edition of the period called `name`, or a section of it, at its one address."""
    period = _read(name, site.clock().date())
    if path != period.path:
        return RedirectResponse(front.edition_url(period.path, q, section, page), 308)
    if section:
        return _section(site, period, q, section, page)
    return _edition(site, period, q, at=period.path)


def _read(name: str, today: date) -> Period:
    read = {2: periods.read_day, 1: periods.read_month}[name.count("-")]
    if "w" in name.lower():
        read = periods.read_week
    try:
        return read(name, today)
    except QueryError as error:
        raise HTTPException(404, f"There is no edition of that time. {error}") from error


def _edition(
    site: Site, period: Period, q: str, *, at: str, today: Edition | None = None
) -> HTMLResponse:
    """Return an edition; `at` is its address, `today` is the edition of today where that counts."""
    q = q.strip()
    found = site.library.editions.edition(period, q)
    papers = front.papers(found, q)
    return site.page(
        "edition.html",
        at=at,
        narrowed=q,
        edition=found,
        missed=today if today and today.period != period else None,
        count=site.count(),
        papers=papers,
        counts=site.counts(e.id for e in papers.entries),
        chosen=_chosen(site, period),
        ways=front.ways(found, q),
        by_which_day=front.by_which_day(found),
        days=calendars.cells(found.days) if period.kind != "day" else [],
        month=_month(site, period),
        whole=front.edition_url(at),
        listed=_listed(site, period) if period.kind == "day" and not q else "",
        nearest=[front.day_link(d, q) for d in (found.before, found.after) if d],
    )


def _chosen(site: Site, period: Period) -> list[Chosen]:
    """Return what was picked for an edition, to whoever may take it back."""
    if not visit().actor.may("curate"):
        return []
    picked = [p.paper for p in site.library.picks.between(period.first, period.last)]
    return [
        Chosen(p.id, views.clip(p.title, views.TITLE), views.paper_url(p))
        for p in site.library.papers(picked[:CHOSEN])
    ]


def _listed(site: Site, period: Period) -> str:
    """Return what listings of a day count beside its edition, in a sentence."""
    return listings.foot(site.library.listed_beside(period.first))


def _month(site: Site, period: Period) -> calendars.Month:
    """Return the month round an edition; a week is of the month that has its Thursday."""
    middle = period.days[len(period.days) // 2]
    shown = periods.month_of(middle)
    days = site.library.editions.calendar(shown.first, shown.last)
    return calendars.month(days, period.days if period.kind != "month" else ())


def _section(site: Site, period: Period, q: str, section: str, page: int) -> HTMLResponse:
    """Return a page of all papers of one section."""
    q, size = q.strip(), site.page_size
    found = site.library.editions.listing(
        period, section, q, offset=(page - 1) * size, limit=size + 1
    )
    if not found.places:
        raise HTTPException(404, _no_section(period, section, page))
    has_more = len(found.places) > size
    return site.page(
        "section.html",
        period=period,
        label=found.label,
        total=found.total,
        narrowed=q,
        entries=[front.placed_entry(p, front.BRIEF) for p in found.places[:size]],
        counts=site.counts(p.paper.id for p in found.places[:size]),
        page=page,
        whole=front.edition_url(period.path, q),
        unnarrowed=front.edition_url(period.path, "", section),
        previous=front.edition_url(period.path, q, section, page - 1) if page > 1 else None,
        next=front.edition_url(period.path, q, section, page + 1) if has_more else None,
    )


def _no_section(period: Period, section: str, page: int) -> str:
    if page > 1:
        return "There are not so many pages of papers in this section."
    return f"The edition of {period.title} has no section “{section[:80]}”."
