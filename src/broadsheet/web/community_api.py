"""Votes, comments, notices and moderation in the JSON API."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath

from broadsheet import wire_people
from broadsheet.papers.identity import format_paper_id
from broadsheet.web import forms_people as forms
from broadsheet.web.api import PROBLEMS, Json
from broadsheet.web.site import Here
from broadsheet.web.who import Commenter, Holder, Moderator, Posted, Reader, Reporter, Voter

community_api = APIRouter(prefix="/api", responses=PROBLEMS)

Number = Annotated[int, InPath(ge=1, le=10**15)]
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="How many to pass over.")]


# ---------------------------------------------------------------------------- papers


@community_api.post(
    "/papers/{ident:path}/upvote",
    responses={200: {"model": forms.VoteForm}},
    openapi_extra=forms.asking(forms.UpvoteWish),
)
def upvote(site: Here, who: Voter, ident: str, given: Posted) -> Json:
    """Vote for a paper, or take the vote back; to do so twice changes nothing."""
    wish = forms.read_as(forms.UpvoteWish, given)
    found = site.library.community.votes.vote(who, ident, wish.up)
    return Json(wire_people.vote(site.library.resolve(ident), found))


@community_api.get("/papers/{ident:path}/comments", responses={200: {"model": forms.ThreadForm}})
def comments(site: Here, who: Reader, ident: str) -> Json:
    """List the comments of a paper in the order of reading."""
    return Json(wire_people.thread(site.library.community.comments.of(ident, who)))


@community_api.post(
    "/papers/{ident:path}/comments",
    status_code=201,
    responses={201: {"model": forms.CommentForm}},
    openapi_extra=forms.asking(forms.CommentWish),
)
def write(site: Here, who: Commenter, ident: str, given: Posted) -> Json:
    """Comment on a paper, or answer a comment; it is shown, or waits for a curator and says why."""
    wish = forms.read_as(forms.CommentWish, given)
    made = site.library.community.comments.write(who, ident, wish.text, wish.parent)
    return Json(wire_people.comment(made), 201)


# ---------------------------------------------------------------------------- comments


@community_api.get("/comments/{number}", responses={200: {"model": forms.CommentWithHistoryForm}})
def comment(site: Here, who: Reader, number: Number) -> Json:
    """Show a comment with what it said before."""
    found = site.library.community.comments.get(number, who)
    return Json(wire_people.comment(found, site.library.community.comments.history(number, who)))


@community_api.post(
    "/comments/{number}/edit",
    responses={200: {"model": forms.CommentForm}},
    openapi_extra=forms.asking(forms.WordsWish),
)
def edit(site: Here, who: Commenter, number: Number, given: Posted) -> Json:
    """Let one's own comment say something else; what it said stays to be read."""
    wish = forms.read_as(forms.WordsWish, given)
    return Json(wire_people.comment(site.library.community.comments.edit(who, number, wish.text)))


@community_api.post(
    "/comments/{number}/delete",
    responses={200: {"model": forms.CommentForm}},
    openapi_extra=forms.asking(forms.NothingWish),
)
def delete(site: Here, who: Commenter, number: Number, given: Posted) -> Json:
    """Remove what one's own comment says and ever said."""
    forms.read_as(forms.NothingWish, given)
    return Json(wire_people.comment(site.library.community.comments.delete(who, number)))


@community_api.post(
    "/comments/{number}/report",
    status_code=201,
    responses={201: {"model": forms.ReportedForm}},
    openapi_extra=forms.asking(forms.ReasonWish),
)
def report(site: Here, who: Reporter, number: Number, given: Posted) -> Json:
    """Tell the curators of a comment; only they see who did."""
    wish = forms.read_as(forms.ReasonWish, given)
    site.library.community.comments.report(who, number, wish.reason)
    return Json({"id": number, "reported": True}, 201)


# ---------------------------------------------------------------------------- readers


@community_api.post(
    "/readers/{name}/mute",
    responses={200: {"model": forms.MutedForm}},
    openapi_extra=forms.asking(forms.MuteWish),
)
def mute(site: Here, who: Commenter, name: str, given: Posted) -> Json:
    """Fold away what a reader writes, for oneself alone, or not any more."""
    wish = forms.read_as(forms.MuteWish, given)
    site.library.community.mute(who, name, is_muted=wish.muted)
    return Json({"name": name.lower(), "muted": wish.muted})


@community_api.get("/me/notices", responses={200: {"model": forms.NoticesForm}})
def notices(site: Here, who: Holder, limit: Limit = 50, offset: Offset = 0) -> Json:
    """List what one should know of: answers, mentions, decisions; the newest first."""
    own = site.library.community.notices
    found = [wire_people.notice(n) for n in own.of(who, limit, offset)]
    return Json({"unseen": own.unseen(who), "notices": found})


@community_api.post(
    "/me/notices/seen",
    responses={200: {"model": forms.UnseenForm}},
    openapi_extra=forms.asking(forms.SeenWish),
)
def see(site: Here, who: Holder, given: Posted) -> Json:
    """Note that one's notices were seen."""
    wish = forms.read_as(forms.SeenWish, given)
    site.library.community.notices.see(who, wish.until)
    return Json({"unseen": site.library.community.notices.unseen(who)})


# ---------------------------------------------------------------------------- moderation


@community_api.get("/moderation", responses={200: {"model": forms.QueueForm}})
def queue(site: Here, who: Moderator, limit: Limit = 50, offset: Offset = 0) -> Json:
    """List what waits for a decision, the oldest first."""
    return Json(wire_people.queue(site.library.community.moderation.queue(who, limit, offset)))


@community_api.get("/moderation/log", responses={200: {"model": forms.LogForm}})
def log(site: Here, who: Moderator, limit: Limit = 50, offset: Offset = 0) -> Json:
    """List what was done with the power of curators and admins, the newest first."""
    found = site.library.community.moderation.log(who, limit, offset)
    return Json({"actions": [wire_people.taken(t) for t in found]})


@community_api.post(
    "/moderation/comments/{number}",
    responses={200: {"model": forms.CommentForm}},
    openapi_extra=forms.asking(forms.HideWish),
)
def hide(site: Here, who: Moderator, number: Number, given: Posted) -> Json:
    """Hide a comment, or show one that was hidden or waits; open reports of it are decided so."""
    wish = forms.read_as(forms.HideWish, given)
    moderation = site.library.community.moderation
    decide = moderation.hide if wish.hidden else moderation.show
    return Json(wire_people.comment(decide(who, number, wish.note)))


@community_api.post(
    "/moderation/papers/{ident:path}/lock",
    responses={200: {"model": forms.LockedForm}},
    openapi_extra=forms.asking(forms.LockWish),
)
def lock(site: Here, who: Moderator, ident: str, given: Posted) -> Json:
    """Let a paper take no more comments, or let it again."""
    wish = forms.read_as(forms.LockWish, given)
    moderation = site.library.community.moderation
    if wish.locked:
        paper = moderation.lock(who, ident, wish.reason)
    else:
        paper = moderation.unlock(who, ident)
    return Json({"id": format_paper_id(paper), "locked": wish.locked})


@community_api.post(
    "/moderation/reports/{number}",
    responses={200: {"model": forms.CommentForm}},
    openapi_extra=forms.asking(forms.UpheldWish),
)
def decide(site: Here, who: Moderator, number: Number, given: Posted) -> Json:
    """Uphold a report, which hides the comment, or dismiss it."""
    wish = forms.read_as(forms.UpheldWish, given)
    found = site.library.community.moderation.decide(who, number, wish.upheld, wish.note)
    return Json(wire_people.comment(found))
