"""Runs of import and harvest, what they set aside, and the pages they kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from broadsheet.collection import schema
from broadsheet.errors import RecordError
from broadsheet.papers.types import SavedPage


class Reject(NamedTuple):
    """One record that was set aside: `place` is its line in the file or position on the page."""

    source: str
    place: int
    reason: str
    excerpt: str
    seen: str


Kind = Literal["import", "harvest", "backfill", "enrich", "add"]


class Run(NamedTuple):
    """One import, harvest, backfill or enrichment, with its outcome in words.

    `source` is the path of an import, else the name of a source. `slot` is the due time that it
    served, None if somebody asked for it. `parts` tells of each part what became of it: a dict of
    `part`, `outcome`, `counts`, `error` and `until`.
    """

    id: int
    source: str
    started: str
    ended: str | None
    outcome: str
    reason: str
    counts: dict[str, int]
    kind: Kind = "import"
    slot: str | None = None
    parts: Sequence[dict[str, Any]] = ()


def begin(
    connection: Connection, source: str, now: str, kind: Kind = "import", slot: str | None = None
) -> int:
    """Note that a run of `source` has begun; return its id.

    Only one process imports at a time, and only one harvests a source, so a run that never ended
    was cut off: it is noted as such.
    """
    run = schema.runs.c
    of_same = (run.kind == kind) & ((run.source == source) | (run.kind == "import"))
    connection.execute(
        update(schema.runs)
        .where(run.outcome == "running", of_same)
        .values(outcome="cut off", ended=now)
    )
    row = {
        "source": source, "started": now, "outcome": "running", "reason": "", "counts": {},
        "cursor": 0, "kind": kind, "slot": slot, "parts": [],
    }  # fmt: skip
    statement = insert(schema.runs).values(row).returning(schema.runs.c.id)
    return int(connection.execute(statement).scalar_one())


def advance(connection: Connection, run: int, cursor: int, counts: Mapping[str, int]) -> None:
    """Note how far a run has come, in the transaction that keeps what it brought."""
    connection.execute(
        update(schema.runs)
        .where(schema.runs.c.id == run)
        .values(cursor=cursor, counts=dict(counts))
    )


def finish(
    connection: Connection,
    run: int,
    outcome: str,
    reason: str,
    now: str,
    parts: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Note that a run has ended, and how each of its parts did."""
    connection.execute(
        update(schema.runs)
        .where(schema.runs.c.id == run)
        .values(outcome=outcome, reason=reason, ended=now, parts=[dict(p) for p in parts])
    )


def is_running(connection: Connection, since: str) -> bool:
    """Return whether a run that began after `since` has not ended, be it only cut off."""
    run = schema.runs.c
    running = select(run.id).where(run.outcome == "running", run.started > since).limit(1)
    return connection.execute(running).first() is not None


def recent(
    connection: Connection, limit: int, *, source: str | None = None, kind: Kind | None = None
) -> list[Run]:
    """Return the newest runs, newest first; of one source or kind, if one is named."""
    run = schema.runs.c
    statement = select(*(run[name] for name in Run._fields)).order_by(run.id.desc()).limit(limit)
    if source is not None:
        statement = statement.where(run.source == source)
    if kind is not None:
        statement = statement.where(run.kind == kind)
    return [_run(row) for row in connection.execute(statement)]


def _run(row: Sequence[Any]) -> Run:
    found = Run(*row)
    return found._replace(parts=tuple(found.parts))


def set_aside(connection: Connection, run: int, errors: Iterable[RecordError], now: str) -> None:
    """Keep what could not be filed; the same place of the run's source is kept once."""
    rows = _reject_rows(run, errors, now)
    if not rows:
        return
    table, of_run = schema.rejects, schema.runs.c
    source = connection.execute(select(of_run.source).where(of_run.id == run)).scalar_one()
    at_place = (table.c.source == source) & (table.c.place == bindparam("at"))
    connection.execute(delete(table).where(at_place), [{"at": row["place"]} for row in rows])
    connection.execute(insert(table), [row | {"source": source} for row in rows])


def set_aside_again(
    connection: Connection, run: int, source: str, errors: Iterable[RecordError], now: str
) -> None:
    """Keep what a source gave that could not be filed; what it gives time and again is kept once.

    Places in an answer tell nothing of other answers, so what was seen tells them apart.
    """
    rows = [row | {"source": source} for row in _reject_rows(run, errors, now)]
    if not rows:
        return
    table = schema.rejects
    same = [table.c[name] == bindparam(f"same_{name}") for name in ("source", "reason", "excerpt")]
    seen = [{f"same_{n}": row[n] for n in ("source", "reason", "excerpt")} for row in rows]
    connection.execute(delete(table).where(*same), seen)
    connection.execute(insert(table), rows)


def _reject_rows(run: int, errors: Iterable[RecordError], now: str) -> list[dict[str, Any]]:
    rows: dict[int, dict[str, Any]] = {
        e.place: {
            "run_id": run, "place": e.place, "reason": e.reason, "excerpt": e.excerpt, "seen": now,
        }
        for e in errors
    }  # fmt: skip
    return list(rows.values())


def rejects(connection: Connection, limit: int) -> list[Reject]:
    """Return what was set aside, newest first."""
    columns = [schema.rejects.c[name] for name in Reject._fields]
    statement = select(*columns).order_by(schema.rejects.c.id.desc()).limit(limit)
    return [Reject(*row) for row in connection.execute(statement)]


def count_rejects(connection: Connection) -> int:
    """Return how many records stand aside."""
    return connection.execute(select(func.count()).select_from(schema.rejects)).scalar_one()


def keep_page(connection: Connection, page: SavedPage, now: str) -> bool:
    """Keep a saved page; a day that an earlier saving did not know is added, never removed.

    Returns whether the page was known before with another day, so that its papers move.
    """
    table = schema.pages
    known = connection.execute(select(table.c.day).where(table.c.key == page.key)).first()
    if known is None:
        row = {name: getattr(page, name) for name in ("key", "name", "day_seen", "day", "entries")}
        connection.execute(insert(table), row | {"header": list(page.header), "first_seen": now})
        return False
    if page.day is None or page.day == known.day:
        return False
    connection.execute(update(table).where(table.c.key == page.key).values(day=page.day))
    return True


def pages(connection: Connection) -> list[SavedPage]:
    """Return the kept pages, oldest first."""
    table = schema.pages.c
    columns = (table.key, table.name, table.header, table.day_seen, table.day, table.entries)
    statement = select(*columns).order_by(table.first_seen, table.key)
    return [
        SavedPage(r.key, r.name, tuple(r.header), r.day_seen, r.day, r.entries)
        for r in connection.execute(statement)
    ]


def places_of(connection: Connection, paper_id: int) -> list[tuple[SavedPage, int]]:
    """Return the pages that a paper stands on, with its position on each."""
    table, page = schema.places.c, schema.pages.c
    statement = (
        select(page.key, page.name, page.header, page.day_seen, page.day, page.entries,
               table.position)
        .join(schema.pages, page.key == table.page)
        .where(table.paper_id == paper_id)
        .order_by(page.name, table.position)
    )  # fmt: skip
    return [
        (SavedPage(r.key, r.name, tuple(r.header), r.day_seen, r.day, r.entries), r.position)
        for r in connection.execute(statement)
    ]
