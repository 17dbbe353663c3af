"""A host for each source of ours, with invented papers, and all the ways in which it misbehaves.

    with put_out(folder, CASES["hf"], WAYS["html"]) as stage:
        told = stage.run()           # what was said of a run while the host misbehaved
        stage.end_trouble()
        stage.run()
        stage.kept()                 # all that the record has by then

A stage has a home of its own without an index, which plays no part here, and a time of its own. Its
server has a clock that no jump touches, as hosts have.
"""

from __future__ import annotations

import time as clocks
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

from sqlalchemy import text

from arxiv_answers import EPrint
from arxiv_world import ArxivWorld, Trouble, changes_of
from broadsheet.collection import runs
from broadsheet.collection.database import Database
from broadsheet.harvest.newsroom import Newsroom, Rules
from broadsheet.harvest.registry import Registry
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.polite import Manner, Time
from loopback import (
    FakeTime,
    Loopback,
    Reply,
    Request,
    bomb,
    busy,
    conditional,
    html,
    json_reply,
    not_acceptable,
    not_found,
    redirect,
    too_many,
    xml,
)

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday
HOUR = 3600.0
YEAR = 365 * 24 * HOUR
SECRET = "Sesame-0pen-3141592653"  # noqa: S105 (opens nothing)
Play = Callable[[Request], Reply]


class ServerTime(Time):
    """The true time, which goes on with a fake one but never jumps."""

    def __init__(self, time: FakeTime) -> None:
        self._time = time
        self._began, self._at = time.now(), time.monotonic()

    def now(self) -> datetime:
        """Return the true time (UTC)."""
        return self._began + timedelta(seconds=self._time.monotonic() - self._at)

    def monotonic(self) -> float:
        """Return the seconds that are the same for all."""
        return self._time.monotonic()


class SettledTime(FakeTime):
    """A fake time that goes on only when the server has seen who hung up."""

    server: Loopback | None = None

    def sleep(self, seconds: float) -> None:
        """Move both clocks on when no answer is under way."""
        if self.server is not None:
            self.server.settle()
        super().sleep(seconds)


class RealPauses(SettledTime):
    """A fake time in which a sleep takes a moment, too."""

    def sleep(self, seconds: float) -> None:
        """Move both clocks on after a moment."""
        clocks.sleep(0.1)
        super().sleep(seconds)


# ---------------------------------------------------------------------------- ways to misbehave


class Way(NamedTuple):
    """One way to misbehave: how it changes an answer, and what must be said of it.

    One of `words` stands in the reason; without them nobody need notice. `times` is how many
    answers are spoilt, and `seconds` for how long; `jump_s` is what the reader's clock does then.
    """

    spoilt: Callable[[Reply, Request], Reply]
    words: tuple[str, ...] = ()
    times: int = 1_000_000
    seconds: float = 1e12
    jump_s: float = 0
    limits: Mapping[str, float] = {}


def _echo(request: Request) -> bytes:
    """Return a body that says all that it was told, keys included."""
    said = [request.target, *request.headers.values(), request.body.decode()]
    return "\n".join(said).encode()


def _as_is(good: Reply, _request: Request) -> Reply:
    return good


