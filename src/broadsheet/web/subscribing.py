"""The pages of subscriptions: to subscribe, one's own, and where the links of letters lead.

A link of a letter works for whoever has it, without cookies: the token in it is what lets in. To
follow it changes nothing, since those who look after a mailbox follow links; only a button does.
"""

import re
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from broadsheet.collection.subscriptions import LETTER
from broadsheet.delivery.letters import schedule_in_words
from broadsheet.delivery.links import Purpose
from broadsheet.delivery.subscribing import Subscriptions
from broadsheet.delivery.subscription import Cadence, Kind, Subscription, Wishes
from broadsheet.errors import (
    BroadsheetError,
    QueryError,
    RefusedError,
    SubscriptionNotFound,
)
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import PaperId
from broadsheet.readers.limits import client_key
from broadsheet.readers.permissions import Actor
from broadsheet.web import wishes as told
from broadsheet.web.deciding import Sent, read_fields
from broadsheet.web.entering import SECRETIVE, client_of, shown
from broadsheet.web.guard import read_body
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Comer, Subscriber, at_home

subscribing = APIRouter(
    include_in_schema=False, default_response_class=HTMLResponse, dependencies=[Depends(at_home)]
)
by_link = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

ISSUES = 5
"""Issues of a subscription that its row shows."""
GONE = "This link is not good any more, or was not copied whole."
Saying = Literal["save", "less"]
Number = Annotated[int, InPath(ge=1, le=10**15)]
_ONE_CLICK = re.compile(rb"List-Unsubscribe(?:=|\"\s+)One-Click", re.IGNORECASE)
DONE = {
    "made": "You are subscribed.",
    "change": "It is changed.",
    "pause": "It is paused.",
    "resume": "It goes on.",
    "skip": "The next issue is skipped.",
    "end": "It is ended: nothing more is sent.",
    "end_all": "All are ended: nothing more is sent to this address.",
    "undo": "That is taken back.",
}
"""What was done, by the word in the address that leads back."""
BECAME = {
    "ready": "on its way",
    "claimed": "on its way",
    "unknown": "perhaps not sent",
    "refused": "refused by the server of the address",
    "expired": "not sent",
    "stopped": "not sent",
    "late": "not sent",
    "skipped": "skipped",
    "empty": "nothing new",
}
"""What became of an issue that was not simply sent."""


def _held(site: Site) -> Subscriptions:
    return site.library.mailroom.subscriptions


class Issue(NamedTuple):
    """An issue in a list: the date that names it, its web version, and what became of it."""

    name: str
    href: str
    became: str


class Row(NamedTuple):
    """A subscription as pages show it."""

    held: Subscription
    what: str
    when: str
    to: str
    next: str
    manage: str
    issues: list[Issue]


def _row(site: Site, held: Subscription) -> Row:
    wishes, links = held.wishes, site.library.mailroom.links
    is_due = held.next_due and held.state == "active"
    return Row(
        held,
        told.what_in_words(wishes),
        schedule_in_words(wishes),
        told.masked(held.address, held.channel),
        told.moment_in_words(held.next_due, wishes.zone) if held.next_due and is_due else "",
        f"/subscription/{links.token('manage', held.handle)}",
        _issues(site, held),
    )


def _issues(site: Site, held: Subscription) -> list[Issue]:
    """Return the last issues, newest first; letters that ask are none."""
    links = site.library.mailroom.links
    found = site.library.mailroom.sender.recent(limit=2 * ISSUES, subscription=held.id)
    return [
        Issue(
            one.issue,
            f"/digest/{links.token('digest', held.handle, one.id)}" if one.papers else "",
            BECAME.get(one.state, ""),
        )
        for one in found
        if not one.issue.startswith(LETTER)
    ][:ISSUES]


# ---------------------------------------------------------------------------- subscribing


@subscribing.get("/subscribe")
def ask(
    site: Here, who: Subscriber, kind: Kind = "trending", q: str = "", cadence: Cadence = "day"
) -> HTMLResponse:
    """Return the form to subscribe, filled in as far as the address says."""
    wishes = Wishes(kind=kind, query=q.strip()[: told.LINKED], cadence=cadence)
    return _form(site, who, told.fields_of(wishes))


@subscribing.post("/subscribe")
def subscribe(site: Here, who: Subscriber, request: Request, sent: Sent) -> Response:
    """Subscribe an address: one's own at once, any other by a letter that asks its owner.

    What is answered tells nobody whether an address is known here.
    """
    address = sent.get("email", "").strip()
    try:
        wishes = told.wishes_of(sent)
        made = _held(site).subscribe(who, address, wishes, how="page", client=client_of(request))
    except (RefusedError, QueryError) as error:
        return _form(site, who, {**told.fields_of(Wishes()), **sent}, error)
    if made.state == "active" and is_own(made, who):
        return RedirectResponse("/subscriptions?done=made", 303)
    return _form(site, who, told.fields_of(wishes), sent_to=address)


def is_own(found: Subscription, who: Actor) -> bool:
    """Return whether a subscription belongs to the account of who asks."""
    return who.reader is not None and found.reader == who.reader


