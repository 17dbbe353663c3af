"""The pages to read: each route is request, library, template. Nothing here changes anything."""

from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from broadsheet.editions.calendar import read_day
from broadsheet.errors import ConfigError, QueryError, SearchIndexError
from broadsheet.library import Library, Sheet
from broadsheet.papers import identity
from broadsheet.papers.identity import format_paper_id, parse_external_id
from broadsheet.papers.types import PaperId
from broadsheet.readers.permissions import Actor
from broadsheet.search import query as language
from broadsheet.search.engine import MODES, Mode, Similar
from broadsheet.search.roles import FACETS, Facet
from broadsheet.web import (
    counted,
    evidence,
    front,
    health,
    listings,
    narrowing,
    sources,
    threads,
    views,
)
from broadsheet.web.api import LIKE
from broadsheet.web.deciding import read_form
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Doctor, Reader

pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
open_to_all = APIRouter(include_in_schema=False)
"""What a page needs that tells a stranger why there is no other."""

SIMILAR = 6
LINKED_AUTHORS = 40
NAMED_AUTHORS = 1000
AGAIN = 12
"""Days on which a paper came again that its page names."""
EXTRA = 3000
"""Characters of a record's further fields that the page of a paper shows."""

ROOM = 10
"""Links that there must be room for to offer other orders and modes."""

EXAMPLES = (
    ("graph networks -survey", "words, one of them left out"),
    ('"retrieval augmented" year:2024..', "a phrase, since 2024"),
    ("author:hinton sort:date", "one author, newest first"),
    ("cat:cs.* (robust OR resilient)", "a whole archive, one word or the other"),
)


@pages.get("/search")
def search(
    site: Here, q: str = "", mode: Mode | None = None, cursor: str | None = None
) -> Response:
    """Return a page of hits; a pasted id, DOI or link leads to its paper."""
    q = q.strip()
    if not q:
        return RedirectResponse("/", 303)
    found = site.library.find(q)
    if found is not None:
        return _see_paper(found)
    used = mode or site.mode
    said = used if used != site.mode else ""
    query, _ = site.library.read(q)
    try:
        hits = site.library.search(q, mode=used, limit=site.page_size, cursor=cursor or None)
    except QueryError:
        if not cursor:
            raise
        # The query can be read, so it is the cursor that belongs to another search.
        return RedirectResponse(narrowing.search_url(str(query), said), 303)
    has_room = narrowing.room(query) >= ROOM
    return site.page(
        "search.html",
        q=q,
        found=hits,
        said=said,
        is_first=not cursor,
        entries=views.hit_entries(hits.hits),
        counts=site.counts(h.paper.id for h in hits.hits),
        facets=narrowing.facets(hits, query, said),
        narrowings=narrowing.narrowings(query, said),
        orders=_orders(query, said) if has_room else [],
        modes=_modes(site, used, str(query)) if has_room else [],
        next_url=hits.next and narrowing.search_url(hits.query, said, hits.next),
        unknown=parse_external_id(q),
    )


@pages.get("/like")
def ask_for_like(site: Here) -> HTMLResponse:
    """Return the form that takes a list of papers."""
    return site.page("like.html")


async def _listed(site: Here, request: Request) -> str:
    return (await read_form(site, request, LIKE)).get("papers", "")


@pages.post("/like")
def like(site: Here, papers: Annotated[str, Depends(_listed)]) -> Response:
    """Return papers like those of a pasted list; where all are here, under an address of its own.

    Nothing is changed.
    """
    given = BytesIO(papers.encode("utf-8", "replace"))
    found = site.library.like_file(Path("-"), mode=site.mode, limit=site.page_size, stdin=given)
    query = language.parse(found.query)
    if query.likes:
        return RedirectResponse(narrowing.search_url(found.query), 303)
    return site.page(
        "search.html",
        q="",
        found=found,
        said="",
        is_first=True,
        entries=views.hit_entries(found.hits),
        counts=site.counts(h.paper.id for h in found.hits),
        facets=[],
        narrowings=[],
        orders=[],
        modes=[],
        next_url=None,
        unknown=None,
    )


def _orders(query: language.Query, mode: str) -> list[tuple[str, bool, str]]:
    """Return the orders of a search: name, whether it is the one used, address."""
    return [
        (name, (query.sort or "relevance") == name, _sorted_url(query, sort, mode))
        for name, sort in (("relevance", None), ("date", "date"))
    ]


def _sorted_url(query: language.Query, sort: str | None, mode: str) -> str:
    return narrowing.search_url(narrowing.sorted_by(query, sort), mode)


_MODE_NAMES = {"hybrid": "words and meaning", "text": "words", "vector": "meaning"}


def _modes(site: Site, used: Mode, query: str) -> list[tuple[str, bool, str]]:
    """Return the modes of a search: name, whether it is the one used, address."""
    return [
        (_MODE_NAMES[m], m == used, narrowing.search_url(query, m if m != site.mode else ""))
        for m in MODES
    ]


def _see_paper(paper_id: PaperId) -> RedirectResponse:
    # Not 308: records can be told apart again, and browsers keep a 308 for ever.
    return RedirectResponse(f"/paper/{format_paper_id(paper_id)}", 303)


