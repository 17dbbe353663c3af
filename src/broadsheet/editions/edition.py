"""Editions: the papers of a day, a week or a month, in the order of reading, with reasons."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, Self

import orjson
from sqlalchemy import Connection

from broadsheet.collection import editions as store
from broadsheet.collection import papers, picks, runs
from broadsheet.collection.database import Database
from broadsheet.collection.editions import DayCount, Slim
from broadsheet.collection.picks import Pick
from broadsheet.editions import calendar
from broadsheet.editions.calendar import Period
from broadsheet.editions.narrowing import narrowing
from broadsheet.editions.order import (
    LEAD,
    REST,
    REST_LABEL,
    Candidate,
    Place,
    arrange,
    foremost,
    reason,
)
from broadsheet.editions.topics import clusters
from broadsheet.editions.trending_list import Standing, TrendingLists
from broadsheet.errors import SearchIndexError, StoreError
from broadsheet.papers.categories import category_label
from broadsheet.papers.types import Paper
from broadsheet.search import query as language
from broadsheet.search.index import Index
from broadsheet.search.query import Query
from broadsheet.search.ranking import Reason

PLACES = 2000
"""So many papers of a period are put in order; the rest follow in order of day."""
LEAST_OF_DAY = 20
"""So many papers of each day have a place, however many others have more attention."""
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
LEAD_TEXT = 200
"""Characters of text that a leading paper must have, unless readers voted for it."""
SETTLED = timedelta(hours=12)
"""An edition is closed when its day is over everywhere and nothing came for so long."""
RUN = timedelta(days=1)
"""A run that has not ended in so long was cut off."""
_CACHED = 256


class Placed(NamedTuple):
    """A paper in an edition, why it stands where it stands, and what a curator says of it."""

    paper: Paper
    reason: Reason
    pick: Pick | None = None


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


class _Stamp(NamedTuple):
    """Up to when an order is right: what papers there are, and what people make of them."""

    papers: tuple[object, ...]
    people: tuple[object, ...]


class _Moment(NamedTuple):
    """As of when an edition is asked for: what was seen later does not count for its order."""

    at: datetime
    is_over: bool


class _Matter(NamedTuple):
    """What an order is made of: papers, as they are before anybody has read them, and by then.

    `first` are the picks that come first.
    """

    slims: Sequence[Slim]
    candidates: Mapping[int, Candidate]
    standings: Mapping[int, Standing]
    first: Mapping[int, Pick]


@dataclass(frozen=True, slots=True)
class _Order:
    """The places of a period, and how many papers its sections and bases really have.

    `picks` are the marks of its papers, wherever they stand. An order that was kept, or is part of
    one, has no `matter`.
    """

    places: list[Place]
    totals: Counter[str]
    basis: Counter[str]
    was_kept: bool
    is_closed: bool
    picks: Mapping[int, Pick] = field(default_factory=dict)
    matter: _Matter | None = None
    stamp: _Stamp | None = None
    made: dict[str, Edition] = field(default_factory=dict)

    def of(self, section: str) -> list[Place]:
        """Return the places of one section."""
        return [p for p in self.places if p.section == section]

    @property
    def is_whole(self) -> bool:
        """Whether all papers of the period have a place."""
        return len(self.places) == self.basis.total()

    @property
    def sections(self) -> set[str]:
        """The sections that are of a topic."""
        return {p.section for p in self.places} - {LEAD, REST}

    @property
    def names(self) -> list[str]:
        """All sections but that of the leads, in order; `more` also for what has no place."""
        there = dict.fromkeys(p.section for p in self.places if p.section != LEAD)
        return list(there | ({REST: None} if self.totals[REST] else {}))


class Editions:
    """The editions of a collection, built from the record and kept until anything changes them.

    Safe to share between threads.
    """

    def __init__(
        self,
        database: Database,
        index: Index,
        trending: TrendingLists,
        clock: Callable[[], datetime],
        *,
        picks_first: bool = True,
    ) -> None:
        """`picks_first` if what curators picked comes before everything else."""
        self._database = database
        self._index = index
        self._trending = trending
        self._clock = clock
        self._picks_first = picks_first
        self._orders: OrderedDict[tuple[str, str], _Order] = OrderedDict()
        self._lock = threading.Lock()

    def edition(self, period: Period, query: str = "") -> Edition:
        """Return the edition of a period, of those papers that `query` matches.

        All bare words of the query must be there. Raises QueryError.
        """
        asked = language.parse(query)
        with self._database.read() as connection:
            order = self._order(connection, period, narrowing(asked))
            near = _nearest(connection, period.first, period.last)
            made = order.made.get(str(asked))
            if made is None:
                made = self._read(connection, period, asked, order)
            if (made.before, made.after) != near:
                # Other days come and go without touching this one.
                made = replace(made, before=near[0], after=near[1])
            order.made[str(asked)] = made
        return made

    def listing(
        self, period: Period, section: str, query: str = "", *, offset: int = 0, limit: int = 50
    ) -> Listing:
        """Return a slice of all papers of one section, in the order of the edition."""
        with self._database.read() as connection:
            order = self._order(connection, period, narrowing(language.parse(query)))
            own = order.of(section)
            total = order.totals[section] if section != LEAD else len(own)
            places = own[offset : offset + limit]
            if total > len(own) and len(places) < limit:
                start = max(offset - len(own), 0)
                places += _beyond(connection, period, order, section, start, limit - len(places))
            return Listing(section_label(section), total, _placed(connection, places, order.picks))

    def calendar(self, first: date, last: date) -> list[Day]:
        """Return every day from `first` to `last` with how many papers it holds."""
        with self._database.read() as connection:
            return list(_calendar(connection, first, last, self._today()))

    def newest(self, until: date) -> date | None:
        """Return the newest day until `until` that holds papers."""
        with self._database.read() as connection:
            found = store.nearest(connection, (until + timedelta(1)).isoformat(), "9999")[0]
        return date.fromisoformat(found) if found else None

    def nearest(self, first: date, last: date) -> tuple[date | None, date | None]:
        """Return the nearest days that hold papers, before `first` and after `last`."""
        with self._database.read() as connection:
            return _nearest(connection, first, last)

    def places(self, first: date, last: date, at: datetime) -> list[Place]:
        """Return the order that papers of some days had as of a moment, all days taken together.

        Of very many papers only the foremost have a place. Nothing is kept.
        """
        period, moment = Period("day", first, last), _Moment(at, is_over=False)
        with self._database.read() as connection:
            days = store.days(connection, first.isoformat(), last.isoformat())
            slims, standings = self._foremost(connection, period, days, at)
            matter = self._matter(connection, period, slims, standings, moment, None)
            return self._fresh(connection, matter, None)

    def _today(self) -> date:
        """Return the day it is, where this machine stands."""
        return self._clock().astimezone().date()

    # ------------------------------------------------------------------ the order

    def _order(self, connection: Connection, period: Period, query: Query | None) -> _Order:
        key = (period.key, str(query or ""))
        days = store.days(connection, period.first.isoformat(), period.last.isoformat())
        sequence, closing = self._sequence(), _closing(period, days)
        # Looked at before the clock: what this knows of was seen by now.
        counted = self._trending.stamp()
        now = self._clock().astimezone(UTC)
        is_over, is_current = closing <= now, sequence >= _touched(days)
        # What has not come yet is empty for another reason than what is past.
        until = min(self._today(), period.last + timedelta(1))
        # A count that is told as of today is told as of yesterday from midnight on.
        attention = None if is_over else (counted, now.date())
        stamp = _Stamp(
            (_touched(days), len(days), until, is_over, sequence if query else is_current),
            (attention, picks.stamp(connection)),
        )
        with self._lock:
            found = self._orders.get(key)
            if found is not None and found.stamp == stamp:
                self._orders.move_to_end(key)
                return found
        before = found if found and found.stamp and found.stamp.papers == stamp.papers else None
        moment = _Moment(min(now, closing), is_over)
        made = self._arranged(connection, period, days, query, moment, before)
        if before is not None and (made.places, made.picks) == (before.places, before.picks):
            made = before
        made = replace(made, is_closed=made.is_closed or is_over, stamp=stamp)
        if is_over and is_current and query is None and not made.was_kept and made.places:
            self._keep(connection, period, made)
        with self._lock:
            self._orders[key] = made
            while len(self._orders) > _CACHED:
                self._orders.popitem(last=False)
        return made

    def _sequence(self) -> int:
        """Return what the index holds of the change log; less than nothing if it is damaged."""
        try:
            return self._index.sequence
        except SearchIndexError:
            return -1

    def _arranged(
        self,
        connection: Connection,
        period: Period,
        days: Sequence[DayCount],
        query: Query | None,
        moment: _Moment,
        before: _Order | None,
    ) -> _Order:
        """Return the order of a period: the one that was kept, with what came later at its end.

        `before` is what it was with the same papers, if it was asked for.
        """
        first, last = period.first.isoformat(), period.last.isoformat()
        if query is not None:
            return self._narrowed(connection, period, query, moment, before)
        kept = _read_kept(store.kept(connection, period.key))
        matter = None
        if kept is None:
            slims, standings = self._foremost(connection, period, days, moment.at)
            matter = self._matter(connection, period, slims, standings, moment, before)
            places = self._fresh(connection, matter, before)
        else:
            slims = _first_of_all(connection, period, days)
            slims, places = _as_kept(connection, kept, slims, (first, last))
        if len(places) >= sum(d.papers for d in days):
            counts = _Counts.of(places, slims)
        else:
            counts = _Counts.beyond(places, slims, *store.counts(connection, first, last))
        was_kept = kept is not None
        return _Order(
            places, counts.totals, counts.basis, was_kept, is_closed=was_kept,
            picks=_picked(connection, period), matter=matter,
        )  # fmt: skip

    def _foremost(
        self, connection: Connection, period: Period, days: Sequence[DayCount], at: datetime
    ) -> tuple[list[Slim], Mapping[int, Standing]]:
        """Return the papers of a period that are put in order, and their standings.

        They are all of them if they are few; else those that have most attention or were picked,
        and as many of the strongest of each day as there is room for.
        """
        inside = store.ids_between(connection, period.first.isoformat(), period.last.isoformat())
        standings = self._trending.standings(inside, at, PLACES)
        if len(inside) <= PLACES:
            return store.of_ids(connection, inside), standings
        slims = store.of_ids(connection, sorted({*standings, *_picked(connection, period)}))
        there = {s.id for s in slims}
        others = _strongest(connection, days, PLACES - len(slims))
        return slims + [s for s in others if s.id not in there], standings

    def _narrowed(
        self,
        connection: Connection,
        period: Period,
        query: Query,
        moment: _Moment,
        before: _Order | None,
    ) -> _Order:
        """Return the order of those papers that match: that of the whole period once it is closed.

        What has no place in the order of the whole comes after what has.
        """
        # With the same papers the same ones match.
        known = before.matter.slims if before and before.matter else None
        slims = known if known is not None else self._matching(connection, period, query)
        is_kept = store.kept(connection, period.key) is not None
        matter = None
        if is_closed := is_kept or moment.is_over:
            whole = self._order(connection, period, None)
            there = {s.id for s in slims}
            places = [p for p in whole.places if p.paper in there]
            rest = sorted(slims, key=_strength, reverse=True)
            places += _unplaced(rest, {p.paper for p in places}, whole.sections)
        else:
            standings = self._trending.standings([s.id for s in slims], moment.at)
            matter = self._matter(connection, period, slims, standings, moment, before)
            places = self._fresh(connection, matter, before)
        counts = _Counts.of(places, slims)
        return _Order(
            places, counts.totals, counts.basis, was_kept=False, is_closed=is_closed,
            picks=_picked(connection, period), matter=matter,
        )  # fmt: skip

    def _matching(self, connection: Connection, period: Period, query: Query) -> list[Slim]:
        inside = store.ids_between(connection, period.first.isoformat(), period.last.isoformat())
        return store.of_ids(connection, self._index.matching((), query, inside).tolist())

    def _matter(
        self,
        connection: Connection,
        period: Period,
        slims: Sequence[Slim],
        standings: Mapping[int, Standing],
        moment: _Moment,
        before: _Order | None,
    ) -> _Matter:
        """Return what the order is made of; what cannot be other than `before` is as it was."""
        first: Mapping[int, Pick] = {}
        if self._picks_first:
            until = _stamp(moment.at) if moment.is_over else None
            first = _picked(connection, period, until)
        was = before.matter if before else None
        if was is not None and was.candidates.keys() == {s.id for s in slims}:
            return was._replace(standings=standings, first=first)
        newness = self._newness(connection, period.first.isoformat(), slims)
        labels = self._labels(connection, slims)
        candidates = {
            s.id: Candidate(
                s.id, s.topic or labels.get(s.id, ""), s.upvotes, newness.get(s.id), s.day
            )
            for s in slims
        }
        return _Matter(slims, candidates, standings, first)

    @staticmethod
    def _fresh(connection: Connection, matter: _Matter, before: _Order | None) -> list[Place]:
        """Return the order that papers have by what people made of them."""
        if before is not None and before.matter == matter:
            return before.places
        standings, bare = matter.standings, matter.candidates.values()
        voted = [c.paper for c in bare if c.upvotes and c.paper in standings]
        timed = store.timed_upvotes(connection, voted)
        candidates = [
            c._replace(
                upvotes=None if c.paper in timed else c.upvotes,
                standing=standings[c.paper].z if c.paper in standings else None,
                counted=standings[c.paper].reasons if c.paper in standings else (),
                is_picked=c.paper in matter.first,
            )
            for c in bare
        ]
        first_of_all = [c.paper for c in foremost(candidates, FOREMOST) if not c.has_attention]
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

    def _keep(self, connection: Connection, period: Period, order: _Order) -> None:
        """Keep the order of a closed period; when that cannot be now, it is kept another time."""
        now = self._clock().astimezone(UTC)
        if runs.is_running(connection, _stamp(now - RUN)):
            return
        places = [[p.paper, p.section, *p.reason] for p in order.places]
        body = orjson.dumps({"whole": order.is_whole, "places": places}).decode()
        try:
            with self._database.write(is_patient=False) as writing:
                store.keep(writing, period.key, body, _stamp(now))
        except StoreError:
            return

    # ------------------------------------------------------------------ reading

    def _read(self, connection: Connection, period: Period, asked: Query, order: _Order) -> Edition:
        first, last = period.first.isoformat(), period.last.isoformat()
        names = order.names
        shown = {LEAD: order.of(LEAD)}
        shown |= {n: order.of(n)[:SHOWN] for n in names[:SECTIONS]}
        flat = [p for places in shown.values() for p in places]
        placed = _placed(connection, flat, order.picks)
        read: dict[int, Placed] = {p.paper.id: p for p in placed}
        before, after = _nearest(connection, period.first, period.last)
        days = tuple(_calendar(connection, period.first, period.last, self._today()))
        total = sum(order.basis.values())
        return Edition(
            period=period,
            query=str(asked),
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
            again=() if asked.root else _again(connection, first, last),
            days=days,
            before=before,
            after=after,
            silence=None if total else _why_empty(days),
        )  # fmt: skip


# ---------------------------------------------------------------------------- parts


def section_label(name: str) -> str:
    """Return a section's name for people: what a category is about, or the cluster's words."""
    return {LEAD: "Leading papers", REST: REST_LABEL}.get(name) or category_label(name)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _closing(period: Period, days: Sequence[DayCount]) -> datetime:
    """Return when a period has ended and nothing has come for it of late."""
    ends = calendar.closes(period.last)
    changed = max((d.changed for d in days), default="")
    return max(ends, datetime.fromisoformat(changed) + SETTLED) if changed else ends


def _touched(days: Sequence[DayCount]) -> int:
    return max((d.touched for d in days), default=0)


def _nearest(connection: Connection, first: date, last: date) -> tuple[date | None, date | None]:
    found = store.nearest(connection, first.isoformat(), last.isoformat())
    before, after = (date.fromisoformat(day) if day else None for day in found)
    return before, after


# ---------------------------------------------------------------------------- counts


class _Counts(NamedTuple):
    """How many papers each section but that of the leads has, and each basis."""

    totals: Counter[str]
    basis: Counter[str]

    @classmethod
    def of(cls, places: Sequence[Place], slims: Sequence[Slim]) -> Self:
        """Count what has a place."""
        placed = {p.paper for p in places}
        return cls(
            Counter(p.section for p in places if p.section != LEAD),
            Counter(s.basis for s in slims if s.id in placed),
        )

    @classmethod
    def beyond(
        cls,
        places: Sequence[Place],
        slims: Sequence[Slim],
        topics: Counter[str],
        basis: Counter[str],
    ) -> Self:
        """Count all papers of a period: those without a place stand in the section of their topic.

        `topics` has how many papers of the whole period have each topic.
        """
        totals = Counter(p.section for p in places if p.section != LEAD)
        sections, placed = set(totals) - {REST}, {p.paper for p in places}
        for topic, n in (topics - Counter(s.topic for s in slims if s.id in placed)).items():
            totals[topic if topic in sections else REST] += n
        return cls(totals, basis)


def _beyond(
    connection: Connection, period: Period, order: _Order, section: str, offset: int, limit: int
) -> list[Place]:
    """Return papers of a section that have no place, strongest first."""
    first, last = period.first.isoformat(), period.last.isoformat()
    found = store.further(
        connection, first, last, section if section != REST else None, sorted(order.sections),
        [p.paper for p in order.places], offset=offset, limit=limit,
    )  # fmt: skip
    return [_by_day(s, section) for s in found]


def _unplaced(
    slims: Iterable[Slim], placed: Container[int], sections: Container[str]
) -> Iterator[Place]:
    """Yield the papers that have no place yet, each in the section of its topic."""
    for slim in slims:
        if slim.id not in placed:
            yield _by_day(slim, slim.topic if slim.topic in sections else REST)


def _by_day(slim: Slim, section: str) -> Place:
    return Place(
        slim.id, section, reason(Candidate(slim.id, section, slim.upvotes, None, slim.day))
    )


def _strength(slim: Slim) -> tuple[int, str, int]:
    """Return what sorts papers as `store.further` does, the strongest last."""
    return -1 if slim.upvotes is None else slim.upvotes, slim.day or "", slim.id


# ---------------------------------------------------------------------------- kept orders


class _Kept(NamedTuple):
    """An order as it was kept; `is_whole` if every paper of the period had a place in it."""

    places: list[Place]
    is_whole: bool


def _read_kept(body: str | None) -> _Kept | None:
    if body is None:
        return None
    found = orjson.loads(body)
    rows = found["places"]
    places = [Place(paper, section, Reason(*reason)) for paper, section, *reason in rows]
    return _Kept(places, found["whole"])


def _as_kept(
    connection: Connection, kept: _Kept, slims: Sequence[Slim], span: tuple[str, str]
) -> tuple[list[Slim], list[Place]]:
    """Return the papers and places of a period as they were kept, with what came later at the end.

    `slims` are the papers of the period that would be put in order today.
    """
    there = {s.id: s for s in slims}
    lacking = [p.paper for p in kept.places if p.paper not in there]
    into = store.survivors(connection, lacking)
    first, last = span
    for slim in store.of_ids(connection, [*lacking, *into.values()]):
        if first <= slim.edition <= last:
            there[slim.id] = slim
    places = _still_there(kept.places, into, there)
    if kept.is_whole:
        placed = {p.paper for p in places}
        places += _late(s for s in slims if s.id not in placed)
    return list(there.values()), places


def _still_there(
    kept: Sequence[Place], into: Mapping[int, int], there: Container[int]
) -> list[Place]:
    """Return the kept places of papers that still belong to the period, merged ones followed."""
    seen: set[int] = set()
    found = []
    for place in kept:
        paper = into.get(place.paper, place.paper)
        if paper in there and paper not in seen:
            seen.add(paper)
            found.append(place._replace(paper=paper))
    return found


def _late(slims: Iterable[Slim]) -> list[Place]:
    """Return the places of papers that came after their edition was closed: at its end."""
    why = Reason("late", "came after this edition was closed")
    return [Place(s.id, REST, why) for s in sorted(slims, key=lambda s: s.id)]


# ---------------------------------------------------------------------------- papers and days


def _first_of_all(connection: Connection, period: Period, days: Sequence[DayCount]) -> list[Slim]:
    """Return the papers of a period, of very many the strongest of each day."""
    if sum(d.papers for d in days) > PLACES:
        return _strongest(connection, days, PLACES)
    inside = store.ids_between(connection, period.first.isoformat(), period.last.isoformat())
    return store.of_ids(connection, inside)


def _strongest(connection: Connection, days: Sequence[DayCount], most: int) -> list[Slim]:
    """Return the first papers of some days: about `most` in all, and some of each."""
    filled = [d.day for d in days if d.papers]
    return store.strongest(connection, filled, max(most // max(len(filled), 1), LEAST_OF_DAY))


def _picked(connection: Connection, period: Period, until: str | None = None) -> Mapping[int, Pick]:
    """Return the papers of a period that curators picked, or had picked by a moment."""
    first, last = period.first.isoformat(), period.last.isoformat()
    return {p.paper: p for p in reversed(picks.between(connection, first, last, until))}


def _placed(
    connection: Connection, places: Sequence[Place], picked: Mapping[int, Pick]
) -> tuple[Placed, ...]:
    found: dict[int, Paper] = {p.id: p for p in papers.fetch(connection, [p.paper for p in places])}
    return tuple(
        Placed(found[p.paper], p.reason, picked.get(p.paper)) for p in places if p.paper in found
    )


def _again(connection: Connection, first: str, last: str) -> tuple[CameAgain, ...]:
    rows = {r.paper_id: r for r in reversed(store.again(connection, first, last, AGAIN * 2))}
    wanted = list(reversed(rows))[:AGAIN]
    found = papers.fetch(connection, wanted)
    return tuple(CameAgain(p, rows[p.id].day, rows[p.id].kind, rows[p.id].note) for p in found)


def _calendar(connection: Connection, first: date, last: date, today: date) -> Iterator[Day]:
    counts = {d.day: d.papers for d in store.days(connection, first.isoformat(), last.isoformat())}
    for n in range((last - first).days + 1):
        day = first + timedelta(n)
        papers_of = counts.get(day.isoformat(), 0)
        yield Day(day, papers_of, None if papers_of else _silence(day, today))


def _silence(day: date, today: date) -> str:
    if day > today:
        return "not yet"
    return calendar.silence(day) or "nothing was filed for this day"


def _why_empty(days: Sequence[Day]) -> str:
    """Return why an edition holds nothing, in a sentence."""
    if any(d.papers for d in days):
        return "No paper of this edition matches."
    reasons = list(dict.fromkeys(d.silence for d in days if d.silence))
    text = reasons[0] if len(reasons) == 1 else "nothing was filed for these days"
    return f"{text[:1].upper()}{text[1:]}."
