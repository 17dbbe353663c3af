"""OpenAlex: citation counts, ids and venues of papers, and works by a filter of one's own.

The format is that of https://docs.openalex.org/api-entities/works (and help.openalex.org, for what
requests cost). A key is needed since 2026-02-13; without one a few cents a day are free.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, ClassVar
from urllib.parse import quote

from broadsheet.errors import SourceError, SourceRejected
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.types import ExternalId, PaperId, Record
from broadsheet.sources import fields
from broadsheet.sources.base import (
    Ask,
    Batch,
    Cursor,
    Finding,
    Found,
    Item,
    Option,
    Rhythm,
    Want,
    Wanted,
    examine,
)
from broadsheet.sources.jsonl import parse_day
from broadsheet.sources.polite import Client, Manner

_NAME = "openalex"
_SELECT = (
    "id,doi,title,display_name,publication_date,publication_year,type,language,ids,cited_by_count,"
    "is_retracted,primary_location,authorships,abstract_inverted_index,keywords"
)
_PER_PAGE = 100
_PAGES = 100
"""Numbered pages end at 10,000 works; only a cursor, which needs a key, leads further."""
_VALUES = 50
_VALUES_LENGTH = 3_000
"""Works asked about at once, and the characters that they may take in an address."""
_MAX_WORDS = 30_000
_MOST_AUTHORS = 100
_FILTER_SIGNS = re.compile(r'[,|:!"()*?~\\<>]+')
_FIRST_DAYS = 7
_WELL_KNOWN = "W2741809807"
"""The work that OpenAlex's own documentation shows."""

WANTS: Mapping[str, Want] = {
    "id": Want(str),
    "doi": Want(str, needed=False),
    "title": Want(str),
    "publication_date": Want(str),
    "publication_year": Want(int),
    "type": Want(str),
    "ids": Want(dict),
    "cited_by_count": Want(int),
    "is_retracted": Want(bool),
    "primary_location.landing_page_url": Want(str, needed=False),
    "primary_location.source.display_name": Want(str, needed=False),
    "authorships": Want(list),
    "abstract_inverted_index": Want(dict, needed=False),
}


# ---------------------------------------------------------------------------- reading


def parse_works(body: bytes) -> list[Item]:
    """Return the works in a page of results; raises SourceError if it is no such page."""
    results = _page(body).get("results")
    return list(fields.read_each(fields.listed(results), read_work, source=_NAME))


def _page(body: bytes) -> dict[str, Any]:
    page = fields.obj(fields.loaded(body, source=_NAME))
    if not isinstance(page.get("results"), list) or not isinstance(page.get("meta"), dict):
        raise SourceError("OpenAlex's answer has no meta and results", source=_NAME)
    return page


def read_work(work: Mapping[str, Any], place: int) -> Record:
    """Return the record of one work; raises RecordError if it has no id."""
    own = fields.external_id("openalex", work.get("id"))
    if own is None:
        fields.refuse("no OpenAlex id", work.get("id"), place, source=_NAME)
    where = fields.obj(work.get("primary_location"))
    host = fields.obj(where.get("source"))
    day = parse_day(work.get("publication_date"))
    authors = _authors(work.get("authorships"))
    return Record(
        source=_NAME,
        key=own.value,
        title=fields.text(work.get("title")) or fields.text(work.get("display_name")),
        abstract=abstract_of(work.get("abstract_inverted_index")),
        authors=authors,
        external_ids=_ids(own, work, where),
        year=fields.year(work.get("publication_year")),
        # The first of January is what is said where only the year is known.
        published=None if day is None or day.endswith("-01-01") else day,
        keywords=fields.texts(
            [fields.obj(k).get("display_name") for k in fields.listed(work.get("keywords"))]
        ),
        venue="" if host.get("type") == "repository" else fields.text(host.get("display_name")),
        withdrawn=work.get("is_retracted") is True,
        links=fields.links(("abs", where.get("landing_page_url")), ("pdf", where.get("pdf_url"))),
        extra=fields.filled(
            {
                "type": fields.text(work.get("type")),
                "language": fields.text(work.get("language")),
                "version": fields.text(where.get("version")),
                "is_retracted": work.get("is_retracted") is True or None,
                "authors_cut": len(authors) == _MOST_AUTHORS or None,
                "orcids": _orcids(work.get("authorships")),
            }
        ),
        signals=fields.signals(citations=work.get("cited_by_count")),
    )


