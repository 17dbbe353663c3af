"""Comments: written, answered, edited, deleted, reported; and read as the thread of a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection

from broadsheet.collection import claims, notices, papers, votes
from broadsheet.collection import comments as store
from broadsheet.collection import community as people
from broadsheet.collection.comments import Held, Lock, State, Wording
from broadsheet.errors import CommentNotFound, NotAllowed, RefusedError
from broadsheet.papers.types import PaperId
from broadsheet.readers import markdown
from broadsheet.readers.desk import Desk
from broadsheet.readers.permissions import Actor
from broadsheet.readers.spam import PACE_MINUTES, Writer, reason_to_wait

LONGEST: Final = 10_000
"""Characters of a comment."""
LONGEST_REASON: Final = 1_000
DEEPEST: Final = 6
"""Answers to answers are shown further in up to here."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment as somebody may read it: where they may not, `text` is empty and `state` says why.

    `depth` counts from 0, `DEEPEST` at most. `name` and `shown` are its writer's, `author` their
    name among the authors of the paper, if their claim to be one was granted. `waits_for` says why
    it waits for a curator, to its writer and to curators.
    """

    id: int
    paper: PaperId
    parent: int | None
    depth: int
    name: str
    shown: str
    text: str
    state: State
    at: str
    edited: str | None = None
    author: str | None = None
    is_mine: bool = False
    is_muted: bool = False
    waits_for: str | None = None

    @property
    def html(self) -> str:
        """What it says, as HTML that is safe to show."""
        return markdown.render(self.text)


@dataclass(frozen=True, slots=True)
class Thread:
    """The comments of a paper in the order of reading; `count` of them are shown to everybody."""

    paper: PaperId
    comments: tuple[Comment, ...]
    count: int
    lock: Lock | None


class Comments:
    """The comments of a collection; safe to share between threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # ------------------------------------------------------------------ reading

    def of(self, ident: str, actor: Actor) -> Thread:
        """Return the comments of a paper as the actor may read them; raises PaperNotFound.

        Answers follow what they answer, the oldest first. What was deleted, or may not be seen,
        has a place only where it was answered.
        """
        actor.require("read")
        with self._desk.database.read() as connection:
            paper = papers.resolve(connection, ident)
            held = store.thread(connection, paper, actor.reader)
            authors = claims.authors_of(connection, paper) if held else {}
            lock = store.lock_of(connection, paper)
        shown = sum(h.state == "shown" for h in held)
        return Thread(paper, _in_order(held, actor, authors), shown, lock)

    def get(self, number: int, actor: Actor) -> Comment:
        """Return one comment; raises CommentNotFound if the actor may not see that it is there."""
        actor.require("read")
        with self._desk.database.read() as connection:
            return as_read(connection, number, actor)

    def history(self, number: int, actor: Actor) -> list[Wording]:
        """Return what a comment said before it was edited, oldest first, to who may read it."""
        actor.require("read")
        with self._desk.database.read() as connection:
            found = as_read(connection, number, actor)
            return store.wordings(connection, number) if found.text else []

    # ------------------------------------------------------------------ writing

    def write(self, actor: Actor, ident: str, text: str, parent: int | None = None) -> Comment:
        """Keep a comment on a paper, or an answer to one of its comments; return it.

        It is shown at once, or waits for a curator and says why. Those whom it answers or names
        get a notice. Raises PaperNotFound, CommentNotFound for `parent`, RefusedError (empty, too
        long, or the paper takes no more) and TooOften.
        """
        actor.require("comment")
        said = _said(text)
        self._desk.take("comment", actor)
        reason = self._reason(actor, said)
        return self._desk.write(actor, lambda c: self._write(c, actor, ident, said, reason, parent))

    def _write(
        self,
        connection: Connection,
        actor: Actor,
        ident: str,
        said: _Said,
        reason: str,
        parent: int | None,
    ) -> Comment:
        paper, now = papers.resolve(connection, ident), self._desk.now()
        _check_lock(connection, paper)
        # An answer stays with what it answers, wherever that leads some day.
        place = paper if parent is None else self._answered(connection, parent, paper).paper_id
        state: State = "waiting" if reason else "shown"
        row = {"paper_id": place, "reader_id": actor.id, "parent_id": parent, "text": said.text,
               "state": state, "at": now}  # fmt: skip
        number = store.add(connection, row)
        if reason:
            people.report(connection, None, number, reason, now)
        else:
            announce(connection, number, said.mentions, now)
        return as_read(connection, number, actor)

    @staticmethod
    def _answered(connection: Connection, parent: int, paper: int) -> Held:
        found = store.find(connection, parent, None)
        if found is None or found.home != paper:
            raise CommentNotFound(str(parent))
        if found.state != "shown":
            raise RefusedError("This comment is not shown any more: it cannot be answered.")
        return found

    def _reason(self, actor: Actor, said: _Said, number: int | None = None) -> str:
        """Return why a comment has to wait; those who would decide about it need not.

        That takes longer than others may have to wait for the record, so it is read here.
        """
        if not self._desk.rules.is_shared or actor.may("moderate"):
            return ""
        now = self._desk.clock().astimezone(UTC)
        with self._desk.database.read() as connection:
            known = store.habits(connection, actor.id, _text(now - timedelta(days=1)), number)
        lately = _text(now - timedelta(minutes=PACE_MINUTES))
        writer = Writer(
            days=(now - datetime.fromisoformat(known.joined)) / timedelta(days=1),
            shown=known.shown,
            recent=[text for text, _ in known.recent],
            pace=sum(at > lately for _, at in known.recent),
        )
        return reason_to_wait(said.text, said.links, writer)

    def edit(self, actor: Actor, number: int, text: str) -> Comment:
        """Let the actor's comment say something else; what it said before stays to be read.

        Raises CommentNotFound, NotAllowed if it is somebody else's, RefusedError and TooOften.
        """
        actor.require("comment")
        said = _said(text)
        self._desk.take("comment", actor)
        reason = self._reason(actor, said, number)
        return self._desk.write(actor, lambda c: self._edit(c, actor, number, said, reason))

    def _edit(
        self, connection: Connection, actor: Actor, number: int, said: _Said, reason: str
    ) -> Comment:
        held = self._own(connection, number, actor)
        if held.state == "hidden":
            raise RefusedError("A curator has hidden this comment: it cannot be edited.")
        before = as_read(connection, number, actor)
        _check_lock(connection, before.paper)
        if said.text == held.text:
            return before
        now = self._desk.now()
        state: State = "waiting" if reason else held.state
        store.reword(connection, number, said.text, state, now)
        if reason:
            people.report(connection, None, number, reason, now)
        votes.observe_comments(connection, before.paper, now)
        return as_read(connection, number, actor)

    def delete(self, actor: Actor, number: int) -> Comment:
        """Remove what the actor's comment says and ever said; its place stays if it was answered.

        Returns what is left of it. Raises CommentNotFound, and NotAllowed if it is somebody else's.
        """
        actor.require("comment")

        def carry_out(connection: Connection) -> Comment:
            self._own(connection, number, actor)
            store.erase(connection, number)
            left = as_read(connection, number, actor)
            votes.observe_comments(connection, left.paper, self._desk.now())
            return left

        return self._desk.write(actor, carry_out)

    @staticmethod
    def _own(connection: Connection, number: int, actor: Actor) -> Held:
        held = store.find(connection, number, actor.reader)
        if held is None or not _may_see(held, actor) or held.state == "deleted":
            raise CommentNotFound(str(number))
        if held.reader_id != actor.id:
            raise NotAllowed("Only who wrote a comment can change it.")
        return held

    def report(self, actor: Actor, number: int, reason: str) -> None:
        """Tell the curators of a comment, once; only they see who did.

        Raises CommentNotFound, RefusedError for one's own or without a reason, and TooOften.
        """
        actor.require("report")
        reason = markdown.clean(reason)
        if not reason or len(reason) > LONGEST_REASON:
            raise RefusedError(f"Say why, in {LONGEST_REASON:,} characters at most.")
        self._desk.take("report", actor)

        def carry_out(connection: Connection) -> None:
            found = as_read(connection, number, actor)
            if found.is_mine:
                raise RefusedError("This comment is your own: you can delete it.")
            if found.state == "deleted":
                raise RefusedError("This comment was deleted.")
            people.report(connection, actor.id, number, reason, self._desk.now())

        self._desk.write(actor, carry_out)


