"""How somebody comes in: signing up, signing in, the links of letters, and who is vouched for."""

from __future__ import annotations

import itertools
import re
import unicodedata
from contextlib import suppress
from datetime import timedelta
from typing import Literal, NamedTuple, cast

from sqlalchemy import Connection

from broadsheet.collection import credentials, subscriptions
from broadsheet.collection import readers as store
from broadsheet.collection.credentials import LetterRow
from broadsheet.collection.readers import Account
from broadsheet.errors import RefusedError
from broadsheet.readers import letters, passwords
from broadsheet.readers.base import (
    LETTER,
    Base,
    Session,
    Vouched,
    digest_of,
    new_secret,
    require_free,
)
from broadsheet.readers.letters import Letter
from broadsheet.readers.limits import client_key
from broadsheet.readers.names import as_email, as_name

Purpose = Literal["sign_up", "sign_in", "invite", "email"]

_WHO = 254
"""Characters of a name or an address that somebody signs in with, of which any are looked at."""


class Opened(NamedTuple):
    """What the link of a letter is for: `name` and `role` are of the account that it is about."""

    purpose: Purpose
    email: str
    name: str
    role: str


class SigningIn(Base):
    """Coming in, and going out."""

    def sign_up(self, email: str, name: str = "", client: str = "") -> None:
        """Send a link that makes an account; to whoever has one, a link that signs in.

        `name` is what they wish to be called, `client` the address that asks. Raises RefusedError
        where nobody can sign up so, and for what is no address or name; TooOften.
        """
        self._require_open()
        name = as_name(name) if name else ""
        email = self._asked(email, client)
        secret = new_secret()

        def keep(connection: Connection) -> bool:
            account = store.by_email(connection, email)
            purpose: Purpose = "sign_in" if account else "sign_up"
            row = LetterRow(purpose, email, account and account.id, {"name": name})
            self._keep_letter(connection, secret, row, LETTER)
            return account is not None

        text = letters.known_already if self._together.write(keep) else letters.welcome
        self._send(text(email, self.house, self._address(secret)))

    def begin_sign_in(self, email: str, client: str = "") -> None:
        """Send a link that signs in; to whoever has no account, a letter that says so.

        Raises RefusedError where no letters are sent and for what is no address; TooOften.
        """
        self._require_post()
        email = self._asked(email, client)
        secret = new_secret()

        def keep(connection: Connection) -> bool:
            account = store.by_email(connection, email)
            row = LetterRow("sign_in", email, account and account.id, {})
            # A link for nobody is kept, too, and opens nothing: both ways take the same time.
            self._keep_letter(connection, secret, row, LETTER if account else timedelta(0))
            return account is not None

        if self._together.write(keep):
            self._send(letters.sign_in(email, self.house, self._address(secret)))
        else:
            self._send(letters.unknown(email, self.house))

    def sign_in(self, who: str, password: str, agent: str = "", client: str = "") -> Session:
        """Return a new session of the reader with this name or address, and password.

        Raises RefusedError, the same for whoever is unknown, and TooOften.
        """
        with self._database.read() as connection:
            account = _called(connection, who)
            kept = account and store.password_of(connection, account.id)
        # By what was written, not whose it is: who must wait would learn whose an address is.
        key = _as_written(who)
        self.limits.take("sign_in_client", client_key(client))
        self.limits.take("sign_in", key)
        verdict = passwords.verify(kept, password)
        if not (account and verdict.is_right):
            raise _wrong()
        self.limits.give_back("sign_in", key)
        self.limits.give_back("sign_in_client", client_key(client))

        def change(connection: Connection) -> Session:
            if store.password_of(connection, account.id) != kept:
                raise _wrong()  # it was changed while this one was looked at
            return self._admit(connection, account.id, agent, verdict.fresh)

        return self._together.write(change)

    def letter(self, secret: str) -> Opened | None:
        """Return what the link of a letter is for, None if it is not good any more.

        Nothing changes by that: those who look after a mailbox follow its links, too.
        """
        with self._database.read() as connection:
            found = credentials.letter(connection, digest_of(secret), self._now())
            if found is None:
                return None
            account = None if found.reader is None else store.by_id(connection, found.reader)
        name = account.name if account else found.facts.get("name", "")
        role = account.role if account else found.facts.get("role", "reader")
        return Opened(cast("Purpose", found.purpose), found.email, name, role)

    def use(
        self, secret: str, name: str = "", password: str = "", agent: str = ""
    ) -> Session | None:
        """Do what the link of a letter is for, once; return a session of whom it lets in.

        A link to sign up, or an invitation, needs the name of the account that it makes, and a
        password where no letters could let it in. A link to sign in sets a new password if there
        is one. A link that confirms an address lets nobody in. Raises RefusedError for a link that
        is not good any more, and for what cannot be taken, after which the link is as good as
        before.
        """
        opened = self.letter(secret)
        if opened is None:
            raise _stale()
        if password:
            passwords.check(password, name, opened.name, opened.email)
        kept = passwords.hashed(password) if password else None

        def change(connection: Connection) -> tuple[Session | None, list[Letter]]:
            row = credentials.use_letter(connection, digest_of(secret), self._now())
            if row is None:
                raise _stale()
            match row.purpose:
                case "email":
                    return None, self._confirm_email(connection, row)
                case "sign_in":
                    return self._come_back(connection, row, kept, agent)
            return self._join(connection, row, name, kept, agent), []

        session, told = self._together.write(change)
        for letter in told:
            self._send(letter)
        return session

    def vouched(self, identity: Vouched, agent: str = "") -> Session:
        """Return a new session of whom an issuer vouches for.

        That is whoever linked this identity; else whoever has the address, which the issuer must
        have verified, and who is linked by that; else somebody new, where all may sign up, whose
        name is made of what the issuer says. Raises RefusedError where nobody may come in so.
        """

        def change(connection: Connection) -> Session:
            account = store.by_identity(connection, identity.issuer, identity.subject)
            if account is None:
                account = self._link(connection, identity)
            return self._admit(connection, account.id, agent)

        return self._together.write(change)

    def sign_out(self, secret: str) -> None:
        """End the session of this secret, if it is one."""
        digest = digest_of(secret)
        self._together.write(lambda connection: credentials.end_session(connection, digest))

    def _require_open(self) -> None:
        self._require_shared()
        if self.rules.sign_up != "open":
            raise RefusedError(
                "Only those with an invitation can make an account here."
                if self.rules.sign_up == "invited"
                else "Nobody can make an account here."
            )
        self._require_post()

    def _come_back(
        self, connection: Connection, row: LetterRow, password: str | None, agent: str
    ) -> tuple[Session, list[Letter]]:
        reader = cast("int", row.reader)
        told = []
        if password is not None:
            credentials.end_sessions(connection, reader)
            credentials.end_letters(connection, reader)
            told = [letters.password_changed(row.email, self.house)] if row.email else []
        return self._admit(connection, reader, agent, password), told

    def _confirm_email(self, connection: Connection, row: LetterRow) -> list[Letter]:
        account = store.by_id(connection, cast("int", row.reader))
        if store.by_email(connection, row.email):
            raise RefusedError(f"{row.email} has an account already.")
        store.change(connection, account.id, email=row.email)
        credentials.end_letters(connection, account.id)
        if not account.email:
            return []
        subscriptions.move(connection, account.id, account.email, row.email, self._now())
        return [letters.address_changes(account.email, self.house, row.email)]

    def _join(
        self,
        connection: Connection,
        row: LetterRow,
        name: str,
        password: str | None,
        agent: str,
    ) -> Session:
        self._require_still_open(connection, row)
        if password is None and not (row.email and self.can_write):
            raise RefusedError("Choose a password: no letter could let you in.")
        role = row.facts.get("role", "reader")
        made = self._make(connection, name, row.email, role, password)
        if row.email:
            credentials.end_letters_to(connection, row.email)
        return self._admit(connection, made, agent)

    def _require_still_open(self, connection: Connection, row: LetterRow) -> None:
        self._require_shared()
        is_invited = row.purpose == "invite"
        allowed = {"open"} if not is_invited else {"open", "invited"}
        if self.rules.sign_up not in allowed:
            raise RefusedError("Nobody can make an account here any more.")
        if is_invited:
            by = store.by_id(connection, row.facts["by"])
            if (by.state, by.role) != ("active", "admin"):
                raise RefusedError("Whoever invited you cannot do so any more.")

    def _make(
        self, connection: Connection, name: str, email: str, role: str, password: str | None
    ) -> int:
        name = as_name(name)
        require_free(connection, name)
        if email and store.by_email(connection, email):
            raise RefusedError(f"{email} has an account already: sign in with it.")
        values = {"name": name, "email": email or None, "role": role, "password": password}
        return store.add(connection, values, self._now())

    def _link(self, connection: Connection, identity: Vouched) -> Account:
        """Return the account that an identity is linked to from now on."""
        email = _email_of(identity)
        account = store.by_email(connection, email) if email else None
        if account is None:
            self._require_shared()
            if self.rules.sign_up != "open":
                raise RefusedError(
                    "Nobody here has this identity; whoever has an account can link it."
                )
            name = self._free_name(connection, identity)
            account = store.by_id(connection, self._make(connection, name, email, "reader", None))
        self._keep_identity(connection, account.id, identity)
        return account

    def _free_name(self, connection: Connection, vouched: Vouched) -> str:
        """Return a name for somebody new, as near to what they are called as there is one free."""
        called = vouched.name or vouched.email.partition("@")[0] or "reader"
        plain = unicodedata.normalize("NFKD", called).encode("ascii", "ignore").decode().lower()
        stem = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:24]
        for number in itertools.count(1):
            name = stem if number == 1 else f"{stem or 'reader'}-{number}"
            with suppress(RefusedError):
                if not store.by_name(connection, as_name(name)):
                    return name
        raise AssertionError


def _stale() -> RefusedError:
    return RefusedError("This link is not good any more: it was used, or is too old.")


def _wrong() -> RefusedError:
    return RefusedError("The name, or the address, and the password do not go together.")


def _email_of(identity: Vouched) -> str:
    """Return the address of whom an issuer vouches for, "" if there is none that can be used."""
    try:
        return as_email(identity.email) if identity.email else ""
    except RefusedError:
        return ""


def _as_written(who: str) -> str:
    """Return the one form of a name or an address, whether or not anybody has it."""
    with suppress(RefusedError):
        return as_email(who)
    return who.strip().lower()[:_WHO]


def _called(connection: Connection, who: str) -> Account | None:
    """Return the account with a name or an address."""
    if "@" not in who:
        return store.by_name(connection, who.strip().lower())
    try:
        return store.by_email(connection, as_email(who))
    except RefusedError:
        return None
