"""Votes, comments and their moderation in the pages: what readers send, and where it leads."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from broadsheet import wire
from broadsheet.errors import RefusedError, TooOften
from broadsheet.papers.identity import format_paper_id
from broadsheet.readers.comments import Comment
from broadsheet.readers.permissions import Actor
from broadsheet.web import threads
from broadsheet.web.api import Json
from broadsheet.web.deciding import Sent, read_form
from broadsheet.web.guard import own_path
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Commenter, Holder, Moderator, Reader, Reporter, Voter

community = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

COMMENT = 131_072
"""Bytes of a form with a comment: a character of the longest one may have to be sent as twelve."""
NOTICES = 50
CASES = 10
LOGGED = 50
"""Of each so many on a page."""
NEWEST = 5
"""Lines of the log below the queue."""

Number = Annotated[int, Path(ge=1, le=10**15)]
"""The number of a comment, as far as the record has such numbers."""
PageNumber = Annotated[int, Query(ge=1, le=10_000)]


async def _written(site: Here, request: Request) -> dict[str, str]:
    return await read_form(site, request, COMMENT)


Written = Annotated[dict[str, str], Depends(_written)]


# ---------------------------------------------------------------------------- votes


@community.post("/paper/{ident:path}/vote")
def vote(site: Here, who: Voter, request: Request, ident: str, sent: Sent) -> Response:
    """Vote for a paper or take a vote back, and lead back to where the button stood.

    Our own script asks for JSON, and is told the new count.
    """
    counted = site.library.community.votes.vote(who, ident, _is(sent, "up"))
    if request.headers.get("accept") == "application/json":
        return Json({"upvotes": counted.upvotes})
    paper = format_paper_id(site.library.resolve(ident))
    return _to(f"{own_path(sent.get('back') or f'/paper/{paper}')}#{paper}")


# ---------------------------------------------------------------------------- comments


@community.post("/paper/{ident:path}/comment")
def comment(site: Here, who: Commenter, ident: str, sent: Written) -> Response:
    """Keep a comment or an answer and lead to it; what is refused comes back to be mended."""
    text, parent = sent.get("text", ""), sent.get("parent", "")
    above = _comment(site, parent, who) if parent else None
    try:
        made = site.library.community.comments.write(who, ident, text, above.id if above else None)
    except RefusedError as error:
        return _again(site, error, above, ident=ident, text=text)
    return _to(f"/comment/{made.id}")


@community.get("/comment/{number}")
def permalink(site: Here, who: Reader, number: Number) -> Response:
    """Lead to the place of a comment on the page of its paper."""
    found = site.library.community.comments.get(number, who)
    paper = format_paper_id(found.paper)
    page = threads.page_of(site.library.community.comments.of(paper, who), number)
    return _to(f"/paper/{paper}{f'?comments={page}' if page > 1 else ''}#c{number}")


@community.get("/comment/{number}/reply")
def reply(site: Here, who: Commenter, number: Number) -> HTMLResponse:
    """Return the form that answers a comment."""
    found = site.library.community.comments.get(number, who)
    return _form(site, found, ident=format_paper_id(found.paper))


@community.get("/comment/{number}/history")
def history(site: Here, who: Reader, number: Number, done: str = "") -> HTMLResponse:
    """Return a comment by itself, what it said before, and the forms of those who may change it."""
    found = site.library.community.comments.get(number, who)
    return _by_itself(site, who, found, notice=_DONE.get(done, ""))


_DONE = {"report": "The curators will read this comment. Thank you for telling them."}


@community.post("/comment/{number}/edit")
def edit(site: Here, who: Commenter, number: Number, sent: Written) -> Response:
    """Let one's own comment say something else; what is refused comes back to be mended."""
    text = sent.get("text", "")
    try:
        site.library.community.comments.edit(who, number, text)
    except RefusedError as error:
        found = site.library.community.comments.get(number, who)
        return _by_itself(site, who, found, error, text=text)
    return _to(f"/comment/{number}")


@community.post("/comment/{number}/delete")
def delete(site: Here, who: Commenter, number: Number, _sent: Sent) -> Response:
    """Remove one's own comment."""
    paper = site.library.community.comments.get(number, who).paper
    site.library.community.comments.delete(who, number)
    return _to(f"/paper/{format_paper_id(paper)}#comments")


@community.post("/comment/{number}/report")
def report(site: Here, who: Reporter, number: Number, sent: Sent) -> Response:
    """Tell the curators of a comment."""
    reason = sent.get("reason", "")
    try:
        site.library.community.comments.report(who, number, reason)
    except RefusedError as error:
        found = site.library.community.comments.get(number, who)
        return _by_itself(site, who, found, error, reason=reason)
    return _to(f"/comment/{number}/history?done=report")


@community.post("/reader/{name}/mute")
def mute(site: Here, who: Commenter, name: str, sent: Sent) -> Response:
    """Fold away what somebody writes, or not any more."""
    site.library.community.mute(who, name, is_muted=_is(sent, "muted"))
    return _to(own_path(sent.get("back", "")))


# ---------------------------------------------------------------------------- notices