def _halved(good: Reply) -> bytes:
    return good.body[: len(good.body) // 2]


def _moved(good: Reply, request: Request) -> Reply:
    if request.path.startswith("/moved"):
        return good
    return redirect(f"/moved{request.target}", 307)


def _always(reply: Reply) -> Callable[[Reply, Request], Reply]:
    return lambda _good, _request: reply


def _to(address: str) -> Callable[[Reply, Request], Reply]:
    return _always(redirect(address))


_KEY = ("key", "token")
_PRIVATE = ("not on the public internet",)
_IN_BAD_FORM = (
    "XML", "JSON", "broke off", "cut", "no page", "no feed", "no collection", "ends", "empty",
    "no good", "cannot be read", "breaks off",
)  # fmt: skip

WAYS: dict[str, Way] = {
    "429 for an hour": Way(_always(too_many()), ("429",), seconds=HOUR),
    "429 for an hour, come back in 90 s": Way(
        _always(too_many(90)), ("429", "asked not to be asked"), seconds=HOUR
    ),
    "503 for an hour, come back in 120 s": Way(
        _always(busy(120)), ("503", "asked not to be asked"), seconds=HOUR
    ),
    "503 for an hour": Way(_always(busy()), ("503",), seconds=HOUR),
    "406 and a page": Way(_always(not_acceptable()), ("406",)),
    "403": Way(lambda _, r: Reply(_echo(r), 403), ("403", *_KEY)),
    "401": Way(lambda _, r: Reply(_echo(r), 401), ("401", *_KEY)),
    "500 that echoes": Way(lambda _, r: Reply(_echo(r), 500), ("500",)),
    "always cut": Way(lambda g, _: replace(g, cut_after=len(g.body) // 2), ("broke off",)),
    "drips": Way(
        lambda g, _: replace(g, drip_s=0.02), ("longer than", "in time"),
        limits={"timeout_s": 0.3, "tries": 2},
    ),
    "a page": Way(lambda _, r: html(b"<!DOCTYPE html><title>" + _echo(r)), ("HTML", "a page")),
    "half, well sent": Way(lambda g, _: replace(g, body=_halved(g)), _IN_BAD_FORM),
    "to the cloud's own address": Way(_to("http://169.254.169.254/latest/meta-data/"), _PRIVATE),
    "to a private address": Way(_to("http://10.0.0.1/admin"), _PRIVATE),
    "to a port of this machine": Way(_to("http://127.0.0.1:9/"), _PRIVATE),
    "to a file": Way(_to("file:///etc/passwd"), ("no address",)),
    "in a circle": Way(lambda _, r: redirect(r.target), ("redirected more than",)),
    "a bomb": Way(_always(bomb(4)), ("more than 1 MB",), limits={"max_bytes": 1_000_000}),
    "nothing": Way(lambda g, _: replace(g, body=b""), ("nothing at all", "empty", "no feed")),
    "hangs up": Way(lambda g, _: replace(g, hang_up=True), ("broke",)),
    "damaged gzip": Way(
        lambda g, _: replace(g, headers={**g.headers, "Content-Encoding": "gzip"}), ("damaged",)
    ),
    # What nobody need notice.
    "429 once": Way(_always(too_many(20)), times=1),
    "503 once": Way(_always(busy(30)), times=1),
    "503 twice": Way(_always(busy()), times=2),
    "cut once": Way(lambda g, _: replace(g, cut_after=len(g.body) // 2), times=1),
    "hangs up once": Way(lambda g, _: replace(g, hang_up=True), times=1),
    "wrong type": Way(lambda g, _: replace(g, content_type="text/html")),
    "no type": Way(lambda g, _: replace(g, content_type="application/octet-stream")),
    "packed": Way(lambda g, _: replace(g, gzip=g.status != 304)),
    "in pieces": Way(lambda g, _: replace(g, is_chunked=g.status != 304)),
    "has moved": Way(_moved),
    "an hour on": Way(_as_is, times=1, jump_s=HOUR),
    "an hour back": Way(_as_is, times=1, jump_s=-HOUR),
    "back to last year": Way(_as_is, times=1, jump_s=-YEAR),
    "on to next year": Way(_as_is, times=1, jump_s=YEAR),
}  # fmt: skip


# ---------------------------------------------------------------------------- hosts


@dataclass(frozen=True)
class Case:
    """A source with a host: what is set for it, how the host answers, and what is asked of it.

    `held` are papers that are here before; `wanted` is what is added by hand. `at` is the number of
    the request from which the host misbehaves. `changes` are set on the source, to have pages.
    `more` are settings of other sources, which know nothing. After `wait_h` hours all is asked
    for again.
    """

    source: str
    table: Callable[[str], dict[str, Any]]
    play: Callable[[Time], Play]
    kind: Literal["harvest", "enrich", "add"] = "harvest"
    key_variable: str = ""
    held: Sequence[Record] = ()
    wanted: str = ""
    at: int = 2
    changes: Mapping[str, Any] = field(default_factory=dict)
    wait_h: float = 2
    more: Callable[[str], dict[str, dict[str, Any]]] = lambda _url: {}


class _Routes:
    """Takes what a world would mount on a server, and finds it."""

    def __init__(self) -> None:
        self._found: dict[str, Play] = {}

    def route(self, path: str, answer: Play) -> None:
        """Take an answer."""
        self._found[path] = answer

    def __call__(self, request: Request) -> Reply:
        """Answer as the world does."""
        for path, answer in self._found.items():
            if path == request.path or (path[-1] == "*" and request.path.startswith(path[:-1])):
                return answer(request)
        return not_found()


def e_prints() -> list[EPrint]:
    """Return invented papers of the last listings, of two categories."""
    first = datetime(2026, 11, 13, 15, tzinfo=UTC)
    return [
        EPrint(
            f"2611.{n:05}",
            f"Invented tides, part {n}",
            categories=(("cs.LG",), ("cs.CV", "cs.LG"))[n % 2],
            versions=(first + timedelta(hours=12 * n),),
        )
        for n in range(13)
    ]


def arxiv_table(url: str) -> dict[str, Any]:
    """Return the settings of an arXiv that is at this address."""
    return {
        "categories": ["cs.LG", "cs.CV"],
        "oai_url": f"{url}/oai",
        "feed_url": f"{url}/atom",
        "listing_url": f"{url}/list",
        "query_url": f"{url}/api/query",
    }


def _arxiv(time: Time) -> Play:
    return arxiv_play(time)


def arxiv_play(time: Time, *troubles: Trouble) -> Play:
    """Return how arXiv answers, two papers on a page, with some troubles of its own."""
    found = _Routes()
    world = ArxivWorld(changes_of(e_prints()), time, troubles=troubles, page=2)
    world.mount(found)  # type: ignore[arg-type]
    return found


def _hf(_time: Time) -> Play:
    def play(request: Request) -> Reply:
        day, page = request.query["date"], int(request.query["p"])
        at = {"2026-11-16": 0, "2026-11-17": 2, "2026-11-18": 4}.get(day)
        return json_reply([] if page or at is None else [_on_hf(at + n, day) for n in range(2)])

    return play


def _on_hf(number: int, day: str) -> dict[str, Any]:
    paper = {
        "id": f"2611.{number:05}", "title": f"Kites {number}", "summary": "We fly kites.",
        "authors": [{"name": "Ada Example"}], "upvotes": 5 + number,
        "submittedOnDailyAt": f"{day}T03:33:17.568Z",
    }  # fmt: skip
    return {"paper": paper, "title": paper["title"], "numComments": 2}


def _feeds(_time: Time) -> Play:
    return _Conditional(
        {
            "/one.xml": xml(
                "<rss version='2.0'><channel><title>One</title>"
                + "".join(
                    f"<item><title>Strings {n}</title><link>https://arxiv.org/abs/2611.0000{n}"
                    f"</link><guid>g{n}</guid></item>"
                    for n in range(3)
                )
                + "</channel></rss>"
            ),
            "/two.json": json_reply(
                {
                    "version": "https://jsonfeed.org/version/1.1",
                    "title": "Two",
                    "items": [
                        {
                            "id": str(n),
                            "url": f"https://arxiv.org/abs/2611.0010{n}",
                            "title": "Bows",
                        }
                        for n in range(3)
                    ],
                }
            ),
            "/three.xml": xml(
                "<feed xmlns='http://www.w3.org/2005/Atom'><title>Three</title><id>urn:3</id>"
                "<entry><id>urn:3:1</id><title>Tails</title>"
                "<link href='https://arxiv.org/abs/2611.00201'/></entry></feed>"
            ),
        }
    )


class _Conditional:
    """Answers by path, and with 304 to whom has the answer already."""

    def __init__(self, replies: Mapping[str, Reply]) -> None:
        self._routes = {
            path: conditional(reply, etag=f'"{n}"')
            for n, (path, reply) in enumerate(replies.items())
        }

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        found = self._routes.get(request.path)
        return found(request) if found else not_found()


def _zotero(_time: Time) -> Play:
    items = [_in_zotero(n) for n in range(1, 6)]

    def play(request: Request) -> Reply:
        headers = {"Last-Modified-Version": "7"}
        if request.headers.get("if-modified-since-version") == "7":
            return Reply(status=304, headers=headers)
        found = items if request.query.get("since", "0") < "7" else []
        start = int(request.query["start"])
        headers["Total-Results"] = str(len(found))
        return json_reply(found[start : start + 2], headers=headers)

    return play


def _in_zotero(number: int) -> dict[str, Any]:
    key = f"KITE{number:04}"
    paper = {
        "key": key, "version": 7, "itemType": "preprint", "title": f"Kites, Part {number}",
        "creators": [], "archiveID": f"arXiv:2611.{number:05}",
        "dateAdded": "2026-11-17T06:00:00Z",
    }  # fmt: skip
    return {"key": key, "version": 7, "data": paper}


def _work(number: int) -> dict[str, Any]:
    return {
        "id": f"https://openalex.org/W100{number}",
        "doi": f"https://doi.org/10.48550/arXiv.2611.0000{number}",
        "title": f"Kites {number}",
        "publication_date": "2026-11-17",
        "publication_year": 2026,
        "cited_by_count": 7,
        "primary_location": {"landing_page_url": f"https://arxiv.org/abs/2611.0000{number}"},
        "authorships": [],
    }


def _openalex(_time: Time) -> Play:
    def play(request: Request) -> Reply:
        asked = request.query["filter"]
        if asked.startswith("doi:"):
            found = [n for n in range(1, 6) if f"2611.0000{n}" in asked]
            return _works(found, None)
        days = dict(part.split(":") for part in asked.split(",") if "date" in part)
        if not days["from_publication_date"] <= "2026-11-17" <= days["to_publication_date"]:
            return _works([], None)
        at = int(request.query["cursor"].replace("*", "0"))
        return _works(range(at + 1, at + 3), str(at + 2) if at < 4 else None)

    return play


def _works(numbers: Sequence[int], following: str | None) -> Reply:
    meta = {"count": 6, "next_cursor": following}
    return json_reply({"meta": meta, "results": [_work(n) for n in numbers]})


def _s2(_time: Time) -> Play:
    def play(request: Request) -> Reply:
        if request.method != "POST":
            return not_found()
        names = request.json()["ids"]
        known = [_in_s2(int(n[-1])) if n.startswith("ARXIV:2611.") else None for n in names]
        return json_reply(known)

    return play


def _in_s2(number: int) -> dict[str, Any]:
    return {
        "paperId": f"{number:040x}", "externalIds": {"ArXiv": f"2611.0000{number}"},
        "title": f"Kites {number}", "citationCount": 3, "influentialCitationCount": 1,
    }  # fmt: skip


def _github(_time: Time) -> Play:
    def play(request: Request) -> Reply:
        _, _, owner, name, *rest = request.path.split("/")
        if rest:
            days = [1, 0, 2, 0, 0, 1, 0]
            sunday = int(datetime(2026, 11, 8, tzinfo=UTC).timestamp())
            return json_reply([{"week": sunday, "total": sum(days), "days": days}])
        number = int(name[-1])
        about = {"id": number, "full_name": f"{owner}/{name}", "stargazers_count": 200 + number}
        return conditional(json_reply(about), etag=f'"{number}"')(request)

    return play


def _crossref(_time: Time) -> Play:
    work = {
        "DOI": "10.5555/kites.1", "title": ["Kites"], "type": "journal-article",
        "issued": {"date-parts": [[2026, 11]]}, "is-referenced-by-count": 4,
    }  # fmt: skip
    return lambda r: (
        json_reply({"status": "ok", "message": work})
        if r.path.startswith("/works")
        else not_found()
    )


def _acl(_time: Time) -> Play:
    def volume(name: str) -> Reply:
        papers = "".join(
            f"<paper id='{n}'><title>Nets {n} of {name}</title></paper>" for n in (1, 2)
        )
        return xml(
            f"<collection id='2026.{name}'><volume id='main'><meta><booktitle>Nets</booktitle>"
            f"<year>2026</year></meta>{papers}</volume></collection>"
        )

    return _Conditional({f"/2026.{n}.xml": volume(n) for n in ("kites", "nets", "bows")})


def _biorxiv(_time: Time) -> Play:
    def play(request: Request) -> Reply:
        _, _, server, first, last, seen = request.path.split("/")
        is_there = first <= "2026-11-17" <= last
        found = [_posted(server, n) for n in range(1, 6)] if is_there else []
        some = found[int(seen) : int(seen) + 2]
        told = {"status": "ok" if some else "no posts found", "total": str(len(found))}
        return json_reply({"messages": [told], "collection": some})

    return play


def _posted(server: str, number: int) -> dict[str, Any]:
    return {
        "doi": f"10.1101/2026.11.10.{ord(server[0])}00{number}", "title": f"Cells {number}",
        "authors": "Example, A.", "date": "2026-11-17", "version": "1", "category": "Cells",
        "abstract": "We look at cells.", "published": "NA", "server": server,
    }  # fmt: skip


def _openreview(_time: Time) -> Play:
    def play(request: Request) -> Reply:
        venue, after = request.query["content.venueid"], request.query.get("after", "")
        found = [_note(venue, n) for n in range(1, 4)]
        some = [n for n in found if n["id"] > after][: int(request.query["limit"])]
        return json_reply({"notes": some, "count": len(some)})

    return play


def _note(venue: str, number: int) -> dict[str, Any]:
    ident = f"{venue}{number:06d}"
    values = {"title": f"Strings {number} of {venue}", "venue": "Kites 2026", "venueid": venue}
    content = {name: {"value": value} for name, value in values.items()}
    return {"id": ident, "forum": ident, "cdate": 1_790_000_000_000, "content": content}


def _held(number: int) -> Record:
    return Record(
        "invented",
        f"k{number}",
        f"Kites {number}",
        external_ids=(
            *(ExternalId("doi", f"10.5555/k.{number}") for _ in range(number % 2)),
            ExternalId("arxiv", f"2611.0000{number}"),
        ),
        announced="2026-11-17",
        links=(("code", f"https://github.com/example/kites{number}"),),
    )


_HELD = tuple(_held(n) for n in range(1, 6))


def _at(**more: Any) -> Callable[[str], dict[str, Any]]:
    return lambda url: {"url": url, **more}


CASES: dict[str, Case] = {
    "arxiv": Case("arxiv", arxiv_table, _arxiv),
    "arxiv by id": Case("arxiv", arxiv_table, _arxiv, "add", wanted="arXiv:2611.00001", at=1,
                        more=lambda url: {n: {"url": f"{url}/no"}
                                          for n in ("hf", "openalex", "s2")}),
    "hf": Case("hf", _at(), _hf, key_variable="HF_TOKEN", at=7),
    "feeds": Case(
        "feeds", lambda url: {"urls": [f"{url}/{n}" for n in ("one.xml", "two.json", "three.xml")]},
        _feeds,
    ),
    "zotero": Case("zotero", _at(library="users/123"), _zotero, key_variable="ZOTERO_API_KEY"),
    "openalex": Case("openalex", _at(filter="type:preprint"), _openalex,
                     key_variable="OPENALEX_API_KEY"),
    "openalex counts": Case("openalex", _at(), _openalex, "enrich", "OPENALEX_API_KEY", _HELD,
                            changes={"at_once": 2}),
    "s2 counts": Case("s2", _at(), _s2, "enrich", "S2_API_KEY", _HELD, changes={"at_once": 2}),
    "github stars": Case("github", _at(), _github, "enrich", "GITHUB_TOKEN", _HELD,
                         changes={"at_once": 2}, wait_h=31 * 24),
    "crossref by DOI": Case("crossref", _at(), _crossref, "add", wanted="doi:10.5555/kites.1",
                            at=1, more=lambda url: {n: {"url": f"{url}/no"}
                                                    for n in ("openalex", "s2")}),
    "acl": Case("acl", _at(collections=["2026.kites", "2026.nets", "2026.bows"]), _acl),
    "biorxiv": Case("biorxiv", _at(), _biorxiv),
    "openreview": Case("openreview", _at(venues=["Bows", "Nets"]), _openreview,
                       key_variable="OPENREVIEW_TOKEN"),
}  # fmt: skip


# ---------------------------------------------------------------------------- the stage


class Host:
    """Answers as it should until the trouble begins, and again once that has ended."""

    def __init__(self, play: Play, way: Way | None, at: int, time: FakeTime) -> None:
        self._play, self._way, self._at, self._time = play, way, at, time
        self._since: float | None = None
        self.asked = 0
        self.spoilt = 0
        self.replies: list[Reply] = []
        self.is_mended = way is None

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        self.replies.append(self._answer(request))
        return self.replies[-1]

    def _answer(self, request: Request) -> Reply:
        self.asked += not request.path.startswith("/moved")
        good = self._play(replace(request, path=request.path.removeprefix("/moved")))
        if self._way is None or not self._is_bad(self._way) or request.path.startswith("/no/"):
            return good
        self.spoilt += 1
        if self._way.jump_s:
            self._time.jump(self._way.jump_s)
        return self._way.spoilt(good, request)

    def _is_bad(self, way: Way) -> bool:
        if self.is_mended or self.asked < self._at or self.spoilt >= way.times:
            return False
        now = self._time.monotonic()
        self._since = now if self._since is None else self._since
        return now - self._since <= way.seconds


class Told(NamedTuple):
    """What was said of a run, or of a paper that was added."""

    outcome: str
    reason: str


class Stage:
    """A home, a host, and a time of their own."""

    def __init__(
        self,
        case: Case,
        way: Way | None,
        folder: Path,
        server: Loopback,
        host: Host,
        time: FakeTime,
        *,
        home: str = "home",
    ) -> None:
        self.case, self.way, self.server, self.host, self.time = case, way, server, host, time
        self._folder = folder
        file = folder / home / "record.sqlite"
        file.parent.mkdir(parents=True)
        file.write_bytes(_empty_record())
        self.database = Database(file, clock=time.now)
        self.newsroom = self._newsroom()
        self._file_held()

    def _newsroom(self) -> Newsroom:
        case, url = self.case, self.server.url
        keys = {case.key_variable: SECRET} if case.key_variable else {}
        tables = {case.source: {"enabled": True, **case.table(url)}, **case.more(url)}
        registry = Registry({n: dict(t) for n, t in tables.items()}, keys)
        self._source: Any = registry.setup(case.source).source
        self.manner: Manner = self._source.manner
        self._source.manner = self.manner._replace(**dict(self.way.limits if self.way else {}))
        for name, value in case.changes.items():
            setattr(self._source, name, value)
        rules = Rules(state=self._folder / "state")
        return Newsroom(self.database, registry, rules, lambda: None, self.time.now, self.time)

    def _file_held(self) -> None:
        if self.case.held:
            stamp = self.newsroom._harvester.stamp()
            with self.database.write() as connection:
                number = runs.begin(connection, "invented", stamp)
                runs.finish(connection, number, "done", "", stamp)
            self.newsroom._harvester.file("invented", self.case.held, number)

    def run(self) -> Told:
        """Do what the case is about, and return what was said of it."""
        if self.case.kind == "add":
            added = self.newsroom.add(self.case.wanted)
            return Told(added.outcome, added.reason)
        run = self.newsroom.harvest if self.case.kind == "harvest" else self.newsroom.enrich
        report = run(self.case.source)
        return Told(report.outcome, report.reason)

    def end_trouble(self) -> None:
        """Mend the host and the clock, and let so much time pass that nobody is left alone."""
        self.host.is_mended = True
        self._source.manner = self.manner
        if self.way is not None and self.host.spoilt:
            self.time.jump(-self.way.jump_s)
        self.time.sleep(self.case.wait_h * HOUR)

    @property
    def gaps(self) -> list[float]:
        """Return the seconds between the requests to the one host that the case is about."""
        log = [r for r in self.server.log if not r.path.startswith("/no/")]
        return [round(b.at - (a.ended or a.at), 6) for a, b in pairwise(log)]

    def kept(self) -> list[Any]:
        """Return all that was filed and counted, but not when."""
        return [
            # Keys of feeds begin with a sign of their addresses, and each server has its own.
            self.rows(
                "select source, case source when 'feed' then substr(key, 9) else key end"
                " from records order by 1, 2"
            ),
            self.rows("select count(*) from papers where merged_into is null"),
            self.rows("select distinct kind, source, key, value from signals order by 1, 2, 3, 4"),
            self.rows("select namespace, value from external_ids order by 1, 2"),
        ]

    def rows(self, query: str) -> list[Any]:
        """Return what the record says."""
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def shown(self) -> str:
        """Return all that this run left behind in files and people may see, as one text."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return b"\n".join(path.read_bytes() for path in files).decode("latin-1")


@cache
def _empty_record() -> bytes:
    """Return the file of a record that is empty: to make one takes half a second."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "record.sqlite"
        Database(path, clock=lambda: NOW).close()
        return path.read_bytes()


@contextmanager
def put_out(
    folder: Path,
    case: Case,
    way: Way | None = None,
    *,
    at: int | None = None,
    now: datetime = NOW,
) -> Iterator[Stage]:
    """Give a stage on which the host of a case misbehaves in a way, from one request on."""
    time = RealPauses(now) if way is WAYS["drips"] else SettledTime(now)
    true = ServerTime(time)
    host = Host(case.play(true), way, at or case.at, time)
    with Loopback(time=true) as server:
        server.route("/*", host)
        time.server = server
        stage = Stage(case, way, folder, server, host, time)
        try:
            yield stage
        finally:
            stage.database.close()
