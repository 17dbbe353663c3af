"""Issues from the record, and the messages that they become."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, cast

from sqlalchemy import Connection

from broadsheet.collection import issues, papers
from broadsheet.collection.database import Database
from broadsheet.collection.issues import Written
from broadsheet.delivery import digest
from broadsheet.delivery.choosing import of_body
from broadsheet.delivery.digest import Issue
from broadsheet.delivery.letters import LetterKind, as_text, letter
from broadsheet.delivery.links import Links
from broadsheet.delivery.message import (
    Head,
    Header,
    MailRules,
    Outgoing,
    Signer,
    address_of,
    list_headers,
    message,
    message_id,
    signer_of,
)
from broadsheet.delivery.subscribing import subscription_of
from broadsheet.delivery.subscription import Choice, Subscription
from broadsheet.errors import DigestNotFound, MailError, PaperNotFound
from broadsheet.papers.types import Paper

_KEPT: Final = 10_000
"""So many papers are kept in memory while nothing changes."""


class _Made(NamedTuple):
    """Which issue a message is of: its number, 0 if it is not in the ledger, and its name."""

    number: int
    issue: str
    at: datetime


class _Body(NamedTuple):
    subject: str
    text: str
    html: str
    headers: Sequence[Header] = ()


class Renderer:
    """Makes issues and messages of what the ledger holds; safe to share between threads.

    Papers are read once for all who get them, until the collection changes.
    """

    def __init__(self, database: Database, links: Links, house: str, mail: MailRules) -> None:
        self._database = database
        self._links = links
        self._house = house
        self._mail = mail
        self._read: tuple[int, dict[int, Paper | None]] = (-1, {})

    def check(self) -> None:
        """Raise ConfigError if messages are to be signed and cannot be.

        Whoever is about to send asks first: a digest that cannot be made is refused for good.
        """
        _ = self._signer

    @cached_property
    def _signer(self) -> Signer | None:
        return signer_of(self._mail)

    def issue(self, number: int) -> Issue:
        """Return an issue as it was decided; raises DigestNotFound where nothing was."""
        with self._database.read() as connection:
            written = self._written(connection, number)
            if written.is_letter:
                raise DigestNotFound(str(number))
            return self._issue(connection, number, written)

    def preview(self, subscription: Subscription, choice: Choice, name: str) -> Issue:
        """Return an issue that is not in the ledger; it has no web version."""
        with self._database.read() as connection:
            found = self._papers(connection, choice)
        return Issue(subscription, 0, name, choice, found, self._links, self._house)

    def outgoing(self, number: int) -> Outgoing:
        """Return a digest, or a letter about a subscription, as it is sent.

        As long as its papers stay as they are it is the same at every try. Raises DigestNotFound,
        MailError for what cannot be sent, and ConfigError for a key that cannot sign.
        """
        with self._database.read() as connection:
            written = self._written(connection, number)
            issue = None if written.is_letter else self._issue(connection, number, written)
        if issue is None:
            return self._letter(number, written)
        return self.mailed(issue, datetime.fromisoformat(written.made))

    def mailed(self, issue: Issue, made: datetime) -> Outgoing:
        """Return the message that an issue is, also one that is not in the ledger."""
        body = _Body(
            digest.subject(issue),
            digest.text(issue),
            digest.html(issue) if issue.subscription.wishes.form != "text" else "",
            list_headers(issue, self._sender),
        )
        return self._outgoing(issue.subscription, _Made(issue.number, issue.name, made), body)

    def _letter(self, number: int, written: Written) -> Outgoing:
        subscription = subscription_of(written.subscription)
        words = letter(cast("LetterKind", written.body), subscription, self._links, self._house)
        body = _Body(words.subject, as_text(words), digest.letter_html(words, self._house))
        made = _Made(number, written.issue, datetime.fromisoformat(written.made))
        return self._outgoing(subscription, made, body)

    def _outgoing(self, subscription: Subscription, made: _Made, body: _Body) -> Outgoing:
        to, handle = subscription.address, subscription.handle
        known_as = message_id(handle, made.issue, self._sender)
        head = Head(self._sender, self._house, to, body.subject, made.at, known_as)
        data = message(head, body.headers, body.text, body.html)
        if self._signer is not None:
            data = self._signer(data, made.at)
        # What is not in the ledger has nothing that could come back to it.
        bounces = self._links.bounce(handle, made.number) if made.number else ""
        return Outgoing(bounces or address_of(self._sender), to, data, known_as)

    @property
    def _sender(self) -> str:
        if not self._mail.sender:
            raise MailError("The setting mail_from says whom letters are from; it is not set.")
        return self._mail.sender

    # ------------------------------------------------------------------ reading

    def _written(self, connection: Connection, number: int) -> Written:
        found = issues.fetch(connection, number)
        if found is None:
            raise DigestNotFound(str(number))
        return found

    def _issue(self, connection: Connection, number: int, written: Written) -> Issue:
        if not written.body:
            raise DigestNotFound(str(number))
        choice = of_body(written.body)
        return Issue(
            subscription_of(written.subscription),
            number,
            written.issue,
            choice,
            self._papers(connection, choice),
            self._links,
            self._house,
        )

    def _papers(self, connection: Connection, choice: Choice) -> dict[int, Paper]:
        """Return what the papers of a choice are now, those left out that are no more."""
        sequence = papers.last_sequence(connection)
        if self._read[0] != sequence or len(self._read[1]) > _KEPT:
            self._read = (sequence, {})
        known = self._read[1]
        wanted = [item.paper for item in choice.items]
        if missing := [paper for paper in wanted if paper not in known]:
            known.update(_fetched(connection, missing))
        return {i: paper for i in wanted if (paper := known[i]) is not None}


def _fetched(connection: Connection, ids: list[int]) -> dict[int, Paper | None]:
    """Return the papers that numbers lead to, by these numbers: some may have been merged since."""
    found: dict[int, Paper | None] = {p.id: p for p in papers.fetch(connection, ids)}
    for gone in [i for i in ids if i not in found]:
        try:
            kept = papers.fetch(connection, [papers.resolve_id(connection, gone)])
        except PaperNotFound:
            kept = []
        found[gone] = kept[0] if kept else None
    return found
