"""Harvesting: fetch, file, and say what came of it; one source at a time, part by part.

Records, signals, listings and the cursor of a part are written in one transaction, so that a
harvest that is killed anywhere goes on where the record stands.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout
from sqlalchemy import Connection

from broadsheet.collection import harvests, runs, signals
from broadsheet.collection import papers as store
from broadsheet.collection.database import Database
from broadsheet.collection.harvests import Listed, Stand
from broadsheet.errors import RecordError, SourceError, StoreError
from broadsheet.harvest import outcome, staleness
from broadsheet.harvest.outcome import PartReport, Verdict
from broadsheet.papers.filing import Key, Outcome
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.base import Ask, Batch, Harvested, Item, Listing, Source
from broadsheet.sources.polite import Client

Clock = Callable[[], datetime]
Line = Callable[[str], AbstractContextManager[Client]]
"""Gives the client for a part of a source, in one run; "" is any part."""
Connect = Callable[[Source], Line]
"""Begins a run of a source: the time that it may take counts from now."""

_FIRST = timedelta(days=7)
"""Of a first harvest, papers announced before that are old ones that were changed."""

_log = logging.getLogger(__name__)


class Wish(NamedTuple):
    """What somebody wants of a harvest; nothing said means what is new.

    `slot` is the due time that it serves. A `dry_run` fetches and counts, and keeps nothing.
    """

    since: date | None = None
    until: date | None = None
    categories: tuple[str, ...] = ()
    is_backfill: bool = False
    is_dry: bool = False
    slot: str | None = None

    @property
    def kind(self) -> runs.Kind:
        """The kind of run that this is."""
        return "backfill" if self.is_backfill else "harvest"


class Step(NamedTuple):
    """How far a run has come: `done` of `of` parts, and what was counted so far."""

    source: str
    part: str
    done: int
    of: int
    counts: Counter[str]


Told = Callable[[Step], None]


def silent(_step: Step) -> None:
    """Tell nobody how far a run has come."""


class Report(NamedTuple):
    """What a run came to; `run` is its number, None if nothing was kept of it."""

    source: str
    run: int | None
    outcome: str
    reason: str
    counts: Counter[str]
    parts: list[dict[str, object]]


@dataclass(slots=True)
class _Part:
    """One part while it is harvested."""

    name: str
    stood: Stand
    counts: Counter[str] = field(default_factory=Counter)
    error: str = ""
    retry_after: float | None = None
    day: str | None = None
    stale: list[str] = field(default_factory=list)
    days: Counter[str] = field(default_factory=Counter)
    """How many papers it brought of each day of announcement."""

    def report(self, route: str) -> PartReport:
        return PartReport(
            self.name,
            self.counts,
            error=self.error,
            until=max(self.days, default=self.stood.covered),
            day=self.day,
            usual=self.stood.usual,
            stale=self.stale,
            route=route,
            covered=self.stood.covered,
            newest=max(self.days, default=None),
        )

    def usual(self, today: date) -> float:
        """Return how many papers it usually brings on a day, with those of the last days."""
        since = self.stood.covered or (today - _FIRST).isoformat()
        brought = [n for day, n in self.days.items() if day > since]
        return outcome.usual(self.stood.usual, sum(brought), len(brought))


class Kept(NamedTuple):
    """What became of the records that were filed, and how many of their signals were new."""

    records: list[tuple[Record, Outcome]]
    signals: int


class _Undone(Exception):  # noqa: N818 (no error: what was tried is taken back)
    """Ends a transaction of which nothing is to stay."""


class Harvester:
    """Brings papers from sources into the record."""

    def __init__(
        self,
        database: Database,
        connect: Connect,
        feed: Callable[[], None],
        clock: Clock,
        *,
        locks: Path,
    ) -> None:
        """`feed` brings the index up to date; `locks` is the folder that says which runs run."""
        self._database = database
        self._connect = connect
        self.feed = feed
        self._clock = clock
        self.locks = locks

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return self._clock().astimezone(UTC)

    def stamp(self) -> str:
        """Return the time as the record writes it."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    @contextmanager
    def turn(self, source: str, kind: str) -> Iterator[None]:
        """Be the only run of this kind for a source; raises StoreError if another one is."""
        self.locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.locks / f"{kind}-{source}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreError(
                f"another {kind} of {source} is under way: wait until it ends", temporary=True
            ) from error
        try:
            yield
        finally:
            lock.release()

    def run(self, source: Harvested, wish: Wish = Wish(), told: Told = silent) -> Report:  # noqa: B008 (immutable)
        """Harvest one source, and return what came of it.

        A part, a record or the whole source that fails is told of, not raised. Raises StoreError
        if the record cannot be written, or another run of the source is under way.
        """
        with self.turn(source.name, wish.kind):
            return self._run(source, wish, told)

    def _run(self, source: Harvested, wish: Wish, told: Told) -> Report:
        ask = Ask(self.now(), wish.since, wish.until, wish.categories, wish.is_backfill)
        parts = self._parts(source, ask)
        number = None if wish.is_dry else self._begin(source, wish)
        whole = Counter[str]()
        try:
            line, seen = self._connect(source), set[ExternalId]()
            for done, part in enumerate(parts):
                told(Step(source.name, part.name, done, len(parts), whole))
                with line(part.name) as client:
                    walk = _Walk(self, source, client, ask, number, whole, seen)
                    walk.through(part, lambda d=done, p=part: told(  # type: ignore[misc]
                        Step(source.name, p.name, d, len(parts), whole)
                    ))  # fmt: skip
                    if not wish.is_dry:
                        self.feed()
        except BaseException as error:
            with suppress(StoreError):
                self._end(number, "failed", f"{type(error).__name__}: {error}", [])
            raise
        told(Step(source.name, "", len(parts), len(parts), whole))
        return self._conclude(source, parts, wish, ask.now, number, whole)

    def _parts(self, source: Harvested, ask: Ask) -> list[_Part]:
        with self._database.read() as connection:
            stands = harvests.stands(connection, source.name)
        names = source.parts(ask)
        return [_Part(name, stands.get(name, Stand({}))) for name in names]

    def _begin(self, source: Source, wish: Wish) -> int:
        with self._database.write() as connection:
            return runs.begin(connection, source.name, self.stamp(), wish.kind, wish.slot)

    def _end(
        self, number: int | None, how: str, reason: str, parts: Sequence[Mapping[str, object]]
    ) -> None:
        if number is not None:
            with self._database.write() as connection:
                runs.finish(connection, number, how, reason, self.stamp(), parts)

    def _conclude(
        self,
        source: Harvested,
        parts: Sequence[_Part],
        wish: Wish,
        began: datetime,
        number: int | None,
        whole: Counter[str],
    ) -> Report:
        with self._database.read() as connection:
            stood = harvests.stand(connection, source.name)
        reports = [p.report(_route(source, p.name)) for p in parts]
        verdict = self._judge(source, reports, wish, began, stood)
        told = [
            _told(report, verdict) | {"retry_after": part.retry_after}
            for report, part in zip(reports, parts, strict=True)
        ]
        if number is not None:
            self._remember(source, parts, stood, verdict, wish, began)
            self._end(number, verdict.outcome, verdict.reason, told)
        return Report(source.name, number, verdict.outcome, verdict.reason, whole, told)

    def _judge(
        self,
        source: Harvested,
        reports: Sequence[PartReport],
        wish: Wish,
        began: datetime,
        stood: Stand,
    ) -> Verdict:
        # By the time that the sources were asked with, whatever became of the clock meanwhile.
        return outcome.judge(
            reports,
            calendar="days" if wish.is_backfill else source.rhythm.calendar,
            now=began,
            covered=None if wish.is_backfill else stood.covered,
            title=source.title,
            delay_h=source.rhythm.delay_h,
            until=wish.until,
        )

    def _remember(
        self,
        source: Harvested,
        parts: Sequence[_Part],
        stood: Stand,
        verdict: Verdict,
        wish: Wish,
        began: datetime,
    ) -> None:
        """Keep what the next run of these parts is to be judged by."""
        if wish.is_backfill or wish.since is not None:
            return
        now = self.stamp()
        with self._database.write() as connection:
            for part in parts:
                covered = verdict.covers.get(part.name)
                if covered is None or covered == part.stood.covered:
                    continue
                usual = part.usual(began.date())
                harvests.move(connection, source.name, part.name, now, covered=covered, usual=usual)
            if verdict.covered is not None and verdict.covered != stood.covered:
                harvests.move(connection, source.name, harvests.WHOLE, now, covered=verdict.covered)

    # ------------------------------------------------------------------ filing

    def file(
        self,
        source: str,
        items: Iterable[Item],
        number: int | None,
        also: Callable[[Connection], None] = lambda _connection: None,
    ) -> Kept:
        """File what a source gave in one transaction, with its signals; return what became of it.

        `also` writes what belongs to it into the same transaction. Without a run's `number`
        nothing is kept.
        """
        found = list(items)
        errors = [item for item in found if isinstance(item, RecordError)]
        given = [item for item in found if not isinstance(item, RecordError)]
        done, counted = list[tuple[Record, Outcome]](), 0
        with suppress(_Undone), self._database.write() as connection:
            records = _with_texts(connection, given)
            done = list(zip(records, store.file(connection, records, self.stamp()), strict=True))
            counted = self._note_counts(connection, records)
            if number is None:
                raise _Undone
            runs.set_aside_again(connection, number, source, errors, self.stamp())
            also(connection)
        return Kept(done, counted)

    def _note_counts(self, connection: Connection, records: Sequence[Record]) -> int:
        told = [(r.source, r.key) for r in records if r.source == signals.FEED]
        mentioned = store.papers_of(connection, told).values() if told else ()
        return store.note_counts(connection, records, self.stamp()) + signals.note_mentions(
            connection, mentioned, self.stamp()
        )

    def before(self, records: Sequence[Record]) -> dict[Key, Record]:
        """Return what is held under the keys of `records`."""
        with self._database.read() as connection:
            return store.records_under(connection, [(r.source, r.key) for r in records])


