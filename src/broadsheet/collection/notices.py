"""What readers should know of: an answer, a mention, a decision about something of theirs."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from broadsheet.collection import schema


class Notice(NamedTuple):
    """What a reader should know of; `name` is who caused it, `paper_id` where it leads now."""

    id: int
    kind: str
    name: str | None
    paper_id: int | None
    comment_id: int | None
    text: str
    at: str
    seen: str | None


def tell(
    connection: Connection,
    reader_id: int,
    kind: str,
    at: str,
    *,
    by_id: int | None = None,
    paper_id: int | None = None,
    comment_id: int | None = None,
    text: str = "",
) -> None:
    """Keep a notice for a reader; of what they did themselves nobody need be told."""
    if by_id == reader_id:
        return
    connection.execute(
        insert(schema.notices).values(
            reader_id=reader_id,
            kind=kind,
            by_id=by_id,
            paper_id=paper_id,
            comment_id=comment_id,
            text=text,
            at=at,
        )
    )


def of(connection: Connection, reader: int, limit: int, offset: int = 0) -> list[Notice]:
    """Return the newest notices of a reader, newest first."""
    table, readers, papers = schema.notices.c, schema.readers.c, schema.papers.c
    statement = (
        select(
            table.id, table.kind, readers.name, func.coalesce(papers.merged_into, papers.id),
            table.comment_id, table.text, table.at, table.seen,
        )
        .outerjoin_from(schema.notices, schema.readers, readers.id == table.by_id)
        .outerjoin(schema.papers, papers.id == table.paper_id)
        .where(table.reader_id == reader)
        .order_by(table.id.desc())
        .limit(limit)
        .offset(offset)
    )  # fmt: skip
    return [Notice(*row) for row in connection.execute(statement)]


def unseen(connection: Connection, reader: int) -> int:
    """Return how many notices a reader has not seen."""
    table = schema.notices.c
    statement = select(func.count()).where(table.reader_id == reader, table.seen.is_(None))
    return connection.execute(statement).scalar_one()


def see(connection: Connection, reader: int, until: int | None, now: str) -> None:
    """Note that a reader has seen their notices, up to the number `until` if there is one."""
    table = schema.notices
    statement = update(table).where(table.c.reader_id == reader, table.c.seen.is_(None))
    if until is not None:
        statement = statement.where(table.c.id <= until)
    connection.execute(statement.values(seen=now))


def told(connection: Connection, comment: int) -> set[int]:
    """Return the readers who have a notice about a comment."""
    table = schema.notices.c
    statement = select(table.reader_id).where(table.comment_id == comment)
    return set(connection.execute(statement).scalars())