def _form(
    site: Site,
    who: Actor,
    given: dict[str, str],
    error: BroadsheetError | None = None,
    sent_to: str = "",
) -> HTMLResponse:
    accounts = site.library.accounts
    own = accounts.account(who).email if who.reader is not None and who.may("account") else ""
    return shown(
        site,
        "subscribe.html",
        error,
        given={"email": own or "", **given},
        choices=told.choices(),
        sent_to=sent_to,
        can_send=_held(site).can_send,
        is_open=accounts.rules.subscribe == "everybody" or who.reader is not None,
    )


# ---------------------------------------------------------------------------- one's own


@subscribing.get("/subscriptions")
def own(site: Here, who: Subscriber, done: str = "") -> HTMLResponse:
    """Return what one's account is subscribed to."""
    return _own(site, who, done=done)


@subscribing.post("/subscriptions/{number}")
def change_own(
    site: Here, who: Subscriber, request: Request, number: Number, sent: Sent
) -> Response:
    """Pause, resume or end one of one's own, or skip its next issue."""
    found, do = own_one(_held(site), who, number), sent.get("do", "")
    try:
        act(_held(site), found, do, sent, how="account", client=client_of(request))
    except RefusedError as error:
        return _own(site, who, error)
    return RedirectResponse(f"/subscriptions?done={do}", 303)


def own_one(held: Subscriptions, who: Actor, number: int) -> Subscription:
    """Return one's own subscription of a number; raises SubscriptionNotFound."""
    if who.reader is None:
        raise SubscriptionNotFound(str(number))
    return held.own(who, number)


def _own(
    site: Site, who: Actor, error: BroadsheetError | None = None, done: str = ""
) -> HTMLResponse:
    # Nobody's are none: those who have no account have the links in their letters.
    mine = _held(site).of_reader(who) if who.reader is not None else []
    rows = [_row(site, found) for found in mine]
    return shown(site, "subscriptions.html", error, rows=rows, done=DONE.get(done, ""))


def act(
    held: Subscriptions,
    found: Subscription,
    do: str,
    sent: dict[str, str],
    *,
    how: str,
    client: str,
) -> None:
    """Do what a button says with a subscription; raises RefusedError if it cannot be done."""
    match do:
        case "pause":
            held.pause(found, told.until_of(sent), how=how, client=client)
        case "resume":
            held.resume(found, how=how, client=client)
        case "skip":
            held.skip(found, how=how, client=client)
        case "end":
            held.end(found, how=how, client=client)
        case _:
            raise HTTPException(400, "The form does not say what to do.")


# ---------------------------------------------------------------------------- by a link


async def _linked(site: Here, request: Request) -> dict[str, str]:
    site.guard.check_origin(request.headers, site.library.accounts.rules.address)
    return await read_fields(request)


Linked = Annotated[dict[str, str], Depends(_linked)]
"""The fields of a form on a page that a link led to: the link is what lets in, so no more is asked.

Other sites still cannot send it: they would have to know the link.
"""


def _named(site: Site, request: Request, purpose: Purpose, token: str) -> Subscription:
    """Return what the token of a link names; whoever tries many that name nothing is slowed."""
    try:
        return _held(site).by_token(purpose, token)
    except SubscriptionNotFound:
        site.library.accounts.limits.take("link_client", client_key(client_of(request)))
        raise HTTPException(404, GONE, SECRETIVE) from None


def _page(
    site: Site, template: str, error: BroadsheetError | None = None, **facts: Any
) -> HTMLResponse:
    made = shown(site, template, error, **facts)
    made.headers.update(SECRETIVE)
    return made


def _back(token: str, done: str) -> RedirectResponse:
    return RedirectResponse(f"/subscription/{token}?done={done}", 303, SECRETIVE)


@by_link.get("/subscription/{token}")
def preferences(
    site: Here, _who: Comer, request: Request, token: str, done: str = ""
) -> HTMLResponse:
    """Return what a subscription is, and everything that can be done with it."""
    found = _named(site, request, "manage", token)
    return _preferences(site, found, token, done=DONE.get(done, ""))


def _preferences(
    site: Site,
    found: Subscription,
    token: str,
    error: BroadsheetError | None = None,
    given: dict[str, str] | None = None,
    done: str = "",
) -> HTMLResponse:
    said: dict[Saying, Any] = {}
    kinds: tuple[Saying, ...] = ("save", "less")
    for kind in kinds:
        said[kind] = site.library.papers(_held(site).said(found, kind))
    return _page(
        site,
        "subscription.html",
        error,
        row=_row(site, found),
        token=token,
        given={**told.fields_of(found.wishes), **(given or {})},
        choices=told.choices(found.channel),
        done=done,
        said=said,
    )


@by_link.post("/subscription/{token}")
def change(site: Here, _who: Comer, request: Request, token: str, sent: Linked) -> Response:
    """Change, pause, resume or end a subscription, or skip its next issue."""
    found, held = _named(site, request, "manage", token), _held(site)
    do, how, client = sent.get("do", ""), "letter", client_of(request)
    try:
        if do == "change":
            wishes = told.wishes_of(sent, found.wishes)
            held.change(found, wishes, how=how, client=client)
        elif do == "end_all":
            held.end_all(found.recipient, how=how, client=client)
        else:
            act(held, found, do, sent, how=how, client=client)
    except (RefusedError, QueryError) as error:
        return _preferences(site, found, token, error, sent if do == "change" else None)
    return _back(token, do)


