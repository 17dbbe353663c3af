"""Signals: what sources counted of the attention to papers, kept as it was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    case,
    cast,
    delete,
    func,
    insert,
    select,
    tuple_,
)

from broadsheet.collection import schema
from broadsheet.papers.types import PaperId

_SLOTS = ("paper_id", "kind", "source", "key", "seen")
_CHUNK = 400
_ROWS = 50_000
_EPOCH = date(1970, 1, 1).toordinal()


class Observed(NamedTuple):
    """One observation: `key` is the source's record, or what it looked at (a repository)."""

    paper_id: PaperId
    kind: str
    source: str
    key: str
    seen: str
    value: float


class Observations(NamedTuple):
    """Observations as columns: `signal` is a number in `names`, which are (kind, source).

    `series` numbers what was counted by one source under one key; `seen` is in whole seconds since
    1970, in UTC.
    """

    names: tuple[tuple[str, str], ...]
    paper: NDArray[np.int64]
    signal: NDArray[np.int64]
    series: NDArray[np.int64]
    seen: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]]) -> Self:
        """Return columns of rows like `Observed`, those of one series next to each other."""
        names: dict[tuple[str, str], int] = {}
        parts = [np.empty((5, 0))]
        last: tuple[Any, ...] = ()
        series, left = -1, iter(rows)
        while batch := list(islice(left, _ROWS)):
            papers, kinds, sources, keys, seen, values = zip(*batch, strict=True)
            signal = [names.setdefault(n, len(names)) for n in zip(kinds, sources, strict=True)]
            own = list(zip(papers, signal, keys, strict=True))
            is_next = [one != before for one, before in zip(own, chain([last], own), strict=False)]
            numbers = series + np.cumsum(is_next)
            last, series = own[-1], int(numbers[-1])
            times = list(map(_seconds, seen))
            parts.append(np.array([papers, signal, numbers, times, values], np.float64))
        columns = np.concatenate(parts, axis=1)
        paper, number, series_of, at = columns[:4].astype(np.int64)
        return cls(tuple(names), paper, number, series_of, at, columns[4])


class Announcements(NamedTuple):
    """The days on which papers were announced, since 1970, in order of paper."""

    paper: NDArray[np.int64]
    day: NDArray[np.int64]

    @classmethod
    def of(cls, days: Mapping[int, str]) -> Self:
        """Return columns of ISO days."""
        papers = sorted(days)
        return cls(np.array(papers, np.int64), np.array([_days(days[p]) for p in papers], np.int64))


def note(connection: Connection, found: Iterable[Observed]) -> int:
    """Keep observations; return how many were not known.

    One that was made before at the same time stays as it was. One whose value is that of the
    observation before it on the same day says nothing new and is left out.
    """
    rows = {tuple(o[:5]): o for o in found}
    known = _known(connection, {o.paper_id for o in rows.values()}) if rows else {}
    fresh = [o for slot, o in rows.items() if not _is_told(o, known.get(slot[:4], ()))]
    if fresh:
        connection.execute(insert(schema.signals), [o._asdict() for o in fresh])
    return len(fresh)


def _known(
    connection: Connection, papers: set[PaperId]
) -> dict[tuple[object, ...], list[tuple[str, float]]]:
    """Return what was observed of some papers, each series in order of time."""
    table, found = schema.signals.c, dict[tuple[object, ...], list[tuple[str, float]]]()
    ids = sorted(papers)
    for start in range(0, len(ids), _CHUNK):
        statement = (
            select(*(table[name] for name in _SLOTS), table.value)
            .where(table.paper_id.in_(ids[start : start + _CHUNK]))
            .order_by(table.seen)
        )
        for *series, seen, value in connection.execute(statement):
            found.setdefault(tuple(series), []).append((seen, value))
    return found


def _is_told(observed: Observed, series: Sequence[tuple[str, float]]) -> bool:
    before = [(seen, value) for seen, value in series if seen <= observed.seen]
    if not before:
        return False
    seen, value = before[-1]
    return seen == observed.seen or (seen[:10] == observed.seen[:10] and value == observed.value)


