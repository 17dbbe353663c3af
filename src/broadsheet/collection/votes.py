"""Votes, and how many votes and comments each paper has: here, and among what was counted.

A vote names the paper that it was given to, for ever, and counts where that paper leads. What it
comes to is an observation like any other, of the source `here`, under the key `p12`: the series
goes where its paper goes, and ends with 0 where its votes are counted in another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    Select,
    Subquery,
    bindparam,
    case,
    delete,
    distinct,
    func,
    insert,
    literal,
    select,
    union,
    union_all,
    update,
)

from broadsheet.collection import schema
from broadsheet.papers.identity import format_paper_id

HERE = "here"
"""The source of what is counted in this collection itself."""
_CHUNK = 5000


class Counted(NamedTuple):
    """What people did to a paper here; `is_mine` if whoever asks gave one of the votes."""

    upvotes: int = 0
    comments: int = 0
    is_mine: bool = False


_NOTHING = Counted()


def family(paper: int | BindParameter[int]) -> Select[tuple[int]]:
    """Select a paper, which was not merged into another, and those that lead to it."""
    table = schema.papers.c
    return select(table.id).where((table.id == paper) | (table.merged_into == paper))


def _members() -> Subquery:
    """Select the papers that lead to each of `papers`, themselves included."""
    table = schema.papers.c
    papers: BindParameter[list[int]] = bindparam("papers", expanding=True)
    own = select(table.id.label("id"), table.id.label("home")).where(table.id.in_(papers))
    gone = select(table.id, table.merged_into).where(table.merged_into.in_(papers))
    return union_all(own, gone).subquery("members")


def _counting() -> Select[Any]:
    """Select for each of `papers` its votes, its comments, and whether one vote is the reader's."""
    voted, comments, readers = schema.voted.c, schema.comments.c, schema.readers.c
    members, none = _members(), literal(0, Integer)
    upvotes = (
        select(
            members.c.home,
            func.count(distinct(voted.reader_id)).label("upvotes"),
            none.label("comments"),
            func.max(case((voted.reader_id == bindparam("reader"), 1), else_=0)).label("mine"),
        )
        .join_from(members, schema.voted, voted.paper_id == members.c.id)
        .join(schema.readers, readers.id == voted.reader_id)
        .where(readers.state == "active")
        .group_by(members.c.home)
    )
    told = (
        select(members.c.home, none, func.count(), none)
        .join_from(members, schema.comments, comments.paper_id == members.c.id)
        .where(comments.state == "shown")
        .group_by(members.c.home)
    )
    return select(union_all(upvotes, told).subquery())


# What a vote needs is made once: to compose a statement takes longer than to carry it out.
_COUNTS = _counting()
_GIVE, _NOTE, _SEE = insert(schema.voted), insert(schema.votes), insert(schema.signals)
_MINE = select(schema.voted.c.paper_id).where(
    schema.voted.c.reader_id == bindparam("reader"),
    schema.voted.c.paper_id.in_(family(bindparam("paper"))),
)
_NOT_YET = delete(schema.signals).where(
    schema.signals.c.paper_id == bindparam("home"),
    schema.signals.c.kind == bindparam("which"),
    schema.signals.c.source == HERE,
    schema.signals.c.key == bindparam("of"),
    schema.signals.c.seen >= bindparam("now"),
)


def put(connection: Connection, paper: int, reader: int, now: str, *, is_up: bool) -> bool:
    """Give a reader's vote to a paper, or take it back; return whether that changed anything.

    Who voted for a paper that leads to this one has voted for it.
    """
    mine = connection.execute(_MINE, {"paper": paper, "reader": reader})
    given = list(mine.scalars())
    if is_up == bool(given):
        return False
    papers = [paper] if is_up else given
    _log(connection, papers, reader, now, is_up=is_up)
    if is_up:
        row = {"paper_id": paper, "reader_id": reader, "at": now}
        connection.execute(_GIVE, [row])
    else:
        voted = schema.voted.c
        connection.execute(
            delete(schema.voted).where(voted.reader_id == reader, voted.paper_id.in_(papers))
        )
    return True


def _log(
    connection: Connection, papers: Iterable[int], reader: int, now: str, *, is_up: bool
) -> None:
    rows = [{"paper_id": p, "reader_id": reader, "is_up": is_up, "at": now} for p in papers]
    if rows:
        connection.execute(_NOTE, rows)


