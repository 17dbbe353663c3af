"""Judging whether the order of new papers foretells what comes later, on an invented month."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from broadsheet.errors import SourceError
from broadsheet.measure import foretelling
from broadsheet.measure.foretelling import Early, Span, Written
from broadsheet.measure.judged import objects
from processes import called
from shared_data import SHARED, needs_shared

FIRST = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAYS, EACH = 12, 22


def early(number: int, day: int = 0, title: str = "", upvotes: float = 1, **more: Any) -> Early:
    """Return a paper that was listed at two and seen at eight on some day."""
    listed = FIRST + timedelta(days=day, hours=2)
    given = {"comments": None, "stars": None, "repository": "", "authors": frozenset({"ada lowe"})}
    kept = given | more
    return Early(
        f"2603.{number:05d}", title or f"Kiln{number}-X: Glazes", kept["authors"], listed,
        listed + timedelta(hours=6), upvotes, kept["comments"], kept["stars"], kept["repository"],
    )  # fmt: skip


def row(paper: Early) -> dict[str, Any]:
    """Return a paper in the form of the corpus."""
    return {
        "arxiv_id": paper.id, "title": paper.title, "abstract": "Clay.", "date": paper.day,
        "authors": ["Ada Lowe"], "upvotes": paper.upvotes, "comments": 1,
        "submitted_at": paper.listed.isoformat(), "snapshot_at": paper.seen.isoformat(),
    }  # fmt: skip


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    """Return a folder with days of papers of 0 to 21 upvotes, which are mentioned as often."""
    papers = [early(d * 100 + v, d, upvotes=v) for d in range(DAYS) for v in range(EACH)]
    last = (FIRST + timedelta(days=DAYS)).date().isoformat()
    said = [p.title.split(":")[0] for p in papers for _ in range(int(p.upvotes) // 6)]
    later = [
        {"arxiv_id": f"x{n}", "title": "On Pots", "abstract": f"We extend {name}.", "date": last}
        for n, name in enumerate(said)
    ]
    listed = [
        {"title": p.title, "status": "Poster" if p.upvotes > 9 else "Reject", "citations": 3}
        for p in papers[:EACH]
    ]
    for name, rows in (
        ("hf_daily", map(row, papers)), ("arxiv_daily", later), ("conferences", listed),
    ):  # fmt: skip
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


# ---------------------------------------------------------------------------- agreement


def spans_of(*groups: tuple[list[int], list[int]]) -> tuple[list[Span], dict[str, float]]:
    """Return spans whose papers have such scores and such a later signal, and the scores."""
    spans, scores = [], {}
    for day, (ours, later) in enumerate(groups):
        papers = [early(day * 1000 + n, day) for n in range(len(ours))]
        scores |= {p.id: float(s) for p, s in zip(papers, ours, strict=True)}
        spans.append(Span(papers, np.array(later, float), FIRST))
    return spans, scores


def agreement_of(*groups: tuple[list[int], list[int]]) -> foretelling.Agreement:
    """Return how scores agree with a later signal in groups of papers."""
    spans, scores = spans_of(*groups)
    return foretelling.agreement(lambda papers, _: np.array([scores[p.id] for p in papers]), spans)


counts = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=30).map(
    lambda pairs: tuple(map(list, zip(*pairs, strict=True)))
)


@given(counts)
def test_within_one_span_it_is_kendalls_tau_b(group: tuple[list[int], list[int]]):
    """The pairs of a single span give what scipy gives, and nothing where all are tied."""
    found = agreement_of(group).tau(np.ones((1, 1)))[0]
    with np.errstate(invalid="ignore"):
        expected = kendalltau(*group).statistic
    assert found == pytest.approx(expected, nan_ok=True)


@given(counts, counts)
def test_only_pairs_of_one_span_count(one: tuple[list[int], ...], other: tuple[list[int], ...]):
    """Papers of different spans are never compared: a shift of one span changes nothing."""
    shifted = ([s + 100 for s in other[0]], [v + 100 for v in other[1]])
    both = agreement_of((one[0], one[1]), (other[0], other[1]))
    moved = agreement_of((one[0], one[1]), shifted)
    weights = np.ones((1, 2))
    assert both.tau(weights) == pytest.approx(moved.tau(weights), nan_ok=True)
    assert both.in_order(weights) == pytest.approx(moved.in_order(weights), nan_ok=True)


@given(st.permutations(range(25)), st.lists(st.integers(0, 30), min_size=25, max_size=25))
def test_precision_counts_the_first_ten(order: list[int], later: list[int]):
    """Ten are wanted, more where the last of them is tied, none without anything later."""
    found = foretelling.precision(np.array(order, float), np.array(later, float))
    last = sorted(later)[-10]
    first = [v for s, v in zip(order, later, strict=True) if s >= 15]
    hits = sum(v > 0 and v >= last for v in first)
    assert found == pytest.approx(hits / 10) if any(later) else np.isnan(found)


def test_papers_of_one_score_stand_in_any_order():
    """Of 20 papers with one score, ten of them wanted, half of the first ten are on average."""
    later = np.array([1.0] * 10 + [0.0] * 10)
    assert foretelling.precision(np.zeros(20), later) == pytest.approx(0.5)
    assert np.isnan(foretelling.precision(np.zeros(19), later[:19]))


def test_the_known_formulas_are_what_their_sources_say():
    """Thirty-eight upvotes six hours after the listing."""
    paper = early(1, upvotes=38, stars=120.0)
    at = paper.seen
    assert foretelling.hacker_news([paper], at) == pytest.approx([37 / 8**1.8])
    assert foretelling.star_rate([paper, early(2)], at) == pytest.approx([20, 0])
    old, new = early(3, 0, upvotes=100), early(4, 0, upvotes=10)
    earlier = old._replace(listed=new.listed - timedelta(hours=12.5))
    assert foretelling.reddit([earlier], at) == pytest.approx(foretelling.reddit([new], at))


# ---------------------------------------------------------------------------- later signals


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Kiln2-VL: Glazes", "Kiln2-VL"),
        ("ClayNet : Glazes", "ClayNet"),
        ("FLAME: Fire", ""),
        ("Meteor: Stones", ""),
        ("On ClayNet: Glazes", ""),
        ("ClayNet", ""),
    ],
)
def test_a_name_is_no_word_and_no_acronym(title: str, name: str):
    """Words and acronyms are said of much else."""
    assert foretelling.coined(title) == name


def said(name: str, day: int, who: str = "bo hay", own: str = "", key: str = "") -> Written:
    """Return a text that says a name on some day."""
    dated = (FIRST + timedelta(days=day)).date().isoformat()
    return Written(key or f"{name}{day}{who}", dated, frozenset({who}), own, frozenset({name}))


def test_mentions_are_later_and_of_others():
    """A text counts once; the paper's own, its authors' and those of its day do not."""
    paper = early(1, 3, "ClayNet: Glazes")
    texts = [
        said("ClayNet", 4), said("ClayNet", 5), said("ClayNet", 5), said("ClayNet", 3),
        said("ClayNet", 9, "ada lowe"), said("ClayNet", 3, key=paper.id),
    ]  # fmt: skip
    assert foretelling.mentions([paper], texts) == {paper.id: 2}


def test_a_name_that_is_not_its_own_says_nothing():
    """Said before, borne by another title, or by two papers."""
    papers = [early(n, 3, f"{name}: Glazes") for n, name in enumerate(["AaNet", "BbNet", "CcNet"])]
    twice = [*papers, early(9, 4, "CcNet: Pots")]
    texts = [said("AaNet", 2), said("BbNet", 5, own="BbNet"), said("CcNet", 6)]
    assert foretelling.mentions(twice, texts) == {}
    assert foretelling.mentions(papers, texts) == {papers[2].id: 1}


def test_conferences_take_some_and_count_citations():
    """A title is the same however it is spelt; who came after the last one taken is left out."""
    papers = [early(n, n, title) for n, title in enumerate(["Clay Pots", "Glass", "Fire", "Ash"])]
    listed = [
        {"title": "CLAY POTS.", "status": "Poster", "citations": 7},
        {"title": "Glass", "status": "Reject"},
        {"title": "Fire", "status": "Oral", "citations": 0},
    ]
    assert list(foretelling.conference(papers, listed).values()) == [1, 0, 1]
    assert foretelling.citations(papers, listed) == {papers[0].id: 7, papers[2].id: 0}


def test_stars_count_when_the_repository_comes_again():
    """What another paper of the same day lists is nothing later."""
    first, same, later = (
        early(n, day, repository="kilns/clay", stars=float(stars))
        for n, day, stars in ((1, 0, 5), (2, 0, 5), (3, 9, 80))
    )
    assert foretelling.stars_again([later, same, first]) == {first.id: 80}
    assert foretelling.stars_again([first, same]) == {}


# ---------------------------------------------------------------------------- the command


def test_a_foretold_month_is_found_foretold(corpora: Path):
    """What follows upvotes is in their order, in JSON and for people, every time alike."""
    found = json.loads(called("eval-trending", corpora, "--json").stdout)
    rows = {(r["later"], r["within"], r["formula"]): r for r in found["rows"]}
    assert (found["papers"], found["days"], found["stars_since"]) == (DAYS * EACH, DAYS, None)
    assert [s["later"] for s in found["later"]] == ["mentions", "citations", "conference"]
    for formula in ("upvotes", "standing", "hot", "hacker news", "reddit"):
        mentions = rows["mentions", "day", formula]
        assert mentions["in_order"] == {"value": 1, "low": 1, "high": 1}
        assert mentions["precision"]["value"] == 1
        assert mentions["precision_over"]["value"] == 0
    assert ("mentions", "day", "stars an hour") not in rows  # there are no stars
    assert not any(later == "citations" for later, _, _ in rows)  # they are all the same
    week = rows["mentions", "week", "hot"]
    assert week["in_order"]["value"] < 1  # age counts
    assert week["in_order"]["low"] is None  # two weeks are too few
    assert rows["conference", "day", "upvotes"]["spans"] == 1
    assert foretelling.judge(corpora, progress=lambda *_: None) == found
    told = called("eval-trending", corpora).stdout.decode()
    assert "mentions, compared within a day: 264 papers" in told


def test_what_was_not_seen_early_is_left_out(corpora: Path):
    """Counts of the next day are not early, a second snapshot is not the first."""
    papers = [early(1), early(1), early(2), early(3)._replace(seen=FIRST + timedelta(days=2))]
    rows = [row(p) for p in papers]
    (corpora / "hf_daily.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert foretelling.judge(corpora, progress=lambda *_: None)["papers"] == 2


def test_a_folder_without_early_counts_is_refused(tmp_path: Path):
    """The message says what is missing, and in which record."""
    with pytest.raises(SourceError, match=r"hf_daily\.jsonl with early counts"):
        foretelling.judge(tmp_path, progress=lambda *_: None)
    broken = row(early(1)) | {"snapshot_at": None}
    (tmp_path / "hf_daily.jsonl").write_text(json.dumps(broken))
    with pytest.raises(SourceError, match=r"2603\.00001 lacks an early count"):
        foretelling.judge(tmp_path, progress=lambda *_: None)
    (tmp_path / "hf_daily.jsonl").write_text(json.dumps(row(early(1)) | {"title": None}))
    with pytest.raises(SourceError, match="record 1 has no title"):
        foretelling.judge(tmp_path, progress=lambda *_: None)


@pytest.mark.corpus
@needs_shared
def test_early_upvotes_foretell_mentions():
    """In the real daily papers upvotes and our standing are better than chance, within a week.

    The full form, with mentions in arXiv's listings, is `broadsheet eval-trending`.
    """
    assert SHARED is not None
    listed = list(objects(SHARED / "corpus" / "hf_daily.jsonl.xz"))
    papers = list(foretelling._early(listed))
    names = frozenset(foretelling._own_names(papers))
    mentions = foretelling.mentions(papers, foretelling._texts(listed, names))
    spans = foretelling._spans(papers, mentions, "week", "")
    assert (len(papers), len(spans)) == (8740, 105)
    weights = foretelling._weights(len(spans))
    for score in (foretelling.upvotes, foretelling._Ours(papers).standing):
        found = foretelling.agreement(score, spans).in_order(weights)
        assert np.percentile(found[1:], 2.5) > 0.5
