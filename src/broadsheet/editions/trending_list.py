"""Lists of what is trending: read from the record, ranked by `trending`, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from broadsheet.collection import papers, signals
from broadsheet.collection.database import Database
from broadsheet.editions.edition import narrowing
from broadsheet.editions.trending import Name, Part, Ranking, Scale, View, Window, hot, rising
from broadsheet.errors import QueryError
from broadsheet.papers.types import Paper
from broadsheet.search import query as language
from broadsheet.search.index import Index


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


class TrendingLists:
    """What is trending in a collection, now or as of any moment. Safe to share between threads."""

    def __init__(self, database: Database, index: Index) -> None:
        self._database = database
        self._index = index

    def trending(
        self, view: View, window: Window, at: datetime, query: str = "", *, limit: int = 20
    ) -> Trending:
        """Return the first papers of a view, of those that `query` matches.

        Nothing that was seen or announced after `at` counts. All bare words of the query must be
        there. Raises QueryError.
        """
        asked = language.parse(query)
        wanted = narrowing(asked, "this list")
        at = at.astimezone(UTC).replace(microsecond=0)
        with self._database.read() as connection:
            observed = signals.until(connection, at.strftime("%Y-%m-%dT%H:%M:%SZ"))
            announced = signals.announcements(connection)
        ranking = _ranking(view, window, observed, announced, int(at.timestamp()))
        rows = np.arange(len(ranking.papers))
        if wanted is not None:
            found = self._index.matching((), wanted, sorted(ranking.papers.tolist()))
            rows = np.flatnonzero(np.isin(ranking.papers, found))
        places = self._places(ranking, rows[:limit])
        return Trending(
            view, ranking.window, at, str(asked), len(rows), places, dict(ranking.scales)
        )

    def _places(self, ranking: Ranking, rows: NDArray[np.intp]) -> tuple[TrendingPlace, ...]:
        with self._database.read() as connection:
            read = papers.fetch(connection, ranking.papers[rows].tolist())
        found: dict[int, Paper] = {p.id: p for p in read}
        return tuple(
            TrendingPlace(
                found[paper], float(ranking.scores[row]), float(ranking.standings[row]),
                ranking.age(paper), ranking.reasons(paper), ranking.parts(paper),
            )
            for row in rows.tolist()
            if (paper := int(ranking.papers[row])) in found
        )  # fmt: skip


def _ranking(
    view: View,
    window: Window,
    observed: signals.Observations,
    announced: signals.Announcements,
    at: int,
) -> Ranking:
    if view == "hot":
        return hot(observed, announced, at)
    return rising(observed, announced, at, window)


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