def abstract_of(index: Any) -> str:
    """Return the text of an inverted index: each word at its places, holes left out."""
    words: dict[int, str] = {}
    for word, places in fields.obj(index).items():
        for place in fields.listed(places):
            if type(place) is int and 0 <= place < _MAX_WORDS:
                words.setdefault(place, word)
    return fields.without_markup(" ".join(words[place] for place in sorted(words)))


def _authors(authorships: Any) -> tuple[str, ...]:
    people = map(fields.obj, fields.listed(authorships))
    names = (
        fields.text(fields.obj(p.get("author")).get("display_name"))
        or fields.text(p.get("raw_author_name"))
        for p in people
    )
    return tuple(name for name in names if name)


def _orcids(authorships: Any) -> dict[str, str]:
    """Return the ORCIDs of authors by their names: who has one can show that they wrote this."""
    people = (fields.obj(p.get("author")) for p in map(fields.obj, fields.listed(authorships)))
    return fields.orcids((fields.text(p.get("display_name")), p.get("orcid")) for p in people)


def _ids(
    own: ExternalId, work: Mapping[str, Any], where: Mapping[str, Any]
) -> tuple[ExternalId, ...]:
    given = fields.obj(work.get("ids"))
    page = where.get("landing_page_url")
    home = parse_external_id(page) if isinstance(page, str) else None
    return fields.distinct(
        (
            fields.external_id("doi", work.get("doi"))
            or fields.external_id("doi", given.get("doi")),
            home if home and home.namespace == "arxiv" else None,
            fields.external_id("pmid", given.get("pmid")),
            own,
        )
    )


# ---------------------------------------------------------------------------- asking


