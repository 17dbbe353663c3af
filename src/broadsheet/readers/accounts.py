"""Accounts: who reads here, how they come in, and what lets programs in for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from broadsheet.collection import readers as store
from broadsheet.collection.database import Database
from broadsheet.collection.together import Together
from broadsheet.readers.permissions import Actor, Role, Scope
from broadsheet.readers.rules import Rules


class Accounts:
    """The readers of a collection; safe to share between threads."""

    def __init__(
        self, database: Database, together: Together, rules: Rules, clock: Callable[[], datetime]
    ) -> None:
        self.rules = rules
        self._database = database
        self._together = together
        self._clock = clock

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def by_session(self, secret: str) -> Actor | None:
        """Return who has signed in with the session of this secret, None if it lets nobody in."""
        with self._database.read() as connection:
            return _actor(store.of_session(connection, _digest(secret), self._now()))

    def by_token(self, secret: str) -> Actor | None:
        """Return whose API token this is, with its scopes, None if it is nobody's."""
        with self._database.read() as connection:
            return _actor(store.of_token(connection, _digest(secret)))


def _digest(secret: str) -> str:
    # Secrets are drawn at random and long, so that nothing slower is needed to hide them.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _actor(held: store.Held | None) -> Actor | None:
    if held is None:
        return None
    scopes = None if held.scopes is None else frozenset(cast("list[Scope]", held.scopes))
    return Actor(held.id, cast("Role", held.role), held.name, scopes)
