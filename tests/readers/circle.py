"""Readers who are simply there, for tests of what readers do."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from sqlalchemy import func, insert, select

from broadsheet.collection import schema
from broadsheet.library import Library
from broadsheet.papers.types import PaperId, Record
from broadsheet.readers.permissions import Actor, Role


def join(library: Library, name: str, role: Role = "reader", **more: Any) -> Actor:
    """Return a new reader of the collection; `more` are further columns of the account."""
    values = {"name": name, "role": role, "joined": "2026-03-01T00:00:00Z"} | more
    with library.database.write() as connection:
        made = connection.execute(insert(schema.readers).values(values))
        return Actor(made.inserted_primary_key[0], role, name)


def filed(library: Library, *records: Record) -> list[PaperId]:
    """Return the papers of these records, which are filed."""
    for _ in library.file(records, source="invented", counts=Counter()):
        pass
    with library.database.read() as connection:
        table = schema.records.c
        rows = connection.execute(select(table.source, table.key, table.paper_id))
        papers = {(source, key): paper for source, key, paper in rows}
    return [papers[r.source, r.key] for r in records]


def told(library: Library, actor: Actor) -> list[str]:
    """Return the notices of a reader, oldest first."""
    table = schema.notices.c
    with library.database.read() as connection:
        statement = select(table.text).where(table.reader_id == actor.reader).order_by(table.id)
        return list(connection.execute(statement).scalars())


def logged(library: Library) -> list[tuple[str, str, str]]:
    """Return action, subject and note of all that the log has."""
    table = schema.actions.c
    with library.database.read() as connection:
        statement = select(table.action, table.subject, table.note).order_by(table.id)
        return [(a, s, n) for a, s, n in connection.execute(statement)]


def counted(library: Library, table: str) -> int:
    """Return how many rows a table has."""
    with library.database.read() as connection:
        statement = select(func.count()).select_from(schema.metadata.tables[table])
        return connection.execute(statement).scalar_one()


def signed_in(library: Library, actor: Actor) -> str:
    """Return the secret of a session that a reader has just begun."""
    secret = f"secret of {actor.name}"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    now = "2026-03-17T00:00:00Z"
    row = {"digest": digest, "reader_id": actor.reader, "made": now, "used": now,
           "ends": "2026-12-31T00:00:00Z"}  # fmt: skip
    with library.database.write() as connection:
        connection.execute(insert(schema.sessions), [row])
    return secret
