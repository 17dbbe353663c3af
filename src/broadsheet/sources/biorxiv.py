"""bioRxiv and medRxiv: preprints of the life and health sciences, by the day they were posted.

The format is that of https://api.biorxiv.org (details). No key is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, ClassVar, Final

from broadsheet.errors import ConfigError, RecordError, SourceError
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources import fields
from broadsheet.sources.base import Ask, Batch, Cursor, Finding, Item, Option, Rhythm, Want, examine
from broadsheet.sources.jsonl import parse_day, split_authors
from broadsheet.sources.polite import Client, Manner

_NAME = "biorxiv"
_TITLES: Final = {"biorxiv": "bioRxiv", "medrxiv": "medRxiv"}
_FIRST_DAYS = 3
_OVERLAP = timedelta(days=2)
"""What is posted late in a day is not in an answer of that day."""
_WINDOW = timedelta(days=31)
_DAY = len("2026-11-17")
_DOI_DAY = re.compile(r"10\.\d{4,9}/(20\d\d)\.(\d\d)\.(\d\d)\.\d+", re.ASCII)
_WITHDRAWN = re.compile(
    r"(?:the )?authors? (?:have|has) withdrawn|(?:this|the) (?:manuscript|article|paper|preprint)"
    r" (?:has been|was|is) withdrawn|withdrawal statement",
    re.IGNORECASE,
)
_FIRST_DAY = date(2013, 11, 1)

WANTS: Mapping[str, Want] = {
    "doi": Want(str),
    "title": Want(str),
    "authors": Want(str),
    "date": Want(str),
    "version": Want((str, int)),
    "category": Want(str),
    "abstract": Want(str),
    "license": Want(str, needed=False),
    "type": Want(str, needed=False),
    "published": Want(str, needed=False),
}


# ---------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an answer: so many preprints came (`size`), of which these are the `items`.

    Of several versions of one preprint the latest is among them. `total` is None if it is not said.
    `marks` tell pages apart.
    """

    items: tuple[Item, ...]
    size: int
    total: int | None
    marks: frozenset[str]


def parse_page(body: bytes, *, server: str) -> Page:
    """Return what an answer holds; raises SourceError if it is none of bioRxiv's."""
    answer = fields.obj(fields.loaded(body, source=_NAME))
    message = fields.obj(next(iter(fields.listed(answer.get("messages"))), None))
    status = fields.text(message.get("status")).casefold()
    given = answer.get("collection")
    if not isinstance(given, list):
        if "no posts" in status:
            return Page((), 0, 0, frozenset())
        said = f": it says {status!r}" if status else ""
        raise SourceError(f"{server}'s answer has no collection{said}", source=_NAME)
    items = fields.read_each(
        given, lambda one, place: read_preprint(one, place, server=server), source=_NAME
    )
    marks = frozenset(f"{o.get('doi')}v{o.get('version')}" for o in map(fields.obj, given))
    return Page(tuple(_latest(items)), len(given), _total(message), marks)


def _total(message: Mapping[str, Any]) -> int | None:
    """Return how many there are in all: a number, or text with a number in it."""
    total = message.get("total")
    if isinstance(total, str) and total.isascii() and total.isdecimal():
        return fields.count(int(total[:15]))
    return fields.count(total)


