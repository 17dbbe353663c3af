"""Picks: the papers that curators feature on the edition of their day, each with a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, update

from broadsheet.collection import schema
from broadsheet.papers.types import PaperId

_TABLE = schema.picks.c
_PICKED = schema.papers.alias("picked")
_PAPERS = schema.papers.c


class Pick(NamedTuple):
    """A paper that a curator picked: `day` is that of its edition, `by` the curator's name.

    `reader` is the row of the curator, `at` when it was picked.
    """

    id: int
    paper: PaperId
    day: str
    reader: int
    by: str
    note: str
    at: str


def between(connection: Connection, first: str, last: str, until: str | None = None) -> list[Pick]:
    """Return the picks for the days from `first` to `last`: those that stand, or stood at `until`.

    They are in order of day, the earliest of each first. A pick follows its paper to another day.
    """
    statement = _picks().where(_PAPERS.edition.between(first, last), _stood(until))
    return _read(connection, statement)


def of_paper(connection: Connection, paper_id: int) -> list[Pick]:
    """Return the picks of a paper that stand, the earliest first."""
    return _read(connection, _picks().where(_PAPERS.id == paper_id, _stood()))


def _stood(until: str | None = None) -> ColumnElement[bool]:
    stands = _TABLE.ended.is_(None)
    return stands if until is None else (_TABLE.at <= until) & (stands | (_TABLE.ended > until))


def _read(connection: Connection, statement: Select[Any]) -> list[Pick]:
    return [Pick(*row) for row in connection.execute(statement)]


def _picks() -> Select[Any]:
    readers = schema.readers.c
    name = func.coalesce(func.nullif(readers.shown, ""), readers.name)
    return (
        select(
            _TABLE.id, _PAPERS.id, _PAPERS.edition, _TABLE.reader_id, name, _TABLE.note, _TABLE.at
        )
        .join_from(schema.picks, _PICKED, _PICKED.c.id == _TABLE.paper_id)
        .join(schema.papers, _PAPERS.id == func.coalesce(_PICKED.c.merged_into, _PICKED.c.id))
        .join(schema.readers, readers.id == _TABLE.reader_id)
        .order_by(_PAPERS.edition, _TABLE.id)
    )


def stamp(connection: Connection) -> tuple[int, int]:
    """Return what is another value once anything was picked or taken back."""
    row = connection.execute(select(func.max(_TABLE.id), func.count(_TABLE.ended))).one()
    return row[0] or 0, row[1]


def add(
    connection: Connection, paper_id: int, day: str, reader_id: int, note: str, at: str
) -> None:
    """Keep that a reader picked a paper for a day."""
    row = {"paper_id": paper_id, "day": day, "reader_id": reader_id, "note": note, "at": at}
    connection.execute(insert(schema.picks), [row])


def end(connection: Connection, picks: Sequence[Pick], at: str) -> None:
    """Keep that picks were taken back."""
    ids = [p.id for p in picks]
    connection.execute(update(schema.picks).where(_TABLE.id.in_(ids)).values(ended=at))
