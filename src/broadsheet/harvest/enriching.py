"""Enrichment: what sources say of papers that are held already, within a budget.

The freshest and most upvoted papers come first, and within what is left the older ones by turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import orjson
from sqlalchemy import Connection

from broadsheet.collection import harvests, runs, signals
from broadsheet.collection import papers as store
from broadsheet.collection.database import Database
from broadsheet.collection.harvests import Ages, Waiting
from broadsheet.collection.signals import Observed
from broadsheet.errors import NotFoundError, SourceError, StoreError
from broadsheet.harvest.harvester import Connect, Harvester, Report, Step, Told, silent
from broadsheet.papers.types import ExternalId
from broadsheet.sources.base import Enriching, Found, Wanted
from broadsheet.sources.polite import Client

FRESH: Final = timedelta(days=30)
"""Papers of editions so new come before all others."""
_AGAIN: Final = (
    (timedelta(days=7), timedelta(hours=20)),
    (FRESH, timedelta(days=3)),
    (timedelta(days=365), timedelta(days=14)),
    (timedelta(days=200_000), timedelta(days=90)),
)
"""How old an edition is at most, and after how long its papers are asked about again."""
_LOOKED: Final = 4
"""For each paper that can be asked about so many are looked at, at most."""


class Budget(NamedTuple):
    """How much may be asked in one run; `is_over` is asked before each request."""

    papers: int
    is_over: Callable[[], bool] = lambda: False


class Enricher:
    """Asks sources about the papers that are held."""

    def __init__(self, database: Database, harvester: Harvester, connect: Connect) -> None:
        self._database = database
        self._harvester = harvester
        self._connect = connect

    def run(
        self, source: Enriching, budget: Budget, told: Told = silent, slot: str | None = None
    ) -> Report:
        """Ask a source about the papers that are due, and return what came of it.

        What it said before it failed is kept. Raises StoreError if another such run is under way.
        """
        with self._harvester.turn(source.name, "enrich"):
            now = self._harvester.stamp()
            with self._database.write() as connection:
                number = runs.begin(connection, source.name, now, "enrich", slot)
            counts, error = Counter[str](), ""
            try:
                error = self._ask(source, number, budget, counts, told)
            except BaseException as failure:
                with suppress(StoreError):
                    self._end(number, "failed", f"{type(failure).__name__}: {failure}", counts)
                raise
            how, reason = _verdict(source, counts, error)
            self._end(number, how, reason, counts)
            return Report(source.name, number, how, reason, counts, [])

    def _end(self, number: int, how: str, reason: str, counts: Counter[str]) -> None:
        with self._database.write() as connection:
            runs.advance(connection, number, counts["asked"], counts)
            runs.finish(connection, number, how, reason, self._harvester.stamp())

    def _ask(
        self, source: Enriching, number: int, budget: Budget, counts: Counter[str], told: Told
    ) -> str:
        """Ask about what is due until the budget is used; return why it broke off, if it did."""
        wanted = self._wanted(source, budget.papers)
        try:
            with self._connect(source)("") as client:
                for start in range(0, len(wanted), source.at_once):
                    if budget.is_over():
                        break
                    told(Step(source.name, "", counts["asked"], len(wanted), counts))
                    some = wanted[start : start + source.at_once]
                    self._ask_about(source, client, some, number, counts)
        except SourceError as error:
            return str(error)
        told(Step(source.name, "", len(wanted), len(wanted), counts))
        return ""

    def _ask_about(
        self,
        source: Enriching,
        client: Client,
        wanted: Sequence[Wanted],
        number: int,
        counts: Counter[str],
    ) -> None:
        found = source.enrich(client, wanted, self._harvester.now())
        observed = 0

        def also(connection: Connection) -> None:
            nonlocal observed
            now = self._harvester.stamp()
            harvests.note_asked(connection, source.name, found.kept, now)
            observed = signals.note(connection, _observed(connection, source.name, found, now))

        kept = self._harvester.file(source.name, found.items, number, also)
        counts.update(how for _, how in kept.records)
        counts.update(asked=len(found.kept), counts=observed + kept.signals)

    def _wanted(self, source: Enriching, most: int) -> list[Wanted]:
        """Return the papers to ask about: the fresh ones, then older ones by turns."""
        now = self._harvester.now()
        since = (now - FRESH).date().isoformat()
        with self._database.write() as connection:
            newest = harvests.waiting(connection, source.name, _ages(now), most * _LOOKED)
            fresh = [w for w in newest if w.edition >= since]
            taken, left = _sorted_out(source, fresh, most)
            # Else the same unsuitable papers would stand before all others the next time.
            stamp = self._harvester.stamp()
            harvests.note_asked(connection, source.name, {w.paper: {} for w in left}, stamp)
            taken += self._older(connection, source, since, most - len(taken))
        return taken

    def _older(
        self, connection: Connection, source: Enriching, since: str, most: int
    ) -> list[Wanted]:
        """Return older papers, going on where the last run ended, and round again at the end."""
        if most <= 0:
            return []
        name, now = source.name, self._harvester.now()
        last = harvests.stand(connection, name, "older").value.get("below")
        below = (str(last[0]), int(last[1])) if last else (since, 0)
        rows = harvests.waiting(connection, name, _ages(now), most * _LOOKED, below)
        taken: list[Wanted] = []
        for row in rows:
            below = row.edition, row.paper
            if source.wants(wanted := _wanted(row)):
                taken.append(wanted)
                if len(taken) == most:
                    break
        is_end = len(rows) < most * _LOOKED and len(taken) < most
        value = {} if is_end else {"below": list(below)}
        harvests.move(connection, name, "older", self._harvester.stamp(), value=value)
        return taken


def _ages(now: datetime) -> list[Ages]:
    first = datetime.min.replace(tzinfo=now.tzinfo)
    return [
        Ages(
            (now - age).date().isoformat() if now - first > age else "",
            (now - again).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        for age, again in _AGAIN
    ]


def _sorted_out(
    source: Enriching, rows: Sequence[Waiting], most: int
) -> tuple[list[Wanted], list[Waiting]]:
    """Return what a source can be asked about, and what stood before and it cannot."""
    taken: list[Wanted] = []
    left: list[Waiting] = []
    for row in rows:
        if len(taken) == most:
            break
        if source.wants(wanted := _wanted(row)):
            taken.append(wanted)
        else:
            left.append(row)
    return taken, left


def _wanted(row: Waiting) -> Wanted:
    ids = tuple(ExternalId(*i) for i in orjson.loads(row.external_ids))
    links = tuple((kind, url) for kind, url in orjson.loads(row.links))
    return Wanted(row.paper, ids, row.title, links, row.kept or {})


def _observed(connection: Connection, source: str, found: Found, now: str) -> list[Observed]:
    """Return observations as they are kept: filing may just have made two papers one."""
    made = []
    for o in found.observations:
        with suppress(NotFoundError):
            paper = store.resolve_id(connection, o.paper)
            made.append(Observed(paper, o.kind, source, o.key, o.seen or now, o.value))
    return made


def _verdict(source: Enriching, counts: Counter[str], error: str) -> tuple[str, str]:
    asked, observed = counts["asked"], counts["counts"]
    said = f"{source.title} was asked about {asked:,} papers; {observed:,} new counts"
    if error:
        return (
            "partly failed" if asked else "failed"
        ), f"{said}; then it failed: {error.rstrip('. ')}."
    if not asked:
        return "nothing new", "No paper is due to be asked about."
    return ("new" if observed or counts["new"] + counts["merged"] else "nothing new"), f"{said}."
