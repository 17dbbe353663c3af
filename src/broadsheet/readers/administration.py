"""What admins do with the accounts of others; each change is noted in the log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from broadsheet.collection import actions, credentials, subscriptions, votes
from broadsheet.collection import readers as store
from broadsheet.collection.credentials import InvitationRow, LetterRow
from broadsheet.collection.readers import Account
from broadsheet.errors import RefusedError
from broadsheet.readers import letters
from broadsheet.readers.base import (
    LETTER,
    Base,
    as_role,
    named,
    new_secret,
    require_free,
)
from broadsheet.readers.names import as_email, as_name
from broadsheet.readers.permissions import Actor

INVITATION = timedelta(days=14)


class Invitation(NamedTuple):
    """An invitation: its link, and whether a letter with it is on its way."""

    link: str
    email: str
    role: str
    is_sent: bool


class Listed(NamedTuple):
    """An account as admins see it; `seen` is when a session of it was last used, to the hour."""

    account: Account
    seen: str | None


class Administration(Base):
    """All accounts, for those who may administer them."""

    def readers(self, actor: Actor) -> list[Listed]:
        """Return all accounts, in the order in which they were made."""
        actor.require("administer")
        with self._database.read() as connection:
            return [Listed(account, seen) for account, seen in store.everybody(connection)]

    def set_role(self, actor: Actor, name: str, role: str) -> None:
        """Give a reader another role; raises ReaderNotFound, RefusedError for the last admin."""
        actor.require("administer")
        role = as_role(role)

        def change(connection: Connection) -> None:
            account = named(connection, name)
            if role != "admin":
                self._spare_last_admin(connection, account)
            store.change(connection, account.id, role=role)
            self._note(connection, actor, "role", account.name, role)

        self._together.write(change)

    def ban(self, actor: Actor, name: str, note: str = "") -> None:
        """Shut a reader out: sessions, letters, tokens, subscriptions end, votes count no more.

        Raises ReaderNotFound, and RefusedError for oneself and for the last admin.
        """
        actor.require("administer")

        def change(connection: Connection) -> None:
            account = named(connection, name)
            if account.id == actor.id:
                raise RefusedError("Nobody can ban themselves.")
            self._spare_last_admin(connection, account)
            now = self._now()
            store.change(connection, account.id, state="banned")
            credentials.end_sessions(connection, account.id)
            credentials.end_letters(connection, account.id)
            credentials.end_tokens(connection, account.id, now)
            subscriptions.end_of_account(connection, account.id, "account", now)
            votes.recount(connection, account.id, now)
            self._note(connection, actor, "ban", account.name, note)

        self._together.write(change)

    def unban(self, actor: Actor, name: str, note: str = "") -> None:
        """Let a reader in again; they must sign in anew. Raises ReaderNotFound."""
        actor.require("administer")

        def change(connection: Connection) -> None:
            account = named(connection, name)
            if account.state != "banned":
                raise RefusedError(f"{account.name} is not banned.")
            store.change(connection, account.id, state="active")
            votes.recount(connection, account.id, self._now())
            self._note(connection, actor, "unban", account.name, note)

        self._together.write(change)

    def export_of(self, actor: Actor, name: str) -> dict[str, Any]:
        """Return all that is kept of a reader, for whoever must answer them."""
        actor.require("administer")
        with self._database.read() as connection:
            found = store.everything(connection, named(connection, name).id)
        return {"made": self._now(), **found}

    def forget(self, actor: Actor, name: str) -> None:
        """Delete the account of a reader who asked for it, as `delete` does."""
        actor.require("administer")
        with self._database.read() as connection:
            account = named(connection, name)
        self._forget(account, actor)

    def invite(self, actor: Actor, email: str = "", role: str = "reader") -> Invitation:
        """Return an invitation, which is also sent where there is an address and a way.

        Raises RefusedError where accounts are closed, and for an address that has one.
        """
        actor.require("administer")
        self._require_shared()
        if self.rules.sign_up == "closed":
            raise RefusedError("Nobody can make an account here: sign_up is closed.")
        email, role, secret = as_email(email) if email else "", as_role(role), new_secret()

        def keep(connection: Connection) -> None:
            if email and store.by_email(connection, email):
                raise RefusedError(f"{email} has an account already.")
            row = LetterRow("invite", email, None, {"role": role, "by": actor.id})
            self._keep_letter(connection, secret, row, INVITATION)
            actions.note(connection, actor.id, "invite", "invitation", role, self._now())

        self._together.write(keep)
        is_sent = bool(email) and self.can_write
        if is_sent:
            self._send(letters.invitation(email, self.house, self._address(secret)))
        return Invitation(self._address(secret), email, role, is_sent)

    def invitations(self, actor: Actor) -> list[InvitationRow]:
        """Return the invitations that nobody has used yet, newest first."""
        actor.require("administer")
        with self._database.read() as connection:
            return credentials.invitations(connection, self._now())

    def withdraw(self, actor: Actor, ident: str) -> None:
        """Take an invitation back; raises RefusedError if it is not there any more."""
        actor.require("administer")
        if not self._together.write(
            lambda connection: credentials.end_invitation(connection, ident)
        ):
            raise RefusedError("There is no such invitation any more.")

    def link_for(self, actor: Actor, name: str) -> str:
        """Return the secret of a link that signs a reader in, for who cannot be sent a letter.

        Raises ReaderNotFound.
        """
        actor.require("administer")
        secret = new_secret()

        def change(connection: Connection) -> None:
            account = named(connection, name)
            row = LetterRow("sign_in", account.email or "", account.id, {})
            self._keep_letter(connection, secret, row, LETTER)
            self._note(connection, actor, "link", account.name, "")

        self._together.write(change)
        return secret

    def own(self, actor: Actor, email: str = "", name: str = "") -> str:
        """Give who acts an address and a name, and return the secret of a link that signs in.

        It is how the owner of a private collection gets an account. Raises RefusedError for an
        address or a name of somebody else.
        """
        actor.require("administer")
        email, name = as_email(email) if email else "", as_name(name) if name else ""
        secret = new_secret()

        def change(connection: Connection) -> None:
            account = store.by_id(connection, actor.id)
            values = {}
            if name and name != account.name:
                require_free(connection, name)
                values["name"] = name
            if email and email != account.email:
                if store.by_email(connection, email):
                    raise RefusedError(f"{email} has an account already.")
                values["email"] = email
            if values:
                store.change(connection, actor.id, **values)
            row = LetterRow("sign_in", email or account.email or "", actor.id, {})
            self._keep_letter(connection, secret, row, LETTER)

        self._together.write(change)
        return secret
