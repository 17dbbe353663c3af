"""Filing into the record: rows, ids, places, redirects, and the change log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from broadsheet.collection import editions, papers, runs
from broadsheet.collection.database import Database
from broadsheet.collection.papers import Change, decode_record, encode_record
from broadsheet.errors import PaperNotFound
from broadsheet.papers.appearances import Again, stamp
from broadsheet.papers.filing import Known, decide
from broadsheet.papers.types import ExternalId, Place, Record, SavedPage

NOW, LATER = "2026-03-17T06:30:00Z", "2026-03-18T06:30:00Z"
ARXIV = ExternalId("arxiv", "2501.00001")
DOIS = [ExternalId("doi", f"10.1000/{n}") for n in range(6)]
PAGE = SavedPage("0123456789abcdef", "tides.html", (), "Aug 29", "2025-08-29", 9)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Give a connection in the middle of a write to a new record."""
    with Database(tmp_path / "broadsheet.db") as database, database.write() as opened:
        yield opened


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of an empty record, to be copied: making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "broadsheet.db"
    Database(path).close()
    return path


def record(key: str, title: str = "Lunar Nets for Harbour Tides", *ids: ExternalId) -> Record:
    """Return a record with this key, title and ids."""
    return Record("file", key, title, external_ids=ids)


def file(connection: Connection, *records: Record, now: str = NOW) -> list[str]:
    """File records, and return what became of each."""
    return papers.file(connection, records, now)


def changes(connection: Connection, after: int = 0) -> list[tuple[int, str]]:
    """Return the change log as papers with what happened to them."""
    return [(c.paper_id, c.kind) for c in papers.changes_since(connection, after, 1000)]


def chain(connection: Connection, length: int = 4) -> None:
    """File `length` papers and then merge them one after the other, the newest pair first."""
    file(connection, *(record(str(n), f"Tides {n}", DOIS[n]) for n in range(length)))
    for n in range(length - 1, 0, -1):
        file(connection, record(f"link {n}", f"Link {n}", DOIS[n - 1], DOIS[n]), now=LATER)


