"""Where sources go on, what they list, and about which papers they were asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from broadsheet.collection import schema
from broadsheet.papers.types import ExternalId, PaperId

WHOLE = ""
"""The part that stands for a source as a whole."""


class Stand(NamedTuple):
    """Where a part of a source stands: `usual` and `covered` as in `schema.cursors`."""

    value: dict[str, Any]
    usual: float = 0.0
    covered: str | None = None
    updated: str = ""


def stand(connection: Connection, source: str, part: str = WHOLE) -> Stand:
    """Return where a part of a source stands; nothing is known of one that never ran."""
    table = schema.cursors.c
    columns = [table[name] for name in Stand._fields]
    statement = select(*columns).where(table.source == source, table.part == part)
    row = connection.execute(statement).first()
    return Stand(*row) if row else Stand({})


def stands(connection: Connection, source: str) -> dict[str, Stand]:
    """Return where all parts of a source stand."""
    table = schema.cursors.c
    columns = [table[name] for name in Stand._fields]
    statement = select(table.part, *columns).where(table.source == source).order_by(table.part)
    return {part: Stand(*rest) for part, *rest in connection.execute(statement)}


def move(connection: Connection, source: str, part: str, now: str, **changed: Any) -> None:
    """Note where a part stands now, in the transaction that keeps what it brought.

    `changed` has fields of `Stand`; the others stay.
    """
    table = schema.cursors
    where = (table.c.source == source) & (table.c.part == part)
    done = connection.execute(update(table).where(where).values(updated=now, **changed))
    if not done.rowcount:
        row = {"value": {}, "usual": 0.0, "covered": None} | changed
        connection.execute(insert(table), row | {"source": source, "part": part, "updated": now})


# ---------------------------------------------------------------------------- listings


class Listed(NamedTuple):
    """What a source's page of a day listed: external ids by section, and what its headings say."""

    source: str
    category: str
    day: str
    seen: str
    counts: dict[str, int]
    ids: dict[str, list[str]]


def keep_listing(connection: Connection, listed: Listed) -> None:
    """Keep a listing, in place of what the same page said before."""
    table = schema.listings
    where = (
        (table.c.source == listed.source)
        & (table.c.category == listed.category)
        & (table.c.day == listed.day)
    )
    connection.execute(delete(table).where(where))
    connection.execute(insert(table), listed._asdict())


def listings(
    connection: Connection, *, first: str = "", last: str = "9999", category: str | None = None
) -> list[Listed]:
    """Return the listings of some days, newest first, by category."""
    table = schema.listings.c
    statement = select(schema.listings).where(table.day.between(first, last))
    if category is not None:
        statement = statement.where(table.category == category)
    rows = connection.execute(statement.order_by(table.day.desc(), table.category, table.source))
    return [Listed(*(getattr(row, name) for name in Listed._fields)) for row in rows]


def listed_days(connection: Connection) -> list[str]:
    """Return the days of which a listing is kept, in order."""
    day = schema.listings.c.day
    return list(connection.execute(select(day).distinct().order_by(day)).scalars())


class Beside(NamedTuple):
    """How many new papers a source lists in a category, and how many of them a day has here."""

    source: str
    category: str
    listed: int
    here: int


def beside(connection: Connection, day: str) -> list[Beside]:
    """Return what the listings of a day count as new, beside the edition of that day.

    Where there are none, which is usual, that costs one look at a small table.
    """
    found = listings(connection, first=day, last=day)
    if not found:
        return []
    papers, ids = schema.papers.c, schema.external_ids.c
    of_day = (papers.edition == day) & papers.merged_into.is_(None) & (ids.namespace == "arxiv")
    statement = (
        select(ids.value)
        .join_from(schema.papers, schema.external_ids, papers.id == ids.paper_id)
        .where(of_day)
    )
    here = set(connection.execute(statement).scalars())
    return [_beside(listed, here) for listed in found]


def _beside(listed: Listed, here: set[str]) -> Beside:
    new = set(listed.ids.get("new", ()))
    said = max(listed.counts.get("new", 0), len(new))
    return Beside(listed.source, listed.category, said, len(new & here))


# ---------------------------------------------------------------------------- enrichment


class Waiting(NamedTuple):
    """A paper that a source may be asked about; `asked` is when it was the last time, or None."""

    paper: PaperId
    edition: str
    title: str
    external_ids: str
    links: str
    asked: str | None
    kept: dict[str, Any] | None


class Ages(NamedTuple):
    """Of editions since the day `since`, papers last asked about before `before` are due again."""

    since: str
    before: str


