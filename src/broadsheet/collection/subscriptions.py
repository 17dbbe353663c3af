"""Subscriptions in the record: who gets what, who agreed to it when, and all that is kept of it."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_or

from broadsheet.collection import returned, schema
from broadsheet.papers.identity import format_paper_id

Feedback = Literal["save", "less"]
LETTER: Final = "confirm-"
"""What the issue of a digest begins with that is a letter about a subscription.

Its body is the name of the letter. It goes to whom nothing else is sent yet, too: to pending and
paused subscriptions, and to an address that only bounced.
"""
_recipients, _digests = schema.recipients.c, schema.digests.c
_subscriptions, _consents = schema.subscriptions.c, schema.consents.c


class Row(NamedTuple):
    """A subscription and its recipient, column by column."""

    id: int
    handle: str
    recipient: int
    channel: str
    address: str
    secret: str
    reader: int | None
    state: str
    paused_until: str | None
    next_due: str | None
    made: str
    kind: str
    query: str
    cadence: str
    on_day: int
    at: str
    zone: str
    longest: int
    threshold: float | None
    when_empty: str
    form: str
    language: str


def chosen() -> Select[Any]:
    """Return the statement whose rows make a Row each; it wants a condition."""
    return select(
        _subscriptions.id, _subscriptions.handle, _recipients.id, _recipients.channel,
        _recipients.address, _recipients.secret, _subscriptions.reader_id, _subscriptions.state,
        _subscriptions.paused_until, _subscriptions.next_due, _subscriptions.made,
        _subscriptions.kind, _subscriptions.query, _subscriptions.cadence, _subscriptions.on_day,
        _subscriptions.at, _subscriptions.zone, _subscriptions.longest, _subscriptions.threshold,
        _subscriptions.when_empty, _subscriptions.form, _subscriptions.language,
    ).join(schema.recipients, _recipients.id == _subscriptions.recipient_id)  # fmt: skip


def _read(connection: Connection, *conditions: ColumnElement[bool]) -> list[Row]:
    statement = chosen().where(*conditions).order_by(_subscriptions.id)
    return [Row(*row) for row in connection.execute(statement)]


# ---------------------------------------------------------------------------- reading


def by_id(connection: Connection, number: int) -> Row | None:
    """Return the subscription with this number."""
    return next(iter(_read(connection, _subscriptions.id == number)), None)


def by_handle(connection: Connection, handle: str) -> Row | None:
    """Return the subscription that links name so."""
    return next(iter(_read(connection, _subscriptions.handle == handle)), None)


def of_recipient(connection: Connection, recipient: int) -> list[Row]:
    """Return all subscriptions of a recipient, oldest first."""
    return _read(connection, _subscriptions.recipient_id == recipient)


def of_address(connection: Connection, channel: str, address: str) -> list[Row]:
    """Return all subscriptions of an address, oldest first."""
    return _read(connection, _recipients.address == address, _recipients.channel == channel)


def of_reader(connection: Connection, reader: int) -> list[Row]:
    """Return the subscriptions of an account, and those of its very address, oldest first."""
    return _read(connection, _belongs_to(reader))


def hooks_of(connection: Connection, reader: int) -> list[Row]:
    """Return the hooks of an account that have not ended, oldest first."""
    is_hook = (_recipients.channel == "hook", _subscriptions.state != "ended")
    return _read(connection, _subscriptions.reader_id == reader, *is_hook)


def _belongs_to(reader: int) -> ColumnElement[bool]:
    email = select(schema.readers.c.email).where(schema.readers.c.id == reader).scalar_subquery()
    is_address = and_(_recipients.channel == "mail", _recipients.address == email)
    return or_(_subscriptions.reader_id == reader, is_address)


def newest(connection: Connection, limit: int, state: str | None) -> list[Row]:
    """Return the newest subscriptions, newest first; those in one state, if named."""
    statement = chosen().order_by(_subscriptions.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(_subscriptions.state == state)
    return [Row(*row) for row in connection.execute(statement)]


def paused_until(connection: Connection, day: str) -> list[Row]:
    """Return those whose pause ends before a day."""
    return _read(connection, _subscriptions.state == "paused", _subscriptions.paused_until < day)


def due_after(connection: Connection, moment: str) -> list[Row]:
    """Return those that are active and not due before a moment."""
    return _read(connection, _subscriptions.state == "active", _subscriptions.next_due > moment)


def unconfirmed(connection: Connection, moment: str) -> list[Row]:
    """Return those that wait to be confirmed since before a moment."""
    return _read(connection, _subscriptions.state == "pending", _subscriptions.made <= moment)


def ended(connection: Connection, moment: str) -> list[Row]:
    """Return those that ended before a moment."""
    is_late = (_consents.subscription_id == _subscriptions.id) & (_consents.at > moment)
    return _read(connection, _subscriptions.state == "ended", ~exists().where(is_late))


# ---------------------------------------------------------------------------- writing


def recipient_of(connection: Connection, channel: str, address: str, secret: str, now: str) -> int:
    """Return the recipient with an address, made now if there was none."""
    row = {"channel": channel, "address": address, "secret": secret, "made": now}
    connection.execute(insert_or(schema.recipients).values(row).on_conflict_do_nothing())
    is_it = (_recipients.address == address, _recipients.channel == channel)
    return int(connection.execute(select(_recipients.id).where(*is_it)).scalar_one())


def set_secret(connection: Connection, recipient: int, secret: str) -> None:
    """Let the posts to a hook be signed with another secret."""
    statement = update(schema.recipients).where(_recipients.id == recipient)
    connection.execute(statement.values(secret=secret))


def new_handle() -> str:
    """Return 80 random bits as 16 small letters and digits: what links name a subscription by."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Keep a new subscription with these values of columns; return its number."""
    statement = insert(schema.subscriptions).values(**values)
    return int(connection.execute(statement.returning(_subscriptions.id)).scalar_one())


