"""What becomes of a batch of records: the rules, and that neither order nor batches matter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.papers.appearances import Again
from broadsheet.papers.filing import Intents, Key, Known, decide, refresh
from broadsheet.papers.types import ExternalId, PaperId, Record

NOW, LATER = "2026-03-17T06:30:00Z", "2026-03-18T06:30:00Z"
TITLE = "Lunar Nets for Harbour Tides"
ADA = ("Ada Lovelace",)
DOI, OTHER_DOI = ExternalId("doi", "10.1000/1"), ExternalId("doi", "10.1000/2")
ARXIV, OTHER_ARXIV = ExternalId("arxiv", "2501.00001"), ExternalId("arxiv", "2501.00002")


def nothing() -> Known:
    """Return what an empty collection knows."""
    return Known({}, {}, {}, {}, 1)


def file(known: Known, *records: Record, now: str = NOW) -> Intents:
    """Decide about records in one batch."""
    return decide(records, known, now)


def groups(known: Known) -> set[frozenset[Key]]:
    """Return the papers, each as the set of the keys of its records."""
    return {frozenset(f.records) for f in known.filed.values()}


def record(key: str, title: str = TITLE, *ids: ExternalId, **changes: object) -> Record:
    """Return a record with this key, title and ids, and these changes."""
    return replace(Record("file", key, title, external_ids=ids), **changes)


def test_a_first_record_opens_a_paper():
    """A record that nothing is known of becomes a new paper, first seen now."""
    known = nothing()
    intents = file(known, record("a", TITLE, DOI))
    assert intents.outcomes == ["new"]
    assert intents.records == {("file", "a"): 1}
    [filed] = intents.papers
    assert (filed.id, filed.first_seen, filed.is_new) == (1, NOW, True)
    assert filed.paper is not None
    assert (filed.paper.title, filed.paper.external_ids) == (TITLE, (DOI,))


def test_a_shared_id_joins():
    """A record with the id of a paper joins it, whatever its title says."""
    known = nothing()
    intents = file(known, record("a", TITLE, DOI), record("b", "Kilns", DOI))
    assert intents.outcomes == ["new", "merged"]
    assert groups(known) == {frozenset({("file", "a"), ("file", "b")})}


def test_a_shared_title_and_author_join():
    """A record with the title and an author of a paper joins it without any id."""
    known = nothing()
    intents = file(known, record("a", authors=ADA), record("b", authors=("Lovelace, A.",)))
    assert intents.outcomes == ["new", "merged"]


def test_a_shared_title_alone_does_not_join():
    """Two records of one title that say nothing else are two papers."""
    known = nothing()
    assert file(known, record("a"), record("b")).outcomes == ["new", "new"]


def test_a_newer_form_of_a_record_takes_its_place():
    """A record under a known key updates its paper and keeps the day it was first seen."""
    known = nothing()
    file(known, record("a", TITLE, DOI))
    intents = file(known, record("a", "Solar Nets", DOI), now=LATER)
    assert intents.outcomes == ["updated"]
    [filed] = intents.papers
    assert filed.paper is not None
    assert (filed.paper.title, filed.first_seen, len(filed.records)) == ("Solar Nets", NOW, 1)


def test_a_record_that_links_two_papers_merges_them():
    """Two papers become the older one when a record carries ids of both."""
    known = nothing()
    file(known, record("a", "Kilns", DOI), record("b", "Tides", OTHER_DOI))
    intents = file(known, record("c", "Moons", DOI, OTHER_DOI), now=LATER)
    assert intents.outcomes == ["merged"]
    assert intents.merged_into == {2: 1}
    assert [f.id for f in intents.papers] == [1]
    assert intents.papers[0].first_seen == NOW
    assert intents.papers[0].ids == {DOI, OTHER_DOI}
    assert set(known.by_external_id.values()) == {1}
    assert intents.records == {("file", k): 1 for k in "bc"}


def test_merges_of_merges_lead_to_the_survivor():
    """A paper that was merged twice leads to the one that is left, not to the one between."""
    known = nothing()
    third = ExternalId("doi", "10.1000/3")
    file(known, record("a", "Kilns", DOI), record("b", "Tides", OTHER_DOI), record("c", "X", third))
    intents = file(
        known, record("d", "Moons", OTHER_DOI, third), record("e", "Suns", DOI, OTHER_DOI)
    )
    assert intents.outcomes == ["merged", "merged"]
    assert intents.merged_into == {3: 1, 2: 1}
    assert list(known.filed) == [1]


def test_two_arxiv_ids_are_never_joined_by_evidence():
    """Papers with different arXiv ids stay apart though title, people and another id agree."""
    known = nothing()
    file(known, record("a", TITLE, ARXIV, authors=ADA))
    assert file(known, record("b", TITLE, OTHER_ARXIV, authors=ADA)).outcomes == ["new"]
    file(known, record("c", "Kilns", DOI, ARXIV))
    intents = file(known, record("d", "Moons", ARXIV, OTHER_ARXIV))
    assert intents.merged_into == {}
    assert len(known.filed) == 2
    assert known.by_external_id[OTHER_ARXIV] == 2


def test_an_update_may_join_its_paper_to_another():
    """A record whose new form has an id of another paper takes its paper there."""
    known = nothing()
    file(known, record("a", "Kilns", DOI), record("b", "Tides"))
    intents = file(known, record("b", "Tides", DOI))
    assert intents.outcomes == ["updated"]
    assert intents.merged_into == {2: 1}
    assert groups(known) == {frozenset({("file", "a"), ("file", "b")})}


def test_an_id_that_two_papers_claim_stays_with_the_first():
    """One id leads to one paper, also where arXiv ids keep its two claimants apart."""
    known = nothing()
    file(known, record("a", "Kilns", ARXIV), record("b", "Tides", OTHER_ARXIV))
    intents = file(known, record("c", "Moons", ARXIV, OTHER_ARXIV))
    assert [f.ids for f in intents.papers] == [{ARXIV, OTHER_ARXIV}]
    assert (known.by_external_id[ARXIV], known.by_external_id[OTHER_ARXIV]) == (1, 2)


def test_counts_sum_up_the_outcomes():
    """The counts are those of the outcomes, in the order of the records."""
    known = nothing()
    first, second = record("a", TITLE, DOI), record("b", "Kilns", DOI)
    intents = file(known, first, second, first, replace(second, title="Kilns!"))
    assert intents.outcomes == ["new", "merged", "unchanged", "updated"]
    assert intents.counts == {"new": 1, "merged": 1, "unchanged": 1, "updated": 1}


# ---------------------------------------------------------------------------- days


def editions(known: Known) -> dict[str, tuple[str, str]]:
    """Return the day and basis of each paper's edition, by the keys of its records."""
    fresh = refresh(known, LATER).papers
    return {"".join(sorted(k for _, k in f.records)): f.stamp[:2] for f in fresh if f.stamp}