class _Walk(NamedTuple):
    """The way through the parts of one run."""

    harvester: Harvester
    source: Harvested
    client: Client
    ask: Ask
    number: int | None
    whole: Counter[str]
    seen: set[ExternalId]
    """The ids of papers that a dry run has found to be new: it keeps nothing to find them in."""

    def through(self, part: _Part, told: Callable[[], None]) -> None:
        """Harvest a part to its end, or to where it breaks off."""
        cursor = dict(part.stood.value)
        try:
            for batch in self.source.harvest(self.client, part.name, cursor, self.ask):
                self._file(part, batch)
                told()
        except SourceError as error:
            part.error = str(error)
            part.retry_after = getattr(error, "retry_after", None)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 (said with all that is known of it)
            # A bug in one adapter must not keep the papers of the other parts away.
            _log.exception("harvest_failed source=%s part=%s", self.source.name, part.name)
            part.error = f"this is a bug: {type(error).__name__}: {error}"

    def _file(self, part: _Part, batch: Batch) -> None:
        records = [item for item in batch.items if isinstance(item, Record)]
        held = self.harvester.before(records)
        items = batch.items
        if batch.is_second:
            items = [i for i in items if not isinstance(i, Record) or _is_news(i, held)]
        expected = outcome.expected_listing(self.ask.now, self.source.rhythm.delay_h)
        # What was not filed as a second choice is known: the part showed it all the same.
        fresh = Counter(
            rejected=len(batch.items) - len(records), unchanged=len(batch.items) - len(items)
        )
        total = self.whole + part.counts

        def also(connection: Connection) -> None:
            # A cursor that is moved without its rows, or rows without it, would lose or repeat.
            now = self.harvester.stamp()
            harvests.move(connection, self.source.name, part.name, now, value=batch.cursor)
            for listing in batch.listings:
                harvests.keep_listing(connection, _listed(self.source.name, listing, now))
            if self.number is not None:
                runs.advance(connection, self.number, total.total(), self.whole)

        done = self.harvester.file(self.source.name, items, self.number, also).records
        fresh += Counter(how for _, how in self._told_apart(done))
        part.counts += fresh
        self.whole.update(fresh)
        days = (r.announced or r.presumed for r, how in done if how in {"new", "merged"})
        part.days.update(filter(None, days))
        part.day = max(filter(None, [part.day, batch.day]), default=None)
        if self.source.rhythm.calendar == "arxiv" and not self.ask.is_backfill:
            part.stale += staleness.stale(records, held, expected, part.name)

    def _told_apart(
        self, done: Sequence[tuple[Record, Outcome]]
    ) -> Iterator[tuple[Record, Outcome]]:
        """Yield what became of records, where a dry run has met their papers before, too."""
        for record, how in done:
            is_known = self.number is None and not self.seen.isdisjoint(record.external_ids)
            if self.number is None and how == "new":
                self.seen.update(record.external_ids)
            yield record, "merged" if how == "new" and is_known else how


