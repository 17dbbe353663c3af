"""Where sources go on, what they list, and about which papers they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from broadsheet.collection import harvests, papers
from broadsheet.collection.database import Database
from broadsheet.collection.harvests import Ages, Listed, Stand
from broadsheet.papers.types import ExternalId, Record

NOW, LATER = "2026-03-17T06:30:00Z", "2026-03-18T06:30:00Z"


def e_print(number: int, day: str, **changes: object) -> Record:
    """Return an invented paper of arXiv, announced on this day."""
    ident = f"2603.{number:05}"
    facts = {
        "announced": day,
        "categories": ("cs.LG",),
        "external_ids": (ExternalId("arxiv", ident),),
    }
    return Record("arxiv", ident, f"Harbour Tides, Part {number}", **(facts | changes))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Give one write to a new record."""
    with Database(tmp_path / "broadsheet.db") as database, database.write() as opened:
        yield opened


def test_a_part_stands_where_it_was_moved_to(connection: Connection):
    """Only what is named changes; other parts and sources are not touched."""
    assert harvests.stand(connection, "arxiv", "feed") == Stand({})
    harvests.move(connection, "arxiv", "feed", NOW, value={"etag": "a"})
    harvests.move(connection, "arxiv", "feed", LATER, usual=4.5, covered="2026-03-17")
    harvests.move(connection, "arxiv", "", NOW, covered="2026-03-16")
    assert harvests.stand(connection, "arxiv", "feed") == Stand(
        {"etag": "a"}, 4.5, "2026-03-17", LATER
    )
    assert list(harvests.stands(connection, "arxiv")) == ["", "feed"]
    assert harvests.stands(connection, "hf") == {}


def test_a_listing_is_kept_in_place_of_the_one_before(connection: Connection):
    """The same page read again says what it says now."""
    listed = Listed("arxiv", "cs.LG", "2026-03-17", NOW, {"new": 1}, {"new": ["2603.00001"]})
    harvests.keep_listing(connection, listed)
    harvests.keep_listing(connection, listed._replace(seen=LATER, counts={"new": 2}))
    harvests.keep_listing(connection, listed._replace(day="2026-03-18"))
    found = harvests.listings(connection, category="cs.LG")
    assert [(f.day, f.counts) for f in found] == [
        ("2026-03-18", {"new": 1}), ("2026-03-17", {"new": 2})
    ]  # fmt: skip
    assert harvests.listings(connection, category="cs.CV") == []
    assert len(harvests.listings(connection, last="2026-03-17")) == 1


def test_papers_wait_the_newest_and_most_upvoted_first(connection: Connection):
    """A paper that was asked about waits again once it is due for its age."""
    records = [
        e_print(1, "2026-03-16"),
        e_print(2, "2026-03-17", extra={"upvotes": 3}),
        e_print(3, "2026-03-17", extra={"upvotes": 30}),
        e_print(4, "2025-03-17"),
    ]
    papers.file(connection, records, NOW)
    ages = [Ages("2026-03-10", "2026-03-18T00:00:00Z")]
    order = [w.paper for w in harvests.waiting(connection, "s2", ages, 10)]
    assert order == [3, 2, 1, 4]
    harvests.note_asked(connection, "s2", {3: {"etag": "x"}, 4: {}}, NOW)
    assert [w.paper for w in harvests.waiting(connection, "hf", ages, 2)] == [3, 2]
    again = harvests.waiting(connection, "s2", ages, 10)
    assert [(w.paper, w.kept) for w in again] == [(3, {"etag": "x"}), (2, None), (1, None)]
    harvests.note_asked(connection, "s2", {3: {}}, "2026-03-18T01:00:00Z")
    assert [w.paper for w in harvests.waiting(connection, "s2", ages, 10)] == [2, 1]
    assert [w.paper for w in harvests.waiting(connection, "hf", [], 10, ("2026-03-17", 3))] == [
        2, 1, 4,
    ]  # fmt: skip


def test_what_is_held_is_told_with_the_days_of_it(connection: Connection):
    """Reconciliation sees edition, announcement and the days on which a paper came again."""
    papers.file(connection, [e_print(1, "2026-03-16", again=(("2026-03-17", "cross"),))], NOW)
    papers.file(connection, [e_print(2, "2026-03-17")], NOW)
    ids = [ExternalId("arxiv", f"2603.0000{n}") for n in (1, 2, 3)]
    found = harvests.held(connection, ids)
    assert [found[i].edition for i in ids[:2]] == ["2026-03-16", "2026-03-17"]
    assert found[ids[0]].again == {"2026-03-17": {"cross"}}
    assert ids[2] not in found
    assert list(harvests.of_day(connection, "2026-03-17", "cs.LG")) == [ids[1]]
    assert harvests.of_day(connection, "2026-03-17", "cs.L") == {}