# ---------------------------------------------------------------------------- records as text

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
TUPLES = st.lists(WORDS, max_size=3).map(tuple)
DAYS = st.sampled_from([None, "2026-03-17", "2026-03"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
RECORDS = st.builds(
    Record,
    source=WORDS,
    key=WORDS,
    title=WORDS,
    abstract=WORDS,
    summary=WORDS,
    authors=TUPLES,
    external_ids=st.lists(st.builds(ExternalId, WORDS, WORDS), max_size=2).map(tuple),
    year=st.none() | st.integers(1500, 2100),
    submitted=DAYS,
    announced=DAYS,
    updated=DAYS,
    published=DAYS,
    categories=TUPLES,
    keywords=TUPLES,
    venue=WORDS,
    comment=WORDS,
    withdrawn=st.booleans(),
    links=st.lists(st.tuples(WORDS, WORDS), max_size=2).map(tuple),
    place=st.none() | st.builds(Place, WORDS, st.integers(1, 99)),
    extra=st.dictionaries(WORDS, JSON, max_size=2),
)


@given(RECORDS)
def test_a_record_reads_back_as_it_was(given_record: Record):
    """Every field of a record survives being kept, and equal records are kept as equal texts."""
    body = encode_record(given_record)
    assert decode_record(body) == given_record
    assert encode_record(decode_record(body)) == body


def test_only_what_is_said_is_kept():
    """A record that says little is kept in few bytes."""
    assert encode_record(Record("file", "a", "Tides")) == (
        '{"source":"file","key":"a","title":"Tides"}'
    )


# ---------------------------------------------------------------------------- outcomes


def test_the_outcomes_of_filing(connection: Connection):
    """Records open papers, join them, renew them, or change nothing, in the order they came."""
    assert file(connection, record("a", "Tides", DOIS[0]), record("b", "Kilns")) == ["new", "new"]
    assert file(
        connection,
        record("a", "Tides", DOIS[0]),
        record("c", "Tides and Moons", DOIS[0]),
        record("b", "Kilns of Winter"),
        record("d", "Moons"),
        now=LATER,
    ) == ["unchanged", "merged", "updated", "new"]
    assert papers.count(connection) == 3
    assert papers.count_records(connection) == 4
    assert papers.all_ids(connection) == [1, 2, 3]
    found = papers.fetch(connection, [3, 99, 2, 1])
    assert [(p.id, p.title) for p in found] == [
        (3, "Moons"), (2, "Kilns of Winter"), (1, "Tides and Moons"),
    ]  # fmt: skip
    assert [p.first_seen for p in found] == [LATER, NOW, NOW]
    assert sorted(papers.keys_of_source(connection, "file")) == [
        ("a", 1), ("b", 2), ("c", 1), ("d", 3),
    ]  # fmt: skip


def test_filing_nothing_does_nothing(connection: Connection):
    """An empty batch writes no change."""
    assert file(connection) == []
    assert papers.last_sequence(connection) == 0


def test_filing_again_writes_nothing(connection: Connection):
    """The same records again are unchanged: no change is logged and no row is touched."""
    batch = [record("a", "Tides", DOIS[0]), record("b", "Kilns", DOIS[0]), record("c", "Moons")]
    file(connection, *batch)
    dump = [
        connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608 (names are ours)
        for table in ("papers", "records", "external_ids", "changes")
    ]
    assert file(connection, *batch, now=LATER) == ["unchanged"] * 3
    assert file(connection, *batch, *batch[::-1], now=LATER) == ["unchanged"] * 6
    assert dump == [
        connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608
        for table in ("papers", "records", "external_ids", "changes")
    ]


def test_one_key_twice_in_a_batch(connection: Connection):
    """The last form of a record stands, and an unchanged form beside it is not lost."""
    assert file(connection, record("a", "One"), record("a", "Two"), record("a", "Two")) == [
        "new", "updated", "unchanged",
    ]  # fmt: skip
    assert file(connection, record("a", "Two"), record("a", "Three")) == ["unchanged", "updated"]
    assert [r.record.title for r in papers.records_of(connection, 1)] == ["Three"]


def test_records_remember_when_they_came(connection: Connection):
    """A record keeps the time it was first seen and gets the time it last changed."""
    file(connection, record("a", "Tides", DOIS[0]))
    file(connection, record("b", "Kilns", DOIS[0]), record("a", "Tides!", DOIS[0]), now=LATER)
    found = papers.records_of(connection, 1)
    assert [(r.record.key, r.first_seen, r.last_changed) for r in found] == [
        ("a", NOW, LATER), ("b", LATER, LATER),
    ]  # fmt: skip


def test_a_paper_reads_back_as_it_was_composed(connection: Connection):
    """Every field of a paper is there when it is fetched."""
    full = Record(
        "arxiv", "k", "Tides", "abstract", "summary", ("Ada Lovelace", "Tom Reed"),
        (DOIS[0], ARXIV), 2026, "2026-01-01", "2026-01-02", "2026-01-03", "2026-02", ("cs.LG",),
        ("tides",), "ICML", "9 pages", True, (("pdf", "https://example.org/a"),), None, {"a": 1},
    )  # fmt: skip
    expected = decide([full], Known({}, {}, {}, {}, 1), NOW).papers[0].paper
    file(connection, full)
    assert papers.fetch(connection, [1]) == [expected]
    assert papers.fetch_after(connection, 0, 10) == [expected]
    assert papers.latest(connection, 10) == [expected]


def test_the_whole_collection_is_read_in_order(connection: Connection):
    """Reading on after the last id gives every paper once, merged ones left out."""
    chain(connection)
    file(connection, *(record(f"more {n}", f"More {n}") for n in range(3)))
    found, last = [], 0
    while batch := papers.fetch_after(connection, last, 2):
        found += [p.id for p in batch]
        last = found[-1]
    assert found == papers.all_ids(connection)
    assert 2 not in found


def test_the_latest_papers(connection: Connection):
    """Newest days come first, younger papers first within a day, undated ones at the end."""
    days = ["2026-01-02", None, "2026-02", "2026-01-02", "2025-12-31"]
    file(connection, *(replace(record(str(n), f"T {n}"), submitted=d) for n, d in enumerate(days)))
    assert [p.id for p in papers.latest(connection, 10)] == [3, 4, 1, 5, 2]
    assert [p.id for p in papers.latest(connection, 2, 1)] == [4, 1]


# ---------------------------------------------------------------------------- ids and merges


@pytest.mark.parametrize(
    "ident", ["p1", " P1 ", "2501.00001v3", "https://doi.org/10.1000/0", "10.1000/0"]
)
def test_every_name_of_a_paper_leads_to_it(connection: Connection, ident: str):
    """Our id, and every id in every spelling, leads to the paper."""
    file(connection, record("a", "Tides", ARXIV, DOIS[0]))
    assert papers.resolve(connection, ident) == 1


@pytest.mark.parametrize("ident", ["p2", "p0", "2501.00002", "10.1000/9", "tides", ""])
def test_what_leads_nowhere_is_not_found(connection: Connection, ident: str):
    """An id that the collection does not know raises an error that names it."""
    file(connection, record("a", "Tides", ARXIV, DOIS[0]))
    with pytest.raises(PaperNotFound) as caught:
        papers.resolve(connection, ident)
    assert caught.value.id == ident


def test_old_numbers_lead_to_the_survivor(connection: Connection):
    """Every number of a chain of merged papers leads to the one that is left, at once."""
    chain(connection)
    assert papers.all_ids(connection) == [1]
    for n in range(1, 5):
        assert papers.resolve(connection, f"p{n}") == 1
    for doi in DOIS[:4]:
        assert papers.resolve(connection, str(doi)) == 1
    assert papers.fetch(connection, [2, 3, 4]) == []
    assert papers.count_records(connection) == 7
    assert len(papers.records_of(connection, 1)) == 7
    pointers = connection.execute(text("SELECT id, merged_into FROM papers ORDER BY id")).all()
    assert pointers == [(1, None), (2, 1), (3, 1), (4, 1)]


def test_a_merge_keeps_the_first_day(connection: Connection):
    """The survivor was first seen when the older of the two was."""
    file(connection, record("a", "Tides", DOIS[0]))
    file(connection, record("b", "Kilns", DOIS[1]), now=LATER)
    file(connection, record("c", "Moons", *DOIS[:2]), now=LATER)
    [paper] = papers.fetch(connection, [1])
    assert paper.first_seen == NOW
    assert paper.external_ids == tuple(DOIS[:2])


def test_an_id_leads_to_one_paper(connection: Connection):
    """Where arXiv ids keep two papers apart, an id that both claim leads to the first."""
    other = ExternalId("arxiv", "2501.00002")
    file(connection, record("a", "Tides", ARXIV), record("b", "Kilns", other))
    file(connection, record("c", "Moons", ARXIV, other))
    assert papers.find_external(connection, [ARXIV, other, DOIS[0]]) == {ARXIV: 1, other: 2}
    file(connection, record("b", "Kilns"))
    assert papers.find_external(connection, [other]) == {other: 1}


def test_an_id_that_is_taken_back_leads_nowhere(connection: Connection):
    """An id that the only record of a paper no longer gives is forgotten."""
    file(connection, record("a", "Tides", DOIS[0]))
    file(connection, record("a", "Tides", DOIS[1]))
    assert papers.find_external(connection, DOIS[:2]) == {DOIS[1]: 1}


def test_places_move_with_merges(connection: Connection):
    """A paper that takes another in stands where both stood."""
    runs.keep_page(connection, PAGE, NOW)
    file(
        connection,
        replace(record("a", "Tides", DOIS[0]), place=Place(PAGE.key, 3)),
        replace(record("b", "Kilns", DOIS[1]), place=Place(PAGE.key, 5)),
    )
    assert runs.places_of(connection, 2) == [(PAGE, 5)]
    file(connection, record("c", "Moons", *DOIS[:2]))
    assert runs.places_of(connection, 1) == [(PAGE, 3), (PAGE, 5)]
    assert runs.places_of(connection, 2) == []


def test_a_place_has_one_paper(connection: Connection):
    """A place that another record takes later belongs to that record's paper."""
    runs.keep_page(connection, PAGE, NOW)
    file(connection, replace(record("a", "Tides"), place=Place(PAGE.key, 3)))
    file(connection, replace(record("b", "Kilns"), place=Place(PAGE.key, 3)))
    assert runs.places_of(connection, 1) == []
    assert runs.places_of(connection, 2) == [(PAGE, 3)]


# ---------------------------------------------------------------------------- the change log


def test_the_change_log_says_what_happened(connection: Connection):
    """Papers touched are put, papers merged away are dropped, each once a batch and in order."""
    file(connection, record("a", "Tides", DOIS[0]), record("b", "Kilns", DOIS[1]))
    assert changes(connection) == [(1, "put"), (2, "put")]
    file(connection, record("c", "Moons"), record("b", "Kilns of Winter", DOIS[1]))
    assert changes(connection, 2) == [(2, "put"), (3, "put")]
    file(connection, record("d", "Suns", *DOIS[:2]))
    assert changes(connection, 4) == [(1, "put"), (2, "drop")]
    assert papers.last_sequence(connection) == 6
    assert papers.changes_since(connection, 4, 1) == [Change(5, 1, "put")]
    assert papers.changes_since(connection, 6, 10) == []


def test_papers_made_and_merged_in_one_batch(connection: Connection):
    """A number that never outlived its batch leaves no paper and no record behind."""
    outcomes = file(
        connection,
        record("a", "Tides", DOIS[0]),
        record("b", "Kilns", DOIS[1]),
        record("c", "Moons", *DOIS[:2]),
    )
    assert outcomes == ["new", "new", "merged"]
    assert papers.all_ids(connection) == [1]
    assert len(papers.records_of(connection, 1)) == 3
    file(connection, record("d", "Suns"))
    assert papers.count(connection) == 2
    last = dict(changes(connection))
    assert {i for i, kind in last.items() if kind == "put"} == set(papers.all_ids(connection))


# ---------------------------------------------------------------------------- days and editions


def days(connection: Connection) -> dict[str, int]:
    """Return how many papers each day holds that ever held one."""
    return {d.day: d.papers for d in editions.days(connection, "0000", "9999")}


def test_a_paper_announced_again_stays_in_its_first_edition(connection: Connection):
    """The later listing is a day on which it came again; it is counted on the first alone."""
    first = replace(record("a", "Tides", ARXIV), announced="2026-03-10")
    file(connection, first, replace(record("b", "Kilns"), announced="2026-03-16"))
    file(connection, replace(first, announced="2026-03-16"), now=LATER)
    [paper] = papers.fetch(connection, [1])

    assert (paper.edition, paper.basis, paper.announced) == (
        "2026-03-10",
        "announced",
        "2026-03-10",
    )
    assert papers.appearances_of(connection, 1) == [Again("2026-03-16", "listed", "file")]
    assert days(connection) == {"2026-03-10": 1, "2026-03-16": 1}
    assert [r.paper_id for r in editions.again(connection, "2026-03-16", "2026-03-16", 9)] == [1]
    assert editions.again(connection, "2026-03-10", "2026-03-10", 9) == []
    assert editions.again(connection, "2026-03-01", "2026-03-31", 9) == []


def test_a_day_knows_when_it_was_last_touched(connection: Connection):
    """Only the days that a change concerns, as edition or as a day of return, are touched."""
    tides = replace(record("a", "Tides"), announced="2026-03-10")
    file(connection, tides, replace(record("b", "Kilns"), announced="2026-03-11"))
    before = {d.day: d.touched for d in editions.days(connection, "0000", "9999")}
    file(connection, replace(tides, updated="2026-03-14"), now=LATER)
    after = {d.day: d for d in editions.days(connection, "0000", "9999")}

    assert after["2026-03-11"].touched == before["2026-03-11"]
    assert after["2026-03-10"].touched == after["2026-03-14"].touched > before["2026-03-10"]
    assert (after["2026-03-14"].papers, after["2026-03-14"].changed) == (0, LATER)


def test_a_page_whose_day_becomes_known_moves_its_papers(connection: Connection):
    """Papers filed from a page without a year get their edition when a later page tells it."""
    runs.keep_page(connection, replace(PAGE, day=None), NOW)
    file(connection, replace(record("a", "Tides"), place=Place(PAGE.key, 3)))
    assert days(connection) == {NOW[:10]: 1}
    runs.keep_page(connection, PAGE, LATER)
    papers.refresh_page(connection, PAGE.key, LATER)

    assert days(connection) == {NOW[:10]: 0, "2025-08-29": 1}
    assert papers.fetch(connection, [1])[0].basis == "page"


DATED = st.builds(
    Record,
    source=st.just("file"),
    key=st.sampled_from("abcd"),
    title=st.sampled_from(["Lunar Nets for Harbour Tides", "Kilns"]),
    authors=st.just(("Ada Lovelace",)),
    external_ids=st.lists(st.sampled_from(DOIS[:3]), max_size=2, unique=True).map(tuple),
    announced=st.sampled_from([None, "2026-03", "2026-03-10", "2026-03-12"]),
    updated=st.sampled_from([None, "2026-03-12", "2026-03-20"]),
    place=st.none() | st.builds(Place, st.just(PAGE.key), st.integers(1, 9)),
    extra=st.sampled_from([{}, {"upvotes": 7}, {"upvotes": "12"}, {"upvotes": 10**12}]),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(DATED, max_size=3), max_size=5))
def test_days_and_returns_are_what_the_records_say(
    tmp_path_factory: pytest.TempPathFactory, empty: Path, batches: list[list[Record]]
):
    """Whatever is filed, each paper's day, votes and returns are those of its records."""
    path = shutil.copy(empty, tmp_path_factory.mktemp("record") / "broadsheet.db")
    with Database(path) as database, database.write() as connection:
        runs.keep_page(connection, PAGE, NOW)
        for batch in batches:
            file(connection, *batch)
        alive = papers.fetch(connection, papers.all_ids(connection))
        for paper in alive:
            records = [f.record for f in papers.records_of(connection, paper.id)]
            made = stamp(records, paper.first_seen, {PAGE.key: "2025-08-29"})
            assert (paper.edition, paper.basis, paper.upvotes) == (
                made.day, made.basis, made.upvotes,
            )  # fmt: skip
            again = {(a.day, a.kind) for a in papers.appearances_of(connection, paper.id)}
            assert again == {(a.day, a.kind) for a in made.again}
        counted = [p.edition for p in alive]
        assert {d: n for d, n in days(connection).items() if n} == {
            d: counted.count(d) for d in counted
        }


# ---------------------------------------------------------------------------- any filing

SMALL = st.builds(
    Record,
    source=st.just("file"),
    key=st.sampled_from("abcde"),
    title=st.sampled_from(["Lunar Nets for Harbour Tides", "Kilns"]),
    authors=st.sampled_from([(), ("Ada Lovelace",)]),
    external_ids=st.lists(st.sampled_from(DOIS[:4]), max_size=2, unique=True).map(tuple),
    place=st.none() | st.builds(Place, st.just(PAGE.key), st.integers(1, 9)),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(SMALL, max_size=4, unique_by=lambda r: r.place or r.key), max_size=5))
