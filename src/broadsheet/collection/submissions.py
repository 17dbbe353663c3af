"""Submissions in the record: what readers brought, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

import orjson
from sqlalchemy import Connection, func, insert, select, update

from broadsheet.collection import schema
from broadsheet.collection.papers import decode_record, encode_record
from broadsheet.papers.types import PaperId, Record

State = Literal["here", "added", "waiting", "refused"]


class Submission(NamedTuple):
    """What a reader brought: `asked` is how they named it, `record` what they entered by hand.

    `paper` is where the paper leads that came of it, None if there is none (yet).
    """

    id: int
    reader: int
    name: str
    asked: str
    paper: PaperId | None
    title: str
    state: State
    record: Record | None
    reason: str
    at: str
    decided_by: str | None
    decided: str | None


class Given(NamedTuple):
    """What is to be kept of a submission."""

    reader: int
    asked: str
    state: State
    paper: PaperId | None = None
    record: Record | None = None


_rows, _papers, _readers = schema.submissions.c, schema.papers.c, schema.readers.c
_judges = schema.readers.alias("judges")
_survivors = schema.papers.alias("survivors")
_paper = func.coalesce(_papers.merged_into, _rows.paper_id)
_chosen = (
    select(
        _rows.id, _rows.reader_id, _readers.name, _rows.asked, _paper, _survivors.c.title,
        _rows.state, _rows.record, _rows.reason, _rows.at, _judges.c.name, _rows.decided,
    )
    .select_from(schema.submissions)
    .join(schema.readers, _readers.id == _rows.reader_id)
    .outerjoin(schema.papers, _papers.id == _rows.paper_id)
    .outerjoin(_survivors, _survivors.c.id == _paper)
    .outerjoin(_judges, _judges.c.id == _rows.decided_by)
)  # fmt: skip


def find(connection: Connection, number: int) -> Submission | None:
    """Return the submission with this number, None if there is none."""
    row = connection.execute(_chosen.where(_rows.id == number)).first()
    return _submission(row) if row else None


def recent(
    connection: Connection, limit: int, *, reader: int | None = None, state: State | None = None
) -> list[Submission]:
    """Return the newest submissions, newest first; of one reader or in one state, if named."""
    statement = _chosen.order_by(_rows.id.desc()).limit(limit)
    if reader is not None:
        statement = statement.where(_rows.reader_id == reader)
    if state is not None:
        statement = statement.where(_rows.state == state)
    return [_submission(row) for row in connection.execute(statement)]


def _submission(row: Any) -> Submission:
    found = Submission(*row)
    if not row.record:
        return found._replace(title=found.title or "")
    record = decode_record(orjson.dumps(row.record).decode())
    return found._replace(title=found.title or record.title, record=record)


def count_since(connection: Connection, reader: int, moment: str) -> int:
    """Return how many papers a reader has brought since a moment that were not here already."""
    statement = select(func.count()).where(
        _rows.reader_id == reader, _rows.at >= moment, _rows.state != "here"
    )
    return connection.execute(statement).scalar_one()


def add(connection: Connection, given: Given, at: str) -> int:
    """Keep a submission and return its number."""
    record = orjson.loads(encode_record(given.record)) if given.record else None
    made = connection.execute(
        insert(schema.submissions).values(
            reader_id=given.reader,
            asked=given.asked,
            paper_id=given.paper,
            state=given.state,
            record=record,
            at=at,
        )
    )
    return cast("Sequence[int]", made.inserted_primary_key)[0]


def decide(
    connection: Connection,
    number: int,
    state: State,
    by: int,
    at: str,
    *,
    paper: PaperId | None = None,
    reason: str = "",
) -> bool:
    """Keep what became of a submission that waits; return whether it did wait."""
    done = connection.execute(
        update(schema.submissions)
        .where(_rows.id == number, _rows.state == "waiting")
        .values(state=state, paper_id=paper, reason=reason, decided_by=by, decided=at)
    )
    return done.rowcount == 1
