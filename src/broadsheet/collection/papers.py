"""Papers and the records they are made of: the only SQL about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from hashlib import blake2b
from itertools import starmap
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Result, Table, bindparam, delete, func, insert, select, update

from broadsheet.collection import schema, signals, votes
from broadsheet.collection.signals import Observed
from broadsheet.errors import PaperNotFound
from broadsheet.papers.appearances import Again
from broadsheet.papers.filing import Filed, Intents, Key, Known, Outcome, decide, refresh
from broadsheet.papers.identity import format_paper_id, parse_external_id, parse_paper_id
from broadsheet.papers.text import title_key
from broadsheet.papers.types import ExternalId, Paper, PaperId, Place, Record

_TUPLES = ("authors", "categories", "keywords", "sources")
_CHUNK = 5000


def hash64(text: str) -> int:
    """Return a signed 64-bit hash of `text`, the same on every machine."""
    return int.from_bytes(
        blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True
    )


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


_DEFAULTS = {
    f.name: f.default for f in fields(Record) if f.name not in {"extra", "place", "signals"}
}


def encode_record(record: Record) -> str:
    """Return the JSON text under which a record is kept: what differs from the defaults."""
    body: dict[str, Any] = {
        name: value for name, default in _DEFAULTS.items()
        if (value := getattr(record, name)) != default
    }  # fmt: skip
    if record.external_ids:
        body["external_ids"] = [tuple(i) for i in record.external_ids]
    if record.place is not None:
        body["place"] = [record.place.page, record.place.position]
    if record.extra:
        body["extra"] = record.extra
    return orjson.dumps(body).decode()


def decode_record(body: str) -> Record:
    """Return the record that `encode_record` made `body` of."""
    found = orjson.loads(body)
    for name in ("authors", "categories", "keywords"):
        if name in found:
            found[name] = tuple(found[name])
    if "external_ids" in found:
        found["external_ids"] = tuple(ExternalId(*i) for i in found["external_ids"])
    if "links" in found:
        found["links"] = tuple((kind, url) for kind, url in found["links"])
    if "again" in found:
        found["again"] = tuple((day, kind) for day, kind in found["again"])
    if "place" in found:
        found["place"] = Place(*found["place"])
    return Record(**found)


def _paper_row(paper: Paper) -> dict[str, Any]:
    return {
        "id": paper.id,
        "title": paper.title,
        "abstract": paper.abstract,
        "summary": paper.summary,
        "authors": _json(paper.authors),
        "year": paper.year,
        "day": paper.day,
        "submitted": paper.submitted,
        "announced": paper.announced,
        "updated": paper.updated,
        "published": paper.published,
        "categories": _json(paper.categories),
        "keywords": _json(paper.keywords),
        "venue": paper.venue,
        "comment": paper.comment,
        "withdrawn": paper.withdrawn,
        "links": _json(paper.links),
        "sources": _json(paper.sources),
        "external_ids": _json([tuple(i) for i in paper.external_ids]),
        "first_seen": paper.first_seen,
        "edition": paper.edition,
        "basis": paper.basis,
        "topic": paper.categories[0] if paper.categories else "",
        "upvotes": paper.upvotes,
    }


_PAPER_COLUMNS = [c for c in schema.papers.c if c.name not in {"merged_into", "day", "topic"}]
_NAMES = [c.name for c in _PAPER_COLUMNS]


def _to_papers(rows: Result[Any]) -> list[Paper]:
    return [_to_paper(dict(zip(_NAMES, row, strict=True))) for row in rows.all()]


def _to_paper(found: dict[str, Any]) -> Paper:
    for name in _TUPLES:
        found[name] = tuple(orjson.loads(found[name]))
    found["links"] = tuple(map(tuple, orjson.loads(found["links"])))
    found["external_ids"] = tuple(starmap(ExternalId, orjson.loads(found["external_ids"])))
    return Paper(**found)


class Change(NamedTuple):
    """One line of the change log: `kind` is `put` or `drop`."""

    sequence: int
    paper_id: PaperId
    kind: str


class FiledRecord(NamedTuple):
    """A record as kept beside its paper, with when it came and last changed."""

    record: Record
    first_seen: str
    last_changed: str


# ---------------------------------------------------------------------------- reading


def count(connection: Connection) -> int:
    """Return how many papers the collection holds."""
    papers = schema.papers.c
    return connection.execute(
        select(func.count()).select_from(schema.papers).where(papers.merged_into.is_(None))
    ).scalar_one()


def count_records(connection: Connection) -> int:
    """Return how many source records the collection keeps."""
    return connection.execute(select(func.count()).select_from(schema.records)).scalar_one()


def fetch(connection: Connection, ids: Sequence[int]) -> list[Paper]:
    """Return the papers with these ids, in this order; those that are no more are left out."""
    found: dict[int, Paper] = {}
    for start in range(0, len(ids), _CHUNK):
        statement = select(*_PAPER_COLUMNS).where(
            schema.papers.c.id.in_(ids[start : start + _CHUNK]),
            schema.papers.c.merged_into.is_(None),
        )
        found.update((p.id, p) for p in _to_papers(connection.execute(statement)))
    return [found[i] for i in ids if i in found]


def titles(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Return the titles of papers."""
    table = schema.papers.c
    found: dict[int, str] = {}
    for start in range(0, len(ids), _CHUNK):
        statement = select(table.id, table.title).where(table.id.in_(ids[start : start + _CHUNK]))
        found.update((row.id, row.title) for row in connection.execute(statement))
    return found


