"""Decisions by hand: carried out, kept for ever, undone, whatever is imported in between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from broadsheet.collection import decisions, papers, schema
from broadsheet.collection.database import Database
from broadsheet.errors import DecisionError, NotFoundError
from broadsheet.papers.types import ExternalId, PaperId, Record

NOW, LATER = "2026-03-17T06:30:00Z", "2026-03-18T06:30:00Z"
ADA = ("Ada Lovelace",)
DOI = ExternalId("doi", "10.1000/1")
FIRST = ExternalId("arxiv", "2501.00001")
SECOND = ExternalId("arxiv", "2502.00002")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Give one write to a new record."""
    with Database(tmp_path / "broadsheet.db") as database, database.write() as opened:
        yield opened


def record(key: str, title: str, *ids: ExternalId, **changes: object) -> Record:
    """Return a record of a file with these facts."""
    return replace(Record("file", key, title, authors=ADA, external_ids=ids), **changes)


TIDES = record("a", "Lunar Nets for Harbour Tides", FIRST, abstract="Tides and nets.")
HARBOURS = record("b", "Predicting Harbour Tides by Lunar Nets", SECOND, abstract="Tides.")


def file(connection: Connection, *records: Record, now: str = NOW) -> None:
    """File records in one batch."""
    papers.file(connection, records, now)


def groups(connection: Connection) -> dict[int, set[str]]:
    """Return the papers with the keys of their records."""
    found: dict[int, set[str]] = {}
    for paper_id, key in connection.execute(
        select(schema.records.c.paper_id, schema.records.c.key)
    ):
        found.setdefault(paper_id, set()).add(key)
    return found


def is_sound(connection: Connection) -> bool:
    """Return whether papers, ids and days are what the records say."""
    alive = {p.id: p for p in papers.fetch_after(connection, 0, 1000)}
    assert set(groups(connection)) == set(alive)
    table = schema.days.c
    counted = {r.day: r.papers for r in connection.execute(select(table.day, table.papers))}
    days = [p.edition for p in alive.values()]
    assert {d: n for d, n in counted.items() if n} == {d: days.count(d) for d in days}
    for paper in alive.values():
        assert papers.resolve(connection, f"p{paper.id}") == paper.id
        for external_id in paper.external_ids:
            assert papers.resolve(connection, str(external_id)) in alive
    return True


def test_a_merge_makes_one_paper_of_two_whatever_their_ids(connection):
    """The older paper takes all, even two arXiv ids, and both addresses lead to it."""
    file(connection, TIDES, HARBOURS)
    decisions.merge(connection, PaperId(2), PaperId(1), LATER, "the same experiments")
    assert groups(connection) == {1: {"a", "b"}}
    assert papers.resolve(connection, "p2") == 1
    assert papers.resolve(connection, str(SECOND)) == 1
    assert is_sound(connection)
    [kept] = decisions.recent(connection, 10)
    assert (kept.kind, kept.paper, kept.other, kept.note) == ("merge", 1, 2, "the same experiments")
    assert (kept.records, kept.made, kept.undone) == ([("file", "b")], LATER, None)


def test_a_merge_outlives_later_imports(connection):
    """Newer forms of both records, and records with either id, stay with the merged paper."""
    file(connection, TIDES, HARBOURS)
    decisions.merge(connection, PaperId(1), PaperId(2), LATER)
    file(connection, replace(TIDES, abstract="New."), replace(HARBOURS, abstract="Newer."))
    file(connection, record("c", "Harbours", SECOND), record("d", "Tides", FIRST))
    assert groups(connection) == {1: {"a", "b", "c", "d"}}


