"""Signals: kept as they were seen, and following their papers through merges and splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from broadsheet.collection import decisions, papers, schema, signals
from broadsheet.collection.database import Database
from broadsheet.collection.signals import Observed
from broadsheet.papers.types import ExternalId, PaperId, Record, Signal

NOW, LATER = "2026-03-17T06:30:00Z", "2026-03-18T06:30:00Z"
ADA = ("Ada Lovelace",)
TIDES = Record("hf", "2501.00001", "Lunar Nets for Harbour Tides", authors=ADA)
HARBOURS = Record("hf", "2502.00002", "Predicting Harbour Tides by Nets", authors=ADA)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Give one write to a record that holds two papers."""
    with Database(tmp_path / "broadsheet.db") as database, database.write() as opened:
        papers.file(opened, [TIDES, HARBOURS], NOW)
        yield opened


def seen(paper: int, value: float, at: str = NOW, key: str = TIDES.key) -> Observed:
    """Return an observation of upvotes."""
    return Observed(PaperId(paper), "upvotes", "hf", key, at, value)


def test_what_was_seen_stays_as_it_was_seen(connection: Connection):
    """The same moment is kept once, and a count that did not change that day is not repeated."""
    assert signals.note(connection, [seen(1, 3), seen(1, 3)]) == 1
    assert signals.note(connection, [seen(1, 9)]) == 0
    assert signals.note(connection, [seen(1, 3, "2026-03-17T08:00:00Z")]) == 0
    assert signals.note(connection, [seen(1, 4, "2026-03-17T09:00:00Z")]) == 1
    assert signals.note(connection, [seen(1, 4, LATER)]) == 1
    assert [o.value for o in signals.of_paper(connection, 1)] == [3, 4, 4]


def test_signals_follow_a_merge_a_split_and_its_undoing(connection: Connection):
    """Upvotes go where the record goes that they were counted for; stars go with the paper."""
    stars = Observed(PaperId(2), "stars", "github", "github:7", NOW, 12)
    own = seen(2, 5, key=HARBOURS.key)
    signals.note(connection, [seen(1, 3), own, stars])
    number = decisions.merge(connection, 1, 2, LATER, "")
    assert len(signals.of_paper(connection, 1)) == 3
    assert signals.of_paper(connection, 2) == []
    decisions.undo(connection, number, LATER)
    assert signals.of_paper(connection, 2) == [own]
    assert {o.kind for o in signals.of_paper(connection, 1)} == {"upvotes", "stars"}


def test_signals_follow_papers_that_turn_out_to_be_one(connection: Connection):
    """A record with the ids of both joins them, and what was counted for both."""
    ids = (ExternalId("doi", "10.1000/1"), ExternalId("doi", "10.1000/2"))
    for record, external_id in zip((TIDES, HARBOURS), ids, strict=True):
        papers.file(connection, [Record("file", record.key, record.title, authors=ADA,
                                        external_ids=(external_id,))], NOW)  # fmt: skip
    signals.note(connection, [seen(1, 3), seen(2, 5, key=HARBOURS.key)])
    both = Record("bridge", "b", TIDES.title, authors=ADA, external_ids=ids)
    papers.file(connection, [both], LATER)
    assert papers.count(connection) == 1
    assert [o.value for o in signals.of_paper(connection, 1)] == [3, 5]


@pytest.fixture(scope="module")
def emptied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Give a record that holds one paper."""
    with Database(tmp_path_factory.mktemp("home") / "broadsheet.db") as database:
        with database.write() as opened:
            papers.file(opened, [TIDES], NOW)
        yield database


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 3)),
        min_size=1,
        max_size=25,
        unique_by=lambda c: c[0],
    )
)
@settings(max_examples=40)
def test_every_change_of_a_count_can_be_read_back(emptied: Database, counts: list[tuple[int, int]]):
    """Whatever is left out, the count at any past moment is the one that was last seen."""
    with emptied.write() as connection:
        connection.execute(schema.signals.delete())
        last: dict[str, float] = {}
        for hour, value in sorted(counts, key=lambda c: c[0]):
            at = f"2026-03-{17 + hour // 24}T{hour % 24:02}:00:00Z"
            signals.note(connection, [seen(1, value, at)])
            last.setdefault(at, value)
        kept = {o.seen: o.value for o in signals.of_paper(connection, 1)}
        for at, value in last.items():
            before = max(k for k in kept if k <= at)
            assert kept[before] == value


def test_counts_that_say_when_they_were_seen_are_filed(connection: Connection):
    """Others need somebody who says when that was; nothing is kept twice."""
    own = (Signal("upvotes", 4, NOW), Signal("comments", 2))
    record = replace(TIDES, signals=own)
    papers.file(connection, [record, record], LATER)
    assert signals.of_paper(connection, 1) == [seen(1, 4)]
    assert papers.note_counts(connection, [record]) == 0
    assert papers.note_counts(connection, [record], LATER) == 1
    assert [(o.kind, o.seen) for o in signals.of_paper(connection, 1)] == [
        ("comments", LATER), ("upvotes", NOW),
    ]  # fmt: skip


def test_feeds_that_tell_of_a_paper_are_counted(connection: Connection):
    """Each feed once, however many entries it has for it; a paper that none tells of has none."""
    keys = ("11111111:a", "11111111:b", "22222222:a")
    told = [replace(TIDES, source=signals.FEED, key=key) for key in keys]
    papers.file(connection, told[:2], NOW)
    assert signals.note_mentions(connection, [PaperId(1), PaperId(2)], NOW) == 1
    papers.file(connection, told, LATER)
    assert signals.note_mentions(connection, [PaperId(1)], LATER) == 1
    found = [o for o in signals.of_paper(connection, 1) if o.kind == "mentions"]
    assert [(o.source, o.key, o.value) for o in found] == [("feed", "p1", 1), ("feed", "p1", 2)]
    assert signals.of_paper(connection, 2) == []
