"""The order of an edition: nobody lost, nobody twice, and every place for a true reason."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.editions.order import (
    LEAD,
    LEADS,
    MOST_PICKED,
    PER_SECTION,
    REST,
    SMALL,
    Candidate,
    Place,
    arrange,
    foremost,
    merged_sections,
    reason,
    usual_standing,
)

SECTIONS = st.sampled_from(["cs.CL", "cs.LG", "cs.CV", "hep-th", "", LEAD, REST])
RECENT = st.sampled_from([None, "2025", "2026", "2026-03", "2026-03-16", "2026-03-17"])
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.integers(1, 10_000),
        SECTIONS,
        st.none() | st.integers(0, 90),
        st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        RECENT,
        st.none() | st.sampled_from([-0.5, 0.0, 0.3, 1.7]),
        st.just(("3 stars",)),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=60,
    unique_by=lambda c: c.paper,
)


def papers(places: list[Place] | list[Candidate]) -> list[int]:
    """Return the papers of some places or candidates in their order."""
    return [p.paper for p in places]


def plain(count: int, section: str = "cs.LG", **facts: object) -> list[Candidate]:
    """Return so many candidates of a section, numbered from 1."""
    return [Candidate(n, section, **facts) for n in range(1, count + 1)]


# ---------------------------------------------------------------------------- any edition


@given(CANDIDATES)
def test_every_candidate_has_one_place(candidates: list[Candidate]):
    """An edition has all its papers, each once."""
    assert sorted(papers(arrange(candidates))) == sorted(c.paper for c in candidates)


@given(st.data(), CANDIDATES)
def test_the_order_of_the_candidates_does_not_matter(
    data: st.DataObject, candidates: list[Candidate]
):
    """The same papers make the same edition, however the record gives them out."""
    assert arrange(data.draw(st.permutations(candidates))) == arrange(candidates)


@given(CANDIDATES)
def test_leads_come_first_and_sections_stay_together(candidates: list[Candidate]):
    """The page is leads, then section by section, the larger first, the small ones' at the end."""
    names = [p.section for p in arrange(candidates)]
    runs = [n for n, before in zip(names, [None, *names], strict=False) if n != before]
    sizes = Counter(merged_sections(c.section for c in candidates)[c.section] for c in candidates)
    own = [n for n in runs if n not in {LEAD, REST}]

    assert len(runs) == len(set(runs))
    assert not candidates or runs[0] == LEAD
    assert REST not in runs[:-1]
    assert [sizes[n] for n in own] == sorted((sizes[n] for n in own), reverse=True)


@given(CANDIDATES)
def test_so_many_lead_and_of_different_sections(candidates: list[Candidate]):
    """Beside picks two leads at most are of one topic, as long as others have papers left."""
    by_id = {c.paper: c for c in candidates}
    leads = [by_id[p.paper] for p in arrange(candidates) if p.section == LEAD]
    picked = sum(c.is_picked for c in candidates)
    topics = Counter(c.section for c in leads if not c.is_picked)
    wanted = next((n for least, n in LEADS if len(candidates) >= least), 0)
    others = [c for c in candidates if c not in leads and topics[c.section] < PER_SECTION]

    assert len(leads) == min(max(wanted, min(picked, MOST_PICKED)), len(candidates))
    assert all(n <= PER_SECTION for n in topics.values()) or not others
    assert leads == foremost(leads, len(leads))


@given(CANDIDATES)
def test_within_a_section_picks_stand_first_and_then_attention(candidates: list[Candidate]):
    """Nothing stands before a pick, and no paper without attention before one that has some."""
    by_id = {c.paper: c for c in candidates}
    places = arrange(candidates)
    for section in {p.section for p in places}:
        own = [by_id[p.paper] for p in places if p.section == section]
        keys = [(c.is_picked, c.attention is not None, c.attention or 0.0) for c in own]
        assert keys == sorted(keys, reverse=True)


