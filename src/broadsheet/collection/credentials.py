"""What lets readers in, in the record: sessions, letters and tokens, by the digest of a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from broadsheet.collection import schema

SESSIONS = 50
"""Sessions of a reader at the same time."""
ENDED = 50
"""Tokens of a reader that are kept after their end."""

_sessions, _letters, _tokens = schema.sessions.c, schema.letters.c, schema.tokens.c
_readers = schema.readers.c


class Held(NamedTuple):
    """An account as far as it says who asks, and when what let it in was last used.

    `scopes` are those of the token, if it was one.
    """

    id: int
    name: str
    role: str
    used: str
    scopes: list[str] | None = None


class SessionRow(NamedTuple):
    """A session as its reader sees it; `digest` names it and lets nobody in."""

    digest: str
    made: str
    used: str
    ends: str
    agent: str


class LetterRow(NamedTuple):
    """What the link of a letter is good for."""

    purpose: str
    email: str
    reader: int | None
    facts: Mapping[str, Any]


class InvitationRow(NamedTuple):
    """An invitation that was not used yet; `id` names it and lets nobody in."""

    id: str
    email: str
    role: str
    made: str
    ends: str


class TokenRow(NamedTuple):
    """A token of a reader without its secret; `used` and `ended` may not have been yet."""

    id: int
    name: str
    scopes: Sequence[str]
    made: str
    used: str | None
    ended: str | None


# ---------------------------------------------------------------------------- sessions

# Every request asks one of these: to make the statement takes longer than to carry it out.
_OF_SESSION = (
    select(_readers.id, _readers.name, _readers.role, _sessions.used)
    .join(schema.sessions, _sessions.reader_id == _readers.id)
    .where(
        _sessions.digest == bindparam("digest"),
        _sessions.ends > bindparam("now"),
        _readers.state == "active",
    )
)
_OF_TOKEN = (
    select(
        _readers.id, _readers.name, _readers.role, func.coalesce(_tokens.used, ""), _tokens.scopes
    )
    .join(schema.tokens, _tokens.reader_id == _readers.id)
    .where(
        _tokens.digest == bindparam("digest"), _tokens.ended.is_(None), _readers.state == "active"
    )
)


def of_session(connection: Connection, digest: str, now: str) -> Held | None:
    """Return the active reader whose session has this digest and has not ended by `now`."""
    row = connection.execute(_OF_SESSION, {"digest": digest, "now": now}).first()
    return Held(*row) if row else None


def begin_session(
    connection: Connection, digest: str, reader: int, now: str, ends: str, agent: str
) -> None:
    """Keep a new session, and let go of those that have ended, and of a reader's oldest ones."""
    connection.execute(delete(schema.sessions).where(_sessions.ends <= now))
    mine = select(_sessions.digest).where(_sessions.reader_id == reader)
    oldest = mine.order_by(_sessions.used.desc(), _sessions.made.desc()).offset(SESSIONS - 1)
    connection.execute(delete(schema.sessions).where(_sessions.digest.in_(oldest)))
    row = {"digest": digest, "reader_id": reader, "made": now, "used": now}
    connection.execute(insert(schema.sessions), [row | {"ends": ends, "agent": agent}])


def prolong_session(connection: Connection, digest: str, now: str, ends: str) -> None:
    """Note that a session was used, and let it end later."""
    statement = update(schema.sessions).where(_sessions.digest == digest)
    connection.execute(statement.values(used=now, ends=ends))


def end_session(connection: Connection, digest: str) -> None:
    """Let a session let nobody in any more."""
    connection.execute(delete(schema.sessions).where(_sessions.digest == digest))


def end_sessions(connection: Connection, reader: int, but: str = "") -> None:
    """End all sessions of a reader, but one."""
    mine = (_sessions.reader_id == reader, _sessions.digest != but)
    connection.execute(delete(schema.sessions).where(*mine))


def sessions(connection: Connection, reader: int, now: str) -> list[SessionRow]:
    """Return the sessions of a reader that have not ended, last used first."""
    columns = (_sessions.digest, _sessions.made, _sessions.used, _sessions.ends, _sessions.agent)
    statement = select(*columns).where(_sessions.reader_id == reader, _sessions.ends > now)
    found = connection.execute(statement.order_by(_sessions.used.desc(), _sessions.digest))
    return [SessionRow(*row) for row in found]


# ---------------------------------------------------------------------------- letters


