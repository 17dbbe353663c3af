"""Readers among each other: whom a name means, who muted whom, reports, and what waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from broadsheet.collection import schema


class Report(NamedTuple):
    """A report of a comment; `name` is who reported it, None if a test for spam did."""

    id: int
    comment_id: int
    reader_id: int | None
    name: str | None
    reason: str
    at: str


class Waiting(NamedTuple):
    """Something else that waits for a decision: a submission or a claim, `text` what it says."""

    id: int
    name: str
    paper_id: int | None
    text: str
    note: str
    at: str


# ---------------------------------------------------------------------------- readers


def named(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the active readers who have these names."""
    table = schema.readers.c
    statement = select(table.name, table.id).where(table.name.in_(names), table.state == "active")
    return {row.name: row.id for row in connection.execute(statement)}


# ---------------------------------------------------------------------------- mutes


def mute(connection: Connection, reader: int, other: int, now: str, *, is_muted: bool) -> None:
    """Let a reader fold away what another one writes, or not any more."""
    table = schema.mutes
    own = (table.c.reader_id == reader) & (table.c.muted_id == other)
    connection.execute(delete(table).where(own))
    if is_muted:
        row = {"reader_id": reader, "muted_id": other, "at": now}
        connection.execute(insert(table), [row])


def not_muting(connection: Connection, readers: Collection[int], other: int) -> set[int]:
    """Return those of some readers who have not muted another one."""
    table = schema.mutes.c
    muting = select(table.reader_id).where(table.muted_id == other, table.reader_id.in_(readers))
    return set(readers) - set(connection.execute(muting).scalars())


def muted(connection: Connection, reader: int) -> list[str]:
    """Return the names of those whom a reader muted, in order."""
    table, readers = schema.mutes.c, schema.readers.c
    statement = (
        select(readers.name)
        .join_from(schema.mutes, schema.readers, readers.id == table.muted_id)
        .where(table.reader_id == reader)
        .order_by(readers.name)
    )
    return list(connection.execute(statement).scalars())


# ---------------------------------------------------------------------------- reports


def report(connection: Connection, reader: int | None, comment: int, reason: str, now: str) -> bool:
    """Keep a report of a comment, one of each reader; return whether it is new.

    Of `reader` None, a test for spam, one can be open at a time.
    """
    table = schema.reports.c
    own = table.reader_id == reader if reader else table.reader_id.is_(None)
    statement = select(table.id).where(table.comment_id == comment, own)
    if reader is None:
        statement = statement.where(table.state == "open")
    if connection.execute(statement).first() is not None:
        return False
    row = {"reader_id": reader, "comment_id": comment, "reason": reason, "at": now}
    connection.execute(insert(schema.reports), [row])
    return True


def open_reports_of(connection: Connection, comment: int) -> list[Report]:
    """Return the reports of a comment that nobody has decided."""
    table, readers = schema.reports.c, schema.readers.c
    statement = (
        select(table.id, table.comment_id, table.reader_id, readers.name, table.reason, table.at)
        .outerjoin_from(schema.reports, schema.readers, readers.id == table.reader_id)
        .where(table.comment_id == comment, table.state == "open")
        .order_by(table.id)
    )
    return [Report(*row) for row in connection.execute(statement)]


def comment_of(connection: Connection, number: int) -> int | None:
    """Return the comment that an open report is about, None if there is no such report."""
    table = schema.reports.c
    statement = select(table.comment_id).where(table.id == number, table.state == "open")
    return connection.execute(statement).scalar()


def decide_reports(
    connection: Connection, comment: int, reader: int, now: str, *, is_upheld: bool
) -> list[Report]:
    """Decide all open reports of a comment; return them."""
    table, found = schema.reports, open_reports_of(connection, comment)
    connection.execute(
        update(table)
        .where(table.c.comment_id == comment, table.c.state == "open")
        .values(state="upheld" if is_upheld else "dismissed", decided_by=reader, decided=now)
    )
    return found


# ---------------------------------------------------------------------------- the queue


def comments_to_decide(connection: Connection, limit: int, offset: int = 0) -> list[int]:
    """Return the comments that wait or of which there are open reports, the oldest first."""
    table = schema.comments.c
    statement = (
        select(table.id).where(_is_to_decide()).order_by(table.id).limit(limit).offset(offset)
    )
    return list(connection.execute(statement).scalars())


def _is_to_decide() -> ColumnElement[bool]:
    table, reports = schema.comments.c, schema.reports.c
    reported = select(reports.comment_id).where(reports.state == "open")
    is_reported = table.id.in_(reported) & (table.state != "deleted")
    return (table.state == "waiting") | is_reported


def submissions(connection: Connection, limit: int, offset: int = 0) -> list[Waiting]:
    """Return the submissions that wait for a curator, the oldest first."""
    table, readers = schema.submissions.c, schema.readers.c
    statement = (
        select(table.id, readers.name, table.paper_id, table.asked, table.reason, table.at)
        .join_from(schema.submissions, schema.readers, readers.id == table.reader_id)
        .where(table.state == "waiting")
        .order_by(table.id)
        .limit(limit)
        .offset(offset)
    )
    return [Waiting(*row) for row in connection.execute(statement)]


def claims(connection: Connection, limit: int, offset: int = 0) -> list[Waiting]:
    """Return the claims that wait for an admin, the oldest first."""
    table, readers = schema.claims.c, schema.readers.c
    statement = (
        select(table.id, readers.name, table.paper_id, table.author, table.note, table.at)
        .join_from(schema.claims, schema.readers, readers.id == table.reader_id)
        .where(table.state == "waiting")
        .order_by(table.id)
        .limit(limit)
        .offset(offset)
    )
    return [Waiting(*row) for row in connection.execute(statement)]


def sizes(connection: Connection) -> dict[str, int]:
    """Return how much waits for a decision, of each sort."""
    waiting = (
        ("comments", schema.comments, _is_to_decide()),
        ("submissions", schema.submissions, schema.submissions.c.state == "waiting"),
        ("claims", schema.claims, schema.claims.c.state == "waiting"),
    )
    return {
        name: connection.execute(
            select(func.count()).select_from(table).where(condition)
        ).scalar_one()
        for name, table, condition in waiting
    }