def withdraw(connection: Connection, reader: int, now: str) -> None:
    """Take back all votes of a reader who leaves, and count their papers anew."""
    voted = schema.voted.c
    papers = list(
        connection.execute(select(voted.paper_id).where(voted.reader_id == reader)).scalars()
    )
    _log(connection, papers, reader, now, is_up=False)
    connection.execute(delete(schema.voted).where(voted.reader_id == reader))
    settle(connection, papers, now)


# ---------------------------------------------------------------------------- counting


def counts(
    connection: Connection, papers: Sequence[int], reader: int | None = None
) -> dict[int, Counted]:
    """Return what people did to each of some papers, with those that lead to them.

    Votes of readers who were banned or have left count for nothing.
    """
    found: dict[int, Counted] = {}
    for start in range(0, len(papers), _CHUNK):
        asked = {"papers": list(papers[start : start + _CHUNK]), "reader": reader or 0}
        rows = connection.execute(_COUNTS, asked)
        for home, upvotes, comments, mine in rows:
            known = found.get(home, _NOTHING)
            found[home] = Counted(
                known.upvotes + upvotes, known.comments + comments, known.is_mine or bool(mine)
            )
    return {paper: found.get(paper, _NOTHING) for paper in papers}


# ---------------------------------------------------------------------------- as signals


def observe(connection: Connection, paper: int, counted: Counted, now: str) -> None:
    """Keep what a paper that was not merged comes to now, as it is seen at this second."""
    _observe(connection, [(paper, "upvotes", counted.upvotes, paper)], now)


def observe_comments(connection: Connection, paper: int, now: str) -> Counted:
    """Count a paper anew, one of whose comments came or went; keep and return what was found."""
    counted = counts(connection, [paper])[paper]
    _observe(connection, [(paper, "comments", counted.comments, paper)], now)
    return counted


def settle(connection: Connection, papers: Collection[int], now: str) -> None:
    """Count papers anew, and those with which they were joined, or from which they were parted.

    Each series lies with the paper to which its own leads; what is not said yet is said now.
    """
    homes = _homes(connection, papers)
    if not homes:
        return
    _bring_home(connection, homes)
    said = _newest(connection, homes)
    found = counts(connection, sorted(set(homes.values())))
    rows = []
    for paper, home in homes.items():
        own = found[home] if paper == home else _NOTHING
        for kind, value in _values(own):
            if said.get((paper, kind), 0) != value:
                rows.append((home, kind, value, paper))
    _observe(connection, rows, now)


def recount(connection: Connection, reader: int, now: str) -> None:
    """Count anew whatever a reader voted for, who was banned, let in again, or has left."""
    voted = schema.voted.c
    papers = connection.execute(select(voted.paper_id).where(voted.reader_id == reader)).scalars()
    settle(connection, list(papers), now)


def _observe(connection: Connection, rows: Sequence[tuple[int, str, int, int]], now: str) -> None:
    """Keep values (home, kind, value, paper); none of the same series is newer than now."""
    for home, kind, value, paper in rows:
        key = format_paper_id(paper)
        connection.execute(_NOT_YET, {"home": home, "which": kind, "of": key, "now": now})
        row = {"paper_id": home, "kind": kind, "source": HERE, "key": key, "seen": now}
        connection.execute(_SEE, [row | {"value": value}])


def _homes(connection: Connection, papers: Collection[int]) -> dict[int, int]:
    """Return where papers lead, with all others that lead there."""
    table = schema.papers.c
    home = func.coalesce(table.merged_into, table.id)
    ids, found = sorted(papers), dict[int, int]()
    for start in range(0, len(ids), _CHUNK):
        homes = select(home).where(table.id.in_(ids[start : start + _CHUNK]))
        members = union_all(
            select(table.id, table.id).where(table.id.in_(homes)),
            select(table.id, table.merged_into).where(table.merged_into.in_(homes)),
        )
        found.update((paper, leads) for paper, leads in connection.execute(members))
    return found


def _bring_home(connection: Connection, homes: Mapping[int, int]) -> None:
    table, key = schema.signals, schema.signals.c.key
    for (home, name), paper in _held(connection, homes).items():
        if homes[paper] != home:
            connection.execute(
                update(table)
                .where(table.c.paper_id == home, table.c.source == HERE, key == name)
                .values(paper_id=homes[paper])
            )


