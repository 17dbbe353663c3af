"""The measures of a ranking, against values worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.search.judge import average_precision, interval, ndcg, recall, reciprocal_rank

JUDGED = {"a": 3.0, "b": 1.0, "c": 0.0, "d": 2.0, "e": -1.0}
IDEAL = 3 + 2 / log2(3) + 1 / 2

NDCG = [
    ("adb", 10, 1.0),
    ("adbce", 10, 1.0),
    ("bda", 10, (1 + 2 / log2(3) + 3 / 2) / IDEAL),
    ("xaxd", 10, (3 / log2(3) + 2 / log2(5)) / IDEAL),
    ("eabx", 10, (3 / log2(3) + 1 / 2) / IDEAL),
    ("a", 1, 1.0),
    ("da", 1, 2 / 3),
    ("ba", 2, (1 + 3 / log2(3)) / (3 + 2 / log2(3))),
    ("xyz", 10, 0.0),
    ("", 10, 0.0),
]


@pytest.mark.parametrize(("ranking", "depth", "expected"), NDCG)
def test_ndcg(ranking: str, depth: int, expected: float):
    """Gains are discounted by log2(rank + 1) and set against the best order of that depth."""
    assert ndcg(ranking, JUDGED, depth) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ranking", "depth", "expected"),
    [("abd", 100, 1.0), ("axd", 100, 2 / 3), ("xxabd", 3, 1 / 3), ("ce", 100, 0.0), ("", 9, 0.0)],
)
def test_recall(ranking: str, depth: int, expected: float):
    """Recall is the share of the relevant documents within the depth."""
    assert recall(ranking, JUDGED, depth) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ranking", "expected"),
    [
        ("abd", 1.0),
        ("xaxd", (1 / 2 + 2 / 4) / 3),
        ("axbxd", (1 + 2 / 3 + 3 / 5) / 3),
        ("ce", 0.0),
        ("", 0.0),
    ],
)
def test_average_precision(ranking: str, expected: float):
    """Precision is taken where each relevant document stands; those never found count as 0."""
    assert average_precision(ranking, JUDGED) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ranking", "depth", "expected"),
    [("a", 10, 1.0), ("xxd", 10, 1 / 3), ("cexb", 10, 1 / 4), ("xxd", 2, 0.0), ("", 10, 0.0)],
)
def test_reciprocal_rank(ranking: str, depth: int, expected: float):
    """The rank of the first relevant document counts, within the depth."""
    assert reciprocal_rank(ranking, JUDGED, depth) == pytest.approx(expected)


@pytest.mark.parametrize("judged", [{}, {"a": 0.0}, {"a": -1.0}])
def test_without_anything_relevant_all_measures_are_zero(judged: dict[str, float]):
    """A question that no document answers gives 0 everywhere, without a division by zero."""
    for measure in (ndcg, recall, average_precision, reciprocal_rank):
        assert measure(["a", "b"], judged) == 0


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(-1, 3)),
)
def test_measures_lie_between_nothing_and_all(ranking: Sequence[str], judged: dict[str, float]):
    """Every measure is from 0 to 1, and the best possible order has all of it."""
    for measure in (ndcg, recall, average_precision, reciprocal_rank):
        assert 0 <= measure(ranking, judged) <= 1 + 1e-12
    ideal = sorted(judged, key=lambda d: -judged[d])
    if any(gain > 0 for gain in judged.values()):
        for measure in (ndcg, recall, average_precision, reciprocal_rank):
            assert measure(ideal, judged) == pytest.approx(1)


# ---------------------------------------------------------------------------- intervals

_DIFFERENCES = st.lists(
    st.lists(st.floats(-1, 1, allow_nan=False), max_size=40).map(lambda v: np.array(v, float)),
    max_size=4,
)


@given(_DIFFERENCES)
def test_an_interval_holds_the_mean_of_the_sets_and_is_always_the_same(sets):
    """The difference is the mean of means, lies between the ends, and these within the values."""
    found = interval(sets)
    kept = [s for s in sets if len(s)]

    assert found.difference == pytest.approx(np.mean([s.mean() for s in kept]) if kept else 0)
    assert found.low <= found.high
    if kept:
        assert min(s.min() for s in kept) - 1e-9 <= found.low
        assert found.high <= max(s.max() for s in kept) + 1e-9
    assert interval(sets) == found


@given(st.floats(-1, 1, allow_nan=False), st.integers(1, 30))
def test_what_is_the_same_for_every_query_is_certain(value: float, size: int):
    """Without any spread between queries there is none between the ends."""
    assert interval([np.full(size, value)]) == pytest.approx((value, value, value))


def test_an_interval_is_that_of_the_normal_law_for_many_queries():
    """For 2,000 draws of one law the ends are the mean and 1.96 standard errors, nearly."""
    values = np.random.default_rng(1).normal(0.1, 1.0, 2000)
    error = values.std() / np.sqrt(len(values))
    found = interval([values])

    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_sets_count_alike_whatever_their_size():
    """A set of four queries weighs as much as one of forty."""
    assert interval([np.ones(4), np.zeros(40)]).difference == pytest.approx(0.5)