def test_a_paper_stays_in_its_first_edition():
    """Listed again later, it is a paper of the first day that came again on the later one."""
    known = nothing()
    file(known, record("a", announced="2026-03-10"))
    [filed] = file(known, record("a", announced="2026-03-16"), now=LATER).papers

    assert filed.paper is not None
    assert filed.stamp is not None
    assert (filed.paper.edition, filed.paper.basis) == ("2026-03-10", "announced")
    assert filed.paper.announced == "2026-03-10"
    assert filed.stamp.again == (Again("2026-03-16", "listed", "file"),)
    assert file(known, record("a", announced="2026-03-16")).outcomes == ["unchanged"]


def test_an_earlier_listing_that_comes_later_moves_the_edition_back():
    """The first announcement is the first by its date, not by when it was filed."""
    known = nothing()
    file(known, record("a", announced="2026-03-16"))
    [filed] = file(known, record("a", announced="2026-03-10"), now=LATER).papers

    assert filed.stamp is not None
    assert filed.stamp[:3] == (
        "2026-03-10", "announced", (Again("2026-03-16", "listed", "file"),),
    )  # fmt: skip


def test_an_announcement_takes_the_place_of_the_day_of_filing():
    """What was filed without a day belongs to its announcement as soon as a source tells it."""
    known = nothing()
    file(known, record("a", TITLE, DOI))
    assert editions(known) == {"a": ("2026-03-17", "filed")}
    file(known, record("b", TITLE, DOI, announced="2026-03-12"), now=LATER)
    assert editions(known) == {"ab": ("2026-03-12", "announced")}


