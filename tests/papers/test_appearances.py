"""On which day a paper's edition is, and on which days it came again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.papers.appearances import Again, carried_over, stamp
from broadsheet.papers.types import Place, Record

FIRST_SEEN = "2026-03-20T09:00:00Z"
TODAY = "2026-03-21"
PAGES = {"wednesday": "2026-03-18", "thursday": "2026-03-19"}
TIDES = Record("arxiv", "2603.00001", "Lunar Nets for Harbour Tides")

DAYS = st.sampled_from([None, "2026", "2026-03", *(f"2026-03-{n}" for n in range(10, 25))])
PLACES = st.none() | st.builds(
    Place, st.sampled_from([*PAGES, "a page without a day"]), st.integers(1, 9)
)
HOSTILE = st.sampled_from([None, True, False, -1, "12", 10**12, 12.5, [3], {"n": 4}])
COUNTS = st.integers(0, 5000)
RECORDS = st.builds(
    Record,
    source=st.sampled_from(["arxiv", "hf"]),
    key=st.sampled_from("ab"),
    title=st.just(TIDES.title),
    announced=DAYS,
    presumed=DAYS,
    updated=DAYS,
    categories=st.lists(st.sampled_from(["cs.LG", "cs.CV", "physics.ao-ph"]), unique=True).map(
        tuple
    ),
    place=PLACES,
    extra=st.fixed_dictionaries({}, optional={"upvotes": COUNTS | HOSTILE}),
    again=st.lists(
        st.tuples(
            st.sampled_from(["2026-03-12", "2026-03-22"]),
            st.sampled_from(["listed", "version", "cross"]),
        ),
        unique=True,
        max_size=2,
    ).map(lambda found: tuple(sorted(found))),
)
SOME = st.lists(RECORDS, min_size=1, max_size=4)


def listed(day: str | None, **changes: Any) -> Record:
    """Return the paper as a listing of this day shows it."""
    return replace(TIDES, announced=day, **changes)


# ---------------------------------------------------------------------------- the edition


def test_the_first_announced_day_is_that_of_the_edition():
    """An announcement counts more than an earlier page, and the first more than later ones."""
    records = [
        replace(TIDES, source="hf", place=Place("wednesday", 3)),
        listed("2026-03-20"),
        listed("2026-03-19", source="file"),
    ]
    made = stamp(records, FIRST_SEEN, PAGES)

    assert (made.day, made.basis) == ("2026-03-19", "announced")


def test_else_it_is_that_of_the_first_page():
    """Where nothing announces it, the first page with a day counts, whenever it was filed."""
    records = [replace(TIDES, place=Place(page, 1)) for page in ("thursday", "wednesday", "other")]
    made = stamp(records, FIRST_SEEN, PAGES)

    assert (made.day, made.basis) == ("2026-03-18", "page")
    assert made.again == (Again("2026-03-19", "page", "arxiv"),)


@pytest.mark.parametrize(
    "record",
    [TIDES, listed("2026-03"), listed("2026"), replace(TIDES, place=Place("no day", 1))],
)
def test_else_it_is_the_day_of_filing(record: Record):
    """A month is no day, nor is a page of which nobody knows the day."""
    made = stamp([record], FIRST_SEEN, PAGES)

    assert (made.day, made.basis, made.again) == ("2026-03-20", "filed", ())


@given(st.data(), SOME)
def test_the_order_of_records_does_not_matter(data: st.DataObject, records: list[Record]):
    """What a paper consists of says when it appears, not what came first."""
    shuffled = data.draw(st.permutations(records))

    assert stamp(shuffled, FIRST_SEEN, PAGES) == stamp(records, FIRST_SEEN, PAGES)


@given(SOME)
def test_it_came_again_on_later_days_only(records: list[Record]):
    """Every later day is a whole day after that of the edition, in order, and each once."""
    made = stamp(records, FIRST_SEEN, PAGES)
    days = [a.day for a in made.again]

    assert len(made.day) == 10
    assert days == sorted(days)
    assert len(set(made.again)) == len(made.again)
    assert all(len(day) == 10 and day > made.day for day in days)


@given(SOME)
def test_every_later_day_is_one_that_a_record_gives(records: list[Record]):
    """Nothing is made up: each later day is of a listing, a version, a page or was noted before."""
    given_days = {
        (day, kind, r.source)
        for r in records
        for day, kind in (
            *((d, k) for d, k in ((r.announced, "listed"), (r.updated, "version")) if d),
            *((PAGES[p.page], "page") for p in (r.place,) if p and p.page in PAGES),
            *r.again,
        )
    }
    made = stamp(records, FIRST_SEEN, PAGES)
    later = {g for g in given_days if len(g[0]) == 10 and g[0] > made.day}

    assert set(made.again) == later


# ---------------------------------------------------------------------------- upvotes


@given(st.lists(COUNTS, max_size=3), st.lists(HOSTILE, max_size=3))
def test_the_most_upvotes_count_and_only_counts_are_upvotes(counts: list[int], hostile: list[Any]):
    """The highest count of any source holds; truths, texts, negatives and absurd numbers do not."""
    records = [replace(TIDES, extra={"upvotes": n}) for n in (*hostile, *counts)] or [TIDES]

    assert stamp(records, FIRST_SEEN, PAGES).upvotes == max(counts, default=None)


def test_no_count_is_not_zero():
    """Who was counted and got none differs from who was never counted."""
    zero = stamp([replace(TIDES, extra={"upvotes": 0})], FIRST_SEEN, PAGES)

    assert zero.upvotes == 0
    assert stamp([TIDES], FIRST_SEEN, PAGES).upvotes is None


# ---------------------------------------------------------------------------- carried over


@given(RECORDS, RECORDS)
def test_carrying_over_again_changes_nothing(old: Record, new: Record):
    """The same record filed again is what it was, today and tomorrow."""
    once = carried_over(old, new, TODAY)

    assert carried_over(once, new, TODAY) == once
    assert carried_over(once, new, "2026-03-29") == once
    assert carried_over(once, once, "2026-03-29") == once


@given(RECORDS, RECORDS)
def test_the_announced_day_never_moves_later(old: Record, new: Record):
    """The first announcement of the two stays; a month gives way to a day."""
    carried = carried_over(old, new, TODAY)
    days = [d for d in (old.announced, new.announced) if d and len(d) == 10]

    assert carried.announced == min(days, default=new.announced)
    assert all((day, "listed") in carried.again for day in days if day != carried.announced)


@given(RECORDS, RECORDS)
def test_either_order_gives_the_same_edition(old: Record, new: Record):
    """Two forms of one record lead to one day, whichever was filed first, if one announces it."""
    new = replace(new, presumed=old.presumed)
    one, other = (
        stamp([carried_over(*pair, TODAY)], FIRST_SEEN, {}) for pair in ((old, new), (new, old))
    )

    assert (one.day, one.basis) == (other.day, other.basis)


@given(RECORDS, RECORDS)
def test_nothing_that_was_noted_is_forgotten(old: Record, new: Record):
    """All days of both stay, and all else is as the newer record says."""
    carried = carried_over(old, new, TODAY)

    assert {*old.again, *new.again} <= set(carried.again)
    assert replace(new, announced=carried.announced, again=carried.again,
                   presumed=carried.presumed) == carried  # fmt: skip


def test_a_later_listing_is_noted():
    """Listed on Tuesday, listed again on Friday: a paper of Tuesday that came again."""
    carried = carried_over(listed("2026-03-17"), listed("2026-03-20"), TODAY)
    made = stamp([carried], FIRST_SEEN, {})

    assert made.day == "2026-03-17"
    assert made.again == (Again("2026-03-20", "listed", "arxiv"),)


def test_every_version_is_noted():
    """The second and third version are days on which it came again, filed in whatever order."""
    first = listed("2026-03-10", updated="2026-03-10")
    second, third = replace(first, updated="2026-03-14"), replace(first, updated="2026-03-19")
    upwards = carried_over(carried_over(first, second, TODAY), third, TODAY)
    downwards = carried_over(carried_over(third, second, TODAY), first, TODAY)
    versions = (Again("2026-03-14", "version", "arxiv"), Again("2026-03-19", "version", "arxiv"))

    assert stamp([upwards], FIRST_SEEN, {}).again == versions
    assert stamp([downwards], FIRST_SEEN, {}).again == versions


@pytest.mark.parametrize(
    ("changes", "day"),
    [
        ({}, TODAY),
        ({"announced": "2026-03-18"}, "2026-03-18"),
        ({"updated": "2026-03-19"}, "2026-03-19"),
        ({"announced": "2026-03-18", "updated": "2026-03-19"}, "2026-03-18"),
        ({"announced": "2026-03"}, TODAY),
    ],
)
def test_added_categories_are_noted(changes: dict[str, str], day: str):
    """The day is that on which the record says that it changed, else today."""
    old = listed("2026-03-17", categories=("cs.LG",))
    new = replace(old, categories=("cs.LG", "stat.ML"), **changes)
    carried = carried_over(old, new, TODAY)

    assert (day, "cross") in carried.again
    assert Again(day, "cross", "arxiv") in stamp([carried], FIRST_SEEN, {}).again


def test_first_or_fewer_categories_are_no_cross_listing():
    """Who had no category was not listed elsewhere before, and taking one away lists nowhere."""
    bare, one = listed("2026-03-17"), listed("2026-03-17", categories=("cs.LG",))

    assert carried_over(bare, one, TODAY).again == ()
    assert carried_over(one, bare, TODAY).again == ()


def test_two_files_filed_in_turns_do_not_cross_list_every_day():
    """Files that differ in categories, imported day after day, note the first such day alone."""
    one = listed("2026-03-17", categories=("cs.LG",))
    other = replace(one, categories=("cs.LG", "stat.ML"))
    held = carried_over(one, other, "2026-03-21")
    held = carried_over(carried_over(held, one, "2026-03-22"), other, "2026-03-23")

    assert held.again == (("2026-03-21", "cross"),)


# ---------------------------------------------------------------------------- presumed days


def test_a_presumed_day_holds_until_its_source_says_one():
    """What arXiv's metadata suggests gives way to its feed, but not to another site's list."""
    presumed = replace(TIDES, presumed="2026-03-17")
    feed = replace(TIDES, source="arxiv-feed", announced="2026-03-19")
    site = replace(TIDES, source="hf", announced="2026-03-20")
    assert stamp([presumed], FIRST_SEEN, {})[:2] == ("2026-03-17", "presumed")
    assert stamp([presumed, site], FIRST_SEEN, {})[:2] == ("2026-03-17", "presumed")
    assert stamp([presumed, feed, site], FIRST_SEEN, {})[:2] == ("2026-03-19", "announced")


def test_the_day_that_was_presumed_first_stays():
    """A later edit moves arXiv's datestamp, not the day on which the paper was new."""
    old = replace(TIDES, presumed="2026-03-17")
    new = replace(TIDES, presumed="2026-03-24", comment="12 pages")
    assert carried_over(old, new, TODAY).presumed == "2026-03-17"
    assert carried_over(replace(old, presumed=None), new, TODAY).presumed == "2026-03-24"
