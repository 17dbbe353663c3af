"""Counts and warnings, and making again what is derived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text

from broadsheet.collection import decisions, health, papers, repair, runs, schema
from broadsheet.collection.database import Database
from broadsheet.papers.types import ExternalId, PaperId, Place, Record, SavedPage

NOW, LATER = "2026-03-17T06:30:00Z", "2026-03-18T06:30:00Z"
MOMENT = datetime(2026, 3, 20, 12, tzinfo=UTC)
PAGE = SavedPage("0123456789abcdef", "Daily", ("Daily",), "Mar 12", None, 2)
RECORDS = [
    Record("arxiv", "2501.00001", "Lunar Nets", authors=("Ada",), announced="2026-03-10",
           external_ids=(ExternalId("arxiv", "2501.00001"),), updated="2026-03-16"),
    Record("hf", "2501.00001", "Lunar Nets", authors=("Ada",), announced="2026-03-11",
           external_ids=(ExternalId("arxiv", "2501.00001"),), extra={"upvotes": 7}),
    Record("file", "c", "Harbour Tides", authors=("Bo",), place=Place(PAGE.key, 1)),
    Record("file", "d", "Kilns of Dover", authors=("Cy",)),
]  # fmt: skip


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Give one write to a record with three papers of four records."""
    with Database(tmp_path / "broadsheet.db") as database, database.write() as opened:
        runs.keep_page(opened, PAGE, NOW)
        papers.file(opened, RECORDS, NOW)
        yield opened


def state(connection: Connection) -> dict[str, list[tuple]]:
    """Return all that is derived from the records."""
    queries = {
        "papers": "SELECT * FROM papers ORDER BY id",
        "ids": "SELECT namespace, value, paper_id FROM external_ids ORDER BY 1, 2, 3",
        "again": "SELECT * FROM appearances ORDER BY 1, 2, 3",
        "days": "SELECT day, papers FROM days ORDER BY 1",
        "titles": "SELECT id, title_hash FROM records ORDER BY 1",
    }
    return {n: [tuple(r) for r in connection.execute(text(q))] for n, q in queries.items()}


def test_repair_changes_nothing_that_is_right(connection: Connection):
    """A record in order is left as it is: no paper is written, no change is logged."""
    before, sequence = state(connection), papers.last_sequence(connection)
    assert repair.recompose(connection, papers.all_ids(connection), LATER) == 0
    assert repair.recount(connection, LATER) == 0
    assert state(connection) == before
    assert papers.last_sequence(connection) == sequence


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE papers SET title = 'Nonsense', upvotes = 99",
        "UPDATE papers SET edition = '1999-01-01', basis = 'page'",
        "DELETE FROM external_ids",
        "INSERT INTO external_ids VALUES ('doi', '10.1000/x', 1, 0)",
        "DELETE FROM appearances",
        "UPDATE records SET title_hash = 7",
        "DELETE FROM days",
        "UPDATE days SET papers = papers + 5",
        "INSERT INTO days VALUES ('1999-01-01', 3, 0, '')",
    ],
)
def test_repair_makes_again_what_follows_from_the_records(connection: Connection, damage: str):
    """Whatever is wrong with a derived row, it is afterwards as it was."""
    before = state(connection)
    connection.execute(text(damage))
    assert state(connection) != before
    repair.recompose(connection, papers.all_ids(connection), LATER)
    repair.recount(connection, LATER)
    after = state(connection)
    after["days"] = [d for d in after["days"] if d[1] or d in before["days"]]
    assert after == before


def test_repair_keeps_decisions(connection: Connection):
    """What people decided is no derivation."""
    decisions.merge(connection, PaperId(2), PaperId(3), LATER)
    decisions.split(connection, PaperId(1), ("hf", "2501.00001"), LATER)
    before = state(connection)
    assert repair.recompose(connection, papers.all_ids(connection), LATER) == 0
    assert state(connection) == before


def test_papers_move_to_the_day_of_their_page_once_it_is_known(connection: Connection):
    """A page saved again with its year gives its papers their day, but not those announced."""
    assert papers.fetch(connection, [2])[0].basis == "filed"
    assert runs.keep_page(connection, replace(PAGE, day="2026-03-12"), LATER)
    papers.refresh_page(connection, PAGE.key, LATER)
    [moved] = papers.fetch(connection, [2])
    assert (moved.edition, moved.basis) == ("2026-03-12", "page")
    assert dict(state(connection)["days"]) == {
        "2026-03-10": 1, "2026-03-11": 0, "2026-03-12": 1, "2026-03-16": 0, "2026-03-17": 1,
    }  # fmt: skip
    assert not runs.keep_page(connection, replace(PAGE, day="2026-03-12"), LATER)


