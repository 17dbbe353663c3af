"""The web application: routes, headers, and one place where errors become answers."""

import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broadsheet import __version__, wire
from broadsheet.delivery.websub import hub_of
from broadsheet.errors import (
    BroadsheetError,
    NotSignedIn,
    PaperNotFound,
    QueryError,
    TooOften,
)
from broadsheet.library import Clock, Library
from broadsheet.papers.identity import parse_external_id
from broadsheet.readers.openid import OpenID
from broadsheet.readers.permissions import Action
from broadsheet.search.engine import Mode
from broadsheet.web import views
from broadsheet.web.account_api import account_api
from broadsheet.web.accounts import accounts
from broadsheet.web.api import PROBLEM, Json, api
from broadsheet.web.claims import claims, claims_api
from broadsheet.web.community import community
from broadsheet.web.community_api import community_api
from broadsheet.web.deciding import deciding
from broadsheet.web.digests import digests
from broadsheet.web.editions import editions
from broadsheet.web.entering import entering, linking
from broadsheet.web.exports import exports
from broadsheet.web.feed_lists import feed_lists, secret_feeds
from broadsheet.web.feeds import feeds
from broadsheet.web.guard import Guard
from broadsheet.web.pages import EXAMPLES, open_to_all, pages
from broadsheet.web.picks import picks, picks_api
from broadsheet.web.returned_api import returned_api
from broadsheet.web.site import Site, local_now
from broadsheet.web.submitting import submitting, submitting_api
from broadsheet.web.subscribing import by_link, subscribing
from broadsheet.web.subscriptions_api import subscriptions_api
from broadsheet.web.trending import trending
from broadsheet.web.who import SECRET, Door, Needs, is_asked_by_page

_log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
RETRY_AFTER = "5"
"""Seconds after which a request that could not be answered may be tried again."""

ROUTERS: dict[Action, tuple[APIRouter, ...]] = {
    "enter": (open_to_all, entering, by_link, digests, secret_feeds),
    "read": (
        community_api,
        claims_api,
        submitting_api,
        api,
        community,
        claims,
        submitting,
        pages,
        editions,
        picks,
        picks_api,
        trending,
        exports,
        feeds,
        feed_lists,
        accounts,
        linking,
        account_api,
    ),
    "subscribe": (subscribing, subscriptions_api),
    "curate": (deciding,),
    "administer": (returned_api,),
}
"""The routes, by what anybody must at least be allowed to do; some of them ask for more."""


def create_app(
    library: Library,
    *,
    page_size: int = 20,
    mode: Mode = "hybrid",
    clock: Clock = local_now,
    names: Collection[str] = (),
    hub: str = "",
) -> FastAPI:
    """Return the application that serves `library`; `clock` says which day is today.

    `names` are the host names, besides addresses and `localhost`, under which it takes decisions.
    `hub` is a WebSub hub that is told when feeds have changed.
    """
    app = FastAPI(
        title="Broadsheet",
        summary="The daily paper of research, on your own machine.",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        # Its redirects would be absolute, built from the Host header.
        redirect_slashes=False,
    )
    guard = Guard(names)
    rules = library.accounts.rules
    app.state.site = Site(library, page_size, mode, clock, guard, hub_of(hub, rules))
    app.state.openid = rules.provider and OpenID(rules.provider, rules.address, clock)
    for action, routers in ROUTERS.items():
        for router in routers:
            app.include_router(router, dependencies=[Depends(Needs(action))])
    app.add_middleware(Door, library=library, guard=guard)
    app.add_middleware(_Headers)
    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, answer)
    return app


class _Headers:
    """Adds the headers that every answer has, and answers HEAD like GET without a body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message))
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        # What would be long to make is told that nobody reads it.
        asked = {**scope, "method": "GET", "is_head": True} if is_head else scope
        await self.app(asked, receive, send_on)


def _add_headers(headers: MutableHeaders) -> None:
    headers.setdefault("Cache-Control", "no-cache")
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


# ---------------------------------------------------------------------------- errors


def _answer(
    request: Request,
    problem: wire.Json,
    headers: Mapping[str, str] | None = None,
    template: str = "error.html",
    **facts: Any,
) -> Response:
    """Return a problem as JSON under /api, and as a page elsewhere."""
    made: Response
    path = request.url.path
    if path == "/api" or path.startswith("/api/"):
        made = Json(problem, problem["status"], media_type=PROBLEM)
    else:
        site: Site = request.app.state.site
        q = request.query_params.get("q", "") if path == "/search" else ""
        facts["heading"] = _HEADINGS.get(problem["status"], problem["title"])
        made = site.page(template, problem["status"], q=q, problem=problem, **facts)
    made.headers.update(headers or {})
    return made


_HEADINGS = {
    400: "That cannot be understood",
    401: "That needs an account",
    403: "That is not allowed",
    404: "That is not here",
    405: "That is not possible here",
    409: "That cannot be done",
    413: "That is too much",
    422: "That cannot be taken",
    429: "That was too often",
    500: "Something is wrong here",
    503: "Not just now",
}


def _plain_problem(status: int, detail: str) -> wire.Json:
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


async def _on_broadsheet_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, BroadsheetError)  # noqa: S101 (registered for nothing else)
    problem = wire.problem(error)
    if is_asked_by_page(request, error):
        there = quote(f"{request.url.path}?{request.url.query}".rstrip("?"))
        return RedirectResponse(f"/sign-in?next={there}", 303)
    if isinstance(error, QueryError):
        return _answer(
            request,
            problem,
            template="misread.html",
            fault=views.fault(error),
            examples=EXAMPLES,
            # The search has its box on every page; what else takes a query is asked for it again.
            asked=request.query_params.get("q", ""),
            again="" if request.url.path == "/search" else request.url.path,
        )
    if isinstance(error, PaperNotFound):
        external = parse_external_id(error.id)
        elsewhere = external and views.outside(external)
        return _answer(
            request, problem, template="missing.html", ident=error.id, elsewhere=elsewhere
        )
    return _answer(request, problem, _headers_of(error, problem["status"]))


def _headers_of(error: BroadsheetError, status: int) -> dict[str, str]:
    match error:
        case TooOften():
            return {"Retry-After": str(math.ceil(error.retry_after))}
        case NotSignedIn():
            return {"WWW-Authenticate": "Bearer"}
    is_temporary = status == HTTPStatus.SERVICE_UNAVAILABLE
    return {"Retry-After": RETRY_AFTER} if is_temporary else {}


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    said = error.detail != HTTPStatus(error.status_code).phrase
    detail = error.detail if said else _DETAILS.get(error.status_code, error.detail)
    return _answer(request, _plain_problem(error.status_code, detail), error.headers)


_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address takes no such request.",
}


async def _on_bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    said = [f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors()]
    return _answer(request, _plain_problem(400, "; ".join(said) + "."))


async def _on_bug(request: Request, error: Exception) -> Response:
    number = secrets.token_hex(4)
    path = SECRET.sub(r"\1…", request.url.path)
    _log.error("request_failed id=%s path=%s", number, path, exc_info=error)
    detail = f"This is a fault of Broadsheet's; the log has it as {number}."
    # The middleware stands inside of whatever answers this, so its headers are added here.
    made = _answer(request, _plain_problem(500, detail))
    _add_headers(made.headers)
    return made


_ANSWERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    BroadsheetError: _on_broadsheet_error,
    HTTPException: _on_http_error,
    RequestValidationError: _on_bad_request,
    Exception: _on_bug,
}
