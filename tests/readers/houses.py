"""Accounts of a house without papers: a clock that is moved by hand, and the letters it sent."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broadsheet.collection.database import Database
from broadsheet.collection.together import Together
from broadsheet.readers.accounts import Accounts
from broadsheet.readers.letters import Letter
from broadsheet.readers.permissions import Actor
from broadsheet.readers.rules import Rules

NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
ADDRESS = "https://papers.example.org"
OPEN = Rules(is_shared=True, sign_up="open", address=ADDRESS)
INVITED = OPEN._replace(sign_up="invited")
PASSWORD = "seven quiet herons"  # noqa: S105
_LINK = re.compile(re.escape(ADDRESS) + r"/letter/([\w-]+)")


class Letters:
    """A post that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[Letter] = []

    def send(self, letter: Letter) -> None:
        """Keep a letter."""
        self.sent.append(letter)

    def close(self) -> None:
        """Do nothing more."""

    def to(self, email: str) -> list[Letter]:
        """Return the letters to an address."""
        return [letter for letter in self.sent if letter.to == email]

    def secret(self) -> str:
        """Return what the link in the last letter with a link holds."""
        found = [m[1] for letter in self.sent if (m := _LINK.search(letter.text))]
        return found[-1]


class House:
    """Accounts, their record, their letters, and their clock."""

    def __init__(self, database: Database, rules: Rules, *, has_post: bool = True) -> None:
        self.database = database
        self.now = NOW
        self.post = Letters()
        self.together = Together(database)
        self.accounts = Accounts(
            database, self.together, rules, lambda: self.now, self.post if has_post else None
        )

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)

    def reader(self, name: str, *, password: str = "", email: str = "") -> Actor:
        """Return a new reader, who came by a letter."""
        email = email or f"{name}@example.org"
        self.accounts.sign_up(email, name, client=f"of {name}")
        session = self.accounts.use(self.post.secret(), name, password)
        assert session is not None
        return session.actor

    def admin(self) -> Actor:
        """Return the owner of the house."""
        return Actor(1, "admin", "owner")

    def rows(self, statement: Any) -> list[Any]:
        """Return what the record holds."""
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(statement)]


@contextmanager
def house(
    place: Path, empty: Path, rules: Rules = OPEN, *, has_post: bool = True
) -> Iterator[House]:
    """Give a house in a folder, its record a copy of an empty one."""
    shutil.copyfile(empty, place / "broadsheet.db")
    with Database(place / "broadsheet.db") as database:
        yield House(database, rules, has_post=has_post)
