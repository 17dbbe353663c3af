"""What came back, and to which addresses nothing is sent any more: SQL of bounces, suppressions.

An address stands here as its SHA-256 alone, so that it is known again after it was forgotten.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, distinct, func, insert, select, update

from broadsheet.collection import schema


class Suppression(NamedTuple):
    """An address that nothing is sent to: `address` is its hash, `reason` bounce, complaint, hand.

    `note` are the words of who suppressed it; `at` is when.
    """

    address: str
    reason: str
    note: str
    at: str


def handle_of(connection: Connection, digest: int) -> str | None:
    """Return the handle of the subscription of a digest, None if there is no such digest."""
    statement = (
        select(schema.subscriptions.c.handle)
        .join_from(schema.digests, schema.subscriptions)
        .where(schema.digests.c.id == digest)
    )
    return connection.execute(statement).scalar()


# ---------------------------------------------------------------------------- bounces


def keep(
    connection: Connection,
    address: str,
    digest: int,
    kind: str,
    status: str,
    words: str,
    at: str,
) -> None:
    """Keep what came back from an address, by its hash: `kind` is hard, soft or complaint.

    Of one digest each kind is kept once, however often it comes.
    """
    table = schema.bounces.c
    same = (table.address == address, table.digest_id == digest, table.kind == kind)
    if connection.execute(select(table.id).where(*same)).first() is None:
        row = {"address": address, "digest_id": digest, "kind": kind, "status": status}
        connection.execute(insert(schema.bounces), [{**row, "words": words, "at": at}])


def days(connection: Connection, address: str, kind: str, since: str) -> int:
    """Return on how many days since a moment something of this kind came back from an address."""
    table = schema.bounces.c
    statement = select(func.count(distinct(func.substr(table.at, 1, 10)))).where(
        table.address == address, table.kind == kind, table.at >= since
    )
    return connection.execute(statement).scalar_one()


# ---------------------------------------------------------------------------- suppressions


def suppress(connection: Connection, address: str, reason: str, note: str, at: str) -> bool:
    """Suppress an address, by its hash; return whether it was not suppressed before.

    One that only bounced, and then is suppressed for more than that, stays so for the latter.
    """
    table = schema.suppressions
    is_known = select(table.c.address).where(table.c.address == address)
    is_new = connection.execute(is_known).first() is None
    row = {"address": address, "reason": reason, "note": note, "at": at}
    if is_new:
        connection.execute(insert(table), [row])
    elif reason != "bounce":
        is_it = (table.c.address == address) & (table.c.reason == "bounce")
        connection.execute(update(table).where(is_it).values(row))
    return is_new


def allow(connection: Connection, address: str) -> bool:
    """Suppress an address no more, and forget what came back; return whether it was suppressed."""
    gone = delete(schema.suppressions).where(schema.suppressions.c.address == address)
    was_suppressed = connection.execute(gone).rowcount > 0
    connection.execute(delete(schema.bounces).where(schema.bounces.c.address == address))
    return was_suppressed


def suppressions(connection: Connection, limit: int) -> list[Suppression]:
    """Return the suppressed addresses, by their hash, the newest first."""
    table = schema.suppressions.c
    statement = select(schema.suppressions).order_by(table.at.desc(), table.address).limit(limit)
    return [Suppression(*row) for row in connection.execute(statement)]
