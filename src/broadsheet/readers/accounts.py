"""Accounts: who reads here, how they come in, and what lets programs in for them.

Of everything that lets somebody in (sessions, links in letters, API tokens) the record keeps the
SHA-256 of a secret of 256 bits. Nothing here tells a stranger whether an address has an account:
what is asked with a known and an unknown one has the same answer, takes the same time and sends
the same number of letters.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import NamedTuple, cast

from sqlalchemy import Connection

from broadsheet.collection import credentials, profiles
from broadsheet.collection.database import Database
from broadsheet.collection.profiles import Authored, Remark
from broadsheet.collection.together import Together
from broadsheet.errors import ReaderNotFound, StoreError
from broadsheet.readers.administration import Administration, Invitation, Listed
from broadsheet.readers.base import (
    NOTED,
    SESSION,
    Post,
    Session,
    Vouched,
    as_actor,
    digest_of,
    named,
)
from broadsheet.readers.own_account import OwnAccount, Seen, Token
from broadsheet.readers.permissions import Actor, Role, Scope
from broadsheet.readers.rules import Rules
from broadsheet.readers.signing_in import Opened, SigningIn

__all__ = [
    "Accounts", "Invitation", "Listed", "Opened", "Post", "Profile", "Seen", "Session", "Token",
    "Vouched", "Work",
]  # fmt: skip


class Profile(NamedTuple):
    """What everybody who may read here sees of a reader."""

    id: int
    name: str
    shown: str
    role: str
    state: str
    orcid: str | None
    joined: str


class Work(NamedTuple):
    """What a reader wrote: comments here, newest first, and papers that they are known by."""

    comments: list[Remark]
    papers: list[Authored]


class Accounts(SigningIn, OwnAccount, Administration):
    """The readers of a collection; safe to share between threads."""

    def __init__(
        self,
        database: Database,
        together: Together,
        rules: Rules,
        clock: Callable[[], datetime],
        post: Post | None = None,
    ) -> None:
        super().__init__(database, together, rules, clock, post)
        self._lock = Lock()
        self._noting: dict[str, Future[None]] = {}
        # Its thread begins with the first use that is noted.
        self._scribe = ThreadPoolExecutor(1, "noting")

    def by_session(self, secret: str) -> Actor | None:
        """Return who has signed in with the session of this secret, None if it lets nobody in."""
        digest, now = digest_of(secret), self._now()
        with self._database.read() as connection:
            held = credentials.of_session(connection, digest, now)
        if held is not None and held.used <= self._in(-NOTED):
            ends = self._in(SESSION)
            self._note_use(digest, lambda c: credentials.prolong_session(c, digest, now, ends))
        return _actor(held)

    def by_token(self, secret: str) -> Actor | None:
        """Return whose API token this is, with its scopes, None if it is nobody's."""
        digest, now = digest_of(secret), self._now()
        with self._database.read() as connection:
            held = credentials.of_token(connection, digest)
        if held is not None and held.used <= self._in(-NOTED):
            self._note_use(digest, lambda c: credentials.use_token(c, digest, now))
        return _actor(held)

    def _note_use(self, digest: str, change: Callable[[Connection], None]) -> None:
        """Write a use down by and by: who asks a question does not wait until others have written.

        Where nothing can be written at the moment, whoever may read still can.
        """

        def write() -> None:
            with suppress(StoreError):
                self._together.write(change)
            with self._lock:
                self._noting.pop(digest, None)

        with self._lock:
            if digest not in self._noting:
                self._noting[digest] = self._scribe.submit(write)

    def settle(self) -> None:
        """Wait until the uses of sessions and tokens so far are written down."""
        for noted in list(self._noting.values()):
            noted.result()

    def close(self) -> None:
        """Write down what is to be noted, and let the letters go that wait."""
        self._scribe.shutdown()
        super().close()

    def actor(self, name: str) -> Actor:
        """Return the active reader of this name, as one who acts; raises ReaderNotFound."""
        with self._database.read() as connection:
            account = named(connection, name)
        if account.state != "active":
            raise ReaderNotFound(name)
        return as_actor(account)

    def profile(self, name: str) -> Profile:
        """Return what everybody who may read here sees of a reader; raises ReaderNotFound."""
        with self._database.read() as connection:
            account = named(connection, name)
        return Profile(*(getattr(account, field) for field in Profile._fields))

    def work(self, name: str, limit: int = 20) -> Work:
        """Return what a reader wrote last that everybody sees; raises ReaderNotFound."""
        with self._database.read() as connection:
            reader = named(connection, name).id
            said = profiles.remarks(connection, reader, limit)
            return Work(said, profiles.authored(connection, reader))


def _actor(held: credentials.Held | None) -> Actor | None:
    if held is None:
        return None
    scopes = None if held.scopes is None else frozenset(cast("list[Scope]", held.scopes))
    return Actor(held.id, cast("Role", held.role), held.name, scopes)
