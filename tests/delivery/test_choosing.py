"""Choosing: which candidates have a place, and how lists, reasons and notices are worded."""

from __future__ import annotations

from datetime import date
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.delivery import choosing
from broadsheet.delivery.choosing import (
    OF_EARLIER,
    OF_SUBJECT,
    OF_TOPIC,
    Candidate,
    Meanings,
    as_body,
    liked,
    of_body,
    standing_at_least,
    thinned,
    title_of,
    unread,
)
from broadsheet.delivery.composing import path_of
from broadsheet.delivery.subscription import Choice, Item, Wishes
from broadsheet.search import query as language

UNTIL = date(2026, 11, 20)


def unit(rows: object) -> np.ndarray:
    """Return rows at length 1."""
    found = np.array(rows, np.float32)
    return found / np.linalg.norm(found, axis=1)[:, None]


def directions(count: int) -> np.ndarray:
    """Return vectors that have nothing to do with each other."""
    return np.eye(count, dtype=np.float32)


NOTHING = Meanings(np.empty(0, np.int64), np.empty((0, 0), np.float32))
POOL = [Candidate(n, "cs.CL" if n % 3 else "cs.CV", n / 10, (f"reason {n}",)) for n in range(40)]

marks = st.sampled_from(["", "late", "earlier"])
topics = st.sampled_from(["", "cs.CL", "cs.CV", "cs.LG"])


@st.composite
def pools(draw):
    """Draw candidates with their vectors."""
    count = draw(st.integers(0, 24))
    made = [
        Candidate(n, draw(topics), draw(st.none() | st.floats(-3, 3)), ("why",), draw(marks))
        for n in range(count)
    ]
    ids = [c.paper for c in made if draw(st.booleans())]
    dice = np.random.default_rng(draw(st.integers(0, 99)))
    vectors = unit(dice.normal(size=(len(ids), 4))) if ids else np.empty((0, 4), np.float32)
    return made, Meanings(np.array(ids, np.int64), vectors, 0.6, 0.9)


# ---------------------------------------------------------------------------- which papers


@settings(max_examples=60)
@given(pools(), st.integers(1, 16))
def test_an_issue_is_as_long_as_it_can_be_and_in_order(pool, longest):
    """Nothing is left out while there is room, but what was announced before."""
    candidates, meanings = pool
    found = thinned(candidates, longest, meanings)
    places = [candidates.index(c) for c in found]

    assert places == sorted(set(places))
    new = [c for c in candidates if c.mark != "earlier"]
    assert min(longest, len(new)) <= len(found) <= longest
    assert sum(c.mark == "earlier" for c in found) <= longest * OF_EARLIER


@settings(max_examples=60)
@given(pools(), st.integers(1, 16))
def test_no_topic_fills_an_issue_while_others_wait(pool, longest):
    """What is above the share of its topic is there only if no other topic was left out."""
    candidates, _ = pool
    found = thinned(candidates, longest, NOTHING)
    for topic in {c.topic for c in found} - {""}:
        if sum(c.topic == topic for c in found) > ceil(longest * OF_TOPIC):
            left = [c for c in candidates if c not in found and c.mark != "earlier"]
            others = {c.topic for c in left} - {topic}
            counts = {o: sum(c.topic == o for c in found) for o in others}
            assert all(o and n >= ceil(longest * OF_TOPIC) for o, n in counts.items())


def test_what_is_of_one_narrow_subject_has_a_quarter():
    """Papers that say the same stand back, and come at the end if nothing else does."""
    vectors = np.concatenate([np.repeat(directions(20)[:1], 10, 0), directions(20)[1:11]])
    meanings = Meanings(np.arange(20), vectors, 0.5, 0.8)
    pool = [Candidate(n, "", None, ()) for n in range(20)]

    found = [c.paper for c in thinned(pool, 8, meanings)]
    assert found == [0, 1, *range(10, 16)]
    assert len([p for p in found if p < 10]) == 8 * OF_SUBJECT
    assert [c.paper for c in thinned(pool[:10], 8, meanings)] == list(range(8))


def test_who_asks_for_a_category_gets_it():
    """Where the query names categories, one of them may fill an issue."""
    own = [c for c in POOL if c.topic == "cs.CL"] + [c for c in POOL if c.topic == "cs.CV"]
    found = thinned(own, 10, NOTHING, by_topic=False)
    assert {c.topic for c in found} == {"cs.CL"}
    assert choosing.named_categories(language.parse("diffusion (cat:cs.CL OR cat:cs.CV)"))
    assert not choosing.named_categories(language.parse("diffusion -cat:cs.CL"))


@settings(max_examples=60)
@given(pools(), st.dictionaries(st.integers(0, 24), st.dates().map(str)), st.dates().map(str))
def test_nobody_gets_what_they_had_but_new_versions(pool, had, day):
    """Whatever was had is there only if it is newer than that, and is marked then."""
    candidates, _ = pool
    updated = {c.paper: day for c in candidates}
    for candidate in unread(candidates, had, updated):
        if candidate.paper in had:
            assert candidate.mark == "updated"
            assert day > had[candidate.paper]
        else:
            assert candidate in candidates


