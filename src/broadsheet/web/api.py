"""The JSON API: the same calls as the pages, written by `wire`."""

from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from broadsheet import wire
from broadsheet.editions import calendar as periods
from broadsheet.editions.calendar import Period
from broadsheet.editions.trending import View, Window
from broadsheet.editions.trending_list import read_moment
from broadsheet.papers.identity import format_paper_id
from broadsheet.search.engine import MAX_LIMIT, Mode
from broadsheet.search.roles import Facet
from broadsheet.web import forms, listings, sources
from broadsheet.web.deciding import behind
from broadsheet.web.guard import read_body
from broadsheet.web.site import Here
from broadsheet.web.who import Curator, Doctor, Posted, from_us

JSON = "application/json"
PROBLEM = "application/problem+json"

_PROBLEM: dict[str, Any] = {PROBLEM: {"schema": forms.ProblemForm.model_json_schema()}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request cannot be answered; why, is said.", "content": _PROBLEM},
    "5XX": {"description": "The server cannot answer; 503 says when to ask.", "content": _PROBLEM},
}

api = APIRouter(prefix="/api", responses=PROBLEMS)

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Papers at most.")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="Papers to pass over.")]
Narrowing = Annotated[str, Query(description="Only papers that match, in the query language.")]

LIKE = 2_000_000
"""Bytes of a file to find papers like those in it."""

LONGEST = 3700
"""Days of a calendar that one answer holds: ten years."""


class Json(Response):
    """An answer in JSON, as `wire` made it."""

    media_type = JSON

    def render(self, content: Any) -> bytes:
        """Return the bytes of an answer."""
        return orjson.dumps(content)


@api.get("/search", responses={200: {"model": forms.PageForm}})
def search(
    site: Here,
    q: Annotated[str, Query(description="In the query language; empty for all papers.")] = "",
    mode: Annotated[Mode | None, Query(description="How to search.")] = None,
    limit: Limit | None = None,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    *,
    facets: Annotated[bool, Query(description="Count the values among all matches.")] = True,
) -> Json:
    """Find papers by words and by meaning, best first, with reasons."""
    found = site.library.search(
        q,
        mode=mode or site.mode,
        limit=limit or site.page_size,
        cursor=cursor or None,
        with_facets=facets,
    )
    return Json(wire.page(found))


async def _given(site: Here, request: Request) -> bytes:
    """Return the file that a request carries; pages of other sites cannot make us read one."""
    site.guard.check_sender(request.headers)
    return await read_body(request, LIKE)


_FILE = {"type": "string", "format": "binary", "description": "BibTeX, RIS, CSL-JSON, a page, …"}


@api.post(
    "/search/like",
    responses={200: {"model": forms.PageForm}},
    openapi_extra={"requestBody": {"required": True, "content": {"*/*": {"schema": _FILE}}}},
)
def like(
    site: Here,
    given: Annotated[bytes, Depends(_given)],
    q: Narrowing = "",
    mode: Annotated[Mode | None, Query(description="How to search.")] = None,
    limit: Limit | None = None,
) -> Json:
    """Find papers like those in a file, of any format that can be imported, taken together."""
    found = site.library.like_file(
        Path("-"), q, mode=mode or site.mode, limit=limit or site.page_size, stdin=BytesIO(given)
    )
    return Json(wire.page(found))


# Before the route of a paper: an id is a path, and would take "/similar" in.
@api.get("/papers/{ident:path}/similar", responses={200: {"model": forms.SimilarForm}})
def similar(
    site: Here,
    ident: str,
    limit: Limit = 10,
    facet: Annotated[
        Facet | None, Query(description="Those with the same problem, method or result.")
    ] = None,
) -> Json:
    """Find the papers most like one, as a whole or in one facet."""
    paper_id = format_paper_id(site.library.resolve(ident))
    found = site.library.similar(ident, limit=limit, mode=site.mode, facet=facet)
    return Json(wire.similar(paper_id, found))


