"""Moderation for a small team: what waits for them, what they decide, and the log of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection

from broadsheet.collection import actions, notices, papers, votes
from broadsheet.collection import comments as store
from broadsheet.collection import community as people
from broadsheet.collection.actions import Taken
from broadsheet.collection.comments import Held
from broadsheet.collection.community import Report, Waiting
from broadsheet.errors import CommentNotFound, NotFoundError, RefusedError
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import PaperId
from broadsheet.readers import markdown
from broadsheet.readers.comments import Comment, announce, as_read
from broadsheet.readers.desk import Desk
from broadsheet.readers.permissions import Actor

LONGEST_NOTE: Final = 1_000
"""Characters of a note or a reason."""


class ReportNotFound(NotFoundError):  # noqa: N818 (named for what it says)
    """No open report has this number."""

    kind = "open report"


class Case(NamedTuple):
    """A comment about which somebody has to decide, with the open reports of it."""

    comment: Comment
    reports: tuple[Report, ...]


class Queue(NamedTuple):
    """What waits for a decision, the oldest first; `sizes` says how much there is of each sort.

    A waiting comment stands among the `cases` too, with the report of the test that stopped it.
    """

    cases: tuple[Case, ...]
    submissions: tuple[Waiting, ...]
    claims: tuple[Waiting, ...]
    sizes: Mapping[str, int]


class Moderation:
    """What curators do with what others wrote; safe to share between threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # ------------------------------------------------------------------ reading

    def queue(self, actor: Actor, limit: int = 50, offset: int = 0) -> Queue:
        """Return what waits for a decision, `limit` of each sort. Claims are for admins."""
        actor.require("moderate")
        is_admin = actor.may("administer")
        with self._desk.database.read() as connection:
            numbers = people.comments_to_decide(connection, limit, offset)
            cases = tuple(
                Case(
                    as_read(connection, number, actor),
                    tuple(people.open_reports_of(connection, number)),
                )
                for number in numbers
            )
            return Queue(
                cases,
                tuple(people.submissions(connection, limit, offset)),
                tuple(people.claims(connection, limit, offset) if is_admin else ()),
                people.sizes(connection),
            )

    def waiting(self, actor: Actor) -> int:
        """Return how many decisions wait for the actor; none for who does not moderate."""
        if not actor.may("moderate"):
            return 0
        with self._desk.database.read() as connection:
            sizes = people.sizes(connection)
        own = sizes["comments"] + sizes["submissions"]
        return own + (sizes["claims"] if actor.may("administer") else 0)

    def log(self, actor: Actor, limit: int = 50, offset: int = 0) -> list[Taken]:
        """Return what was done with the power of curators and admins, newest first."""
        actor.require("moderate")
        with self._desk.database.read() as connection:
            return actions.recent(connection, limit, offset)

    # ------------------------------------------------------------------ comments

    def hide(self, actor: Actor, number: int, note: str = "") -> Comment:
        """Let only curators and its writer read a comment; reports of it are upheld.

        Its writer is told, with the note. Raises CommentNotFound, and RefusedError if it was
        deleted.
        """
        return self._decide(actor, number, note, is_hidden=True)

    def show(self, actor: Actor, number: int, note: str = "") -> Comment:
        """Let everybody read a comment that waited or was hidden; reports of it are dismissed."""
        return self._decide(actor, number, note, is_hidden=False)

    def decide(self, actor: Actor, report: int, is_upheld: bool, note: str = "") -> Comment:  # noqa: FBT001
        """Uphold an open report, which hides the comment, or dismiss it, which shows it.

        What is decided holds for all open reports of the comment. Raises ReportNotFound.
        """
        actor.require("moderate")
        with self._desk.database.read() as connection:
            number = people.comment_of(connection, report)
        if number is None:
            raise ReportNotFound(str(report))
        return self._decide(actor, number, note, is_hidden=is_upheld)

    def _decide(self, actor: Actor, number: int, note: str, *, is_hidden: bool) -> Comment:
        actor.require("moderate")
        said = _noted(note)

        def carry_out(connection: Connection) -> Comment:
            held = store.find(connection, number, actor.reader)
            if held is None:
                raise CommentNotFound(str(number))
            if held.state == "deleted":
                raise RefusedError("This comment was deleted by its writer.")
            now = self._desk.now()
            reports = people.decide_reports(connection, number, actor.id, now, is_upheld=is_hidden)
            is_changed = held.state != ("hidden" if is_hidden else "shown")
            if is_changed or reports:
                verb = _verb(is_hidden=is_hidden, is_changed=is_changed)
                actions.note(connection, actor.id, verb, f"comment {number}", said, now)
            if is_changed:
                self._change(connection, held, actor, said, now, is_hidden=is_hidden)
            _answer(connection, reports, actor, number, now, is_hidden=is_hidden)
            return as_read(connection, number, actor)

        return self._desk.write(actor, carry_out)

    @staticmethod
    def _change(
        connection: Connection, held: Held, actor: Actor, note: str, now: str, *, is_hidden: bool
    ) -> None:
        store.set_state(connection, held.id, "hidden" if is_hidden else "shown")
        if held.state == "waiting" and not is_hidden:
            announce(connection, held.id, markdown.mentions(held.text), now)
        else:
            votes.observe_comments(connection, held.home, now)
        if held.reader_id != actor.reader:
            told = "A curator has hidden your comment" if is_hidden else "Your comment is shown now"
            told += f": {note}" if note else "."
            notices.tell(
                connection, held.reader_id, "hidden" if is_hidden else "shown", now,
                paper_id=held.home, comment_id=held.id, text=told,
            )  # fmt: skip

    # ------------------------------------------------------------------ papers

    def lock(self, actor: Actor, ident: str, reason: str = "") -> PaperId:
        """Let a paper take no more comments, and say why; raises PaperNotFound."""
        return self._lock(actor, ident, _noted(reason), is_locked=True)

    def unlock(self, actor: Actor, ident: str) -> PaperId:
        """Let a paper take comments again; raises PaperNotFound."""
        return self._lock(actor, ident, "", is_locked=False)

    def _lock(self, actor: Actor, ident: str, reason: str, *, is_locked: bool) -> PaperId:
        actor.require("moderate")

        def carry_out(connection: Connection) -> PaperId:
            paper, now = papers.resolve(connection, ident), self._desk.now()
            was = store.lock_of(connection, paper)
            if is_locked and (was is None or was.reason != reason):
                store.unlock(connection, paper)
                store.lock(connection, paper, actor.id, reason, now)
            elif not is_locked and was is not None:
                store.unlock(connection, paper)
            else:
                return paper
            subject = f"paper {format_paper_id(paper)}"
            verb = "lock" if is_locked else "unlock"
            actions.note(connection, actor.id, verb, subject, reason, now)
            return paper

        return self._desk.write(actor, carry_out)


def _noted(note: str) -> str:
    note = markdown.clean(note)
    if len(note) > LONGEST_NOTE:
        raise RefusedError(f"A note has at most {LONGEST_NOTE:,} characters.")
    return note


def _verb(*, is_hidden: bool, is_changed: bool) -> str:
    if is_changed:
        return "hide" if is_hidden else "show"
    return "uphold" if is_hidden else "dismiss"


def _answer(
    connection: Connection,
    reports: list[Report],
    actor: Actor,
    number: int,
    now: str,
    *,
    is_hidden: bool,
) -> None:
    """Tell those who reported a comment what came of it."""
    came = "The comment that you reported is hidden now." if is_hidden else (
        "A curator has read the comment that you reported, and lets it stand."
    )  # fmt: skip
    for report in reports:
        if report.reader_id is not None and report.reader_id != actor.reader:
            notices.tell(connection, report.reader_id, "report", now, comment_id=number, text=came)
