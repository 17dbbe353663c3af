"""Answers that show an earlier day as today's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from broadsheet.harvest.staleness import stale
from broadsheet.papers.types import Record

DAY, BEFORE = "2026-11-19", "2026-11-18"
EXPECTED = date(2026, 11, 19)


def records(category: str, count: int, day: str = DAY, first: int = 1) -> list[Record]:
    """Return papers that a feed shows as new of this day."""
    return [
        Record("arxiv-feed", f"2611.{n:05}", "Kites", announced=day, categories=(category,))
        for n in range(first, first + count)
    ]


def held(*papers: Record, day: str = BEFORE) -> dict[tuple[str, str], Record]:
    """Return papers as they were held before, under this day."""
    return {(r.source, r.key): replace(r, announced=day) for r in papers}


def test_one_category_may_be_stale_while_another_is_current():
    """What is shown counts, not what the feed says of itself."""
    old, fresh = records("cs.AI", 5), records("cs.CL", 4, first=50)
    assert stale([*old, *fresh], held(*old), EXPECTED, "feed") == [
        "feed: cs.AI still shows the papers of 2026-11-18 (5, all known)"
    ]


def test_a_feed_that_names_today_and_shows_only_what_is_known_is_stale():
    """Its date is of today, its papers are not."""
    old = records("cs.AI", 5)
    assert len(stale(old, held(*old), EXPECTED, "feed")) == 1


def test_a_current_answer_read_twice_is_not_stale():
    """All known is no sign if they are known as of today."""
    papers = records("cs.AI", 5)
    assert stale(papers, held(*papers, day=DAY), EXPECTED, "feed") == []


def test_an_answer_that_is_old_as_a_whole_says_so_itself():
    """Then its day is told once, not once for each category."""
    papers = [*records("cs.AI", 5, BEFORE), *records("cs.CL", 5, BEFORE, first=50)]
    assert stale(papers, held(*papers), EXPECTED, "feed") == []


def test_few_papers_and_those_without_a_day_prove_nothing():
    """Two papers of a small category, a cross-list, and nothing at all."""
    few = records("cs.AI", 2)
    crossed = [replace(r, announced=None) for r in records("cs.CL", 5)]
    fresh = records("cs.CV", 3, first=90)
    assert stale([*few, *crossed, *fresh], held(*few, *crossed), EXPECTED, "feed") == []
    assert stale([], {}, EXPECTED, "feed") == []
    assert stale(few, {}, None, "feed") == []