def test_a_threshold_leaves_out_what_is_not_known_to_reach_it():
    """Where nothing was counted, no threshold is reached."""
    pool = [Candidate(1, "", 1.5, ()), Candidate(2, "", None, ()), Candidate(3, "", 1.0, ())]
    assert [c.paper for c in standing_at_least(pool, 1.0)] == [1, 3]
    assert standing_at_least(pool, None) == pool


def test_what_is_like_what_is_not_wanted_comes_last_or_not_at_all():
    """What is near comes last, what is very near stays away, and so does the paper itself."""
    vectors = unit([[1, 0], [0.95, 0.3], [0.7, 0.7], [0, 1]])
    meanings = Meanings(np.array([1, 2, 3, 4]), vectors, 0.5, 0.9)
    pool = [Candidate(n, "", None, ()) for n in (2, 3, 4, 9, 1)]

    found = liked(pool, meanings, (1,), vectors[:1])
    assert [c.paper for c in found] == [4, 9, 3]
    assert liked(pool, meanings, (), vectors[:0]) == pool


def test_what_is_near_depends_on_how_near_any_two_are():
    """A model that finds all papers alike needs more to find two near."""
    dice = np.random.default_rng(1)
    apart = unit(dice.normal(size=(200, 64)))
    alike = unit(dice.normal(size=(200, 64)) + 4.0)
    none = np.empty(0, np.int64), apart[:0]

    assert Meanings.of(*none, apart).near == pytest.approx(0.4, abs=0.01)
    both = Meanings.of(*none, alike)
    mean = (alike @ alike.T)[np.triu_indices(200, 1)].mean()
    assert both.near == pytest.approx(mean + 0.4 * (1 - mean), abs=1e-3)
    assert both.near < both.very_near < 1
    # Of a few nothing is learned.
    assert Meanings.of(*none, apart[:5]).near > 1


# ---------------------------------------------------------------------------- in words


@pytest.mark.parametrize(
    ("kind", "text", "title"),
    [
        ("trending", "", "Trending"),
        ("trending", "cat:cs.CL", "Trending in cs.CL"),
        ("trending", "cat:cs.CL OR cat:cs.CV OR cat:hep-th", "Trending in cs.CL, cs.CV and hep-th"),
        ("edition", "diffusion -survey", "Edition: diffusion -survey"),
        ("search", "graph author:woolf", "graph author:woolf"),
        ("search", "cat:cs.CL", "cs.CL"),
    ],
)
def test_lists_have_names(kind, text, title):
    """The name says what the list is of."""
    assert title_of(Wishes(kind=kind, query=text), language.parse(text)) == title


@pytest.mark.parametrize(
    ("wishes", "path"),
    [
        (Wishes(), "/trending"),
        (Wishes(query="cat:cs.CL"), "/trending?q=cat%3Acs.CL"),
        (Wishes(kind="edition"), "/2026/11/20"),
        (Wishes(kind="edition", cadence="week", query="x"), "/2026/w47?q=x"),
        (Wishes(kind="edition", cadence="month"), "/2026/11"),
        (Wishes(kind="search", query="x"), "/search?q=x+date%3A2026-11-14..2026-11-20"),
        (Wishes(kind="search", query="like:p1"), "/search?q=like%3Ap1"),
    ],
)
def test_there_is_a_page_with_more(wishes, path):
    """The page has the papers of an issue and the others."""
    first = date(2026, 11, 14)
    assert path_of(wishes, language.parse(wishes.query), first, UNTIL) == path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("diffusion cat:cs.CL", "matches diffusion and cs.CL"),
        ('"graph networks" -survey', "matches “graph networks”"),
        ("title:x author:woolf year:2026", "matches “x” in the title, author woolf and year:2026"),
        ("(a OR cat:cs.CV -b) has:doi", "matches a or cs.CV and has:doi"),
        ("like:p1", ""),
        ("-x", ""),
    ],
)
def test_a_match_says_why(text, told):
    """What is asked for is told, what is excluded is not."""
    assert choosing.matched(language.parse(text)) == told


def test_notices_are_sentences():
    """They say what is not here, and that it will follow."""
    day = date(2026, 11, 20)
    late = "arXiv's listing of Friday, 20 November 2026 was late"
    assert choosing.late_listing(day, 1) == f"{late}: 1 paper will follow."
    assert choosing.late_listing(day, 1234) == f"{late}: 1,234 papers will follow."
    assert choosing.late_listing(day, 0) == f"{late}; it will follow."
    assert choosing.not_indexed(2) == "2 papers that just came will follow."
    assert choosing.failed("hf", "") == "hf could not be read."
    assert len(choosing.failed("hf", "x y\n" * 500)) < 300


# ---------------------------------------------------------------------------- as it is kept


@given(
    st.builds(
        Choice,
        title=st.text(max_size=20),
        first=st.dates(),
        until=st.dates(),
        items=st.lists(
            st.builds(Item, st.integers(1, 2**40), st.lists(st.text(max_size=9)).map(tuple), marks)
        ).map(tuple),
        more=st.integers(0, 99),
        more_path=st.text(max_size=9),
        notices=st.lists(st.text(max_size=9)).map(tuple),
    )
)
def test_a_choice_is_kept_as_it_is(choice):
    """What is read is what was written."""
    assert of_body(as_body(choice)) == choice