def change(connection: Connection, number: int, **values: Any) -> None:
    """Change columns of a subscription."""
    statement = update(schema.subscriptions).where(_subscriptions.id == number)
    connection.execute(statement.values(**values))


def note(connection: Connection, number: int, what: str, how: str, client: str, now: str) -> None:
    """Write down what was agreed to, or taken back."""
    row = {"subscription_id": number, "what": what, "how": how, "client": client, "at": now}
    connection.execute(insert(schema.consents), [row])


def end(connection: Connection, number: int, how: str, client: str, now: str) -> None:
    """End a subscription, and the letters about it that wait."""
    change(connection, number, state="ended", next_due=None, paused_until=None)
    stop_letters(connection, number)
    note(connection, number, "ended", how, client, now)


def end_of_account(connection: Connection, reader: int, how: str, now: str) -> None:
    """End the subscriptions of an account, and those of its very address."""
    for row in of_reader(connection, reader):
        if row.state != "ended":
            end(connection, row.id, how, "", now)


def issues_from(connection: Connection, number: int, issue: str) -> set[str]:
    """Return the dates from `issue` on that have an issue of a subscription, sent or not."""
    mine = (_digests.subscription_id == number, _digests.issue >= issue)
    is_date = _digests.issue < LETTER
    return set(connection.execute(select(_digests.issue).where(*mine, is_date)).scalars())


def add_skipped(
    connection: Connection, number: int, issue: str, due: str, ends: str, now: str
) -> None:
    """Note that an issue is not wanted."""
    row = {"subscription_id": number, "issue": issue, "due": due, "ends": ends}
    row |= {"state": "skipped", "made": now}
    connection.execute(insert_or(schema.digests).values(row).on_conflict_do_nothing())


def add_letter(connection: Connection, number: int, letter: str, now: str, ends: str) -> None:
    """Let a letter about a subscription go out as a digest of it."""
    count = select(func.count()).where(*_letters_of(number))
    issue = f"{LETTER}{connection.execute(count).scalar_one() + 1}"
    row = {"subscription_id": number, "issue": issue, "due": now, "ends": ends, "state": "ready"}
    row |= {"body": letter, "made": now, "next_try": now}
    connection.execute(insert(schema.digests).values(row))


def stop_letters(connection: Connection, number: int) -> None:
    """Let the letters not go out that wait: what they ask for has been done."""
    is_waiting = (*_letters_of(number), _digests.state == "ready")
    connection.execute(update(schema.digests).where(*is_waiting).values(state="stopped"))


def asked(connection: Connection, number: int) -> str:
    """Return when the last letter was made that asks to confirm a subscription, "" if none was."""
    asking = (*_letters_of(number), _digests.body == "confirm")
    found: str | None = connection.execute(select(func.max(_digests.made)).where(*asking)).scalar()
    return found or ""


def _letters_of(number: int) -> tuple[ColumnElement[bool], ...]:
    return (_digests.subscription_id == number, _digests.issue.startswith(LETTER))