@pages.get("/paper/{ident:path}")
def paper(
    site: Here,
    who: Reader,
    ident: str,
    done: int | None = None,
    facet: Facet | None = None,
    comments: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Return all that is known of a paper; any other id of it leads to its one address.

    `done` is the number of a decision of which the page gives notice, and `facet` what the similar
    papers shall have in common with this one.
    """
    sheet = site.library.sheet(ident)
    if ident != format_paper_id(sheet.paper.id):
        return _see_paper(sheet.paper.id)
    return site.page(
        "paper.html",
        **_paper_facts(sheet),
        decisions=[evidence.told(d) for d in sheet.decisions],
        notice=evidence.notice(sheet.decisions, done),
        similar=_similar(site.library, ident, facet),
        counted=site.counts([sheet.paper.id])[sheet.paper.id],
        talk=_talk(site, who, ident, comments),
        picks=site.library.picks.of_paper(sheet.paper.id),
        claims=site.library.claims.of_paper(sheet.paper.id),
        own_claim=site.library.claims.own(who, sheet.paper.id),
        facets=[("as a whole", not facet, ""), *((f"same {f}", f == facet, f) for f in FACETS)],
    )


def _talk(site: Site, who: Actor, ident: str, page: int) -> threads.Talk:
    thread = site.library.community.comments.of(ident, who)
    return threads.talk(thread, page, is_shared=site.library.accounts.rules.is_shared)


def _paper_facts(sheet: Sheet) -> dict[str, Any]:
    found = sheet.paper
    series = counted.series(sheet.signals, found)
    linked, rest = found.authors[:LINKED_AUTHORS], found.authors[LINKED_AUTHORS:]
    return {
        "paper": found,
        "authors": views.authors(linked),
        "more_authors": [views.clip(name, 80) for name in rest[:NAMED_AUTHORS]],
        "unnamed": max(len(rest) - NAMED_AUTHORS, 0),
        "venue": narrowing.link(narrowing.venue(found.venue)),
        "categories": views.categories(found),
        "dates": views.dates(found),
        "edition": front.edition_link(found) if found.edition else None,
        "basis": front.basis_explained(found.basis),
        "again": [
            (front.day_link(date.fromisoformat(a.day)), front.how_again(a.kind, a.note))
            for a in sheet.again[:AGAIN]
        ],
        "ids": [views.outside(i) for i in found.external_ids],
        "links": views.links(found),
        "citation": views.citation(found),
        "counts": series[: counted.SERIES],
        "seen": [s for s in series if len(s.seen) > 1][: counted.SERIES],
        "records": sheet.records,
        "origins": views.origins_in_words(identity.origins(f.record for f in sheet.records))
        if len(sheet.records) > 1
        else [],
        "rules": identity.FIELD_RULES,
        "extra_size": EXTRA,
        "places": sheet.places,
    }


def _similar(library: Library, ident: str, facet: Facet | None) -> Similar | None:
    try:
        return library.similar(ident, limit=SIMILAR, facet=facet)
    except SearchIndexError:
        # The record alone makes a page; only what the index adds is missing.
        return None


@pages.get("/about/query")
def about_query(site: Here) -> HTMLResponse:
    """Return the query language, from the table that also reads it."""
    return site.page("query.html", fields=language.FIELDS, examples=EXAMPLES)


@pages.get("/status")
def status(site: Here, _who: Doctor) -> HTMLResponse:
    """Return what the collection holds, how it does, and what a person should know of."""
    enabled = sources.enabled(site.library)
    facts = health.page_of(site.library.status(), enabled, site.clock())
    return site.page("status.html", **facts, listed=listings.days_round(site.library, None))


@pages.get("/status/listings")
def status_listings(site: Here, day: Annotated[str, Query(alias="date")] = "") -> HTMLResponse:
    """Return a day's own listings beside what is here, paper by paper: the newest, or of `date`."""
    asked = _day(day, site.clock().date()) if day else None
    found = listings.days_round(site.library, asked)
    compared, trouble = _compared(site.library, found.day) if found else ([], "")
    return site.page("listings.html", found=found, compared=compared, trouble=trouble)


def _day(text: str, today: date) -> str:
    try:
        return read_day(text, today).first.isoformat()
    except QueryError as error:
        raise HTTPException(404, f"There is no listing of that day. {error}") from error


def _compared(library: Library, day: str) -> tuple[list[listings.Compared], str]:
    """Return the listings of a day, and why they cannot be told, if they cannot."""
    try:
        return listings.compared(library.newsroom.reconciled(day, day)), ""
    except ConfigError as error:
        return [], sources.unusable(error)


@open_to_all.get("/healthz")
async def healthz() -> PlainTextResponse:
    """Return that the server answers."""
    return PlainTextResponse("ok\n")


@open_to_all.get("/static/{name}")
async def static(site: Here, name: str, v: str = "") -> Response:
    """Return a static file, to be kept for a year if asked for by its version."""
    file = site.static.get(name)
    if file is None:
        raise HTTPException(404)
    is_lasting = v == file.version
    keep = "public, max-age=31536000, immutable" if is_lasting else "no-cache"
    return Response(file.body, media_type=file.media_type, headers={"Cache-Control": keep})