def _held(connection: Connection, homes: Mapping[int, int]) -> dict[tuple[int, str], int]:
    """Return the series of our own that lie with some papers, each with the paper it is of."""
    table, own = schema.signals.c, {format_paper_id(p): p for p in homes}
    found: dict[tuple[int, str], int] = {}
    ids = sorted(homes)
    for start in range(0, len(ids), _CHUNK):
        statement = (
            select(table.paper_id, table.key)
            .distinct()
            .where(table.paper_id.in_(ids[start : start + _CHUNK]), table.source == HERE)
        )
        rows = connection.execute(statement)
        found.update(((home, name), own[name]) for home, name in rows if name in own)
    return found


def _newest(connection: Connection, homes: Mapping[int, int]) -> dict[tuple[int, str], float]:
    """Return the value that was seen last of each paper and kind."""
    table, own = schema.signals.c, {format_paper_id(p): p for p in homes}
    ids, found = sorted(set(homes.values())), dict[tuple[int, str], float]()
    for start in range(0, len(ids), _CHUNK):
        statement = (
            select(table.key, table.kind, table.value)
            .where(table.paper_id.in_(ids[start : start + _CHUNK]), table.source == HERE)
            .order_by(table.seen)
        )
        rows = connection.execute(statement)
        found.update(((own[k], kind), value) for k, kind, value in rows if k in own)
    return found


# ---------------------------------------------------------------------------- checking


def disagreements(connection: Connection) -> list[str]:
    """Return in words where votes, their ledger and what was counted disagree."""
    return _unlogged(connection) + _miscounted(connection)


def remake(connection: Connection, now: str) -> None:
    """Make again what follows from the ledger: the votes that count, and what was counted."""
    logged, held = _logged(connection), _given(connection)
    voted = schema.voted
    for paper, reader in held - logged.keys():
        connection.execute(
            delete(voted).where(voted.c.paper_id == paper, voted.c.reader_id == reader)
        )
    rows = [
        {"paper_id": paper, "reader_id": reader, "at": logged[paper, reader]}
        for paper, reader in sorted(logged.keys() - held)
    ]
    if rows:
        connection.execute(insert(voted), rows)
    settle(connection, _touched(connection), now)


def _logged(connection: Connection) -> dict[tuple[int, int], str]:
    """Return the votes that the ledger comes to (paper, reader), and when each was given."""
    votes = schema.votes.c
    last = select(func.max(votes.id)).group_by(votes.paper_id, votes.reader_id)
    statement = select(votes.paper_id, votes.reader_id, votes.at).where(
        votes.id.in_(last), votes.is_up
    )
    return {(paper, reader): at for paper, reader, at in connection.execute(statement)}


def _given(connection: Connection) -> set[tuple[int, int]]:
    voted = schema.voted.c
    rows = connection.execute(select(voted.paper_id, voted.reader_id))
    return {(paper, reader) for paper, reader in rows}


def _unlogged(connection: Connection) -> list[str]:
    logged, held = _logged(connection).keys(), _given(connection)
    return [
        f"the vote of reader {reader} for p{paper} stands in "
        + ("no ledger and counts" if (paper, reader) in held else "the ledger and does not count")
        for paper, reader in sorted(logged ^ held)
    ]


def _miscounted(connection: Connection) -> list[str]:
    homes = _homes(connection, _touched(connection))
    found = counts(connection, sorted(set(homes.values())))
    said = _newest(connection, homes)
    return [
        f"p{paper} has {value:,} {kind}, and {said.get((paper, kind), 0):,.0f} were counted"
        for paper, home in sorted(homes.items())
        for kind, value in _values(found[home] if paper == home else _NOTHING)
        if said.get((paper, kind), 0) != value
    ]


def _values(counted: Counted) -> tuple[tuple[str, int], ...]:
    return ("upvotes", counted.upvotes), ("comments", counted.comments)


def _touched(connection: Connection) -> set[int]:
    """Return all papers with which anything was done here, or for which anything was counted."""
    done = (table.c.paper_id for table in (schema.votes, schema.voted, schema.comments))
    statements = [select(paper).distinct() for paper in done]
    table = schema.signals.c
    statements.append(select(table.paper_id).distinct().where(table.source == HERE))
    return set(connection.execute(union(*statements)).scalars())
