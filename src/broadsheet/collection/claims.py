"""Claims in the record: who says that they wrote a paper, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, Select, func, insert, or_, select, update

from broadsheet.collection import schema
from broadsheet.papers.types import PaperId

State = Literal["waiting", "granted", "refused", "ended"]
How = Literal["email", "orcid", "asked"]


class Claim(NamedTuple):
    """Somebody's claim to be the `author` of a paper; `paper` is where it leads now.

    `how` says by what it was granted, or is to be; times are ISO, in UTC.
    """

    id: int
    paper: PaperId
    title: str
    reader: int
    name: str
    author: str
    how: How
    note: str
    state: State
    at: str
    decided_by: str | None
    decided: str | None


class Proofs(NamedTuple):
    """What an account says of who its reader is: the e-mail address is a verified one."""

    email: str | None
    orcid: str | None


_claims, _papers, _readers = schema.claims.c, schema.papers.c, schema.readers.c
_judges = schema.readers.alias("judges")
_paper = func.coalesce(_papers.merged_into, _claims.paper_id)


def _chosen() -> Select[Any]:
    survivors = schema.papers.alias("survivors")
    return (
        select(
            _claims.id, _paper, survivors.c.title, _claims.reader_id, _readers.name,
            _claims.author, _claims.how, _claims.note, _claims.state, _claims.at,
            _judges.c.name, _claims.decided,
        )
        .join(schema.papers, _papers.id == _claims.paper_id)
        .join(survivors, survivors.c.id == _paper)
        .join(schema.readers, _readers.id == _claims.reader_id)
        .outerjoin(_judges, _judges.c.id == _claims.decided_by)
    )  # fmt: skip


def _read(connection: Connection, statement: Select[Any]) -> list[Claim]:
    return [Claim(*row) for row in connection.execute(statement)]


def _of(paper_id: int) -> ColumnElement[bool]:
    """Return the condition that a claim's paper is this one, or one that became part of it."""
    parts = select(_papers.id).where(_papers.merged_into == paper_id)
    return or_(_claims.paper_id == paper_id, _claims.paper_id.in_(parts))


def authors_of(connection: Connection, paper_id: int) -> dict[int, str]:
    """Return the active readers who are known to have written a paper, with their names in it."""
    statement = (
        select(_claims.reader_id, _claims.author)
        .join(schema.readers, _readers.id == _claims.reader_id)
        .where(_of(paper_id), _claims.state == "granted", _readers.state == "active")
        .order_by(_claims.id.desc())
    )
    return {row.reader_id: row.author for row in connection.execute(statement)}


def find(connection: Connection, number: int) -> Claim | None:
    """Return the claim with this number, None if there is none."""
    return next(iter(_read(connection, _chosen().where(_claims.id == number))), None)


def of_paper(connection: Connection, paper_id: int) -> list[Claim]:
    """Return all claims to a paper, and to what became part of it, oldest first."""
    return _read(connection, _chosen().where(_of(paper_id)).order_by(_claims.id))


def recent(
    connection: Connection, limit: int, *, reader: int | None = None, state: State | None = None
) -> list[Claim]:
    """Return the newest claims, newest first; those of one reader or in one state, if named."""
    statement = _chosen().order_by(_claims.id.desc()).limit(limit)
    if reader is not None:
        statement = statement.where(_claims.reader_id == reader)
    if state is not None:
        statement = statement.where(_claims.state == state)
    return _read(connection, statement)


def add(
    connection: Connection,
    paper_id: int,
    reader_id: int,
    author: str,
    how: How,
    note: str,
    state: State,
    at: str,
) -> int:
    """Keep a new claim and return its number."""
    decided = at if state == "granted" else None
    made = connection.execute(
        insert(schema.claims).values(
            paper_id=paper_id,
            reader_id=reader_id,
            author=author,
            how=how,
            note=note,
            state=state,
            at=at,
            decided=decided,
        )
    )
    return cast("Sequence[int]", made.inserted_primary_key)[0]


def decide(connection: Connection, number: int, state: State, by: int, at: str) -> None:
    """Keep what was decided about a claim, and by whom."""
    connection.execute(
        update(schema.claims)
        .where(_claims.id == number)
        .values(state=state, decided_by=by, decided=at)
    )


def proofs_of(connection: Connection, reader_id: int) -> Proofs:
    """Return what speaks for who a reader is."""
    statement = select(_readers.email, _readers.orcid).where(_readers.id == reader_id)
    return Proofs(*connection.execute(statement).one())