def waiting(
    connection: Connection,
    source: str,
    ages: Sequence[Ages],
    limit: int,
    below: tuple[str, int] | None = None,
) -> list[Waiting]:
    """Return papers about which a source should be asked, of the newest editions first.

    Within a day the most upvoted come first. `ages` are given newest first; papers older than all
    of them are asked about once. With `below` they are older than that edition and paper.
    """
    papers, asked = schema.papers, schema.asked
    is_of_paper = and_(asked.c.paper_id == papers.c.id, asked.c.source == source)
    is_due = or_(
        asked.c.at.is_(None),
        *(and_(papers.c.edition >= age.since, asked.c.at < age.before) for age in ages),
    )
    statement = (
        select(
            papers.c.id, papers.c.edition, papers.c.title, papers.c.external_ids, papers.c.links,
            asked.c.at, asked.c.kept,
        )
        .join_from(papers, asked, is_of_paper, isouter=True)
        .where(papers.c.merged_into.is_(None), is_due)
        .limit(limit)
    )  # fmt: skip
    if below is None:
        statement = statement.order_by(
            papers.c.edition.desc(), papers.c.upvotes.desc().nulls_last(), papers.c.id.desc()
        )
    else:
        day, paper = below
        is_below = or_(papers.c.edition < day, and_(papers.c.edition == day, papers.c.id < paper))
        statement = statement.where(is_below).order_by(papers.c.edition.desc(), papers.c.id.desc())
    return [Waiting(*row) for row in connection.execute(statement)]


def note_asked(
    connection: Connection, source: str, kept: Mapping[PaperId, dict[str, Any]], now: str
) -> None:
    """Note that a source was asked about some papers, and what it keeps of each."""
    if not kept:
        return
    table = schema.asked
    of_paper = (table.c.source == source) & (table.c.paper_id == bindparam("paper"))
    connection.execute(delete(table).where(of_paper), [{"paper": paper} for paper in kept])
    connection.execute(
        insert(table),
        [{"source": source, "paper_id": p, "at": now, "kept": value} for p, value in kept.items()],
    )


# ---------------------------------------------------------------------------- what is held


class HeldPaper(NamedTuple):
    """A held paper as reconciliation sees it; `again` has the kinds by later day."""

    paper: PaperId
    edition: str
    title: str
    categories: tuple[str, ...]
    again: dict[str, set[str]]


def held(connection: Connection, ids: Iterable[ExternalId]) -> dict[ExternalId, HeldPaper]:
    """Return those of `ids` that the collection holds, with their papers."""
    table, papers = schema.external_ids.c, schema.papers.c
    wanted: dict[str, list[str]] = {}
    for namespace, value in ids:
        wanted.setdefault(namespace, []).append(value)
    found: dict[ExternalId, HeldPaper] = {}
    for namespace, values in wanted.items():
        for start in range(0, len(values), 500):
            statement = (
                select(table.value, papers.id, papers.edition, papers.title, papers.categories)
                .join_from(schema.external_ids, schema.papers, papers.id == table.paper_id)
                .where(table.namespace == namespace, table.value.in_(values[start : start + 500]))
                .order_by(table.since.desc(), table.paper_id.desc())
            )
            for value, *paper in connection.execute(statement):
                found[ExternalId(namespace, value)] = _held(paper)
    _add_again(connection, found.values())
    return found


def _held(row: Sequence[Any]) -> HeldPaper:
    paper, edition, title, categories = row
    return HeldPaper(paper, edition, title, tuple(orjson.loads(categories)), {})


def _add_again(connection: Connection, papers: Iterable[HeldPaper]) -> None:
    table = schema.appearances.c
    by_id = {paper.paper: paper for paper in papers}
    ids = list(by_id)
    for start in range(0, len(ids), 500):
        statement = select(table.paper_id, table.day, table.kind).where(
            table.paper_id.in_(ids[start : start + 500])
        )
        for paper, day, kind in connection.execute(statement):
            by_id[paper].again.setdefault(day, set()).add(kind)


def of_day(connection: Connection, day: str, category: str) -> dict[ExternalId, HeldPaper]:
    """Return the papers of arXiv that are held with this edition and category."""
    table, papers = schema.external_ids.c, schema.papers.c
    statement = (
        select(table.value, papers.id, papers.edition, papers.title, papers.categories)
        .join_from(schema.papers, schema.external_ids, papers.id == table.paper_id)
        .where(
            papers.edition == day,
            papers.merged_into.is_(None),
            papers.categories.contains(f'"{category}"', autoescape=True),
            table.namespace == "arxiv",
        )
    )
    found = {
        ExternalId("arxiv", value): _held(paper) for value, *paper in connection.execute(statement)
    }
    _add_again(connection, found.values())
    return found