@given(CANDIDATES)
def test_picks_lead(candidates: list[Candidate]):
    """Whoever is picked leads, or so many do as can: nobody else leads before them."""
    picked = [c.paper for c in candidates if c.is_picked]
    leads = papers([p for p in arrange(candidates, set()) if p.section == LEAD])

    assert len(set(leads) & set(picked)) >= min(len(picked), MOST_PICKED)
    assert set(leads) <= set(picked) or set(picked) <= set(leads)


@given(CANDIDATES, st.data())
def test_a_higher_standing_never_sinks_a_paper(candidates: list[Candidate], data: st.DataObject):
    """Whoever is counted higher stands no lower than before among the same others."""
    if not candidates:
        return
    one = data.draw(st.sampled_from(candidates))
    more = one._replace(standing=(one.standing if one.standing is not None else -9.0) + 1)
    voted = [more if c is one else c for c in candidates]
    before, after = (
        [c.paper for c in foremost(every, len(every))].index(one.paper)
        for every in (candidates, voted)
    )

    assert after <= before


@given(CANDIDATES)
def test_small_sections_join_the_rest(candidates: list[Candidate]):
    """Every section has enough papers for a heading of its own, leads included; others are more."""
    sizes = Counter(c.section for c in candidates)
    by_id = {c.paper: c for c in candidates}
    for place in arrange(candidates):
        topic = by_id[place.paper].section
        is_large = sizes[topic] >= SMALL and topic not in {"", LEAD, REST}
        assert place.section in {LEAD, topic if is_large else REST}


@given(CANDIDATES)
def test_reasons_are_facts(candidates: list[Candidate]):
    """A reason names votes, nearness or a day only where the candidate has them, and those."""
    by_id = {c.paper: c for c in candidates}
    for place in arrange(candidates):
        c, why = by_id[place.paper], place.reason
        kinds = {
            "counted": c.standing is not None, "upvotes": c.upvotes,
            "newness": c.newness is not None, "recency": c.recent,
        }  # fmt: skip
        assert why == reason(c)
        assert why.kind == next((k for k, has in kinds.items() if has), "filed")
        if why.kind == "counted":
            assert why.text.endswith("3 stars")
            assert ("upvote" in why.text) == bool(c.upvotes)
        if why.kind == "upvotes":
            assert (why.value, str(c.upvotes) in why.text) == (c.upvotes, True)
        if why.kind == "newness":
            assert why.value == pytest.approx(1 - (c.newness or 0))
        if why.kind == "recency":
            assert why.text == f"dated {c.recent}"


@given(CANDIDATES, st.sets(st.integers(1, 10_000)))
def test_who_cannot_lead_does_not_without_attention(candidates: list[Candidate], able: set[int]):
    """A paper without a text to read leads only if somebody found it worth reading."""
    by_id = {c.paper: c for c in candidates}
    leads = [by_id[p.paper] for p in arrange(candidates, able) if p.section == LEAD]

    assert all(c.has_attention or c.paper in able for c in leads)
    assert sorted(papers(arrange(candidates, able))) == sorted(by_id)


@given(CANDIDATES, st.integers(0, 70))
def test_the_foremost_are_the_first_of_all(candidates: list[Candidate], most: int):
    """The strongest few are the beginning of the whole in order of strength."""
    assert foremost(candidates, most) == foremost(candidates, len(candidates))[:most]


# ---------------------------------------------------------------------------- one by one


def test_picks_before_attention_before_newness_before_days():
    """Picks come first, then attention, what is least like anything before, and the newest day."""
    candidates = [
        Candidate(6, "f", standing=-0.4, counted=("2 stars",)),
        Candidate(7, "g", is_picked=True),
        Candidate(8, "h", standing=1.5, counted=("212 stars",)),
        Candidate(1, "a", recent="2026-03-17"),
        Candidate(2, "b", newness=0.2, recent="2026-03-01"),
        Candidate(3, "c", newness=0.9, recent="2026-03-01"),
        Candidate(4, "d", upvotes=1),
        Candidate(5, "e", upvotes=9, newness=0.0),
    ]

    assert [c.paper for c in foremost(candidates, 8)] == [7, 8, 5, 6, 4, 3, 2, 1]


