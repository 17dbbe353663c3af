"""The feeds: editions, what is trending, and searches, for the feed reader of one's choice."""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import blake2b
from html import escape
from typing import Annotated, Literal, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from broadsheet.delivery.feeds import FORMS, Entry, Feed, Form, Link, urn
from broadsheet.editions import calendar as periods
from broadsheet.editions.calendar import Kind
from broadsheet.editions.edition import Edition, Editions, Placed
from broadsheet.editions.narrowing import narrowing
from broadsheet.editions.order import LEAD
from broadsheet.editions.trending import View, Window
from broadsheet.errors import QueryError
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.text import clean
from broadsheet.papers.types import Paper
from broadsheet.readers.comments import Comment
from broadsheet.search import query as language
from broadsheet.web import front, views
from broadsheet.web.narrowing import search_url, sorted_by
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Reader

feeds = APIRouter(include_in_schema=False)

PAGE = 100
"""Papers of one page of a feed, if nothing is said."""
TEXT = 30_000
"""Characters of an abstract in full content, as on the page of a paper."""
BRIEF = 300
AUTHORS = 100
LINKS = 10
DEEPEST = 1000
"""Places of a ranking that a feed goes through, page by page."""

KINDS: Mapping[str, tuple[Kind, int]] = {
    "day": ("day", 31),
    "week": ("week", 8),
    "month": ("month", 3),
}
"""Kinds of editions, and of how many one page is gathered at most: a narrow query empties many."""
TRENDING: Mapping[str, tuple[View, Window, str]] = {
    "hot": ("hot", "day", "hot"),
    "rising-day": ("rising", "day", "rising in a day"),
    "rising-week": ("rising", "week", "rising in a week"),
    "rising-month": ("rising", "month", "rising in a month"),
    "rising-all": ("rising", "all", "rising of all time"),
}

# ---------------------------------------------------------------------------- what is asked for


class Wish(NamedTuple):
    """What every feed can be told: `path` is its address without the ending.

    `here` names the page of it that is wanted, as its address does.
    """

    base: str
    path: str
    ending: str
    form: Form
    q: str
    is_full: bool
    limit: int
    skip: int
    here: Mapping[str, object]

    def address(self, **more: object) -> str:
        """Return the whole address of this feed, of the page that `more` names."""
        said = {
            "q": self.q,
            "content": "" if self.is_full else "short",
            "limit": self.limit if self.limit != PAGE else "",
            **more,
        }
        return f"{self.base}{_asking(f'{self.path}.{self.ending}', said)}"

    def feed(
        self, title: str, page: str, entries: Iterable[Entry], following: Mapping[str, object]
    ) -> Feed:
        """Return the feed of these entries; `following` names its next page, if there is one."""
        return Feed(
            # A page of a feed is that feed, in whatever form it comes.
            id=urn(_asking(f"feed {self.path}", {"q": self.q})),
            title=f"{title}: {self.q}" if self.q else f"{title} · Broadsheet",
            description=f"{title}: papers that match {self.q}." if self.q else f"{title}.",
            address=self.address(**self.here),
            page=f"{self.base}{page}",
            entries=tuple(entries),
            next=self.address(**following) if following else None,
        )


def _asking(path: str, said: Mapping[str, object]) -> str:
    asked = urlencode({k: str(v).encode("utf-8", "replace") for k, v in said.items() if v})
    return f"{path}?{asked}" if asked else path


