"""A record with papers and readers who do things to them, without an index: it is not needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select, update

from broadsheet.collection import decisions, papers, schema, votes
from broadsheet.collection.database import Database
from broadsheet.collection.signals import Observed, of_paper
from broadsheet.collection.together import Together
from broadsheet.papers.types import Record
from broadsheet.readers.community import Community
from broadsheet.readers.permissions import Actor, Role
from broadsheet.readers.rules import Rules

SHARED = Rules(is_shared=True, is_public=True)


class Commons:
    """Papers p1, p2, … of which no two are alike, and those who read them."""

    def __init__(self, database: Database, rules: Rules, count: int) -> None:
        self.database = database
        self.now = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
        self.community = Community(database, Together(database), rules, lambda: self.now)
        self.votes, self.comments = self.community.votes, self.community.comments
        self.moderation, self.notices = self.community.moderation, self.community.notices
        records = [Record("invented", str(n), f"Number {n} of the papers") for n in range(count)]
        with database.write() as connection:
            papers.file(connection, records, self.time)

    @property
    def time(self) -> str:
        """The time, as the record has it."""
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def wait(self, **how: float) -> None:
        """Let time pass."""
        self.now += timedelta(**how)

    def join(self, name: str, role: Role = "reader", days: float = 30) -> Actor:
        """Return a new reader, who joined so many days ago."""
        joined = (self.now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        values = {"name": name, "role": role, "joined": joined}
        with self.database.write() as connection:
            made = connection.execute(insert(schema.readers).values(values))
            return Actor(made.inserted_primary_key[0], role, name)

    def set_state(self, actor: Actor, state: str) -> None:
        """Ban a reader, or let them in again."""
        with self.database.write() as connection:
            table = schema.readers
            connection.execute(update(table).where(table.c.id == actor.reader).values(state=state))
            votes.recount(connection, actor.id, self.time)

    def author(self, actor: Actor, paper: int, name: str) -> None:
        """Grant a claim."""
        row = {"paper_id": paper, "reader_id": actor.id, "author": name, "how": "asked",
               "state": "granted", "at": self.time}  # fmt: skip
        with self.database.write() as connection:
            connection.execute(insert(schema.claims).values(row))

    def merge(self, one: str, other: str) -> int:
        """Make two papers one; return the number of the decision."""
        with self.database.write() as connection:
            pair = (papers.resolve(connection, i) for i in (one, other))
            return decisions.merge(connection, *pair, self.time)

    def undo(self, number: int) -> None:
        """Take a decision back."""
        with self.database.write() as connection:
            decisions.undo(connection, number, self.time)

    def home(self, ident: str) -> int:
        """Return where a paper leads."""
        with self.database.read() as connection:
            return papers.resolve(connection, ident)

    def problems(self) -> list[str]:
        """Return where votes, ledger and counts disagree."""
        with self.database.read() as connection:
            return votes.disagreements(connection)

    def signals(self, paper: int) -> list[tuple[str, str, str, float]]:
        """Return what was counted of a paper: kind, key, time of day and value."""
        with self.database.read() as connection:
            found: list[Observed] = of_paper(connection, paper)
        return [(o.kind, o.key, o.seen[11:19], o.value) for o in found]

    def ledger(self) -> list[tuple[int, int, bool]]:
        """Return every vote that was given or taken back: paper, reader, whether it was given."""
        table = schema.votes.c
        statement = select(table.paper_id, table.reader_id, table.is_up).order_by(table.id)
        with self.database.read() as connection:
            return [(p, r, up) for p, r, up in connection.execute(statement)]


@contextmanager
def commons(folder: Path, empty: Path, rules: Rules = SHARED, count: int = 4) -> Iterator[Commons]:
    """Give a place where people read together, made from an empty record."""
    folder.mkdir(exist_ok=True)
    shutil.copy(empty, folder / "broadsheet.db")
    with Database(folder / "broadsheet.db") as database:
        yield Commons(database, rules, count)
