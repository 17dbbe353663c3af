"""The feeds: editions, what is trending, searches, comments, for everybody's feed reader."""

# ruff: noqa: FAST003 (`Wished` takes the form)

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from broadsheet.delivery.feeds import STANDING, Entry, Feed
from broadsheet.editions import calendar as periods
from broadsheet.editions.calendar import Kind
from broadsheet.editions.edition import Edition, Editions, Placed
from broadsheet.editions.narrowing import narrowing
from broadsheet.editions.order import LEAD
from broadsheet.editions.trending import View, Window
from broadsheet.errors import QueryError
from broadsheet.papers.categories import category_label
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.text import clean
from broadsheet.search import query as language
from broadsheet.web import front, views
from broadsheet.web import narrowing as links
from broadsheet.web.feed_answers import Wish, Wished, answer, asking
from broadsheet.web.feed_entries import comment_entry, paper_entry
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Reader

feeds = APIRouter(include_in_schema=False)

DEEPEST = 1000
"""Places of a ranking that a feed goes through, page by page."""

KINDS: Mapping[str, tuple[Kind, int]] = {
    "day": ("day", 31),
    "week": ("week", 8),
    "month": ("month", 3),
}
"""Kinds of editions, and of how many one page is gathered at most: a narrow query empties many."""
TRENDING: Mapping[str, tuple[View, Window]] = {
    "hot": ("hot", "day"),
    "rising-day": ("rising", "day"),
    "rising-week": ("rising", "week"),
    "rising-month": ("rising", "month"),
    "rising-all": ("rising", "all"),
}

# ---------------------------------------------------------------------------- the feeds


@feeds.get("/feeds/editions/{period}.{form}")
def editions(
    site: Here,
    request: Request,
    wish: Wished,
    period: str,
    until: str = "",
) -> Response:
    """Return the newest editions of a kind, paper by paper in their order."""
    if period not in KINDS:
        raise HTTPException(404, f"There are editions of the {', '.join(KINDS)}.")
    kind, most = KINDS[period]
    today = site.clock().date()
    first = site.library.editions.newest(_day(until, today) if until else today)
    entries: list[Entry] = []
    following: dict[str, object] = {}
    if first is not None:
        entries, following = _gathered(site.library.editions, wish, kind, first, most)
    page = _page_of(kind, first, wish.q)
    made = wish.feed(STANDING[f"editions/{period}"], page, entries, following)
    return answer(site, request, wish, made)


def _day(text: str, today: date) -> date:
    try:
        return periods.read_day(text, today).first
    except QueryError as error:
        raise HTTPException(404, f"There is no edition of that day. {error}") from error


def _page_of(kind: Kind, day: date | None, q: str) -> str:
    path = "/" if kind == "day" or day is None else front.period_of(kind, day).path
    return front.edition_url(path, q)


def _gathered(
    found: Editions, wish: Wish, kind: Kind, day: date, most: int
) -> tuple[list[Entry], dict[str, object]]:
    """Return a page of papers from an edition backwards, and what names the next page."""
    entries: list[Entry] = []
    skip = wish.skip
    for _ in range(most):
        edition = found.edition(front.period_of(kind, day), wish.q)
        room = wish.limit - len(entries)
        # One more says whether there is more.
        placed = list(_placed(found, edition, wish.q, skip, room + 1))
        entries += [paper_entry(wish, p.paper, (p.reason.text,)) for p in placed[:room]]
        if len(placed) > room:
            return entries, {"until": day, "skip": skip + room}
        skip = 0
        if edition.before is None:
            return entries, {}
        day = edition.before
    return entries, {"until": day}


def _placed(found: Editions, edition: Edition, q: str, skip: int, limit: int) -> Iterator[Placed]:
    """Yield papers of an edition in its order: those that lead, then section by section."""
    parts = [(LEAD, len(edition.leads)), *((s.name, s.total) for s in edition.sections)]
    for name, total in parts:
        if limit and skip < total:
            places = found.listing(edition.period, name, q, offset=skip, limit=limit).places
            yield from places
            limit -= len(places)
        skip = max(skip - total, 0)