DATED = st.builds(
    Record,
    source=st.sampled_from(["arxiv", "hf"]),
    key=st.sampled_from("abc"),
    title=st.just(TITLE),
    authors=st.just(ADA),
    announced=st.sampled_from([None, "2026-03", "2026-03-10", "2026-03-12", "2026-03-16"]),
    updated=st.sampled_from([None, "2026-03-12", "2026-03-20"]),
    categories=st.sampled_from([(), ("cs.LG",), ("cs.LG", "stat.ML")]),
)


@settings(deadline=None, max_examples=200)
@given(st.data(), st.lists(DATED, min_size=1, max_size=6))
def test_the_edition_does_not_depend_on_the_order_of_filing(
    data: st.DataObject, world: list[Record]
):
    """Forms of the same records, filed in any order, lead to one paper of one day."""
    one, other = nothing(), nothing()
    file(one, *world)
    for record_of in data.draw(st.permutations(world)):
        file(other, record_of)

    assert editions(other) == editions(one)


@settings(deadline=None, max_examples=200)
@given(st.lists(DATED, min_size=1, max_size=6, unique_by=lambda r: (r.source, r.key)))
def test_filing_a_file_again_moves_no_paper(world: list[Record]):
    """A file read twice, the second time on another day, changes neither records nor days."""
    known = nothing()
    file(known, *world)
    before = editions(known)

    assert file(known, *world, now="2026-04-01T00:00:00Z").outcomes == ["unchanged"] * len(world)
    assert editions(known) == before


# ---------------------------------------------------------------------------- ids and people

REED = ("Tom Reed",)


@pytest.mark.parametrize(
    ("shared", "other", "papers"),
    [
        (DOI, {"title": "Kilns", "authors": REED}, 2),
        (DOI, {"title": "Kilns", "authors": (*REED, *ADA)}, 1),
        (DOI, {"title": "Kilns", "authors": ()}, 1),
        (DOI, {"authors": REED}, 1),
        (DOI, {"title": "Kilns", "authors": REED, "abstract": "Nets move slowly at night."}, 1),
        (DOI, {"title": "Kilns", "authors": REED, "abstract": "Copper is fired here."}, 2),
        (ARXIV, {"title": "Kilns", "authors": REED}, 1),
    ],
)
def test_an_id_is_not_believed_against_all_else(shared: ExternalId, other: dict[str, Any], papers):
    """A volume's DOI on two papers of other titles, authors and texts does not make them one."""
    known = nothing()
    first = Record("file", "a", TITLE, "Nets move slowly at night.", authors=ADA)
    first = replace(first, external_ids=(shared,))
    second = replace(first, key="b", **({"abstract": ""} | other))
    file(known, first)
    file(known, second)
    assert len(groups(known)) == papers
    assert known.by_external_id[shared] == min(known.filed)


# ---------------------------------------------------------------------------- any world