def test_an_undone_merge_gives_both_papers_back(connection):
    """The merged paper has its address, its records and its ids again; what came since stays."""
    file(connection, TIDES, HARBOURS)
    number = decisions.merge(connection, PaperId(1), PaperId(2), LATER)
    file(connection, record("c", "Tides", FIRST))
    decisions.undo(connection, number, LATER)
    assert groups(connection) == {1: {"a", "c"}, 2: {"b"}}
    assert papers.resolve(connection, "p2") == 2
    assert papers.resolve(connection, str(SECOND)) == 2
    assert decisions.recent(connection, 1)[0].undone == LATER
    assert is_sound(connection)


def test_an_undone_merge_gives_back_addresses_that_led_to_the_merged_paper(connection):
    """A paper merged into one that was merged leads, after the undo, to where it led before."""
    file(connection, TIDES, HARBOURS, record("c", "Harbours"))
    decisions.merge(connection, PaperId(2), PaperId(3), LATER)
    number = decisions.merge(connection, PaperId(1), PaperId(2), LATER)
    assert papers.resolve(connection, "p3") == 1
    decisions.undo(connection, number, LATER)
    assert papers.resolve(connection, "p3") == 2
    assert is_sound(connection)


def test_a_split_off_record_gets_its_old_address_back(connection):
    """What a third record joined is parted, and the address that it had leads to it again."""
    other = ExternalId("doi", "10.1000/2")
    file(connection, record("a", "Kilns", DOI), record("b", "Tides", other))
    file(connection, record("c", "Moons", DOI, other))
    assert groups(connection) == {1: {"a", "b", "c"}}
    decisions.split(connection, PaperId(1), ("file", "b"), LATER)
    assert groups(connection) == {1: {"a", "c"}, 2: {"b"}}
    assert papers.resolve(connection, "p2") == 2
    assert is_sound(connection)


def test_a_split_outlives_later_imports(connection):
    """Neither the same record anew, nor one that both papers match, joins them again."""
    twin = record("b", TIDES.title, DOI)
    file(connection, replace(TIDES, external_ids=(DOI,)), twin)
    assert groups(connection) == {1: {"a", "b"}}
    decisions.split(connection, PaperId(1), ("file", "b"), LATER)
    assert groups(connection) == {1: {"a"}, 2: {"b"}}
    file(connection, replace(twin, abstract="Another text."), now=LATER)
    file(connection, record("c", TIDES.title, DOI), now=LATER)
    assert groups(connection) == {1: {"a", "c"}, 2: {"b"}}
    assert is_sound(connection)


def test_an_undone_split_is_one_paper_again(connection):
    """The record goes back, and later imports may join what they like."""
    file(connection, replace(TIDES, external_ids=(DOI,)), record("b", TIDES.title, DOI))
    number = decisions.split(connection, PaperId(1), ("file", "b"), LATER)
    decisions.undo(connection, number, LATER)
    assert groups(connection) == {1: {"a", "b"}}
    assert papers.resolve(connection, "p2") == 1
    assert connection.execute(select(schema.apart)).first() is None
    assert is_sound(connection)


def test_ids_that_only_the_split_record_gives_go_with_it(connection):
    """The address by an id leads to the paper whose record gives it."""
    other = ExternalId("doi", "10.1000/2")
    file(connection, record("a", "Tides", DOI), record("b", "Tides", DOI, other))
    decisions.split(connection, PaperId(1), ("file", "b"), LATER)
    assert papers.resolve(connection, str(DOI)) == 1
    assert papers.resolve(connection, str(other)) == 2


def test_papers_told_apart_are_never_joined(connection):
    """A record that carries the ids of both goes to the older one and leaves the other alone."""
    other = ExternalId("doi", "10.1000/2")
    file(connection, record("a", "Kilns", DOI), record("b", "Tides", other))
    decisions.apart(connection, PaperId(2), PaperId(1), LATER)
    assert decisions.told_apart(connection) == {(1, 2)}
    file(connection, record("c", "Moons", DOI, other))
    assert groups(connection) == {1: {"a", "c"}, 2: {"b"}}


