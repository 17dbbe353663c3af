"""The pages of accounts: one's own, what everybody sees of a reader, and all of them for admins."""

import re
from collections.abc import Callable
from typing import Any, get_args

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from broadsheet.errors import BroadsheetError, RefusedError
from broadsheet.readers.permissions import Actor
from broadsheet.readers.permissions import Scope as TokenScope
from broadsheet.web import feed_lists
from broadsheet.web.deciding import Sent
from broadsheet.web.entering import SECRETIVE, admitted, agent_of, left, shared, shown
from broadsheet.web.feed_answers import base_of
from broadsheet.web.site import Here, Site
from broadsheet.web.who import Admin, Holder, Reader, visit

accounts = APIRouter(
    include_in_schema=False, default_response_class=HTMLResponse, dependencies=[Depends(shared)]
)

_NUMBER = re.compile("[0-9]{1,15}")
ROLES = ("reader", "curator", "admin")
DONE = {
    "name": "The name is changed.",
    "password": "The password is set. Everywhere else you are signed out.",
    "email": "A letter is on its way to that address; its link changes it.",
    "address": "The address is confirmed.",
    "session": "That session is ended.",
    "token": "That token lets nobody in any more.",
    "linked": "It is linked.",
    "unlinked": "It is not linked any more.",
    "unmuted": "What they write is shown again.",
    "role": "The role is changed.",
    "banned": "That reader is banned, and every session and token of theirs ended.",
    "unbanned": "That reader may come in again.",
    "withdrawn": "The invitation is taken back.",
    "invited": "The invitation is on its way.",
}
"""What was done, by the word in the address that leads back."""


# ---------------------------------------------------------------------------- one's own


@accounts.get("/account")
def account(site: Here, who: Holder, done: str = "") -> HTMLResponse:
    """Return who one is here, and what lets one in."""
    return _account(site, who, done=done)


def _account(
    site: Site, who: Actor, error: BroadsheetError | None = None, **more: Any
) -> HTMLResponse:
    held = site.library.accounts
    facts = {
        "done": DONE.get(more.pop("done", ""), ""),
        "token": None,
        "feeds_address": "",
        "account": held.account(who),
        "sessions": held.sessions(who, visit().session),
        "tokens": held.tokens(who),
        "identities": held.identities(who),
        "muted": site.library.community.muted(who),
        "scopes": get_args(TokenScope),
        "can_write": held.can_write,
    }
    return shown(site, "account.html", error, **{**facts, **more})


def _did(site: Site, who: Actor, done: str, change: Callable[[], object]) -> Response:
    """Lead back to the account once a change is made, or show it with why it was not."""
    try:
        change()
    except RefusedError as error:
        return _account(site, who, error)
    return RedirectResponse(f"/account?done={done}", 303)


@accounts.post("/account/name")
def rename(site: Here, who: Holder, sent: Sent) -> Response:
    """Be shown by another name."""
    held = site.library.accounts
    return _did(site, who, "name", lambda: held.rename(who, sent.get("shown", "")))


@accounts.post("/account/email")
def change_email(site: Here, who: Holder, sent: Sent) -> Response:
    """Ask for a link that confirms a new address."""
    held, told = site.library.accounts, (sent.get("email", ""), sent.get("password", ""))
    return _did(site, who, "email", lambda: held.change_email(who, *told))


@accounts.post("/account/password")
def set_password(site: Here, who: Holder, request: Request, sent: Sent) -> Response:
    """Set a password, which ends all sessions but the new one of this browser."""
    old, new = sent.get("old", ""), sent.get("new", "")
    try:
        session = site.library.accounts.set_password(who, old, new, agent_of(request))
    except RefusedError as error:
        return _account(site, who, error)
    return admitted(site, session, "/account?done=password")


@accounts.post("/account/sessions/end")
def end_session(site: Here, who: Holder, sent: Sent) -> Response:
    """End one session, or all of them."""
    held, ident = site.library.accounts, sent.get("session", "")
    if ident:
        return _did(site, who, "session", lambda: held.end_session(who, ident))
    held.sign_out_everywhere(who)
    return left("/sign-in")


@accounts.post("/account/tokens")
def make_token(site: Here, who: Holder, sent: Sent) -> Response:
    """Make an API token, which this one page shows."""
    scopes = [scope for scope in get_args(TokenScope) if sent.get(scope)]
    try:
        token = site.library.accounts.make_token(who, sent.get("name", ""), scopes)
    except RefusedError as error:
        return _account(site, who, error)
    made = _account(site, who, token=token)
    made.headers.update(SECRETIVE)
    return made


