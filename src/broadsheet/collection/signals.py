"""Signals: what sources counted of the attention to papers, kept as it was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import ne
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    case,
    cast,
    delete,
    func,
    insert,
    select,
    tuple_,
)

from broadsheet.collection import schema
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import PaperId

_SLOTS = ("paper_id", "kind", "source", "key", "seen")
FEED = "feed"
"""The source of records that stood in a feed."""
_FEED_KEY = 8
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
_CHUNK = 400
_ROWS = 2_000
_EPOCH = 2_440_587.5
"""The Julian day on which 1970 began."""


class Observed(NamedTuple):
    """One observation: `key` is the source's record, or what it looked at (a repository)."""

    paper_id: PaperId
    kind: str
    source: str
    key: str
    seen: str
    value: float


class Observations(NamedTuple):
    """Observations as columns, in order of paper, series and time: 22 bytes for each.

    `signal` is a number in `names`, which are (kind, source). `series` numbers what was counted by
    one source under one key; `seen` is in whole seconds since 1970, in UTC.
    """

    names: tuple[tuple[str, str], ...]
    paper: NDArray[np.int32]
    signal: NDArray[np.int16]
    series: NDArray[np.int32]
    seen: NDArray[np.uint32]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]]) -> Self:
        """Return columns of rows like `Observed`, which are in order of the primary key."""
        return cls.joined([list(rows)])

    @classmethod
    def joined(cls, batches: Iterable[Sequence[Sequence[Any]]]) -> Self:
        """Return columns of rows that come a few at a time."""
        names: dict[tuple[str, str], int] = {}
        parts = [cls._of([], names)]
        last: tuple[Any, ...] = ()
        for rows in filter(None, batches):
            part = cls._of(rows, names)
            first = parts[-1].series[-1:].sum() + (tuple(rows[0][:4]) != last)
            parts.append(part._replace(series=part.series + np.int32(first)))
            last = tuple(rows[-1][:4])
        columns = (np.concatenate(c) for c in zip(*(p[1:] for p in parts), strict=True))
        return cls(tuple(names), *columns)

    @classmethod
    def _of(cls, rows: Sequence[Sequence[Any]], names: dict[tuple[str, str], int]) -> Self:
        """Return columns of a few rows; new signals are added to `names`."""
        papers, kinds, sources, keys, seen, values = zip(*rows, strict=True) if rows else [()] * 6
        paper = np.array(papers, np.int32)
        signal = np.array(
            [names.setdefault(n, len(names)) for n in zip(kinds, sources, strict=True)], np.int16
        )
        is_next = np.zeros(len(rows), bool)
        is_next[1:] = np.fromiter(map(ne, keys[1:], keys), bool, max(len(keys) - 1, 0))
        is_next[1:] |= (np.diff(paper) != 0) | (np.diff(signal) != 0)
        series = np.cumsum(is_next, dtype=np.int32)
        return cls((), paper, signal, series, _seconds(seen), np.array(values, np.float64))

    def take(self, rows: NDArray[Any] | slice) -> Self:
        """Return these rows."""
        return self._replace(**{name: getattr(self, name)[rows] for name in self._fields[1:]})

    def of_papers(self, papers: NDArray[Any]) -> Self:
        """Return what was counted of some papers, which are in order."""
        firsts = np.searchsorted(self.paper, papers.astype(np.int32))
        counts = np.searchsorted(self.paper, papers.astype(np.int32), "right") - firsts
        before = np.cumsum(counts) - counts
        return self.take(np.repeat(firsts - before, counts) + np.arange(counts.sum()))

    def with_papers(self, papers: NDArray[Any], fresh: Self) -> Self:
        """Return these columns with what was counted of some papers read anew."""
        names = dict.fromkeys((*self.names, *fresh.names))
        number = {name: n for n, name in enumerate(names)}
        signal = np.array([number[n] for n in fresh.names], np.int16)[fresh.signal]
        # Rows of one series lie together, so that wherever the number changes another one begins.
        series = fresh.series + (self.series[-1:].sum() + 1).astype(np.int32)
        found = spliced(self[1:], (fresh.paper, signal, series, *fresh[4:]), papers)
        found[2] = np.cumsum(np.diff(found[2], prepend=found[2][:1]) != 0, dtype=np.int32)
        return type(self)(tuple(names), *found)


class Announcements(NamedTuple):
    """The days on which papers were announced, since 1970, in order of paper."""

    paper: NDArray[np.int32]
    day: NDArray[np.int32]

    @classmethod
    def of(cls, days: Mapping[int, str]) -> Self:
        """Return columns of ISO days."""
        papers = sorted(days)
        told = np.array([days[p] for p in papers], "datetime64[D]")
        return cls(np.array(papers, np.int32), told.astype(np.int32))

    def of_papers(self, papers: NDArray[Any]) -> Self:
        """Return the days of some papers."""
        found = np.searchsorted(self.paper, papers)
        found = found[found < len(self.paper)]
        rows = found[self.paper[found] == papers[: len(found)]]
        return type(self)(*(column[rows] for column in self))

    def with_papers(self, papers: NDArray[Any], fresh: Self) -> Self:
        """Return these days with those of some papers read anew."""
        return type(self)(*spliced(self, fresh, papers))


