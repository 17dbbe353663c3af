"""What editions are made of: days, candidates for places, and the orders that were kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, insert, select, union_all

from broadsheet.collection import schema
from broadsheet.collection.votes import HERE

_CHUNK = 5000


class DayCount(NamedTuple):
    """How many papers a day holds; `touched` and `changed` say up to when it has changed."""

    day: str
    papers: int
    touched: int
    changed: str


class Slim(NamedTuple):
    """What the order of an edition needs of a paper, all of it in one index."""

    id: int
    edition: str
    topic: str
    upvotes: int | None
    day: str | None
    basis: str


class Reappearance(NamedTuple):
    """A paper that came again on `day`: `kind` is listed, page, version or cross."""

    day: str
    paper_id: int
    kind: str
    note: str


_PAPERS = schema.papers.c
_ALIVE = _PAPERS.merged_into.is_(None)
_SLIM = (
    _PAPERS.id, _PAPERS.edition, _PAPERS.topic, _PAPERS.upvotes, _PAPERS.day, _PAPERS.basis,
)  # fmt: skip
_STRONGEST = (_PAPERS.upvotes.desc(), _PAPERS.day.desc(), _PAPERS.id.desc())


def _between(first: str, last: str) -> ColumnElement[bool]:
    return _ALIVE & _PAPERS.edition.between(first, last)


def days(connection: Connection, first: str, last: str) -> list[DayCount]:
    """Return the days from `first` to `last` that hold papers or did, in order."""
    table = schema.days.c
    statement = select(table.day, table.papers, table.touched, table.changed)
    rows = connection.execute(statement.where(table.day.between(first, last)).order_by(table.day))
    return [DayCount(*row) for row in rows]


def nearest(connection: Connection, first: str, last: str) -> tuple[str | None, str | None]:
    """Return the nearest days with papers before `first` and after `last`."""
    table = schema.days.c
    has = table.papers > 0
    before = select(func.max(table.day)).where(has, table.day < first)
    after = select(func.min(table.day)).where(has, table.day > last)
    return connection.execute(before).scalar(), connection.execute(after).scalar()


def strongest(connection: Connection, wanted: Sequence[str], per_day: int) -> list[Slim]:
    """Return the `per_day` papers of each of the days `wanted` that have most votes, or are newest.

    One statement, and no more rows are looked at than are returned, however much a day holds.
    """
    if not wanted:
        return []
    parts = [
        select(
            select(*_SLIM).where(_ALIVE, _PAPERS.edition == day)
            .order_by(*_STRONGEST).limit(per_day).subquery()
        )
        for day in wanted
    ]  # fmt: skip
    statement = union_all(*parts) if len(parts) > 1 else parts[0]
    return [Slim(*row) for row in connection.execute(statement)]


def of_ids(connection: Connection, ids: Sequence[int]) -> list[Slim]:
    """Return those of `ids` that are papers still."""
    found: list[Slim] = []
    for start in range(0, len(ids), _CHUNK):
        statement = select(*_SLIM).where(_PAPERS.id.in_(ids[start : start + _CHUNK]), _ALIVE)
        found += [Slim(*row) for row in connection.execute(statement)]
    return found


def ids_between(connection: Connection, first: str, last: str) -> list[int]:
    """Return all papers of the days from `first` to `last`."""
    return list(connection.execute(select(_PAPERS.id).where(_between(first, last))).scalars())


def counts(connection: Connection, first: str, last: str) -> tuple[Counter[str], Counter[str]]:
    """Return how many papers of some days have each topic, and each basis."""
    statement = (
        select(_PAPERS.topic, _PAPERS.basis, func.count())
        .where(_between(first, last))
        .group_by(_PAPERS.topic, _PAPERS.basis)
    )
    topics, bases = Counter[str](), Counter[str]()
    for topic, basis, n in connection.execute(statement):
        topics[topic] += n
        bases[basis] += n
    return topics, bases


def further(
    connection: Connection,
    first: str,
    last: str,
    topic: str | None,
    topics: Sequence[str],
    placed: Sequence[int],
    *,
    offset: int,
    limit: int,
) -> list[Slim]:
    """Return a slice of the papers of some days but those `placed`, strongest first.

    They have `topic`, or with None none of `topics`.
    """
    is_of = _PAPERS.topic.not_in(topics) if topic is None else _PAPERS.topic == topic
    statement = (
        select(*_SLIM)
        .where(_between(first, last), is_of, _PAPERS.id.not_in(placed))
        .order_by(*_STRONGEST)
        .offset(offset)
        .limit(limit)
    )
    return [Slim(*row) for row in connection.execute(statement)]


def timed_upvotes(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Return those of `ids` whose upvotes elsewhere were noted with the time of counting."""
    table, found = schema.signals.c, set[int]()
    for start in range(0, len(ids), _CHUNK):
        statement = select(table.paper_id).where(
            table.paper_id.in_(ids[start : start + _CHUNK]), table.kind == "upvotes",
            table.source != HERE,
        )  # fmt: skip
        found.update(connection.execute(statement).scalars())
    return found


def earlier(connection: Connection, before: str, limit: int) -> list[int]:
    """Return the papers of the last days before `before`, newest first."""
    statement = (
        select(_PAPERS.id)
        .where(_ALIVE, _PAPERS.edition < before)
        .order_by(
            _PAPERS.edition.desc(), _PAPERS.upvotes.desc(), _PAPERS.day.desc(), _PAPERS.id.desc()
        )
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def again(connection: Connection, first: str, last: str, limit: int) -> list[Reappearance]:
    """Return papers of earlier days that came again from `first` to `last`, in order of day."""
    table = schema.appearances.c
    statement = (
        select(table.day, table.paper_id, table.kind, table.note)
        .join_from(schema.appearances, schema.papers, _PAPERS.id == table.paper_id)
        .where(table.day.between(first, last), _ALIVE, _PAPERS.edition < first)
        .order_by(_PAPERS.upvotes.desc(), table.day, table.paper_id, table.kind)
        .limit(limit)
    )
    return [Reappearance(*row) for row in connection.execute(statement)]


def survivors(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Return for those of `ids` that were merged the papers that they are part of."""
    statement = select(_PAPERS.id, _PAPERS.merged_into).where(
        _PAPERS.id.in_(ids), _PAPERS.merged_into.is_not(None)
    )
    return {row.id: row.merged_into for row in connection.execute(statement)}


# ---------------------------------------------------------------------------- kept orders


def kept(connection: Connection, period: str) -> Any:
    """Return the text under which the order of a period was kept, None if it was not."""
    table = schema.printed.c
    return connection.execute(select(table.body).where(table.period == period)).scalar()


def keep(connection: Connection, period: str, body: str, now: str) -> None:
    """Keep the order of a period; one that is kept already stays."""
    if kept(connection, period) is None:
        connection.execute(insert(schema.printed), [{"period": period, "made": now, "body": body}])
