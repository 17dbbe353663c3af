"""`bench --trending`: how fast what is trending is ranked, in a record with invented counts.

Every paper was counted twice by one of three sources, in the days after its announcement; the days
spread evenly over ten years. No paper has a text, for no list reads one that it does not show.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from broadsheet.collection import schema, signals
from broadsheet.collection.database import Database
from broadsheet.collection.signals import Observed
from broadsheet.editions.trending_list import TrendingLists
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.measure.quality import Show
from broadsheet.measure.speed import Row
from broadsheet.papers.types import PaperId

NEW: Final = 1000
"""So many counts are new before a list is asked for again."""
_SHOWN: Final = 500
_SEED: Final = 20260317
_STEP: Final = 50_000
_RANKED_S: Final = 10
_NOW: Final = datetime(2026, 5, 1, 8, tzinfo=UTC)
_NAMES: Final = (("upvotes", "hf"), ("stars", "github"), ("citations", "openalex"))
_DAYS: Final = 3650


def bench(papers: int, progress: Show) -> dict[str, Any]:
    """Return the table for a record of `papers` papers with two observations each."""
    with TemporaryDirectory(prefix="broadsheet-bench-") as scratch:
        home = Path(scratch)
        with Database(home / "broadsheet.db") as database:
            _write(database, papers, progress)
        with open_library(home) as library:
            rows = _rows(library, papers, progress)
    text = f"{2 * papers:,} invented observations"
    return {"papers": papers, "read": papers, "text": text, "rows": [r._asdict() for r in rows]}


# ---------------------------------------------------------------------------- a record


def _write(database: Database, papers: int, progress: Show) -> None:
    rng = np.random.default_rng(_SEED)
    announced = np.sort(rng.integers(0, _DAYS, papers)) - _DAYS
    days = np.datetime64(_NOW.date()) + announced.astype("timedelta64[D]")
    for first in range(0, papers, _STEP):
        part = days[first : first + _STEP]
        with database.write() as connection:
            _insert(connection, schema.papers, _papers(first, part.astype(str).tolist()))
            _insert(connection, schema.signals, _counts(first, part, rng))
        progress("papers", first + len(part), papers, first + len(part))


def _insert(connection: Any, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    connection.execute(table.insert(), list(rows))


def _papers(first: int, days: list[str]) -> Iterator[dict[str, Any]]:
    empty = dict.fromkeys(("abstract", "summary", "venue", "comment"), "")
    none = dict.fromkeys(
        ("authors", "categories", "keywords", "links", "sources", "external_ids"), "[]"
    )
    for number, day in enumerate(days, first + 1):
        yield empty | none | {
            "id": number, "title": f"Paper {number}", "day": day, "announced": day,
            "withdrawn": False, "first_seen": f"{day}T00:00:00Z", "edition": day,
            "basis": "announced",
        }  # fmt: skip


def _counts(first: int, days: Any, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    size = len(days)
    early = days.astype("datetime64[s]") + rng.integers(3600, 86_400, size)
    late = early + rng.integers(1, 20, size) * 86_400
    value = np.floor(np.exp(rng.normal(1.5, 1.5, size)))
    more = value + np.floor(np.exp(rng.normal(0, 1.5, size)))
    names = rng.integers(0, len(_NAMES), size).tolist()
    for seen, counted in ((early, value), (late, more)):
        times = np.datetime_as_string(seen, unit="s").tolist()
        for n, (name, at, count) in enumerate(zip(names, times, counted.tolist(), strict=True)):
            kind, source = _NAMES[name]
            yield Observed(
                PaperId(first + n + 1), kind, source, f"k{first + n}", f"{at}Z", count
            )._asdict()


# ---------------------------------------------------------------------------- rows


def _rows(library: Library, papers: int, progress: Show) -> list[Row]:
    lists = TrendingLists(library.database, library.index)
    later, some = _NOW + timedelta(minutes=5), range(papers - min(papers, _SHOWN) + 1, papers + 1)
    steps: list[tuple[str, Callable[[], object], float | None]] = [
        ("first list of a process: all read, learned, ranked", _hot(lists, _NOW), None),
        ("the same list again", _hot(lists, _NOW), None),
        ("a list five minutes later", _hot(lists, later), None),
        (f"a list after {NEW:,} new counts", _hot(lists, later), None),
        ("a list as of another day: all learned and ranked anew",
         _hot(lists, _NOW - timedelta(days=30)), _RANKED_S),
        ("and as of now: all ranked anew", _hot(lists, later), _RANKED_S),
        ("rising in a week, first", lambda: lists.trending("rising", "week", later), None),
        ("rising in a week, again", lambda: lists.trending("rising", "week", later), None),
        (f"standings of {len(some):,} papers with their parts",
         lambda: lists.standings(some, later), None),
        ("whether anything is new", lists.stamp, None),
    ]  # fmt: skip
    rows = [_read_row(library)]
    for done, (what, call, budget) in enumerate(steps, 1):
        if "new counts" in what:
            _note_new(library, papers)
        rows.append(_timed(what, call, budget))
        progress("lists", done, len(steps), done)
    return rows


def _read_row(library: Library) -> Row:
    size = 0

    def read() -> None:
        nonlocal size
        with library.database.read() as connection:
            observed = signals.observations(connection)
            announced = signals.announcements(connection)
        size = sum(column.nbytes for column in (*observed[1:], *announced))

    took, cpu = _took(read)
    what = f"columns read from the record, {size / 1e6:,.0f} MB"
    return Row(what, f"{_said(took)}, {_said(cpu)} of CPU", "", None)


def _hot(lists: TrendingLists, at: datetime) -> Callable[[], object]:
    return lambda: lists.trending("hot", "all", at)


def _note_new(library: Library, papers: int) -> None:
    """Note new counts of papers all over the record."""
    numbers = np.random.default_rng(_SEED).integers(1, papers + 1, NEW).tolist()
    seen = _NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    with library.database.write() as connection:
        found = (Observed(PaperId(p), "upvotes", "hf", f"k{p - 1}", seen, 99.0) for p in numbers)
        signals.note(connection, found)


def _timed(what: str, call: Callable[[], object], budget: float | None) -> Row:
    took, cpu = _took(call)
    is_ok = None if budget is None else cpu <= budget
    told = "" if budget is None else f"{budget:g} s of CPU"
    return Row(what, f"{_said(took)}, {_said(cpu)} of CPU", told, is_ok)


def _took(call: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that something took, and those of the processor, which has others."""
    began, used = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - used


def _said(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"