TEXT = "we measure how tides move slow lunar nets across nine invented harbours"
IDS = [
    ARXIV, DOI, OTHER_DOI, ExternalId("acl", "P19-1001"), ExternalId("acl", "P19-1002"),
    ExternalId("s2", "0" * 40),
]  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn) -> list[Record]:
    """Draw a few records that share ids, titles, authors and abstracts by chance."""
    one = st.builds(
        Record,
        source=st.sampled_from(["arxiv", "acl", "file"]),
        key=st.sampled_from("abcd"),
        title=st.sampled_from([TITLE, "Kilns", "Introduction", "?"]),
        abstract=st.sampled_from(["", TEXT, "an account of copper kilns that nobody ever fired"]),
        authors=st.sampled_from([(), ADA, ("Tom Reed",), ("Reed, T.", *ADA)]),
        external_ids=st.lists(st.sampled_from(IDS), max_size=2, unique=True).map(tuple),
        year=st.sampled_from([None, 2019, 2020, 2025]),
    )
    return draw(st.lists(one, max_size=8, unique_by=lambda r: (r.source, r.key)))


def cut(records: Sequence[Record], sizes: Iterable[int]) -> list[Sequence[Record]]:
    """Return the records in batches of these sizes, the rest in one more."""
    batches, at = [], 0
    for size in sizes:
        batches.append(records[at : at + size])
        at += size
    return [*batches, records[at:]]


@settings(deadline=None, max_examples=400)
@given(st.data(), worlds())
def test_the_papers_do_not_depend_on_order_or_batches(data: st.DataObject, world: list[Record]):
    """The same records make the same papers in any order and cut into any batches.

    All records of a world that have an arXiv id have the same one, and all with any id share an
    author: where ids contradict each other, or an id the rest of what is said, the first paper
    wins, so there the order counts, as `filing` says.
    """
    world = [replace(r, authors=ADA) if r.external_ids and r.authors else r for r in world]
    whole, pieces = nothing(), nothing()
    file(whole, *world)
    shuffled = data.draw(st.permutations(world))
    for batch in cut(shuffled, data.draw(st.lists(st.integers(0, 3), max_size=4))):
        file(pieces, *batch)
    assert groups(pieces) == groups(whole)


@settings(deadline=None, max_examples=200)
@given(worlds())
def test_filing_again_changes_nothing(world: list[Record]):
    """A second filing of the same records finds all of them unchanged and writes nothing."""
    known = nothing()
    file(known, *world)
    before = groups(known)
    intents = file(known, *world, now=LATER)
    assert intents.outcomes == ["unchanged"] * len(world)
    assert (intents.papers, intents.records, intents.merged_into) == ([], {}, {})
    assert groups(known) == before


CLASHING = st.lists(
    st.builds(
        Record,
        source=st.just("file"),
        key=st.sampled_from("abcdef"),
        title=st.sampled_from([TITLE, "Kilns"]),
        authors=st.just(ADA),
        external_ids=st.lists(
            st.sampled_from([*IDS, OTHER_ARXIV]), max_size=3, unique=True
        ).map(tuple),
    ),
    max_size=10,
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(CLASHING)
def test_every_record_has_one_paper_and_every_merge_one_survivor(stream: list[Record]):
    """Whatever comes, updates and contradictions included, the books are in order afterwards."""
    known = nothing()
    merged: dict[PaperId, PaperId] = {}
    for record_of in stream:
        intents = file(known, record_of)
        merged |= intents.merged_into
        for gone, home in intents.merged_into.items():
            assert home < gone
    last = {(r.source, r.key): r for r in stream}
    held = {k: r for f in known.filed.values() for k, r in f.records.items()}
    assert held == last
    assert known.by_record == {k: f.id for f in known.filed.values() for k in f.records}
    assert set(known.by_external_id.values()) <= set(known.filed)
    assert set(merged).isdisjoint(known.filed)


@pytest.mark.parametrize("title", ["", "?!", "Introduction"])
def test_empty_and_generic_titles_join_nobody(title: str):
    """Records of one empty or generic title by one author are papers of their own."""
    known = nothing()
    outcomes = file(
        known, record("a", title, authors=ADA), record("b", title, authors=ADA)
    ).outcomes
    assert outcomes == ["new", "new"]