def test_a_merge_overrules_an_earlier_split(connection):
    """The newest word counts: the earlier decision is undone, and says so."""
    file(connection, replace(TIDES, external_ids=(DOI,)), record("b", TIDES.title, DOI))
    decisions.split(connection, PaperId(1), ("file", "b"), NOW)
    decisions.merge(connection, PaperId(1), PaperId(2), LATER)
    merge, split = decisions.recent(connection, 10)
    assert (split.undone, merge.undone) == (LATER, None)
    assert groups(connection) == {1: {"a", "b"}}
    assert decisions.told_apart(connection) == set()


def test_what_cannot_be_decided_is_said(connection):
    """One paper cannot be merged with itself, the last record not be split, an undo not redone."""
    file(connection, TIDES, HARBOURS)
    with pytest.raises(DecisionError, match="one paper already"):
        decisions.merge(connection, PaperId(1), PaperId(1), NOW)
    with pytest.raises(DecisionError, match="only this record"):
        decisions.split(connection, PaperId(1), ("file", "a"), NOW)
    with pytest.raises(DecisionError, match="holds no record b"):
        decisions.split(connection, PaperId(1), ("file", "b"), NOW)
    with pytest.raises(NotFoundError, match="no decision '7'"):
        decisions.undo(connection, 7, NOW)
    number = decisions.merge(connection, PaperId(1), PaperId(2), NOW)
    decisions.undo(connection, number, NOW)
    with pytest.raises(DecisionError, match="undone on 2026-03-17"):
        decisions.undo(connection, number, NOW)


KEYS = "abcdef"
IDS = [FIRST, SECOND, DOI, ExternalId("doi", "10.1000/2")]
RECORDS = st.builds(
    lambda key, title, ids, day: replace(
        record(key, f"Tides {title}", *ids), announced=day, abstract=f"{title} {day}"
    ),
    st.sampled_from(KEYS),
    st.sampled_from(["of Dover", "of Whitby", "of Cromer"]),
    st.lists(st.sampled_from(IDS), max_size=2, unique=True),
    st.sampled_from([None, "2026-03-10", "2026-03-12"]),
)
PAPERS = st.integers(1, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("file"), st.lists(RECORDS, min_size=1, max_size=4)),
        st.tuples(st.sampled_from(["merge", "apart"]), st.tuples(PAPERS, PAPERS)),
        st.tuples(st.just("split"), st.tuples(PAPERS, st.sampled_from(KEYS))),
        st.tuples(st.just("undo"), st.integers(1, 4)),
    ),
    min_size=2,
    max_size=12,
)  # fmt: skip


def decide(connection: Connection, kind: str, facts: tuple[int, int]) -> None:
    """Carry out a decision, if it can be."""
    try:
        if kind == "undo":
            decisions.undo(connection, facts, LATER)
        elif kind == "split":
            paper = papers.resolve_id(connection, facts[0])
            decisions.split(connection, paper, ("file", facts[1]), LATER)
        else:
            one, other = (papers.resolve_id(connection, i) for i in facts)
            getattr(decisions, kind)(connection, one, other, LATER)
    except (DecisionError, NotFoundError):
        pass


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """Return the file of an empty record, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "broadsheet.db"
    Database(path).close()
    return path


@given(steps=STEPS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_filed_and_decided_the_record_is_sound(tmp_path_factory, empty, steps):
    """No record is lost or in two papers, every address leads somewhere, and apart stays apart."""
    path = shutil.copy(empty, tmp_path_factory.mktemp("home") / "broadsheet.db")
    with Database(Path(path)) as database:
        filed: set[str] = set()
        for kind, facts in steps:
            with database.write() as connection:
                if kind == "file":
                    file(connection, *facts)
                    filed |= {r.key for r in facts}
                else:
                    decide(connection, kind, facts)
                found = groups(connection)
                assert sorted(k for keys in found.values() for k in keys) == sorted(filed)
                assert all(a != b for a, b in decisions.told_apart(connection))
                assert is_sound(connection)
        assert not database.check()
