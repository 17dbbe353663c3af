"""The newsroom: all sources together. What is due is run, and what somebody wants is fetched."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection

from broadsheet import __version__
from broadsheet.collection import harvests, runs
from broadsheet.collection.database import Database
from broadsheet.collection.harvests import HeldPaper, Listed
from broadsheet.collection.runs import Run
from broadsheet.errors import BroadsheetError, SourceError, StoreError
from broadsheet.harvest.adding import Added, Adder
from broadsheet.harvest.enriching import Budget, Enricher
from broadsheet.harvest.harvester import Clock, Connect, Harvester, Line, Report, Told, Wish, silent
from broadsheet.harvest.reconcile import Held, Reconciliation, reconcile
from broadsheet.harvest.registry import Registry, Setup
from broadsheet.harvest.schedule import Due, LastRun, last_due, what_now
from broadsheet.papers.types import ExternalId
from broadsheet.sources.base import (
    Ask,
    Enriching,
    Finding,
    Harvested,
    Listing,
    LookedUp,
    Rhythm,
    Searched,
    Source,
)
from broadsheet.sources.fetching import Fetcher
from broadsheet.sources.polite import SYSTEM_TIME, Manner, PoliteClient, Time

_log = logging.getLogger(__name__)
_WAITED_S: Final = 15.0
"""Seconds after which a source is asked nothing more while somebody waits for a page."""
_ANSWERED_S: Final = 5.0
"""Seconds that each step of its answer may take then."""
_LEFT_ALONE: Final = {"new", "nothing new", "done"}


class Rules(NamedTuple):
    """What holds for all sources: who asks, for how long, how much, and where turns are kept."""

    contact: str = ""
    state: Path = Path()
    minutes: int = 30
    papers: int = 500


class Standing(NamedTuple):
    """A source as people see it: what it can do, when it last ran, and when it is due."""

    name: str
    title: str
    is_enabled: bool
    key_variable: str
    has_key: bool
    does: tuple[str, ...]
    last: Run | None
    next_due: datetime | None
    covered: str | None


class Newsroom:
    """All sources of a library."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        rules: Rules,
        feed: Callable[[], None],
        clock: Clock,
        time: Time = SYSTEM_TIME,
        fetcher: Fetcher | None = None,
    ) -> None:
        """`feed` brings the index up to date with the record; `time` is what clients wait by.

        `fetcher` fetches what strangers name.
        """
        self.registry = registry
        self._database = database
        self._rules = rules
        self._clock = clock
        self._time = time
        self._harvester = Harvester(
            database, self._connect, feed, clock, locks=database.path.parent / "locks"
        )
        self._enricher = Enricher(database, self._harvester, self._connect)
        self._adder = self._adding(self._connect, fetcher)
        self.finder = self._adding(self._connect_soon, fetcher)
        """Finds papers for somebody who waits for a page: a source that is slow is passed over."""
        self._ticker: _Ticker | None = None

    def _connect(self, source: Source, *, is_hurried: bool = True) -> Line:
        setup = self.registry.setup(source.name)
        deadline = self._time.monotonic() + 60 * self._rules.minutes if is_hurried else None
        # Where each part has a host of its own, each host has its own rule.
        manner_of = getattr(source, "manner_of", lambda _part: source.manner)
        return lambda part: self._client(
            manner_of(part) if part else source.manner, setup.trusted, deadline
        )

    def _adding(self, connect: Connect, fetcher: Fetcher | None) -> Adder:
        return Adder(
            self._database,
            self.registry,
            self._harvester,
            connect,
            self._client,
            fetcher or Fetcher(__version__),
        )

    def _connect_soon(self, source: Source) -> Line:
        trusted = self.registry.setup(source.name).trusted
        manner = source.manner._replace(
            tries=1, patience_s=_WAITED_S, timeout_s=min(source.manner.timeout_s, _ANSWERED_S)
        )
        deadline = self._time.monotonic() + _WAITED_S
        return lambda _part: self._client(manner, trusted, deadline)

    def _client(
        self, manner: Manner, trusted: Collection[str] = (), deadline: float | None = None
    ) -> PoliteClient:
        return PoliteClient(
            manner,
            contact=self._rules.contact,
            version=__version__,
            locks=self._rules.state / "hosts",
            time=self._time,
            deadline=deadline,
            trusted=trusted,
        )

    # ------------------------------------------------------------------ telling

    def sources(self) -> list[Standing]:
        """Return all sources as they stand, the most important first."""
        return [self._standing(setup) for setup in self.registry.setups()]

    def _standing(self, setup: Setup) -> Standing:
        source, now = setup.source, self._now()
        with self._database.read() as connection:
            recent = runs.recent(connection, 20, source=source.name)
            stood = harvests.stand(connection, source.name)
        due = [self._due(source.name, kind, rhythm, now) for kind, rhythm in _rhythms(source, now)]
        return Standing(
            source.name,
            source.title,
            setup.is_enabled,
            source.key_variable,
            setup.has_key,
            _abilities(source),
            next((run for run in recent if run.kind != "add"), None),
            min((now if d.is_due else d.next_try for d in due), default=None)
            if setup.is_enabled
            else None,
            stood.covered,
        )

    def recent(self, limit: int, source: str | None = None) -> list[Run]:
        """Return the newest runs of sources and imports, newest first."""
        with self._database.read() as connection:
            return runs.recent(connection, limit, source=source)

    def check(self, name: str) -> list[Finding]:
        """Make one live request to a source; return field by field whether all is as expected.

        What keeps the request from being answered is a finding, too.
        """
        source = self.registry.setup(name).source
        try:
            parts = source.parts(Ask(self._now())) if isinstance(source, Harvested) else ()
            with self._connect(source)(next(iter(parts), "")) as client:
                return list(source.check(client))
        except SourceError as error:
            return [Finding("answer", is_well=False, says=str(error))]

    # ------------------------------------------------------------------ harvesting

    def harvest(self, name: str, wish: Wish = Wish(), told: Told = silent) -> Report:  # noqa: B008 (immutable)
        """Harvest one source, and return what came of it; raises StoreError if that is under way.

        A source that has nothing to harvest raises SourceError.
        """
        source = self.registry.setup(name).source
        if not isinstance(source, Harvested):
            raise SourceError(
                f"{source.title} brings no new papers: it says more of those that are held",
                source=name,
            )
        if not source.parts(Ask(self._now())):
            raise SourceError(
                f"{source.title} has nothing to harvest as it is set up: say what in "
                f"[sources.{name}], as `broadsheet config --example` shows",
                source=name,
            )
        return self._harvester.run(source, wish, told)

    def kinds(self, name: str) -> list[runs.Kind]:
        """Return what can be run of a source as it is set up: `harvest`, `enrich`, or neither."""
        return [kind for kind, _ in _rhythms(self.registry.setup(name).source, self._now())]

    def backfill(self, name: str, wish: Wish, told: Told = silent) -> Report:
        """Harvest old papers of a source; what was done in an earlier backfill is not repeated."""
        source = self.registry.setup(name).source
        if not isinstance(source, Harvested):
            raise SourceError(f"{source.title} has no old papers to harvest", source=name)
        # It may take days, so only what each request may take is limited.
        patient = Harvester(
            self._database,
            lambda s: self._connect(s, is_hurried=False),
            self._harvester.feed,
            self._clock,
            locks=self._harvester.locks,
        )
        return patient.run(source, wish._replace(is_backfill=True), told)

    def enrich(self, name: str, papers: int | None = None, told: Told = silent) -> Report:
        """Ask a source about papers that are held; raises SourceError if it cannot be asked."""
        source = self.registry.setup(name).source
        if not isinstance(source, Enriching):
            raise SourceError(f"{source.title} cannot be asked about held papers", source=name)
        budget = Budget(papers or self._rules.papers)
        return self._enricher.run(source, budget, told)

    # ------------------------------------------------------------------ what is due

    def due(self) -> list[tuple[str, runs.Kind, Due]]:
        """Return what is due of the enabled sources now: first new papers, then enrichment."""
        now = self._now()
        found = [
            (name, kind, self._due(name, kind, rhythm, now))
            for name in self.registry.enabled
            for kind, rhythm in _rhythms(self.registry.setup(name).source, now)
        ]
        return sorted((f for f in found if f[2].is_due), key=lambda f: f[1] == "enrich")

    def _due(self, name: str, kind: runs.Kind, rhythm: Rhythm, now: datetime) -> Due:
        with self._database.read() as connection:
            recent = runs.recent(connection, 20, source=name, kind=kind)
        return what_now(rhythm, now, _last_run(recent, rhythm))

    def tick(self, told: Told = silent, stop: Callable[[], bool] = lambda: False) -> list[Report]:
        """Run what is due, each once, and return what came of it.

        What another process is running, or has just run, is left to it.
        """
        reports = []
        for name, kind, _ in self.due():
            if stop():
                break
            report = self._run_due(name, kind, told, stop)
            if report is not None:
                reports.append(report)
        return reports

    def _run_due(
        self, name: str, kind: runs.Kind, told: Told, stop: Callable[[], bool]
    ) -> Report | None:
        source = self.registry.setup(name).source
        rhythm = dict(_rhythms(source, self._now()))[kind]
        try:
            # Looked at again under the lock: another process may have been first.
            with self._harvester.turn(name, "tick"):
                due = self._due(name, kind, rhythm, self._now())
                if not due.is_due:
                    return None
                slot = due.slot.strftime("%Y-%m-%dT%H:%M:%SZ")
                if kind == "harvest" and isinstance(source, Harvested):
                    return self._harvester.run(source, Wish(slot=slot), told)
                if isinstance(source, Enriching):
                    budget = Budget(self._rules.papers, lambda: stop() or self._is_news_due())
                    return self._enricher.run(source, budget, told, slot)
        except StoreError as error:
            _log.warning("tick_waits source=%s reason=%s", name, error)
        return None

    def _is_news_due(self) -> bool:
        """Return whether new papers are due, for which enrichment makes room."""
        return any(kind == "harvest" for _, kind, _ in self.due())

    def follow(self, interval_s: float = 60) -> None:
        """Run what is due from a thread of its own, until closed."""
        if self._ticker is None:
            self._ticker = _Ticker(self, interval_s)

    def close(self) -> None:
        """End the thread; a request that is under way is waited for, not what would follow it."""
        if self._ticker is not None:
            self._ticker.stop()

    def add(self, text: str) -> Added:
        """Fetch the paper that a text means: an arXiv id, a DOI, another id, a link or a title.

        What is held already is not fetched. All sources are asked that know such papers, enabled
        or not, until one has it.
        """
        return self._adder.add(text)

    # ------------------------------------------------------------------ reconciliation

    def reconciled(
        self, first: str = "", last: str = "9999", category: str | None = None
    ) -> list[Reconciliation]:
        """Return the listings of some days beside what is held, newest first, by category."""
        with self._database.read() as connection:
            found = harvests.listings(connection, first=first, last=last, category=category)
            return [_reconciled(listed, *_held_of(connection, listed)) for listed in found]

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC)


