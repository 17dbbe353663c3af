"""What a collection holds and how it does: counts, and warnings in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from broadsheet.collection import runs, schema
from broadsheet.collection.runs import Run

OLD_BACKUP = timedelta(days=30)
LITTLE_SPACE = 500_000_000
"""Bytes; with less left on the disk an import may not end well."""
LONG_WAIT = timedelta(hours=1)
MANY = 1000
"""A collection of so many papers is worth a backup."""


class SourceCount(NamedTuple):
    """How many records a source gave, and when one of them last came or changed."""

    source: str
    records: int
    last_changed: str


class Counts(NamedTuple):
    """How much the record holds."""

    papers: int
    records: int
    days: int
    first_day: str | None
    last_day: str | None
    sources: list[SourceCount]
    rejects: int
    decisions: int


def counts(connection: Connection) -> Counts:
    """Return how much the record holds, by source and in all."""
    days, records, made = schema.days.c, schema.records.c, schema.decisions.c
    of_days = select(func.sum(days.papers), func.count(), func.min(days.day), func.max(days.day))
    papers, number, first, last = connection.execute(of_days.where(days.papers > 0)).one()
    by_source = select(records.source, func.count(), func.max(records.last_changed))
    sources = [
        SourceCount(*row)
        for row in connection.execute(by_source.group_by(records.source).order_by(records.source))
    ]
    standing = select(func.count()).select_from(schema.decisions).where(made.undone.is_(None))
    return Counts(
        papers or 0,
        sum(s.records for s in sources),
        number,
        first,
        last,
        sources,
        runs.count_rejects(connection),
        connection.execute(standing).scalar_one(),
    )


class Mail(NamedTuple):
    """What is in the ledger of digests: how many are in each state.

    `oldest` is since when the one that waits longest could be sent, None if none waits.
    """

    digests: dict[str, int]
    oldest: str | None


def mail(connection: Connection) -> Mail:
    """Return how what goes out does."""
    digests = schema.digests.c
    states = digests.state
    rows = connection.execute(select(states, func.count()).group_by(states).order_by(states))
    since = func.coalesce(digests.next_try, digests.made)
    waiting = select(func.min(since)).where(states == "ready")
    counts = {str(state): int(count) for state, count in rows}
    return Mail(counts, connection.execute(waiting).scalar_one())


def warnings(
    found: Counts,
    recent: Iterable[Run],
    *,
    outgoing: Mail,
    notice: str,
    free: int,
    last_backup: str | None,
    now: datetime,
) -> list[str]:
    """Return what a person should know and could mend, in sentences; pure.

    `outgoing` is the ledger, `notice` what the index says of itself, `free` the bytes left on the
    disk, `last_backup` the time of the newest backup that is known of.
    """
    said = [_of_run(run) for run in _newest_of_each(recent)]
    if notice:
        said.append(f"The index: {notice}.")
    if found.rejects:
        said.append(f"{found.rejects:,} records were set aside: `broadsheet rejects` says why.")
    if free < LITTLE_SPACE:
        said.append(f"Only {free / 1e6:,.0f} MB are left on the disk.")
    if found.papers >= MANY:
        said.append(_of_backup(last_backup, now))
    return [*filter(None, said), *_of_mail(outgoing, now)]


def _of_mail(found: Mail, now: datetime) -> Iterator[str]:
    if unknown := found.digests.get("unknown"):
        yield (
            f"Of {unknown:,} digests nobody knows whether they arrived: "
            "`broadsheet deliveries --state unknown` lists them."
        )
    if found.oldest is not None and now - datetime.fromisoformat(found.oldest) > LONG_WAIT:
        yield (
            f"Digests wait to be sent since {found.oldest}: `broadsheet serve` or "
            "`broadsheet deliver` sends them, and `broadsheet deliveries` says what is wrong."
        )


def _newest_of_each(recent: Iterable[Run]) -> list[Run]:
    """Return the newest run of each kind and source; `recent` has the newest first."""
    newest: dict[tuple[str, str], Run] = {}
    for run in recent:
        newest.setdefault((run.kind, run.source), run)
    return list(newest.values())


def _of_run(run: Run) -> str:
    what = _WHAT.get(run.kind, run.kind)
    if run.outcome == "failed":
        # A harvest says itself that it failed.
        reason = run.reason.removeprefix("Failed: ").rstrip(".")
        return f"The last {what} {run.source} failed: {reason}."
    if run.outcome == "cut off":
        on = "import it again to get the rest" if run.kind == "import" else "the next one goes on"
        return f"The last {what} {run.source} was cut off: {on}."
    if run.outcome in {"partly failed", "suspicious"}:
        return f"The last {what} {run.source}: {run.reason}"
    return ""


_WHAT = {
    "import": "import of",
    "harvest": "harvest of",
    "backfill": "backfill of",
    "enrich": "asking of",
    "add": "adding from",
}


def _of_backup(last: str | None, now: datetime) -> str:
    if last is None:
        return "There is no backup yet: `broadsheet backup FILE` makes one."
    if now - datetime.fromisoformat(last) > OLD_BACKUP:
        return f"The last backup is of {last[:10]}: `broadsheet backup FILE` makes a new one."
    return ""
