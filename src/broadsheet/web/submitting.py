"""Submitting papers: the form with its rules, what was brought, the queue, and the JSON API."""

import math
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from broadsheet import wire, wire_people
from broadsheet.collection.submissions import State
from broadsheet.errors import RefusedError, TooOften
from broadsheet.papers.identity import format_paper_id
from broadsheet.readers.permissions import Actor
from broadsheet.readers.submissions import Entry, Outcome
from broadsheet.web import forms_submitting as forms
from broadsheet.web.api import PROBLEMS, Json
from broadsheet.web.deciding import Sent, read_form
from broadsheet.web.forms_people import asking, read_as
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Moderator, Posted, Reader, Submitter

submitting = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
submitting_api = APIRouter(prefix="/api/submissions", responses=PROBLEMS)

BY_HAND = 400_000
"""Bytes of a form with a paper: the longest one, if every character has to be written as twelve."""
SHOWN = 50
"""Submissions on a page."""
WAITING = 20
_LONGEST = 2_000

Number = Annotated[int, InPath(ge=1, le=10**15)]


# ---------------------------------------------------------------------------- the form


@submitting.get("/submit")
def form(
    site: Here, who: Reader, what: Annotated[str, Query(max_length=_LONGEST)] = ""
) -> Response:
    """Return the form to submit a paper, with the rules as they bind who asks."""
    return _form(site, who, Outcome("unknown", what), is_first=True)


async def _filled_in(site: Here, request: Request) -> dict[str, str]:
    return await read_form(site, request, BY_HAND)


@submitting.post("/submit")
def submit(
    site: Here, who: Submitter, sent: Annotated[dict[str, str], Depends(_filled_in)]
) -> Response:
    """Lead to the paper that was meant; else return the form with what can be chosen or mended."""
    what = sent.get("what", "").strip()
    entry, library = _entry(sent), site.library.submissions
    try:
        if what or not entry.title:
            made = library.submit(who, what[:_LONGEST])
        else:
            made = library.enter(who, entry, is_new=sent.get("is_new") == "1")
    except RefusedError as error:
        return _form(site, who, Outcome("unknown", what, entry=entry), error)
    if made.paper is not None:
        return RedirectResponse(f"/paper/{format_paper_id(made.paper)}", 303)
    if made.state == "waiting":
        return RedirectResponse(f"/submissions#s{made.number}", 303)
    return _form(site, who, made)


def _entry(sent: Mapping[str, str]) -> Entry:
    authors = tuple(sent.get("authors", "").splitlines())
    return Entry(
        sent.get("title", ""), authors, sent.get("abstract", ""), sent.get("link", ""),
        sent.get("day", ""),
    )  # fmt: skip


def _form(
    site: Site,
    who: Actor,
    made: Outcome,
    error: RefusedError | None = None,
    *,
    is_first: bool = False,
) -> HTMLResponse:
    """Return the form as it was filled in, with what became of it."""
    status = wire.problem(error)["status"] if error else 200
    page = site.page(
        "submit.html",
        status,
        terms=site.library.submissions.terms(who),
        house_days=site.library.accounts.rules.submit_oldest_days,
        made=made,
        refusal=str(error) if error else "",
        is_first=is_first,
    )
    if isinstance(error, TooOften):
        page.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return page


# ---------------------------------------------------------------------------- the queue


@submitting.get("/submissions")
def submissions(site: Here, who: Submitter) -> HTMLResponse:
    """Return what one has submitted; to curators what all have, first what waits for them."""
    may_decide = who.may("moderate")
    library = site.library.submissions
    waiting = library.submissions(who, WAITING, "waiting") if may_decide else []
    found = library.submissions(who, SHOWN)
    return site.page(
        "submissions.html",
        waiting=waiting,
        rest=[s for s in found if not may_decide or s.state != "waiting"],
    )


@submitting.post("/submissions/{number}")
def decide(site: Here, who: Moderator, number: Number, sent: Sent) -> RedirectResponse:
    """Take what was entered by hand, or refuse it."""
    if sent.get("taken") not in {"0", "1"}:
        raise HTTPException(400, "The form leaves out what it needs: taken, which is 1 or 0.")
    site.library.submissions.decide(
        who, number, is_taken=sent["taken"] == "1", reason=sent.get("reason", "")
    )
    return RedirectResponse("/submissions", 303)


# ---------------------------------------------------------------------------- the API


@submitting_api.post(
    "", responses={200: {"model": forms.OutcomeForm}}, openapi_extra=asking(forms.SubmitWish)
)
def bring(site: Here, who: Submitter, given: Posted) -> Json:
    """Submit a paper by id, DOI, link or title, or enter it by hand; say what became of it."""
    wish = read_as(forms.SubmitWish, given)
    library = site.library.submissions
    if wish.what or not wish.title:
        return Json(wire_people.outcome(library.submit(who, wish.what)))
    entry = Entry(wish.title, tuple(wish.authors), wish.abstract, wish.link, wish.day)
    return Json(wire_people.outcome(library.enter(who, entry, is_new=wish.is_new)))


@submitting_api.get("", responses={200: {"model": forms.SubmissionsForm}})
def brought(
    site: Here,
    who: Submitter,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 50,
) -> Json:
    """List what one has submitted, to curators what all have, and the rules."""
    library = site.library.submissions
    found = library.submissions(who, limit, state)
    return Json(
        {
            "terms": wire_people.terms(library.terms(who)),
            "submissions": [wire_people.submission(s) for s in found],
        }
    )


@submitting_api.post(
    "/{number}",
    responses={200: {"model": forms.SubmissionForm}},
    openapi_extra=asking(forms.TakeWish),
)
def take(site: Here, who: Moderator, number: Number, given: Posted) -> Json:
    """Take what was entered by hand as a paper, or refuse it."""
    wish = read_as(forms.TakeWish, given)
    made = site.library.submissions.decide(who, number, is_taken=wish.taken, reason=wish.reason)
    return Json(wire_people.submission(made))
