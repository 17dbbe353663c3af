"""What is decided of issues: who is due, what was covered and had before, and the ledger's rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, or_, select, update

from broadsheet.collection import schema
from broadsheet.collection.subscriptions import LETTER, Row, chosen

COUNTED: Final = ("ready", "claimed", "sent", "unknown", "empty")
"""The states of digests whose papers were delivered, or may have been, or will be."""
RESTORED: Final = "restored"
"""The key under which a record that came from a backup says since when it is here."""
_CHUNK = 5000
_digests, _had, _papers = schema.digests.c, schema.had.c, schema.papers.c
_subscriptions, _changes, _runs = schema.subscriptions.c, schema.changes.c, schema.runs.c


class Covered(NamedTuple):
    """What the last issue of a subscription covered: papers until a day, and of the change log."""

    until: str
    cut: int


class LastRun(NamedTuple):
    """What came of the last harvest of a source."""

    source: str
    started: str
    outcome: str
    reason: str


class Made(NamedTuple):
    """What was decided of an issue; the columns of `schema.digests`.

    `had` has the papers in it with what is noted of each, and `next_due` is when the next issue is.
    `words` say why it was stopped.
    """

    subscription: int
    recipient: int
    was_due: str
    issue: str
    due: str
    ends: str
    state: str
    until: str
    cut: int
    body: str
    had: Mapping[int, str]
    next_due: str
    words: str = ""


# ---------------------------------------------------------------------------- who is due


def due(connection: Connection, now: str) -> list[int]:
    """Return the active subscriptions that are due, those of one recipient together."""
    is_due = (_subscriptions.state == "active") & (_subscriptions.next_due <= now)
    order = (_subscriptions.recipient_id, _subscriptions.id)
    return list(
        connection.execute(select(_subscriptions.id).where(is_due).order_by(*order)).scalars()
    )


def rows(connection: Connection, subscriptions: Sequence[int]) -> list[Row]:
    """Return subscriptions with their recipients, in order of recipient and number."""
    order = (_subscriptions.recipient_id, _subscriptions.id)
    statement = chosen().where(_subscriptions.id.in_(subscriptions)).order_by(*order)
    return [Row(*row) for row in connection.execute(statement)]


def restored(connection: Connection) -> str:
    """Return when the record was restored from a backup, "" if it never was."""
    keys = schema.keys.c
    found: str | None = connection.execute(select(keys.value).where(keys.name == RESTORED)).scalar()
    return found or ""


# ---------------------------------------------------------------------------- what went before


def _counts(digest: Any) -> ColumnElement[bool]:
    """Say whether the papers of a digest count as had: also once it was sent, whatever became then.

    A person may have let it be sent again, which may have failed.
    """
    return or_(digest.state.in_(COUNTED), digest.sent.is_not(None))


def covered(connection: Connection, subscriptions: Sequence[int], now: str) -> dict[int, Covered]:
    """Return what the last issues covered, of those subscriptions that had one that counts.

    What was due after `now` was composed by a clock that was ahead, and covers nothing.
    """
    inner = schema.digests.alias()
    last = (
        select(inner.c.id)
        .where(
            inner.c.subscription_id == _subscriptions.id, inner.c.issue < LETTER,
            inner.c.due <= now, _counts(inner.c),
        )
        .order_by(inner.c.issue.desc())
        .limit(1)
        .scalar_subquery()
    )  # fmt: skip
    statement = (
        select(_subscriptions.id, _digests.until, _digests.cut)
        .join_from(schema.subscriptions, schema.digests, _digests.id == last)
        .where(_subscriptions.id.in_(subscriptions))
    )
    return {number: Covered(*rest) for number, *rest in connection.execute(statement)}


def begun(connection: Connection, subscriptions: Collection[int]) -> dict[int, str]:
    """Return when the first issues were due, of those subscriptions that had any, sent or not."""
    number = _digests.subscription_id
    is_issue = number.in_(subscriptions) & (_digests.issue < LETTER)
    statement = select(number, func.min(_digests.due)).where(is_issue).group_by(number)
    return dict(connection.execute(statement).all())


def had(
    connection: Connection, recipients: Collection[int], into: Mapping[int, int]
) -> dict[int, dict[int, str]]:
    """Return for each recipient those papers that they had, each with what was noted of it.

    `into` has all papers to look for, each with the one that it is (a part of) now: having had a
    part is having had the whole.
    """
    found: defaultdict[int, dict[int, str]] = defaultdict(dict)
    if not into:
        return found
    # A join would be begun at all digests there are in these states.
    counts = select(_counts(_digests)).where(_digests.id == _had.digest_id).scalar_subquery()
    statement = select(_had.recipient_id, _had.paper_id, _had.updated).where(
        _had.recipient_id.in_(recipients),
        # The papers of an issue are the newest, so that this leaves out nearly all others.
        _had.paper_id.between(min(into), max(into)),
        counts,
    )
    for recipient, paper, updated in connection.execute(statement):
        if (here := into.get(paper)) is not None:
            own = found[recipient]
            own[here] = max(updated, own.get(here, ""))
    return found


def parts(connection: Connection, papers: Collection[int]) -> dict[int, int]:
    """Return `papers`, and those that were merged into one of them, each with what it is now."""
    found = {paper: paper for paper in papers}
    for chunk in _chunks(papers):
        statement = select(_papers.id, _papers.merged_into).where(_papers.merged_into.in_(chunk))
        found.update(connection.execute(statement).all())
    return found


def less(connection: Connection, recipients: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Return for each recipient the papers of which they want less, in order."""
    table, found = schema.feedback.c, defaultdict[int, list[int]](list)
    statement = (
        select(table.recipient_id, func.coalesce(_papers.merged_into, _papers.id))
        .join_from(schema.feedback, schema.papers, _papers.id == table.paper_id)
        .where(table.kind == "less", table.recipient_id.in_(recipients))
        .order_by(table.recipient_id, table.paper_id)
    )
    for recipient, paper in connection.execute(statement):
        found[recipient].append(paper)
    return {recipient: tuple(papers) for recipient, papers in found.items()}