def test_counts_say_what_is_there(connection: Connection):
    """Papers, records by source, days, rejects and standing decisions."""
    number = decisions.apart(connection, PaperId(2), PaperId(3), LATER)
    decisions.undo(connection, number, LATER)
    decisions.merge(connection, PaperId(2), PaperId(3), LATER)
    found = health.counts(connection)
    assert (found.papers, found.records, found.decisions, found.rejects) == (2, 4, 1, 0)
    assert (found.first_day, found.last_day) == ("2026-03-10", "2026-03-17")
    assert [(s.source, s.records) for s in found.sources] == [("arxiv", 1), ("file", 2), ("hf", 1)]


def test_an_empty_record_counts_nothing(tmp_path: Path):
    """No papers is zero, not None."""
    with Database(tmp_path / "broadsheet.db") as database, database.read() as connection:
        assert health.counts(connection) == health.Counts(0, 0, 0, None, None, [], 0, 0)


def warned(**changes: object) -> list[str]:
    """Return the warnings of a collection in which all is well but for `changes`."""
    held = health.Counts(5000, 6000, 3, "2026-03-10", "2026-03-17", [], 0, 0)
    facts = {"held": held, "recent": [], "notice": "", "free": 10**12,
             "outgoing": health.Mail({}, None),
             "last_backup": "2026-03-01T00:00:00Z", "now": MOMENT} | changes  # fmt: skip
    return health.warnings(facts.pop("held"), facts.pop("recent"), **facts)


def run(outcome: str, reason: str = "", source: str = "a.jsonl") -> runs.Run:
    """Return a run that ended so."""
    return runs.Run(1, source, NOW, NOW, outcome, reason, {})


def test_warnings_say_what_needs_attention():
    """Each trouble is one sentence, and a collection in order has none."""
    assert warned() == []
    [failed] = warned(recent=[run("failed", "StoreError: the disk is full")])
    assert "a.jsonl failed: StoreError: the disk is full" in failed
    assert "cut off" in warned(recent=[run("cut off")])[0]
    assert warned(recent=[run("done"), run("failed")]) == []
    assert "12 of 30" in warned(notice="by words only: 12 of 30 papers are embedded")[0]
    assert "40 MB" in warned(free=40_000_000)[0]
    assert "no backup yet" in warned(last_backup=None)[0]
    assert "2026-02-01" in warned(last_backup="2026-02-01T00:00:00Z")[0]
    small = health.Counts(10, 10, 1, "2026-03-10", "2026-03-17", [], 0, 0)
    assert warned(held=small, last_backup=None) == []
    aside = small._replace(rejects=3)
    assert "3 records were set aside" in warned(held=aside)[0]
    unknown = health.Mail({"sent": 9, "unknown": 2}, None)
    assert ["2 digests" in w for w in warned(outgoing=unknown)] == [True]
    waiting = health.Mail({"ready": 1}, "2026-03-01T00:00:00Z")
    assert "since 2026-03-01T00:00:00Z" in warned(outgoing=waiting)[0]


def test_the_ledger_is_counted(connection: Connection):
    """Digests by state, and since when the oldest of those that are ready waits."""
    assert health.mail(connection) == health.Mail({}, None)
    connection.execute(
        insert(schema.recipients).values(id=1, channel="mail", address="a@b.c", made=NOW)
    )
    facts = {
        "kind": "trending", "cadence": "day", "at": "07:00", "zone": "UTC", "longest": 20,
        "when_empty": "skip", "form": "html", "language": "en", "state": "active", "made": NOW,
    }  # fmt: skip
    connection.execute(
        insert(schema.subscriptions).values(id=1, handle="a", recipient_id=1, **facts)
    )
    digest = {"subscription_id": 1, "due": NOW, "ends": LATER, "made": LATER}
    rows = [("sent", None), ("ready", None), ("ready", NOW)]
    connection.execute(
        insert(schema.digests),
        [
            {**digest, "issue": str(n), "state": state, "next_try": again}
            for n, (state, again) in enumerate(rows)
        ],
    )
    assert health.mail(connection) == health.Mail({"ready": 2, "sent": 1}, NOW)