def readable(connection: Connection, ids: Sequence[int], size: int) -> set[int]:
    """Return those of `ids` with a text of `size` characters that were not withdrawn."""
    table = schema.papers.c
    statement = select(table.id).where(
        table.id.in_(ids),
        func.length(table.abstract) + func.length(table.summary) >= size,
        table.withdrawn.is_(False),
    )
    return set(connection.execute(statement).scalars())


def fetch_after(connection: Connection, paper_id: int, limit: int) -> list[Paper]:
    """Return the next `limit` papers by id, for reading the whole collection in order."""
    statement = (
        select(*_PAPER_COLUMNS)
        .where(schema.papers.c.id > paper_id, schema.papers.c.merged_into.is_(None))
        .order_by(schema.papers.c.id)
        .limit(limit)
    )
    return _to_papers(connection.execute(statement))


def every(connection: Connection, step: int) -> Iterator[list[Paper]]:
    """Yield all papers in order of id, at most `step` at a time."""
    last = 0
    while found := fetch_after(connection, last, step):
        yield found
        last = found[-1].id


def all_ids(connection: Connection) -> list[int]:
    """Return the ids of all papers, ascending."""
    papers = schema.papers.c
    statement = select(papers.id).where(papers.merged_into.is_(None)).order_by(papers.id)
    return list(connection.execute(statement).scalars())


