"""What was done with a curator's or an admin's power: written beside it, and kept for ever."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from broadsheet.collection import schema


class Taken(NamedTuple):
    """One line of the log: `name` is whose power it was, `subject` what it was done to."""

    id: int
    name: str
    action: str
    subject: str
    note: str
    at: str


def note(
    connection: Connection, reader_id: int, action: str, subject: str, note: str, at: str
) -> None:
    """Log what was done, to what (`comment 12`, `reader ada`, `paper p7`), why and when."""
    row = {"reader_id": reader_id, "action": action, "subject": subject, "note": note, "at": at}
    connection.execute(insert(schema.actions), [row])


def recent(connection: Connection, limit: int, offset: int = 0) -> list[Taken]:
    """Return the newest lines of the log, newest first."""
    table, readers = schema.actions.c, schema.readers.c
    statement = (
        select(table.id, readers.name, table.action, table.subject, table.note, table.at)
        .join(schema.readers, readers.id == table.reader_id)
        .order_by(table.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [Taken(*row) for row in connection.execute(statement)]
