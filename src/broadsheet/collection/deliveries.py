"""The ledger of what goes out: which digests wait, who has claimed one, and what became of it.

A digest that nobody may know of any more than its domain is told of here: addresses leave this
module only in `Waiting`, for whoever sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from broadsheet.collection import schema

Outcome = Literal["sent", "later", "refused", "unknown", "stopped", "resend", "abandon"]
STATES: Final = (
    "ready", "claimed", "sent", "unknown", "refused", "expired", "stopped", "empty", "late",
    "skipped",
)  # fmt: skip
CONFIRM: Final = "confirm-"
"""How the issue of a letter begins that asks whether somebody wishes for what was ordered."""
_DIGESTS, _ATTEMPTS = schema.digests, schema.attempts
_D, _S, _R, _A = _DIGESTS.c, schema.subscriptions.c, schema.recipients.c, _ATTEMPTS.c


class Waiting(NamedTuple):
    """A digest that can be sent now: `tries` were made before, and at `ends` it is of no use.

    `is_letter` if it asks whether somebody wishes for digests.
    """

    id: int
    address: str
    ends: str
    tries: int
    is_letter: bool = False


class Attempt(NamedTuple):
    """A time that somebody was asked to take a digest (or a person decided), and what they said."""

    digest: int
    at: str
    outcome: Outcome
    code: int | None = None
    words: str = ""


class Delivery(NamedTuple):
    """A digest as the ledger has it, with what was said last. Of the address only the domain."""

    id: int
    subscription: int
    issue: str
    state: str
    channel: str
    domain: str
    papers: int
    tries: int
    due: str
    ends: str
    next_try: str | None
    sent: str | None
    code: int | None
    words: str


def domain_of(address: str) -> str:
    """Return the domain of a mail address or the host of a URL, in small letters."""
    if "://" in address:
        return urlsplit(address).hostname or ""
    return address.rpartition("@")[2].lower()


# ---------------------------------------------------------------------------- what waits


def _is_wished() -> ColumnElement[bool]:
    """Say whether the subscription of a digest still wishes for it."""
    asks = _D.issue.startswith(CONFIRM, autoescape=True)
    wanted = or_(and_(asks, _S.state != "ended"), and_(~asks, _S.state == "active"))
    return exists().where(_S.id == _D.subscription_id, wanted)


_EXPIRE = (
    update(_DIGESTS)
    .where(_D.state == "ready", _D.ends <= bindparam("now"))
    .values(state="expired", next_try=None)
)
_STOP = (
    update(_DIGESTS)
    .where(_D.state == "ready", ~_is_wished())
    .values(state="stopped", next_try=None)
)
_CLAIM = (
    update(_DIGESTS)
    .where(_D.id == bindparam("digest"), _D.state == "ready", _D.ends > bindparam("now"))
    .where(_is_wished())
    .values(state="claimed", claimed=bindparam("now"), tries=_D.tries + 1)
)
_MARK = (
    update(_DIGESTS)
    .where(_D.id == bindparam("digest"), _D.state == bindparam("before"))
    .values(state=bindparam("after"), next_try=bindparam("again"))
    # What was taken once was, whatever comes of it when it is sent again.
    .values(sent=func.coalesce(bindparam("taken"), _D.sent))
)
# Whoever is forgotten while a digest of theirs is under way leaves no row to note it beside.
_NOTE = insert(_ATTEMPTS).from_select(
    ["digest_id", "at", "outcome", "code", "words"],
    select(_D.id, *(bindparam(n) for n in ("at", "outcome", "code", "words"))).where(
        _D.id == bindparam("digest_id")
    ),
)


def close_over(connection: Connection, now: str) -> tuple[int, int]:
    """End what waits and came too late, and what nobody wishes for any more; return how many."""
    expired = connection.execute(_EXPIRE, {"now": now}).rowcount
    return expired, connection.execute(_STOP).rowcount


def waiting(connection: Connection, channel: str, now: str, limit: int) -> list[Waiting]:
    """Return what can be sent over a channel now, what waits longest first."""
    statement = (
        select(_D.id, _R.address, _D.ends, _D.tries, _D.issue.startswith(CONFIRM, autoescape=True))
        .join(schema.subscriptions, _S.id == _D.subscription_id)
        .join(schema.recipients, _R.id == _S.recipient_id)
        .where(_D.state == "ready", _R.channel == channel)
        .where(or_(_D.next_try.is_(None), _D.next_try <= now))
        .order_by(_D.next_try, _D.id)
        .limit(limit)
    )
    return [Waiting(*row) for row in connection.execute(statement)]


# ---------------------------------------------------------------------------- one try


def claim(connection: Connection, digest: int, now: str) -> bool:
    """Say that a digest is being sent from now on; False if it is not to be sent any more."""
    return connection.execute(_CLAIM, {"digest": digest, "now": now}).rowcount == 1


def mark(
    connection: Connection, attempt: Attempt, before: str, after: str, again: str | None = None
) -> None:
    """Note a try, and what state the digest is in after it: `again` is when it is tried next.

    A digest that is not in the state `before` stays as it is.
    """
    connection.execute(
        _MARK,
        {
            "digest": attempt.digest,
            "before": before,
            "after": after,
            "again": again,
            "taken": attempt.at if after == "sent" else None,
        },
    )
    note(connection, attempt)


def note(connection: Connection, attempt: Attempt) -> None:
    """Write down a try, or what a person decided."""
    digest, at, outcome, code, words = attempt
    row = {"digest_id": digest, "at": at, "outcome": outcome, "code": code, "words": words}
    connection.execute(_NOTE, row)


def again(connection: Connection, digest: int, now: str, ends: str) -> None:
    """Let a digest be sent again from now on, until `ends` at least; it stays known as sent."""
    connection.execute(
        update(_DIGESTS)
        .where(_D.id == digest)
        .values(state="ready", next_try=now, ends=func.max(_D.ends, ends))
    )


def recover(connection: Connection, now: str, after: str, words: str) -> int:
    """Say of everything that is claimed that nobody knows what became of it; return how many."""
    claimed = connection.execute(select(_D.id).where(_D.state == "claimed")).scalars().all()
    again = now if after == "ready" else None
    for digest in claimed:
        mark(connection, Attempt(digest, now, "unknown", None, words), "claimed", after, again)
    return len(claimed)


# ---------------------------------------------------------------------------- reading the ledger


def counts(connection: Connection) -> dict[str, int]:
    """Return how many digests are in each state."""
    rows = connection.execute(select(_D.state, func.count()).group_by(_D.state))
    return {str(state): int(count) for state, count in rows}


def recent(
    connection: Connection, limit: int, state: str | None = None, subscription: int | None = None
) -> list[Delivery]:
    """Return the newest digests, newest first: all, in one state, or of one subscription."""
    statement = _ledger().order_by(_D.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(_D.state == state)
    if subscription is not None:
        statement = statement.where(_D.subscription_id == subscription)
    return _deliveries(connection.execute(statement).all())


def delivery(connection: Connection, digest: int) -> Delivery | None:
    """Return one digest, None if there is none of this number."""
    found = _deliveries(connection.execute(_ledger().where(_D.id == digest)).all())
    return found[0] if found else None


def attempts(connection: Connection, digest: int) -> list[Attempt]:
    """Return every time that a digest was tried, oldest first."""
    statement = (
        select(_A.digest_id, _A.at, _A.outcome, _A.code, _A.words)
        .where(_A.digest_id == digest)
        .order_by(_A.id)
    )
    return [Attempt(*row) for row in connection.execute(statement)]


def _ledger() -> Select[Any]:
    last = select(func.max(_A.id)).where(_A.digest_id == _D.id).correlate(_DIGESTS)
    return (
        select(
            _D.id, _D.subscription_id, _D.issue, _D.state, _R.channel, _R.address, _D.papers,
            _D.tries, _D.due, _D.ends, _D.next_try, _D.sent, _A.code, _A.words,
        )
        .join(schema.subscriptions, _S.id == _D.subscription_id)
        .join(schema.recipients, _R.id == _S.recipient_id)
        .outerjoin(_ATTEMPTS, _A.id == last.scalar_subquery())
    )  # fmt: skip


def _deliveries(rows: Sequence[Any]) -> list[Delivery]:
    return [
        Delivery(*row)._replace(domain=domain_of(row.address), words=row.words or "")
        for row in rows
    ]