def as_read(connection: Connection, number: int, actor: Actor) -> Comment:
    """Return a comment as an actor may read it; raises CommentNotFound."""
    held = store.find(connection, number, actor.reader)
    if held is None or not _may_see(held, actor):
        raise CommentNotFound(str(number))
    return _comment(held, actor, claims.authors_of(connection, held.home))


def announce(connection: Connection, number: int, named: Sequence[str], now: str) -> None:
    """Count a comment that is shown now, and tell those whom it answers or names, each once."""
    held = store.find(connection, number, None)
    assert held is not None  # noqa: S101 (it was just written)
    votes.observe_comments(connection, held.home, now)
    above = store.find(connection, held.parent_id, None) if held.parent_id else None
    told = {above.reader_id: "reply"} if above else {}
    for reader in people.named(connection, named).values():
        told.setdefault(reader, "mention")
    # One that was shown, waited after an edit and is shown again has told them before.
    hearing = people.not_muting(connection, told, held.reader_id) if told else set()
    for reader in sorted(hearing and hearing - notices.told(connection, number)):
        notices.tell(
            connection, reader, told[reader], now,
            by_id=held.reader_id, paper_id=held.home, comment_id=number,
        )  # fmt: skip


# ---------------------------------------------------------------------------- rules


class _Said(NamedTuple):
    """What somebody wants to say: read before anybody else has to wait for the record."""

    text: str
    links: tuple[str, ...]
    mentions: tuple[str, ...]