def of_paper(connection: Connection, paper_id: int) -> list[Observed]:
    """Return all observations of a paper, by kind and source, oldest first."""
    table = schema.signals.c
    statement = (
        select(schema.signals)
        .where(table.paper_id == paper_id)
        .order_by(table.kind, table.source, table.key, table.seen)
    )
    return [_observed(row) for row in connection.execute(statement)]


def until(connection: Connection, at: str, papers: Sequence[int] | None = None) -> Observations:
    """Return what was seen by `at`, a time like those of `seen`: of all papers, or of some."""
    table = schema.signals
    statement = select(table).where(table.c.seen <= at).order_by(*table.primary_key.columns)
    if papers is None:
        return Observations.of(_raw(connection, [statement]))
    chunks = (sorted(papers)[n : n + _CHUNK] for n in range(0, len(papers), _CHUNK))
    return Observations.of(
        _raw(connection, (statement.where(table.c.paper_id.in_(c)) for c in chunks))
    )


def announcements(connection: Connection, papers: Sequence[int] | None = None) -> Announcements:
    """Return the day since which each paper with signals is known: of all, or of some.

    It is the day on which a listing announced it, or presumably did; else of its submission or
    publication, the first of a month or year of which no more is known; else that of its edition.
    """
    table = schema.papers.c
    counted = select(schema.signals.c.paper_id).distinct()
    statement = select(table.id, _known_since()).where(table.merged_into.is_(None))
    if papers is None:
        found = _raw(connection, [statement.where(table.id.in_(counted))])
    else:
        chunks = (papers[n : n + _CHUNK] for n in range(0, len(papers), _CHUNK))
        found = _raw(connection, (statement.where(table.id.in_(c)) for c in chunks))
    return Announcements.of(dict(map(tuple, found)))


def _known_since() -> ColumnElement[str]:
    table = schema.papers.c
    latest = func.coalesce(func.nullif(table.edition, ""), func.substr(table.first_seen, 1, 10))
    year = case(((table.basis != "page") & table.year.between(1000, 9999), cast(table.year, Text)))
    known = func.coalesce(table.announced, table.submitted, table.published, year)
    whole = func.substr(known + "-01-01", 1, 10)
    # A journal's month may lie ahead: no paper is announced later than it was filed.
    is_told = table.basis.not_in(["announced", "presumed"]) & (whole < latest)
    return case((is_told, whole), else_=latest)


def _raw(connection: Connection, statements: Iterable[Select[Any]]) -> Iterator[Row[Any]]:
    """Yield rows a few at a time, so that any number of them needs little memory."""
    for statement in statements:
        with connection.execution_options(yield_per=_ROWS).execute(statement) as rows:
            yield from rows


@lru_cache(100_000)
def _seconds(seen: str) -> int:
    return int(datetime.fromisoformat(seen).timestamp())


@lru_cache(20_000)
def _days(day: str) -> int:
    return date.fromisoformat(day).toordinal() - _EPOCH


def follow(
    connection: Connection,
    papers: Sequence[int],
    records: Mapping[tuple[str, str], int],
    merged_into: Mapping[PaperId, PaperId],
) -> None:
    """Let the observations of `papers` follow their records, which were filed, joined or parted.

    What was looked at for a paper and is no record stays with it, or goes where the paper went.
    """
    homes = [
        (o, records.get((o.source, o.key), merged_into.get(o.paper_id, o.paper_id)))
        for o in _of_papers(connection, papers)
    ]
    moved = [(o, PaperId(home)) for o, home in homes if home != o.paper_id]
    if not moved:
        return
    table = schema.signals
    was = tuple_(*(table.c[name] for name in _SLOTS))
    for start in range(0, len(moved), _CHUNK):
        slots = [tuple(o[:5]) for o, _ in moved[start : start + _CHUNK]]
        connection.execute(delete(table).where(was.in_(slots)))
    note(connection, (o._replace(paper_id=home) for o, home in moved))


def _of_papers(connection: Connection, papers: Sequence[int]) -> list[Observed]:
    table, found = schema.signals.c, list[Observed]()
    for start in range(0, len(papers), _CHUNK):
        chunk = papers[start : start + _CHUNK]
        rows = connection.execute(select(schema.signals).where(table.paper_id.in_(chunk)))
        found += [_observed(row) for row in rows]
    return found


def _observed(row: Any) -> Observed:
    return Observed(*(getattr(row, name) for name in Observed._fields))
