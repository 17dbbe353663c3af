"""What people decide about papers: which are the same, and which are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from sqlalchemy import Connection

from broadsheet.collection import actions, near_misses
from broadsheet.collection import decisions as store
from broadsheet.collection import papers as filed
from broadsheet.collection.database import Database
from broadsheet.collection.decisions import Decision
from broadsheet.errors import DecisionError
from broadsheet.papers.duplicates import NearMiss
from broadsheet.papers.duplicates import near_misses as find_near_misses
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import PaperId, Record
from broadsheet.readers.permissions import OWNER, Actor

FEW = 5000
"""So many papers are compared with each other while somebody waits for a page."""
_AT_ONCE = 10_000


class Deciding:
    """Decisions by hand about a collection, each in the log with who made it."""

    def __init__(
        self,
        database: Database,
        writing: Callable[[], AbstractContextManager[None]],
        sync: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        """Decide with `writing` held, in which `sync` feeds the index what a decision changed.

        Who makes a decision must be allowed to `curate`.
        """
        self._database = database
        self._writing = writing
        self._sync = sync
        self._clock = clock

    def merge(self, one: str, other: str, note: str = "", *, by: Actor = OWNER) -> Decision:
        """Make the papers that two ids lead to one, for ever; raises DecisionError, PaperNotFound.

        The older one stays, and the address of the other leads to it.
        """
        return self._decide(
            by, lambda c: store.merge(c, *self._pair(c, one, other), self._now(), note)
        )

    def split(self, ident: str, record: str, note: str = "", *, by: Actor = OWNER) -> Decision:
        """Make a record of a paper a paper of its own, for ever; raises DecisionError.

        `record` is `source:key` as the paper's page shows it, or the key alone.
        """

        def carry_out(connection: Connection) -> int:
            paper = filed.resolve(connection, ident)
            key = _record_named(record, [f.record for f in filed.records_of(connection, paper)])
            return store.split(connection, paper, key, self._now(), note)

        return self._decide(by, carry_out)

    def tell_apart(self, one: str, other: str, note: str = "", *, by: Actor = OWNER) -> Decision:
        """Decide that two papers are not the same, for ever; raises DecisionError."""
        return self._decide(
            by, lambda c: store.apart(c, *self._pair(c, one, other), self._now(), note)
        )

    def undo(self, number: int, *, by: Actor = OWNER) -> Decision:
        """Take a decision back; raises DecisionError if that cannot be, NotFoundError if none."""

        def carry_out(connection: Connection) -> int:
            store.undo(connection, number, self._now())
            return number

        return self._decide(by, carry_out, "undo")

    def decisions(self, limit: int = 100, ident: str | None = None) -> list[Decision]:
        """Return the newest decisions, newest first; with `ident`, those about that paper."""
        with self._database.read() as connection:
            paper = filed.resolve(connection, ident) if ident else None
            return store.recent(connection, limit, paper)

    def duplicates(self, limit: int = 100, ident: str | None = None) -> list[NearMiss]:
        """Return pairs of papers that may be one and that nobody has decided, surest first.

        With `ident` only those of that paper. They are those that were found when somebody last
        looked (`look_for_duplicates`); in a collection of at most `FEW` papers they are looked for
        now, if it has changed since.
        """
        with self._database.read() as connection:
            paper = filed.resolve(connection, ident) if ident else None
            look = near_misses.last_look(connection)
            is_old = look is None or look.behind
            if not is_old or filed.count(connection) > FEW:
                return near_misses.undecided(connection, limit, paper)
            found = self._looked(connection, lambda _done, _total: None)
        return [m for m in found if paper is None or paper in {m.one.id, m.other.id}][:limit]

    def look_for_duplicates(self, progress: Callable[[int, int], None]) -> None:
        """Compare all papers that have something rare in common, and keep what may be one."""
        with self._database.read() as connection:
            sequence = filed.last_sequence(connection)
            found = self._looked(connection, progress)
        with self._writing(), self._database.write() as connection:
            near_misses.keep(connection, found, sequence)

    def last_look(self) -> near_misses.Look | None:
        """Return when duplicates were last looked for, None if they never were or none were."""
        with self._database.read() as connection:
            return near_misses.last_look(connection)

    @staticmethod
    def _looked(connection: Connection, progress: Callable[[int, int], None]) -> list[NearMiss]:
        return find_near_misses(
            (paper for papers in filed.every(connection, _AT_ONCE) for paper in papers),
            lambda ids: filed.fetch(connection, ids),
            apart=store.told_apart(connection),
            progress=progress,
        )

    @staticmethod
    def _pair(connection: Connection, one: str, other: str) -> tuple[PaperId, PaperId]:
        return filed.resolve(connection, one), filed.resolve(connection, other)

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _decide(
        self, by: Actor, carry_out: Callable[[Connection], int], action: str = ""
    ) -> Decision:
        """Carry a decision out in one transaction, feed the index, and return the decision."""
        by.require("curate")
        with self._writing():
            with self._database.write() as connection:
                found = store.find(connection, carry_out(connection))
                subject = " and ".join(map(format_paper_id, (found.paper, found.other)))
                actions.note(
                    connection, by.id, action or found.kind, subject, found.note, self._now()
                )
            self._sync()
        return found


def _record_named(name: str, records: Sequence[Record]) -> tuple[str, str]:
    """Return the source and key of the one record that `name` means; raises DecisionError."""
    exact = [r for r in records if f"{r.source}:{r.key}" == name]
    found = exact or [r for r in records if r.key == name]
    if len(found) == 1:
        return found[0].source, found[0].key
    have = ", ".join(f"{r.source}:{r.key}" for r in records[:10])
    raise DecisionError(
        f"{name!r} is {'more than one record' if found else 'no record'} of this paper, "
        f"which is made of {have}"
    )
