"""The page of what is trending: a list with its parts, and the formula in a paragraph."""

from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from broadsheet.editions.trending import View, Window
from broadsheet.editions.trending_list import Trending, TrendingPlace, read_moment
from broadsheet.web import front, views
from broadsheet.web.site import Here
from broadsheet.web.views import Entry

trending = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

VIEWS: tuple[tuple[View, Window, str], ...] = (
    ("hot", "day", "hot"),
    ("rising", "day", "rising in a day"),
    ("rising", "week", "in a week"),
    ("rising", "month", "in a month"),
    ("rising", "all", "of all time"),
)
"""The lists there are, as the page names them."""


class Way(NamedTuple):
    """A link to a list, which may be the one that is shown."""

    name: str
    href: str
    is_shown: bool


@trending.get("/trending")
def shown(
    site: Here,
    view: View = "hot",
    window: Window = "day",
    at: Annotated[str, Query(max_length=40)] = "",
    q: str = "",
) -> HTMLResponse:
    """Return a list of what is worth attention, now or as of a moment."""
    q, at = q.strip(), at.strip()
    found = site.library.trending(
        view, window=window, at=read_moment(at) if at else None, query=q, limit=site.page_size
    )
    return site.page(
        "trending.html",
        found=found,
        at=at,
        moment=found.at.strftime("%Y-%m-%dT%H:%MZ"),
        narrowed=q,
        unnarrowed=_address(view, window, at, ""),
        entries=[_entry(place) for place in found.places],
        counts=site.counts(place.paper.id for place in found.places),
        ways=[Way(n, _address(v, w, at, q), _is_shown(found, v, w)) for v, w, n in VIEWS],
    )


def _is_shown(found: Trending, view: View, window: Window) -> bool:
    return found.view == view and (view == "hot" or found.window == window)


def _entry(place: TrendingPlace) -> Entry:
    return views.paper_entry(place.paper, front.BRIEF)._replace(reasons=place.reasons)


def _address(view: View, window: Window, at: str, q: str) -> str:
    """Return the address of a list; what it has by itself is left out."""
    said = {"view": view, "window": window, "at": at, "q": q}
    usual = {"view": "hot", "window": "day", "at": "", "q": ""}
    asked = urlencode({name: value for name, value in said.items() if value != usual[name]})
    return f"/trending?{asked}" if asked else "/trending"
