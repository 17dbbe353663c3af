"""A shared library whose sources, and the pages that readers name, are one server here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from broadsheet.factory import open_library
from broadsheet.harvest import newsroom as news
from broadsheet.harvest.newsroom import Newsroom
from broadsheet.harvest.registry import Registry
from broadsheet.library import Library
from broadsheet.readers.rules import Rules
from broadsheet.sources.fetching import Fetcher
from loopback import FakeTime, Loopback, Reply, Request, json_reply, not_found, xml

_NOTHING = xml("<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:1</id><title>None</title></feed>")


class Press:
    """What Crossref knows here: works by DOI, all of which a search for a title finds."""

    def __init__(self, server: Loopback) -> None:
        self.server = server
        self.works: dict[str, dict[str, Any]] = {}
        server.route("/crossref/works", self._search)
        server.route("/crossref/works/*", self._work)
        server.route("/arxiv/query", _NOTHING)
        server.route("/hf/*", json_reply([]))
        server.route("/openalex/*", json_reply({"meta": {"count": 0}, "results": []}))
        server.route("/s2/*", json_reply({"total": 0, "data": []}))

    def print(self, number: int, title: str, **more: Any) -> str:
        """Let Crossref know a paper; return its DOI."""
        doi = f"10.5555/press.{number}"
        self.works[doi] = {
            "DOI": doi, "title": [title], "type": "journal-article",
            "author": [{"given": "Ada", "family": "Example"}],
            "issued": {"date-parts": [[2026, 3, 10]]},
        } | more  # fmt: skip
        return doi

    def page(self, path: str, reply: Reply) -> str:
        """Put a page on the server; return its address."""
        self.server.route(path, reply)
        return f"{self.server.url}{path}"

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the settings of sources that are all here."""
        url = self.server.url
        return {
            "crossref": {"url": f"{url}/crossref"},
            "openalex": {"url": f"{url}/openalex"},
            "hf": {"url": f"{url}/hf"},
            "s2": {"url": f"{url}/s2"},
            "arxiv": {"query_url": f"{url}/arxiv/query"},
        }

    def asked(self) -> int:
        """Return how many requests came so far."""
        return len(self.server.log)

    def _work(self, request: Request) -> Reply:
        found = self.works.get(unquote(request.path.removeprefix("/crossref/works/")))
        return json_reply({"message": found}) if found else not_found()

    def _search(self, _: Request) -> Reply:
        return json_reply({"message": {"items": list(self.works.values())}})


@contextmanager
def bringing(home: Path, press: Press, **rules: Any) -> Iterator[Library]:
    """Give a shared library to which papers of the press can be brought."""
    time = FakeTime()

    def newsroom(library: Library) -> Newsroom:
        made = news.Rules(state=home.parent / "state")
        fetcher = Fetcher("1", trusted=[press.server.url], whole_s=3)
        registry = Registry(press.tables(), {})
        return Newsroom(
            library.database, registry, made, library.keep_up, time.now, time, fetcher
        )  # fmt: skip

    house = Rules(is_shared=True, is_public=True, **rules)
    with open_library(home, clock=time.now, newsroom=newsroom, rules=house) as library:
        yield library