_HOST = re.compile(r"(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII | re.IGNORECASE)


def base_of(site: Site, request: Request) -> str:
    """Return what the addresses in a feed begin with: that of the setting `address`, if it is set.

    Else the Host of the request counts, but only if it is a name of ours: somebody could have
    links to elsewhere kept by what stands in between.
    """
    if address := site.library.accounts.rules.address:
        return address.rstrip("/")
    host = request.headers.get("host", "")
    if not (_HOST.fullmatch(host) and site.guard.is_ours(host)):
        _, port = request.scope.get("server") or ("", None)
        host = f"127.0.0.1:{port}" if port else "localhost"
    return f"{request.scope['scheme']}://{host}"


def _wish(
    site: Here,
    request: Request,
    form: str,
    q: str = "",
    content: Literal["full", "short"] = "full",
    limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
    skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Wish:
    found = FORMS.get(form)
    if found is None:
        raise HTTPException(404, f"The address of a feed ends in {_any_of(FORMS)}.")
    path = request.scope["path"].removesuffix(f".{form}")
    base = base_of(site, request)
    here = {k: v for k, v in request.query_params.items() if k in {"until", "skip", "cursor"}}
    return Wish(base, path, form, found, q.strip(), content == "full", limit, skip, here)


def _any_of(names: Iterable[str]) -> str:
    *first, last = (f".{name}" for name in names)
    return f"{', '.join(first)} or {last}"


# ---------------------------------------------------------------------------- the feeds


@feeds.get("/feeds/editions/{period}.{form}")
def editions(
    site: Here,
    request: Request,
    wish: Annotated[Wish, Depends(_wish)],
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
    made = wish.feed(f"Editions of the {kind}", page, entries, following)
    return _answer(site, request, wish, made)


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
    wish: Annotated[Wish, Depends(_wish)],
    name: Annotated[str, Path(alias="list")],
) -> Response:
    """Return what is trending now, in its order."""
    if name not in TRENDING:
        raise HTTPException(404, f"What is trending comes as {', '.join(TRENDING)}.")
    view, window, title = TRENDING[name]
    until = min(wish.skip + wish.limit, DEEPEST)
    found = site.library.trending(view, window=window, query=wish.q, limit=until)
    entries = [paper_entry(wish, p.paper, p.reasons) for p in found.places[wish.skip :]]
    page = {"view": view if view != "hot" else "", "window": window if window != "day" else ""}
    following = {"skip": until} if until < min(found.total, DEEPEST) else {}
    address = _asking("/trending", {**page, "q": wish.q})
    made = wish.feed(f"Trending, {title}", address, entries, following)
    return _answer(site, request, wish, made)


@feeds.get("/feeds/search.{form}")
def search(
    site: Here, request: Request, wish: Annotated[Wish, Depends(_wish)], cursor: str = ""
) -> Response:
    """Return the papers that a query finds, the newest first unless it says otherwise."""
    asked = _newest_first(site.library.read(wish.q)[0], wish.q)
    found = site.library.search(
        asked, mode=site.mode, limit=wish.limit, cursor=cursor or None, with_facets=False
    )
    entries = [paper_entry(wish, h.paper, ()) for h in found.hits]
    following = {"cursor": found.next} if found.next else {}
    made = wish.feed(
        "Search" if wish.q else "All papers, the newest first",
        search_url(wish.q),
        entries,
        following,
    )
    return _answer(site, request, wish, made)


def _newest_first(query: language.Query, q: str) -> str:
    """Return a query in order of day; a paper must have all its words, as that order ranks none.

    What asks for an order itself, by `sort:` or `like:`, has it.
    """
    if query.sort or query.likes:
        return q
    narrowed = narrowing(query, "a feed")
    return sorted_by(narrowed or query, "date")


@feeds.get("/feeds/papers/{ident}/comments.{form}")
def comments(
    site: Here,
    request: Request,
    wish: Annotated[Wish, Depends(_wish)],
    who: Reader,
    ident: str,
) -> Response:
    """Return the comments on a paper that are shown, the newest first."""
    thread = site.library.community.comments.of(ident, who)
    name = format_paper_id(thread.paper)
    # A query narrows papers, and all of these are on one.
    wish = wish._replace(path=f"/feeds/papers/{name}/comments", q="")
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
    return _answer(site, request, wish, made)


def comment_entry(wish: Wish, paper: Paper, comment: Comment) -> Entry:
    """Return a comment as an entry; who has not said how to be shown is shown by name."""
    at = datetime.fromisoformat(comment.at)
    writer = clean(comment.shown) or comment.name
    return Entry(
        id=urn(f"comment {comment.id} {comment.at}"),
        title=f"{writer} on “{views.clip(clean(paper.title), BRIEF)}”",
        href=f"{wish.base}/comment/{comment.id}",
        published=at,
        updated=datetime.fromisoformat(comment.edited) if comment.edited else at,
        authors=(writer,),
        text="" if wish.is_full else views.clip(comment.text, BRIEF),
        html=comment.html if wish.is_full else "",
    )


# ---------------------------------------------------------------------------- papers as entries


def paper_entry(wish: Wish, paper: Paper, reasons: Sequence[str]) -> Entry:
    """Return a paper as an entry; its URN is the same in every feed, form and host.

    So it is told once by a list that it stands in for days, and once by several lists.
    """
    name = format_paper_id(paper.id)
    published = _midnight(paper.edition) or datetime.fromisoformat(paper.first_seen)
    said = [reason for reason in reasons if reason]
    return Entry(
        # Another collection has another p12, which it did not see first at the same second.
        id=urn(f"paper {name} {paper.first_seen}"),
        title=clean(paper.title),
        href=f"{wish.base}{views.paper_url(paper)}",
        published=published,
        updated=max(published, _midnight(paper.updated or "") or published),
        authors=tuple(views.clip(a, 120) for a in _named(paper.authors)),
        text="" if wish.is_full else _brief(paper, said),
        html=_whole(paper, said) if wish.is_full else "",
        categories=paper.categories,
        links=tuple(_links(paper)),
        ids=tuple(map(str, paper.external_ids)),
    )


def _midnight(day: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    return None


def _named(authors: Sequence[str]) -> list[str]:
    """Return the first of many authors, and how many more there are."""
    rest = len(authors) - AUTHORS
    return [*authors[:AUTHORS], *([f"and {rest:,} more"] if rest > 0 else [])]


def _links(paper: Paper) -> Iterator[Link]:
    seen = set[str]()
    ids = [views.outside(i) for i in paper.external_ids]
    found = [(views.Link(f"{site} {link.text}", link.href), "") for site, link in ids]
    found += zip(views.links(paper), (kind for kind, _ in paper.links), strict=True)
    for (text, href), kind in found[:LINKS]:
        if href and (made := _address(href)) not in seen:
            seen.add(made)
            yield Link(made, text, "application/pdf" if kind == "pdf" else "text/html")


def _address(href: str) -> str:
    """Return an address in ASCII, as feeds have to give it; what is quoted stays so."""
    return quote(href, safe="%/:?#[]@!$&'()*+,;=~", errors="replace")


def _brief(paper: Paper, reasons: Sequence[str]) -> str:
    told = views.clip(paper.abstract or paper.summary, BRIEF)
    return " \N{EM DASH} ".join(filter(None, (_withdrawn(paper), "; ".join(reasons), told)))


def _withdrawn(paper: Paper) -> str:
    return "Withdrawn." if paper.withdrawn else ""


def _whole(paper: Paper, reasons: Sequence[str]) -> str:
    """Return what a reader sees of a paper: HTML of paragraphs and links alone."""
    links = (f'<a href="{escape(link.href)}">{escape(link.title)}</a>' for link in _links(paper))
    lines = (
        f"<strong>{_withdrawn(paper)}</strong>" if paper.withdrawn else "",
        f"<em>{escape('; '.join(reasons))}</em>" if reasons else "",
        escape(views.clip(paper.summary, TEXT)),
        escape(views.clip(paper.abstract, TEXT)),
        escape(" · ".join(filter(None, (paper.venue[:TEXT], paper.comment[:TEXT])))),
        " · ".join(links),
    )
    return "".join(f"<p>{line}</p>" for line in lines if line)


# ---------------------------------------------------------------------------- what has not changed


class _Versions:
    """Since when the feed at an address is as it is: what it holds does not say so.

    A ranking changes by the mere passing of time. Whoever asks first after a change finds it new,
    so nobody is told of an old one that it is unchanged. Safe to share between threads.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[bytes, tuple[str, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def since(self, address: str, tag: str, now: datetime) -> datetime:
        """Return when `tag` was first seen at `address`, now if another was there before."""
        # Queries, and so addresses, can be long.
        key = blake2b(address.encode(), digest_size=16).digest()
        with self._lock:
            before, since = self._found.pop(key, ("", now))
            self._found[key] = tag, since if before == tag else now
            if len(self._found) > self._most:
                self._found.popitem(last=False)
            return self._found[key][1]


_versions = _Versions(4096)


def _answer(site: Site, request: Request, wish: Wish, feed: Feed) -> Response:
    """Return a feed as it was asked for, or only that it has not changed (RFC 9110, 13)."""
    body = wish.form.write(feed)
    tag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    now = site.clock().astimezone(UTC).replace(microsecond=0)
    since = _versions.since(feed.address, tag, now)
    headers = {"ETag": tag, "Last-Modified": format_datetime(since, usegmt=True)}
    if site.library.accounts.rules.is_shared:
        # What one reader may see, nothing in between may give to somebody who may not.
        headers |= {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if _is_known(request.headers, tag, since):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=f"{wish.form.media_type}; charset=utf-8")


def _is_known(asked: Mapping[str, str], tag: str, since: datetime) -> bool:
    """Return whether whoever asks has this already; tags count before times."""
    tags = asked.get("if-none-match")
    if tags is not None:
        known = {one.strip().removeprefix("W/") for one in tags.split(",")}
        return bool(known & {tag, "*"})
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(asked.get("if-modified-since", "")) >= since
    return False
