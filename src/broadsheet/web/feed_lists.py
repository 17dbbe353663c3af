"""The feeds that there are, for people and as OPML; days with editions as a calendar."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from broadsheet.delivery.feeds import STANDING, opml, urn
from broadsheet.delivery.icalendar import MEDIA_TYPE, AllDay, icalendar
from broadsheet.delivery.subscription import Cadence, Subscription
from broadsheet.editions.calendar import day_of
from broadsheet.papers.categories import category_label
from broadsheet.readers.permissions import Actor
from broadsheet.sources.opml import Outline
from broadsheet.web.feed_answers import asking, base_of, unless_known
from broadsheet.web.narrowing import LONGEST, category, is_sayable
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Reader, door_of

feed_lists = APIRouter(include_in_schema=False)
secret_feeds = APIRouter(include_in_schema=False)

DAYS = 92
"""So many days back the calendar goes."""
OPML = "text/x-opml"
AS_FILE = {"Content-Disposition": 'attachment; filename="broadsheet.opml"'}
EVERYTHING = "All papers, the newest first"
_PERIODS: dict[Cadence, str] = {"day": "day", "weekdays": "day", "week": "week", "month": "month"}


class Listed(NamedTuple):
    """A feed in a list: its `path` below `/feeds/`, without an ending, and its query."""

    title: str
    path: str
    q: str = ""
    folder: str = ""

    def url(self, door: str) -> str:
        """Return its address as Atom; `door` is what all addresses begin with."""
        return asking(f"{door}/{self.path}.atom", {"q": self.q})


@feed_lists.get("/feeds", response_class=HTMLResponse)
def page(
    site: Here, _who: Reader, q: Annotated[str, Query(max_length=LONGEST)] = ""
) -> HTMLResponse:
    """Return the feeds that there are, all narrowed by a query if there is one."""
    site.library.read(q)
    found = site.library.search("", limit=1).facets.get("category", ())
    categories = [
        Listed(category_label(name), f"categories/{name}")
        for name, _ in found
        if "/" not in name and is_sayable(category(name))
    ]
    return site.page("feeds.html", narrowed=q, standing=list(_standing()), categories=categories)


def _standing() -> Iterator[Listed]:
    for path, title in STANDING.items():
        yield Listed(title, path, folder=title.split()[0].rstrip(","))
    yield Listed(EVERYTHING, "search", folder="Searches")


@feed_lists.get("/feeds/mine.opml")
def mine(site: Here, request: Request, who: Reader) -> Response:
    """Return the feeds that every house has, and those of what one subscribed to, as OPML.

    What is kept of a reader is not for a token that may only read: it gets the former alone.
    """
    door = f"{base_of(site, request)}{door_of(request)}"
    return unless_known(site, request, f"{door}/mine.opml", listed(site, who, door), OPML, AS_FILE)


def listed(site: Site, who: Actor, door: str) -> bytes:
    """Return the feeds of whoever asks as OPML; `door` is what their addresses begin with."""
    held: list[Subscription] = []
    if who.reader is not None and who.may("subscribe"):
        held = site.library.mailroom.subscriptions.of_reader(who)
    found = [*_standing(), *_of_subscriptions(held)]
    return opml("Broadsheet", [Outline(one.title, one.url(door), one.folder) for one in found])


def _of_subscriptions(subscriptions: Iterable[Subscription]) -> Iterator[Listed]:
    """Yield the feeds of what somebody subscribed to with a query, as without one they stand."""
    for one in subscriptions:
        wishes = one.wishes
        if one.state == "ended" or not wishes.query:
            continue
        if wishes.kind == "trending":
            yield Listed(f"Trending: {wishes.query}", "trending/hot", wishes.query, "Trending")
        elif wishes.kind == "edition":
            path = f"editions/{_PERIODS[wishes.cadence]}"
            yield Listed(f"{STANDING[path]}: {wishes.query}", path, wishes.query, "Editions")
        elif wishes.kind == "search":
            yield Listed(wishes.query, "search", wishes.query, "Searches")


@feed_lists.get("/feeds/editions.ics")
def days(site: Here, request: Request) -> Response:
    """Return the days with editions as a calendar."""
    base, today = base_of(site, request), site.clock().date()
    made = icalendar(
        "Broadsheet",
        [
            AllDay(
                urn(f"edition {day}"),
                day,
                f"{papers:,} paper{'' if papers == 1 else 's'}",
                f"{base}{day_of(day).path}",
            )
            for day, papers, _ in site.library.editions.calendar(today - timedelta(DAYS), today)
            if papers
        ],
    )
    address = f"{base}{door_of(request)}/editions.ics"
    return unless_known(site, request, address, made, MEDIA_TYPE)


@secret_feeds.get("/feeds/for/{secret}/{path:path}")
def ended(secret: str, path: str) -> Response:
    """Say that this is nobody's secret address: whose it is, `Door` has let in before."""
    del secret, path
    raise HTTPException(
        404,
        "This secret address leads to no feed: it was ended, or it is not whole. "
        "Your account's page makes a new one.",
    )
