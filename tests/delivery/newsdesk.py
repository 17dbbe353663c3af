"""A library with a clock that can be set, subscriptions in it, and what composes their issues."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from broadsheet.collection import digests, harvests, schema
from broadsheet.delivery.choosing import of_body
from broadsheet.delivery.composing import Composed, Composer
from broadsheet.delivery.due import next_due
from broadsheet.delivery.subscribing import subscription_of
from broadsheet.delivery.subscription import Choice, Subscription, Wishes
from broadsheet.library import Library
from editions.presses import Clock, Press

FRIDAY = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
"""Before the digest of the day, after arXiv's announcement."""
DAILY = Wishes(at="06:00")


def iso(moment: datetime) -> str:
    """Return a moment as the record has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Newsdesk(Press):
    """A press with subscribers; `sources` are those that are enabled."""

    def __init__(self, library: Library, clock: Clock) -> None:
        super().__init__(library, clock)
        self.sources: set[str] = set()
        self._subscribed = 0
        self.composer = Composer(
            library.database,
            library.together,
            library.editions,
            library._trending,
            library.index,
            library._engine.rank_among,
            clock,
            timedelta(hours=1),
            lambda: self.sources,
        )

    def subscribe(self, wishes: Wishes = DAILY, recipient: int | None = None) -> int:
        """Subscribe a new recipient, or one that is there, at once; return the number."""
        now = iso(self.clock.now)
        self._subscribed += 1
        with self.library.database.write() as connection:
            if recipient is None:
                address = f"r{self._subscribed}@example.org"
                row = {"channel": "mail", "address": address, "made": now}
                recipient = connection.execute(insert(schema.recipients).values(row)).lastrowid
            columns = {name: getattr(wishes, name) for name in Wishes.__dataclass_fields__}
            columns |= {
                "handle": f"h{self._subscribed:015}", "recipient_id": recipient, "state": "active",
                "made": now, "next_due": iso(next_due(wishes, self.clock.now)),
            }  # fmt: skip
            return int(connection.execute(insert(schema.subscriptions).values(columns)).lastrowid)

    def subscription(self, number: int) -> Subscription:
        """Return a subscription as it stands."""
        with self.library.database.read() as connection:
            return subscription_of(digests.rows(connection, [number])[0])

    def tick(self, hours: float = 1.0) -> Composed:
        """Let time pass, and compose what is due then."""
        self.clock.now += timedelta(hours=hours)
        return self.composer.compose(self.clock.now)

    def until(self, moment: datetime) -> Composed:
        """Let it be a moment, and compose what is due then."""
        self.clock.now = moment
        return self.composer.compose(moment)

    def ledger(self, number: int = 1) -> list[Mapping[str, Any]]:
        """Return the digests of a subscription, the oldest first."""
        table = schema.digests
        statement = select(table).where(table.c.subscription_id == number).order_by(table.c.id)
        with self.library.database.read() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def choice(self, number: int = 1) -> Choice:
        """Return what is in the last issue of a subscription."""
        return of_body(self.ledger(number)[-1]["body"])

    def mark(self, state: str, number: int = 1) -> None:
        """Let what became of the last issue of a subscription be something else."""
        last = self.ledger(number)[-1]["id"]
        with self.library.database.write() as connection:
            connection.execute(
                update(schema.digests).where(schema.digests.c.id == last).values(state=state)
            )

    def titles(self, number: int = 1) -> list[str]:
        """Return the own words of the papers in the last issue, each with its mark, in order."""
        choice = self.choice(number)
        found = {p.id: p for p in self.library.papers([i.paper for i in choice.items])}
        words = [(found[i.paper].title.rpartition(" ")[2], i.mark) for i in choice.items]
        return [f"{word}:{mark}" if mark else word for word, mark in words]

    def harvested(self, day: str) -> None:
        """Let arXiv's listings until a day be here."""
        with self.library.database.write() as connection:
            harvests.move(connection, "arxiv", harvests.WHOLE, iso(self.clock.now), covered=day)

    def count(self, paper: int, upvotes: float, seen: datetime) -> None:
        """Let a source count upvotes of a paper."""
        row = {
            "paper_id": paper, "kind": "upvotes", "source": "hf", "key": str(paper),
            "seen": iso(seen), "value": upvotes,
        }  # fmt: skip
        with self.library.database.write() as connection:
            connection.execute(insert(schema.signals), [row])

    def id_of(self, word: str) -> int:
        """Return the paper with this word in its title."""
        with self.library.database.read() as connection:
            table = schema.papers.c
            found = connection.execute(
                select(table.id).where(
                    table.title.endswith(f" {word}"), table.merged_into.is_(None)
                )
            )
            return int(found.scalar_one())
