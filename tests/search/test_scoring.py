"""Scores in words against sums done by hand, and what they promise for any papers."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import SearchIndexError
from broadsheet.search.forward import ForwardIndex, forms_of, key, keys_of
from broadsheet.search.scoring import (
    K1,
    PAIR_REACH,
    PAIR_WEIGHT,
    TITLE_WEIGHT,
    B,
    Form,
    Lengths,
    Scoring,
    Terms,
    Words,
    rarity,
)
from broadsheet.search.understanding import Weighed

PAPERS = [
    ("Deep residual networks", "Residual networks are deep networks with shortcuts."),
    ("A network of rivers", "The residual of a river basin."),
    ("Bread", "On the baking of bread."),
]


def terms(*names: str, weights: list[float] | None = None, papers: int = 3) -> Terms:
    """Return terms of stems that stand in one paper each, side by side in the query."""
    having = rarity(papers, 1)
    each = zip(names, weights or [1.0] * len(names), strict=True)
    return Terms(
        tuple(Form((n,), w, i, 0, n) for i, (n, w) in enumerate(each)),
        {n: key(n) for n in names},
        dict.fromkeys(names, (having, having)),
        tuple(pairwise(range(len(names)))),
    )


def test_words_are_kept_in_order_without_stop_words() -> None:
    """A paper is its stems as numbers, with a mark between title and abstract."""
    words = keys_of(PAPERS)
    first = [key("deep"), key("residu"), key("network"), 0, key("residu"), key("network")]
    assert words.keys[:6].tolist() == first
    assert len(words.ends) == 3
    assert words.keys[words.ends[1] : words.ends[2]].tolist() == [
        key("bread"),
        0,
        key("bake"),
        key("bread"),
    ]


def test_bm25_is_that_of_the_formula() -> None:
    """The text as a whole scores, and the title once more at its weight."""
    scoring = Scoring(terms("residu"), keys_of(PAPERS), Lengths(5.0, 2.0))
    idf = math.log1p((3 - 1 + 0.5) / 1.5)
    # Eight words, two of them "residual", one of these among the three of the title.
    text = idf * 2 * (K1 + 1) / (2 + K1 * (1 - B + B * 8 / 5))
    title = idf * (K1 + 1) / (1 + K1 * (1 - B + B * 3 / 2))
    assert scoring.bm25[0] == pytest.approx(text + TITLE_WEIGHT * title, rel=1e-5)
    assert scoring.bm25[2] == 0
    assert scoring.is_match.tolist() == [True, True, False]


def test_words_near_each_other_count_more_in_either_order() -> None:
    """Side by side in the query and near in the text adds, whichever comes first."""
    near, far = ("", "deep residual"), ("", "deep one two three four residual")
    back = ("", "residual deep")
    scoring = Scoring(terms("deep", "residu"), keys_of([near, far, back]), Lengths(4.0, 1.0))
    assert scoring.by_pair[1, 0] == 0
    assert scoring.by_pair[0, 0] == pytest.approx(scoring.by_pair[2, 0])
    idf = math.log1p((3 - 1 + 0.5) / 1.5)
    damping = K1 * (1 - B + B * 2 / 4)
    assert scoring.by_pair[0, 0] == pytest.approx(PAIR_WEIGHT * idf * (K1 + 1) / (1 + damping))


def test_words_of_the_title_are_not_near_those_of_the_abstract() -> None:
    """Nothing is near across the mark."""
    scoring = Scoring(terms("deep", "residu"), keys_of([("deep", "residual")]), Lengths(4.0, 1.0))
    assert scoring.by_pair.sum() == 0


def test_what_is_asked_twice_counts_twice() -> None:
    """Weights multiply."""
    once = Scoring(terms("residu"), keys_of(PAPERS), Lengths(5.0, 2.0))
    twice = Scoring(terms("residu", weights=[2.0]), keys_of(PAPERS), Lengths(5.0, 2.0))
    assert twice.bm25 == pytest.approx(2 * once.bm25)


def test_no_words_and_no_papers_score_nothing() -> None:
    """Empty queries and empty papers have scores, which are 0."""
    assert Scoring(terms(), keys_of(PAPERS), Lengths(5.0, 2.0)).scores.tolist() == [0, 0, 0]
    nothing = Words(np.empty(0, np.uint32), np.empty(0, np.int64))
    assert not len(Scoring(terms("deep"), nothing, Lengths(0.0, 0.0)).scores)
    unheld = Words(np.empty(0, np.uint32), np.zeros(2, np.int64))
    assert Scoring(terms("deep"), unheld, Lengths(5.0, 2.0)).scores.tolist() == [0, 0]


SOME = st.text("abc de", max_size=30)


@given(st.lists(st.tuples(SOME, SOME), min_size=1, max_size=8), st.permutations(range(8)))
def test_scores_are_those_of_the_paper_wherever_it_stands(
    papers: list[tuple[str, str]], order: list[int]
) -> None:
    """Scores are 0 to 1, do not depend on the order, and are the sum of their shares."""
    asked = terms("ab", "c", "de", papers=len(papers))
    mean = Lengths(3.0, 1.0)
    plain = Scoring(asked, keys_of(papers), mean)
    places = [i for i in order if i < len(papers)]
    mixed = Scoring(asked, keys_of([papers[i] for i in places]), mean)
    assert mixed.scores == pytest.approx(plain.scores[places])
    assert (plain.scores >= 0).all()
    assert (plain.scores <= 1 + 1e-6).all()
    assert (plain.is_match == (plain.scores > 0)).all()
    for paper, score in enumerate(plain.scores.tolist()):
        shares = plain.shares(paper)
        assert sum(share.added for share in shares) == pytest.approx(score, abs=1e-5)
        assert all(share.added > 0 for share in shares)
        assert plain.has(paper) == {(s.name,) for s in shares if s.kind == "word"}


PARTS = st.lists(st.sampled_from("abcde"), max_size=8)


@given(st.lists(st.none() | st.tuples(PARTS, PARTS), min_size=1, max_size=6))
def test_places_are_counted_right(papers: list[tuple[list[str], list[str]] | None]) -> None:
    """Words and pairs within reach are counted as one does by hand, also beside unheld papers."""
    keys: list[int] = []
    ends: list[int] = []
    for paper in papers:
        title, abstract = paper or ([], [])
        keys += [*map(key, title), *([0] if paper else []), *map(key, abstract)]
        ends.append(len(keys))
    words = Words(np.array(keys, np.uint32), np.array(ends, np.int64))
    scoring = Scoring(terms("a", "b"), words, Lengths(3.0, 1.0))
    for place, paper in enumerate(papers):
        parts = paper or ([], [])
        both = [*parts[0], *parts[1]]
        found = {name for name in "ab" if name in both}
        assert {stem for (stem,) in scoring.has(place)} == found
        near = [
            1
            for part in parts
            for at, word in enumerate(part)
            for other in part[at + 1 : at + 1 + PAIR_REACH]
            if {word, other} == {"a", "b"}
        ]
        pairs, size = len(near), len(both)
        damping = K1 * (1 - B + B * size / 3)
        rare = math.log1p((3 - 1 + 0.5) / 1.5)
        expected = PAIR_WEIGHT * rare * pairs * (K1 + 1) / (pairs + damping)
        assert scoring.by_pair[place, 0] == pytest.approx(expected, rel=1e-5)


def form(text: str, weight: float = 1.0, *, of: str = "") -> Weighed:
    """Return a word as understanding a query gives it."""
    return Weighed(text, weight, "acronym" if of else "typed", of)


def test_forms_of_a_query() -> None:
    """Words of one stem are one form; stop words are none."""
    forms, pairs = forms_of([form("Residual"), form("of"), form("networks"), form("network")])
    assert [(f.stems, f.weight, f.name) for f in forms] == [
        (("residu",), 1.0, "Residual"),
        (("network",), 2.0, "networks"),
    ]
    assert pairs == ((0, 1),)
    assert forms_of([form("of"), form("the")]) == ((), ())


def test_the_best_of_several_ways_counts() -> None:
    """Of an acronym and its long form the better one scores, and has the share."""
    words = [form("gcn"), form("graph convolutional network", 0.5, of="gcn")]
    forms, pairs = forms_of(words)
    names = dict.fromkeys(s for f in forms for s in f.stems)
    asked = Terms(forms, {n: key(n) for n in names}, dict.fromkeys(names, (1.0, 1.0)), pairs)
    papers = [
        ("", "A GCN"),
        ("", "A graph convolutional network"),
        ("", "A graph convolutional network (GCN)"),
        ("", "A network that is convolutional and a graph"),
    ]
    scoring = Scoring(asked, keys_of(papers), Lengths(3.0, 1.0))
    short, long, both, other = scoring.bm25.tolist()
    assert other == 0
    assert scoring.is_match.tolist() == [True, True, True, False]
    # Three stems of rarity 1 at half the weight are more than one of rarity 1.
    assert long > short > 0
    assert both < long + short
    long_form = ("graph", "convolut", "network")
    assert scoring.shares(1)[0][:2] == ("other", "graph convolutional network")
    assert scoring.has(0) == {("gcn",)}
    assert scoring.has(1) == {long_form}
    assert long_form in scoring.has(2)
    assert scoring.has(3) == set()


def test_a_run_of_stems_stands_in_this_order_within_title_or_abstract() -> None:
    """All of its stems stand one after the other, or it is not there."""
    forms = (Form(("deep", "residu"), 1.0, 0, 0, "deep residual"),)
    asked = Terms(
        forms, {n: key(n) for n in ("deep", "residu")}, {"deep": (1, 1), "residu": (1, 1)}
    )
    papers = [("deep", "residual"), ("", "residual deep"), ("deep residual", ""), ("", "deep")]
    scoring = Scoring(asked, keys_of(papers), Lengths(3.0, 1.0))
    assert scoring.is_match.tolist() == [False, False, True, False]


def test_the_forward_index_gives_back_what_it_was_given(tmp_path: Path) -> None:
    """In the order asked for, the newest row of each paper."""
    index = ForwardIndex(tmp_path / "words")
    words = keys_of(PAPERS)
    index.append([5, 2, 9], words, [], 3)
    found = ForwardIndex(tmp_path / "words").read([9, 7, 5])
    assert found.ends.tolist() == [4, 4, 4 + words.ends[0]]
    assert found.keys[:4].tolist() == words.keys[words.ends[1] :].tolist()
    assert found.keys[4:].tolist() == words.keys[: words.ends[0]].tolist()
    assert (index.sequence, index.ids.tolist()) == (3, [2, 5, 9])
    index.append([5], keys_of([("Bread", "")]), [2], 4)
    assert index.ids.tolist() == [5, 9]
    assert index.read([5]).keys.tolist() == [key("bread"), 0]
    assert index.mean.text == pytest.approx((1 + 3) / 2)


def test_words_cut_short_are_told(tmp_path: Path) -> None:
    """Files shorter than the manifest says are damaged."""
    index = ForwardIndex(tmp_path / "words")
    index.append([1], keys_of(PAPERS[:1]), [], 1)
    with (tmp_path / "words" / "words.u32").open("r+b") as file:
        file.truncate(4)
    with pytest.raises(SearchIndexError, match="damaged"):
        index.read([1])
    with pytest.raises(SearchIndexError, match="damaged"):
        ForwardIndex(tmp_path / "words")
