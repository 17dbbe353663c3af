"""What all parts of accounts stand on: the record, the post, the rules, and what must hold."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from sqlalchemy import Connection

from broadsheet.collection import actions, credentials
from broadsheet.collection import readers as store
from broadsheet.collection.credentials import LetterRow
from broadsheet.collection.database import Database
from broadsheet.collection.readers import Account
from broadsheet.collection.together import Together
from broadsheet.errors import ReaderNotFound, RefusedError
from broadsheet.readers import passwords
from broadsheet.readers.letters import Letter
from broadsheet.readers.limits import Limits, client_key
from broadsheet.readers.names import as_email, one_line
from broadsheet.readers.permissions import Actor, Role
from broadsheet.readers.rules import Rules

T = TypeVar("T")
SESSION = timedelta(days=30)
"""A session ends so long after it was last used."""
NOTED = timedelta(hours=1)
"""That a session or a token was used is written down no more often."""
LETTER = timedelta(hours=1)
_AGENT = 200
"""Characters that are kept of a browser's name."""


class Post(Protocol):
    """Takes letters and sees to it that they are sent; never waits for that."""

    def send(self, letter: Letter) -> None:
        """Take a letter."""

    def close(self) -> None:
        """Send what can be sent soon, and take no more."""


class Session(NamedTuple):
    """Somebody who has just signed in: `secret` goes into their browser and is kept nowhere."""

    secret: str
    actor: Actor


class Vouched(Protocol):
    """Whom an issuer vouches for; `email` is empty unless the issuer verified it."""

    @property
    def issuer(self) -> str:
        """The address of the issuer."""

    @property
    def subject(self) -> str:
        """Who somebody is to the issuer."""

    @property
    def email(self) -> str:
        """The address, if the issuer verified it."""

    @property
    def name(self) -> str:
        """What they are called."""

    @property
    def orcid(self) -> str:
        """The ORCID iD, if ORCID itself vouches."""


class Base:
    """The record of accounts, and what must hold of them.

    `post` takes letters; without one nothing can be asked for that needs a letter.
    """

    def __init__(
        self,
        database: Database,
        together: Together,
        rules: Rules,
        clock: Callable[[], datetime],
        post: Post | None = None,
    ) -> None:
        self.rules = rules
        self.post = post
        self.limits = Limits(lambda: clock().timestamp())
        self._database = database
        self._together = together
        self._clock = clock

    @property
    def can_write(self) -> bool:
        """Whether letters can be sent here, with links that lead back."""
        return self.post is not None and bool(self.rules.address)

    def close(self) -> None:
        """Let the letters go that wait."""
        if self.post is not None:
            self.post.close()

    @property
    def house(self) -> str:
        """Return what letters call the place."""
        return urlsplit(self.rules.address).hostname or "Broadsheet"

    def _now(self) -> str:
        return self._in(timedelta(0))

    def _in(self, time: timedelta) -> str:
        return (self._clock().astimezone(UTC) + time).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _address(self, secret: str) -> str:
        """Return the link with a secret: never the Host that somebody asked with leads it."""
        return f"{self.rules.address}/letter/{secret}"

    def _send(self, letter: Letter) -> None:
        if self.post is not None:
            self.post.send(letter)

    def _keep_letter(
        self, connection: Connection, secret: str, row: LetterRow, life: timedelta
    ) -> None:
        ends = self._in(life)
        credentials.add_letter(connection, digest_of(secret), row, self._now(), ends)

    def _write(self, actor: Actor, change: Callable[[Connection], T]) -> T:
        return self._together.write(store.acting(actor.id, change))

    def _note(
        self, connection: Connection, actor: Actor, action: str, name: str, words: str
    ) -> None:
        actions.note(connection, actor.id, action, f"reader {name}", words, self._now())

    def _require_shared(self) -> None:
        if not self.rules.is_shared:
            raise RefusedError(
                "This collection is private: it has no accounts. `broadsheet share` makes it one "
                "with accounts."
            )

    def _require_post(self) -> None:
        self._require_shared()
        if not self.can_write:
            raise RefusedError(
                "No letters are sent here, so nobody gets a link by e-mail: the settings mail and "
                "address are not set."
            )

    def _asked(self, email: str, client: str) -> str:
        """Return an address in its one form, if a letter may be asked for with it from here."""
        email = as_email(email)
        self.limits.take("letter_client", client_key(client))
        self.limits.take("letter", email)
        return email

    def _require_password(self, account: Account, password: str) -> None:
        if not account.has_password:
            return
        self.limits.take("sign_in", f"reader {account.id}")
        with self._database.read() as connection:
            kept = store.password_of(connection, account.id)
        if not passwords.verify(kept, password).is_right:
            raise RefusedError("That is not the password of this account.")
        self.limits.give_back("sign_in", f"reader {account.id}")

    def _spare_last_admin(self, connection: Connection, account: Account) -> None:
        if store.is_last_admin(connection, account.id):
            raise RefusedError(f"{account.name} is the last admin; make somebody else one first.")

    def _admit(
        self, connection: Connection, reader: int, agent: str, password: str | None = None
    ) -> Session:
        account = store.by_id(connection, reader)
        if account.state != "active":
            raise RefusedError("This account is banned.")
        if password is not None:
            store.change(connection, reader, password=password)
        secret, told = new_secret(), one_line(agent)[:_AGENT]
        ends = self._in(SESSION)
        credentials.begin_session(connection, digest_of(secret), reader, self._now(), ends, told)
        return Session(secret, as_actor(account))

    def _keep_identity(self, connection: Connection, reader: int, identity: Vouched) -> None:
        store.add_identity(connection, reader, identity.issuer, identity.subject, self._now())
        if identity.orcid:
            store.change(connection, reader, orcid=identity.orcid)

    def _forget(self, account: Account, by: Actor | None = None) -> None:
        def change(connection: Connection) -> None:
            self._spare_last_admin(connection, account)
            now = self._now()
            store.forget(connection, account.id, now)
            if account.email:
                credentials.end_letters_to(connection, account.email)
            if by is not None:
                self._note(connection, by, "forget", f"gone-{account.id}", "")

        self._together.write(change)


def new_secret() -> str:
    """Return 256 bits that nobody can guess, as text for an address."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what the record keeps of a secret: the hex of its SHA-256."""
    # Secrets are drawn at random and long, so that nothing slower is needed to hide them.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def as_actor(account: Account) -> Actor:
    """Return an account as one who acts."""
    return Actor(account.id, cast("Role", account.role), account.name)


def as_role(role: str) -> str:
    """Return a role that an account can have; raises RefusedError for any other word."""
    if role not in {"reader", "curator", "admin"}:
        raise RefusedError("A role is reader, curator or admin.")
    return role


def named(connection: Connection, name: str) -> Account:
    """Return the account of this name that was not deleted; raises ReaderNotFound."""
    account = store.by_name(connection, name.strip().lower())
    if account is None or account.state == "deleted":
        raise ReaderNotFound(name)
    return account


def require_free(connection: Connection, name: str) -> None:
    """Raise RefusedError for a name that somebody has."""
    if store.by_name(connection, name):
        raise RefusedError(f"“{name}” is taken; choose another name.")
