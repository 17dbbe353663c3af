"""Fusing two orders into one, and the words for why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.search.ranking import (
    SHARE_LONG,
    SHARE_SHORT,
    SHORT_QUERY,
    Ranked,
    fuse,
    reasons,
    words_share,
)

PAPERS = st.integers(1, 12)
TEXTS = st.dictionaries(PAPERS, st.floats(0, 40, width=32), max_size=10)
MEANINGS = st.dictionaries(PAPERS, st.floats(-1, 1, width=32), max_size=10)
SHARES = st.floats(0, 1)


@given(TEXTS, MEANINGS, SHARES, st.randoms(use_true_random=False))
def test_the_order_of_the_input_never_shows(
    text: dict[int, float], meaning: dict[int, float], share: float, random: st.random
):
    """The same candidates in any order are fused into the same order."""
    shuffled = []
    for scores in (text, meaning):
        items = list(scores.items())
        random.shuffle(items)
        shuffled.append(dict(items))
    assert fuse(shuffled[0], shuffled[1], share) == fuse(text, meaning, share)


@given(TEXTS, MEANINGS, SHARES)
def test_every_candidate_is_ranked_once(
    text: dict[int, float], meaning: dict[int, float], share: float
):
    """All candidates come out, best first, ties by id, with scores from 0 to 1."""
    ranked = fuse(text, meaning, share)
    assert sorted(r.paper for r in ranked) == sorted(text.keys() | meaning.keys())
    assert [(-r.score, r.paper) for r in ranked] == sorted((-r.score, r.paper) for r in ranked)
    assert all(0 <= r.score <= 1 for r in ranked)
    for r in ranked:
        assert (r.words is None) is (r.paper not in text)
        assert r.meaning == meaning.get(r.paper)
        assert r.words is None or 0 <= r.words <= 1


@given(TEXTS, MEANINGS, SHARES, PAPERS, st.floats(0, 40, width=32), st.floats(0, 1, width=32))
def test_more_of_either_never_hurts(
    text: dict[int, float],
    meaning: dict[int, float],
    share: float,
    paper: int,
    more_text: float,
    more_meaning: float,
):
    """A paper that gains in words or in meaning gains in score and never falls behind another."""

    def rank_of(texts: dict[int, float], meanings: dict[int, float]) -> tuple[int, float]:
        ranked = fuse(texts | {paper: texts.get(paper, 0.0)}, meanings, share)
        at = next(n for n, r in enumerate(ranked) if r.paper == paper)
        return at, ranked[at].score

    at, score = rank_of(text, meaning)
    better_words = text | {paper: text.get(paper, 0.0) + more_text}
    better_meaning = meaning | {paper: min(meaning.get(paper, 0.0) + more_meaning, 1.0)}
    for texts, meanings in ((better_words, meaning), (text, better_meaning)):
        new_at, new_score = rank_of(texts, meanings)
        assert new_score >= score - 1e-9
        assert new_at <= at or new_score == pytest.approx(score)


def test_a_fused_score_by_hand():
    """The score is the share of the text score over the best, and the rest of the cosine."""
    ranked = fuse({1: 8.0, 2: 4.0}, {2: 0.5, 3: 0.9, 4: -0.3}, 0.6)
    assert ranked == [
        Ranked(1, pytest.approx(0.6), 1.0, None),
        Ranked(2, pytest.approx(0.3 + 0.2), 0.5, 0.5),
        Ranked(3, pytest.approx(0.36), None, 0.9),
        Ranked(4, 0.0, None, -0.3),
    ]


@pytest.mark.parametrize(
    ("text", "meaning"), [({}, {}), ({1: 0.0}, {}), ({}, {1: 0.0}), ({1: 0.0}, {1: -1.0})]
)
def test_nothing_known_is_no_score(text: dict[int, float], meaning: dict[int, float]):
    """Scores of nothing fuse to nothing, without a division by zero."""
    assert [r.score for r in fuse(text, meaning, 0.5)] == [0.0] * len(text | meaning)


def test_words_count_for_more_in_short_queries():
    """The share changes once, after the last short length."""
    shares = [words_share(n) for n in range(SHORT_QUERY + 3)]
    assert shares == [SHARE_SHORT] * (SHORT_QUERY + 1) + [SHARE_LONG] * 2


@pytest.mark.parametrize(
    ("ranked", "title", "abstract", "expected"),
    [
        (Ranked(1, 0, 1.0, None), ["a", "b"], ["a", "c"], [
            "“a” in title and abstract", "“b” in the title", "“c” in the abstract"]),
        (Ranked(1, 0, 1.0, None), ["a", "b", "c"], [], ["“a”, “b” and “c” in the title"]),
        (Ranked(1, 0, 1.0, 0.2), ["a"], [], [
            "“a” in the title", "distantly near (0.20) in meaning"]),
        (Ranked(1, 0, 0.1, 0.4), ["a"], [], ["near (0.40) in meaning", "“a” in the title"]),
        (Ranked(1, 0, None, 0.7), [], [], ["very near (0.70) in meaning"]),
        (Ranked(1, 0, None, -0.1), [], [], []),
        (Ranked(1, 0, None, None), [], [], []),
        (Ranked(1, 0, 1.0, None), list("abcdefgh"), [], [
            "“a”, “b”, “c”, “d”, “e”, “f” and 2 more in the title"]),
    ],
)  # fmt: skip
def test_reasons(ranked: Ranked, title: list[str], abstract: list[str], expected: list[str]):
    """Each word is named once where it stands, and the weightier kind of reason comes first."""
    assert [r.text for r in reasons(ranked, title, abstract, 0.5)] == expected
