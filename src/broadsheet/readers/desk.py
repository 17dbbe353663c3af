"""What everything shares that readers do: the record, the clock, and how often they may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from broadsheet.collection.database import Database
from broadsheet.collection.readers import acting
from broadsheet.collection.together import Together
from broadsheet.readers.limits import Kind, Limits
from broadsheet.readers.permissions import Actor
from broadsheet.readers.rules import Rules

T = TypeVar("T")


class Desk(NamedTuple):
    """The record, how it is written, what holds in this house, and who did how much lately."""

    database: Database
    together: Together
    rules: Rules
    clock: Callable[[], datetime]
    limits: Limits

    def now(self) -> str:
        """Return the time as the record has it."""
        return self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def take(self, kind: Kind, actor: Actor) -> None:
        """Count one more of what an actor does, unless they read here alone; raises TooOften."""
        if self.rules.is_shared:
            self.limits.take(kind, actor.id)

    def write(self, actor: Actor, change: Callable[[Connection], T]) -> T:
        """Return what an actor's `change` returns, once that is kept.

        Raises NotSignedIn if their account has ended meanwhile.
        """
        return self.together.write(acting(actor.id, change))
