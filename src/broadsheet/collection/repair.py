"""Making again what follows from the records: papers, their ids and days, and counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, insert, select, update

from broadsheet.collection import papers, schema
from broadsheet.papers import filing
from broadsheet.papers.filing import Filed, Intents

BATCH = 500
"""Papers that are composed anew in one transaction."""


def recompose(connection: Connection, ids: list[int], now: str) -> int:
    """Compose papers anew from their records; write those that differ, and return how many did."""
    intents = filing.refresh(papers.known_papers(connection, ids), now)
    stored = {p.id: p for p in papers.fetch(connection, ids)}
    given = _ids_given(connection, ids)
    again = _days_again(connection, ids)
    differing = [
        f
        for f in intents.papers
        if f.paper != stored.get(f.id)
        or {(i.namespace, i.value) for i in f.ids} != given.get(f.id, set())
        or _appearances(f) != again.get(f.id, set())
    ]
    if differing:
        papers.carry_out(connection, Intents(differing, {}, {}, []), {}, now)
    _rehash(connection, intents.papers)
    return len(differing)


def _rehash(connection: Connection, found: Sequence[Filed]) -> None:
    """Write the hash of each record's folded title where the rule of folding has changed since."""
    table = schema.records
    right = {
        key: papers.hash64(filed.evidence_of(key).key) for filed in found for key in filed.records
    }
    said = select(table.c.id, table.c.source, table.c.key, table.c.title_hash).where(
        table.c.paper_id.in_([filed.id for filed in found])
    )
    for row in connection.execute(said).all():
        if row.title_hash != right[row.source, row.key]:
            connection.execute(
                update(table)
                .where(table.c.id == row.id)
                .values(title_hash=right[row.source, row.key])
            )


def _ids_given(connection: Connection, ids: list[int]) -> dict[int, set[tuple[str, str]]]:
    table = schema.external_ids.c
    found: dict[int, set[tuple[str, str]]] = {}
    rows = select(table.paper_id, table.namespace, table.value).where(table.paper_id.in_(ids))
    for paper_id, namespace, value in connection.execute(rows):
        found.setdefault(paper_id, set()).add((namespace, value))
    return found


def _days_again(connection: Connection, ids: list[int]) -> dict[int, set[tuple[str, str]]]:
    table = schema.appearances.c
    found: dict[int, set[tuple[str, str]]] = {}
    rows = select(table.paper_id, table.day, table.kind).where(table.paper_id.in_(ids))
    for paper_id, day, kind in connection.execute(rows):
        found.setdefault(paper_id, set()).add((day, kind))
    return found


def _appearances(filed: Filed) -> set[tuple[str, str]]:
    return {(a.day, a.kind) for a in filed.stamp.again} if filed.stamp else set()


def recount(connection: Connection, now: str) -> int:
    """Count the papers of every day anew; return how many days were counted wrong."""
    table, of = schema.days, schema.papers.c
    counted = select(of.edition, func.count().label("papers")).where(of.merged_into.is_(None))
    rows = connection.execute(counted.group_by(of.edition))
    again = connection.execute(select(schema.appearances.c.day).distinct()).scalars()
    right = dict.fromkeys(again, 0) | {row.edition: row.papers for row in rows}
    said = {r.day: r.papers for r in connection.execute(select(table.c.day, table.c.papers))}
    wrong = {d for d in right.keys() | said.keys() if right.get(d, 0) != said.get(d)}
    sequence = papers.last_sequence(connection)
    for day in sorted(wrong):
        facts = {"papers": right.get(day, 0), "touched": sequence, "changed": now}
        if day in said:
            connection.execute(update(table).where(table.c.day == day).values(facts))
        else:
            connection.execute(insert(table), [{"day": day, **facts}])
    return len(wrong)


def batches(ids: list[int]) -> Iterator[list[int]]:
    """Yield `ids` in batches, for one transaction each."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
