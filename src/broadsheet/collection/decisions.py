"""Decisions by hand about which papers are the same: carried out, kept for ever, undone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, delete, insert, or_, select, update

from broadsheet.collection import papers, schema, votes
from broadsheet.errors import DecisionError, NotFoundError
from broadsheet.papers import filing
from broadsheet.papers.filing import Key
from broadsheet.papers.types import PaperId

Kind = Literal["merge", "split", "apart"]


class Decision(NamedTuple):
    """One decision: what was merged into `paper`, split from it, or told apart from it.

    `records` are the keys of the records that moved, or would have; `addresses` are papers that
    had led to `other` before; `made` and `undone` are times.
    """

    id: int
    kind: Kind
    paper: PaperId
    other: PaperId
    records: list[Key]
    addresses: list[int]
    note: str
    made: str
    undone: str | None


class DecisionNotFound(NotFoundError):  # noqa: N818 (named for what it says, as PaperNotFound)
    """No decision has this number."""

    kind = "decision"


# ---------------------------------------------------------------------------- reading


def recent(connection: Connection, limit: int, paper: int | None = None) -> list[Decision]:
    """Return the newest decisions, newest first; with `paper`, those that concern it."""
    table = schema.decisions
    statement = select(table).order_by(table.c.id.desc()).limit(limit)
    if paper is not None:
        statement = statement.where((table.c.paper_id == paper) | (table.c.other_id == paper))
    return [_decision(row) for row in connection.execute(statement)]


def find(connection: Connection, number: int) -> Decision:
    """Return a decision; raises DecisionNotFound."""
    table = schema.decisions
    row = connection.execute(select(table).where(table.c.id == number)).first()
    if row is None:
        raise DecisionNotFound(str(number))
    return _decision(row)


def _decision(row: Any) -> Decision:
    """Return the decision in a row of the table."""
    return Decision(
        id=row.id,
        kind=row.kind,
        paper=row.paper_id,
        other=row.other_id,
        records=[(source, key) for source, key in row.records],
        addresses=row.addresses,
        note=row.note,
        made=row.made,
        undone=row.undone,
    )


def told_apart(connection: Connection) -> set[tuple[PaperId, PaperId]]:
    """Return the pairs of papers, lower id first, that hold records told apart from each other."""
    apart, one, other = schema.apart, schema.records.alias("one"), schema.records.alias("other")
    statement = (
        select(one.c.paper_id, other.c.paper_id)
        .distinct()
        .join_from(apart, one, one.c.id == apart.c.one)
        .join(other, other.c.id == apart.c.other)
    )
    return {(min(a, b), max(a, b)) for a, b in connection.execute(statement)}


# ---------------------------------------------------------------------------- deciding


def merge(connection: Connection, one: PaperId, other: PaperId, now: str, note: str = "") -> int:
    """Make two papers one, which keeps the lower id; return the decision's number.

    What told them apart before is undone. Raises DecisionError if they are one paper already.
    """
    if one == other:
        raise DecisionError(f"p{one} is one paper already: there is nothing to merge")
    home, gone = min(one, other), max(one, other)
    known = papers.known_papers(connection, (home, gone))
    keys = list(known.filed[gone].records)
    _forget_apart(connection, known.filed[home].records, keys, now)
    addresses = _addresses(connection, gone)
    papers.carry_out(connection, filing.merge(known, home, gone, now), {}, now)
    return _note(connection, "merge", (home, gone), keys, addresses, (note, now))


def split(connection: Connection, paper: PaperId, key: Key, now: str, note: str = "") -> int:
    """Make a record of a paper a paper of its own, for ever; return the decision's number.

    It gets the address that it had before it was merged, if that is free, else a new one. Raises
    DecisionError if the paper does not hold the record, or holds no other.
    """
    known = papers.known_papers(connection, (paper,))
    rest = [k for k in known.filed[paper].records if k != key]
    into = _home_of(connection, paper, key, rest) or PaperId(known.next_id)
    papers.carry_out(connection, filing.split(known, paper, [key], into, now), {}, now)
    number = _note(connection, "split", (paper, into), [key], [], (note, now))
    _keep_apart(connection, number, [key], rest)
    return number


def apart(connection: Connection, one: PaperId, other: PaperId, now: str, note: str = "") -> int:
    """Decide that two papers are not the same, for ever; return the decision's number."""
    if one == other:
        raise DecisionError(f"p{one} is one paper: `broadsheet split` takes a record out of it")
    home, gone = min(one, other), max(one, other)
    known = papers.known_papers(connection, (home, gone))
    mine, others = list(known.filed[home].records), list(known.filed[gone].records)
    number = _note(connection, "apart", (home, gone), others, [], (note, now))
    _keep_apart(connection, number, mine, others)
    return number


