"""Picks: what curators feature on an edition, with a note that says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import Connection

from broadsheet.collection import actions, papers
from broadsheet.collection import picks as store
from broadsheet.collection.database import Database
from broadsheet.collection.picks import Pick
from broadsheet.collection.together import Together
from broadsheet.errors import RefusedError
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.text import clean
from broadsheet.papers.types import PaperId
from broadsheet.readers.permissions import Actor

LONGEST: Final = 500
"""Characters of a note."""


class Picks:
    """The picks of a collection; safe to share between threads."""

    def __init__(
        self, database: Database, together: Together, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._together = together
        self._clock = clock

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def between(self, first: date, last: date) -> list[Pick]:
        """Return the picks for the days from `first` to `last`, in order of day."""
        with self._database.read() as connection:
            return store.between(connection, first.isoformat(), last.isoformat())

    def of_paper(self, paper_id: int) -> list[Pick]:
        """Return the picks of a paper, the earliest first: it has more than one after a merge."""
        with self._database.read() as connection:
            return store.of_paper(connection, paper_id)

    def pick(self, actor: Actor, ident: str, note: str = "", *, day: date | None = None) -> Pick:
        """Feature a paper on the edition that it belongs to; return the pick.

        Whoever picked it already changes the note. Raises PaperNotFound, and RefusedError if
        somebody else has picked it, it belongs to another edition than that of `day`, or the note
        is too long.
        """
        actor.require("curate")
        said = clean(note)
        if len(said) > LONGEST:
            raise RefusedError(f"A note has {LONGEST} characters at most; this has {len(said):,}.")

        def carry_out(connection: Connection) -> Pick:
            paper = papers.fetch(connection, [papers.resolve(connection, ident)])[0]
            _check_day(paper.id, paper.edition, day)
            now, before = self._now(), store.of_paper(connection, paper.id)
            if others := [p for p in before if p.reader != actor.id]:
                raise RefusedError(f"{others[0].by} has picked this paper already.")
            if before and before[-1].note == said:
                return before[-1]
            store.end(connection, before, now)
            store.add(connection, paper.id, paper.edition, actor.id, said, now)
            _log(connection, actor, "pick", paper.id, paper.edition, said, now)
            return store.of_paper(connection, paper.id)[-1]

        return self._together.write(carry_out)

    def unpick(self, actor: Actor, ident: str, *, day: date | None = None) -> list[Pick]:
        """Take back what was picked, whoever picked it; return what stood until now.

        Raises PaperNotFound, and RefusedError if nobody has picked the paper, or if it belongs to
        another edition than that of `day`.
        """
        actor.require("curate")

        def carry_out(connection: Connection) -> list[Pick]:
            paper, now = papers.resolve(connection, ident), self._now()
            found = store.of_paper(connection, paper)
            if not found:
                raise RefusedError("Nobody has picked this paper, so there is no pick to end.")
            _check_day(paper, found[0].day, day)
            store.end(connection, found, now)
            _log(connection, actor, "unpick", paper, found[0].day, _told(found), now)
            return found

        return self._together.write(carry_out)


def _check_day(paper: PaperId, own: str, day: date | None) -> None:
    if day is not None and day.isoformat() != own:
        raise RefusedError(
            f"{format_paper_id(paper)} belongs to the edition of {own}, not of {day.isoformat()}."
        )


def _told(ended: Sequence[Pick]) -> str:
    return "; ".join(f"picked by {p.by}{f': {p.note}' if p.note else ''}" for p in ended)


def _log(
    connection: Connection, actor: Actor, action: str, paper: PaperId, day: str, note: str, now: str
) -> None:
    subject = f"paper {format_paper_id(paper)} on {day}"
    actions.note(connection, actor.id, action, subject, note, now)