class OpenAlex:
    """Counts citations of papers that are held, knows papers by id, and finds them by title.

    With `filter`, it also brings works that pass it. Coverage of arXiv lags by days, so that it is
    no source of new papers there.
    """

    name: ClassVar[str] = _NAME
    title: ClassVar[str] = "OpenAlex"
    options: ClassVar[tuple[Option, ...]] = (
        Option("url", "https://api.openalex.org", "Address of the API."),
        Option(
            "filter",
            "",
            "Works to bring, in OpenAlex's words: type:preprint,authorships.institutions.id:I1."
            " Without a filter none are brought.",
        ),
        Option("overlap_days", 14, "So many days are asked for again: works arrive there late."),
    )
    key_variable: ClassVar[str] = "OPENALEX_API_KEY"
    namespaces: ClassVar[tuple[str, ...]] = ("doi", "arxiv", "openalex", "pmid")
    at_once: ClassVar[int] = 50
    rhythm = Rhythm("days", every_h=24)
    manner = Manner("api.openalex.org", gap_s=0.2, timeout_s=60)

    def __init__(
        self,
        *,
        url: str = "https://api.openalex.org",
        filter: str = "",  # noqa: A002 (the name of the option)
        overlap_days: int = 14,
        key: str = "",
    ) -> None:
        self._works = url.rstrip("/") + "/works"
        self._filter = filter
        self._overlap = timedelta(days=max(0, overlap_days))
        self._key = key

    # Papers that are held.

    def wants(self, wanted: Wanted) -> bool:
        """Return whether a paper has an id that OpenAlex knows."""
        return any(i.namespace in self.namespaces for i in wanted.external_ids)

    def enrich(self, client: Client, wanted: Sequence[Wanted], now: datetime) -> Found:
        """Return the works that are these papers, with their citations as signals.

        What could be asked before an error is returned; raises SourceError if that is nothing.
        """
        del now
        values = {w.paper: _values(w.external_ids) for w in wanted}
        items: list[Item] = []
        asked: set[tuple[str, str]] = set()
        for name, some in _queries(chain.from_iterable(values.values())):
            try:
                items += self._listed(client, f"{name}:{'|'.join(some)}", _PER_PAGE)
            except SourceError:
                if not asked:
                    raise
                break
            asked |= {(name, value) for value in some}
        ours = {i for w in wanted for i in w.external_ids}
        # A work that is none of these papers would be filed as a new one.
        items = [i for i in items if not isinstance(i, Record) or ours & set(i.external_ids)]
        return Found(_kept(wanted, values, asked, items), items)

    # Papers that somebody asks for.

    def look_up(self, client: Client, ids: Sequence[ExternalId]) -> Iterator[Item]:
        """Yield the works with these ids, each asked for by itself, which costs nothing.

        An id that was merged into another leads to that one, and its record has both.
        """
        for wanted in ids:
            try:
                answer = self._get(client, f"/{quote(_name_of(wanted), safe='/:()')}", {})
            except SourceRejected as error:
                if error.status == 404:  # noqa: PLR2004 (HTTP)
                    continue
                raise
            work = fields.loaded(answer, source=_NAME)
            for item in fields.read_each([work], read_work, source=_NAME):
                yield _merged(item, wanted) if isinstance(item, Record) else item

    def find_title(self, client: Client, title: str) -> Iterator[Item]:
        """Yield at most ten works with a like title; a search costs ten times a look at a list."""
        words = " ".join(_FILTER_SIGNS.sub(" ", title).split())
        if words:
            yield from self._listed(client, f"title.search:{words}", 10)

    # Papers that pass a filter.

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return one part if there is a filter."""
        del ask
        return ("works",) if self._filter else ()

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield the works of the filter by day of publication, page by page.

        The cursor has `done`, the day up to which all was seen, and within a harvest `from`, `to`
        and `next`. Without a key only the first 10,000 works can be had.
        """
        del part
        span = _Span.of(cursor, ask, self._overlap)
        while True:
            page = self._harvest_page(client, span)
            items = list(fields.read_each(page["results"], read_work, source=_NAME))
            total = fields.count(page["meta"].get("count"))
            following = self._following(page, span)
            yield Batch(items, span.cursor(following), total=total)
            if following is None:
                return
            if following in span.seen:
                raise SourceError("OpenAlex's next_cursor leads back to itself", source=_NAME)
            if not self._key and span.page >= _PAGES:
                raise SourceError(
                    "OpenAlex shows 10,000 works without a key, and there are more;"
                    f" set {self.key_variable}, or a narrower filter",
                    source=_NAME,
                )
            span.go_on(following)

    def _harvest_page(self, client: Client, span: _Span) -> dict[str, Any]:
        days = f"from_publication_date:{span.first},to_publication_date:{span.last}"
        asked: dict[str, str | int] = {
            "filter": f"{self._filter},{days}",
            "per_page": _PER_PAGE,
            "select": _SELECT,
        }
        try:
            return _page(self._get(client, "", asked | self._place(span)))
        except SourceRejected as error:
            if error.status != 400 or not span.is_resumed:  # noqa: PLR2004 (HTTP)
                raise
            # The place where an earlier run stopped is not known there any more.
            span.restart()
            return _page(self._get(client, "", asked | self._place(span)))

    def _place(self, span: _Span) -> dict[str, str | int]:
        # Without a key a cursor is answered with 401.
        return {"cursor": span.next or "*"} if self._key else {"page": span.page}

    def _following(self, page: Mapping[str, Any], span: _Span) -> str | None:
        if not page["results"]:
            return None
        if self._key:
            token = page["meta"].get("next_cursor")
            return token if isinstance(token, str) and token else None
        total = fields.count(page["meta"].get("count")) or 0
        return str(span.page + 1) if span.page * _PER_PAGE < total else None

    # One request.

    def check(self, client: Client) -> Iterator[Finding]:
        """Ask for one well-known work, and judge its fields."""
        work = fields.loaded(self._get(client, f"/{_WELL_KNOWN}", {}), source=_NAME)
        yield from examine([fields.obj(work)], WANTS)

    def _listed(self, client: Client, asked: str, most: int) -> list[Item]:
        params: dict[str, str | int] = {"filter": asked, "per_page": most}
        return parse_works(self._get(client, "", params))

    def _get(self, client: Client, path: str, params: Mapping[str, str | int]) -> bytes:
        given = {"select": _SELECT, **params}
        if self._key:
            given["api_key"] = self._key
        try:
            return client.get(self._works + path, params=given, form="json").body
        except SourceRejected as error:
            if error.status not in {401, 403}:
                raise
            raise SourceRejected(self._refusal(), source=_NAME, status=error.status) from None

    def _refusal(self) -> str:
        if self._key:
            return f"OpenAlex does not take the key in {self.key_variable}, or its budget is spent"
        return (
            "OpenAlex needs a key since 2026-02-13: make a free one at"
            f" https://openalex.org/settings/api and set {self.key_variable}"
        )