@api.get("/papers/{ident:path}", responses={200: {"model": forms.SheetForm}})
def paper(site: Here, ident: str) -> Json:
    """Show all that is known of a paper; `ident` is any of its ids, a DOI or a link."""
    return Json(wire.sheet(site.library.sheet(ident)))


@api.get("/latest", responses={200: {"model": forms.LatestForm}})
def latest(
    site: Here,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Json:
    """List the papers of the newest days first."""
    papers = site.library.latest(limit or site.page_size, offset)
    return Json({"total": site.count(), "papers": [wire.paper(p) for p in papers]})


# ---------------------------------------------------------------------------- editions


def _period(
    site: Here,
    date: Annotated[str | None, Query(description="A day: 2026-03-17, today, yesterday.")] = None,
    week: Annotated[str | None, Query(description="An ISO week: 2026-W12, this, last.")] = None,
    month: Annotated[str | None, Query(description="A month: 2026-03, this, last.")] = None,
) -> Period:
    """Return the one period that was asked for: without any, the newest day with papers."""
    today = site.clock().date()
    named = [
        read(text, today)
        for read, text in (
            (periods.read_day, date),
            (periods.read_week, week),
            (periods.read_month, month),
        )
        if text is not None
    ]
    if len(named) > 1:
        raise HTTPException(400, "An edition is of a day, a week or a month: give one of them.")
    return named[0] if named else periods.day_of(site.library.editions.newest(today) or today)


Asked = Annotated[Period, Depends(_period)]


@api.get("/edition", responses={200: {"model": forms.EditionForm}})
def edition(site: Here, period: Asked, q: Narrowing = "") -> Json:
    """Show the edition of a day, a week or a month, in the order of reading, with reasons."""
    return Json(wire.edition(site.library.editions.edition(period, q)))


@api.get("/edition/papers", responses={200: {"model": forms.ListingForm}})
def listing(
    site: Here,
    period: Asked,
    section: Annotated[str, Query(description="The `name` of a section of the edition.")],
    q: Narrowing = "",
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Json:
    """List all papers of one section of an edition, in its order."""
    found = site.library.editions.listing(
        period, section, q, offset=offset, limit=limit or site.page_size
    )
    return Json(wire.listing(found))


@api.get("/trending", responses={200: {"model": forms.TrendingForm}})
def trending(
    site: Here,
    view: Annotated[View, Query(description="Standing against age, or gains.")] = "hot",
    window: Annotated[Window, Query(description="Of what is rising.")] = "day",
    at: Annotated[str | None, Query(description="As it was at 2026-05-01T08:00Z.")] = None,
    q: Narrowing = "",
    limit: Limit | None = None,
) -> Json:
    """List the papers worth attention, each with what it stands by."""
    found = site.library.trending(
        view,
        window=window,
        at=read_moment(at) if at else None,
        query=q,
        limit=limit or site.page_size,
    )
    return Json(wire.trending(found))


@api.get("/calendar", responses={200: {"model": forms.CalendarForm}})
def calendar(
    site: Here,
    first: Annotated[str | None, Query(description="The first day; else of this month.")] = None,
    last: Annotated[str | None, Query(description="The last day; else of that month.")] = None,
) -> Json:
    """Tell how many papers each day holds, and why a day holds none."""
    today = site.clock().date()
    end = periods.read_day(last, today).last if last else None
    start = periods.read_day(first, today).first if first else periods.month_of(end or today).first
    end = end or periods.month_of(start).last
    if not 0 <= (end - start).days < LONGEST:
        raise HTTPException(400, f"A calendar goes from a day to a later one, {LONGEST} at most.")
    return Json({"days": wire.calendar(site.library.editions.calendar(start, end))})


# ---------------------------------------------------------------------------- decisions


@api.get("/duplicates", responses={200: {"model": forms.DuplicatesForm}})
def duplicates(site: Here, _who: Curator, limit: Limit = 50) -> Json:
    """List pairs of papers that may be one, surest first, with the evidence."""
    pairs = [wire.near_miss(p) for p in site.library.deciding.duplicates(limit)]
    return Json({"pairs": pairs, "behind": behind(site.library)})


@api.get("/decisions", responses={200: {"model": forms.DecisionsForm}})
def decisions(
    site: Here,
    limit: Limit = 50,
    paper: Annotated[str | None, Query(description="Only those about this paper.")] = None,
) -> Json:
    """List the decisions that were made by hand, newest first."""
    return Json(
        {"decisions": [wire.decision(d) for d in site.library.deciding.decisions(limit, paper)]}
    )


def _wish(given: Posted) -> forms.WishForm:
    """Return the decision that a request asks for."""
    try:
        return forms.WISH.validate_json(given)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, f['loc'][1:]))}: {f['msg']}" for f in error.errors()]
        raise HTTPException(400, f"{'; '.join(said)}.".removeprefix(": ")) from error