@feeds.get("/feeds/trending/{list}.{form}")
def trending(
    site: Here,
    request: Request,
    wish: Wished,
    name: Annotated[str, Path(alias="list")],
) -> Response:
    """Return what is trending now, in its order."""
    if name not in TRENDING:
        raise HTTPException(404, f"What is trending comes as {', '.join(TRENDING)}.")
    view, window = TRENDING[name]
    until = min(wish.skip + wish.limit, DEEPEST)
    found = site.library.trending(view, window=window, query=wish.q, limit=until)
    entries = [paper_entry(wish, p.paper, p.reasons) for p in found.places[wish.skip :]]
    page = {"view": view if view != "hot" else "", "window": window if window != "day" else ""}
    following = {"skip": until} if until < min(found.total, DEEPEST) else {}
    address = asking("/trending", {**page, "q": wish.q})
    made = wish.feed(STANDING[f"trending/{name}"], address, entries, following)
    return answer(site, request, wish, made)


@feeds.get("/feeds/search.{form}")
def search(site: Here, request: Request, wish: Wished, cursor: str = "") -> Response:
    """Return the papers that a query finds, the newest first unless it says otherwise."""
    asked = _newest_first(site.library.read(wish.q)[0], wish.q)
    title = "Search" if wish.q else "All papers, the newest first"
    made = _found(site, wish, cursor, asked, title, links.search_url(wish.q))
    return answer(site, request, wish, made)


@feeds.get("/feeds/categories/{category}.{form}")
def categories(
    site: Here, request: Request, wish: Wished, category: str, cursor: str = ""
) -> Response:
    """Return the papers of a category, or with `.*` of an archive, the newest first."""
    title = category_label(category)
    made = _narrowed(site, wish, cursor, links.category(category), title)
    return answer(site, request, wish, made)


@feeds.get("/feeds/authors/{name:path}.{form}")
def authors(site: Here, request: Request, wish: Wished, name: str, cursor: str = "") -> Response:
    """Return the papers of an author, the newest first."""
    made = _narrowed(site, wish, cursor, links.author(name), f"Papers by {clean(name)}")
    return answer(site, request, wish, made)


@feeds.get("/feeds/recommended.{form}")
def recommended(_wish: Wished) -> Response:
    """Say that there are no recommendations."""
    raise HTTPException(
        404,
        "Nothing is recommended here yet, so there is no feed of it. A search has a feed, which "
        "can ask for papers like others: like:arxiv:….",
    )


def _narrowed(site: Site, wish: Wish, cursor: str, node: language.Node, title: str) -> Feed:
    """Return the papers that fulfil a condition, and those of `wish.q`, the newest first."""
    if not links.is_sayable(node):
        raise HTTPException(404, "No query can ask for that, so there is no feed of it.")
    narrowed = narrowing(site.library.read(wish.q)[0], "this feed")
    whole = language.Query(language.And((node, *(narrowed.parts if narrowed else ()))), "date")
    page = links.sorted_by(whole, None)
    return _found(site, wish, cursor, str(whole), title, links.search_url(page))


def _found(site: Site, wish: Wish, cursor: str, asked: str, title: str, page: str) -> Feed:
    found = site.library.search(
        asked, mode=site.mode, limit=wish.limit, cursor=cursor or None, with_facets=False
    )
    entries = [paper_entry(wish, h.paper, ()) for h in found.hits]
    return wish.feed(title, page, entries, {"cursor": found.next} if found.next else {})


def _newest_first(query: language.Query, q: str) -> str:
    """Return a query in order of day; a paper must have all its words, as that order ranks none.

    What asks for an order itself, by `sort:` or `like:`, has it.
    """
    if query.sort or query.likes:
        return q
    narrowed = narrowing(query, "a feed")
    return links.sorted_by(narrowed or query, "date")


@feeds.get("/feeds/papers/{ident}/comments.{form}")
def comments(
    site: Here,
    request: Request,
    wish: Wished,
    who: Reader,
    ident: str,
) -> Response:
    """Return the comments on a paper that are shown, the newest first."""
    thread = site.library.community.comments.of(ident, who)
    name = format_paper_id(thread.paper)
    # A query narrows papers, and all of these are on one.
    wish = wish._replace(path=f"/papers/{name}/comments", q="")
    if ident != name:
        return RedirectResponse(wish._replace(base="").address(**wish.here), 303)
    paper = site.library.papers([thread.paper])[0]
    shown = [c for c in thread.comments if c.state == "shown" and not c.is_muted]
    newest = sorted(shown, key=lambda c: c.id, reverse=True)
    until = wish.skip + wish.limit
    made = wish.feed(
        f"Comments on “{clean(paper.title)}”",
        f"{views.paper_url(paper)}#comments",
        [comment_entry(wish, paper, c) for c in newest[wish.skip : until]],
        {"skip": until} if until < len(newest) else {},
    )
    return answer(site, request, wish, made)