def test_months_and_years_stand_behind_days():
    """What is known to the day comes before what is known to the month, and that before years."""
    days = ["2026-03-17", "2026-03-02", "2026-03", "2026-02-27", "2026-02", "2026", "2025-12-31"]
    candidates = [Candidate(n, "a", recent=day) for n, day in enumerate([*days, None], 1)]

    assert [c.recent for c in foremost(candidates[::-1], 9)] == [*days, None]


def test_no_count_is_not_a_count_of_zero():
    """Nobody's vote, counted or not, decides nothing: newness does, and no reason speaks of it."""
    counted, uncounted = Candidate(1, "a", 0, 0.1), Candidate(2, "a", None, 0.8)

    assert foremost([counted, uncounted], 2) == [uncounted, counted]
    assert foremost([counted._replace(newness=0.9), uncounted], 2)[0].paper == 1
    assert {reason(counted).kind, reason(uncounted).kind} == {"newness"}


def test_leads_stand_by_votes_though_a_section_had_too_many():
    """Where no other section has papers left, the third of one leads too, in order of votes."""
    many = [Candidate(n, "cs.LG", upvotes=100 - n) for n in range(1, 8)]
    few = [Candidate(8, "cs.CL", upvotes=1)]

    assert papers(arrange(many + few))[:3] == [1, 2, 8]
    assert papers(arrange([*many, many[0]._replace(paper=9)]))[:3] == [9, 1, 2]
    thirty = [Candidate(n, "cs.LG", upvotes=100 - n) for n in range(1, 30)]
    assert papers(arrange([*thirty, few[0]._replace(paper=99)]))[:5] == [1, 2, 3, 4, 99]


@pytest.mark.parametrize(("count", "leads"), [(0, 0), (1, 1), (7, 1), (8, 3), (29, 3), (30, 5)])
def test_how_many_lead(count: int, leads: int):
    """A thin edition has one lead, a full one five."""
    assert sum(p.section == LEAD for p in arrange(plain(count))) == leads


@pytest.mark.parametrize("name", [LEAD, REST, ""])
def test_a_category_cannot_take_the_place_of_a_part_of_the_page(name: str):
    """Papers about the metal, filed under "lead", are no leading papers."""
    places = arrange(plain(7, name))

    assert [p.section for p in places] == [LEAD] + [REST] * 6


@pytest.mark.parametrize(
    ("candidate", "text"),
    [
        (Candidate(1, "", upvotes=1), "1 upvote"),
        (Candidate(1, "", upvotes=1234), "1,234 upvotes"),
        (Candidate(1, "", standing=0.2, counted=("3 stars", "1 comment")), "3 stars, 1 comment"),
        (Candidate(1, "", upvotes=9, standing=0.2, counted=("3 stars",)), "9 upvotes, 3 stars"),
        (Candidate(1, "", upvotes=0, newness=0.375), "nearest earlier paper: 0.62 alike"),
        (Candidate(1, "", recent="2026-03"), "dated 2026-03"),
        (Candidate(1, ""), "in order of filing"),
    ],
)
def test_reasons_in_words(candidate: Candidate, text: str):
    """The reason is told in a few words."""
    assert reason(candidate).text == text


def test_upvotes_of_no_known_time_stand_among_what_was_counted():
    """They are read on the scale that is usual of upvotes: many stand high, a few do not."""
    many, few = Candidate(1, "a", upvotes=90), Candidate(2, "a", upvotes=1)
    counted = Candidate(3, "a", standing=0.5, counted=("40 stars",))

    assert papers(foremost([few, counted, many], 3)) == [1, 3, 2]
    assert usual_standing(90) > 0 > usual_standing(1)
    assert many._replace(standing=-0.5).attention == usual_standing(90)


def test_more_picks_than_lead_stand_first_in_their_sections():
    """A thin edition leads with all that was picked, up to five; the others do not get lost."""
    two = [Candidate(n, "a", is_picked=n in {2, 5}) for n in range(1, 8)]
    seven = [Candidate(n, "a", is_picked=n > 3) for n in range(1, 11)]

    assert [p.paper for p in arrange(two) if p.section == LEAD] == [5, 2]
    assert papers(arrange(seven)) == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert sum(p.section == LEAD for p in arrange(seven)) == MOST_PICKED
