"""What every feed can be asked for, and how it is answered: its address, and whether it is new."""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import blake2b
from typing import Annotated, Literal, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from broadsheet.delivery.feeds import FORMS, STANDING, Entry, Feed, Form, urn
from broadsheet.web.site import Here, Site
from broadsheet.web.who import door_of

_SAFE = "/:@!$&'()*+,;=~"
"""What may stand in a path as it is (RFC 3986)."""
PAGE = 100
"""Papers of one page of a feed, if nothing is said."""

# ---------------------------------------------------------------------------- what is asked for


class Wish(NamedTuple):
    """What every feed can be told: `path` is its address below `door`, without the ending.

    `door` is `/feeds`, or the secret address of a reader's feeds. `here` names the page that is
    wanted, as the address does.
    """

    base: str
    door: str
    path: str
    ending: str
    form: Form
    q: str
    is_full: bool
    limit: int
    skip: int
    here: Mapping[str, object]

    def address(self, **more: object) -> str:
        """Return the whole address of this feed, of the page that `more` names."""
        said = {
            "q": self.q,
            "content": "" if self.is_full else "short",
            "limit": self.limit if self.limit != PAGE else "",
            **more,
        }
        return f"{self.base}{self.door}{asking(f'{self.path}.{self.ending}', said)}"

    @property
    def plain(self) -> str:
        """The address of the first page, as it is if nothing is said."""
        return f"{self.base}/feeds{self.path}.{self.ending}"

    def feed(
        self, title: str, page: str, entries: Iterable[Entry], following: Mapping[str, object]
    ) -> Feed:
        """Return the feed of these entries; `following` names its next page, if there is one."""
        return Feed(
            # A page of a feed is that feed, in whatever form it comes.
            id=urn(asking(f"feed /feeds{self.path}", {"q": self.q})),
            title=f"{title}: {self.q}" if self.q else f"{title} · Broadsheet",
            description=f"{title}: papers that match {self.q}." if self.q else f"{title}.",
            address=self.address(**self.here),
            page=f"{self.base}{page}",
            entries=tuple(entries),
            next=self.address(**following) if following else None,
        )


def asking(path: str, said: Mapping[str, object]) -> str:
    """Return an address that asks for what is said, but for what is empty."""
    asked = urlencode({k: str(v).encode("utf-8", "replace") for k, v in said.items() if v})
    return f"{path}?{asked}" if asked else path


_HOST = re.compile(r"(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII | re.IGNORECASE)


def base_of(site: Site, request: Request) -> str:
    """Return what the addresses in a feed begin with: that of the setting `address`, if it is set.

    Else the Host of the request counts, but only if it is a name of ours: somebody could have
    links to elsewhere kept by what stands in between.
    """
    if address := site.library.accounts.rules.address:
        return address.rstrip("/")
    host = request.headers.get("host", "")
    if not (_HOST.fullmatch(host) and site.guard.is_ours(host)):
        _, port = request.scope.get("server") or ("", None)
        host = f"127.0.0.1:{port}" if port else "localhost"
    return f"{request.scope['scheme']}://{host}"


def _wish(
    site: Here,
    request: Request,
    form: str,
    q: str = "",
    content: Literal["full", "short"] = "full",
    limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
    skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Wish:
    found = FORMS.get(form)
    if found is None:
        raise HTTPException(404, f"The address of a feed ends in {_any_of(FORMS)}.")
    path = request.scope["path"].removesuffix(f".{form}").removeprefix("/feeds")
    path = quote(path, safe=_SAFE, errors="replace")
    base, door = base_of(site, request), door_of(request)
    here = {k: v for k, v in request.query_params.items() if k in {"until", "skip", "cursor"}}
    return Wish(base, door, path, form, found, q.strip(), content == "full", limit, skip, here)


Wished = Annotated[Wish, Depends(_wish)]
"""What was asked for, of any feed."""


def _any_of(names: Iterable[str]) -> str:
    *first, last = (f".{name}" for name in names)
    return f"{', '.join(first)} or {last}"


# ---------------------------------------------------------------------------- what has not changed


class _Versions:
    """Since when the feed at an address is as it is: what it holds does not say so.

    A ranking changes by the mere passing of time. Whoever asks first after a change finds it new,
    so nobody is told of an old one that it is unchanged. Safe to share between threads.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[bytes, tuple[str, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def since(self, address: str, tag: str, now: datetime) -> datetime:
        """Return when `tag` was first seen at `address`, now if another was there before."""
        # Queries, and so addresses, can be long.
        key = blake2b(address.encode(), digest_size=16).digest()
        with self._lock:
            before, since = self._found.pop(key, ("", now))
            self._found[key] = tag, since if before == tag else now
            if len(self._found) > self._most:
                self._found.popitem(last=False)
            return self._found[key][1]


_versions = _Versions(4096)


def answer(site: Site, request: Request, wish: Wish, feed: Feed) -> Response:
    """Return a feed as it was asked for, or only that it has not changed."""
    links = {}
    if site.hub and wish.path.removeprefix("/") in STANDING and feed.address == wish.plain:
        feed = replace(feed, hub=site.hub)
        links = {"Link": f'<{site.hub}>; rel="hub", <{feed.address}>; rel="self"'}
    return unless_known(
        site, request, feed.address, wish.form.write(feed), wish.form.media_type, links
    )


def unless_known(
    site: Site,
    request: Request,
    address: str,
    body: bytes,
    media_type: str,
    headers: Mapping[str, str] = {},
) -> Response:
    """Return `body`, or that whoever asks has it already (RFC 9110, 13)."""
    tag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    now = site.clock().astimezone(UTC).replace(microsecond=0)
    since = _versions.since(address, tag, now)
    told = {**headers, "ETag": tag, "Last-Modified": format_datetime(since, usegmt=True)}
    if site.library.accounts.rules.is_shared:
        # What one reader may see, nothing in between may give to somebody who may not.
        told |= {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if _is_known(request.headers, tag, since):
        return Response(status_code=304, headers=told)
    return Response(body, headers=told, media_type=f"{media_type}; charset=utf-8")


def _is_known(asked: Mapping[str, str], tag: str, since: datetime) -> bool:
    """Return whether whoever asks has this already; tags count before times."""
    tags = asked.get("if-none-match")
    if tags is not None:
        known = {one.strip().removeprefix("W/") for one in tags.split(",")}
        return bool(known & {tag, "*"})
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(asked.get("if-modified-since", "")) >= since
    return False
