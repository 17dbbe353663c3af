"""What readers do with their own account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple, get_args

from sqlalchemy import Connection

from broadsheet.collection import credentials
from broadsheet.collection import readers as store
from broadsheet.collection.credentials import LetterRow, TokenRow
from broadsheet.collection.readers import Account, Identity
from broadsheet.errors import RefusedError
from broadsheet.readers import letters, passwords
from broadsheet.readers.base import LETTER, Base, Session, Vouched, digest_of, new_secret
from broadsheet.readers.names import as_shown, one_line
from broadsheet.readers.permissions import Actor, Scope

TOKENS = 50
"""Tokens of a reader that may let in at the same time."""
_PREFIX = "broadsheet_"
"""Tokens begin so, for those who look for secrets where none should be."""
_TITLE = 80
"""Characters of a token's name."""


class Token(NamedTuple):
    """A new API token: `secret` is shown once and kept nowhere."""

    secret: str
    row: TokenRow


class Seen(NamedTuple):
    """Where a reader is signed in; `is_this` where the one who asks is."""

    id: str
    made: str
    used: str
    ends: str
    agent: str
    is_this: bool


class OwnAccount(Base):
    """One's own account; whoever asks is the first argument."""

    def account(self, actor: Actor) -> Account:
        """Return the account of who asks."""
        actor.require("account")
        with self._database.read() as connection:
            return store.by_id(connection, actor.id)

    def sessions(self, actor: Actor, secret: str = "") -> list[Seen]:
        """Return where a reader is signed in, last used first; `secret` says which one asks."""
        actor.require("account")
        with self._database.read() as connection:
            rows = credentials.sessions(connection, actor.id, self._now())
        mine = digest_of(secret)
        return [Seen(*row, is_this=row.digest == mine) for row in rows]

    def end_session(self, actor: Actor, ident: str) -> None:
        """End one of the sessions of a reader."""
        actor.require("account")
        if ident not in [seen.id for seen in self.sessions(actor)]:
            raise RefusedError("There is no such session any more.")
        self._together.write(lambda connection: credentials.end_session(connection, ident))

    def sign_out_everywhere(self, actor: Actor) -> None:
        """End all sessions of a reader."""
        actor.require("account")
        self._together.write(lambda connection: credentials.end_sessions(connection, actor.id))

    def rename(self, actor: Actor, shown: str) -> None:
        """Let a reader be shown by another name, the plain one if it is empty."""
        actor.require("account")
        shown = as_shown(shown)
        self._write(actor, lambda connection: store.change(connection, actor.id, shown=shown))

    def set_password(self, actor: Actor, old: str, new: str, agent: str = "") -> Session:
        """Set a password; return a new session, for all that there were are ended.

        `old` is the password until now, anything where there was none. Raises RefusedError for a
        wrong one and for one that may not be chosen, and TooOften.
        """
        account = self.account(actor)
        self._require_password(account, old)
        passwords.check(new, account.name, account.email)
        kept = passwords.hashed(new)

        def change(connection: Connection) -> Session:
            credentials.end_sessions(connection, actor.id)
            credentials.end_letters(connection, actor.id)
            return self._admit(connection, actor.id, agent, kept)

        session = self._together.write(change)
        if account.email:
            self._send(letters.password_changed(account.email, self.house))
        return session

    def change_email(self, actor: Actor, email: str, password: str = "") -> None:
        """Send a link that confirms a new address, and tell the old one of it.

        Raises RefusedError for a wrong password, where the account has one, and TooOften.
        """
        account = self.account(actor)
        self._require_post()
        self._require_password(account, password)
        email = self._asked(email, f"reader {actor.id}")
        secret = new_secret()

        def keep(connection: Connection) -> bool:
            is_taken = store.by_email(connection, email) is not None
            row = LetterRow("email", email, actor.id, {})
            self._keep_letter(connection, secret, row, timedelta(0) if is_taken else LETTER)
            return is_taken

        if self._write(actor, keep):
            self._send(letters.taken_address(email, self.house))
        else:
            self._send(letters.new_address(email, self.house, self._address(secret)))
        if account.email:
            self._send(letters.address_changes(account.email, self.house, email))

    def make_token(self, actor: Actor, name: str, scopes: Iterable[str]) -> Token:
        """Return a new API token with these scopes; no token makes one that may do more than it.

        Raises RefusedError for no scope, an unknown one, and for too many tokens.
        """
        actor.require("account")
        wanted = frozenset(scopes)
        unknown = wanted - set(get_args(Scope))
        if unknown or not wanted or (actor.scopes is not None and wanted - actor.scopes):
            raise RefusedError(f"A token has scopes out of {', '.join(get_args(Scope))}.")
        title = one_line(name)[:_TITLE] or "token"
        secret, now = _PREFIX + new_secret(), self._now()

        def keep(connection: Connection) -> int:
            if len(credentials.tokens(connection, actor.id)) >= TOKENS:
                raise RefusedError(f"Nobody has more than {TOKENS} tokens; end one first.")
            kept = (title, sorted(wanted), now)
            return credentials.add_token(connection, digest_of(secret), actor.id, *kept)

        number = self._write(actor, keep)
        return Token(secret, TokenRow(number, title, sorted(wanted), now, None, None))

    def tokens(self, actor: Actor) -> list[TokenRow]:
        """Return the tokens of a reader that let in, newest first."""
        actor.require("account")
        with self._database.read() as connection:
            return credentials.tokens(connection, actor.id)

    def end_token(self, actor: Actor, number: int) -> None:
        """End a token of a reader; raises RefusedError if there is none of this number."""
        actor.require("account")
        now = self._now()
        if not self._together.write(
            lambda connection: credentials.end_token(connection, actor.id, number, now)
        ):
            raise RefusedError("There is no such token any more.")

    def identities(self, actor: Actor) -> list[Identity]:
        """Return who vouches for a reader."""
        actor.require("account")
        with self._database.read() as connection:
            return store.identities(connection, actor.id)

    def link_identity(self, actor: Actor, identity: Vouched) -> None:
        """Let an issuer vouch for a reader; raises RefusedError if it does so for another one."""
        actor.require("account")

        def change(connection: Connection) -> None:
            account = store.by_identity(connection, identity.issuer, identity.subject)
            if account is not None and account.id != actor.id:
                raise RefusedError("That identity belongs to another account here.")
            if account is None:
                self._keep_identity(connection, actor.id, identity)

        self._write(actor, change)

    def unlink_identity(self, actor: Actor, issuer: str) -> None:
        """Let an issuer vouch for a reader no more.

        Raises RefusedError if it does not, and if nothing else would let the reader in.
        """
        account = self.account(actor)
        if not (account.has_password or (account.email and self.can_write)):
            raise RefusedError("Set a password first: else nothing would let you in any more.")
        if not self._together.write(
            lambda connection: store.end_identity(connection, actor.id, issuer)
        ):
            raise RefusedError("That identity is not linked to this account.")

    def export(self, actor: Actor) -> dict[str, Any]:
        """Return all that is kept of a reader, by table, without what lets anybody in."""
        actor.require("account")
        with self._database.read() as connection:
            return {"made": self._now(), **store.everything(connection, actor.id)}

    def delete(self, actor: Actor, proof: str) -> None:
        """Delete an account: its row stays without name, address or password, its comments empty.

        `proof` is the password, or the name where there is no password. Raises RefusedError for
        anything else, and for the last admin; TooOften.
        """
        account = self.account(actor)
        if account.has_password:
            self._require_password(account, proof)
        elif proof.strip().lower() != account.name:
            raise RefusedError("Write the name of the account, to delete it.")
        self._forget(account)
