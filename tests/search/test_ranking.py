"""Fusing two orders into one, and what scores are made of."""

from __future__ import annotations

from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.search.ranking import (
    DEEP_SPREAD,
    FEWEST_PAIRS,
    MAIN_SPREAD,
    SHARE_DEEP,
    SHARE_LONG,
    SHARE_SHORT,
    SHORT_QUERY,
    Ranked,
    blend,
    by_meaning,
    fuse,
    parts_of,
    words_share,
)

PAPERS = st.integers(1, 12)
TEXTS = st.dictionaries(PAPERS, st.floats(0, 40, width=32), max_size=10)
MEANINGS = st.dictionaries(PAPERS, st.floats(-1, 1, width=32), max_size=10)
SHARES = st.floats(0, 1)


@given(TEXTS, MEANINGS, MEANINGS, SHARES, st.randoms(use_true_random=False))
def test_the_order_of_the_input_never_shows(
    text: dict[int, float],
    meaning: dict[int, float],
    deep: dict[int, float],
    share: float,
    random: st.random,
):
    """The same candidates in any order are fused into the same order."""
    shuffled = []
    for scores in (text, meaning, deep):
        items = list(scores.items())
        random.shuffle(items)
        shuffled.append(dict(items))
    assert fuse(*shuffled, share) == fuse(text, meaning, deep, share)


@given(TEXTS, MEANINGS, MEANINGS, SHARES)
def test_every_candidate_is_ranked_once(
    text: dict[int, float], meaning: dict[int, float], deep: dict[int, float], share: float
):
    """All candidates come out, best first, ties by id, with scores from 0 to 1."""
    ranked = fuse(text, meaning, deep, share)
    assert sorted(r.paper for r in ranked) == sorted(text.keys() | meaning.keys() | deep.keys())
    assert [(-r.score, r.paper) for r in ranked] == sorted((-r.score, r.paper) for r in ranked)
    assert all(0 <= r.score <= 1 for r in ranked)
    for r in ranked:
        assert (r.words is None) is (r.paper not in text)
        assert (r.meaning is None) is (r.paper not in meaning.keys() | deep.keys())
        assert r.meaning == meaning.get(r.paper) or deep
        assert r.deep == deep.get(r.paper)
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
        ranked = fuse(texts | {paper: texts.get(paper, 0.0)}, meanings, {}, share)
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
    ranked = fuse({1: 8.0, 2: 4.0}, {2: 0.5, 3: 0.9, 4: -0.3}, {}, 0.6)
    assert ranked == [
        Ranked(1, pytest.approx(0.6), 1.0, None),
        Ranked(2, pytest.approx(0.3 + 0.2), 0.5, 0.5, 0.5),
        Ranked(3, pytest.approx(0.36), None, 0.9, 0.9),
        Ranked(4, 0.0, None, -0.3, -0.3),
    ]


@pytest.mark.parametrize(
    ("text", "meaning"), [({}, {}), ({1: 0.0}, {}), ({}, {1: 0.0}), ({1: 0.0}, {1: -1.0})]
)
def test_nothing_known_is_no_score(text: dict[int, float], meaning: dict[int, float]):
    """Scores of nothing fuse to nothing, without a division by zero."""
    assert [r.score for r in fuse(text, meaning, {}, 0.5)] == [0.0] * len(text | meaning)


# ---------------------------------------------------------------------------- the deep tier

SEEDS = st.integers(0, 10**9)


def cosines(dice: Random) -> dict[int, float]:
    """Return cosines of more papers than are needed to compare two kinds."""
    return {p: dice.uniform(-0.4, 0.9) for p in range(1, dice.randint(FEWEST_PAIRS + 5, 60))}


