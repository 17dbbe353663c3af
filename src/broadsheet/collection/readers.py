"""Readers in the record: their accounts, and what lets them in."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from broadsheet.collection import schema


class Held(NamedTuple):
    """An account as far as it says who asks; `scopes` are those of the token, if it was one."""

    id: int
    name: str
    role: str
    scopes: list[str] | None = None


def of_session(connection: Connection, digest: str, now: str) -> Held | None:
    """Return the active reader whose session has this digest and has not ended by `now`."""
    table, readers = schema.sessions.c, schema.readers.c
    statement = (
        select(readers.id, readers.name, readers.role)
        .join(schema.sessions, table.reader_id == readers.id)
        .where(table.digest == digest, table.ends > now, readers.state == "active")
    )
    row = connection.execute(statement).first()
    return Held(*row) if row else None


def of_token(connection: Connection, digest: str) -> Held | None:
    """Return the active reader whose API token has this digest and was not ended."""
    table, readers = schema.tokens.c, schema.readers.c
    statement = (
        select(readers.id, readers.name, readers.role, table.scopes)
        .join(schema.tokens, table.reader_id == readers.id)
        .where(table.digest == digest, table.ended.is_(None), readers.state == "active")
    )
    row = connection.execute(statement).first()
    return Held(*row) if row else None
