"""Who asks: found once for every request, and required by the routes."""

import re
from contextvars import ContextVar
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from broadsheet.errors import NotSignedIn
from broadsheet.library import Library
from broadsheet.readers.permissions import OWNER, STRANGER, VISITOR, Action, Actor
from broadsheet.readers.permissions import Scope as TokenScope
from broadsheet.web.guard import COOKIE, FIELD, Guard, read_body

SESSION = "broadsheet_session"
"""The cookie of who has signed in."""
ADDRESS = 2000
"""Characters of an address that forms lead back to."""
BODY = 65_536
"""Bytes that a request to the API may carry."""
SECRET = re.compile("(/(?:letter|subscription|unsubscribe|digest|feeds/for)/).+")
"""Addresses with a secret in them, which must stand in no log and in no other address."""
_SECRET_FEED = re.compile(r"(/feeds/for/([\w-]{1,100}))(/.+)", re.ASCII)
_READING = frozenset[TokenScope]({"read"})
_JSON = "application/json"
_BEARER = "bearer "


class Visit:
    """One request: who asks, and the token of the forms in the answer.

    `here` is the address that was asked for, as far as forms can lead back to it.
    `is_program` if an API token said who: no browser sends one by itself.
    """

    def __init__(
        self, connection: HTTPConnection, actor: Actor, guard: Guard, *, is_protected: bool = False
    ) -> None:
        self.actor = actor
        self.is_program = actor.scopes is not None
        self.is_secure = connection.url.scheme in {"https", "wss"} or is_protected
        self.cookie = guard.cookie(connection.cookies.get(COOKIE))
        self.session = connection.cookies.get(SESSION, "")
        self.has_forms = False
        self.here = _address(connection.url.path, connection.url.query)
        self._guard = guard

    @property
    def form_token(self) -> tuple[str, str]:
        """The name and the value of the field that forms of this page carry."""
        self.has_forms = True
        return FIELD, self._guard.token(self.cookie, self.session)

    @property
    def sign_in(self) -> str:
        """The address to sign in at, which leads back here."""
        # What lets somebody in must not stand in another address.
        is_door = self.here.startswith("/sign-") or SECRET.match(self.here)
        return "/sign-in" if is_door or not self.here else f"/sign-in?next={quote(self.here)}"


def _address(path: str, query: str) -> str:
    """Return an address of ours, "" if it is too long to be repeated in forms."""
    address = quote(path, safe="/:@") + (f"?{query}" if query else "")
    return address if len(address) <= ADDRESS else ""


_visit: ContextVar[Visit] = ContextVar("visit")


def visit() -> Visit:
    """Return the request that is being answered."""
    return _visit.get()


class Door:
    """Finds out who asks, before anything else is done with a request."""

    def __init__(self, app: ASGIApp, library: Library, guard: Guard) -> None:
        self.app = app
        self._library = library
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            scope, reader = self._opened(scope)
            connection = HTTPConnection(scope)
            actor = reader or self._who(connection)
            is_protected = self._is_protected(connection)
            _visit.set(Visit(connection, actor, self._guard, is_protected=is_protected))
        await self.app(scope, receive, send)

    def _opened(self, scope: Scope) -> tuple[Scope, Actor | None]:
        """Return a request for a feed at a secret address as one for that feed, and whose it is.

        The secret is an API token that may read and no more: one that may do more does not belong
        into an address, which others keep. Any other request is returned as it is.
        """
        found = _SECRET_FEED.fullmatch(scope["path"])
        accounts = self._library.accounts
        if found is None or scope["method"] != "GET" or not accounts.rules.is_shared:
            return scope, None
        reader = accounts.by_token(found[2])
        if reader is None or reader.scopes != _READING:
            return scope, None
        return {**scope, "path": f"/feeds{found[3]}", "feeds": found[1]}, reader

    def _is_protected(self, connection: HTTPConnection) -> bool:
        """Return whether the browser came by https, whatever the server in front made of it."""
        address = urlsplit(self._library.accounts.rules.address)
        host = connection.headers.get("host", "").lower()
        return address.scheme == "https" and address.netloc.lower() == host

    def _who(self, connection: HTTPConnection) -> Actor:
        accounts = self._library.accounts
        if not accounts.rules.is_shared:
            return OWNER
        nobody = VISITOR if accounts.rules.is_public else STRANGER
        said = connection.headers.get("authorization", "")
        if said[: len(_BEARER)].lower() == _BEARER:
            # A token that is nobody's lets read what all may; what needs more says what is wrong.
            return accounts.by_token(said[len(_BEARER) :].strip()) or nobody
        session = connection.cookies.get(SESSION)
        return (session and accounts.by_session(session)) or nobody


class Needs:
    """A dependency of a route: gives who asks, or refuses whoever may not do this."""

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self) -> Actor:
        """Return who asks; raises NotSignedIn or NotAllowed."""
        actor = visit().actor
        actor.require(self.action)
        return actor


Reader = Annotated[Actor, Depends(Needs("read"))]
Voter = Annotated[Actor, Depends(Needs("vote"))]
Commenter = Annotated[Actor, Depends(Needs("comment"))]
Reporter = Annotated[Actor, Depends(Needs("report"))]
Claimant = Annotated[Actor, Depends(Needs("claim"))]
Submitter = Annotated[Actor, Depends(Needs("submit"))]
Holder = Annotated[Actor, Depends(Needs("account"))]
Curator = Annotated[Actor, Depends(Needs("curate"))]
Moderator = Annotated[Actor, Depends(Needs("moderate"))]
Admin = Annotated[Actor, Depends(Needs("administer"))]
Doctor = Annotated[Actor, Depends(Needs("health"))]
Comer = Annotated[Actor, Depends(Needs("enter"))]
Subscriber = Annotated[Actor, Depends(Needs("subscribe"))]


async def from_us(request: Request) -> None:
    """Refuse what the page of another site made a browser send; programs say who they are."""
    if not visit().is_program:
        request.app.state.site.guard.check_sender(request.headers)


async def at_home(request: Request) -> None:
    """Refuse what asks for a reader's own under a name that is not ours where nobody signs in.

    Somebody's name server could make a name of theirs lead here, and their page read it.
    """
    site = request.app.state.site
    if not site.library.accounts.rules.is_shared:
        site.guard.check_host(request.headers)


async def posted(request: Request, _sender: Annotated[None, Depends(from_us)]) -> bytes:
    """Return the JSON that a request to the API carries, `{}` if it carries nothing.

    A browser that somebody is signed in with can be made to send a form from elsewhere, but no
    JSON: that it must ask for first, and is never allowed.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not visit().is_program and kind != _JSON:
        raise HTTPException(415, f"What is sent here is {_JSON}.")
    return await read_body(request, BODY) or b"{}"


Posted = Annotated[bytes, Depends(posted)]


def door_of(request: Request) -> str:
    """Return what the address of a feed began with: `/feeds`, or a secret address of somebody's."""
    door: str = request.scope.get("feeds", "/feeds")
    return door


def is_asked_by_page(request: Request, error: Exception) -> bool:
    """Return whether a page that was asked for needs an account, so that signing in leads on."""
    is_api = request.url.path.startswith(("/api", "/feeds/"))
    return isinstance(error, NotSignedIn) and request.method in {"GET", "HEAD"} and not is_api
