"""Author claims: readers who say that they wrote a paper, and how that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from broadsheet.collection import actions, notices
from broadsheet.collection import claims as store
from broadsheet.collection import papers as filed
from broadsheet.collection.claims import Claim, State
from broadsheet.collection.database import Database
from broadsheet.collection.readers import acting
from broadsheet.collection.together import Together
from broadsheet.errors import NotFoundError, RefusedError, TooOften
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.text import clean
from broadsheet.papers.types import Paper
from broadsheet.readers.permissions import Actor
from broadsheet.readers.proofs import author_named, author_with, proof

MOST_WAITING: Final = 10
"""Claims of one reader that may wait for an admin at a time."""
MOST_A_DAY: Final = 100
"""Claims of one reader within 24 hours, those that were withdrawn among them."""
MOST_NOTE: Final = 2000
"""Characters of a note."""


class ClaimNotFound(NotFoundError):  # noqa: N818 (named for what it says, as PaperNotFound)
    """No claim has this number."""

    kind = "claim"


class Claims:
    """The claims of a collection; safe to share between threads."""

    def __init__(
        self, database: Database, together: Together, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._together = together
        self._clock = clock

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    # ------------------------------------------------------------------ reading

    def authors_of(self, paper_id: int) -> Mapping[int, str]:
        """Return the readers who are known to have written a paper, with their names in it.

        Claims to what became part of the paper by a merge count, too.
        """
        with self._database.read() as connection:
            return store.authors_of(connection, paper_id)

    def of_paper(self, paper_id: int) -> list[Claim]:
        """Return the granted claims to a paper, oldest first, one for each reader."""
        with self._database.read() as connection:
            found = store.of_paper(connection, paper_id)
            active = store.authors_of(connection, paper_id)
        granted = {c.reader: c for c in found if c.state == "granted" and c.reader in active}
        return list(granted.values())

    def own(self, actor: Actor, paper_id: int) -> Claim | None:
        """Return the actor's newest claim to a paper, None if they never claimed it."""
        if actor.reader is None:
            return None
        with self._database.read() as connection:
            return _newest(store.of_paper(connection, paper_id), actor.reader)

    def claims(self, actor: Actor, limit: int = 100, state: State | None = None) -> list[Claim]:
        """Return the newest claims, newest first: all of them to admins, to others their own."""
        actor.require("claim")
        reader = None if actor.may("administer") else actor.id
        with self._database.read() as connection:
            return store.recent(connection, limit, reader=reader, state=state)

    # ------------------------------------------------------------------ claiming

    def claim(self, actor: Actor, ident: str, author: str = "", note: str = "") -> Claim:
        """Claim to be an author of the paper that `ident` leads to, and return what came of it.

        Granted at once where a source says of the paper what the account has verified, its e-mail
        address or ORCID; else it waits for an admin. Without `author` it is the one with the
        account's ORCID, or the only one. What was claimed before is returned as it stands. Raises
        PaperNotFound, RefusedError for a name that is not among the authors, and TooOften.
        """
        actor.require("claim")
        change = acting(actor.id, lambda c: self._claimed(c, actor, ident, author, note))
        return self._together.write(change)

    def _claimed(
        self, connection: Connection, actor: Actor, ident: str, author: str, note: str
    ) -> Claim:
        paper = filed.fetch(connection, [filed.resolve(connection, ident)])[0]
        before = _newest(store.of_paper(connection, paper.id), actor.id)
        if before is not None and before.state in {"waiting", "granted"}:
            return before
        if before is not None and before.state == "refused":
            raise RefusedError("An admin has refused this claim. Write to them if that is wrong.")
        chosen, how = _proved(connection, actor, paper, author)
        self._check_often(connection, actor)
        if how == "asked" and not actor.may("administer"):
            self._make_room(connection, actor)
        state: State = "waiting" if how == "asked" else "granted"
        said, now = clean(note)[:MOST_NOTE], self._now()
        number = store.add(connection, paper.id, actor.id, chosen, how, said, state, now)
        if how == "asked" and actor.may("administer"):
            # Whoever decides about claims has no one to wait for; the log says that they did.
            store.decide(connection, number, "granted", actor.id, now)
            _log(connection, actor, "grant claim", paper.id, chosen, now)
        return _found(connection, number)

    def _check_often(self, connection: Connection, actor: Actor) -> None:
        made = store.recent(connection, MOST_A_DAY, reader=actor.id)
        if len(made) < MOST_A_DAY:
            return
        ends = datetime.fromisoformat(made[-1].at) + timedelta(days=1)
        seconds = (ends - self._clock()).total_seconds()
        if seconds > 0:
            told = f"These are more than {MOST_A_DAY} claims in a day. Try again tomorrow."
            raise TooOften(told, retry_after=seconds)

    @staticmethod
    def _make_room(connection: Connection, actor: Actor) -> None:
        waiting = store.recent(connection, MOST_WAITING, reader=actor.id, state="waiting")
        if len(waiting) >= MOST_WAITING:
            raise RefusedError(
                f"{MOST_WAITING} of your claims wait for an admin already; more can be made once "
                "they are decided. An ORCID in the account proves claims at once."
            )

    # ------------------------------------------------------------------ deciding

    def decide(self, actor: Actor, number: int, *, is_granted: bool, reason: str = "") -> Claim:
        """Grant or refuse a claim, also one that was decided before; its reader gets a notice.

        Raises ClaimNotFound, and RefusedError for a claim that was withdrawn.
        """
        actor.require("administer")

        def carry_out(connection: Connection) -> Claim:
            claim = _found(connection, number)
            if claim.state == "ended":
                raise RefusedError("This claim was withdrawn: there is nothing to decide.")
            state: State = "granted" if is_granted else "refused"
            if claim.state == state:
                return claim
            now, said = self._now(), clean(reason)[:MOST_NOTE]
            store.decide(connection, number, state, actor.id, now)
            verb = "grant" if is_granted else "refuse"
            subject = f"{claim.name} as {claim.author}{f': {said}' if said else ''}"
            _log(connection, actor, f"{verb} claim", claim.paper, subject, now)
            told = f"Your claim to be {claim.author} was {state}{f': {said}' if said else '.'}"
            notices.tell(
                connection, claim.reader, "claim", now, by_id=actor.id, paper_id=claim.paper,
                text=told,
            )  # fmt: skip
            return _found(connection, number)

        return self._together.write(carry_out)

    def withdraw(self, actor: Actor, number: int) -> Claim:
        """End a claim of one's own; raises ClaimNotFound if it is none."""
        actor.require("claim")

        def carry_out(connection: Connection) -> Claim:
            claim = _found(connection, number)
            if claim.reader != actor.id:
                raise ClaimNotFound(str(number))
            if claim.state in {"waiting", "granted"}:
                store.decide(connection, number, "ended", actor.id, self._now())
            return _found(connection, number)

        return self._together.write(carry_out)


