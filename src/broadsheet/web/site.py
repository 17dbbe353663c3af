"""What every page needs: the library, the defaults, the clock, the templates, the static files."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import Annotated, Any, NamedTuple

import orjson
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from broadsheet.collection.votes import Counted
from broadsheet.library import Clock, Library
from broadsheet.papers import text
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import PaperId
from broadsheet.search.engine import Mode
from broadsheet.web import narrowing, views
from broadsheet.web.guard import COOKIE, Guard
from broadsheet.web.who import visit

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class StaticFile(NamedTuple):
    """One file that pages refer to: `version` changes with its content."""

    body: bytes
    media_type: str
    version: str


def _read_static() -> dict[str, StaticFile]:
    found = {}
    for file in files("broadsheet.web").joinpath("static").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in _TYPES:
            body = file.read_bytes()
            version = blake2b(body, digest_size=6).hexdigest()
            found[file.name] = StaticFile(body, _TYPES[suffix], version)
    return found


def _readable(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def local_now() -> datetime:
    """Return the time now, aware, in the time zone of this machine."""
    return datetime.now(UTC).astimezone()


def _environment(static: dict[str, StaticFile]) -> Environment:
    made = Environment(
        loader=PackageLoader("broadsheet.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        static=lambda name: f"/static/{name}?v={static[name].version}",
        search_url=narrowing.search_url,
    )
    made.filters.update(
        number=lambda n: f"{n:,}",
        day=views.day_in_words,
        clip=views.clip,
        readable=_readable,
        paper_id=format_paper_id,
        untex=text.readable,
    )
    return made


@dataclass(frozen=True)
class Site:
    """One library as a web site: `page_size` and `mode` hold where a request says nothing.

    `hub` is told when feeds have changed, "" if none is.
    """

    library: Library
    page_size: int
    mode: Mode
    clock: Clock
    guard: Guard = field(default_factory=Guard)
    hub: str = ""
    static: dict[str, StaticFile] = field(default_factory=_read_static)
    templates: Environment = field(init=False)
    _counted: Callable[[int], int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "templates", _environment(self.static))
        counted = lru_cache(maxsize=1)(lambda _sequence: self.library.count())
        object.__setattr__(self, "_counted", counted)

    def count(self) -> int:
        """Return how many papers the collection holds, counted once for every state of it."""
        return self._counted(self.library.last_change())

    def counts(self, papers: Iterable[PaperId]) -> Mapping[int, Counted]:
        """Return what people did to each of some papers, as the one who asks may see it."""
        return self.library.community.counts(list(papers), visit().actor)

    def _unseen(self) -> int:
        return self.library.community.notices.unseen(visit().actor)

    def page(self, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
        """Return the page that `template` makes of `facts`, and of who asks for it.

        Where it has forms they carry the token of the cookie that goes with it.
        """
        seen, house = visit(), self.library.accounts.rules
        text = self.templates.get_template(template).render(
            today=self.clock().date(), visit=seen, house=house, unseen=self._unseen,
            **{"q": "", **facts},
        )  # fmt: skip
        # A lone surrogate has no UTF-8; one hostile record must not take its page down.
        made = HTMLResponse(text.encode("utf-8", "replace"), status)
        if seen.has_forms:
            made.set_cookie(
                COOKIE, seen.cookie, secure=seen.is_secure, httponly=True, samesite="strict"
            )
        if seen.has_forms or house.is_shared:
            # What stands between a browser and this server must not give one's page to another.
            made.headers["Cache-Control"] = "private, no-cache"
            made.headers["Vary"] = "Cookie"
        return made


async def _site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


Here = Annotated[Site, Depends(_site_of)]
"""The site that a route belongs to."""