def add_letter(connection: Connection, digest: str, letter: LetterRow, now: str, ends: str) -> None:
    """Keep what the link of a letter is good for, and let go of those that are worth nothing."""
    connection.execute(delete(schema.letters).where(_letters.ends <= now))
    row: dict[str, Any] = {"digest": digest, "purpose": letter.purpose, "email": letter.email}
    row |= {"reader_id": letter.reader, "facts": dict(letter.facts), "made": now, "ends": ends}
    connection.execute(insert(schema.letters), [row])


def letter(connection: Connection, digest: str, now: str) -> LetterRow | None:
    """Return a letter that was not used and has not ended by `now`."""
    columns = (_letters.purpose, _letters.email, _letters.reader_id, _letters.facts)
    is_good = (_letters.digest == digest, _letters.used.is_(None), _letters.ends > now)
    row = connection.execute(select(*columns).where(*is_good)).first()
    return LetterRow(*row) if row else None


def use_letter(connection: Connection, digest: str, now: str) -> LetterRow | None:
    """Return a letter that is good until now, and never again."""
    found = letter(connection, digest, now)
    if found is not None:
        statement = update(schema.letters).where(_letters.digest == digest)
        connection.execute(statement.values(used=now))
    return found


def end_letters(connection: Connection, reader: int) -> None:
    """Let go of the letters that let a reader in, or change something of theirs."""
    connection.execute(delete(schema.letters).where(_letters.reader_id == reader))


def end_letters_to(connection: Connection, email: str) -> None:
    """Let go of the letters to an address."""
    connection.execute(delete(schema.letters).where(_letters.email == email))


def invitations(connection: Connection, now: str) -> list[InvitationRow]:
    """Return the invitations that nobody has used and that are good at `now`, newest first."""
    columns = (_letters.digest, _letters.email, _letters.facts, _letters.made, _letters.ends)
    is_open = (_letters.purpose == "invite", _letters.used.is_(None), _letters.ends > now)
    statement = select(*columns).where(*is_open)
    found = connection.execute(statement.order_by(_letters.made.desc(), _letters.digest))
    return [InvitationRow(i, email, facts["role"], *times) for i, email, facts, *times in found]


def end_invitation(connection: Connection, digest: str) -> bool:
    """Take an invitation back; return whether it was there and not used."""
    is_it = (_letters.digest == digest, _letters.purpose == "invite", _letters.used.is_(None))
    return bool(connection.execute(delete(schema.letters).where(*is_it)).rowcount)


# ---------------------------------------------------------------------------- tokens


def of_token(connection: Connection, digest: str) -> Held | None:
    """Return the active reader whose API token has this digest and was not ended."""
    row = connection.execute(_OF_TOKEN, {"digest": digest}).first()
    return Held(*row) if row else None


def add_token(
    connection: Connection, digest: str, reader: int, name: str, scopes: Sequence[str], now: str
) -> int:
    """Keep a new token, and let go of a reader's oldest ones that have ended; return its number."""
    ended = select(_tokens.id).where(_tokens.reader_id == reader, _tokens.ended.is_not(None))
    oldest = ended.order_by(_tokens.id.desc()).offset(ENDED - 1)
    connection.execute(delete(schema.tokens).where(_tokens.id.in_(oldest)))
    row = {"digest": digest, "reader_id": reader, "name": name, "scopes": list(scopes)}
    statement = insert(schema.tokens).values(row | {"made": now}).returning(_tokens.id)
    return int(connection.execute(statement).scalar_one())


def use_token(connection: Connection, digest: str, now: str) -> None:
    """Note that a token was used."""
    connection.execute(update(schema.tokens).where(_tokens.digest == digest).values(used=now))


def end_token(connection: Connection, reader: int, number: int, now: str) -> bool:
    """End a token of a reader; return whether there was such a one that had not ended."""
    mine = (_tokens.id == number, _tokens.reader_id == reader, _tokens.ended.is_(None))
    return bool(connection.execute(update(schema.tokens).where(*mine).values(ended=now)).rowcount)


def end_tokens(connection: Connection, reader: int, now: str) -> None:
    """End all tokens of a reader."""
    mine = (_tokens.reader_id == reader, _tokens.ended.is_(None))
    connection.execute(update(schema.tokens).where(*mine).values(ended=now))


def tokens(connection: Connection, reader: int) -> list[TokenRow]:
    """Return the tokens of a reader that have not ended, newest first."""
    columns = (_tokens.id, _tokens.name, _tokens.scopes, _tokens.made, _tokens.used, _tokens.ended)
    mine = (_tokens.reader_id == reader, _tokens.ended.is_(None))
    found = connection.execute(select(*columns).where(*mine).order_by(_tokens.id.desc()))
    return [TokenRow(*row) for row in found]