class _Span:
    """The days of one harvest, and how far it is."""

    def __init__(self, first: str, last: str, done: str, following: str) -> None:
        self.first, self.last = first, last
        self._done = done
        self.next = following
        self.is_resumed = bool(following)
        self.seen: set[str] = {following} if following else set()

    @classmethod
    def of(cls, cursor: Cursor, ask: Ask, overlap: timedelta) -> _Span:
        today = ask.now.date()
        # A day in the future was noted by a wrong clock, and what lies before it is not done.
        done = _past(cursor.get("done"), today)
        first, last = _day(cursor.get("from")), _past(cursor.get("to"), today)
        following = cursor.get("next")
        wanted = (ask.since or first, ask.until or last)
        if isinstance(following, str) and following and first and last and wanted == (first, last):
            return cls(str(first), str(last), str(done or ""), following)
        since = ask.since or (done - overlap if done else today - timedelta(days=_FIRST_DAYS))
        return cls(str(since), str(ask.until or today), str(done or ""), "")

    @property
    def page(self) -> int:
        """The number of the page, where pages have one."""
        return int(self.next) if self.next.isdecimal() and len(self.next) < 6 else 1  # noqa: PLR2004

    def go_on(self, following: str) -> None:
        self.next = following
        self.is_resumed = False
        self.seen.add(following)

    def restart(self) -> None:
        self.next, self.is_resumed, self.seen = "", False, set()

    def cursor(self, following: str | None) -> Cursor:
        """Return what holds once the page before `following` is filed; None is the end."""
        if following is None:
            return {"done": max(self._done, self.last)}
        place = {"from": self.first, "to": self.last, "next": following}
        return place | ({"done": self._done} if self._done else {})


def _past(value: Any, today: date) -> date | None:
    day = _day(value)
    return day if day and day <= today else None


def _day(value: Any) -> date | None:
    day = parse_day(value)
    return date.fromisoformat(day) if day and len(day) == len("2026-11-17") else None


def _values(ids: Iterable[ExternalId]) -> list[tuple[str, str]]:
    """Return filter and value for each id of a paper that can stand in a filter."""
    found = [("doi", value) for i in ids if (value := _doi_of(i))]
    # By its DOIs OpenAlex tells preprint and journal version apart; else one id is enough.
    rest = [(i.namespace, i.value) for i in ids if i.namespace in {"openalex", "pmid"}]
    return [v for v in found or rest[:1] if not set(",|") & set(v[1])]


def _doi_of(wanted: ExternalId) -> str:
    if wanted.namespace == "arxiv":
        return f"10.48550/arxiv.{wanted.value}"
    return wanted.value if wanted.namespace == "doi" else ""


def _name_of(wanted: ExternalId) -> str:
    doi = _doi_of(wanted)
    return f"doi:{doi}" if doi else wanted.value if wanted.namespace == _NAME else str(wanted)


def _queries(values: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield a filter's name and as many of its values as go into one address."""
    by_name: dict[str, list[str]] = {}
    for name, value in dict.fromkeys(values):
        some = by_name.setdefault(name, [])
        if len(some) == _VALUES or sum(map(len, some)) + len(value) > _VALUES_LENGTH:
            yield name, some
            some = by_name[name] = []
        some.append(value)
    yield from ((name, some) for name, some in by_name.items() if some)


def _kept(
    wanted: Sequence[Wanted],
    values: Mapping[PaperId, list[tuple[str, str]]],
    asked: set[tuple[str, str]],
    items: Iterable[Item],
) -> dict[PaperId, dict[str, Any]]:
    """Return for each paper that was asked about whole which works it is."""
    works: dict[ExternalId, list[str]] = {}
    for item in items:
        if isinstance(item, Record):
            for found in item.external_ids:
                works.setdefault(found, []).append(item.key)
    return {
        w.paper: {"works": sorted({k for i in w.external_ids for k in works.get(i, ())})}
        for w in wanted
        if asked.issuperset(values[w.paper])
    }


def _merged(record: Record, wanted: ExternalId) -> Record:
    """Return `record` with the id that it was asked for by, if that was merged into its own."""
    if wanted.namespace != _NAME or wanted in record.external_ids:
        return record
    return replace(
        record,
        external_ids=(*record.external_ids, wanted),
        extra=record.extra | {"merged": [wanted.value]},
    )