def _proved(
    connection: Connection, actor: Actor, paper: Paper, author: str
) -> tuple[str, store.How]:
    """Return which author of a paper somebody says that they are, and by what that is known."""
    records = [found.record for found in filed.records_of(connection, paper.id)]
    email, orcid = store.proofs_of(connection, actor.id)
    chosen = _author(paper.authors, author or author_with(records, paper.authors, orcid) or "")
    return chosen, proof(records, chosen, email, orcid) or "asked"


def _found(connection: Connection, number: int) -> Claim:
    found = store.find(connection, number)
    if found is None:
        raise ClaimNotFound(str(number))
    return found


def _newest(claims: Sequence[Claim], reader: int) -> Claim | None:
    return next((claim for claim in reversed(claims) if claim.reader == reader), None)


def _author(authors: Sequence[str], name: str) -> str:
    """Return the author whom a name means, the only one if none is said; raises RefusedError."""
    if not authors:
        raise RefusedError("No source names the authors of this paper, so nobody can be one.")
    if not name.strip():
        if len(authors) == 1:
            return authors[0]
        raise RefusedError("Say which of the authors you are, as the paper names them.")
    found = author_named(authors, name)
    if found is None:
        raise RefusedError(f"“{name[:100]}” is not among the authors that this paper names.")
    return found


def _log(
    connection: Connection, actor: Actor, action: str, paper: int, note: str, now: str
) -> None:
    actions.note(connection, actor.id, action, f"paper {format_paper_id(paper)}", note, now)