def _said(text: str) -> _Said:
    text = markdown.clean(text)
    if not text:
        raise RefusedError("A comment needs some text.")
    if len(text) > LONGEST:
        raise RefusedError(
            f"A comment has at most {LONGEST:,} characters; this one has {len(text):,}."
        )
    return _Said(text, markdown.links(text), markdown.mentions(text))


def _check_lock(connection: Connection, paper: int) -> None:
    lock = store.lock_of(connection, paper)
    if lock:
        because = f": {lock.reason}" if lock.reason else "."
        raise RefusedError(f"The comments of this paper are closed{because}")


def _may_see(held: Held, actor: Actor) -> bool:
    """Return whether an actor may know that a comment was made at all."""
    return held.state != "waiting" or _may_read(held, actor)


def _may_read(held: Held, actor: Actor) -> bool:
    """Return whether an actor may read what a comment says."""
    is_mine = held.reader_id == actor.reader
    return held.state == "shown" or (held.state != "deleted" and (is_mine or actor.may("moderate")))


def _comment(held: Held, actor: Actor, authors: Mapping[int, str], depth: int = 0) -> Comment:
    may_read = _may_read(held, actor)
    return Comment(
        id=held.id,
        paper=held.home,
        parent=held.parent_id,
        depth=min(depth, DEEPEST),
        name=held.name,
        shown=held.shown,
        text=held.text if may_read else "",
        state=held.state,
        at=held.at,
        edited=held.edited if may_read else None,
        author=authors.get(held.reader_id),
        is_mine=held.reader_id == actor.reader,
        is_muted=bool(held.is_muted),
        waits_for=held.waits_for if may_read else None,
    )


def _in_order(
    held: Sequence[Held], actor: Actor, authors: Mapping[int, str]
) -> tuple[Comment, ...]:
    """Return a thread in the order of reading, without what nobody needs to see.

    A comment has a lower number than its answers.
    """
    numbers = {h.id for h in held}
    answers: dict[int | None, list[Held]] = {}
    depths: dict[int, int] = {}
    for h in held:
        above = h.parent_id if h.parent_id in numbers else None
        answers.setdefault(above, []).append(h)
        depths[h.id] = 0 if above is None else depths[above] + 1
    needed: set[int] = set()
    for h in reversed(held):
        if _may_read(h, actor) or h.id in needed:
            needed.update(i for i in (h.id, h.parent_id) if i is not None)
    found, waiting = [], answers.get(None, [])[::-1]
    while waiting:
        h = waiting.pop()
        if h.id in needed:
            found.append(_comment(h, actor, authors, depths[h.id]))
        waiting += answers.get(h.id, [])[::-1]
    return tuple(found)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
