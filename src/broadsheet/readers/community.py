"""What readers do to papers and to each other's comments: votes, comments, notices, moderation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from broadsheet.collection import community as people
from broadsheet.collection import notices, papers, votes
from broadsheet.collection.database import Database
from broadsheet.collection.notices import Notice
from broadsheet.collection.together import Together
from broadsheet.collection.votes import Counted
from broadsheet.errors import ReaderNotFound, RefusedError
from broadsheet.readers.base import named
from broadsheet.readers.comments import Comments
from broadsheet.readers.desk import Desk
from broadsheet.readers.limits import Limits
from broadsheet.readers.moderation import Moderation
from broadsheet.readers.permissions import Actor
from broadsheet.readers.rules import Rules


class Community:
    """Those who read together; safe to share between threads."""

    def __init__(
        self, database: Database, together: Together, rules: Rules, clock: Callable[[], datetime]
    ) -> None:
        limits = Limits(lambda: clock().timestamp())
        self._desk = Desk(database, together, rules, clock, limits)
        self.votes = Votes(self._desk)
        self.comments = Comments(self._desk)
        self.notices = Notices(self._desk)
        self.moderation = Moderation(self._desk)

    def counts(self, papers: Sequence[int], actor: Actor) -> Mapping[int, Counted]:
        """Return the votes and shown comments of each of some papers, and whether one is one's own.

        One statement reads all that stands on a page.
        """
        actor.require("read")
        with self._desk.database.read() as connection:
            return votes.counts(connection, papers, actor.reader)

    def mute(self, actor: Actor, name: str, *, is_muted: bool) -> None:
        """Fold away what a reader writes, for the actor alone, or not any more.

        Nothing that they do gives the actor a notice. Raises ReaderNotFound, and RefusedError for
        oneself.
        """
        actor.require("comment")

        def carry_out(connection: Connection) -> None:
            other = named(connection, name)
            if is_muted and other.state != "active":
                raise ReaderNotFound(name)
            if other.id == actor.id:
                raise RefusedError("Nobody can mute themselves.")
            people.mute(connection, actor.id, other.id, self._desk.now(), is_muted=is_muted)

        self._desk.write(actor, carry_out)

    def muted(self, actor: Actor) -> list[str]:
        """Return the names of those whom the actor muted."""
        actor.require("comment")
        with self._desk.database.read() as connection:
            return people.muted(connection, actor.id)


class Votes:
    """Upvotes: one of each reader and paper."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def vote(self, actor: Actor, ident: str, is_up: bool) -> Counted:  # noqa: FBT001 (the vote)
        """Give the actor's vote to a paper, or take it back; return what the paper comes to.

        To do so twice changes nothing. It is kept, in the ledger and in what was counted, before
        this returns. Raises PaperNotFound and TooOften.
        """
        actor.require("vote")
        self._desk.take("vote", actor)
        return self._desk.write(actor, lambda c: self._vote(c, actor.id, ident, is_up=is_up))

    def _vote(self, connection: Connection, reader: int, ident: str, *, is_up: bool) -> Counted:
        paper, now = papers.resolve(connection, ident), self._desk.now()
        is_changed = votes.put(connection, paper, reader, now, is_up=is_up)
        counted = votes.counts(connection, [paper], reader)[paper]
        if is_changed:
            votes.observe(connection, paper, counted, now)
        return counted


class Notices:
    """What readers should know of: answers, mentions, decisions about what is theirs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def of(self, actor: Actor, limit: int = 50, offset: int = 0) -> list[Notice]:
        """Return the actor's newest notices, newest first."""
        actor.require("account")
        with self._desk.database.read() as connection:
            return notices.of(connection, actor.id, limit, offset)

    def unseen(self, actor: Actor) -> int:
        """Return how many notices the actor has not seen; none for who has no account."""
        if not actor.may("account"):
            return 0
        with self._desk.database.read() as connection:
            return notices.unseen(connection, actor.id)

    def see(self, actor: Actor, until: int | None = None) -> None:
        """Note that the actor has seen their notices, those up to the number `until` if given."""
        actor.require("account")
        self._desk.write(actor, lambda c: notices.see(c, actor.id, until, self._desk.now()))
