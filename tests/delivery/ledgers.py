"""A record with digests that are ready, and a sender of them, for tests."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from broadsheet.collection import schema
from broadsheet.collection.database import Database
from broadsheet.collection.deliveries import Attempt
from broadsheet.collection.together import Together
from broadsheet.delivery.mail import Mailer, mailer_of
from broadsheet.delivery.message import Outgoing
from broadsheet.delivery.pace import Limits, Pace
from broadsheet.delivery.sending import Sender, Sent

NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
SENDER = "Broadsheet <papers@example.org>"
LIFE = timedelta(hours=12)
BODY = b"From: papers@example.org\r\nSubject: 2 papers\r\n\r\nOne.\r\n.Two, with a dot.\r\n"


def iso(moment: datetime) -> str:
    """Return a moment as the record has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def message_id(number: int) -> str:
    """Return the id of the message of a digest."""
    return f"<digest{number}@example.org>"


class Ledger:
    """A record, a clock that is set by hand, and everything that a sender needs."""

    def __init__(self, folder: Path, now: datetime = NOW) -> None:
        self.database = Database(folder / "broadsheet.db")
        self.together = Together(self.database)
        self.now = now

    def add(self, *addresses: str, channel: str = "mail", **columns: Any) -> list[int]:
        """Add a digest that is ready for each address; return their numbers."""
        return [self._add(address, channel, columns) for address in addresses]

    def _add(self, address: str, channel: str, columns: dict[str, Any]) -> int:
        now, state = iso(self.now), columns.pop("subscription", "active")
        with self.database.write() as connection:
            row: dict[str, Any] = {"channel": channel, "address": address, "made": now}
            recipient = connection.execute(insert(schema.recipients).values(row)).lastrowid
            wishes = {
                "kind": "trending", "cadence": "day", "at": "07:00", "zone": "UTC", "longest": 20,
                "when_empty": "skip", "form": "html", "language": "en", "state": state, "made": now,
            }  # fmt: skip
            row = {"handle": f"h{recipient:015}", "recipient_id": recipient, **wishes}
            subscription = connection.execute(insert(schema.subscriptions).values(row)).lastrowid
            row = {
                "subscription_id": subscription, "issue": "2026-03-17", "due": now,
                "ends": iso(self.now + LIFE), "state": "ready", "made": now, "next_try": now,
            }  # fmt: skip
            made = connection.execute(insert(schema.digests).values(row | columns)).lastrowid
        return int(made)

    def outgoing(self, number: int) -> Outgoing:
        """Return a small message for a digest."""
        with self.database.read() as connection:
            to = connection.execute(
                select(schema.recipients.c.address)
                .join(schema.subscriptions)
                .join(schema.digests)
                .where(schema.digests.c.id == number)
                .select_from(schema.recipients)
            ).scalar_one()
        data = f"Message-ID: {message_id(number)}\r\n".encode() + BODY
        return Outgoing(f"bounce+{number}@example.org", to, data, message_id(number))

    def sender(self, mailer: Mailer | str | None = None, **more: Any) -> Sender:
        """Return a sender that hands to a mailer, or what the setting `mail` names."""
        if isinstance(mailer, str):
            mailer = mailer_of(mailer, SENDER)
        given = {
            "outgoing": self.outgoing, "post_hook": None, "pace": Pace(Limits()),
            "dice": random.Random(86).random, "clock": lambda: self.now,
        }  # fmt: skip
        return Sender(self.database, self.together, mailer=mailer, **(given | more))

    def send(self, sender: Sender) -> Sent:
        """Send what is due now."""
        return sender.send(self.now)

    def change(self, number: int, **columns: Any) -> None:
        """Change the row of a digest."""
        with self.database.write() as connection:
            table = schema.digests
            connection.execute(update(table).where(table.c.id == number).values(**columns))

    def row(self, number: int) -> Any:
        """Return the row of a digest."""
        with self.database.read() as connection:
            return connection.execute(
                select(schema.digests).where(schema.digests.c.id == number)
            ).one()

    def states(self, numbers: Iterable[int]) -> list[str]:
        """Return the states of digests."""
        return [self.row(number).state for number in numbers]

    def attempts(self, number: int) -> list[Attempt]:
        """Return what was said of a digest."""
        return self.sender().attempts(number)
