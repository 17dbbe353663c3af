"""Readers in the record: their accounts, who vouches for them, all that is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    Connection,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from broadsheet.collection import schema, subscriptions, votes
from broadsheet.errors import NotSignedIn
from broadsheet.papers.identity import format_paper_id

_readers, _identities = schema.readers.c, schema.identities.c
_COLUMNS = (
    _readers.id, _readers.name, _readers.shown, _readers.email, _readers.role, _readers.state,
    _readers.orcid, _readers.joined, _readers.password.is_not(None),
)  # fmt: skip


_STATE = select(_readers.state).where(_readers.id == bindparam("reader"))
_OWNER = 1
T = TypeVar("T")


class Account(NamedTuple):
    """An account; `state` is active, banned or deleted."""

    id: int
    name: str
    shown: str
    email: str | None
    role: str
    state: str
    orcid: str | None
    joined: str
    has_password: bool


class Identity(NamedTuple):
    """Who a reader is to an OpenID issuer."""

    issuer: str
    subject: str
    made: str


def by_id(connection: Connection, reader: int) -> Account:
    """Return an account that is there."""
    row = connection.execute(select(*_COLUMNS).where(_readers.id == reader)).one()
    return Account(*row)


def by_name(connection: Connection, name: str) -> Account | None:
    """Return the account of this name, which is in small letters."""
    row = connection.execute(select(*_COLUMNS).where(_readers.name == name)).first()
    return Account(*row) if row else None


def by_email(connection: Connection, email: str) -> Account | None:
    """Return the account with this address, in its usual form."""
    row = connection.execute(select(*_COLUMNS).where(_readers.email == email)).first()
    return Account(*row) if row else None


def password_of(connection: Connection, reader: int) -> str | None:
    """Return the hash of a reader's password, None if there is none."""
    statement = select(_readers.password).where(_readers.id == reader)
    found: str | None = connection.execute(statement).scalar_one()
    return found


def everybody(connection: Connection) -> list[tuple[Account, str | None]]:
    """Return all accounts that were not deleted, each with when a session of it was last used."""
    sessions = schema.sessions.c
    last = select(func.max(sessions.used)).where(sessions.reader_id == _readers.id)
    statement = select(*_COLUMNS, last.scalar_subquery()).where(_readers.state != "deleted")
    return [
        (Account(*row[:-1]), row[-1]) for row in connection.execute(statement.order_by(_readers.id))
    ]


def add(connection: Connection, values: Mapping[str, Any], now: str) -> int:
    """Keep a new account with these values of columns; return its row."""
    statement = insert(schema.readers).values({**values, "joined": now})
    return int(connection.execute(statement.returning(_readers.id)).scalar_one())


def change(connection: Connection, reader: int, **values: Any) -> None:
    """Change columns of an account."""
    connection.execute(update(schema.readers).where(_readers.id == reader).values(**values))


