"""Lists of what is trending in a real collection, now and at times past."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from broadsheet import wire
from broadsheet.collection import signals
from broadsheet.collection.signals import Observed
from broadsheet.editions import trending_list
from broadsheet.editions.trending_list import TrendingLists, read_moment
from broadsheet.errors import QueryError
from broadsheet.library import Library
from broadsheet.papers.types import PaperId, Record
from broadsheet.web import forms
from broadsheet.web.app import create_app
from processes import answer, broadsheet

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
TIDES = Record("arxiv", "1", "Lunar nets for harbour tides", announced="2026-03-16",
               categories=("cs.LG",))  # fmt: skip
REEFS = Record("arxiv", "2", "Counting coral reefs from orbit", announced="2026-03-17",
               categories=("cs.CV",))  # fmt: skip
GLASS = Record("arxiv", "3", "Why old window glass flows", submitted="2019-05",
               categories=("cs.CV",))  # fmt: skip
SEEN = [
    (1, "upvotes", "2026-03-16T20:00:00Z", 10), (1, "upvotes", "2026-03-17T08:00:00Z", 38),
    (2, "upvotes", "2026-03-17T08:00:00Z", 60), (2, "upvotes", "2026-03-17T18:00:00Z", 90),
    (3, "stars", "2026-03-10T08:00:00Z", 148), (3, "stars", "2026-03-17T11:00:00Z", 212),
]  # fmt: skip


@pytest.fixture
def counted(library: Library) -> Library:
    """Give a collection of four papers, of three of which something was counted."""
    records = [TIDES, REEFS, GLASS, replace(TIDES, key="4", title="Nobody counts sand")]
    for _ in library.file(records, source="invented", counts=Counter()):
        pass
    library.sync()
    with library.database.write() as connection:
        signals.note(connection, [Observed(PaperId(p), k, "hf", str(p), s, v)
                                  for p, k, s, v in SEEN])  # fmt: skip
    return library


def test_each_place_shows_its_parts(counted: Library):
    """Papers with signals are listed with reasons, nothing else is."""
    found = counted.trending(at=NOON)
    assert [p.paper.id for p in found.places] == [2, 1, 3]
    assert found.total == 3
    assert found.places[0].reasons == ("60 upvotes in a day",)
    assert found.places[1].reasons == ("38 upvotes in 2 days (+28 today)",)
    assert found.places[2].age == pytest.approx(
        (NOON - datetime(2019, 5, 1, tzinfo=UTC)).days + 0.5
    )
    rising = counted.trending("rising", window="week", at=NOON)
    assert rising.places[-1].reasons == ("212 stars (+64 this week)",)


def test_a_list_of_the_past_is_as_it_was(counted: Library):
    """Counts that were seen later, and papers announced later, are not in it."""
    assert [p.paper.id for p in counted.trending(at=NOON - timedelta(days=1)).places] == [3]
    evening = counted.trending(at=NOON - timedelta(hours=14))
    assert [p.paper.id for p in evening.places] == [1, 3]
    assert evening.places[0].reasons == ("10 upvotes in a day",)
    assert evening == counted.trending(at=NOON - timedelta(hours=14))


def test_a_list_is_narrowed_by_a_query(counted: Library):
    """The order and the scales stay those of the whole."""
    whole, found = counted.trending(at=NOON), counted.trending(at=NOON, query="cat:cs.CV")
    assert [p.paper.id for p in found.places] == [2, 3]
    assert found.scales == whole.scales
    assert [p.paper.id for p in counted.trending(at=NOON, query="coral orbit").places] == [2]
    assert counted.trending(at=NOON, query="cat:cs.CV", limit=1).total == 2
    with pytest.raises(QueryError, match="this list has its own"):
        counted.trending(query="sort:date")


def test_a_query_may_match_more_than_are_asked_about(
    counted: Library, monkeypatch: pytest.MonkeyPatch
):
    """Many papers are matched as a whole, with the same list of a category or of words."""
    queries = ("cat:cs.CV", "coral orbit", "cat:cs.CV -glass", "cat:math.AG")
    few = [counted.trending(at=NOON, query=q) for q in queries]
    monkeypatch.setattr(trending_list, "_FEW", 0)
    assert [counted.trending(at=NOON, query=q) for q in queries] == few
    assert [f.total for f in few] == [2, 1, 1, 0]


def test_standings_are_those_of_the_lists(counted: Library):
    """Editions ask for papers of theirs; what nobody counted has no standing."""
    lists = TrendingLists(counted.database, counted.index)
    stamp = lists.stamp()
    found = lists.standings([4, 1, 2, 99], NOON)
    places = {p.paper.id: p for p in counted.trending(at=NOON).places}
    assert found == {
        n: (places[PaperId(n)].score, places[PaperId(n)].standing, places[PaperId(n)].reasons)
        for n in (1, 2)
    }
    assert lists.standings([], NOON) == {}
    assert lists.stamp() == stamp
    with counted.database.write() as connection:
        signals.note(connection, [Observed(PaperId(4), "stars", "hf", "4", when(NOON), 7)])
    assert lists.stamp() != stamp
    assert lists.standings([4], NOON)[4].reasons == ("7 stars",)


def when(at: datetime) -> str:
    """Return a time as it is kept."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@given(st.lists(st.integers(0, 5)), st.integers(1, 30))
