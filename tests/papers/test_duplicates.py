"""Near misses: which pairs of papers people are asked about, and what they are told."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.papers.duplicates import (
    LIKELY,
    NearMiss,
    Traces,
    near_miss,
    near_misses,
    near_misses_of,
)
from broadsheet.papers.types import ExternalId, Paper, PaperId

TEXT = (
    "we measure how tides move slow lunar nets across nine invented harbours and report it all "
    "with care because no boat that we hired came back before the second winter had begun there"
)
OTHER = (
    "copper kilns which nobody fired lose their glaze in salty air so a potter of the old town "
    "must burn seaweed for weeks until each brick has drunk enough ash to hold a blue colour"
)
TITLE = "Lunar Nets for Harbour Tides at Night"
PEOPLE = ("Ada Lovelace", "Tom Reed", "Zoe Quill")


def paper(number: int, **changes: object) -> Paper:
    """Return a paper with a title, authors and a year, with these changes."""
    base = Paper(PaperId(number), TITLE, authors=PEOPLE, year=2025, sources=(f"s{number}",))
    return replace(base, **changes)


def ids(namespace: str, value: str) -> tuple[ExternalId, ...]:
    """Return one external id."""
    return (ExternalId(namespace, value),)


def found(one: Paper, other: Paper) -> NearMiss:
    """Return the near miss that two papers must be."""
    miss = near_miss(one, other)
    assert miss is not None
    return miss


# Each pair with its kind, and words of one reason.
LIKELY_PAIRS = {
    "another title, nearly the same abstract": (
        paper(1, abstract=TEXT, title="Lunar Nets for Accelerating Very Slow Harbours"),
        paper(2, abstract=TEXT + " twice", title="Slowing Very Fast Harbours by Lunar Nets"),
        "abstract", "100% of the shorter abstract is in the other",
    ),
    "the same without authors": (
        paper(1, abstract=TEXT, title="Lunar Nets for Accelerating Slow Harbours", authors=()),
        paper(2, abstract=TEXT, title="Slowing Fast Harbours by Lunar Nets", authors=()),
        "abstract", "neither names any authors",
    ),
    "a slip of the pen": (
        paper(1), paper(2, title=TITLE.replace("Harbour", "Habour")),
        "title", "titles differ in spelling: “harbour”, “habour”",
    ),
    "a name put before": (
        paper(1), paper(2, title=f"TideNet: {TITLE}"), "title", "titles differ by “tidenet”",
    ),
    "a subtitle put behind": (
        paper(1), paper(2, title=f"{TITLE}: A Study of Nine Towns"),
        "title", "titles differ by “study nine towns”",
    ),
    "the same name, other words": (
        paper(1, title="TideNet: Nets for Harbour Tides", venue="arXiv"),
        paper(2, title="TideNet: Catching Harbour Tides", venue="KILN 2025"),
        "title", "both are called “TideNet”",
    ),
    "the title twice in one": (
        paper(1), paper(2, title=f"{TITLE} {TITLE}"), "title", "titles differ by “lunar nets",
    ),
    "words in another order": (
        paper(1), paper(2, title="At Night Lunar Nets for Tides of the Harbour"),
        "title", "titles differ only in small words or their order",
    ),
    "two e-prints of one title": (
        paper(1, external_ids=ids("arxiv", "2501.00001")),
        paper(2, external_ids=ids("arxiv", "2502.00002")),
        "ids", "but two ids: arxiv:2501.00001 and arxiv:2502.00002",
    ),
    "two ACL ids of one title": (
        paper(1, external_ids=ids("acl", "C98-1001")),
        paper(2, external_ids=ids("acl", "P98-1001")),
        "ids", "all 3 authors the same",
    ),
    "the same title and authors, years apart": (
        paper(1, year=2019), paper(2, year=2025), "years", "of 2019 and 2025",
    ),
    "no authors on one side": (
        paper(1, authors=()), paper(2), "names", "one of them names no authors",
    ),
    "names turned round": (
        paper(1, authors=("Lovelace Ada", "Reed Tom", "Quill Zoe")), paper(2),
        "names", "3 authors in common, first and last names turned round",
    ),
}  # fmt: skip
NO_PAIRS = {
    "nothing alike": (
        paper(1, abstract=TEXT),
        paper(2, title="Kilns of Old Towns", abstract=OTHER, authors=("Bo Hill",)),
    ),
    "other people": (paper(1), paper(2, authors=("Bo Hill", "Cy Moor"))),
    "the same abstract under other names": (
        paper(1, abstract=TEXT),
        paper(2, abstract=TEXT, title="Blue Kilns of the Town", authors=("Bo Hill",)),
    ),
    "two parts": (paper(1, title=f"{TITLE} I"), paper(2, title=f"{TITLE} II")),
    "two years of a series": (
        paper(1, title="Report of the Tide Task 2019"),
        paper(2, title="Report of the Tide Task 2020"),
    ),
    "a paper and its successor": (paper(1, title="TideNet"), paper(2, title="TideNet++")),
    "a generic title without authors": (
        paper(1, title="Preface", authors=()),
        paper(2, title="Preface", authors=()),
    ),
    "generic titles of other people": (
        paper(1, title="Preface", abstract=TEXT),
        paper(2, title="Preface", abstract=TEXT, authors=("Bo Hill",)),
    ),
}
UNLIKELY = {
    "the next paper of the same people": (
        paper(1, title="Lunar Nets for Tides", venue="KILN", year=2024),
        paper(2, title="Solar Nets for Storms", venue="MOOR"),
    ),
    "one volume, two papers with one abstract": (
        paper(1, abstract=TEXT, venue="KILN", external_ids=ids("acl", "2025.kiln-1.1")),
        paper(2, abstract=TEXT, venue="KILN", title="Blue Kilns of the Town",
              external_ids=ids("acl", "2025.kiln-1.2")),
    ),
    "a generic title, the same editor, two years": (
        paper(1, title="Letter to the Editor", year=2001, external_ids=ids("acl", "J01-1001")),
        paper(2, title="Letter to the Editor", year=2004, external_ids=ids("acl", "J04-1001")),
    ),
    "one title, other abstracts, one side anonymous, years apart": (
        paper(1, abstract=TEXT, year=2012), paper(2, abstract=OTHER, authors=PEOPLE[:1]),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "kind", "reason"), LIKELY_PAIRS.values(), ids=LIKELY_PAIRS
)
def test_pairs_that_are_likely_one_paper(one: Paper, other: Paper, kind: str, reason: str):
    """What is nearly the same names the kind, and the evidence is told in words and numbers."""
    miss = found(one, other)
    assert miss.kind == kind
    assert any(reason in r for r in miss.reasons), miss.reasons
    assert LIKELY <= miss.score <= 1
    assert (miss.one, miss.other) == (one, other)


@pytest.mark.parametrize(("one", "other"), NO_PAIRS.values(), ids=NO_PAIRS)
def test_pairs_that_nobody_is_asked_about(one: Paper, other: Paper):
    """Other people, parts of a series and generic titles are no near misses at all."""
    assert near_miss(one, other) is None


@pytest.mark.parametrize(("one", "other"), UNLIKELY.values(), ids=UNLIKELY)
def test_pairs_that_are_likely_two_papers(one: Paper, other: Paper):
    """Some evidence is not enough for the list."""
    assert found(one, other).score < LIKELY
    assert near_misses_of(one, [other]) == []
    assert len(near_misses_of(one, [other], least=0)) == 1


def test_more_evidence_ranks_higher():
    """A common abstract, more common authors and nearer years each raise the score."""
    bare = found(paper(1), paper(2, title=f"TideNet: {TITLE}")).score
    text = found(paper(1, abstract=TEXT), paper(2, abstract=TEXT, title=f"TideNet: {TITLE}")).score
    fewer = found(paper(1), paper(2, title=f"TideNet: {TITLE}", authors=PEOPLE[:1])).score
    later = found(paper(1), paper(2, title=f"TideNet: {TITLE}", year=2029)).score
    other = found(
        paper(1, abstract=TEXT), paper(2, abstract=OTHER, title=f"TideNet: {TITLE}")
    ).score
    assert text > bare > max(fewer, later, other)


TITLES = st.sampled_from([
    TITLE, f"TideNet: {TITLE}", TITLE.replace("Tides", "Tide"), "Preface", "Blue Kilns of the Town",
    f"{TITLE} II", "TideNet: Catching Tides", "海の波", "",
])  # fmt: skip
PAPERS = st.builds(
    paper,
    st.integers(1, 10**6),
    title=TITLES,
    abstract=st.sampled_from(["", TEXT, OTHER, TEXT + OTHER, "short"]),
    authors=st.sampled_from([(), PEOPLE, PEOPLE[:2], ("Reed Tom",), ("Bo Hill",), ("Anonymous",)]),
    year=st.sampled_from([None, 2001, 2024, 2025]),
    venue=st.sampled_from(["", "arXiv", "KILN"]),
    sources=st.sampled_from([("arxiv",), ("acl",), ("arxiv", "acl")]),
    external_ids=st.sampled_from([
        (), ids("arxiv", "2501.00001"), ids("arxiv", "2501.00002"), ids("acl", "P18-1001"),
        ids("acl", "W18-0101"), ids("acl", "2025.kiln-1.1"),
    ]),
)  # fmt: skip


@given(PAPERS, PAPERS)
def test_which_paper_is_asked_first_never_matters(one: Paper, other: Paper):
    """The verdict is the same in both directions, with the longer known paper first."""
    if one.id == other.id:
        other = replace(other, id=PaperId(one.id + 1))
    miss = near_miss(one, other)
    assert near_miss(other, one) == miss
    if miss is not None:
        assert miss.one.id < miss.other.id
        assert 0 <= miss.score <= 1
        assert all(miss.reasons)


@given(st.lists(PAPERS, max_size=8, unique_by=lambda p: p.id))
def test_every_likely_pair_among_few_papers_is_found(papers: list[Paper]):
    """The candidates lose no pair that comparing all with all would list, and add none.

    Among many papers they may: what more than a few papers share is no candidate's key.
    """
    held = {p.id: p for p in papers}
    compared = [near_miss(a, b) for a, b in combinations(papers, 2)]
    expected = {(m.one.id, m.other.id) for m in compared if m and m.score >= LIKELY}
    listed = near_misses(papers, lambda wanted: [held[i] for i in wanted])
    assert {(m.one.id, m.other.id) for m in listed} == expected
    assert [m.score for m in listed] == sorted((m.score for m in listed), reverse=True)


def test_near_misses_among_many_papers():
    """Planted pairs are found among papers by others; told apart, they are left out."""
    names = [f"{first} {last}" for first in ("Al", "Bo") for last in ("Gray", "Hill", "Moor")]
    crowd = [
        paper(n, title=f"Study {n} of kiln {n * 7919 % 1000}", authors=(names[n % 6], f"X Y{n}"))
        for n in range(100, 1100)
    ]
    planted = [p for pair in LIKELY_PAIRS.values() for p in pair[:2]]
    own = [
        replace(p, id=PaperId(n + 1), authors=tuple(f"{a}{n // 2}" for a in p.authors))
        for n, p in enumerate(planted)
        if "turned" not in str(p.authors)
    ]
    papers = [*own, *crowd]
    held = {p.id: p for p in papers}
    heard: list[tuple[int, int]] = []
    pairs = [
        (m.one.id, m.other.id)
        for m in near_misses(
            iter(papers),
            lambda wanted: [held[i] for i in wanted],
            progress=lambda done, total: heard.append((done, total)),
        )
    ]
    assert {(PaperId(n), PaperId(n + 1)) for n in range(1, 24, 2)} <= set(pairs)
    assert all(other <= len(own) for _, other in pairs)
    assert heard[-1][0] == heard[-1][1] > 0
    fewer = near_misses(papers, lambda wanted: [held[i] for i in wanted], apart={pairs[0]})
    assert [(m.one.id, m.other.id) for m in fewer] == pairs[1:]
    best = near_misses(papers, lambda wanted: [held[i] for i in wanted], most=1)
    assert [(m.one.id, m.other.id) for m in best] == pairs[:1]


def test_a_paper_that_is_gone_meanwhile_is_left_out():
    """Papers that can no longer be fetched are no near misses."""
    one, other, *_ = LIKELY_PAIRS["a name put before"]
    assert near_misses([one, other], lambda _wanted: [one]) == []


def test_nothing_has_no_pairs():
    """Without papers there is nothing to compare, and a paper is not its own near miss."""
    assert near_misses([], lambda _wanted: []) == []
    traces = Traces()
    traces.add(paper(1))
    traces.add(paper(1))
    assert traces.pairs() == []
    assert near_misses_of(paper(1), [paper(1)]) == []


def test_of_similar_papers_the_same_one_is_named():
    """Asked about one paper, only those that may be it are named, surest first."""
    one = paper(5, abstract=TEXT)
    others = [
        paper(1, title="Blue Kilns of the Town", abstract=OTHER),
        paper(2, title=f"TideNet: {TITLE}"),
        paper(9, title=f"TideNet: {TITLE}", abstract=TEXT),
    ]
    misses = near_misses_of(one, others)
    assert [m.one.id if m.other.id == 5 else m.other.id for m in misses] == [9, 2]
