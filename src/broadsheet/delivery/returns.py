"""What comes back is taken: who cannot be reached, or complains, gets nothing more.

The rules are those of docs/bounces.md. Only what carries a token of ours counts: each address that
a digest is sent from is its own, and only who got that digest knows it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from sqlalchemy import Connection

from broadsheet.collection import actions, subscriptions
from broadsheet.collection import returned as store
from broadsheet.collection.database import Database
from broadsheet.collection.returned import Suppression
from broadsheet.collection.subscriptions import Row, address_hash
from broadsheet.collection.together import Together
from broadsheet.delivery import bounces
from broadsheet.delivery.bounces import Kind, Returned
from broadsheet.delivery.links import Links
from broadsheet.delivery.subscribing import Subscriptions
from broadsheet.errors import RefusedError
from broadsheet.papers.text import clean
from broadsheet.readers.names import as_email
from broadsheet.readers.permissions import Actor

_log = logging.getLogger(__name__)

Done = Literal["nothing", "noted", "suppressed", "ended"]
Reason = Literal["bounce", "complaint", "hand"]

AT_ONCE: Final = frozenset({"5.1.1", "5.1.2", "5.2.1"})
"""No such mailbox, no such domain, mailbox disabled (RFC 3463): nobody will ever read there."""
MOST: Final = {"soft": 3, "hard": 5}
"""On so many days of `WITHIN` an address may fail, by kind, until nothing is sent to it."""
WITHIN: Final = timedelta(days=30)
LONGEST: Final = 500
"""Characters of a note."""
_ABOUT_ADDRESS = re.compile(r"5\.[12]\.")


class Taken(NamedTuple):
    """What a letter was, and what was done about it: `noted` only counts towards the rules.

    `is_ours` if it carries a token of ours, whether or not anything had to be done.
    """

    kind: Kind
    is_ours: bool
    done: Done = "nothing"
    status: str = ""
    words: str = ""


class Returns:
    """What came back to a collection; safe to share between threads."""

    def __init__(
        self,
        database: Database,
        together: Together,
        held: Subscriptions,
        links: Links,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._together = together
        self._subscriptions = held
        self._links = links
        self._clock = clock

    def take(self, data: bytes) -> Taken:
        """Take a letter that came back, as its bytes; return what it was and what was done.

        Whatever the letter is, it can be taken; however often it is, it counts once. Raises
        StoreError if the record cannot be written.
        """
        returned = bounces.read(data, self._links)
        named = returned.named
        if named is None or returned.kind in {"auto", "unknown"}:
            return _taken(returned, "nothing")
        with self._database.read() as connection:
            owner = subscriptions.by_handle(connection, named.handle)
        if owner is None:
            return _taken(returned, "nothing")
        if returned.kind == "unsubscribe":
            return _taken(returned, self._end(owner))
        if returned.kind != "complaint" and owner.state == "ended":
            # Whoever had it may have subscribed again since, and be reached.
            return _taken(returned, "nothing")
        return _taken(returned, self._note(owner, named.digest or 0, returned))

    def note_refused(self, digest: int, code: int, words: str) -> Done:
        """Note that a server refused a digest for good, with an SMTP code of 500 or more.

        What it says of the sender or the letter is no reason to think ill of the address.
        """
        returned = bounces.refused(code, words)
        with self._database.read() as connection:
            handle = store.handle_of(connection, digest)
            owner = handle and subscriptions.by_handle(connection, handle)
        if not owner or owner.channel != "mail" or not _ABOUT_ADDRESS.match(returned.status):
            return "nothing"
        return self._note(owner, digest, returned)

    def _end(self, owner: Row) -> Done:
        self._subscriptions.leave(self._subscriptions.by_id(owner.id), how="mail")
        _log.info("unsubscribed_by_mail subscription=%d", owner.id)
        return "ended"

    def _note(self, owner: Row, digest: int, returned: Returned) -> Done:
        """Keep what came back, and suppress the address if that is one too many."""
        kind, status = returned.kind, returned.status
        address = address_hash(owner.address)
        words = bounces.without_name(owner.address, returned.words)

        def carry_out(connection: Connection) -> bool:
            moment = self._clock()
            now, since = _iso(moment), _iso(moment - WITHIN)
            store.keep(connection, address, digest, kind, status, words, now)
            if not is_enough(kind, status, store.days(connection, address, kind, since)):
                return False
            reason: Reason = "complaint" if kind == "complaint" else "bounce"
            store.suppress(connection, address, reason, f"{status} {words}".strip(), now)
            _end_all(connection, owner.address, "bounce", now)
            return True

        if not self._together.write(carry_out):
            return "noted"
        domain = owner.address.rpartition("@")[2]
        _log.info("address_suppressed domain=%s kind=%s status=%s", domain, kind, status or "-")
        return "suppressed"

    # ------------------------------------------------------------------ suppressions

    def is_suppressed(self, address: str, is_letter: bool = False) -> bool:  # noqa: FBT001, FBT002 (the sender calls it)
        """Return whether nothing is sent to an address, in its one form.

        A letter that asks whether somebody wishes for digests goes where others only bounced: by
        it they come back.
        """
        with self._database.read() as connection:
            reason = subscriptions.suppressed(connection, address)
        return reason is not None and not (is_letter and reason == "bounce")

    def suppress(self, actor: Actor, address: str, note: str = "") -> bool:
        """Send nothing to an address any more, and end its subscriptions; return if that is new.

        Raises RefusedError for what is no address, or too long a note.
        """
        actor.require("administer")
        form, said = as_email(address), clean(note)
        if len(said) > LONGEST:
            raise RefusedError(f"A note has {LONGEST} characters at most; this has {len(said):,}.")

        def carry_out(connection: Connection) -> bool:
            now, hashed = _iso(self._clock()), address_hash(form)
            is_new = store.suppress(connection, hashed, "hand", said, now)
            if is_new:
                actions.note(connection, actor.id, "suppress", _told(hashed), said, now)
            _end_all(connection, form, "command", now)
            return is_new

        return self._together.write(carry_out)

    def allow(self, actor: Actor, address: str) -> bool:
        """Send to an address again; return whether it was suppressed.

        What came back from it is forgotten, and nothing is subscribed anew. Raises RefusedError for
        what is no address.
        """
        actor.require("administer")
        hashed = address_hash(as_email(address))

        def carry_out(connection: Connection) -> bool:
            was_suppressed = store.allow(connection, hashed)
            if was_suppressed:
                now = _iso(self._clock())
                actions.note(connection, actor.id, "allow", _told(hashed), "", now)
            return was_suppressed

        return self._together.write(carry_out)

    def suppressions(self, limit: int = 1000) -> list[Suppression]:
        """Return what is suppressed, the newest first; addresses are hashes."""
        with self._database.read() as connection:
            return store.suppressions(connection, limit)


def is_enough(kind: Kind, status: str, days: int) -> bool:
    """Return whether nothing shall be sent any more to an address, from which this came back.

    `days` are those of the last 30 on which something of this kind did, today included.
    """
    return kind == "complaint" or status in AT_ONCE or days >= MOST[kind]


def _end_all(connection: Connection, address: str, how: str, now: str) -> None:
    for row in subscriptions.of_address(connection, "mail", address):
        if row.state != "ended":
            subscriptions.end(connection, row.id, how, "", now)


def _taken(returned: Returned, done: Done) -> Taken:
    return Taken(returned.kind, returned.named is not None, done, returned.status, returned.words)


def _told(hashed: str) -> str:
    return f"address {hashed[:12]}…"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