def test_the_record_is_sound_after_any_filing(
    tmp_path_factory: pytest.TempPathFactory, empty: Path, batches: list[list[Record]]
):
    """Rows, ids, redirects and change log agree with each other whatever is filed."""
    path = shutil.copy(empty, tmp_path_factory.mktemp("record") / "broadsheet.db")
    with Database(path) as database:
        numbers: set[int] = set()
        for batch in batches:
            with database.write() as connection:
                runs.keep_page(connection, PAGE, NOW)
                assert len(papers.file(connection, batch, NOW)) == len(batch)
                numbers |= set(papers.all_ids(connection))
                assert papers.file(connection, _last(batch), LATER) == ["unchanged"] * len(
                    _last(batch)
                )
        assert database.check() == []
        with database.read() as connection:
            ids = papers.all_ids(connection)
            assert ids == [p.id for p in papers.fetch(connection, ids)]
            for number in numbers:
                assert papers.resolve(connection, f"p{number}") in ids
            kept = {
                (r.record.source, r.record.key): r.record
                for i in ids
                for r in papers.records_of(connection, i)
            }
            assert kept == {(r.source, r.key): r for batch in batches for r in batch}
            last = {c.paper_id: c.kind for c in papers.changes_since(connection, 0, 1000)}
            assert {i for i, kind in last.items() if kind == "put"} == set(ids)
            for paper in papers.fetch(connection, ids):
                owners = papers.find_external(connection, paper.external_ids)
                assert owners == dict.fromkeys(paper.external_ids, paper.id)


def _last(batch: list[Record]) -> list[Record]:
    """Return the last form of each record of a batch."""
    return list({r.key: r for r in batch}.values())
