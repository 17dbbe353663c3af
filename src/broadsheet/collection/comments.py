"""Comments in the record, their earlier wordings, and the papers that take no more."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from broadsheet.collection import schema, votes
from broadsheet.papers.types import PaperId

State = Literal["shown", "waiting", "hidden", "deleted"]


class Held(NamedTuple):
    """A comment as it is kept; `home` is the paper at which it is read, `paper_id` where it is.

    `name` and `shown` are its writer's; `is_muted` if whoever asks muted them; `waits_for` says why
    it waits for a curator.
    """

    id: int
    home: PaperId
    paper_id: int
    reader_id: int
    parent_id: int | None
    text: str
    state: State
    at: str
    edited: str | None
    name: str
    shown: str
    is_muted: bool
    waits_for: str | None


class Wording(NamedTuple):
    """What a comment said until it was edited."""

    text: str
    until: str


class Lock(NamedTuple):
    """Why the comments of a paper take no more."""

    reason: str
    at: str


class Habits(NamedTuple):
    """What a test for spam asks of a reader: how long they are here, and what they wrote lately."""

    joined: str
    shown: int
    recent: tuple[tuple[str, str], ...]


# ---------------------------------------------------------------------------- reading


def _held() -> Select[Any]:
    """Select comments as `viewer` has them, with their writers, oldest first."""
    table, readers, papers = schema.comments.c, schema.readers.c, schema.papers.c
    mutes, reports = schema.mutes.c, schema.reports.c
    is_muted = exists().where(
        mutes.reader_id == bindparam("viewer"), mutes.muted_id == table.reader_id
    )
    why = (
        select(func.max(reports.reason))
        .where(reports.comment_id == table.id, reports.reader_id.is_(None), reports.state == "open")
        .scalar_subquery()
    )
    return (
        select(
            table.id, func.coalesce(papers.merged_into, papers.id), table.paper_id,
            table.reader_id, table.parent_id, table.text, table.state, table.at, table.edited,
            readers.name, readers.shown, is_muted, why,
        )
        .join(schema.papers, papers.id == table.paper_id)
        .join(schema.readers, readers.id == table.reader_id)
        .order_by(table.id)
    )  # fmt: skip


# Made once: to compose a statement takes longer than to carry it out.
_THREAD = _held().where(schema.comments.c.paper_id.in_(votes.family(bindparam("paper"))))
_ONE = _held().where(schema.comments.c.id == bindparam("number"))
_LOCK = (
    select(schema.locks.c.reason, schema.locks.c.at)
    .where(schema.locks.c.paper_id.in_(votes.family(bindparam("paper"))))
    .order_by(schema.locks.c.at)
)


def thread(connection: Connection, paper: int, viewer: int | None) -> list[Held]:
    """Return all comments of a paper, which was not merged, oldest first."""
    rows = connection.execute(_THREAD, {"paper": paper, "viewer": viewer or 0})
    return [Held._make(row) for row in rows]


def find(connection: Connection, number: int, viewer: int | None) -> Held | None:
    """Return one comment, None if there is none of this number."""
    row = connection.execute(_ONE, {"number": number, "viewer": viewer or 0}).first()
    return Held._make(row) if row else None


def wordings(connection: Connection, number: int) -> list[Wording]:
    """Return what a comment said before, oldest first."""
    table = schema.wordings.c
    statement = select(table.text, table.until).where(table.comment_id == number).order_by(table.id)
    return [Wording(*row) for row in connection.execute(statement)]


def habits(connection: Connection, reader: int, since: str, besides: int | None = None) -> Habits:
    """Return how a reader is known here, and what they wrote after a moment, with when.

    The comment `besides`, which is being edited, is left out of that.
    """
    table, readers = schema.comments.c, schema.readers.c
    joined = connection.execute(select(readers.joined).where(readers.id == reader)).scalar_one()
    mine = select(func.count()).where(table.reader_id == reader, table.state == "shown")
    shown = connection.execute(mine).scalar_one()
    statement = (
        select(table.text, table.at)
        .where(
            table.reader_id == reader,
            table.at > since,
            table.state != "deleted",
            table.id != (besides or 0),
        )
        .order_by(table.id)
    )
    recent = tuple((text, at) for text, at in connection.execute(statement))
    return Habits(joined, shown, recent)


# ---------------------------------------------------------------------------- writing


def add(connection: Connection, row: dict[str, Any]) -> int:
    """Keep a comment, the columns of which are given, and return its number."""
    statement = insert(schema.comments).values(row).returning(schema.comments.c.id)
    return int(connection.execute(statement).scalar_one())


def reword(connection: Connection, number: int, text: str, state: State, now: str) -> None:
    """Let a comment say something else; what it said is kept beside it."""
    table = schema.comments
    was = connection.execute(
        select(table.c.text, table.c.edited, table.c.at).where(table.c.id == number)
    ).one()
    row = {"comment_id": number, "text": was.text, "until": now}
    connection.execute(insert(schema.wordings), [row])
    connection.execute(
        update(table).where(table.c.id == number).values(text=text, state=state, edited=now)
    )


def set_state(connection: Connection, number: int, state: State) -> None:
    """Show a comment, hide it or let it wait."""
    table = schema.comments
    connection.execute(update(table).where(table.c.id == number).values(state=state))


def erase(connection: Connection, number: int) -> None:
    """Remove what a comment says and ever said; only its place in the thread stays."""
    table, earlier = schema.comments, schema.wordings
    connection.execute(delete(earlier).where(earlier.c.comment_id == number))
    connection.execute(update(table).where(table.c.id == number).values(text="", state="deleted"))


# ---------------------------------------------------------------------------- locks


def lock_of(connection: Connection, paper: int) -> Lock | None:
    """Return why a paper takes no comments, None if it does."""
    row = connection.execute(_LOCK, {"paper": paper}).first()
    return Lock(*row) if row else None


def lock(connection: Connection, paper: int, reader: int, reason: str, now: str) -> None:
    """Let a paper take no more comments."""
    row = {"paper_id": paper, "reader_id": reader, "reason": reason, "at": now}
    connection.execute(insert(schema.locks), [row])


def unlock(connection: Connection, paper: int) -> None:
    """Let a paper take comments again."""
    table = schema.locks
    connection.execute(delete(table).where(table.c.paper_id.in_(votes.family(paper))))
