"""Author claims: the forms on the page of a paper, the page of claims, and the JSON API."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from broadsheet import wire_people
from broadsheet.collection.claims import State
from broadsheet.papers.identity import format_paper_id
from broadsheet.web import forms_submitting as forms
from broadsheet.web.api import PROBLEMS, Json
from broadsheet.web.deciding import Sent
from broadsheet.web.forms_people import NothingWish, asking, read_as
from broadsheet.web.guard import own_path
from broadsheet.web.site import Here
from broadsheet.web.who import Admin, Claimant, Posted

claims = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
claims_api = APIRouter(prefix="/api", responses=PROBLEMS)

SHOWN = 50
WAITING = 20
"""Claims on a page: those that were decided, and those that wait."""

Number = Annotated[int, InPath(ge=1, le=10**15)]


@claims.post("/paper/{ident:path}/claim")
def claim(site: Here, who: Claimant, ident: str, sent: Sent) -> RedirectResponse:
    """Claim to be an author of a paper, and lead back to it."""
    author, note = sent.get("author", ""), sent.get("note", "")
    made = site.library.claims.claim(who, ident, author, note)
    return RedirectResponse(f"/paper/{format_paper_id(made.paper)}#claims", 303)


@claims.get("/claims")
def page(site: Here, who: Claimant) -> HTMLResponse:
    """Return one's own claims; to admins those of all, first what waits for them."""
    may_decide = who.may("administer")
    library = site.library.claims
    waiting = library.claims(who, WAITING, "waiting") if may_decide else []
    found = library.claims(who, SHOWN)
    return site.page(
        "claims.html",
        waiting=waiting,
        rest=[c for c in found if not may_decide or c.state != "waiting"],
    )


@claims.post("/claims/{number}")
def decide(site: Here, who: Admin, number: Number, sent: Sent) -> RedirectResponse:
    """Grant or refuse a claim."""
    if sent.get("granted") not in {"0", "1"}:
        raise HTTPException(400, "The form leaves out what it needs: granted, which is 1 or 0.")
    site.library.claims.decide(
        who, number, is_granted=sent["granted"] == "1", reason=sent.get("reason", "")
    )
    return RedirectResponse("/claims", 303)


@claims.post("/claims/{number}/withdraw")
def withdraw(site: Here, who: Claimant, number: Number, sent: Sent) -> RedirectResponse:
    """End one's own claim, and lead back to where the form stood."""
    site.library.claims.withdraw(who, number)
    return RedirectResponse(own_path(sent.get("back") or "/claims"), 303)


# ---------------------------------------------------------------------------- the API


@claims_api.post(
    "/papers/{ident:path}/claim",
    responses={200: {"model": forms.ClaimForm}},
    openapi_extra=asking(forms.ClaimWish),
)
def make(site: Here, who: Claimant, ident: str, given: Posted) -> Json:
    """Claim to be an author of a paper: granted if that is known, else it waits for an admin."""
    wish = read_as(forms.ClaimWish, given)
    return Json(wire_people.claim(site.library.claims.claim(who, ident, wish.author, wish.note)))


@claims_api.get("/claims", responses={200: {"model": forms.ClaimsForm}})
def listed(
    site: Here,
    who: Claimant,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 50,
) -> Json:
    """List one's own claims, to admins those of all."""
    found = site.library.claims.claims(who, limit, state)
    return Json({"claims": [wire_people.claim(c) for c in found]})


@claims_api.post(
    "/claims/{number}",
    responses={200: {"model": forms.ClaimForm}},
    openapi_extra=asking(forms.GrantWish),
)
def grant(site: Here, who: Admin, number: Number, given: Posted) -> Json:
    """Grant or refuse a claim."""
    wish = read_as(forms.GrantWish, given)
    made = site.library.claims.decide(who, number, is_granted=wish.granted, reason=wish.reason)
    return Json(wire_people.claim(made))


@claims_api.post(
    "/claims/{number}/withdraw",
    responses={200: {"model": forms.ClaimForm}},
    openapi_extra=asking(NothingWish),
)
def end(site: Here, who: Claimant, number: Number, given: Posted) -> Json:
    """End one's own claim."""
    read_as(NothingWish, given)
    return Json(wire_people.claim(site.library.claims.withdraw(who, number)))