@accounts.post("/account/feeds")
def make_feeds_address(site: Here, who: Holder, request: Request, sent: Sent) -> Response:
    """Make a secret address of all feeds, which this one page shows, or a list with it."""
    try:
        token = site.library.accounts.make_token(who, "feeds", ["read"])
    except RefusedError as error:
        return _account(site, who, error)
    address = f"{base_of(site, request)}/feeds/for/{token.secret}"
    if sent.get("list"):
        told = feed_lists.listed(site, who, address)
        return Response(told, media_type=feed_lists.OPML, headers=feed_lists.AS_FILE | SECRETIVE)
    made = _account(site, who, feeds_address=address)
    made.headers.update(SECRETIVE)
    return made


@accounts.post("/account/tokens/end")
def end_token(site: Here, who: Holder, sent: Sent) -> Response:
    """End an API token."""
    number = sent.get("number", "")
    held, known = site.library.accounts, int(number) if _NUMBER.fullmatch(number) else 0
    return _did(site, who, "token", lambda: held.end_token(who, known))


@accounts.post("/account/openid/end")
def unlink(site: Here, who: Holder, sent: Sent) -> Response:
    """Let an issuer vouch for the account no more."""
    held, issuer = site.library.accounts, sent.get("issuer", "")
    return _did(site, who, "unlinked", lambda: held.unlink_identity(who, issuer))


@accounts.get("/account/export")
def export(site: Here, who: Holder) -> Response:
    """Return all that is kept of who asks, as a file."""
    told = orjson.dumps(site.library.accounts.export(who), option=orjson.OPT_INDENT_2)
    name = f"broadsheet-{who.name}.json"
    headers = {**SECRETIVE, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(told, media_type="application/json", headers=headers)


@accounts.post("/account/delete")
def delete(site: Here, who: Holder, sent: Sent) -> Response:
    """Delete the account."""
    try:
        site.library.accounts.delete(who, sent.get("proof", ""))
    except RefusedError as error:
        return _account(site, who, error)
    return left()


# ---------------------------------------------------------------------------- a reader


@accounts.get("/reader/{name}")
def reader(site: Here, _who: Reader, name: str) -> HTMLResponse:
    """Return what everybody sees of a reader."""
    held = site.library.accounts
    profile = held.profile(name)
    return site.page("reader.html", reader=profile, work=held.work(profile.name))


# ---------------------------------------------------------------------------- all readers


@accounts.get("/readers")
def readers(site: Here, who: Admin, done: str = "") -> HTMLResponse:
    """Return all accounts and open invitations, with what an admin can do about them."""
    return _readers(site, who, done=done)


def _readers(
    site: Site, who: Actor, error: BroadsheetError | None = None, done: str = "", **more: Any
) -> HTMLResponse:
    held = site.library.accounts
    facts = {
        "done": DONE.get(done, ""),
        "readers": held.readers(who),
        "invitations": held.invitations(who),
        "roles": ROLES,
        "can_write": held.can_write,
        "invited": None,
    }
    return shown(site, "readers.html", error, **{**facts, **more})


def _decided(site: Site, who: Actor, done: str, change: Callable[[], object]) -> Response:
    try:
        change()
    except RefusedError as error:
        return _readers(site, who, error)
    return RedirectResponse(f"/readers?done={done}", 303)


@accounts.post("/readers/invite")
def invite(site: Here, who: Admin, sent: Sent) -> Response:
    """Invite somebody: by a letter, or by a link that this one page shows."""
    address, role = sent.get("email", ""), sent.get("role", "reader")
    try:
        invited = site.library.accounts.invite(who, address.strip(), role)
    except RefusedError as error:
        return _readers(site, who, error)
    if invited.is_sent:
        return RedirectResponse("/readers?done=invited", 303)
    made = _readers(site, who, invited=invited)
    made.headers.update(SECRETIVE)
    return made


@accounts.post("/readers/withdraw")
def withdraw(site: Here, who: Admin, sent: Sent) -> Response:
    """Take an invitation back."""
    held, ident = site.library.accounts, sent.get("invitation", "")
    return _decided(site, who, "withdrawn", lambda: held.withdraw(who, ident))


@accounts.post("/readers/{name}/role")
def set_role(site: Here, who: Admin, name: str, sent: Sent) -> Response:
    """Give a reader another role."""
    held, role = site.library.accounts, sent.get("role", "")
    return _decided(site, who, "role", lambda: held.set_role(who, name, role))


@accounts.post("/readers/{name}/ban")
def ban(site: Here, who: Admin, name: str, sent: Sent) -> Response:
    """Shut a reader out."""
    held, note = site.library.accounts, sent.get("note", "")
    return _decided(site, who, "banned", lambda: held.ban(who, name, note))


@accounts.post("/readers/{name}/unban")
def unban(site: Here, who: Admin, name: str, sent: Sent) -> Response:
    """Let a reader in again."""
    held, note = site.library.accounts, sent.get("note", "")
    return _decided(site, who, "unbanned", lambda: held.unban(who, name, note))