def undo(connection: Connection, number: int, now: str) -> Decision:
    """Take a decision back, and return it as it was.

    The records of an undone merge are again the paper that they were; those of an undone split are
    again in the paper that they were split from; papers told apart are undecided again. Raises
    DecisionNotFound, and DecisionError if it was undone before or what it made is no more.
    """
    table = schema.decisions
    found = find(connection, number)
    if found.undone:
        raise DecisionError(f"decision {number} was undone on {found.undone[:10]} already")
    connection.execute(delete(schema.apart).where(schema.apart.c.decision_id == number))
    if found.kind == "merge":
        _part_again(connection, found, now)
    elif found.kind == "split":
        _join_again(connection, found, now)
    connection.execute(update(table).where(table.c.id == number).values(undone=now))
    return found


def _part_again(connection: Connection, found: Decision, now: str) -> None:
    """Move what a merge brought to the paper that it came from, which stands for itself again."""
    home = papers.resolve_id(connection, found.paper)
    if papers.resolve_id(connection, found.other) != home:
        raise DecisionError(f"p{found.other} is not part of p{home} any more: split what is wrong")
    known = papers.known_papers(connection, (home,))
    keys = [k for k in found.records if k in known.filed[home].records]
    papers.carry_out(connection, filing.split(known, home, keys, found.other, now), {}, now)
    table = schema.papers
    connection.execute(
        update(table)
        .where(table.c.id.in_(found.addresses), table.c.merged_into == home)
        .values(merged_into=found.other)
    )
    votes.settle(connection, (home, found.other), now)


def _join_again(connection: Connection, found: Decision, now: str) -> None:
    """Join the paper that a split made with the one that it was split from."""
    one, other = (papers.resolve_id(connection, i) for i in (found.paper, found.other))
    if one != other:
        known = papers.known_papers(connection, (one, other))
        papers.carry_out(connection, filing.merge(known, one, other, now), {}, now)


# ---------------------------------------------------------------------------- rows


def _addresses(connection: Connection, paper: int) -> list[int]:
    """Return the papers whose addresses lead to `paper`."""
    table = schema.papers.c
    return list(connection.execute(select(table.id).where(table.merged_into == paper)).scalars())


def _home_of(connection: Connection, paper: int, key: Key, rest: Iterable[Key]) -> PaperId | None:
    """Return the paper that a record was first filed under, if it may stand for itself again."""
    table = schema.records.c
    rows = connection.execute(
        select(table.source, table.key, table.origin).where(table.paper_id == paper)
    )
    origins = {(source, name): origin for source, name, origin in rows}
    origin = origins.get(key)
    if not origin or origin in {origins[k] for k in rest}:
        return None
    return PaperId(origin) if origin in _addresses(connection, paper) else None


def _note(
    connection: Connection,
    kind: Kind,
    pair: tuple[int, int],
    keys: Sequence[Key],
    addresses: Sequence[int],
    said: tuple[str, str],
) -> int:
    row = {
        "kind": kind, "paper_id": pair[0], "other_id": pair[1], "records": [list(k) for k in keys],
        "addresses": list(addresses), "note": said[0], "made": said[1],
    }  # fmt: skip
    statement = insert(schema.decisions).values(row).returning(schema.decisions.c.id)
    return int(connection.execute(statement).scalar_one())


def _rows(connection: Connection, keys: Iterable[Key]) -> list[int]:
    found = papers.rows_of(connection, keys)
    return [found[k] for k in keys]


def _keep_apart(
    connection: Connection, number: int, mine: Iterable[Key], others: Iterable[Key]
) -> None:
    right = _rows(connection, list(others))
    rows = [
        {"one": one, "other": other, "decision_id": number}
        for one in _rows(connection, list(mine))
        for other in right
    ]
    connection.execute(insert(schema.apart), rows)


def _forget_apart(
    connection: Connection, mine: Iterable[Key], others: Iterable[Key], now: str
) -> None:
    """Undo the decisions that hold records of two papers apart which are now said to be one."""
    one, other = _rows(connection, list(mine)), _rows(connection, list(others))
    table = schema.apart.c
    between = or_(
        table.one.in_(one) & table.other.in_(other), table.one.in_(other) & table.other.in_(one)
    )
    numbers = connection.execute(select(table.decision_id).distinct().where(between)).scalars()
    for number in list(numbers):
        connection.execute(delete(schema.apart).where(table.decision_id == number))
        connection.execute(
            update(schema.decisions).where(schema.decisions.c.id == number).values(undone=now)
        )
