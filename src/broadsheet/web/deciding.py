"""The pages on which people decide which papers are the same, and how forms are read."""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from broadsheet.collection.decisions import Decision
from broadsheet.library import Library
from broadsheet.papers.identity import format_paper_id
from broadsheet.readers.deciding import FEW
from broadsheet.web import evidence
from broadsheet.web.guard import BODY, COOKIE, FIELD, read_body
from broadsheet.web.site import Here, Site
from broadsheet.web.who import SESSION, Curator

deciding = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAIRS = 15
"""Pairs on a page."""
LOGGED = 50
"""Decisions that the log shows."""
_FIELDS = 20
_FORM = "application/x-www-form-urlencoded"


@deciding.get("/duplicates")
def duplicates(
    site: Here,
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
    done: int | None = None,
) -> HTMLResponse:
    """Return pairs of papers that may be one, and the log of what was decided."""
    found = site.library.deciding.duplicates(page * PAIRS + 1)
    shown = found[(page - 1) * PAIRS : page * PAIRS]
    if not shown and page > 1:
        raise HTTPException(404, "There are not so many pages of pairs.")
    made = site.library.deciding.decisions(LOGGED)
    return site.page(
        "duplicates.html",
        pairs=[evidence.pair(p) for p in shown],
        page=page,
        has_more=len(found) > page * PAIRS,
        decisions=[evidence.told(d) for d in made],
        notice=evidence.notice(made, done),
        behind=behind(site.library),
    )


def behind(library: Library) -> int | None:
    """Return how many changes ago duplicates were looked for; None if no pair was ever found.

    A small collection is never behind: it is looked through for every page.
    """
    if library.count() <= FEW:
        return 0
    look = library.deciding.last_look()
    return look.behind if look else None


# ---------------------------------------------------------------------------- what forms send


async def read_form(site: Site, request: Request, most: int = BODY) -> dict[str, str]:
    """Return the fields of a form of at most so many bytes that a page of ours sent."""
    site.guard.check_sender(request.headers)
    fields = await read_fields(request, most)
    site.guard.check_token(
        request.cookies.get(COOKIE), fields.pop(FIELD, ""), request.cookies.get(SESSION, "")
    )
    return fields


async def read_fields(request: Request, most: int = BODY) -> dict[str, str]:
    """Return the fields of a form of at most so many bytes, whoever sent it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise HTTPException(415, f"A form is sent as {_FORM}.")
    text = (await read_body(request, most)).decode("utf-8", "replace")
    try:
        fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError as error:
        raise HTTPException(400, "This form has too many fields.") from error
    return fields


async def _sent(site: Here, request: Request) -> dict[str, str]:
    return await read_form(site, request)


Sent = Annotated[dict[str, str], Depends(_sent)]


@deciding.post("/decide/merge")
def merge(site: Here, who: Curator, sent: Sent) -> RedirectResponse:
    """Make two papers one."""
    one, other = _field(sent, "one"), _field(sent, "other")
    made = site.library.deciding.merge(one, other, sent.get("note", ""), by=who)
    return _done(site, sent, made)


@deciding.post("/decide/apart")
def apart(site: Here, who: Curator, sent: Sent) -> RedirectResponse:
    """Decide that two papers are not the same."""
    one, other = _field(sent, "one"), _field(sent, "other")
    made = site.library.deciding.tell_apart(one, other, sent.get("note", ""), by=who)
    return _done(site, sent, made)


@deciding.post("/decide/split")
def split(site: Here, who: Curator, sent: Sent) -> RedirectResponse:
    """Make a record of a paper a paper of its own."""
    paper, record = _field(sent, "paper"), _field(sent, "record")
    made = site.library.deciding.split(paper, record, sent.get("note", ""), by=who)
    return _done(site, sent, made)


@deciding.post("/decide/undo")
def undo(site: Here, who: Curator, sent: Sent) -> RedirectResponse:
    """Take a decision back."""
    number = _field(sent, "number")
    if not re.fullmatch("[0-9]{1,15}", number):
        raise HTTPException(400, f"{number[:20]!r} is no number of a decision.")
    return _done(site, sent, site.library.deciding.undo(int(number), by=who))


def _field(sent: Mapping[str, str], name: str) -> str:
    value = sent.get(name, "").strip()
    if not value:
        raise HTTPException(400, f"The form leaves out what it needs: {name}.")
    return value


def _done(site: Site, sent: Mapping[str, str], made: Decision) -> RedirectResponse:
    """Lead to where the form stood, or to the paper, with a notice of what was done."""
    if sent.get("back") == "duplicates":
        return RedirectResponse(f"/duplicates?done={made.id}", 303)
    paper = format_paper_id(site.library.resolve(format_paper_id(made.paper)))
    return RedirectResponse(f"/paper/{paper}?done={made.id}", 303)
