"""Counts in files that are imported: observations of the time that the file says, or none."""

from __future__ import annotations

import lzma
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from broadsheet.collection import signals
from broadsheet.collection.database import Database
from broadsheet.errors import RecordError
from broadsheet.papers.types import Record, Signal
from broadsheet.sources import jsonl
from loopback import FakeTime
from newsrooms import Invented, Shelf, e_print, opened
from processes import answer, broadsheet
from shared_data import SHARED, needs_shared

LISTED = {
    "arxiv_id": "2603.00001", "title": "Lunar nets for harbour tides", "source": "hf",
    "date": "2026-03-16", "upvotes": 12, "comments": 3, "stars": 40,
    "snapshot_at": "2026-03-16T22:30:00.250+08:00",
}  # fmt: skip
LATER = LISTED | {"upvotes": 31, "snapshot_at": "2026-03-17T14:30:00Z"}
UNTIMED = {"arxiv_id": "2603.00002", "title": "Counting coral reefs", "source": "hf",
           "upvotes": 900, "citations": 70}  # fmt: skip


def read(**fields: Any) -> Record:
    """Return the record of one object with these fields."""
    return jsonl.to_record({"title": "Sand"} | fields, name="a.jsonl", line=1)


def imported(home: Path, *rows: dict[str, Any]) -> None:
    """Import rows as a file of JSON Lines."""
    file = home.parent / f"{len(list(home.parent.iterdir()))}.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    told = broadsheet("--home", home, "import", file)
    assert told.returncode == 0, told.stderr


def test_counts_of_a_file_are_observations(home: Path):
    """Each is of the moment that its line says; the list of any moment is made of them."""
    imported(home, LISTED, UNTIMED)
    imported(home, LATER)
    at = ("--home", home, "trending", "--at", "2026-03-17T15:00Z")
    first = answer("--home", home, "trending", "--at", "2026-03-16T15:00Z")["papers"]
    now = answer(*at)["papers"]

    assert [p["title"] for p in first] == [p["title"] for p in now] == [LISTED["title"]]
    assert {s["kind"]: s["value"] for s in first[0]["signals"]} == {
        "upvotes": 12, "comments": 3, "stars": 40,
    }  # fmt: skip
    assert "31 upvotes in 2 days (+19 today)" in now[0]["reasons"]
    assert answer("--home", home, "trending", "--at", "2026-03-16T14:00Z")["papers"] == []
    with Database(home / "broadsheet.db") as database, database.read() as connection:
        found = signals.of_paper(connection, 1)
    assert {(o.source, o.key) for o in found} == {("hf", found[0].key)}
    assert sorted({o.seen for o in found}) == ["2026-03-16T14:30:00Z", "2026-03-17T14:30:00Z"]


def test_importing_again_counts_nothing_twice(home: Path):
    """The same file changes neither the record nor the list."""
    imported(home, LISTED)
    before = answer("--home", home, "trending", "--at", "2026-03-17T15:00Z")
    imported(home, LISTED)
    assert answer("--home", home, "trending", "--at", "2026-03-17T15:00Z") == before


def test_what_is_no_count_is_none():
    """Neither words nor truths, negative or broken numbers are counts, and a zero is one."""
    found = read(
        seen_at="2026-03-17", upvotes="12", stars=-1, comments=True, citations=2.5,
        citationCount=7.0, linked_models=0,
    )  # fmt: skip
    assert found.signals == (
        Signal("citations", 7, "2026-03-17T23:59:59Z"),
        Signal("linked_models", 0, "2026-03-17T23:59:59Z"),
    )
    assert found.extra["upvotes"] == "12"


@pytest.mark.parametrize("seen", [None, 17, "", "yesterday", "2026-03", "2026-13-01T00:00:00Z",
                                  "1969-12-31", "9999-12-31T23:00:00-09:00", "2" * 99])  # fmt: skip
def test_no_time_is_invented(seen: Any):
    """Counts of a time that nobody can read are kept with the record alone."""
    found = read(upvotes=3, snapshot_at=seen)
    assert found.signals == ()
    assert found.extra["upvotes"] == 3


def test_names_of_counts_are_documented():
    """docs/import.md names every field that is read as a count or as its time."""
    told = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
    for names in (*jsonl.COUNTS.values(), jsonl.TIMES):
        assert all(f"`{name}`" in told for name in names)


def test_a_harvest_of_feeds_counts_mentions(home: Path):
    """What two feeds tell of is mentioned twice, as of the time of the harvest."""
    told = replace(e_print(1, signals=()), source=signals.FEED)
    records = [replace(told, key=key) for key in ("11111111:a", "22222222:a", "22222222:b")]
    time = FakeTime(datetime(2026, 3, 17, 6, 30, tzinfo=UTC))
    Invented.shelf = Shelf({"one": [list(records)]})
    try:
        with opened(home, {"invented": {"enabled": True}}, time, more={"invented": Invented}) as it:
            it.newsroom.harvest("invented")
            found = it.trending(at=time.now()).places
    finally:
        Invented.shelf = Shelf()
    assert [place.reasons for place in found] == [("2 mentions in a day",)]


@needs_shared
@pytest.mark.corpus
def test_the_list_of_a_real_day_is_in_order_of_what_it_counted(home: Path, tmp_path: Path):
    """Two weeks of Hugging Face's lists, as they were seen, are trending where they were listed."""
    assert SHARED
    with lzma.open(SHARED / "corpus" / "hf_daily.jsonl.xz") as lines:
        rows = [orjson.loads(line) for line in islice(lines, 300)]
    imported(home, *rows)
    counted = [r for r in rows if not isinstance(_read(r), RecordError)]
    last = max(r["snapshot_at"] for r in counted)
    found = answer("--home", home, "trending", "--at", last, "-n", 300)["papers"]

    assert len(found) > len(counted) * 0.98
    assert {s["kind"] for p in found for s in p["signals"]} == {"upvotes", "comments"}
    # Where all of a paper is counted by one source, more upvotes of the same day never stand lower.
    by_title = {r["title"]: r for r in counted}
    day = [p for p in found if by_title.get(p["title"], {}).get("date") == counted[-1]["date"]]
    assert len(day) > 3
    best, worst = day[0]["signals"], day[-1]["signals"]
    assert sum(s["value"] for s in best) > sum(s["value"] for s in worst)


def _read(row: dict[str, Any]) -> Record | RecordError:
    try:
        return jsonl.to_record(row, name="a.jsonl", line=1)
    except RecordError as error:
        return error
