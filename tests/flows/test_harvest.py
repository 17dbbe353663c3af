"""Harvests from beginning to end: what is filed, what is said of it, and what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broadsheet.collection import harvests, signals
from broadsheet.errors import RecordError, SourceUnavailable, StoreError
from broadsheet.harvest.harvester import Step, Wish
from broadsheet.library import Library
from broadsheet.papers.types import ExternalId, Record
from loopback import FakeTime
from newsrooms import Invented, Shelf, e_print, opened

ON = {"invented": {"enabled": True}}


@pytest.fixture
def time() -> FakeTime:
    """Return a time that stands still on a Tuesday in the morning."""
    return FakeTime(datetime(2026, 3, 17, 6, 30, tzinfo=UTC))


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """Give the shelf of the invented source, with two parts of two pages."""
    Invented.shelf = Shelf(
        {
            "one": [[e_print(1, "2026-03-16"), e_print(2, "2026-03-17")], [e_print(3)]],
            "two": [[e_print(4)], [e_print(1), e_print(5)]],
        }
    )
    yield Invented.shelf
    Invented.shelf = Shelf()


@pytest.fixture
def library(home: Path, time: FakeTime, shelf: Shelf) -> Iterator[Library]:
    """Give an empty library that has the invented source, enabled."""
    with opened(home, ON, time, more={"invented": Invented}) as found:
        yield found


def down(*parts: str) -> Callable[[str, int], None]:
    """Return trouble: these parts are away from their second page on."""

    def trouble(part: str, page: int) -> None:
        if part in parts and page:
            raise SourceUnavailable("it answers 503", source="invented", retry_after=60)

    return trouble


def ids(library: Library) -> set[str]:
    """Return the arXiv ids of all papers."""
    return {i.value for p in library.select() for i in p.external_ids}


def test_a_harvest_files_everything_once_and_says_so(library: Library):
    """Papers are filed and found, their signals kept, and a second harvest finds nothing new."""
    steps: list[Step] = []
    report = library.newsroom.harvest("invented", told=steps.append)
    assert report.outcome == "new"
    assert "5 new papers" in report.reason
    assert (report.counts["new"], report.counts["unchanged"]) == (5, 1)
    assert (steps[-1].done, steps[-1].of) == (2, 2)
    assert library.count() == 5
    assert library.search("kites").hits
    with library.database.read() as connection:
        paper = library.resolve("arxiv:2603.00003")
        assert [o.value for o in signals.of_paper(connection, paper)] == [3]
    again = library.newsroom.harvest("invented")
    assert again.outcome == "nothing new"
    assert library.runs()[0].outcome == "nothing new"
    assert library.runs()[0].reason == again.reason


def test_a_part_that_fails_does_not_stop_the_others(library: Library, shelf: Shelf):
    """What came before the trouble is kept, and the next harvest goes on behind it."""
    shelf.trouble = down("one")
    report = library.newsroom.harvest("invented")
    assert report.outcome == "partly failed"
    assert "one" in report.reason
    assert "503" in report.reason
    assert ids(library) == {f"2603.{n:05}" for n in (1, 2, 4, 5)}
    shelf.trouble = down()
    shelf.asked.clear()
    assert library.newsroom.harvest("invented").counts["new"] == 1
    assert shelf.asked == [("one", 1)]
    assert [p["outcome"] for p in library.runs()[1].parts] == ["partly failed", "new"]


def test_all_parts_failing_is_a_failure_with_its_reason(library: Library, shelf: Shelf):
    """Nothing is new, and nobody is told that it is a quiet day."""

    def away(_part: str, _page: int) -> None:
        raise SourceUnavailable("it answers 503", source="invented")

    shelf.trouble = away
    report = library.newsroom.harvest("invented")
    assert report.outcome == "failed"
    assert "it answers 503" in report.reason


def test_a_bug_in_an_adapter_is_told_and_spares_the_other_parts(library: Library, shelf: Shelf):
    """An exception that no adapter should raise ends one part alone."""

    def trouble(part: str, _page: int) -> None:
        if part == "one":
            raise ZeroDivisionError("of all things")

    shelf.trouble = trouble
    report = library.newsroom.harvest("invented")
    assert report.outcome == "partly failed"
    assert "this is a bug: ZeroDivisionError: of all things" in report.parts[0]["error"]
    assert ids(library) == {"2603.00004", "2603.00001", "2603.00005"}


def test_a_bad_record_is_set_aside_once(library: Library, shelf: Shelf):
    """The rest is filed; the same bad record that comes every day stands aside once."""
    bad = RecordError("no title", source="invented", place=1, excerpt="<record/>")
    shelf.pages = {"one": [[bad, e_print(1)], [bad]]}
    library.newsroom.harvest("invented")
    assert library.rejects()[0] == 1
    assert library.rejects()[1][0].source == "invented"
    assert library.count() == 1


def test_a_deletion_marks_what_is_held_and_nothing_else(library: Library, shelf: Shelf):
    """A record without a title says that the one under its key was withdrawn."""
    library.newsroom.harvest("invented")
    gone = [
        Record("invented", f"2603.{n:05}", "", withdrawn=True, extra={"deleted": "2026-03-17"},
               external_ids=(ExternalId("arxiv", f"2603.{n:05}"),))
        for n in (2, 99)
    ]  # fmt: skip
    shelf.pages = {"three": [gone]}
    library.newsroom.harvest("invented")
    paper = library.papers([library.resolve("2603.00002")])[0]
    assert paper.withdrawn
    assert paper.title == "Kites at Sea, Part 2"
    assert library.count() == 5


def test_a_dry_run_counts_and_keeps_nothing(library: Library, shelf: Shelf):
    """Neither papers nor cursor nor a run remain of it."""
    report = library.newsroom.harvest("invented", Wish(is_dry=True))
    assert (report.counts["new"], report.counts["merged"]) == (5, 1)
    assert library.count() == 0
    assert library.runs() == []
    with library.database.read() as connection:
        assert harvests.stands(connection, "invented") == {}


def test_only_one_harvest_of_a_source_runs(library: Library, home: Path, time: FakeTime):
    """A second one is refused at once, with a sentence."""
    with (
        library.newsroom._harvester.turn("invented", "harvest"),
        opened(home, ON, time, more={"invented": Invented}) as other,
        pytest.raises(StoreError, match="another harvest of invented is under way"),
    ):
        other.newsroom.harvest("invented")


def test_what_is_due_runs_once(library: Library, home: Path, time: FakeTime, shelf: Shelf):
    """A tick runs the slot, the next one nothing; after hours of sleep it runs once again."""
    first = library.newsroom.tick()
    assert [(r.source, r.outcome) for r in first] == [("invented", "new")] * 2
    assert library.newsroom.tick() == []
    with opened(home, ON, time, more={"invented": Invented}) as other:
        assert other.newsroom.tick() == []
    time.sleep(40 * 3600)
    assert len(library.newsroom.tick()) == 2
    assert library.newsroom.tick() == []


def test_a_failed_slot_is_tried_again_after_a_while(library: Library, time: FakeTime, shelf: Shelf):
    """Not at once, not never, and it is the same slot."""
    shelf.trouble = down("one", "two")
    library.newsroom.tick()
    assert [r.source for r in library.newsroom.tick()] == []
    shelf.trouble = down()
    time.sleep(11 * 60)
    report = library.newsroom.tick()[0]
    assert report.counts["new"] == 3 - 1
    slots = {r.slot for r in library.runs() if r.kind == "harvest"}
    assert len(slots) == 1


def test_enrichment_asks_about_the_freshest_first(library: Library, shelf: Shelf):
    """Within the budget; what it counted is kept, and it is not asked about again at once."""
    library.newsroom.harvest("invented")
    shelf.asked.clear()
    report = library.newsroom.enrich("invented", 2)
    assert report.counts["asked"] == 2
    assert [library.papers([p])[0].edition for _, p in shelf.asked] == ["2026-03-17"] * 2
    rest = library.newsroom.enrich("invented", 50)
    assert rest.counts["asked"] == 3
    assert library.newsroom.enrich("invented").outcome == "nothing new"
    with library.database.read() as connection:
        found = signals.of_paper(connection, library.resolve("2603.00001"))
    assert next((o.kind, o.value) for o in found if o.source == "invented") == ("citations", 7)


def test_enrichment_goes_round_the_older_papers(library: Library, time: FakeTime, shelf: Shelf):
    """Each run goes on where the last one ended, and after the last it begins again."""
    shelf.pages = {"one": [[e_print(n, "2020-01-02") for n in range(1, 6)]]}
    library.newsroom.harvest("invented")
    shelf.asked.clear()
    for _ in range(3):
        library.newsroom.enrich("invented", 2)
    assert sorted(p for _, p in shelf.asked) == [1, 2, 3, 4, 5]
    time.sleep(91 * 86400)
    library.newsroom.enrich("invented", 2)
    library.newsroom.enrich("invented", 2)
    assert len(shelf.asked) >= 7


def test_enrichment_that_breaks_off_keeps_what_it_has(library: Library, shelf: Shelf):
    """The papers that were asked about are done; the others wait."""
    library.newsroom.harvest("invented")
    calls = []

    def trouble(part: str, _count: int) -> None:
        calls.append(part)
        if len(calls) > 1:
            raise SourceUnavailable("it answers 429", source="invented")

    shelf.trouble = trouble
    report = library.newsroom.enrich("invented")
    assert report.outcome == "partly failed"
    assert "429" in report.reason
    assert report.counts["asked"] == 2
    shelf.trouble = down()
    assert library.newsroom.enrich("invented").counts["asked"] == 3


def test_a_check_says_field_by_field_what_differs(library: Library):
    """The year is missing, and it is said."""
    found = library.newsroom.check("invented")
    assert [(f.field, f.is_well) for f in found] == [("title", True), ("year", False)]
