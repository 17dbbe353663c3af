"""Trending: the same list from the same observations, and every place by what was counted."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.collection.signals import Announcements, Observations
from broadsheet.editions import trending
from broadsheet.editions.trending import DAY, Ranking, Window, hot, rising

Seen = tuple[int, str, str, str, str, float]
"""Paper, kind, source, key, time seen, count."""

NOON = "2026-03-17T12:00:00Z"
AT = int(datetime.fromisoformat(NOON).timestamp())
TODAY, YESTERDAY, LAST_YEAR = "2026-03-17", "2026-03-16", "2025-03-17"
WINDOWS: tuple[Window, ...] = ("day", "week", "month", "all")


def when(days_before: float) -> str:
    """Return the time so many days before noon."""
    return datetime.fromtimestamp(AT - days_before * DAY, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def upvotes(paper: int, value: float, days_before: float = 0, source: str = "hf") -> Seen:
    """Return one observation of upvotes."""
    return paper, "upvotes", source, f"p{paper}", when(days_before), value


def stars(paper: int, value: float, days_before: float = 0, key: str = "a/b") -> Seen:
    """Return one observation of the stars of a repository."""
    return paper, "stars", "github", key, when(days_before), value


def hottest(rows: list[Seen], days: dict[int, str], at: int = AT) -> Ranking:
    """Return the papers by standing and age."""
    return hot(Observations.of(rows), Announcements.of(days), at)


def risen(rows: list[Seen], days: dict[int, str], window: Window = "day") -> Ranking:
    """Return the papers by what they gained."""
    return rising(Observations.of(rows), Announcements.of(days), AT, window)


def standing(found: Ranking, paper: int) -> float:
    """Return the standing of one paper."""
    return float(found.standings[found.papers == paper][0])


# ---------------------------------------------------------------------------- what must hold

observations = st.lists(
    st.tuples(
        st.integers(1, 9),
        st.sampled_from([("upvotes", "hf"), ("stars", "github"), ("citations", "s2"),
                         ("citations", "openalex"), ("shares", "somewhere"), ("upvotes", "here")]),
        st.sampled_from("ab"),
        st.integers(-6, 60),
        st.integers(0, 4000),
    ),
    max_size=40,
    unique_by=lambda o: o[:4],
)  # fmt: skip
announced = st.dictionaries(st.integers(1, 9), st.sampled_from([TODAY, YESTERDAY, LAST_YEAR]))


def rows_of(drawn: list[tuple[int, tuple[str, str], str, int, int]]) -> list[Seen]:
    """Return drawn observations as rows, in order of the primary key; hours before noon, by 9."""
    rows = [(p, *name, key, when(h * 9 / 24), float(v)) for p, name, key, h, v in drawn]
    return sorted(rows)


def alike(one: Ranking, other: Ranking) -> bool:
    """Return whether two rankings are the same, to the last bit and word."""
    papers = one.papers.tolist()
    return (
        papers == other.papers.tolist()
        and one.scores.tobytes() == other.scores.tobytes()
        and one.scales == other.scales
        and [one.parts(p) for p in papers] == [other.parts(p) for p in papers]
    )


@given(observations, announced, st.randoms(use_true_random=False))
def test_order_of_observations_never_matters(drawn, days, chance: random.Random):
    """Columns in any order give the same ranking, bit by bit."""
    found = Observations.of(rows_of(drawn))
    mixed = list(range(len(found.paper)))
    chance.shuffle(mixed)
    other = Observations(found.names, *(column[mixed] for column in found[1:]))
    known = Announcements.of(days)

    assert alike(hot(found, known, AT), hot(other, known, AT))
    for window in WINDOWS:
        assert alike(rising(found, known, AT, window), rising(other, known, AT, window))


@given(observations, announced)
def test_what_was_seen_later_never_matters(drawn, days):
    """A ranking of the past is the one that was: without later observations and papers."""
    rows = [*rows_of(drawn), *(upvotes(p, 5, source="hf") for p in (11, 12))]
    then = [r for r in rows if r[4] <= NOON]
    later = {11: "2026-03-18", 12: TODAY}
    names = Observations.of(rows).names
    was = Observations.of(then)
    order = [names.index(n) for n in was.names]
    was = was._replace(names=names, signal=np.array([order[s] for s in was.signal], np.int64))

    for window in WINDOWS:
        now = rising(Observations.of(rows), Announcements.of(days | later), AT, window)
        assert alike(now, rising(was, Announcements.of(days | {12: TODAY}), AT, window))
    now = hottest(rows, days | later)
    assert alike(now, hot(was, Announcements.of(days | {12: TODAY}), AT))
    assert 11 not in now.papers.tolist()
    assert 12 in now.papers.tolist()


@given(observations, announced, st.data())
def test_more_of_a_signal_never_lowers_a_paper(drawn, days, data):
    """With the scales held, a paper whose last count is higher stands no lower."""
    rows = rows_of(drawn)
    last = [i for i, r in enumerate(rows) if i + 1 == len(rows) or rows[i + 1][:4] != r[:4]]
    if not last:
        return
    chosen = data.draw(st.sampled_from(last))
    paper = rows[chosen][0]
    more = [*rows]
    more[chosen] = (*rows[chosen][:5], rows[chosen][5] + data.draw(st.integers(1, 3000)))
    known = Announcements.of(days)
    before, after = Observations.of(rows), Observations.of(more)
    for view in (hot, *(lambda o, k, t, scales, w=w: rising(o, k, t, w, scales=scales)
                        for w in WINDOWS)):  # fmt: skip
        scales = view(before, known, AT, scales=None).scales
        was, now = (view(o, known, AT, scales=scales) for o in (before, after))
        if paper in was.papers:
            assert standing(now, paper) >= standing(was, paper)
        others = [p for p in was.papers.tolist() if p != paper]
        assert [p for p in now.papers.tolist() if p != paper] == others


@given(observations, announced, st.data())
def test_another_signal_never_lowers_a_paper(drawn, days, data):
    """With the scales held, one more count of any kind, however small, is never against a paper."""
    rows = rows_of(drawn)
    if not rows:
        return
    paper, kinds = data.draw(st.sampled_from(rows))[0], ("comments", "mentions", "upvotes", "odd")
    other = (
        paper,
        data.draw(st.sampled_from(kinds)),
        "new",
        "k",
        NOON,
        data.draw(st.integers(0, 99)),
    )
    known = Announcements.of(days | {n: days.get(n, TODAY) for n in range(1, 10)})
    before, after = Observations.of(rows), Observations.of(sorted([*rows, other]))
    scales = {**hot(before, known, AT).scales, **hot(after, known, AT).scales}
    was, now = (hot(o, known, AT, scales=scales) for o in (before, after))
    if paper in was.papers:
        assert standing(now, paper) >= standing(was, paper)


@given(observations, announced)
def test_places_follow_from_their_parts(drawn, days):
    """What a list shows of a place is enough to compute its score by hand."""
    found = hottest(rows_of(drawn), days)
    for paper, score, z in zip(found.papers, found.scores, found.standings, strict=True):
        parts = found.parts(int(paper))
        weights = sum(p.weight for p in parts)
        by_hand = sum(p.weight * p.strength for p in parts) / (trending.PRIOR + weights)
        assert z == pytest.approx(by_hand, abs=1e-4)
        assert score == pytest.approx(z - found.age(int(paper)) / trending.TAU)
        assert len(found.reasons(int(paper))) == len(parts)
        assert len({p.kind for p in parts}) == len(parts)


# ---------------------------------------------------------------------------- by what rule


def test_nothing_was_seen():
    """Without observations, or without papers, nothing is listed."""
    for found in (hottest([], {}), hottest([upvotes(1, 3)], {}), risen([], {1: TODAY})):
        assert found.papers.tolist() == []
        assert found.parts(1) == ()


def test_missing_is_not_zero():
    """A paper of which nobody counts stars stands higher than one known to have none."""
    rows = [upvotes(1, 40), upvotes(2, 40), stars(2, 0)]
    found = hottest(sorted(rows), {1: TODAY, 2: TODAY})
    assert found.papers.tolist() == [1, 2]


def test_one_small_signal_is_damped():
    """Two signals of a strength say more than one of it."""
    rows = [upvotes(1, 60), upvotes(2, 60), stars(2, 2000)]
    middle = float(np.log2(2001 / 61)) + 3
    held = {
        ("upvotes", "hf"): trending.Scale(3, 1, 100, 9),
        ("stars", "github"): trending.Scale(middle, 1, 3000, 9),
    }
    found = hot(Observations.of(rows), Announcements.of({1: TODAY, 2: TODAY}), AT, scales=held)
    strength = np.log2(61) - 3
    assert standing(found, 1) == pytest.approx(strength / 2, abs=1e-4)
    assert standing(found, 2) == pytest.approx(strength * 2 / 3, abs=1e-4)


def test_scales_are_those_of_each_source():
    """Where 20 upvotes are as rare as 2,000 stars, they weigh the same."""
    chance = np.random.default_rng(7)
    counts = np.round(np.exp(chance.normal(2, 1, 600)))
    rows = [upvotes(n, c) for n, c in enumerate(counts)]
    rows += [stars(n, 100 * c) for n, c in enumerate(counts, 1000)]
    rows += [upvotes(5001, 20), stars(5002, 2000)]
    found = hottest(rows, dict.fromkeys({r[0] for r in rows}, LAST_YEAR))
    assert standing(found, 5001) == pytest.approx(standing(found, 5002), abs=0.12)


def test_hot_orders_as_announcement_plus_standing():
    """Without new signals no two papers change places, however late one looks."""
    rows = [upvotes(n, n * 7 % 50, 3) for n in range(1, 40)]
    days = {n: f"2026-03-{1 + n % 14:02}" for n in range(1, 40)}
    now, later = hottest(rows, days), hottest(rows, days, AT + 40 * DAY)
    assert now.papers.tolist() == later.papers.tolist()
    assert np.diff(now.scores).max() <= 0


def test_ties_stand_in_order_of_id():
    """Papers with the same counts and day have one order."""
    rows = [upvotes(n, 5) for n in (3, 7, 1, 5)]
    days = dict.fromkeys((1, 3, 5, 7), TODAY)
    assert hottest(rows, days).papers.tolist() == [1, 3, 5, 7]


def test_sources_that_count_the_same_are_one_signal():
    """The larger of two repositories and the stronger of two services stand for a paper."""
    rows = [
        (1, "citations", "openalex", "W1", NOON, 3.0), (1, "citations", "s2", "S1", NOON, 9.0),
        stars(1, 5, key="a/fork"), stars(1, 70, key="a/main"),
    ]  # fmt: skip
    found = hottest(rows, {1: LAST_YEAR})
    assert found.reasons(1) == ("70 stars", "9 citations") or found.reasons(1) == (
        "9 citations", "70 stars",
    )  # fmt: skip


def test_what_is_gained_in_a_window():
    """New papers begin with nothing, old ones with what was seen before the window."""
    rows = [
        upvotes(1, 38),
        upvotes(2, 100, 30), upvotes(2, 160, 7), upvotes(2, 164, 1), upvotes(2, 204),
        stars(3, 50, 2), stars(3, 57), stars(4, 50, 0.4), stars(4, 90), stars(5, 50, 90),
        stars(6, 8, 3), stars(6, 8),
    ]  # fmt: skip
    days = dict.fromkeys(range(1, 7), LAST_YEAR) | {1: YESTERDAY}
    day, week = risen(rows, days), risen(rows, days, "week")
    whole = risen(rows, days, "all")

    assert {p: day.reasons(p) for p in sorted(day.papers.tolist())} == {
        2: ("204 upvotes (+40 today)",),
        3: ("57 stars (about +4 today)",),
        4: ("90 stars (+40 since first seen)",),
    }
    assert week.reasons(1) == ("38 upvotes in 2 days",)
    assert week.reasons(2) == ("204 upvotes (+44 this week)",)
    assert week.papers.tolist()[0] in (1, 2)
    assert 5 not in week.papers.tolist()
    assert 6 not in week.papers.tolist()
    assert whole.papers.tolist()[0] == 2
    assert whole.reasons(5) == ("50 stars",)


def test_what_readers_do_here_is_seen_at_once():
    """Before the first vote there was none, and between two votes nothing changed unseen."""
    days = {1: "2026-03-10", 2: "2026-03-10", 3: "2026-03-10"}
    first = upvotes(1, 1, 0.1, "here")
    slow = [upvotes(2, 4, 5, "here"), upvotes(2, 6, 0.1, "here")]
    elsewhere = upvotes(3, 1, 0.1, "hf")
    found = risen([first, *slow, elsewhere], days)

    assert found.papers.tolist() == [2, 1]
    assert [p.gained for p in (*found.parts(2), *found.parts(1))] == [2, 1]
    assert found.reasons(1) == ("1 upvote in 8 days (+1 today)",)


def test_bursts_count_up_to_a_cap_and_it_is_said():
    """What nobody gains in a day counts only in part, in both views."""
    rows = [stars(1, 10, 2), stars(1, 1910, 1), stars(2, 10, 2), stars(2, 60, 1)]
    days = {1: LAST_YEAR, 2: LAST_YEAR}
    found = hottest(rows, days)
    told = "1,910 stars, +1,900 in a day counted as 200"
    assert found.reasons(1) == (told,)
    assert found.parts(1)[0].burst == (1900, 1, 200)
    assert found.reasons(2) == ("60 stars",)
    weekly = risen(rows, days, "week")
    assert weekly.parts(1)[0].gained == 200
    back = hottest([*rows[:2], stars(1, 110), *rows[2:]], days)
    assert back.reasons(1) == ("110 stars",)
    assert back.scales["stars", "github"].cap == 200
    # 1,910 counted as 210; of the 1,800 that went, 1,700 had never counted.
    held = back.scales["stars", "github"]
    assert back.parts(1)[0].strength == pytest.approx((np.log2(111) - held.middle) / held.spread)


def test_what_was_gathered_unseen_is_no_burst():
    """A first count is cut only where the paper is so new that it tells of a few days."""
    rows = [stars(1, 90_000), stars(2, 90_000)]
    found = hottest(rows, {1: LAST_YEAR, 2: YESTERDAY})
    assert found.reasons(1) == ("90,000 stars",)
    assert found.reasons(2) == ("90,000 stars, +90,000 in 2 days counted as 400",)


def test_a_cap_is_learned_from_what_is_usual():
    """Where a thousand a day are usual, a thousand count, and the greatest sets no cap."""
    rows = [row for n in range(1, 60) for row in (stars(n, 5, 2), stars(n, 905 + n, 1))]
    rows[-1] = stars(59, 1_000_000, 1)
    found = hottest(rows, dict.fromkeys(range(1, 60), LAST_YEAR))
    assert 2700 < found.scales["stars", "github"].cap < 3000
    assert [p for p in found.papers.tolist() if found.parts(p)[0].burst] == [59]


# ---------------------------------------------------------------------------- as documented


def test_the_document_tells_the_formula_as_it_is():
    """The table, the constants and the example in docs/trending.md are those of the code."""
    told = (Path(__file__).parents[2] / "docs" / "trending.md").read_text(encoding="utf-8")
    for name, kind in {**trending.KINDS, "anything else": trending.OTHER}.items():
        assert f"| {name} | " + " | ".join(f"{n:g}" for n in kind) + " |" in told
    assert (trending.TAU, trending.PRIOR, trending.PSEUDO) == (2, 1, 20)
    assert (trending.LEAST_SPREAD, trending.CAP_TIMES) == (1, 3)
    assert f"gains over more than {trending.WATCHED} days" in told
    assert f"fewer than {trending.CAP_LEAST} gains" in told
    assert list(trending.DAYS.values()) == [1, 7, 30]


def test_the_page_tells_the_same_formula():
    """The paragraph below a list has the constants of the code, in words."""
    folder = Path(trending.__file__).parents[1] / "web" / "templates"
    told = (folder / "trending.html").read_text(encoding="utf-8")
    assert "Half a unit is taken off for each day" in told
    assert "the mean of the strongest of these and one ordinary paper" in told
    assert (1 / trending.TAU, trending.PRIOR) == (0.5, 1)


def test_the_example_of_the_document_is_right():
    """A place that was computed by hand is what the code computes."""
    rows = [upvotes(1, 38), stars(1, 212), (1, "citations", "s2", "S1", NOON, 3.0)]
    scales = {
        ("upvotes", "hf"): trending.Scale(3.2, 1.4, 100, 9),
        ("stars", "github"): trending.Scale(5, 2.3, 200, 9),
        ("citations", "s2"): trending.Scale(1, 1.8, 50, 9),
    }
    found = hot(Observations.of(rows), Announcements.of({1: YESTERDAY}), AT, scales=scales)
    assert [round(p.strength, 3) for p in found.parts(1)] == [1.490, 1.189, 0.556]
    assert [p.weight for p in found.parts(1)] == [1, 1, 0]
    assert found.standings.round(3).tolist() == [0.893]
    assert found.scores.round(3).tolist() == [0.143]
