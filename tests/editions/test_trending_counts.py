"""Columns that follow the record: always what reading everything anew would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy2
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, update

from broadsheet.collection import decisions, papers, schema, signals
from broadsheet.collection.database import Database
from broadsheet.collection.signals import Observed
from broadsheet.editions import trending, trending_counts
from broadsheet.editions.trending import DAY, Ranking, Window
from broadsheet.editions.trending_counts import Counts
from broadsheet.errors import DecisionError, NotFoundError
from broadsheet.papers.types import PaperId, Record

NOW = "2026-03-17T06:30:00Z"
AT = int(datetime(2026, 3, 17, 12, tzinfo=UTC).timestamp())
WORDS = ("tides", "reefs", "glass", "sand", "moths", "kelp")
PAPERS = [
    Record("hf", f"k{n}", f"A study of {word} and what they do", authors=(f"Ada {word.title()}",),
           announced=f"2026-03-{12 + n}")
    for n, word in enumerate(WORDS)
]  # fmt: skip
WINDOWS: tuple[Window, ...] = ("day", "week", "month", "all")


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a record of six papers of which nothing was counted."""
    path = tmp_path_factory.mktemp("six") / "broadsheet.db"
    with Database(path) as database, database.write() as connection:
        papers.file(connection, PAPERS, NOW)
    return path


@contextmanager
def copied(path: Path) -> Iterator[Database]:
    """Give a copy of a record."""
    with (
        TemporaryDirectory(prefix="broadsheet-") as folder,
        Database(Path(copy2(path, folder))) as database,
    ):
        yield database