def test_the_first_papers_are_those_of_the_whole_order(drawn: list[int], limit: int):
    """However many have equal scores, the first ones stand in order of score and id."""
    ids, scores = np.arange(len(drawn)), np.array(drawn, np.float64)
    whole = ids[np.lexsort((ids, -scores))]
    assert trending_list._first(ids, scores, limit).tolist() == whole[:limit].tolist()


def test_what_was_counted_is_read_as_columns(counted: Library):
    """All papers or some, in order of the primary key."""
    with counted.database.read() as connection:
        whole = signals.observations(connection)
        some = signals.observations(connection, np.array([1, 3]))
        days = signals.announcements(connection)
        own = signals.announcements(connection, np.array([1, 4]))
    assert whole.names == (("upvotes", "hf"), ("stars", "hf"))
    assert whole.paper.tolist() == [1, 1, 2, 2, 3, 3]
    assert np.diff(whole.series).tolist() == [0, 1, 0, 1, 0]
    assert whole.value.tolist() == [10, 38, 60, 90, 148, 212]
    assert some.paper.tolist() == [1, 1, 3, 3]
    assert sum(column.itemsize for column in whole[1:]) == 22
    assert datetime.fromtimestamp(int(whole.seen[0]), UTC).hour == 20
    assert days.paper.tolist() == [1, 2, 3, 4]
    assert own.paper.tolist() == [1, 4]
    assert days.day[1] - days.day[0] == 1


@pytest.mark.parametrize(
    ("more", "day"),
    [
        ({"announced": "2026-03-12", "submitted": "2026-03-10"}, "2026-03-12"),
        ({"submitted": "2026-03-10", "published": "2026-03-14"}, "2026-03-10"),
        ({"published": "2026-02"}, "2026-02-01"),
        ({"year": 2016}, "2016-01-01"),
        ({"year": 16}, "2026-03-17"),
        ({"published": "2026-11"}, "2026-03-17"),
        ({}, "2026-03-17"),
    ],
)
def test_since_when_a_paper_is_known(library: Library, more: dict[str, Any], day: str):
    """The day of a listing, else the first that it can have been out, never after it was filed."""
    for _ in library.file([Record("a", "1", "Sand", **more)], source="a", counts=Counter()):
        pass
    with library.database.read() as connection:
        found = signals.announcements(connection, np.array([1]))
    assert date(1970, 1, 1) + timedelta(int(found.day[0])) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T08:00Z", datetime(2026, 5, 1, 8, tzinfo=UTC)),
        ("2026-05-01T08:00+02:00", datetime(2026, 5, 1, 6, tzinfo=UTC)),
        ("2026-05-01T08:00", datetime(2026, 5, 1, 8, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_moments_are_read(text: str, moment: datetime):
    """A zone counts, none is UTC, and a day is its end."""
    assert read_moment(text) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "9999-12-31T23:00-09:00"])
def test_what_is_no_moment_is_refused(text: str):
    """It is told how a moment is written."""
    with pytest.raises(QueryError, match="not a moment"):
        read_moment(text)


def test_programs_get_what_the_library_finds(counted: Library):
    """The API gives the form that it promises, and says what is wrong with a moment."""
    client = TestClient(create_app(counted))
    found = client.get("/api/trending?view=rising&window=week&at=2026-03-17T12:00Z&q=cat:cs.CV")
    expected = counted.trending("rising", window="week", at=NOON, query="cat:cs.CV")
    assert found.json() == wire.trending(expected)
    forms.TrendingForm.model_validate(found.json())
    assert client.get("/api/trending?at=soon").status_code == 400
    assert client.get("/api/trending?view=best").status_code == 400


def test_the_command_prints_what_the_library_finds(counted: Library, home: Path):
    """For people a line of reasons, for programs all that a place is recomputed from."""
    expected = wire.trending(counted.trending(at=NOON, query="cat:cs.CV"))
    counted.close()
    words = ("--home", home, "trending", "--at", "2026-03-17T12:00Z", "cat:cs.CV")
    told = broadsheet(*words)

    assert told.returncode == 0, told.stderr
    text = told.stdout.decode()
    assert "Hot at 2026-03-17 12:00 UTC" in text
    assert "60 upvotes in a day" in text
    assert answer(*words) == expected
    rising = answer("--home", home, "trending", "--view", "rising", "--window", "month",
                    "--at", "2026-03-17", "-n", 1)  # fmt: skip
    assert (rising["view"], rising["window"], len(rising["papers"])) == ("rising", "month", 1)
    signal = rising["papers"][0]["signals"][0]
    assert {"kind", "source", "value", "gained", "began", "burst", "strength", "weight"} == set(
        signal
    )
    assert broadsheet("--home", home, "trending", "--at", "soon").returncode == 2