def move(connection: Connection, reader: int, old: str, new: str, now: str) -> None:
    """Let what an account gets at its old mail address go to the new one.

    What the old recipient had and said goes along. What others, too, may get there stays. The links
    in what went to the old address lead nowhere from then on: whoever reads it may be another.
    """
    source = _recipient(connection, old)
    mine = [r.id for r in of_address(connection, "mail", old) if r.reader == reader]
    if source is None or not mine:
        return
    target = recipient_of(connection, "mail", new, "", now)
    for table in (schema.had, schema.feedback):
        columns = [c for c in table.c if c.name != "recipient_id"]
        rows = select(literal(target), *columns).where(table.c.recipient_id == source)
        names = ["recipient_id", *(c.name for c in columns)]
        connection.execute(insert_or(table).from_select(names, rows).on_conflict_do_nothing())
    for number in mine:
        change(connection, number, recipient_id=target, handle=new_handle())
        note(connection, number, "moved", "account", "", now)
    _forget_recipient_unless_subscribed(connection, source)


def _recipient(connection: Connection, address: str) -> int | None:
    is_it = (_recipients.address == address, _recipients.channel == "mail")
    found: int | None = connection.execute(select(_recipients.id).where(*is_it)).scalar()
    return found


# ---------------------------------------------------------------------------- said of papers


def say(connection: Connection, recipient: int, kind: str, paper: int, now: str) -> None:
    """Keep what a recipient says of a paper."""
    row = {"recipient_id": recipient, "paper_id": paper, "kind": kind, "at": now}
    connection.execute(insert_or(schema.feedback).values(row).on_conflict_do_nothing())


def unsay(connection: Connection, recipient: int, kind: str, papers: Sequence[int]) -> None:
    """Let go of what a recipient said of papers."""
    said = schema.feedback.c
    is_it = (said.recipient_id == recipient, said.kind == kind, said.paper_id.in_(papers))
    connection.execute(delete(schema.feedback).where(*is_it))


def said(connection: Connection, recipient: int, kind: str) -> list[tuple[int, int]]:
    """Return the papers that a recipient said something of, newest first.

    Each as it was then, and where it leads now.
    """
    table, papers = schema.feedback.c, schema.papers.c
    now = func.coalesce(papers.merged_into, papers.id)
    statement = (
        select(table.paper_id, now)
        .join(schema.papers, papers.id == table.paper_id)
        .where(table.recipient_id == recipient, table.kind == kind)
        .order_by(table.at.desc(), table.paper_id.desc())
    )
    return [(then, leads_to) for then, leads_to in connection.execute(statement)]


# ---------------------------------------------------------------------------- all of a recipient

_OF_DIGESTS: Final = (schema.attempts, schema.had)
_OF_SUBSCRIPTIONS: Final = (schema.digests, schema.consents)
_SECRET: Final = {"handle", "subscription_id", "recipient_id", "reader_id", "digest_id", "body"}


def everything(connection: Connection, recipient: int) -> dict[str, Any]:
    """Return all that is kept of a recipient, without what lets anybody in."""
    mine = select(schema.recipients).where(_recipients.id == recipient)
    row = connection.execute(mine).mappings().one()
    digest = address_hash(row["address"])
    return {
        **{name: row[name] for name in ("channel", "address", "made")},
        "subscriptions": [
            _subscription(connection, dict(found))
            for found in connection.execute(
                select(schema.subscriptions)
                .where(_subscriptions.recipient_id == recipient)
                .order_by(_subscriptions.id)
            ).mappings()
        ],
        "feedback": _plain(connection, schema.feedback, schema.feedback.c.recipient_id, recipient),
        "bounces": _plain(connection, schema.bounces, schema.bounces.c.address, digest),
        "suppressions": _plain(
            connection, schema.suppressions, schema.suppressions.c.address, digest
        ),
    }


