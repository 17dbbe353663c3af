"""How people come in and leave: signing in, signing up, links in letters, other vouchers."""

import hashlib
import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from broadsheet.errors import BroadsheetError, RefusedError, SourceError, TooOften, status_of
from broadsheet.readers.accounts import Session
from broadsheet.readers.limits import client_key
from broadsheet.readers.openid import BACK, MINUTES, Flow, OpenID
from broadsheet.web.deciding import Sent
from broadsheet.web.guard import COOKIE, own_path
from broadsheet.web.site import Here, Site
from broadsheet.web.who import SESSION, Comer, Holder, visit

FLOW = "broadsheet_openid"
"""The cookie of whoever is at the provider meanwhile."""
KEPT = 400 * 86_400
"""Seconds that a browser keeps its session; when that ends is for the server to say."""
# Not `no-referrer`: with it a browser sends no origin with a form either, which is then refused.
SECRETIVE = {"Referrer-Policy": "strict-origin", "Cache-Control": "no-store"}
"""The headers of pages with a secret in their address or their text."""


async def shared(site: Here) -> None:
    """Lead away from what only a collection with accounts has."""
    if not site.library.accounts.rules.is_shared:
        raise HTTPException(303, "This collection is private.", headers={"Location": "/"})


entering = APIRouter(
    include_in_schema=False, default_response_class=HTMLResponse, dependencies=[Depends(shared)]
)
linking = APIRouter(
    include_in_schema=False, default_response_class=HTMLResponse, dependencies=[Depends(shared)]
)

There = Annotated[str, Query(alias="next")]


def client_of(request: Request) -> str:
    """Return the address that a request came from."""
    return request.client.host if request.client else ""


def agent_of(request: Request) -> str:
    """Return what a browser calls itself."""
    return request.headers.get("user-agent", "")


def admitted(site: Site, session: Session, there: str = "/") -> RedirectResponse:
    """Lead on in a new session; the one before, if there was one, is over.

    The forms of all pages before are worth nothing from here on.
    """
    seen = visit()
    if seen.session:
        site.library.accounts.sign_out(seen.session)
    made = RedirectResponse(own_path(there), 303)
    made.set_cookie(
        SESSION, session.secret, max_age=KEPT, secure=seen.is_secure, httponly=True, samesite="lax"
    )
    made.delete_cookie(COOKIE, secure=seen.is_secure, httponly=True, samesite="strict")
    return made


def left(there: str = "/") -> RedirectResponse:
    """Lead on without a session; the forms of all pages before are worth nothing."""
    made = RedirectResponse(there, 303)
    secure = visit().is_secure
    made.delete_cookie(SESSION, secure=secure, httponly=True, samesite="lax")
    made.delete_cookie(COOKIE, secure=secure, httponly=True, samesite="strict")
    return made


def shown(
    site: Site, template: str, error: BroadsheetError | None = None, status: int = 200, **facts: Any
) -> HTMLResponse:
    """Return a page, with what was wrong with what was sent to it, if anything."""
    if error is not None:
        status = status_of(error).http
    made = site.page(template, status, trouble=str(error or ""), **facts)
    if isinstance(error, TooOften):
        made.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return made


# ---------------------------------------------------------------------------- signing in


def _door(
    site: Site,
    error: BroadsheetError | None = None,
    there: str = "/",
    typed: str = "",
    sent_to: str = "",
) -> HTMLResponse:
    can_write = site.library.accounts.can_write
    return shown(
        site, "sign_in.html", error, there=there, typed=typed, sent_to=sent_to, can_write=can_write
    )


@entering.get("/sign-in")
def sign_in_page(site: Here, who: Comer, there: There = "/") -> Response:
    """Return the ways to sign in; whoever is in already is led on."""
    if who.reader is not None:
        return RedirectResponse(own_path(there), 303)
    return _door(site, there=own_path(there))


@entering.post("/sign-in")
def sign_in(site: Here, _who: Comer, request: Request, sent: Sent) -> Response:
    """Sign in by name or address and password."""
    there, typed = own_path(sent.get("next", "/")), sent.get("who", "")
    try:
        session = site.library.accounts.sign_in(
            typed, sent.get("password", ""), agent_of(request), client_of(request)
        )
    except RefusedError as error:
        return _door(site, error, there, typed)
    return admitted(site, session, there)


@entering.post("/sign-in/link")
def send_link(site: Here, _who: Comer, request: Request, sent: Sent) -> Response:
    """Send a link that signs in."""
    address = sent.get("email", "")
    try:
        site.library.accounts.begin_sign_in(address, client_of(request))
    except RefusedError as error:
        return _door(site, error, typed=address)
    return _door(site, sent_to=address.strip())


@entering.post("/sign-out")
def sign_out(site: Here, _who: Comer, _sent: Sent) -> RedirectResponse:
    """End the session of this browser."""
    site.library.accounts.sign_out(visit().session)
    return left()


# ---------------------------------------------------------------------------- signing up, letters


@entering.get("/sign-up")
def sign_up_page(site: Here, _who: Comer) -> HTMLResponse:
    """Return how an account is made here."""
    return _ask_in(site)