@given(SEEDS, st.floats(0.2, 1), st.floats(-0.3, 0.1))
def test_who_has_a_deep_vector_does_not_show(seed: int, slope: float, shift: float):
    """Where the deep cosines say what the others say, the order stays, whoever has them."""
    dice = Random(seed)
    meaning = cosines(dice)
    said = {p: slope * cosine + shift for p, cosine in meaning.items()}
    some = dice.sample(sorted(meaning), dice.randint(FEWEST_PAIRS, len(meaning)))
    blended = blend(meaning, {p: said[p] for p in some})

    assert blended == pytest.approx(said, abs=1e-9)
    order = sorted(meaning, key=lambda p: -round(blended[p], 9))
    assert order == sorted(meaning, key=lambda p: -round(meaning[p], 9))


@given(SEEDS)
def test_a_deep_vector_that_was_expected_changes_nothing(seed: int):
    """A paper that gets the deep cosine that its other one makes expect stays where it is."""
    dice = Random(seed)
    meaning = cosines(dice)
    deep = {p: dice.uniform(0.1, 0.4) for p in meaning if p > 1}
    main = [meaning[p] for p in deep]
    stretch = pstdev(deep.values()) / pstdev(main)
    expected = fmean(deep.values()) + stretch * (meaning[1] - fmean(main))
    before = blend(meaning, deep)

    assert before[1] == pytest.approx(expected)
    assert blend(meaning, deep | {1: expected}) == pytest.approx(before, abs=1e-9)


@given(MEANINGS, MEANINGS)
def test_blended_nearness_is_bounded(meaning: dict[int, float], deep: dict[int, float]):
    """Every paper that has a cosine has one number from -1 to 1, however few have both."""
    blended = blend(meaning, deep)

    assert blended.keys() == meaning.keys() | deep.keys()
    assert all(-1 <= near <= 1 for near in blended.values())
    assert blend(meaning, {}) == meaning


def test_few_pairs_are_judged_by_what_is_usual():
    """Where too few have both, a cosine counts by how such usually lie."""
    usual = DEEP_SPREAD.mean + DEEP_SPREAD.deviation

    assert blend({1: MAIN_SPREAD.mean + MAIN_SPREAD.deviation}, {2: 0.3}) == {
        1: pytest.approx(usual),
        2: 0.3,
    }
    same = dict.fromkeys(range(FEWEST_PAIRS), 0.4)
    assert blend(same, same) == pytest.approx(
        dict.fromkeys(same, 0.4 + (1 - SHARE_DEEP) * (DEEP_SPREAD.mean - MAIN_SPREAD.mean))
    )


def test_by_meaning_alone():
    """Without words the order is that of the blended nearness, which is the score."""
    ranked = by_meaning({1: 0.2, 2: 0.5, 3: -0.1, 4: 0.5}, {})

    assert [(r.paper, r.score, r.words) for r in ranked] == [
        (2, 0.5, None), (4, 0.5, None), (1, 0.2, None), (3, -0.1, None)]  # fmt: skip


def test_words_count_for_more_in_short_queries():
    """The share changes once, after the last short length."""
    shares = [words_share(n) for n in range(SHORT_QUERY + 3)]
    assert shares == [SHARE_SHORT] * (SHORT_QUERY + 1) + [SHARE_LONG] * 2


@given(TEXTS, MEANINGS, MEANINGS, SHARES)
def test_the_parts_are_those_of_the_score(
    text: dict[int, float], meaning: dict[int, float], deep: dict[int, float], share: float
):
    """Words, static and deep add up to the score; words and deep are their share of theirs."""
    for ranked in fuse(text, meaning, deep, share):
        parts = parts_of(ranked, share)
        assert sum(parts) == pytest.approx(ranked.score, abs=1e-9)
        assert parts.words == pytest.approx(share * (ranked.words or 0.0))
        if parts.static and ranked.paper in deep:
            expected = (1 - share) * SHARE_DEEP * deep[ranked.paper]
            assert parts.deep == pytest.approx(expected)
        assert parts.deep == 0 or ranked.paper in deep
    for ranked in by_meaning(meaning, deep):
        assert sum(parts_of(ranked, 0.0)) == pytest.approx(ranked.score, abs=1e-9)