def _latest(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the faults, and of each preprint the latest version, with the day of the first."""
    records: dict[str, Record] = {}
    for item in items:
        if isinstance(item, RecordError):
            yield item
        else:
            known = records.get(item.key)
            records[item.key] = item if known is None else newest(known, item)
    yield from records.values()


def newest(one: Record, other: Record) -> Record:
    """Return the later version of one preprint, with the first day that either knows."""
    older, newer = sorted((one, other), key=lambda r: (r.extra.get("version", 0), r.updated or ""))
    first = newer.published or older.published
    presumed = first or older.presumed or newer.presumed
    return replace(newer, published=first, presumed=presumed)


def read_preprint(given: Mapping[str, Any], place: int, *, server: str) -> Record:
    """Return the record of one version of a preprint; raises RecordError if it has no DOI."""
    own = fields.external_id("doi", given.get("doi"))
    if own is None:
        fields.refuse("no DOI", given.get("doi"), place, source=_NAME)
    where = fields.text(given.get("server")).casefold()
    where = where if where in _TITLES else server
    version = _number(given.get("version"))
    posted = parse_day(given.get("date"))
    posted = posted if posted and len(posted) == _DAY else None
    received = _received(own, posted)
    is_first = version == 1
    title, abstract = fields.text(given.get("title")), fields.text(given.get("abstract"))
    kind = fields.text(given.get("type"))
    page = f"https://www.{where}.org/content/{own.value}v{version}"
    return Record(
        source=_NAME,
        key=own.value,
        title=title,
        abstract=abstract,
        authors=tuple(split_authors(fields.text(given.get("authors")))),
        external_ids=fields.distinct((own, _journal(given))),
        year=int(posted[:4]) if posted else None,
        submitted=received,
        published=posted if is_first else None,
        updated=None if is_first else posted,
        # A later version is no new paper: it belongs to the days of the first.
        presumed=posted if is_first else received,
        keywords=tuple(filter(None, [fields.text(given.get("category")).casefold()])),
        venue=_TITLES.get(where, where),
        withdrawn=_is_withdrawn(title, abstract, kind),
        links=fields.links(("abs", page), ("pdf", f"{page}.full.pdf")),
        extra=fields.filled(
            {
                "version": version,
                "type": kind,
                "license": fields.text(given.get("license")),
                "institution": fields.text(given.get("author_corresponding_institution")),
            }
        ),
    )


def _number(version: Any) -> int:
    text = str(version).strip()
    return max(1, int(text[:4])) if text.isascii() and text.isdecimal() else 1


def _journal(given: Mapping[str, Any]) -> ExternalId | None:
    """Return the DOI in the journal; where there is none, `NA` stands."""
    return fields.external_id("doi", given.get("published"))


def _received(own: ExternalId, posted: str | None) -> str | None:
    """Return the day that the DOI names, on which the preprint was received."""
    match = _DOI_DAY.fullmatch(own.value)
    day = parse_day("-".join(match.groups())) if match else None
    return day if day and (posted is None or day <= posted) else None


def _is_withdrawn(title: str, abstract: str, kind: str) -> bool:
    return (
        "withdrawn" in kind.casefold()
        or title.casefold().startswith("withdrawn:")
        or _WITHDRAWN.match(abstract) is not None
    )


# ---------------------------------------------------------------------------- asking


class Biorxiv:
    """Brings the preprints of bioRxiv and medRxiv, each by the day on which it was posted."""

    name: ClassVar[str] = _NAME
    title: ClassVar[str] = "bioRxiv and medRxiv"
    options: ClassVar[tuple[Option, ...]] = (
        Option("url", "https://api.biorxiv.org", "Address of the API."),
        Option("servers", ("biorxiv", "medrxiv"), "Which of the two are wanted."),
    )
    key_variable: ClassVar[str] = ""
    rhythm = Rhythm("days", every_h=12)
    manner = Manner("api.biorxiv.org", gap_s=1.0, timeout_s=60)

    def __init__(
        self,
        *,
        url: str = "https://api.biorxiv.org",
        servers: tuple[str, ...] = ("biorxiv", "medrxiv"),
    ) -> None:
        self._details = url.rstrip("/") + "/details"
        self._servers = tuple(dict.fromkeys(map(str.casefold, servers)))
        for name in self._servers:
            if name not in _TITLES:
                raise ConfigError(
                    f"[sources.biorxiv] servers: {name!r} is none; there are {', '.join(_TITLES)}"
                )

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return the servers that are wanted."""
        del ask
        return self._servers

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield the preprints posted since the cursor, a month's pages after the other.

        The cursor has `done`, the day up to which all was seen, and within a month `from`, `to`
        and `next`, the number of preprints that were seen of it.
        """
        today = ask.now.date()
        done = _past(cursor.get("done"), today)
        last = min(ask.until or today, today)
        first = ask.since or (done - _OVERLAP if done else last - timedelta(days=_FIRST_DAYS))
        first = max(first, _FIRST_DAY)
        months = _Months(self, client, part, str(done or ""))
        begun = _begun(cursor, ask)
        if begun:
            yield from months.month(*begun)
            first = begun[1] + timedelta(days=1)
        while first <= last:
            end = min(first + _WINDOW, last)
            yield from months.month(first, end, 0)
            first = end + timedelta(days=1)

    def page(self, client: Client, server: str, days: str, seen: int) -> Page:
        """Return the preprints of `from/to` after the first `seen` ones."""
        answer = client.get(f"{self._details}/{server}/{days}/{seen}", form="json")
        return parse_page(answer.body, server=server)

    def check(self, client: Client) -> Iterator[Finding]:
        """Ask for a day of the past, and judge the fields of its preprints."""
        server = next(iter(self._servers), _NAME)
        answer = client.get(f"{self._details}/{server}/2024-01-03/2024-01-03/0", form="json")
        given = fields.obj(fields.loaded(answer.body, source=_NAME))
        told = fields.listed(given.get("messages"))
        wants = {"status": Want(str), "total": Want((int, str)), "count": Want((int, str))}
        yield from examine([fields.obj(m) for m in told[:1]], wants)
        yield from examine([fields.obj(o) for o in fields.listed(given.get("collection"))], WANTS)


@dataclass
class _Months:
    """The pages of one server, month after month."""

    source: Biorxiv
    client: Client
    server: str
    done: str

    def month(self, first: date, last: date, seen: int) -> Iterator[Batch]:
        """Yield the pages of some days after the first `seen` preprints of them."""
        days = f"{first}/{last}"
        is_resumed = seen > 0
        marks: set[str] = set()
        known: dict[str, Record] = {}
        while True:
            page = self.source.page(self.client, self.server, days, seen)
            is_repeated = page.size > 0 and page.marks <= marks
            total = page.total or 0
            # A place that is none is answered, too, with what was there already or with nothing.
            if seen < total and (is_repeated or not page.size) and (marks or not is_resumed):
                raise SourceError(
                    f"{self.server} gave {seen} of {total} preprints of {days}, and then"
                    f" {'a page of them again' if is_repeated else 'no more'}",
                    source=_NAME,
                )
            items = [] if is_repeated else list(_merged(page.items, known))
            marks |= page.marks
            seen += page.size
            is_last = is_repeated or not page.size or 0 < total <= seen
            cursor = self._finished(last) if is_last else self._within(first, last, seen)
            yield Batch(items, cursor, total=page.total)
            if is_last:
                return

    def _finished(self, last: date) -> Cursor:
        self.done = max(self.done, str(last))
        return {"done": self.done}

    def _within(self, first: date, last: date, seen: int) -> Cursor:
        place = {"from": str(first), "to": str(last), "next": seen}
        return place | ({"done": self.done} if self.done else {})


def _merged(items: Sequence[Item], known: dict[str, Record]) -> Iterator[Item]:
    """Yield the items as they are after what earlier pages said of the same preprints."""
    for item in items:
        if isinstance(item, Record):
            known[item.key] = newest(known[item.key], item) if item.key in known else item
            yield known[item.key]
        else:
            yield item


def _begun(cursor: Cursor, ask: Ask) -> tuple[date, date, int] | None:
    """Return the month in which an earlier run stopped, if it is one that is asked for."""
    first, last = _day(cursor.get("from")), _day(cursor.get("to"))
    seen = fields.count(cursor.get("next"))
    if first is None or last is None or seen is None or last > ask.now.date():
        return None
    if ask.since and not ask.since <= first <= (ask.until or ask.now.date()):
        return None
    return first, last, seen


def _past(value: Any, today: date) -> date | None:
    """Return a day, None if it lies in the future: a wrong clock noted it, and nothing is done."""
    day = _day(value)
    return day if day and day <= today else None


def _day(value: Any) -> date | None:
    day = parse_day(value)
    return date.fromisoformat(day) if day and len(day) == _DAY else None
