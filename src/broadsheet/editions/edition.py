"""Editions: the papers of a day, a week or a month, in the order of reading, with reasons."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import orjson
from sqlalchemy import Connection

from broadsheet.collection import editions as store
from broadsheet.collection import papers, runs
from broadsheet.collection.database import Database
from broadsheet.collection.editions import DayCount, Slim
from broadsheet.editions import calendar
from broadsheet.editions.calendar import Period
from broadsheet.editions.order import LEAD, REST, REST_LABEL, Candidate, Place, arrange, foremost
from broadsheet.editions.topics import clusters
from broadsheet.errors import QueryError, SearchIndexError, StoreError
from broadsheet.papers.categories import category_label
from broadsheet.papers.types import Paper
from broadsheet.search import query as language
from broadsheet.search.index import Index
from broadsheet.search.query import And, Like, Node, Phrase, Query, Word
from broadsheet.search.ranking import Reason

PLACES = 2000
"""So many papers of a period are put in order; the rest follow in order of day."""
COMPARED = 1000
"""So many earlier papers are what a paper's newness is measured against."""
FOREMOST = 60
"""So many of the strongest papers are looked at for leads."""
LEAST_COMPARED = 100
SHOWN = 8
"""Papers of each section that an edition shows; `listing` has all."""
SECTIONS = 24
"""Sections that an edition shows papers of; the others are named."""
AGAIN = 30
LEAD_TEXT = 300
"""Characters of abstract that a leading paper must have, unless readers voted for it."""
SETTLED = timedelta(hours=12)
"""An edition is closed when its day is over everywhere and nothing came for so long."""
RUN = timedelta(days=1)
"""A run that has not ended in so long was cut off."""
_CACHED = 256


class Placed(NamedTuple):
    """A paper in an edition, and why it stands where it stands."""

    paper: Paper
    reason: Reason


class Section(NamedTuple):
    """A part of an edition: `name` for programs, `label` for people, `total` papers in all."""

    name: str
    label: str
    total: int
    places: tuple[Placed, ...]


class CameAgain(NamedTuple):
    """A paper of an earlier edition that came again: `kind` is listed, page, version or cross."""

    paper: Paper
    day: str
    kind: str
    note: str


class Day(NamedTuple):
    """How many papers a day holds; `silence` says why there are none, as far as that is known."""

    day: date
    papers: int
    silence: str | None


@dataclass(frozen=True, slots=True)
class Edition:
    """The papers of a period: `basis` counts by which of their days they belong to it.

    `silence` says why it is empty; `before` and `after` are the nearest days that hold papers.
    """

    period: Period
    query: str
    total: int
    basis: dict[str, int]
    is_closed: bool
    leads: tuple[Placed, ...]
    sections: tuple[Section, ...]
    again: tuple[CameAgain, ...]
    days: tuple[Day, ...]
    before: date | None
    after: date | None
    silence: str | None


class Listing(NamedTuple):
    """A slice of all papers of one section of an edition."""

    label: str
    total: int
    places: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class _Order:
    """The places of a period, and how large its sections really are."""

    places: list[Place]
    totals: Counter[str]
    basis: Counter[str]
    is_whole: bool
    was_kept: bool
    is_closed: bool = False
    stamp: tuple[object, ...] = ()
    made: dict[str, Edition] = field(default_factory=dict)

    def of(self, section: str) -> list[Place]:
        """Return the places of one section."""
        return [p for p in self.places if p.section == section]


