"""What was counted of all papers, held as columns that follow the record, and how they stand."""

from __future__ import annotations

from threading import RLock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from broadsheet.collection import signals
from broadsheet.collection.database import Database
from broadsheet.collection.signals import Announcements, Observations, Stamp
from broadsheet.editions.trending import (
    DAY,
    Name,
    Ranking,
    Scale,
    Standings,
    Window,
    hot,
    learn,
    moved,
    rising,
    stand,
)

MANY = 20_000
"""So many papers are not looked up one by one: to read everything is as quick."""
_KEPT = 8
"""So many scales of days and windows are kept."""

Scales = dict[Name, Scale]
Papers = NDArray[Any]
"""Ids in order, none twice."""


class _Held(NamedTuple):
    """Everything as of a stamp."""

    stamp: Stamp
    observed: Observations
    announced: Announcements


class _Stood(NamedTuple):
    """How all papers stood at `at`."""

    at: int
    standings: Standings


class Counts:
    """The counts of a collection, read once; then only of the papers of which there are new ones.

    Scales are those of the last midnight in UTC, so that a new count moves its own paper alone.
    Safe to share between threads.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = RLock()
        self._held: _Held | None = None
        self._scales: dict[tuple[int, Window | None], Scales] = {}
        self._stood: _Stood | None = None

    def stamp(self) -> Stamp:
        """Return how far the record has come."""
        with self._database.read() as connection:
            return signals.stamp(connection)

    def standings(self, at: int) -> Standings:
        """Return how all papers with signals stand as of `at`, in seconds since 1970."""
        with self._lock:
            held = self._current()
            last = self._stood
            if last is not None and last.at // DAY == at // DAY:
                self._stood = self._moved_on(held, last, at)
            else:
                scales = self._scales_of(held, at)
                self._stood = _Stood(at, stand(held.observed, held.announced, at, scales=scales))
            return self._stood.standings

    def hot(self, papers: Papers, at: int) -> Ranking:
        """Return how some papers stand among all."""
        with self._lock:
            held = self._current()
            observed = held.observed.of_papers(papers)
            return hot(observed, held.announced, at, scales=self._scales_of(held, at))

    def rising(self, at: int, window: Window, papers: Papers | None = None) -> Ranking:
        """Return what gained anything in a window: of all papers, or of some."""
        with self._lock:
            held = self._current()
            if papers is None:
                papers = moved(held.observed, held.announced, at, window)
            observed = held.observed.of_papers(papers)
            return rising(
                observed, held.announced, at, window, scales=self._scales_of(held, at, window)
            )

    def _scales_of(self, held: _Held, at: int, window: Window | None = None) -> Scales:
        """Return how counts are read on the day of `at`: for hot, or for gains in a window."""
        key = at // DAY * DAY, None if window == "all" else window
        if key not in self._scales:
            found = self._learned(held, *key)
            self._scales = dict([*self._scales.items(), (key, found)][-_KEPT:])
        return self._scales[key]

    def _learned(self, held: _Held, at: int, window: Window | None) -> Scales:
        if window is None:
            return learn(held.observed, held.announced, at)
        caps = {name: scale.cap for name, scale in self._scales_of(held, at).items()}
        observed = held.observed.of_papers(moved(held.observed, held.announced, at, window))
        return learn(observed, held.announced, at, window, caps=caps)

    def _moved_on(self, held: _Held, last: _Stood, at: int) -> _Stood:
        """Return how papers stand at another time of the same day, reading what was seen between.

        Nothing else changes within a day: papers are announced at midnight, and scales are kept.
        """
        if at == last.at:
            return last
        seen, (first, until) = held.observed.seen, sorted((last.at, at))
        papers = np.unique(held.observed.paper[(seen > first) & (seen <= until)])
        return _Stood(at, self._again(held, last.standings, papers, at))

    def _again(self, held: _Held, found: Standings, papers: Papers, at: int) -> Standings:
        fresh = stand(
            held.observed.of_papers(papers), held.announced, at, scales=self._scales_of(held, at)
        )
        return Standings(*signals.spliced(found, fresh, papers))

    # ------------------------------------------------------------------ following the record

    def _current(self) -> _Held:
        with self._database.read() as connection:
            now, held = signals.stamp(connection), self._held
            # Where a backup was put in its place, the record has come less far.
            if held is None or now.change < held.stamp.change or now.counted < held.stamp.counted:
                self._held = held = self._begin(now, connection)
            elif now != held.stamp:
                papers = signals.touched(connection, held.stamp, held.announced.paper)
                if len(papers) > MANY:
                    held = self._begin(now, connection)
                else:
                    held = self._follow(now, held, connection, papers)
                self._held = held
            return held

    def _begin(self, now: Stamp, connection: Connection) -> _Held:
        self._scales, self._stood = {}, None
        observed = signals.observations(connection)
        papers = np.unique(observed.paper)
        if len(papers) <= MANY:
            return _Held(now, observed, signals.announcements(connection, papers))
        return _Held(now, observed, signals.announcements(connection).of_papers(papers))

    def _follow(self, now: Stamp, held: _Held, connection: Connection, papers: Papers) -> _Held:
        observed = signals.observations(connection, papers)
        days = signals.announcements(connection, np.unique(observed.paper))
        new = _Held(
            now,
            held.observed.with_papers(papers, observed),
            held.announced.with_papers(papers, days),
        )
        until = max((at for at, _ in self._scales), default=0)
        if not _is_past_kept(held, new, papers, until):
            self._scales, self._stood = {}, None
        elif self._stood is not None:
            at, found = self._stood
            self._stood = _Stood(at, self._again(new, found, papers, at))
        return new


def _is_past_kept(old: _Held, new: _Held, papers: Papers, until: int) -> bool:
    """Return whether what was counted of `papers` until a time is what it was."""
    if len(old.observed.names) != len(new.observed.names):
        return False
    one, other = (_until(held.observed.of_papers(papers), until) for held in (old, new))
    counted = np.unique(other.paper)
    days, now = (held.announced.of_papers(counted) for held in (old, new))
    return all(
        np.array_equal(a, b)
        for a, b in zip((*_comparable(one), *days), (*_comparable(other), *now), strict=True)
    )


def _until(observed: Observations, at: int) -> Observations:
    return observed.take(observed.seen <= at)


def _comparable(observed: Observations) -> tuple[NDArray[Any], ...]:
    """Return columns that are alike where the observations are: numbers of series may differ."""
    series = np.diff(observed.series) != 0
    return observed.paper, observed.signal, series, observed.seen, observed.value
