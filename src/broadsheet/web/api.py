"""The JSON API: the same calls as the pages, written by `wire`."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from broadsheet import __version__, wire
from broadsheet.papers.identity import format_paper_id
from broadsheet.search.engine import MAX_LIMIT, Mode
from broadsheet.web import forms
from broadsheet.web.site import Here

PROBLEM = "application/problem+json"

_PROBLEM: dict[str, Any] = {PROBLEM: {"schema": forms.ProblemForm.model_json_schema()}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request cannot be answered; why, is said.", "content": _PROBLEM},
    "5XX": {"description": "The server cannot answer; 503 says when to ask.", "content": _PROBLEM},
}

api = APIRouter(prefix="/api", responses=_PROBLEMS)

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Papers at most.")]


class Json(Response):
    """An answer in JSON, as `wire` made it."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes of an answer."""
        return orjson.dumps(content)


@api.get("/search", responses={200: {"model": forms.PageForm}})
def search(
    site: Here,
    q: Annotated[str, Query(description="In the query language; empty for all papers.")] = "",
    mode: Annotated[Mode | None, Query(description="How to search.")] = None,
    limit: Limit | None = None,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Json:
    """Find papers by words and by meaning, best first, with reasons."""
    found = site.library.search(
        q, mode=mode or site.mode, limit=limit or site.page_size, cursor=cursor or None
    )
    return Json(wire.page(found))


# Before the route of a paper: an id is a path, and would take "/similar" in.
@api.get("/papers/{ident:path}/similar", responses={200: {"model": forms.SimilarForm}})
def similar(site: Here, ident: str, limit: Limit = 10) -> Json:
    """Find the papers most like one."""
    found = site.library.resolve(ident)
    hits = site.library.similar(ident, limit=limit, mode=site.mode)
    return Json({"id": format_paper_id(found), "hits": [wire.hit(h) for h in hits]})


@api.get("/papers/{ident:path}", responses={200: {"model": forms.SheetForm}})
def paper(site: Here, ident: str) -> Json:
    """Show all that is known of a paper; `ident` is any of its ids, a DOI or a link."""
    return Json(wire.sheet(site.library.sheet(ident)))


@api.get("/latest", responses={200: {"model": forms.LatestForm}})
def latest(
    site: Here,
    limit: Limit | None = None,
    offset: Annotated[int, Query(ge=0, le=10**9, description="Papers to pass over.")] = 0,
) -> Json:
    """List the papers of the newest days first."""
    papers = site.library.latest(limit or site.page_size, offset)
    return Json({"total": site.count(), "papers": [wire.paper(p) for p in papers]})


@api.get("/status", responses={200: {"model": forms.StatusForm}})
def status(site: Here) -> Json:
    """Tell what this Broadsheet holds."""
    index = site.library.index
    return Json(
        {
            "version": __version__,
            "papers": site.count(),
            "sequence": index.sequence,
            "index": index.facts,
        }
    )
