"""The web version of a digest: what was sent, for whoever has its link, and nothing of whom to."""

from typing import NamedTuple

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from broadsheet.delivery import dates, digest
from broadsheet.delivery.digest import Issue, Told
from broadsheet.delivery.subscription import Item
from broadsheet.errors import DigestNotFound
from broadsheet.papers.identity import format_paper_id
from broadsheet.web.entering import SECRETIVE
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Comer

digests = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

HEADERS = {**SECRETIVE, "X-Robots-Tag": "noindex, nofollow, noarchive"}
_GONE = "This link is not good any more, or was not copied whole."


class Row(NamedTuple):
    """A paper as the page shows it."""

    href: str
    told: Told
    why: str


@digests.get("/digest/{token}")
def web_version(site: Here, _who: Comer, token: str) -> HTMLResponse:
    """Return an issue as it was sent, without the links that only its recipient has.

    Its address is passed on: whoever has it can read this issue, and do nothing.
    """
    issue = _issue(site, token)
    language = issue.subscription.wishes.language
    rows = [_row(issue, item) for item in issue.items]
    made = site.page(
        "digest.html", issue=issue, rows=rows,
        day=dates.in_words(issue.day, language), written=dates.written(language),
        span=dates.span(issue.choice.first, issue.choice.until, language),
    )  # fmt: skip
    made.headers.update(HEADERS)
    return made


def _issue(site: Site, token: str) -> Issue:
    mailroom = site.library.mailroom
    named = mailroom.links.read("digest", token)
    if named is None or named.digest is None:
        raise HTTPException(404, _GONE, HEADERS)
    try:
        found = mailroom.renderer.issue(named.digest)
    except DigestNotFound as error:
        raise HTTPException(404, _GONE, HEADERS) from error
    if found.subscription.handle != named.handle:
        raise HTTPException(404, _GONE, HEADERS)
    return found


def _row(issue: Issue, item: Item) -> Row:
    paper = issue.papers[item.paper]
    told = digest.told(paper, "")
    return Row(f"/paper/{format_paper_id(paper.id)}", told, digest.why(item))