@community.get("/notices")
def notices(site: Here, who: Holder, page: PageNumber = 1) -> HTMLResponse:
    """Return what a reader should know of, newest first."""
    found = site.library.community.notices.of(who, NOTICES + 1, (page - 1) * NOTICES)
    return site.page(
        "notices.html",
        told=threads.news(found[:NOTICES]),
        newest=max((n.id for n in found), default=None),
        muted=site.library.community.muted(who),
        page=page,
        has_more=len(found) > NOTICES,
    )


@community.post("/notices/seen")
def seen(site: Here, who: Holder, sent: Sent) -> Response:
    """Note that a reader has seen the notices that were shown."""
    site.library.community.notices.see(who, _number(sent.get("until", "")))
    return _to("/notices")


# ---------------------------------------------------------------------------- moderation


@community.get("/moderation")
def moderation(site: Here, who: Moderator, page: PageNumber = 1) -> HTMLResponse:
    """Return what waits for a decision, the oldest first, and what was decided last."""
    desk, is_shared = site.library.community.moderation, site.library.accounts.rules.is_shared
    queue = desk.queue(who, CASES + 1, (page - 1) * CASES)
    return site.page(
        "moderation.html",
        cases=[threads.waiting(c, is_shared=is_shared) for c in queue.cases[:CASES]],
        sizes=queue.sizes,
        log=threads.log(desk.log(who, NEWEST)),
        page=page,
        has_more=len(queue.cases) > CASES,
    )


@community.get("/moderation/log")
def log(site: Here, who: Moderator, page: PageNumber = 1) -> HTMLResponse:
    """Return everything that was done with the power of curators and admins."""
    found = site.library.community.moderation.log(who, LOGGED + 1, (page - 1) * LOGGED)
    return site.page(
        "moderation_log.html",
        log=threads.log(found[:LOGGED]),
        page=page,
        has_more=len(found) > LOGGED,
    )


@community.post("/comment/{number}/hide")
def hide(site: Here, who: Moderator, number: Number, sent: Sent) -> Response:
    """Let only curators and its writer read a comment."""
    site.library.community.moderation.hide(who, number, sent.get("note", ""))
    return _to(own_path(sent.get("back") or f"/comment/{number}"))


@community.post("/comment/{number}/show")
def show(site: Here, who: Moderator, number: Number, sent: Sent) -> Response:
    """Let everybody read a comment that waited, was hidden, or was reported."""
    site.library.community.moderation.show(who, number, sent.get("note", ""))
    return _to(own_path(sent.get("back") or f"/comment/{number}"))


@community.post("/paper/{ident:path}/lock")
def lock(site: Here, who: Moderator, ident: str, sent: Sent) -> Response:
    """Let a paper take no more comments, or take them again."""
    desk = site.library.community.moderation
    if _is(sent, "locked"):
        paper = desk.lock(who, ident, sent.get("reason", ""))
    else:
        paper = desk.unlock(who, ident)
    return _to(f"/paper/{format_paper_id(paper)}#comments")


# ---------------------------------------------------------------------------- parts


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)


def _is(sent: Mapping[str, str], name: str) -> bool:
    value = sent.get(name)
    if value not in {"0", "1"}:
        raise HTTPException(400, f"The form leaves out what it needs: {name}, which is 1 or 0.")
    return value == "1"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):  # noqa: PLR2004 (SQLite's)
        raise HTTPException(400, f"{text[:20]!r} is no number.")
    return int(text)


def _comment(site: Site, number: str, who: Actor) -> Comment:
    return site.library.community.comments.get(_number(number), who)


def _again(
    site: Site, error: RefusedError, above: Comment | None, *, ident: str, text: str
) -> HTMLResponse:
    """Return the form with what was refused, so that nothing that was written is lost."""
    paper = format_paper_id(site.library.resolve(ident))
    return _form(site, above, error, ident=paper, text=text)


def _form(
    site: Site, above: Comment | None, error: RefusedError | None = None, *,
    ident: str, text: str = "",
) -> HTMLResponse:  # fmt: skip
    return _page(site, "reply.html", error, ident, said=above and _told(site, above), text=text)


def _by_itself(
    site: Site, who: Actor, found: Comment, error: RefusedError | None = None, **facts: Any
) -> HTMLResponse:
    wordings, more = threads.earlier(site.library.community.comments.history(found.id, who))
    said = _told(site, found)
    facts = {"text": found.text, "reason": "", "notice": "", **facts}
    paper = format_paper_id(found.paper)
    return _page(
        site, "comment.html", error, paper, said=said, wordings=wordings, more=more, **facts
    )


def _page(
    site: Site, template: str, error: RefusedError | None, ident: str, **facts: Any
) -> HTMLResponse:
    """Return a page about a paper, with why something was refused if it was."""
    paper = site.library.papers([site.library.resolve(ident)])[0]
    status = wire.problem(error)["status"] if error else 200
    made = site.page(template, status, paper=paper, refusal=str(error or ""), **facts)
    if isinstance(error, TooOften):
        made.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return made


def _told(site: Site, found: Comment) -> threads.Said:
    return threads.told(found, is_shared=site.library.accounts.rules.is_shared)
