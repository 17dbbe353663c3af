"""Runs, what they set aside, and the saved pages they kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from broadsheet.collection import papers, runs
from broadsheet.collection.database import Database
from broadsheet.errors import RecordError
from broadsheet.papers.types import Place, Record, SavedPage

NOW, LATER = "2026-03-17T06:30:00Z", "2026-03-18T06:30:00Z"
PAGE = SavedPage("0123456789abcdef", "tides.html", ("Daily Papers", "Aug 29"), "Aug 29", None, 2)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Give a connection in the middle of a write to a new record."""
    with Database(tmp_path / "broadsheet.db") as database, database.write() as opened:
        yield opened


def error(place: int, reason: str, source: str = "tides.jsonl") -> RecordError:
    """Return why the record at this place was set aside."""
    return RecordError(reason, source=source, place=place, excerpt=f"line {place}")


def test_a_run_from_beginning_to_end(connection: Connection):
    """A run is running until it ends, and then says how far it came and with what outcome."""
    run = runs.begin(connection, "tides.jsonl", NOW)
    assert runs.recent(connection, 5) == [
        runs.Run(run, "tides.jsonl", NOW, None, "running", "", {})
    ]
    runs.advance(connection, run, 3, {"new": 2, "rejected": 1})
    runs.finish(connection, run, "failed", "the disk is full", LATER)
    [ended] = runs.recent(connection, 5)
    assert ended == runs.Run(
        run, "tides.jsonl", NOW, LATER, "failed", "the disk is full", {"new": 2, "rejected": 1}
    )
    cursor = connection.execute(text("SELECT cursor FROM runs")).scalar()
    assert cursor == 3


def test_the_newest_runs_come_first(connection: Connection):
    """Recent runs are listed newest first, and no more than were asked for."""
    ids = [runs.begin(connection, f"{n}.jsonl", NOW) for n in range(4)]
    assert [r.id for r in runs.recent(connection, 3)] == ids[:0:-1]


def test_advancing_one_run_leaves_the_others(connection: Connection):
    """Counts and ends are written to the run they belong to."""
    first = runs.begin(connection, "a", NOW)
    runs.advance(connection, first, 1, {"new": 1})
    runs.finish(connection, first, "failed", "no more room", NOW)
    second = runs.begin(connection, "b", NOW)
    runs.finish(connection, second, "done", "", LATER)
    assert [(r.id, r.counts, r.outcome) for r in runs.recent(connection, 5)] == [
        (second, {}, "done"),
        (first, {"new": 1}, "failed"),
    ]


def test_a_run_that_never_ended_was_cut_off(connection: Connection):
    """What a killed process left as running is noted as cut off when the next run begins."""
    first = runs.begin(connection, "a", NOW)
    second = runs.begin(connection, "b", LATER)
    assert [(r.id, r.outcome, r.ended) for r in runs.recent(connection, 5)] == [
        (second, "running", None),
        (first, "cut off", LATER),
    ]


def test_rejects_are_kept_once_a_place(connection: Connection):
    """What is set aside again at the same place of the same source replaces what stood there."""
    first, second = (runs.begin(connection, "tides.jsonl", NOW) for _ in range(2))
    runs.set_aside(connection, first, [error(1, "no title"), error(2, "not JSON")], NOW)
    runs.set_aside(connection, second, [error(2, "no title either")], LATER)
    assert runs.count_rejects(connection) == 2
    assert runs.rejects(connection, 10) == [
        runs.Reject("tides.jsonl", 2, "no title either", "line 2", LATER),
        runs.Reject("tides.jsonl", 1, "no title", "line 1", NOW),
    ]


def test_rejects_of_other_sources_stay(connection: Connection):
    """The same line of another source is another reject; twice in one batch is one."""
    tides, kilns = (runs.begin(connection, s, NOW) for s in ("tides.jsonl", "kilns.jsonl"))
    runs.set_aside(connection, tides, [error(1, "a"), error(1, "b")], NOW)
    runs.set_aside(connection, kilns, [error(1, "c")], NOW)
    runs.set_aside(connection, kilns, [], NOW)
    found = runs.rejects(connection, 10)
    assert {(r.source, r.place, r.reason) for r in found} == {
        ("tides.jsonl", 1, "b"),
        ("kilns.jsonl", 1, "c"),
    }
    assert len(runs.rejects(connection, 1)) == 1


def test_a_page_is_kept_once(connection: Connection):
    """A page saved twice is one page, as it was kept first."""
    runs.keep_page(connection, PAGE, NOW)
    runs.keep_page(connection, PAGE, LATER)
    assert runs.pages(connection) == [PAGE]


def test_a_year_is_added_later_and_never_lost(connection: Connection):
    """A day that becomes known is kept, also when the page is saved again without a year."""
    dated = replace(PAGE, day="2025-08-29")
    runs.keep_page(connection, PAGE, NOW)
    runs.keep_page(connection, dated, LATER)
    assert runs.pages(connection) == [dated]
    runs.keep_page(connection, PAGE, LATER)
    assert runs.pages(connection) == [dated]


def test_pages_are_listed_oldest_first(connection: Connection):
    """The page that was kept first is listed first, whatever its key."""
    late = replace(PAGE, key="0" * 16, name="later.html")
    runs.keep_page(connection, PAGE, NOW)
    runs.keep_page(connection, late, LATER)
    assert runs.pages(connection) == [PAGE, late]


def test_the_places_of_a_paper(connection: Connection):
    """A paper knows the pages that it stands on, with its position on each."""
    other = replace(PAGE, key="f" * 16, name="kilns.html")
    for page in (PAGE, other):
        runs.keep_page(connection, page, NOW)
    papers.file(
        connection,
        [
            Record("daily-papers", f"{page.key}#{n}", title, authors=("Ada Lovelace",),
                   place=Place(page.key, n))
            for page, n, title in (
                (PAGE, 1, "Lunar Nets for Harbour Tides"),
                (PAGE, 2, "Copper Kilns of the Long Winter"),
                (other, 4, "Lunar nets for harbour tides"),
            )
        ],
        NOW,
    )  # fmt: skip
    assert runs.places_of(connection, 1) == [(other, 4), (PAGE, 1)]
    assert runs.places_of(connection, 2) == [(PAGE, 2)]
    assert runs.places_of(connection, 3) == []