@by_link.get("/subscription/{token}/export")
def export(site: Here, _who: Comer, request: Request, token: str) -> Response:
    """Return all that is kept of the recipient, as a file."""
    found = _named(site, request, "manage", token)
    body = orjson.dumps(_held(site).export(found), option=orjson.OPT_INDENT_2)
    said = {"Content-Disposition": 'attachment; filename="broadsheet-subscription.json"'}
    return Response(body, media_type="application/json", headers={**SECRETIVE, **said})


@by_link.post("/subscription/{token}/delete")
def delete(site: Here, _who: Comer, request: Request, token: str, sent: Linked) -> Response:
    """Delete everything of the recipient, once it is said that this is meant."""
    found = _named(site, request, "manage", token)
    if sent.get("sure") != "1":
        return _page(site, "forget.html", row=_row(site, found), token=token, is_gone=False)
    _held(site).forget(found)
    return _page(site, "forget.html", row=None, token="", is_gone=True)


@by_link.get("/subscription/{token}/confirm")
def ask_to_confirm(site: Here, _who: Comer, request: Request, token: str) -> HTMLResponse:
    """Return what is to be confirmed; only the button does it."""
    found = _named(site, request, "confirm", token)
    return _page(site, "confirm.html", row=_row(site, found), token=token)


@by_link.post("/subscription/{token}/confirm")
def confirm(site: Here, _who: Comer, request: Request, token: str, _sent: Linked) -> HTMLResponse:
    """Confirm a subscription; to do so twice is the same."""
    _named(site, request, "confirm", token)
    try:
        found = _held(site).confirm(token, client=client_of(request))
    except SubscriptionNotFound:
        raise HTTPException(404, GONE, SECRETIVE) from None
    return _page(site, "confirm.html", row=_row(site, found), token=token)


# ---------------------------------------------------------------------------- saying of papers


def _paper(site: Site, ident: str) -> tuple[PaperId, str]:
    number = site.library.resolve(ident)
    return number, site.library.papers([number])[0].title


@by_link.get("/subscription/{token}/{kind}/{paper}")
def ask_about(
    site: Here, _who: Comer, request: Request, token: str, kind: Saying, paper: str
) -> HTMLResponse:
    """Return what is to be said of a paper; only the button does it."""
    found = _named(site, request, "manage", token)
    return _about(site, found, token, kind, paper)


def _about(site: Site, found: Subscription, token: str, kind: Saying, ident: str) -> HTMLResponse:
    number, title = _paper(site, ident)
    is_so = number in _held(site).said(found, kind)
    return _page(
        site, "about_paper.html", token=token, kind=kind, paper=number, title=title, is_so=is_so
    )


@by_link.post("/subscription/{token}/{kind}/{paper}")
def say(
    site: Here, _who: Comer, request: Request, token: str, kind: Saying, paper: str, sent: Linked
) -> Response:
    """Save a paper or want less like it, or take that back."""
    found = _named(site, request, "manage", token)
    number = site.library.resolve(paper)
    _held(site).say(found, kind, number, is_so=sent.get("undo") != "1")
    if sent.get("back"):
        return _back(token, "undo")
    return RedirectResponse(
        f"/subscription/{token}/{kind}/{format_paper_id(number)}", 303, SECRETIVE
    )


# ---------------------------------------------------------------------------- unsubscribing


async def _body(request: Request) -> bytes:
    return await read_body(request)


@by_link.get("/unsubscribe/{token}")
def ask_to_unsubscribe(site: Here, _who: Comer, request: Request, token: str) -> HTMLResponse:
    """Return the button that unsubscribes; to come here changes nothing."""
    found = _named(site, request, "unsubscribe", token)
    return _page(site, "unsubscribe.html", row=_row(site, found), token=token)


@by_link.post("/unsubscribe/{token}")
def unsubscribe(
    site: Here, _who: Comer, request: Request, token: str, body: Annotated[bytes, Depends(_body)]
) -> HTMLResponse:
    """End a subscription by one click (RFC 8058), again and again if need be.

    Whoever runs the mailbox sends this, from anywhere and without cookies; nothing is asked but
    the token, and that the body says so.
    """
    if not _ONE_CLICK.search(body):
        raise HTTPException(400, "What unsubscribes says List-Unsubscribe=One-Click.")
    # The token is right though everything was deleted: then nothing is sent there any more.
    if site.library.mailroom.links.read("unsubscribe", token) is None:
        _named(site, request, "unsubscribe", token)
    try:
        found = _held(site).by_token("unsubscribe", token)
    except SubscriptionNotFound:
        return _page(site, "unsubscribe.html", row=None, token="")
    how = "letter" if b"by=page" in body else "one-click"
    ended = _held(site).leave(found, how=how, client=client_of(request))
    return _page(site, "unsubscribe.html", row=_row(site, ended), token=token)
