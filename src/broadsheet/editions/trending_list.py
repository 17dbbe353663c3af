"""Lists of what is trending: read from the record, ranked by `trending`, with reasons."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from broadsheet.collection import papers
from broadsheet.collection.database import Database
from broadsheet.editions.narrowing import narrowing
from broadsheet.editions.trending import Name, Part, Ranking, Scale, View, Window
from broadsheet.editions.trending_counts import Counts
from broadsheet.errors import QueryError
from broadsheet.papers.types import Paper
from broadsheet.search import query as language
from broadsheet.search.index import Index

_FEW = 10_000
"""Of more papers than this it is not asked which of them match a query, but which papers do."""

Ids = NDArray[Any]


class TrendingPlace(NamedTuple):
    """A paper in a list: `score` is what it stands by, `standing` its z, `age` in days."""

    paper: Paper
    score: float
    standing: float
    age: float
    reasons: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Trending:
    """The first of `total` papers as of `at`, and the scales that their parts were read by.

    The scales are those of all papers, whatever the query. `window` is `all` for hot.
    """

    view: View
    window: Window
    at: datetime
    query: str
    total: int
    places: tuple[TrendingPlace, ...]
    scales: Mapping[Name, Scale]


class Standing(NamedTuple):
    """How a paper stands: `score` is what hot lists are sorted by, `z` the same without age."""

    score: float
    z: float
    reasons: tuple[str, ...]


class TrendingLists:
    """What is trending in a collection, now or as of any moment. Safe to share between threads."""

    def __init__(self, database: Database, index: Index) -> None:
        self._database = database
        self._index = index
        self._counts = Counts(database)

    def trending(
        self, view: View, window: Window, at: datetime, query: str = "", *, limit: int = 20
    ) -> Trending:
        """Return the first papers of a view, of those that `query` matches.

        Nothing that was seen or announced after `at` counts. All bare words of the query must be
        there. Raises QueryError.
        """
        asked = language.parse(query)
        wanted = narrowing(asked, "this list")
        moment = int(at.timestamp())
        ids, scores = self._scored(view, window, moment)
        if wanted is not None:
            among = sorted(ids.tolist()) if len(ids) <= _FEW else None
            is_wanted = np.isin(ids, self._index.matching((), wanted, among))
            ids, scores = ids[is_wanted], scores[is_wanted]
        first = _first(ids, scores, limit)
        ranking = self._ranking(view, window, moment, np.sort(first))
        places = self._places(ranking)
        return Trending(
            view, ranking.window, datetime.fromtimestamp(moment, UTC), str(asked), len(ids),
            places, _told_scales(ranking.scales, places),
        )  # fmt: skip

    def stamp(self) -> Hashable:
        """Return another value once a list of today may be another: anything was counted or filed.

        Scales are learned anew at midnight in UTC, which it does not tell.
        """
        return self._counts.stamp()

    def standings(
        self, papers: Sequence[int], at: datetime, most: int | None = None
    ) -> Mapping[int, Standing]:
        """Return how those of `papers` stand of which anything but zeros was counted by `at`.

        They are in order of z, highest first; of very many only the first `most` are told.
        """
        ranking = self._counts.hot(np.unique(np.array(papers, np.int64)), int(at.timestamp()))
        order = np.lexsort((ranking.papers, -ranking.standings))
        columns = (ranking.papers, ranking.scores, ranking.standings)
        rows = zip(*(c[order].tolist() for c in columns), strict=True)
        # Where nothing but zeros was counted, nothing lies above the middle.
        some = (r for r in rows if r[2] > 0 or any(p.value for p in ranking.parts(r[0])))
        return {
            paper: Standing(score, z, ranking.reasons(paper))
            for paper, score, z in islice(some, most)
        }

    def _scored(self, view: View, window: Window, at: int) -> tuple[Ids, NDArray[np.float64]]:
        """Return the papers of a view and what they are sorted by."""
        if view == "rising" and window != "all":
            ranking = self._counts.rising(at, window)
            return ranking.papers, ranking.scores
        found = self._counts.standings(at)
        if view == "hot":
            return found.paper, found.hot(at)
        return found.paper[found.is_some], np.round(found.z[found.is_some], 9)

    def _ranking(self, view: View, window: Window, at: int, papers: Ids) -> Ranking:
        """Return some papers with their parts."""
        if view == "hot":
            return self._counts.hot(papers, at)
        return self._counts.rising(at, window, papers)

    def _places(self, ranking: Ranking) -> tuple[TrendingPlace, ...]:
        with self._database.read() as connection:
            read = papers.fetch(connection, ranking.papers.tolist())
        found: dict[int, Paper] = {p.id: p for p in read}
        columns = (ranking.papers, ranking.scores, ranking.standings)
        return tuple(
            TrendingPlace(
                found[paper], score, z,
                ranking.age(paper), ranking.reasons(paper), ranking.parts(paper),
            )
            for paper, score, z in zip(*(c.tolist() for c in columns), strict=True)
            if paper in found
        )  # fmt: skip


def _first(ids: Ids, scores: NDArray[np.float64], limit: int) -> Ids:
    """Return the best of papers, those of equal scores in order of their ids."""
    if limit < len(ids):
        is_near = scores >= np.partition(scores, -limit)[-limit]
        ids, scores = ids[is_near], scores[is_near]
    return ids[np.lexsort((ids, -scores))][:limit]


def _told_scales(
    scales: Mapping[Name, Scale], places: Sequence[TrendingPlace]
) -> dict[Name, Scale]:
    """Return the scales that were learned from any paper, or that a place was read by."""
    used = {(part.kind, part.source) for place in places for part in place.parts}
    return {name: scale for name, scale in scales.items() if scale.papers or name in used}


def read_moment(text: str) -> datetime:
    """Return the moment that a text names: `2026-05-01T08:00Z`, or a day, which is its end.

    A time without a zone is in UTC. Raises QueryError where it names none.
    """
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(text.strip())
        if len(text.strip()) <= len("2026-05-01"):
            found += timedelta(days=1, seconds=-1)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    raise QueryError(
        "This is not a moment.", query=text, position=0, hint="Write it as 2026-05-01T08:00Z."
    )