def when(hours: float) -> str:
    """Return a time so many hours before noon."""
    return datetime.fromtimestamp(AT - hours * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def upvotes(paper: int, value: float, hours: float = 0, source: str = "hf") -> Observed:
    """Return an observation of a paper's own record."""
    key = f"p{paper}" if source == "here" else f"k{paper - 1}"
    return Observed(PaperId(paper), "upvotes", source, key, when(hours), value)


# ---------------------------------------------------------------------------- what happens

Happening = Callable[[Connection], object]
ids = st.integers(1, len(WORDS))
hours = st.one_of(st.integers(0, 30), st.integers(30, 900)).map(float)
counts = st.integers(0, 900).map(float)


@st.composite
def notes(draw: Any) -> Happening:
    """Note a few counts of any time, of one source or another."""
    kind = draw(st.sampled_from(["upvotes", "stars", "citations"]))
    found = draw(st.lists(st.tuples(ids, counts, hours), min_size=1, max_size=4))
    rows = [upvotes(p, v, h)._replace(kind=kind) for p, v, h in found]
    return lambda c: signals.note(c, rows)


@st.composite
def votes(draw: Any) -> Happening:
    """Vote within the second of another vote: the row is there, and its value changes."""
    row = upvotes(draw(ids), 1, draw(st.sampled_from([0.0, 1.0])), "here")
    value = draw(counts)

    def vote(connection: Connection) -> None:
        signals.note(connection, [row])
        table = schema.signals.c
        same = (
            (table.paper_id == row.paper_id) & (table.source == "here") & (table.seen == row.seen)
        )
        connection.execute(update(schema.signals).where(same).values(value=value))

    return vote


@st.composite
def joins(draw: Any) -> Happening:
    """Make two papers one."""
    one, other = draw(st.tuples(ids, ids))

    def join(connection: Connection) -> None:
        with suppress(DecisionError, NotFoundError):
            one_now, other_now = (papers.resolve(connection, f"p{p}") for p in (one, other))
            decisions.merge(connection, one_now, other_now, NOW, "")

    return join


def parts(connection: Connection) -> None:
    """Take the newest decision back that can be."""
    for decision in decisions.recent(connection, 5):
        with suppress(DecisionError):
            decisions.undo(connection, decision.id, NOW)
            return


@st.composite
def moves(draw: Any) -> Happening:
    """Announce a paper on another day than was thought."""
    number, day = draw(st.integers(0, len(WORDS) - 1)), draw(st.integers(1, 18))
    moved = replace(PAPERS[number], announced=f"2026-03-{day:02}")
    return lambda c: papers.file(c, [moved], NOW)


happenings = st.one_of(notes(), notes(), votes(), joins(), st.just(parts), moves())


# ---------------------------------------------------------------------------- and what is seen


def said(found: Ranking) -> list[Any]:
    """Return a ranking with all its parts."""
    return [
        (paper, score, z, found.parts(paper), found.age(paper))
        for paper, score, z in zip(
            found.papers.tolist(), found.scores.tolist(), found.standings.tolist(), strict=True
        )
    ]


def everything(counts: Counts, at: int) -> list[Any]:
    """Return all that can be asked of counts as of a time."""
    standings = counts.standings(at)
    return [
        *(column.tolist() for column in standings),
        said(counts.hot(standings.paper, at)),
        *(said(counts.rising(at, window)) for window in WINDOWS),
    ]


@given(st.lists(st.tuples(happenings, st.integers(-30, 900)), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None)
def test_following_is_reading_anew(six: Path, drawn: list[tuple[Happening, int]]):
    """After any notes, votes, merges, undoings and other days, at any time: the same to the bit."""
    with copied(six) as database:
        following = Counts(database)
        for happen, hours in drawn:
            at = AT - hours * 3600
            with database.write() as connection:
                happen(connection)
            for moment in (at, at - 7200, at + 7200):
                assert everything(following, moment) == everything(Counts(database), moment)


@given(st.lists(notes(), min_size=1, max_size=4), st.integers(0, 200))
@settings(max_examples=15, deadline=None)
def test_papers_by_themselves_stand_as_among_all(six: Path, drawn: list[Happening], hours: int):
    """The formula's own lists of everything, with that day's scales, are the same to the bit."""
    at = AT - hours * 3600
    with copied(six) as database:
        with database.write() as connection:
            for happen in drawn:
                happen(connection)
        with database.read() as connection:
            observed = signals.observations(connection)
            known = signals.announcements(connection)
        counts = Counts(database)
        midnight = at // DAY * DAY
        scales = trending.hot(observed, known, midnight).scales
        found = trending.hot(observed, known, at, scales=scales)
        assert sorted(said(counts.hot(np.arange(1, 7), at))) == sorted(said(found))
        for window in WINDOWS:
            scales = trending.rising(observed, known, midnight, window).scales
            whole = trending.rising(observed, known, at, window, scales=scales)
            assert said(counts.rising(at, window)) == said(whole)


def test_a_change_reads_its_papers_alone(six: Path, monkeypatch: pytest.MonkeyPatch):
    """What is read after a new count is that paper; a paper without counts is not looked at."""
    asked: list[Any] = []
    read = signals.observations

    def noted(connection: Connection, papers: Any = None) -> signals.Observations:
        asked.append(None if papers is None else papers.tolist())
        return read(connection, papers)

    monkeypatch.setattr(trending_counts.signals, "observations", noted)
    with copied(six) as database:
        counts = Counts(database)
        with database.write() as connection:
            signals.note(connection, [upvotes(1, 5), upvotes(2, 7)])
        counts.standings(AT)
        with database.write() as connection:
            signals.note(connection, [upvotes(2, 9, -1)])
            papers.file(connection, [replace(PAPERS[4], announced="2026-03-02")], NOW)
        counts.standings(AT)
        counts.standings(AT + 60)
        assert asked == [None, [2]]
        monkeypatch.setattr(trending_counts, "MANY", 0)
        with database.write() as connection:
            signals.note(connection, [upvotes(3, 9)])
        assert counts.standings(AT).paper.tolist() == [1, 2, 3]
        assert asked == [None, [2], None]


def test_a_stamp_tells_of_every_change(six: Path):
    """A count, a vote within the same second, a merge: another stamp; reading changes nothing."""
    with copied(six) as database:
        counts = Counts(database)
        stamps = [counts.stamp()]
        row = schema.signals.c.paper_id == 1
        for change in (
            lambda c: signals.note(c, [upvotes(1, 1, source="here")]),
            lambda c: c.execute(update(schema.signals).where(row).values(value=2)),
            lambda c: c.execute(update(schema.signals).where(row).values(value=2)),
            lambda c: decisions.merge(c, 1, 2, NOW, ""),
            lambda c: c.execute(schema.signals.delete()),
        ):
            with database.write() as connection:
                change(connection)
            assert everything(counts, AT)
            stamps.append(counts.stamp())
            assert counts.stamp() == stamps[-1]
        assert len(set(stamps)) == len(stamps)