# ---------------------------------------------------------------------------- the thread


class _Ticker:
    """A thread that runs what is due while a process serves."""

    def __init__(self, newsroom: Newsroom, interval_s: float) -> None:
        self._newsroom = newsroom
        self._interval_s = interval_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="broadsheet-news", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._newsroom.tick(stop=self._end.is_set)
            except BroadsheetError as error:
                _log.warning("tick_failed reason=%s", error)
            except Exception:  # noqa: BLE001 (told in the log)
                # What cannot be harvested must not end what is served.
                _log.exception("tick_failed")
            self._end.wait(self._interval_s)

    def stop(self) -> None:
        self._end.set()
        self._thread.join(timeout=5)


# ---------------------------------------------------------------------------- small decisions


def _rhythms(source: Source, now: datetime) -> list[tuple[runs.Kind, Rhythm]]:
    """Return the kinds of run that a source has as it is set up, each with when it is due."""
    found: list[tuple[runs.Kind, Rhythm]] = []
    if isinstance(source, Harvested) and source.parts(Ask(now)):
        found.append(("harvest", source.rhythm))
    if isinstance(source, Enriching):
        found.append(("enrich", getattr(source, "enrich_rhythm", source.rhythm)))
    return found


def _abilities(source: Source) -> tuple[str, ...]:
    kinds = (
        (Harvested, "new papers"),
        (LookedUp, "papers by id"),
        (Searched, "papers by title"),
        (Enriching, "counts and facts of held papers"),
    )
    return tuple(words for kind, words in kinds if isinstance(source, kind))