def _is_news(record: Record, held: Mapping[Key, Record]) -> bool:
    """Return whether a record of second choice says a day that the one that is held does not."""
    before = held.get((record.source, record.key))
    return before is None or (before.announced is None and record.announced is not None)


def _route(source: Harvested, part: str) -> str:
    """Return the way by which a part comes, where a source has several to the same papers."""
    return part.partition(" ")[0] if source.rhythm.calendar == "arxiv" else ""


def _told(report: PartReport, verdict: Verdict) -> dict[str, object]:
    return {
        "part": report.part,
        "outcome": verdict.parts.get(report.part, ""),
        "counts": dict(report.counts),
        "error": report.error,
        "until": report.until,
    }


def _listed(source: str, listing: Listing, now: str) -> Listed:
    ids = {section: [i.value for i in found] for section, found in listing.ids.items()}
    return Listed(source, listing.category, listing.day, now, dict(listing.counts), ids)


def _with_texts(connection: Connection, records: Sequence[Record]) -> list[Record]:
    """Return `records`, where those without a title are notes that held ones were withdrawn.

    Such a note changes the held record; where nothing is held there is nothing to withdraw.
    """
    notes = [r for r in records if not r.title]
    if not notes:
        return list(records)
    held = store.records_under(connection, [(r.source, r.key) for r in notes])
    return [
        r if r.title else _withdrawn(held[r.source, r.key], r)
        for r in records
        if r.title or (r.source, r.key) in held
    ]


def _withdrawn(held: Record, note: Record) -> Record:
    return replace(held, withdrawn=True, extra=held.extra | note.extra)
