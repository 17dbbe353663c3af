"""What curators pick for an edition: the forms on its page and on the paper's, and the JSON API."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from broadsheet import wire_people
from broadsheet.editions.calendar import read_day
from broadsheet.papers.identity import format_paper_id
from broadsheet.web import forms_people as forms
from broadsheet.web.api import PROBLEMS, Json
from broadsheet.web.deciding import Sent
from broadsheet.web.guard import own_path
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Curator, Posted, Reader

picks = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
picks_api = APIRouter(prefix="/api/editions", responses=PROBLEMS)


@picks.post("/edition/pick")
def pick(site: Here, who: Curator, sent: Sent) -> RedirectResponse:
    """Feature a paper on its edition, and lead back to where the form stood."""
    made = site.library.picks.pick(who, _paper(sent), sent.get("note", ""), day=_day(site, sent))
    return _back(sent, format_paper_id(made.paper))


@picks.post("/edition/unpick")
def unpick(site: Here, who: Curator, sent: Sent) -> RedirectResponse:
    """Take a pick back, and lead back to where the form stood."""
    ended = site.library.picks.unpick(who, _paper(sent), day=_day(site, sent))
    return _back(sent, format_paper_id(ended[0].paper))


def _paper(sent: Mapping[str, str]) -> str:
    """Return the paper that a form names."""
    if ident := sent.get("paper", "").strip():
        return ident
    raise HTTPException(400, "Say which paper: p12, an arXiv id, a DOI or a link.")


def _day(site: Site, sent: Mapping[str, str]) -> date | None:
    """Return the day whose edition a form stood on, if it stood on one."""
    day = sent.get("day", "")
    return read_day(day, site.clock().date()).first if day else None


def _back(sent: Mapping[str, str], paper: str) -> RedirectResponse:
    return RedirectResponse(f"{own_path(sent.get('back') or f'/paper/{paper}')}#{paper}", 303)


# ---------------------------------------------------------------------------- the API


def _named(site: Here, day: str) -> date:
    """Return the day that an address names: `2026-03-17`, `today` or `yesterday`."""
    return read_day(day, site.clock().date()).first


Day = Annotated[date, Depends(_named)]


@picks_api.get("/{day}/picks", responses={200: {"model": forms.PicksForm}})
def of_day(site: Here, _who: Reader, day: Day) -> Json:
    """List what curators picked for the edition of a day, earliest first."""
    return Json(wire_people.picks(site.library.picks.between(day, day)))


@picks_api.post(
    "/{day}/picks",
    status_code=201,
    responses={201: {"model": forms.PickForm}},
    openapi_extra=forms.asking(forms.PickWish),
)
def add(site: Here, who: Curator, day: Day, given: Posted) -> Json:
    """Pick a paper of that day for its edition; who picked it already changes the note."""
    wish = forms.read_as(forms.PickWish, given)
    made = site.library.picks.pick(who, wish.paper, wish.note, day=day)
    return Json(wire_people.pick(made), 201)


@picks_api.post(
    "/{day}/picks/{ident:path}/end",
    responses={200: {"model": forms.PicksForm}},
    openapi_extra=forms.asking(forms.NothingWish),
)
def end(site: Here, who: Curator, day: Day, ident: str, given: Posted) -> Json:
    """Take back what was picked, whoever picked it."""
    forms.read_as(forms.NothingWish, given)
    return Json(wire_people.picks(site.library.picks.unpick(who, ident, day=day)))