# ---------------------------------------------------------------------------- papers


def updated(connection: Connection, papers: Collection[int]) -> dict[int, str]:
    """Return the day of the newest version of papers, "" where none is known."""
    found: dict[int, str] = {}
    for chunk in _chunks(papers):
        statement = select(_papers.id, func.coalesce(_papers.updated, ""))
        rows = connection.execute(statement.where(_papers.id.in_(chunk)))
        found.update(rows.all())
    return found


def between(connection: Connection, papers: Collection[int], first: str, last: str) -> list[int]:
    """Return those of `papers` that are of the days from `first` to `last`, in order."""
    found: list[int] = []
    for chunk in _chunks(papers):
        is_here = _papers.id.in_(chunk) & _papers.merged_into.is_(None)
        statement = select(_papers.id).where(is_here, _papers.edition.between(first, last))
        found += connection.execute(statement).scalars()
    return sorted(found)


def came_after(connection: Connection, cut: int, until: str) -> set[int]:
    """Return the papers that came after a place in the change log.

    They were not there then, or no more, or only first seen after the day `until` and so of none
    of the days until it.
    """
    changed = set(
        connection.execute(
            select(_changes.paper_id).where(_changes.sequence > cut, _changes.kind == "put")
        ).scalars()
    )
    there: set[int] = set()
    for chunk in _chunks(changed):
        last = (
            select(_changes.paper_id, _changes.kind, func.max(_changes.sequence))
            .where(_changes.sequence <= cut, _changes.paper_id.in_(chunk))
            .group_by(_changes.paper_id)
        )
        put = {paper for paper, kind, _ in connection.execute(last) if kind == "put"}
        early = select(_papers.id).where(
            _papers.id.in_(put), func.substr(_papers.first_seen, 1, 10) <= until
        )
        there.update(connection.execute(early).scalars())
    return changed - there


def _chunks(papers: Collection[int]) -> Iterable[list[int]]:
    ordered = sorted(papers)
    return (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))


# ---------------------------------------------------------------------------- sources


def last_runs(connection: Connection, sources: Collection[str]) -> list[LastRun]:
    """Return of each source its last harvest that has ended, in order of their names."""
    ended = (_runs.kind == "harvest") & _runs.ended.is_not(None) & _runs.source.in_(sources)
    newest = select(func.max(_runs.id)).where(ended).group_by(_runs.source)
    columns = (_runs.source, _runs.started, _runs.outcome, _runs.reason)
    statement = select(*columns).where(_runs.id.in_(newest)).order_by(_runs.source)
    return [LastRun(*row) for row in connection.execute(statement)]


# ---------------------------------------------------------------------------- writing


def keep(connection: Connection, made: Sequence[Made], now: str) -> list[Made]:
    """Keep what was decided of issues; return what was kept.

    What is no more as it was when it was decided, or was decided before, is left out; a
    subscription goes on to its next issue in either case, unless somebody has changed that.
    """
    numbers = [m.subscription for m in made]
    is_active = _subscriptions.id.in_(numbers) & (_subscriptions.state == "active")
    dues = dict(
        connection.execute(
            select(_subscriptions.id, _subscriptions.next_due).where(is_active)
        ).all()
    )
    there = (_digests.subscription_id.in_(numbers), _digests.issue.in_({m.issue for m in made}))
    known = set(connection.execute(select(_digests.subscription_id, _digests.issue).where(*there)))
    due = [m for m in made if dues.get(m.subscription) == m.was_due]
    kept = [m for m in due if (m.subscription, m.issue) not in known]
    _insert(connection, kept, now)
    if due:
        connection.execute(
            update(schema.subscriptions)
            .where(_subscriptions.id == bindparam("number"))
            .values(next_due=bindparam("next")),
            [{"number": m.subscription, "next": m.next_due} for m in due],
        )
    return kept


def _insert(connection: Connection, made: Sequence[Made], now: str) -> None:
    start = connection.execute(select(func.coalesce(func.max(_digests.id), 0))).scalar_one() + 1
    digests = [
        {
            "id": number, "subscription_id": m.subscription, "issue": m.issue, "due": m.due,
            "ends": m.ends, "state": m.state, "until": m.until, "cut": m.cut, "body": m.body,
            "papers": len(m.had), "made": now, "next_try": now if m.state == "ready" else None,
        }
        for number, m in enumerate(made, start)
    ]  # fmt: skip
    papers = [
        {"recipient_id": m.recipient, "paper_id": paper, "digest_id": number, "updated": updated}
        for number, m in enumerate(made, start)
        for paper, updated in m.had.items()
    ]
    attempts = [
        {"digest_id": number, "at": now, "outcome": "stopped", "words": m.words}
        for number, m in enumerate(made, start)
        if m.words
    ]
    for table, rows in (
        (schema.digests, digests),
        (schema.had, papers),
        (schema.attempts, attempts),
    ):
        if rows:
            connection.execute(insert(table), rows)