def _subscription(connection: Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    papers: dict[int, list[str]] = {}
    had = schema.had.c
    own = select(_digests.id).where(_digests.subscription_id == row["id"])
    statement = select(had.digest_id, had.paper_id).where(had.digest_id.in_(own))
    for digest, paper in connection.execute(statement.order_by(had.paper_id)):
        papers.setdefault(digest, []).append(format_paper_id(paper))
    told = {str(k): v for k, v in row.items() if k not in _SECRET}
    tries, tried = schema.attempts, schema.attempts.c.digest_id
    told["digests"] = [
        made
        | {"had": papers.get(made["id"], [])}
        | {"attempts": _plain(connection, tries, tried, made["id"])}
        for made in _plain(connection, schema.digests, _digests.subscription_id, row["id"])
    ]
    agreed = _consents.subscription_id
    told["consents"] = _plain(connection, schema.consents, agreed, row["id"])
    return told


def _plain(
    connection: Connection, table: Any, column: ColumnElement[Any], value: object
) -> list[dict[str, Any]]:
    """Return the rows of a table as their recipient may have them: papers by name."""
    statement = select(table).where(column == value).order_by(*table.primary_key)
    rows = connection.execute(statement).mappings()
    return [
        {
            ("paper" if key == "paper_id" else str(key)): (
                format_paper_id(found) if key == "paper_id" else found
            )
            for key, found in row.items()
            if key not in _SECRET
        }
        for row in rows
    ]


def of_account(connection: Connection, reader: int) -> list[dict[str, Any]]:
    """Return all that is kept of the recipients of an account."""
    found = sorted({row.recipient for row in of_reader(connection, reader)})
    return [everything(connection, recipient) for recipient in found]


def forget(connection: Connection, recipient: int) -> None:
    """Let go of all of a recipient but the hash of a suppressed address."""
    own = select(_subscriptions.id).where(_subscriptions.recipient_id == recipient)
    forget_subscriptions(connection, list(connection.execute(own).scalars()))


def forget_account(connection: Connection, reader: int) -> None:
    """Let go of the subscriptions of an account, and of those of its very address."""
    forget_subscriptions(connection, [row.id for row in of_reader(connection, reader)])


def forget_subscriptions(connection: Connection, numbers: Sequence[int]) -> None:
    """Let go of subscriptions, of their digests, and of recipients that have none any more."""
    for number in numbers:
        is_own = _subscriptions.id == number
        of = select(_subscriptions.recipient_id).where(is_own)
        recipient = connection.execute(of).scalar()
        digests = select(_digests.id).where(_digests.subscription_id == number)
        for table in _OF_DIGESTS:
            connection.execute(delete(table).where(table.c.digest_id.in_(digests)))
        for table in _OF_SUBSCRIPTIONS:
            connection.execute(delete(table).where(table.c.subscription_id == number))
        connection.execute(delete(schema.subscriptions).where(is_own))
        if recipient is not None:
            _forget_recipient_unless_subscribed(connection, recipient)


def _forget_recipient_unless_subscribed(connection: Connection, recipient: int) -> None:
    own = select(_subscriptions.id).where(_subscriptions.recipient_id == recipient)
    if connection.execute(own.limit(1)).first():
        return
    is_it = _recipients.id == recipient
    address = connection.execute(select(_recipients.address).where(is_it)).scalar_one()
    digest = schema.bounces.c.address == address_hash(address)
    connection.execute(delete(schema.bounces).where(digest))
    for table in (schema.had, schema.feedback):
        connection.execute(delete(table).where(table.c.recipient_id == recipient))
    connection.execute(delete(schema.recipients).where(is_it))


# ---------------------------------------------------------------------------- suppressed addresses


def address_hash(address: str) -> str:
    """Return what stays of an address when it is forgotten: the hex of its SHA-256."""
    return hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()


# Asked before each digest: to make the statement takes longer than to carry it out.
_SUPPRESSED = select(schema.suppressions.c.reason).where(
    schema.suppressions.c.address == bindparam("hash")
)


def suppressed(connection: Connection, address: str) -> str | None:
    """Return why nothing is sent to an address, None if it is."""
    found: str | None = connection.execute(_SUPPRESSED, {"hash": address_hash(address)}).scalar()
    return found


def lift_bounce(connection: Connection, address: str) -> None:
    """Let an address be written to again that had bounced, and forget the bounces."""
    if suppressed(connection, address) == "bounce":
        returned.allow(connection, address_hash(address))


# ---------------------------------------------------------------------------- the house's key


def key(connection: Connection, name: str) -> str | None:
    """Return a key of the house."""
    statement = select(schema.keys.c.value).where(schema.keys.c.name == name)
    found: str | None = connection.execute(statement).scalar()
    return found


def keep_key(connection: Connection, name: str, value: str) -> str:
    """Keep a key of the house unless there is one; return the one that there is."""
    row = {"name": name, "value": value}
    connection.execute(insert_or(schema.keys).values(row).on_conflict_do_nothing())
    return key(connection, name) or value
