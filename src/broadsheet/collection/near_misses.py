"""The near misses that were found the last time somebody looked, until they are decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from broadsheet.collection import decisions, papers, schema
from broadsheet.papers.duplicates import NearMiss


class Look(NamedTuple):
    """When near misses were last looked for: up to which change, and how many changes ago."""

    sequence: int
    behind: int


def last_look(connection: Connection) -> Look | None:
    """Return when somebody last looked and found something, None if nobody did."""
    sequence = connection.execute(select(func.max(schema.near_misses.c.sequence))).scalar()
    if sequence is None:
        return None
    return Look(sequence, papers.last_sequence(connection) - sequence)


def keep(connection: Connection, found: Iterable[NearMiss], sequence: int) -> None:
    """Keep what was found in place of what was found before."""
    connection.execute(delete(schema.near_misses))
    rows = [
        {"one": m.one.id, "other": m.other.id, "kind": m.kind, "score": m.score,
         "reasons": list(m.reasons), "sequence": sequence}
        for m in found
    ]  # fmt: skip
    if rows:
        connection.execute(insert(schema.near_misses), rows)


def undecided(connection: Connection, limit: int, paper: int | None = None) -> list[NearMiss]:
    """Return the surest near misses of which nobody has decided yet; with `paper`, those of it."""
    table = schema.near_misses.c
    statement = select(table.one, table.other, table.kind, table.score, table.reasons)
    if paper is not None:
        statement = statement.where((table.one == paper) | (table.other == paper))
    rows = connection.execute(statement.order_by(table.score.desc(), table.one, table.other)).all()
    apart = decisions.told_apart(connection)
    alive = _alive(connection, {i for row in rows for i in row[:2]})
    open_ones = [
        row for row in rows
        if row.one in alive and row.other in alive
        and (min(row.one, row.other), max(row.one, row.other)) not in apart
    ][:limit]  # fmt: skip
    read = {p.id: p for p in papers.fetch(connection, [i for row in open_ones for i in row[:2]])}
    return [
        NearMiss(read[row.one], read[row.other], row.kind, row.score, tuple(row.reasons))
        for row in open_ones
    ]


def _alive(connection: Connection, ids: Iterable[int]) -> set[int]:
    table = schema.papers.c
    found: set[int] = set()
    wanted = sorted(ids)
    for start in range(0, len(wanted), 5000):
        part = wanted[start : start + 5000]
        statement = select(table.id).where(table.id.in_(part), table.merged_into.is_(None))
        found |= set(connection.execute(statement).scalars())
    return found