def acting(reader: int, change: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """Return a change as somebody makes it, which raises NotSignedIn if their account has ended.

    Who asks is found before the change has its turn; meanwhile they may have left, or be banned.
    """

    def carry_out(connection: Connection) -> T:
        # Whoever has the files is the owner, whatever became of the account.
        state = connection.execute(_STATE, {"reader": reader}).scalar()
        if reader != _OWNER and state != "active":
            raise NotSignedIn("This account has ended, so nothing was changed.")
        return change(connection)

    return carry_out


def is_last_admin(connection: Connection, reader: int) -> bool:
    """Return whether nobody else could administer if this reader could not."""
    admins = select(_readers.id).where(_readers.role == "admin", _readers.state == "active")
    return connection.execute(admins).scalars().all() == [reader]


# ---------------------------------------------------------------------------- identities


def by_identity(connection: Connection, issuer: str, subject: str) -> Account | None:
    """Return the account of whom an issuer vouches for."""
    of = (_identities.issuer == issuer, _identities.subject == subject)
    statement = select(*_COLUMNS).join(schema.identities, _identities.reader_id == _readers.id)
    row = connection.execute(statement.where(*of)).first()
    return Account(*row) if row else None


def add_identity(connection: Connection, reader: int, issuer: str, subject: str, now: str) -> None:
    """Keep who a reader is to an issuer."""
    row = {"issuer": issuer, "subject": subject, "reader_id": reader, "made": now}
    connection.execute(insert(schema.identities), [row])


def end_identity(connection: Connection, reader: int, issuer: str) -> bool:
    """Forget who a reader is to an issuer, and an ORCID iD that it vouched for.

    Returns whether that was known.
    """
    mine = (_identities.reader_id == reader, _identities.issuer == issuer)
    is_vouched = _readers.orcid.in_(select(_identities.subject).where(*mine))
    known = update(schema.readers).where(_readers.id == reader, is_vouched)
    connection.execute(known.values(orcid=None))
    return bool(connection.execute(delete(schema.identities).where(*mine)).rowcount)


def identities(connection: Connection, reader: int) -> list[Identity]:
    """Return who vouches for a reader."""
    columns = (_identities.issuer, _identities.subject, _identities.made)
    statement = select(*columns).where(_identities.reader_id == reader).order_by(*columns)
    return [Identity(*row) for row in connection.execute(statement)]


# ---------------------------------------------------------------------------- all of a reader

_KEPT: tuple[Table, ...] = (
    schema.identities, schema.sessions, schema.letters, schema.tokens, schema.votes, schema.voted,
    schema.comments, schema.mutes, schema.notices, schema.reports, schema.submissions,
    schema.picks, schema.claims, schema.locks, schema.actions,
)  # fmt: skip
_PEOPLE = {"muted_id": "muted", "by_id": "by", "decided_by": "decided_by"}
_SECRET = {"password", "digest", "reader_id"}


def everything(connection: Connection, reader: int) -> dict[str, Any]:
    """Return all that is kept of a reader, by table, without what lets anybody in."""
    mine = select(schema.readers).where(_readers.id == reader)
    account = connection.execute(mine).mappings().one()
    told: dict[str, Any] = {"account": _plain(dict(account), {})}
    names = {row.id: row.name for row in connection.execute(select(_readers.id, _readers.name))}
    for table in _KEPT:
        keys = list(table.primary_key)
        rows = connection.execute(
            select(table).where(table.c.reader_id == reader).order_by(*keys)
        ).mappings()
        told[str(table.name)] = [_plain(dict(row), names) for row in rows]
    _with_wordings(connection, reader, told["comments"])
    told["recipients"] = subscriptions.of_account(connection, reader)
    return told


def _plain(row: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    """Return a row as its reader may have it: papers and people by name.

    The names of columns are texts of a kind of their own, which not everything writes as JSON.
    """
    told = {}
    for key, value in row.items():
        if key == "paper_id":
            told["paper"] = None if value is None else format_paper_id(value)
        elif key in _PEOPLE:
            told[_PEOPLE[key]] = names.get(value)
        elif key not in _SECRET:
            told[str(key)] = value
    return told


def _with_wordings(connection: Connection, reader: int, comments: list[dict[str, Any]]) -> None:
    table = schema.wordings.c
    mine = {comment["id"]: comment for comment in comments}
    own = select(schema.comments.c.id).where(schema.comments.c.reader_id == reader)
    for comment in comments:
        comment["earlier"] = []
    statement = select(table.comment_id, table.text, table.until).order_by(table.id)
    for number, text, until in connection.execute(statement.where(table.comment_id.in_(own))):
        mine[number]["earlier"].append({"text": text, "until": until})


def forget(connection: Connection, reader: int, now: str) -> None:
    """Let go of all that tells who a reader was, and of what they wrote.

    The row of the account stays, without a name, so that what others answered still stands beside
    something; so does each comment as an empty place. Their votes count no more, which `votes`
    notes as taking them back. What they did for all (picks, submissions, decisions) stays.
    """
    subscriptions.forget_account(connection, reader)
    _unwrite(connection, reader, now)
    votes.withdraw(connection, reader, now)
    for gone in (schema.identities, schema.sessions, schema.letters, schema.tokens, schema.claims):
        connection.execute(delete(gone).where(gone.c.reader_id == reader))
    connection.execute(delete(schema.notices).where(schema.notices.c.reader_id == reader))
    mutes = schema.mutes.c
    either = (mutes.reader_id == reader) | (mutes.muted_id == reader)
    connection.execute(delete(schema.mutes).where(either))
    _unname(connection, reader, f"gone-{reader}")
    nobody = {"name": f"gone-{reader}", "shown": "", "email": None, "password": None}
    change(connection, reader, **nobody, role="reader", state="deleted", orcid=None)


def _unname(connection: Connection, reader: int, name: str) -> None:
    """Let the log, and what others were told, not say any more who a reader was."""
    told, log = schema.notices.c, schema.actions.c
    connection.execute(update(schema.notices).where(told.by_id == reader).values(text=""))
    was, lines = by_id(connection, reader), update(schema.actions)
    about = lines.where(log.subject == f"reader {was.name}")
    connection.execute(about.values(subject=f"reader {name}"))
    # Of a claim the name that it was for must go, too: it is who they were.
    is_own = (log.reader_id == reader) & ~log.note.contains(" as ")
    is_theirs = log.note.startswith(f"{was.name} as ") | is_own
    claimed = lines.where(log.action.in_(("grant claim", "refuse claim")), is_theirs)
    connection.execute(claimed.values(note=name))
    submissions = schema.submissions.c
    brought = select("submission " + cast(submissions.id, Text))
    own = lines.where(log.subject.in_(brought.where(submissions.reader_id == reader)))
    connection.execute(own.values(note=func.replace(log.note, f" by {was.name}", f" by {name}")))
    pick = f"picked by {was.shown or was.name}"
    is_it = (log.note == pick) | log.note.startswith(f"{pick}:", autoescape=True)
    picked = lines.where(log.action == "unpick", is_it)
    note = func.replace(log.note, pick, f"picked by {name}")
    connection.execute(picked.values(note=note))


def _unwrite(connection: Connection, reader: int, now: str) -> None:
    table = schema.comments.c
    mine = table.reader_id == reader
    papers = connection.execute(select(table.paper_id).distinct().where(mine)).scalars().all()
    own = select(table.id).where(mine)
    connection.execute(delete(schema.wordings).where(schema.wordings.c.comment_id.in_(own)))
    connection.execute(update(schema.comments).where(mine).values(text="", state="deleted"))
    votes.settle(connection, papers, now)