@entering.post("/sign-up")
def sign_up(site: Here, _who: Comer, request: Request, sent: Sent) -> HTMLResponse:
    """Send a link that makes an account."""
    address = sent.get("email", "")
    try:
        site.library.accounts.sign_up(address, client=client_of(request))
    except RefusedError as error:
        return _ask_in(site, error, typed=address)
    return _ask_in(site, sent_to=address.strip())


def _ask_in(
    site: Site, error: RefusedError | None = None, typed: str = "", sent_to: str = ""
) -> HTMLResponse:
    can_write = site.library.accounts.can_write
    return shown(site, "sign_up.html", error, typed=typed, sent_to=sent_to, can_write=can_write)


@entering.get("/letter/{secret}")
def letter(site: Here, _who: Comer, secret: str) -> HTMLResponse:
    """Return what the link of a letter is for; only its button does it.

    Those who look after a mailbox follow the links in it.
    """
    return _letter(site, secret)


@entering.post("/letter/{secret}")
def use_letter(site: Here, _who: Comer, request: Request, secret: str, sent: Sent) -> Response:
    """Do what the link of a letter is for."""
    name, password = sent.get("name", ""), sent.get("password", "")
    try:
        session = site.library.accounts.use(secret, name, password, agent_of(request))
    except RefusedError as error:
        return _letter(site, secret, error, name)
    if session is None:
        return RedirectResponse("/account?done=address", 303, SECRETIVE)
    made = admitted(site, session)
    made.headers.update(SECRETIVE)
    return made


def _letter(
    site: Site, secret: str, error: RefusedError | None = None, name: str = ""
) -> HTMLResponse:
    accounts = site.library.accounts
    opened = accounts.letter(secret)
    made = shown(
        site, "letter.html", error if opened else None, 200 if opened else 404,
        opened=opened, secret=secret, typed=name, can_write=accounts.can_write,
    )  # fmt: skip
    made.headers.update(SECRETIVE)
    return made


# ---------------------------------------------------------------------------- other vouchers


async def _openid(request: Request) -> OpenID:
    found: OpenID | None = request.app.state.openid
    if found is None:
        raise HTTPException(404, "Nobody else says here who a reader is.")
    return found


Voucher = Annotated[OpenID, Depends(_openid)]


@entering.post("/sign-in/openid")
def go(site: Here, _who: Comer, request: Request, sent: Sent, openid: Voucher) -> HTMLResponse:
    """Send a browser to the provider, to sign in."""
    _slow_down(site, request)
    return _leave(site, openid, {"next": own_path(sent.get("next", "/"))})


@linking.post("/account/openid")
def link(site: Here, _who: Holder, _sent: Sent, openid: Voucher) -> HTMLResponse:
    """Send a browser to the provider, to link what it says to the account."""
    return _leave(site, openid, {"next": "/account?done=linked", "links": _mark()})


def _slow_down(site: Site, request: Request) -> None:
    """Count one more who signs in from there: what nobody knows yet costs questions, too."""
    limits = site.library.accounts.limits
    limits.take("sign_in_client", client_key(client_of(request)))


def _leave(site: Site, openid: OpenID, more: dict[str, str]) -> HTMLResponse:
    flow = Flow.new()
    address = openid.begin(flow)
    # No redirect: where a form may lead in the end is held to this server by its page.
    made = site.page("leaving.html", address=address, provider=openid.provider)
    made.headers["Refresh"] = f"0; url={address}"
    made.set_cookie(
        FLOW, site.guard.seal({**flow._asdict(), **more}), max_age=60 * MINUTES,
        secure=visit().is_secure, httponly=True, samesite="lax", path=BACK,
    )  # fmt: skip
    return made


@entering.get(BACK)
def come_back(site: Here, _who: Comer, openid: Voucher, request: Request) -> Response:
    """Take what the provider says of whoever comes back, and sign them in or link it."""
    try:
        made = _returned(site, openid, request)
    except (RefusedError, SourceError) as error:
        if visit().actor.reader is not None:
            raise
        made = _door(site, error)
    made.delete_cookie(FLOW, path=BACK, secure=visit().is_secure, httponly=True, samesite="lax")
    made.headers.update(SECRETIVE)
    return made


def _returned(site: Site, openid: OpenID, request: Request) -> Response:
    _slow_down(site, request)
    kept = site.guard.unseal(request.cookies.get(FLOW, ""), MINUTES)
    if kept is None:
        raise RefusedError("That took too long, or began in another browser. Begin again.")
    flow = Flow(*(kept[name] for name in Flow._fields))
    vouched = openid.finish(flow, request.query_params)
    accounts, who = site.library.accounts, visit().actor
    if "links" not in kept:
        return admitted(site, accounts.vouched(vouched, agent_of(request)), kept["next"])
    if kept["links"] != _mark():
        raise RefusedError("You are not signed in any more as you were. Begin again.")
    accounts.link_identity(who, vouched)
    return RedirectResponse(own_path(kept["next"]), 303)


def _mark() -> str:
    """Return what stands for the session of this browser where others might see it."""
    return hashlib.sha256(visit().session.encode("utf-8", "replace")).hexdigest()