def spliced(
    old: Sequence[NDArray[Any]], fresh: Sequence[NDArray[Any]], papers: NDArray[Any]
) -> list[NDArray[Any]]:
    """Return columns with the rows of some papers in place of what they were.

    The first column is the paper, and all three are in order of it.
    """
    own = papers.astype(old[0].dtype)
    found = [np.searchsorted(c, own, side) for c in (old[0], fresh[0]) for side in _SIDES]
    places = np.stack(found, axis=1).tolist()
    ends = [0, *(place[1] for place in places)]
    return [
        np.concatenate([
            *chain.from_iterable(
                (column[end:first], new[begin:until])
                for end, (first, _, begin, until) in zip(ends, places, strict=False)
            ),
            column[ends[-1] :],
        ])
        for column, new in zip(old, fresh, strict=True)
    ]  # fmt: skip


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


def note_mentions(connection: Connection, papers: Iterable[PaperId], now: str) -> int:
    """Keep how many feeds have an entry for each of some papers; return how many counts are new.

    A feed that tells of a paper in several entries is one. Papers of which none tells have none.
    """
    table, found = schema.records.c, list[Observed]()
    # What a feed's records are called begins with a hash of its address.
    feeds = func.count(func.substr(table.key, 1, _FEED_KEY).distinct())
    ids = sorted(set(papers))
    for start in range(0, len(ids), _CHUNK):
        statement = select(table.paper_id, feeds).where(
            table.source == FEED, table.paper_id.in_(ids[start : start + _CHUNK])
        )
        found += [
            Observed(paper, "mentions", FEED, format_paper_id(paper), now, float(count))
            for paper, count in connection.execute(statement.group_by(table.paper_id))
        ]
    return note(connection, found)


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


class Stamp(NamedTuple):
    """How far the record has come: the newest change of papers, and of what was counted."""

    change: int
    counted: int


def stamp(connection: Connection) -> Stamp:
    """Return how far the record has come; another stamp if anything may rank otherwise."""
    changed, counted = schema.changes.c.sequence, schema.counted.c.sequence
    newest = select(*(select(func.max(c)).scalar_subquery() for c in (changed, counted)))
    return Stamp(*(n or 0 for n in connection.execute(newest).one()))


def touched(connection: Connection, since: Stamp, papers: NDArray[Any]) -> NDArray[np.int64]:
    """Return of which papers anything was counted since, and which of `papers` changed; in order.

    `papers` are in order.
    """
    changes, counted = schema.changes.c, schema.counted.c
    changed = select(changes.paper_id).distinct().where(changes.sequence > since.change)
    again = select(counted.paper_id).where(counted.sequence > since.counted)
    found = np.fromiter(connection.execute(changed).scalars(), np.int64)
    fresh = np.fromiter(connection.execute(again).scalars(), np.int64)
    return np.union1d(fresh, found[np.isin(found, papers)])


def observations(connection: Connection, papers: NDArray[Any] | None = None) -> Observations:
    """Return what was counted of all papers, or of some, which are in order."""
    table = schema.signals
    statement = select(table).order_by(*table.primary_key.columns)
    return Observations.joined(_batches(connection, statement, table.c.paper_id, papers))


def announcements(connection: Connection, papers: NDArray[Any] | None = None) -> Announcements:
    """Return the day since which each paper is known: of all, or of some, which are in order.

    It is the day on which a listing announced it, or presumably did; else of its submission or
    publication, the first of a month or year of which no more is known; else that of its edition.
    """
    table = schema.papers.c
    # All that is asked for is in `ix_papers_edition`, so that no abstract is read for it.
    statement = select(table.id, _known_since()).where(table.merged_into.is_(None))
    rows = _batches(connection, statement, table.id, papers)
    found = np.fromiter(chain.from_iterable(rows), [("paper", np.int32), ("day", np.int32)])
    found.sort(order="paper")
    return Announcements(found["paper"].copy(), found["day"].copy())


def _known_since() -> ColumnElement[int]:
    table = schema.papers.c
    size = func.length(table.day)
    known = case(
        (size == len("2026-03-17"), table.day),
        (size == len("2026-03"), table.day + "-01"),
        ((size == len("2026")) & (table.basis != "page"), table.day + "-01-01"),
    )
    # A journal's month may lie ahead: no paper is announced later than it was filed.
    is_told = table.basis.not_in(["announced", "presumed"]) & (known < table.edition)
    since = case((is_told, known), else_=table.edition)
    return cast(func.coalesce(func.julianday(since) - _EPOCH, 0), Integer)


def _batches(
    connection: Connection,
    statement: Select[Any],
    paper: ColumnElement[int],
    papers: NDArray[Any] | None,
) -> Iterator[Sequence[Any]]:
    """Yield rows of all papers or of some, bare as the driver gives them: there may be millions."""
    if papers is None:
        statements = [statement]
    else:
        chunks = np.split(papers, range(_CHUNK, len(papers), _CHUNK))
        statements = [statement.where(paper.in_(c.tolist())) for c in chunks]
    for each in statements:
        with connection.execute(each) as result:
            cursor: Any = result.cursor
            while batch := cursor.fetchmany(_ROWS):
                yield batch


def _seconds(seen: Sequence[str]) -> NDArray[np.uint32]:
    """Return the seconds since 1970 of times like `2026-03-17T06:30:00Z`."""
    times = np.array(seen, "S20").astype("S19").astype("datetime64[s]")
    return times.astype(np.int64).astype(np.uint32)


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
