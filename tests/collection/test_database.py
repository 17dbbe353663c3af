"""The record's file: its rules, its migrations, and its errors in words."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from broadsheet.collection import database as module
from broadsheet.collection import papers, schema
from broadsheet.collection.database import HEAD, Database
from broadsheet.errors import SchemaVersionError, StoreError, status_of
from broadsheet.papers.types import Record

NOW = "2026-03-17T06:30:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a record is to be made."""
    return tmp_path / "broadsheet.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """Give a new record."""
    with Database(path) as opened:
        yield opened


def put(database: Database, key: str) -> None:
    """File one record."""
    with database.write() as connection:
        papers.file(connection, [Record("file", key, f"Tides {key}")], NOW)


def count(database: Database) -> int:
    """Return how many papers a record holds."""
    with database.read() as connection:
        return papers.count(connection)


def put_and_fail(database: Database) -> None:
    """File one record and fail before the write is over."""
    with database.write() as connection:
        papers.file(connection, [Record("file", "b", "Kilns")], NOW)
        assert papers.count(connection) == 2
        raise ZeroDivisionError


def test_head_is_the_newest_migration():
    """`HEAD` names the newest file of migrations, and their numbers follow one another."""
    folder = resources.files("broadsheet.collection.migrations") / "versions"
    numbers = sorted(
        match[1] for f in folder.iterdir() if (match := re.fullmatch(r"v(\d{4})_\w+\.py", f.name))
    )
    assert numbers == [f"{n:04}" for n in range(1, len(numbers) + 1)]
    assert numbers[-1] == HEAD


def test_the_migrations_make_the_tables_of_the_schema(database: Database):
    """A record made by the migrations differs in nothing from the schema in the code."""
    with database.read() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == HEAD


def test_what_was_written_is_there_when_it_is_opened_again(path: Path):
    """A record that exists is opened as it is, without another migration."""
    with Database(path) as first:
        put(first, "a")
    with Database(path) as second:
        assert count(second) == 1
        assert second.check() == []
        assert second.size() >= path.stat().st_size > 0


def test_a_newer_record_is_refused(path: Path):
    """A record made by a newer Broadsheet is left alone, and the error says what to do."""
    with Database(path) as opened, opened.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = path.read_bytes()
    with pytest.raises(SchemaVersionError, match=r"newer Broadsheet.*9999.*upgrade") as caught:
        Database(path)
    assert not caught.value.temporary
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "noise",
    [b"not a database " * 500, bytes(range(256)) * 64, b"SQLite format 3\x00" + b"\xff" * 8000],
    ids=["words", "bytes", "a header alone"],
)
def test_a_file_of_noise_is_told_in_words(path: Path, noise: bytes):
    """A file that is no record gives a StoreError that names it, and is left as it was."""
    path.write_bytes(noise)
    with pytest.raises(StoreError, match="damaged or is not a Broadsheet record") as caught:
        Database(path)
    assert str(path) in str(caught.value)
    assert not caught.value.temporary
    assert path.read_bytes() == noise


def test_a_place_that_is_no_file_is_told_in_words(tmp_path: Path):
    """A folder where the record should be, or no folder to put it in, gives a StoreError."""
    for place in (tmp_path, tmp_path / "nowhere" / "broadsheet.db"):
        with pytest.raises(StoreError, match="cannot be opened"):
            Database(place)


@pytest.mark.parametrize(
    ("pragma", "expected"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)],
)
@pytest.mark.parametrize("way", ["read", "write"])
def test_the_rules_of_a_connection(database: Database, way: str, pragma: str, expected: object):
    """Every connection logs ahead, waits for the disk, and holds references sound."""
    with getattr(database, way)() as connection:
        assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == expected


def test_a_write_that_fails_leaves_nothing(database: Database):
    """What was written before an exception is gone after it, and the record can be used on."""
    put(database, "a")
    with pytest.raises(ZeroDivisionError):
        put_and_fail(database)
    assert count(database) == 1
    put(database, "b")
    assert count(database) == 2


def test_a_reader_sees_one_moment(database: Database):
    """A connection that has begun to read does not see what is written meanwhile."""
    put(database, "a")
    with database.read() as connection:
        assert papers.count(connection) == 1
        put(database, "b")
        assert papers.count(connection) == 1
    assert count(database) == 2


def test_a_locked_record_may_be_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch):
    """A record that another process holds gives a temporary error, which is served as 503."""
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0)
    with Database(path) as database:
        other = sqlite3.connect(path, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="in use by another process") as caught:
                put(database, "a")
            assert caught.value.temporary
            assert status_of(caught.value) == (503, 75)
            assert count(database) == 0
            other.execute("ROLLBACK")
        finally:
            other.close()
        put(database, "a")
        assert count(database) == 1


def test_threads_share_a_database(database: Database):
    """Writers in several threads take turns, and nothing of theirs is lost."""
    threads = [threading.Thread(target=put, args=(database, str(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 8
    with database.read() as connection:
        sequences = [c.sequence for c in papers.changes_since(connection, 0, 100)]
    assert sequences == list(range(1, 9))


def test_nobody_waits_until_others_have_read(database: Database):
    """Who looks up who somebody is takes the requests of all, and must never stand still."""
    with ExitStack() as held:
        reading = [held.enter_context(database.read()) for _ in range(50)]
        assert {c.execute(text("SELECT 1")).scalar() for c in reading} == {1}


def test_a_reference_that_leads_nowhere_is_refused(database: Database):
    """A record cannot be kept for a paper that is not there."""
    with (
        pytest.raises(Exception, match="FOREIGN KEY constraint failed"),
        database.write() as connection,
    ):
        connection.execute(text("INSERT INTO external_ids VALUES ('doi', 'x', 9, 0)"))


def test_what_fails_does_not_tell_what_was_written(database: Database):
    """It is logged, and addresses are among what is written."""
    row = {"channel": "mail", "address": "ada@example.org", "made": "2026-11-20T05:00:00Z"}
    with pytest.raises(IntegrityError) as caught, database.write() as connection:
        connection.execute(insert(schema.recipients), [row, row])
    assert "ada@" not in str(caught.value)


def test_damage_is_found(path: Path):
    """A record with a broken reference is reported by `check`, in words."""
    Database(path).close()
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("INSERT INTO external_ids VALUES ('doi', 'x', 9, 0)")
    raw.close()
    with Database(path) as database:
        [problem] = database.check()
    assert "external_ids" in problem


def test_the_record_is_for_its_owner_alone(tmp_path):
    """It holds addresses and keys; what SQLite lays beside it, too."""
    before = os.umask(0)
    try:
        with Database(tmp_path / "own.db") as database, database.write() as connection:
            connection.execute(text("SELECT 1"))
            files = sorted(tmp_path.iterdir())
            rights = {file.name: file.stat().st_mode & 0o777 for file in files}
    finally:
        os.umask(before)

    assert rights == {"own.db": 0o600, "own.db-shm": 0o600, "own.db-wal": 0o600}