_WISHES = [w.model_json_schema() for w in (forms.MergeForm, forms.ApartForm, forms.SplitForm)]
_WISHED = {"requestBody": {"required": True, "content": {JSON: {"schema": {"oneOf": _WISHES}}}}}


@api.post(
    "/decisions",
    status_code=201,
    responses={201: {"model": forms.DecisionForm}},
    openapi_extra=_WISHED,
)
def decide(site: Here, who: Curator, wish: Annotated[forms.WishForm, Depends(_wish)]) -> Json:
    """Decide by hand that two papers are one (merge) or not (apart), or split a record off."""
    match wish:
        case forms.MergeForm():
            made = site.library.deciding.merge(wish.one, wish.other, wish.note, by=who)
        case forms.ApartForm():
            made = site.library.deciding.tell_apart(wish.one, wish.other, wish.note, by=who)
        case forms.SplitForm():
            made = site.library.deciding.split(wish.paper, wish.record, wish.note, by=who)
    return Json(wire.decision(made), 201)


@api.delete(
    "/decisions/{number}",
    responses={200: {"model": forms.DecisionForm}},
    dependencies=[Depends(from_us)],
)
def undo(site: Here, who: Curator, number: Annotated[int, InPath(ge=1, le=10**15)]) -> Json:
    """Take a decision back; it stays in the log as undone."""
    return Json(wire.decision(site.library.deciding.undo(number, by=who)))


@api.get("/status", responses={200: {"model": forms.StatusForm}})
def status(site: Here, _who: Doctor) -> Json:
    """Tell what this Broadsheet holds, how it does, and what a person should know of."""
    found = sources.enabled(site.library)
    warnings = [found.trouble] if found.trouble else []
    return Json(wire.status(site.library.status(), found.standings, warnings))


# ---------------------------------------------------------------------------- harvests


@api.get("/sources", responses={200: {"model": forms.SourcesForm}})
def list_sources(site: Here, _who: Doctor) -> Json:
    """List all sources: what they can do, whether they are enabled, their last runs and next."""
    return Json({"sources": [wire.standing(s) for s in site.library.newsroom.sources()]})


@api.get("/runs", responses={200: {"model": forms.RunsForm}})
def runs(
    site: Here,
    _who: Doctor,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Runs at most.")] = 20,
    source: Annotated[str | None, Query(description="Only runs of this source.")] = None,
) -> Json:
    """List the last harvests and imports, newest first, each with its outcome and the reason."""
    return Json({"runs": [wire.run(r) for r in site.library.runs(limit, source)]})


@api.get("/listings", responses={200: {"model": forms.ListingsForm}})
def list_listings(
    site: Here,
    date: Annotated[
        str | None, Query(description="A day: 2026-03-17, today; else the newest listed.")
    ] = None,
    category: Annotated[str | None, Query(description="Only this category: cs.LG.")] = None,
) -> Json:
    """Hold what is here against the source's own listings of a day, paper by paper."""
    asked = periods.read_day(date, site.clock().date()).first.isoformat() if date else None
    found = listings.days_round(site.library, asked)
    listed = site.library.newsroom.reconciled(found.day, found.day, category) if found else []
    return Json({"listings": [wire.reconciliation(r) for r in listed]})
