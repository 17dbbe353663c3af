"""Signals: what sources counted of the attention to papers, kept as it was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, tuple_

from broadsheet.collection import schema
from broadsheet.papers.types import PaperId

_SLOTS = ("paper_id", "kind", "source", "key", "seen")
_CHUNK = 400


class Observed(NamedTuple):
    """One observation: `key` is the source's record, or what it looked at (a repository)."""

    paper_id: PaperId
    kind: str
    source: str
    key: str
    seen: str
    value: float


def note(connection: Connection, found: Iterable[Observed]) -> int:
    """Keep observations; return how many were not known.

    One that was made before at the same time stays as it was. One whose value is that of the
    observation before it on the same day says nothing new and is left out.
    """
    rows = {tuple(o[:5]): o for o in found}
    known = _known(connection, {o.paper_id for o in rows.values()}) if rows else {}
    fresh = [o for slot, o in rows.items() if not _is_told(o, known.get(slot[:4], ()))]
    if fresh:
        connection.execute(insert(schema.signals), [o._asdict() for o in fresh])
    return len(fresh)


def _known(
    connection: Connection, papers: set[PaperId]
) -> dict[tuple[object, ...], list[tuple[str, float]]]:
    """Return what was observed of some papers, each series in order of time."""
    table, found = schema.signals.c, dict[tuple[object, ...], list[tuple[str, float]]]()
    ids = sorted(papers)
    for start in range(0, len(ids), _CHUNK):
        statement = (
            select(*(table[name] for name in _SLOTS), table.value)
            .where(table.paper_id.in_(ids[start : start + _CHUNK]))
            .order_by(table.seen)
        )
        for *series, seen, value in connection.execute(statement):
            found.setdefault(tuple(series), []).append((seen, value))
    return found


def _is_told(observed: Observed, series: Sequence[tuple[str, float]]) -> bool:
    before = [(seen, value) for seen, value in series if seen <= observed.seen]
    if not before:
        return False
    seen, value = before[-1]
    return seen == observed.seen or (seen[:10] == observed.seen[:10] and value == observed.value)


def of_paper(connection: Connection, paper_id: int) -> list[Observed]:
    """Return all observations of a paper, by kind and source, oldest first."""
    table = schema.signals.c
    statement = (
        select(schema.signals)
        .where(table.paper_id == paper_id)
        .order_by(table.kind, table.source, table.key, table.seen)
    )
    return [_observed(row) for row in connection.execute(statement)]


def follow(
    connection: Connection,
    papers: Sequence[int],
    records: Mapping[tuple[str, str], int],
    merged_into: Mapping[PaperId, PaperId],
) -> None:
    """Let the observations of `papers` follow their records, which were filed, joined or parted.

    What was looked at for a paper and is no record stays with it, or goes where the paper went.
    """
    homes = [
        (o, records.get((o.source, o.key), merged_into.get(o.paper_id, o.paper_id)))
        for o in _of_papers(connection, papers)
    ]
    moved = [(o, PaperId(home)) for o, home in homes if home != o.paper_id]
    if not moved:
        return
    table = schema.signals
    was = tuple_(*(table.c[name] for name in _SLOTS))
    for start in range(0, len(moved), _CHUNK):
        slots = [tuple(o[:5]) for o, _ in moved[start : start + _CHUNK]]
        connection.execute(delete(table).where(was.in_(slots)))
    note(connection, (o._replace(paper_id=home) for o, home in moved))


def _of_papers(connection: Connection, papers: Sequence[int]) -> list[Observed]:
    table, found = schema.signals.c, list[Observed]()
    for start in range(0, len(papers), _CHUNK):
        chunk = papers[start : start + _CHUNK]
        rows = connection.execute(select(schema.signals).where(table.paper_id.in_(chunk)))
        found += [_observed(row) for row in rows]
    return found


def _observed(row: Any) -> Observed:
    return Observed(*(getattr(row, name) for name in Observed._fields))