class Editions:
    """The editions of a collection, built from the record and kept until one of their days changes.

    Safe to share between threads.
    """

    def __init__(self, database: Database, index: Index, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._index = index
        self._clock = clock
        self._orders: OrderedDict[tuple[str, str], _Order] = OrderedDict()
        self._lock = threading.Lock()

    def edition(self, period: Period, query: str = "") -> Edition:
        """Return the edition of a period, of those papers that `query` matches.

        All bare words of the query must be there. Raises QueryError.
        """
        narrowing = _narrowing(query)
        with self._database.read() as connection:
            order = self._order(connection, period, narrowing)
            made = order.made.get("edition")
            if made is None:
                made = order.made["edition"] = self._read(connection, period, narrowing, order)
        return made

    def listing(
        self, period: Period, section: str, query: str = "", *, offset: int = 0, limit: int = 50
    ) -> Listing:
        """Return a slice of all papers of one section, in the order of the edition."""
        with self._database.read() as connection:
            order = self._order(connection, period, _narrowing(query))
            own = order.of(section)
            total = order.totals[section] if section != LEAD else len(own)
            places = own[offset : offset + limit]
            if not order.is_whole and section != LEAD:
                places = self._beyond(connection, period, order, section, offset, limit)
            return Listing(section_label(section), total, _placed(connection, places))

    def calendar(self, first: date, last: date) -> list[Day]:
        """Return every day from `first` to `last` with how many papers it holds."""
        with self._database.read() as connection:
            return list(_calendar(connection, first, last, self._clock()))

    def newest(self, until: date) -> date | None:
        """Return the newest day until `until` that holds papers."""
        with self._database.read() as connection:
            found = store.nearest(connection, (until + timedelta(1)).isoformat(), "9999")[0]
        return date.fromisoformat(found) if found else None

    def nearest(self, first: date, last: date) -> tuple[date | None, date | None]:
        """Return the nearest days that hold papers, before `first` and after `last`."""
        with self._database.read() as connection:
            found = store.nearest(connection, first.isoformat(), last.isoformat())
        before, after = (date.fromisoformat(day) if day else None for day in found)
        return before, after

    # ------------------------------------------------------------------ the order

    def _order(self, connection: Connection, period: Period, query: Query | None) -> _Order:
        key = (period.key, str(query or ""))
        days = store.days(connection, period.first.isoformat(), period.last.isoformat())
        is_closed = self._is_closed(period, days)
        stamp = (
            max((d.touched for d in days), default=0), len(days), is_closed,
            self._index.sequence if query else self._index.sequence >= _touched(days),
        )  # fmt: skip
        with self._lock:
            found = self._orders.get(key)
            if found is not None and found.stamp == stamp:
                self._orders.move_to_end(key)
                return found
        made = self._arranged(connection, period, days, query)
        made = replace(made, is_closed=is_closed, stamp=stamp)
        if is_closed and query is None and not made.was_kept and made.places:
            self._keep(connection, period, made.places, days)
        with self._lock:
            self._orders[key] = made
            while len(self._orders) > _CACHED:
                self._orders.popitem(last=False)
        return made

    def _is_closed(self, period: Period, days: Sequence[DayCount]) -> bool:
        now = self._clock().astimezone(UTC)
        if not calendar.closes(period.last) <= now:
            return False
        changed = max((d.changed for d in days), default="")
        return not changed or datetime.fromisoformat(changed) + SETTLED <= now

    def _arranged(
        self,
        connection: Connection,
        period: Period,
        days: Sequence[DayCount],
        query: Query | None,
    ) -> _Order:
        """Return the order of a period: the one that was kept, with what came later at its end."""
        first, last = period.first.isoformat(), period.last.isoformat()
        slims = self._candidates(connection, period, days, query)
        kept = _read_kept(store.kept(connection, period.key))
        known = {p.paper for p in kept}
        if kept:
            kept = _still_there(connection, kept, {s.id for s in slims}, is_whole=query is not None)
            late = [s for s in slims if s.id not in known]
            places = kept + _late(late)
        else:
            places = self._fresh(connection, first, slims)
        total = sum(d.papers for d in days)
        is_whole = query is not None or len(slims) >= total
        totals = Counter(p.section for p in places if p.section != LEAD)
        basis = Counter(s.basis for s in slims)
        if not is_whole:
            topics, basis = store.counts(connection, first, last)
            sections = {p.section for p in places}
            totals = Counter[str]()
            for topic, n in topics.items():
                totals[topic if topic in sections else REST] += n
        return _Order(places, totals, basis, is_whole, was_kept=bool(kept))

    def _candidates(
        self,
        connection: Connection,
        period: Period,
        days: Sequence[DayCount],
        query: Query | None,
    ) -> list[Slim]:
        if query is not None:
            inside = store.ids_between(
                connection, period.first.isoformat(), period.last.isoformat()
            )
            return store.of_ids(connection, self._index.matching((), query, inside).tolist())
        filled = [d.day for d in days if d.papers]
        return store.strongest(connection, filled, max(PLACES // max(len(filled), 1), 20))

    def _fresh(self, connection: Connection, first: str, slims: Sequence[Slim]) -> list[Place]:
        """Return the order that papers would have if none was kept."""
        newness = self._newness(connection, first, slims)
        labels = self._labels(connection, slims)
        candidates = [
            Candidate(s.id, s.topic or labels.get(s.id, ""), s.upvotes, newness.get(s.id), s.day)
            for s in slims
        ]
        first_of_all = [c.paper for c in foremost(candidates, FOREMOST) if not c.upvotes]
        return arrange(candidates, papers.readable(connection, first_of_all, LEAD_TEXT))

    def _newness(
        self, connection: Connection, first: str, slims: Sequence[Slim]
    ) -> dict[int, float]:
        """Return 1 less the cosine to the nearest earlier paper, for papers that have a vector."""
        before = store.earlier(connection, first, COMPARED) if slims else []
        if len(before) < LEAST_COMPARED:
            return {}
        try:
            ids, own = self._index.paper_vectors([s.id for s in slims])
            _, others = self._index.paper_vectors(before)
        except SearchIndexError:
            return {}
        if len(others) < LEAST_COMPARED or not len(ids):
            return {}
        near = (own @ others.T).max(axis=1)
        return {int(i): round(1 - float(n), 4) for i, n in zip(ids, near, strict=True)}

    def _labels(self, connection: Connection, slims: Sequence[Slim]) -> dict[int, str]:
        """Return topics for the papers that have no category."""
        bare = [s.id for s in slims if not s.topic]
        if not bare:
            return {}
        try:
            ids, vectors = self._index.paper_vectors(bare)
        except SearchIndexError:
            return {}
        return clusters(papers.titles(connection, bare), [int(i) for i in ids], vectors)

    def _keep(
        self,
        connection: Connection,
        period: Period,
        places: Sequence[Place],
        days: Sequence[DayCount],
    ) -> None:
        """Keep the order of a closed period; when that cannot be now, it is kept another time."""
        now = self._clock().astimezone(UTC)
        is_running = runs.is_running(connection, _stamp(now - RUN))
        if self._index.sequence < _touched(days) or is_running:
            return
        body = orjson.dumps([[p.paper, p.section, *p.reason] for p in places]).decode()
        try:
            with self._database.write() as writing:
                store.keep(writing, period.key, body, _stamp(now))
        except StoreError:
            return

    # ------------------------------------------------------------------ reading

    def _read(
        self, connection: Connection, period: Period, query: Query | None, order: _Order
    ) -> Edition:
        first, last = period.first.isoformat(), period.last.isoformat()
        names = list(dict.fromkeys(p.section for p in order.places if p.section != LEAD))
        shown = {LEAD: order.of(LEAD)}
        shown |= {n: order.of(n)[:SHOWN] for n in names[:SECTIONS]}
        flat = [p for places in shown.values() for p in places]
        read: dict[int, Placed] = {p.paper.id: p for p in _placed(connection, flat)}
        before, after = store.nearest(connection, first, last)
        days = tuple(_calendar(connection, period.first, period.last, self._clock()))
        total = sum(order.basis.values())
        return Edition(
            period=period,
            query=str(query or ""),
            total=total,
            basis=dict(order.basis),
            is_closed=order.is_closed,
            leads=tuple(read[p.paper] for p in shown[LEAD] if p.paper in read),
            sections=tuple(
                Section(
                    n, section_label(n), order.totals[n],
                    tuple(read[p.paper] for p in shown.get(n, ()) if p.paper in read),
                )
                for n in names
            ),
            again=() if query else _again(connection, first, last),
            days=days,
            before=date.fromisoformat(before) if before else None,
            after=date.fromisoformat(after) if after else None,
            silence=None if total else _why_empty(days, query),
        )  # fmt: skip

    @staticmethod
    def _beyond(
        connection: Connection,
        period: Period,
        order: _Order,
        section: str,
        offset: int,
        limit: int,
    ) -> list[Place]:
        """Return places of a section that is too large to be put in order whole."""
        first, last = period.first.isoformat(), period.last.isoformat()
        topics, _ = store.counts(connection, first, last)
        sections = {p.section for p in order.places} - {REST, LEAD}
        wanted = [section] if section != REST else [t for t in topics if t not in sections]
        found = store.of_topics(connection, first, last, wanted, offset=offset, limit=limit)
        return [
            Place(s.id, section, Reason("recency", f"of {s.day}" if s.day else "")) for s in found
        ]


# ---------------------------------------------------------------------------- parts


def section_label(name: str) -> str:
    """Return a section's name for people: what a category is about, or the cluster's words."""
    return {LEAD: "Leading papers", REST: REST_LABEL}.get(name) or category_label(name)


def _narrowing(text: str) -> Query | None:
    """Return the query as conditions alone: a bare word, which only ranks, must be there too."""
    query = language.parse(text)
    if query.root is None:
        return None
    nodes = query.root.nodes if isinstance(query.root, And) else (query.root,)
    if any(isinstance(n, Like) for n in nodes):
        raise QueryError(
            "like: ranks papers, but an edition has its own order",
            query=query.text,
            position=max(query.text.lower().rfind("like:"), 0),
            hint="narrow it with words and fields, or use like: in the search",
        )
    kept = tuple(map(_required, nodes))
    return Query(And(kept) if len(kept) > 1 else kept[0])


def _required(node: Node) -> Node:
    return Phrase(node.text) if isinstance(node, Word) and node.field is None else node


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _touched(days: Sequence[DayCount]) -> int:
    return max((d.touched for d in days), default=0)


def _read_kept(body: str | None) -> list[Place]:
    rows = orjson.loads(body) if body else []
    return [Place(paper, section, Reason(*reason)) for paper, section, *reason in rows]


def _still_there(
    connection: Connection, kept: Sequence[Place], there: set[int], *, is_whole: bool
) -> list[Place]:
    """Return the kept places of papers that still belong to the period, merged ones followed."""
    gone = [p.paper for p in kept if p.paper not in there]
    into = store.survivors(connection, gone) if gone and not is_whole else {}
    seen: set[int] = set()
    found = []
    for place in kept:
        paper = into.get(place.paper, place.paper)
        if paper in there and paper not in seen:
            seen.add(paper)
            found.append(place._replace(paper=paper))
    return found


def _late(slims: Sequence[Slim]) -> list[Place]:
    """Return the places of papers that came after their edition was closed: at its end."""
    why = Reason("late", "filed after this edition was closed")
    return [Place(s.id, REST, why) for s in sorted(slims, key=lambda s: s.id)]


def _placed(connection: Connection, places: Sequence[Place]) -> tuple[Placed, ...]:
    found: dict[int, Paper] = {p.id: p for p in papers.fetch(connection, [p.paper for p in places])}
    return tuple(Placed(found[p.paper], p.reason) for p in places if p.paper in found)


def _again(connection: Connection, first: str, last: str) -> tuple[CameAgain, ...]:
    rows = {r.paper_id: r for r in reversed(store.again(connection, first, last, AGAIN * 2))}
    wanted = list(reversed(rows))[:AGAIN]
    found = papers.fetch(connection, wanted)
    return tuple(CameAgain(p, rows[p.id].day, rows[p.id].kind, rows[p.id].note) for p in found)


def _calendar(connection: Connection, first: date, last: date, now: datetime) -> Iterator[Day]:
    counts = {d.day: d.papers for d in store.days(connection, first.isoformat(), last.isoformat())}
    for n in range((last - first).days + 1):
        day = first + timedelta(n)
        papers_of = counts.get(day.isoformat(), 0)
        yield Day(day, papers_of, None if papers_of else _silence(day, now.date()))


def _silence(day: date, today: date) -> str:
    if day > today:
        return "not yet"
    return calendar.silence(day) or "nothing was filed for this day"


def _why_empty(days: Sequence[Day], query: Query | None) -> str:
    """Return why an edition holds nothing, in a sentence."""
    if query is not None and any(d.papers for d in days):
        return "No paper of this edition matches."
    reasons = list(dict.fromkeys(d.silence for d in days if d.silence))
    text = reasons[0] if len(reasons) == 1 else "nothing was filed for these days"
    return f"{text[:1].upper()}{text[1:]}."