def _last_run(recent: Sequence[Run], rhythm: Rhythm) -> LastRun | None:
    """Return the newest run as the schedule sees it; a run that somebody asked for counts too."""
    if not recent:
        return None
    slots = [_slot_of(run, rhythm) for run in recent]
    of_slot = [run for run, slot in zip(recent, slots, strict=True) if slot == slots[0]]
    failures = 0
    for run in of_slot:
        if run.outcome in _LEFT_ALONE:
            break
        failures += 1
    newest = recent[0]
    how = newest.outcome if newest.outcome in _KNOWN else "failed"
    asked = [p["retry_after"] for p in newest.parts if p.get("retry_after")]
    ended = _time(newest.ended or newest.started)
    return LastRun(slots[0], ended, how, failures, max(asked, default=None))  # type: ignore[arg-type]


_KNOWN: Final = {"new", "nothing new", "suspicious", "partly failed", "failed"}


def _slot_of(run: Run, rhythm: Rhythm) -> datetime:
    return _time(run.slot) if run.slot else last_due(rhythm, _time(run.started))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _held_of(
    connection: Connection, listed: Listed
) -> tuple[dict[ExternalId, HeldPaper], dict[str, tuple[ExternalId, ...]]]:
    """Return the held papers of a listing and of its day and category, and its ids by section."""
    ids = {s: tuple(ExternalId("arxiv", v) for v in found) for s, found in listed.ids.items()}
    held = harvests.of_day(connection, listed.day, listed.category)
    held |= harvests.held(connection, (i for found in ids.values() for i in found))
    return held, ids


def _reconciled(
    listed: Listed, held: dict[ExternalId, HeldPaper], ids: dict[str, tuple[ExternalId, ...]]
) -> Reconciliation:
    listing = Listing(listed.category, listed.day, ids, listed.counts)
    return reconcile(
        listing,
        {i: Held(p.paper, p.edition, p.again, p.categories, p.title) for i, p in held.items()},
    )