def attention(connection: Connection) -> list[tuple[int, str, int]]:
    """Return the id of every paper, the day of its edition (empty: none), and its upvotes."""
    papers = schema.papers.c
    statement = select(papers.id, papers.edition, func.coalesce(papers.upvotes, 0)).where(
        papers.merged_into.is_(None)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


def latest(connection: Connection, limit: int, offset: int = 0) -> list[Paper]:
    """Return the papers of the newest days first; those without any date come last."""
    papers = schema.papers.c
    statement = (
        select(*_PAPER_COLUMNS)
        .where(papers.merged_into.is_(None))
        .order_by(papers.day.desc().nulls_last(), papers.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return _to_papers(connection.execute(statement))


def resolve(connection: Connection, ident: str) -> PaperId:
    """Return the paper that `ident` (`p12`, an arXiv id, a DOI, a link…) leads to.

    Raises PaperNotFound if there is none.
    """
    own = parse_paper_id(ident)
    if own is not None and (found := _survivor(connection, own)):
        return found
    external = parse_external_id(ident)
    found = external and find_external(connection, [external]).get(external)
    if not found:
        raise PaperNotFound(ident)
    return found


def resolve_id(connection: Connection, paper_id: int) -> PaperId:
    """Return the paper that the number of a paper leads to; raises PaperNotFound."""
    found = _survivor(connection, paper_id)
    if found is None:
        raise PaperNotFound(format_paper_id(paper_id))
    return found


def _survivor(connection: Connection, paper_id: int) -> PaperId | None:
    table = schema.papers.c
    row = connection.execute(
        select(table.id, table.merged_into).where(table.id == paper_id)
    ).first()
    return PaperId(row.merged_into or row.id) if row else None


def find_external(connection: Connection, ids: Iterable[ExternalId]) -> dict[ExternalId, PaperId]:
    """Return those of `ids` that the collection knows, each with the paper that gave it first."""
    by_namespace: dict[str, list[str]] = {}
    for namespace, value in ids:
        by_namespace.setdefault(namespace, []).append(value)
    table = schema.external_ids.c
    found: dict[ExternalId, PaperId] = {}
    for namespace, values in by_namespace.items():
        statement = (
            select(table.value, table.paper_id)
            .where(table.namespace == namespace, table.value.in_(values))
            .order_by(table.since.desc(), table.paper_id.desc())
        )
        for value, paper_id in connection.execute(statement):
            found[ExternalId(namespace, value)] = paper_id
    return found


def records_of(connection: Connection, paper_id: int) -> list[FiledRecord]:
    """Return every source record that a paper is made of, oldest first."""
    table = schema.records.c
    statement = (
        select(table.body, table.first_seen, table.last_changed)
        .where(table.paper_id == paper_id)
        .order_by(table.id)
    )
    return [FiledRecord(decode_record(b), f, c) for b, f, c in connection.execute(statement)]


def appearances_of(connection: Connection, paper_id: int) -> list[Again]:
    """Return the days on which a paper came again, in order."""
    table = schema.appearances.c
    statement = (
        select(table.day, table.kind, table.note)
        .where(table.paper_id == paper_id)
        .order_by(table.day, table.kind)
    )
    return [Again(*row) for row in connection.execute(statement)]


def sources(connection: Connection) -> list[str]:
    """Return the names of all sources that gave records."""
    source = schema.records.c.source
    return list(connection.execute(select(source).distinct().order_by(source)).scalars())


def keys_of_source(connection: Connection, source: str) -> list[tuple[str, int]]:
    """Return the key of every record of a source with the paper that holds it."""
    table = schema.records.c
    statement = select(table.key, table.paper_id).where(table.source == source)
    return [(key, paper_id) for key, paper_id in connection.execute(statement)]


def held(connection: Connection, records: Sequence[Record]) -> list[PaperId | None]:
    """Return for each record the paper that has an id of it, else its title; None without one."""
    table = schema.records.c
    external = find_external(connection, {i for r in records for i in r.external_ids})
    hashes = {r.title: hash64(key) for r in records if (key := title_key(r.title))}
    rows = select(table.title_hash, table.paper_id).where(table.title_hash.in_(hashes.values()))
    titled = {row.title_hash: row.paper_id for row in connection.execute(rows)}
    return [
        next(
            (external[i] for i in r.external_ids if i in external), titled.get(hashes.get(r.title))
        )
        for r in records
    ]


def papers_of(connection: Connection, keys: Iterable[Key]) -> dict[Key, PaperId]:
    """Return the papers that hold the records with these keys."""
    return {key: row.paper_id for key, row in _existing_rows(connection, keys).items()}


def records_under(connection: Connection, keys: Iterable[Key]) -> dict[Key, Record]:
    """Return the records that are held under these keys."""
    found = _existing_rows(connection, keys)
    return {key: decode_record(row.body) for key, row in found.items()}


_LAST_SEQUENCE = select(func.max(schema.changes.c.sequence))


def last_sequence(connection: Connection) -> int:
    """Return the newest sequence of the change log, 0 if nothing ever changed."""
    return connection.execute(_LAST_SEQUENCE).scalar() or 0


def changes_since(connection: Connection, sequence: int, limit: int) -> list[Change]:
    """Return the next `limit` changes after `sequence`, oldest first."""
    table = schema.changes.c
    statement = (
        select(table.sequence, table.paper_id, table.kind)
        .where(table.sequence > sequence)
        .order_by(table.sequence)
        .limit(limit)
    )
    return [Change(*row) for row in connection.execute(statement)]


# ---------------------------------------------------------------------------- filing


def file(connection: Connection, records: Sequence[Record], now: str) -> list[Outcome]:
    """File `records` in one transaction of the caller's; return what became of each, in order.

    Rows and change log are written, and the counts that say when they were seen; filing the same
    records again changes nothing.
    """
    outcomes = _file(connection, records, now)
    note_counts(connection, records)
    return outcomes


def note_counts(connection: Connection, records: Sequence[Record], now: str = "") -> int:
    """Keep what filed records counted, when they say so or else `now`; return how much is new.

    Without `now`, what does not say when it was seen is not kept as an observation.
    """
    counted = [r for r in records if any(s.seen or now for s in r.signals)]
    papers = papers_of(connection, [(r.source, r.key) for r in counted]) if counted else {}
    return signals.note(
        connection,
        (
            Observed(papers[r.source, r.key], s.kind, r.source, r.key, s.seen or now, s.value)
            for r in counted
            for s in r.signals
            if s.seen or now
        ),
    )


def _file(connection: Connection, records: Sequence[Record], now: str) -> list[Outcome]:
    existing = _existing_rows(connection, [(r.source, r.key) for r in records])
    keys = [(r.source, r.key) for r in records]
    repeated = {k for k in keys if keys.count(k) > 1} if len(set(keys)) < len(keys) else set()
    changed = [
        r for r, k in zip(records, keys, strict=True)
        if k in repeated or k not in existing or existing[k].body != encode_record(r)
    ]  # fmt: skip
    if not changed:
        return ["unchanged"] * len(records)
    rows = {k: row.id for k, row in existing.items()}
    intents = decide(changed, _known(connection, changed, existing), now)
    if intents.papers:
        carry_out(connection, intents, rows, now)
    outcomes = iter(intents.outcomes)
    done = {id(r) for r in changed}
    return [next(outcomes) if id(r) in done else "unchanged" for r in records]


def rows_of(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """Return the rows of the records that have these keys."""
    return {key: row.id for key, row in _existing_rows(connection, keys).items()}


def _existing_rows(connection: Connection, keys: Iterable[Key]) -> dict[Key, Any]:
    table = schema.records.c
    hashes = [hash64(f"{source}\n{key}") for source, key in keys]
    statement = select(table.id, table.paper_id, table.source, table.key, table.body).where(
        table.key_hash.in_(hashes)
    )
    return {(row.source, row.key): row for row in connection.execute(statement)}


def _known(connection: Connection, records: Sequence[Record], existing: dict[Key, Any]) -> Known:
    """Return every paper that shares a record key, an id or a title with `records`."""
    table = schema.records.c
    titles = {hash64(key) for r in records if (key := title_key(r.title))}
    by_title = connection.execute(
        select(table.paper_id).distinct().where(table.title_hash.in_(titles))
    ).scalars()
    external = find_external(connection, {i for r in records for i in r.external_ids})
    touched = {row.paper_id for row in existing.values()} | set(by_title) | set(external.values())
    known = _nothing_known(connection)
    known.by_external_id.update(external)
    if touched:
        _load_filed(connection, touched, known)
        known.apart = _apart(connection, touched)
    if any(r.place for r in records) or any(f.has_place for f in known.filed.values()):
        known.page_days = page_days(connection)
    return known


def _nothing_known(connection: Connection) -> Known:
    last = connection.execute(select(func.max(schema.papers.c.id))).scalar() or 0
    return Known({}, {}, {}, {}, last + 1)


def known_papers(connection: Connection, ids: Iterable[int]) -> Known:
    """Return all that is known of the papers `ids`, for decisions about these alone."""
    known = _nothing_known(connection)
    _load_filed(connection, set(ids), known)
    known.apart = _apart(connection, set(ids))
    known.page_days = page_days(connection)
    return known


def page_days(connection: Connection) -> dict[str, str]:
    """Return the days of those saved pages that have one."""
    table = schema.pages.c
    rows = connection.execute(select(table.key, table.day).where(table.day.is_not(None)))
    return {row.key: row.day for row in rows}


def _apart(connection: Connection, papers: set[int]) -> dict[Key, set[Key]]:
    """Return which records of `papers` were told apart from which others, both ways."""
    apart, one, other = schema.apart, schema.records.alias("one"), schema.records.alias("other")
    statement = (
        select(one.c.source, one.c.key, other.c.source, other.c.key)
        .join_from(apart, one, one.c.id == apart.c.one)
        .join(other, other.c.id == apart.c.other)
        .where(one.c.paper_id.in_(papers) | other.c.paper_id.in_(papers))
    )
    found: dict[Key, set[Key]] = {}
    for a_source, a_key, b_source, b_key in connection.execute(statement):
        found.setdefault((a_source, a_key), set()).add((b_source, b_key))
        found.setdefault((b_source, b_key), set()).add((a_source, a_key))
    return found


def _load_filed(connection: Connection, ids: set[int], known: Known) -> None:
    papers, records = schema.papers.c, schema.records.c
    for paper_id, first_seen in connection.execute(
        select(papers.id, papers.first_seen).where(papers.id.in_(ids))
    ):
        known.filed[paper_id] = Filed(paper_id, {}, first_seen)
    for paper_id, source, key, body in connection.execute(
        select(records.paper_id, records.source, records.key, records.body)
        .where(records.paper_id.in_(ids))
        .order_by(records.id)
    ):
        known.filed[paper_id].records[source, key] = decode_record(body)
        known.by_record[source, key] = paper_id
    for paper_id in sorted(known.filed):
        for key in known.filed[paper_id].title_keys:
            known.by_title.setdefault(key, []).append(paper_id)


def carry_out(connection: Connection, intents: Intents, rows: dict[Key, int], now: str) -> None:
    """Write papers, records, ids, places, days and the change log; `rows` has known records."""
    before = _editions_of(connection, intents)
    _write_papers(connection, intents)
    _revive(connection, intents)
    _write_records(connection, intents, rows, now)
    _write_merges(connection, intents.merged_into)
    _write_external_ids(connection, intents)
    old = [f.id for f in intents.papers if not f.is_new] + list(intents.merged_into)
    signals.follow(connection, old, intents.records, intents.merged_into)
    if intents.merged_into or intents.revived:
        votes.settle(connection, old, now)
    _write_places(connection, intents)
    days = _write_appearances(connection, intents)
    _write_changes(connection, intents)
    _write_days(connection, _Touched(intents, before, days), now)


def refresh_page(connection: Connection, page: str, now: str) -> None:
    """Compose the papers of a saved page anew, whose day has become known."""
    table = schema.places.c
    ids = connection.execute(select(table.paper_id).distinct().where(table.page == page)).scalars()
    known = known_papers(connection, ids)
    if known.filed:
        carry_out(connection, refresh(known, now), {}, now)


def _write_papers(connection: Connection, intents: Intents) -> None:
    new = [_paper_row(f.paper) for f in intents.papers if f.is_new and f.paper]
    old = [_paper_row(f.paper) for f in intents.papers if not f.is_new and f.paper]
    _insert(connection, schema.papers, new)
    if old:
        for row in old:
            row["paper"] = row.pop("id")
        connection.execute(
            update(schema.papers)
            .where(schema.papers.c.id == bindparam("paper"))
            .values({name: bindparam(name) for name in old[0] if name != "paper"}),
            old,
        )


def _write_records(
    connection: Connection, intents: Intents, rows: dict[Key, int], now: str
) -> None:
    filed = {f.id: f for f in intents.papers}
    rows = rows | _moved_rows(connection, [k for k in intents.records if k not in rows], intents)
    new, old = [], []
    for key, paper_id in intents.records.items():
        record = filed[paper_id].records[key]
        row = {
            "paper_id": paper_id,
            "title_hash": hash64(filed[paper_id].evidence_of(key).key),
            "body": encode_record(record),
            "last_changed": now,
        }
        if key in rows:
            old.append(row | {"row": rows[key]})
        else:
            source, name = key
            new.append(
                row
                | {
                    "key_hash": hash64(f"{source}\n{name}"),
                    "source": source,
                    "key": name,
                    "first_seen": now,
                    "origin": paper_id,
                }
            )
    _insert(connection, schema.records, new)
    if old:
        table = schema.records
        names = ("paper_id", "title_hash", "body", "last_changed")
        connection.execute(
            update(table)
            .where(table.c.id == bindparam("row"))
            .values({name: bindparam(name) for name in names}),
            old,
        )


def _moved_rows(connection: Connection, keys: Sequence[Key], intents: Intents) -> dict[Key, int]:
    """Return the rows of records that are moved only because papers were joined or parted."""
    old = [f.id for f in intents.papers if not f.is_new] + list(intents.merged_into)
    if not keys or not old:
        return {}
    table = schema.records.c
    statement = select(table.id, table.source, table.key).where(table.paper_id.in_(old))
    wanted = set(keys)
    found = {(source, key): row for row, source, key in connection.execute(statement)}
    return {k: row for k, row in found.items() if k in wanted}


def _write_merges(connection: Connection, merged_into: dict[PaperId, PaperId]) -> None:
    papers, places = schema.papers, schema.places
    for gone, home in merged_into.items():
        connection.execute(
            update(papers)
            .where((papers.c.id == gone) | (papers.c.merged_into == gone))
            .values(merged_into=home)
        )
        connection.execute(update(places).where(places.c.paper_id == gone).values(paper_id=home))


def _revive(connection: Connection, intents: Intents) -> None:
    if intents.revived:
        table = schema.papers
        connection.execute(
            update(table).where(table.c.id.in_(intents.revived)).values(merged_into=None)
        )


def _write_external_ids(connection: Connection, intents: Intents) -> None:
    """Write which papers give which ids; what a paper gave before, it gives since then."""
    table, into = schema.external_ids, intents.merged_into
    old = [f.id for f in intents.papers if not f.is_new] + list(into)
    held: dict[tuple[str, str, int], int] = {}
    if old:
        for row in connection.execute(select(table).where(table.c.paper_id.in_(old))):
            claim = row.namespace, row.value, into.get(row.paper_id, row.paper_id)
            held[claim] = min(row.since, held.get(claim, row.since))
        connection.execute(delete(table).where(table.c.paper_id.in_(old)))
    now = last_sequence(connection) + 1
    new = [
        {"namespace": i.namespace, "value": i.value, "paper_id": f.id,
         "since": held.get((i.namespace, i.value, f.id), now)}
        for f in intents.papers
        for i in (f.paper.external_ids if f.paper else ())
    ]  # fmt: skip
    _insert(connection, table, new)


def _write_places(connection: Connection, intents: Intents) -> None:
    table = schema.places
    # Two forms of one page may name different records for a place: one of them has it.
    found = {
        (r.place.page, r.place.position): f.id
        for f in intents.papers
        for k, r in f.records.items()
        if r.place and k in intents.records
    }
    if not found:
        return
    places = [{"page": p, "position": n, "paper_id": i} for (p, n), i in found.items()]
    connection.execute(
        delete(table).where(
            table.c.page == bindparam("at_page"), table.c.position == bindparam("at_position")
        ),
        [{"at_page": p["page"], "at_position": p["position"]} for p in places],
    )
    connection.execute(insert(table), places)


def _write_appearances(connection: Connection, intents: Intents) -> set[str]:
    """Write the days on which papers came again; return all days that gained or lost one."""
    table = schema.appearances
    old = [f.id for f in intents.papers if not f.is_new] + list(intents.merged_into)
    of_old = table.c.paper_id.in_(old)
    days = (
        set(connection.execute(select(table.c.day).distinct().where(of_old)).scalars())
        if old
        else set()
    )
    if days:
        connection.execute(delete(table).where(of_old))
    new = {
        (a.day, f.id, a.kind): a.note
        for f in intents.papers if f.stamp
        for a in reversed(f.stamp.again)
    }  # fmt: skip
    if new:
        rows = [
            {"day": day, "paper_id": paper_id, "kind": kind, "note": note}
            for (day, paper_id, kind), note in new.items()
        ]
        connection.execute(insert(table), rows)
    return days | {day for day, _, _ in new}


def _editions_of(connection: Connection, intents: Intents) -> dict[int, str]:
    """Return the days of the papers that are about to change, as the record has them."""
    table = schema.papers.c
    old = [f.id for f in intents.papers if not f.is_new] + list(intents.merged_into)
    statement = select(table.id, table.edition).where(
        table.id.in_(old), table.merged_into.is_(None)
    )
    return {row.id: row.edition for row in connection.execute(statement)} if old else {}


class _Touched(NamedTuple):
    """What filing has changed: the papers, the days that they had, and days of reappearance."""

    intents: Intents
    before: dict[int, str]
    days: set[str]


def _write_days(connection: Connection, changed: _Touched, now: str) -> None:
    """Count the papers of each day anew by what has changed, and note the change."""
    there = Counter(f.stamp.day for f in changed.intents.papers if f.stamp)
    was = Counter(changed.before.values())
    touched = changed.days | set(there) | set(was)
    table, sequence = schema.days, last_sequence(connection)
    known = set(connection.execute(select(table.c.day).where(table.c.day.in_(touched))).scalars())
    old = [{"at": d, "more": there[d] - was[d]} for d in sorted(touched & known)]
    new = [{"day": d, "papers": there[d] - was[d]} for d in sorted(touched - known)]
    if old:
        added = table.c.papers + bindparam("more")
        connection.execute(
            update(table)
            .where(table.c.day == bindparam("at"))
            .values(papers=added, touched=sequence, changed=now),
            old,
        )
    if new:
        connection.execute(insert(table).values(touched=sequence, changed=now), new)


def _write_changes(connection: Connection, intents: Intents) -> None:
    sequence = last_sequence(connection)
    touched = [(f.id, "put") for f in intents.papers]
    dropped = [(gone, "drop") for gone in intents.merged_into]
    new = [
        {"sequence": sequence + n, "paper_id": paper_id, "kind": kind}
        for n, (paper_id, kind) in enumerate(touched + dropped, start=1)
    ]
    _insert(connection, schema.changes, new)


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that name the same columns, without what SQLAlchemy does for each of them."""
    if rows:
        made = insert(table).compile(dialect=connection.dialect, column_keys=list(rows[0]))
        names = made.positiontup
        said: Any = list(map(itemgetter(*names), rows)) if names else list(rows)
        connection.exec_driver_sql(str(made), said)
