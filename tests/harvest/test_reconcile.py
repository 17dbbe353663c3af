"""What a listing counts, against what is held."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broadsheet.harvest.reconcile import Held, in_words, reconcile
from broadsheet.papers.types import ExternalId, PaperId
from broadsheet.sources.base import Listing

DAY, BEFORE, AFTER = "2026-11-19", "2026-11-18", "2026-11-20"


def arxiv(number: int) -> ExternalId:
    """Return an invented id."""
    return ExternalId("arxiv", f"2611.{number:05}")


def listing(*, new=(), cross=(), replace=(), counts=None) -> Listing:
    """Return a listing of cs.LG with these numbers of ids; headings count what is shown."""
    ids = {
        section: tuple(map(arxiv, numbers))
        for section, numbers in (("new", new), ("cross", cross), ("replace", replace))
    }
    return Listing("cs.LG", DAY, ids, counts or {s: len(i) for s, i in ids.items()})


def held(*numbers: int, announced: str | None = DAY, categories=("cs.LG",), again=None):
    """Return what is held of these papers."""
    return {
        arxiv(n): Held(PaperId(n), announced, again or {}, categories, f"Title {n}")
        for n in numbers
    }


def test_agreement():
    """All that is listed is held, new papers on their day, cross-lists in their category."""
    found = reconcile(
        listing(new=[1, 2], cross=[3, 4], replace=[5]),
        held(1, 2)
        | held(3, categories=("stat.ML", "cs.LG"))
        | held(4, announced=BEFORE, categories=("cs.AI", "cs.LG")),
    )
    assert found.agrees
    assert found.listed == {"new": 2, "cross": 2, "replace": 1}
    assert found.held == {"new": 2, "cross": 2, "replace": 0}
    assert in_words(found) == "cs.LG of 2026-11-19: arXiv lists 2 new, 2 cross-listed; all are held"


def test_missing_papers_are_named():
    """What is listed and not held is named with its section."""
    found = reconcile(listing(new=[1, 2], cross=[3]), held(1, 2))
    assert not found.agrees
    assert found.missing == {"cross": (arxiv(3),)}
    assert in_words(found) == (
        "cs.LG of 2026-11-19: arXiv lists 2 new, 1 cross-listed; we hold 2 and 0: "
        "missing 2611.00003 (cross)"
    )


def test_a_cross_list_is_held_under_the_category():
    """A paper that is held without its new category is missing there."""
    found = reconcile(listing(cross=[3]), held(3, announced=BEFORE, categories=("stat.ML",)))
    assert found.missing == {"cross": (arxiv(3),)}


def test_another_day():
    """A new paper under another day, or none, is told apart from a missing one."""
    papers = held(1) | held(2, announced=BEFORE) | held(3, announced=None)
    found = reconcile(listing(new=[1, 2, 3]), papers)
    assert found.other_day == ((arxiv(2), BEFORE), (arxiv(3), None))
    assert found.held["new"] == 1
    assert not found.missing
    assert in_words(found).endswith(
        "we hold 1 and 0: held on another day 2611.00002 (2026-11-18), 2611.00003 (without a day)"
    )


def test_extra():
    """What is held of that day and category but not listed is named with its title."""
    papers = held(1, 2) | held(3, announced=BEFORE) | held(4, categories=("cs.AI",))
    found = reconcile(listing(new=[1]), papers)
    assert found.extra == ((arxiv(2), "Title 2"),)
    assert "held but not listed 2611.00002 “Title 2”" in in_words(found)


def test_what_was_cross_listed_later_is_not_extra():
    """A later cross-list brought the category: the listing of the first day cannot have it."""
    papers = held(2, categories=("cs.AI", "cs.LG"), again={AFTER: {"cross"}})
    assert reconcile(listing(), papers).agrees
    papers = held(2, again={AFTER: {"version"}})
    assert not reconcile(listing(), papers).agrees


def test_replaced_papers_need_not_be_held():
    """Old papers are replaced that were announced before there was a collection."""
    found = reconcile(listing(replace=[1, 2]), held(1, announced="2020-01-01"))
    assert found.agrees
    assert found.missing == {"replace": (arxiv(2),)}


def test_headings_that_count_more_than_is_shown():
    """A listing that is cut short cannot be agreed with."""
    found = reconcile(listing(new=[1], counts={"new": 213, "cross": 98}), held(1))
    assert found.uncounted == {"new": 212, "cross": 98}
    assert not found.agrees
    assert in_words(found) == (
        "cs.LG of 2026-11-19: arXiv lists 213 new, 98 cross-listed; we hold 1 and 0: "
        "212 new counted by the listing but not shown by it; "
        "98 cross-listed counted by the listing but not shown by it"
    )


def test_headings_that_count_less():
    """What is shown counts, whatever the heading says."""
    found = reconcile(listing(new=[1, 2], counts={"new": 1}), held(1, 2))
    assert (found.agrees, found.listed["new"]) == (True, 2)


def test_an_id_counts_once():
    """A page that shows a paper twice, or in two sections, does not make two of it."""
    found = reconcile(listing(new=[1, 1], cross=[1]), {})
    assert found.missing == {"new": (arxiv(1),)}


def test_an_empty_listing():
    """A day without papers agrees with nothing held."""
    found = reconcile(Listing("cs.LG", DAY, {}, {}), {})
    assert found.agrees
    assert in_words(found) == "cs.LG of 2026-11-19: arXiv lists nothing, and nothing is held of it"


def test_many_differences_are_cut_short():
    """Ten are named, the others counted."""
    assert "and 1,990 more" in in_words(reconcile(listing(new=range(2000)), {}))


numbers = st.lists(st.integers(0, 30), max_size=20)
papers = st.dictionaries(
    st.integers(0, 40).map(arxiv),
    st.builds(
        Held,
        paper=st.integers(0, 40).map(PaperId),
        announced=st.sampled_from([None, BEFORE, DAY, AFTER]),
        again=st.dictionaries(
            st.sampled_from([DAY, AFTER]), st.sets(st.sampled_from(["cross", "version"]))
        ),
        categories=st.sampled_from([("cs.LG",), ("cs.AI",), ("cs.AI", "cs.LG")]),
        title=st.just("Title"),
    ),
)


@given(numbers, numbers, numbers, papers)
def test_every_listed_paper_is_accounted_for(new, cross, replace, papers):
    """Held and missing add up to what is listed; what differs is never both."""
    found = reconcile(listing(new=new, cross=cross, replace=replace), papers)
    seen = set()
    for section, ids in (("new", new), ("cross", cross), ("replace", replace)):
        fresh = {arxiv(n) for n in ids} - seen
        seen |= fresh
        other = len(found.other_day) if section == "new" else 0
        assert found.held[section] + other + len(found.missing.get(section, ())) == len(fresh)
    assert not {i for i, _ in found.extra} & seen
    assert in_words(found)
