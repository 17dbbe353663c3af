"""What everybody sees of a reader: what they wrote here, and which papers they wrote."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from broadsheet.collection import schema

_papers = schema.papers.alias("here")
_led = schema.papers.c


class Remark(NamedTuple):
    """A comment on its own, with the paper where it stands now."""

    id: int
    paper_id: int
    title: str
    text: str
    at: str


class Authored(NamedTuple):
    """A paper that a reader is known to have written, and their name on it."""

    paper_id: int
    title: str
    author: str


def remarks(connection: Connection, reader: int, limit: int) -> list[Remark]:
    """Return the newest comments of a reader that everybody sees, newest first."""
    table = schema.comments.c
    statement = (
        select(table.id, _papers.c.id, _papers.c.title, table.text, table.at)
        .join_from(schema.comments, schema.papers, _led.id == table.paper_id)
        .join(_papers, _papers.c.id == func.coalesce(_led.merged_into, _led.id))
        .where(table.reader_id == reader, table.state == "shown")
        .order_by(table.id.desc())
        .limit(limit)
    )
    return [Remark(*row) for row in connection.execute(statement)]


def authored(connection: Connection, reader: int) -> list[Authored]:
    """Return the papers that a reader claims and was granted, the newest claim first."""
    table = schema.claims.c
    statement = (
        select(_papers.c.id, _papers.c.title, table.author)
        .join_from(schema.claims, schema.papers, _led.id == table.paper_id)
        .join(_papers, _papers.c.id == func.coalesce(_led.merged_into, _led.id))
        .where(table.reader_id == reader, table.state == "granted")
        .order_by(table.id.desc())
    )
    # Two claims may lead to one paper after a merge.
    found = {row[0]: Authored(*row) for row in connection.execute(statement)}
    return list(found.values())
