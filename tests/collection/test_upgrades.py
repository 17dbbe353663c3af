"""Homes of every earlier schema open with today's code, after a backup of what they were."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from broadsheet import wire
from broadsheet.collection import backup, runs
from broadsheet.collection import database as module
from broadsheet.collection.backup import BACKUPS, DATABASE
from broadsheet.collection.database import HEAD, Database
from broadsheet.errors import StoreError
from broadsheet.factory import open_library
from broadsheet.library import Library
from homes.saved import SAVED, archive_of, unpacked
from processes import called

NOW = datetime(2026, 12, 1, 6, 30, tzinfo=UTC)


@pytest.fixture(params=SAVED)
def saved(request, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Return each saved home with what it was seen to hold when it was made."""
    home = unpacked(request.param, tmp_path)
    return home, orjson.loads((tmp_path / "expected.json").read_bytes())


@pytest.fixture
def oldest(tmp_path: Path) -> Path:
    """Return the oldest of the saved homes, unpacked."""
    return unpacked(SAVED[0], tmp_path)


def rows(database: Path) -> dict[str, list[Any]]:
    """Return everything that a record holds, table by table."""
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)  # noqa: S608
            for (name,) in tables.fetchall()
        }


def schema_of(database: Path) -> str:
    """Return the schema of a record."""
    return str(rows(database)["alembic_version"][0][0])


def still_says(now: Any, then: Any, where: str = "") -> list[str]:
    """Return where `now` says something else than `then`; it may say more."""
    if isinstance(then, dict):
        return [w for k, v in then.items() for w in still_says(now.get(k), v, f"{where}.{k}")]
    if isinstance(then, list) and isinstance(now, list) and len(now) == len(then):
        pairs = enumerate(zip(now, then, strict=True))
        return [w for n, (a, b) in pairs for w in still_says(a, b, f"{where}[{n}]")]
    return [] if now == then else [f"{where}: {now!r} instead of {then!r}"]


def test_every_earlier_schema_has_a_saved_home():
    """Whoever adds a migration saves a home of the schema before it: see tests/homes/make.py."""
    assert [v for v in (f"{n:04}" for n in range(1, int(HEAD))) if v not in SAVED] == []
    assert all(archive_of(v).stat().st_size < 60_000 for v in SAVED)


def test_a_saved_home_opens_with_everything_in_it(saved, embedder):
    """Papers, records, ids, places, runs and rejects are there, found, and index and record agree.

    The page of each paper says all that it said when the home was made.
    """
    home, told = saved
    with open_library(home, embedder=embedder) as library:
        report = library.check()
        assert report.problems == []
        assert (report.papers, report.records) == (len(told["papers"]), told["records"])
        for paper in told["papers"]:
            assert still_says(wire.sheet(library.sheet(paper["id"])), paper) == []
            for namespace, value in paper.get("external_ids", {}).items():
                assert f"p{library.resolve(f'{namespace}:{value}')}" == paper["id"]
            assert _found(library, paper["title"]) == paper["id"]
        for gone, into in told["merged"].items():
            assert f"p{library.resolve(gone)}" == into
        assert [wire.reject(r) for r in library.rejects()[1]] == told["rejects"]
        with library.database.read() as connection:
            found = [[Path(r.source).name, r.outcome] for r in runs.recent(connection, 100)]
        assert found[::-1] == told["runs"]


def _found(library: Library, title: str) -> str:
    return f"p{library.search(title, limit=1).hits[0].paper.id}"


def test_a_saved_home_takes_new_papers(saved, embedder, tmp_path: Path):
    """Importing goes on where it ended: what is known is known, what is new is new."""
    home, told = saved
    first = told["papers"][0]
    lines = [
        {"title": first["title"], "doi": first["external_ids"]["doi"]},
        {"title": "Something entirely new", "abstract": "Nobody has seen it.", "year": 2026},
    ]
    file = tmp_path / "more.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    with open_library(home, embedder=embedder) as library:
        *_, progress = library.import_file(file)
        assert dict(progress.counts) == {"merged": 1, "new": 1}
        assert library.check().problems == []


def test_what_was_there_is_kept_before_an_upgrade(saved, tmp_path: Path):
    """The backup holds every row as it was, and the settings; it is told where it lies."""
    home, told = saved
    if told["schema"] == HEAD:
        pytest.skip("this home is of today's schema: it is not upgraded")
    before = rows(home / DATABASE)
    steps: list[str] = []
    with Database(
        home / DATABASE, clock=lambda: NOW, progress=lambda what, *_: steps.append(what)
    ) as database:
        done = database.upgraded

    assert done is not None
    assert (done.before, done.after) == (told["schema"], HEAD)
    assert done.backup == home / BACKUPS / f"before-{HEAD}-20261201T063000Z.tar.zst"
    assert set(steps) == {"copying", "compressing", "verifying"}
    assert schema_of(home / DATABASE) == HEAD
    backup.restore(done.backup, tmp_path / "as it was", now=NOW)
    assert rows(tmp_path / "as it was" / DATABASE) == before
    assert (tmp_path / "as it was" / "broadsheet.toml").read_text() == "page_size = 30\n"
    # And that one opens again, like any other.
    with Database(tmp_path / "as it was" / DATABASE) as database:
        assert database.upgraded is not None


def test_an_upgrade_happens_once(oldest: Path):
    """A home that was upgraded, and a new one, are opened as they are: no backup, no word."""
    Database(oldest / DATABASE).close()
    with Database(oldest / DATABASE) as database:
        assert database.upgraded is None
    with Database(oldest / "new.db") as database:
        assert database.upgraded is None
    assert len(list((oldest / BACKUPS).iterdir())) == 1


def test_without_a_backup_there_is_no_upgrade(oldest: Path):
    """Where the backup cannot be written the home is refused in words, and stays as it was."""
    before = rows(oldest / DATABASE)
    (oldest / BACKUPS).write_text("in the way")
    with pytest.raises(StoreError, match=r"backups cannot be made: File exists"):
        Database(oldest / DATABASE)
    assert rows(oldest / DATABASE) == before


def test_a_damaged_home_is_not_upgraded(oldest: Path):
    """A record whose backup would be damaged stays as it was."""
    data = bytearray((oldest / DATABASE).read_bytes())
    page = data.index(b'"key":"tide-2"') // 4096 * 4096
    data[page + 8 : page + 16] = b"\xff" * 8
    (oldest / DATABASE).write_bytes(data)
    with pytest.raises(StoreError, match="is damaged, and so would be its backup"):
        Database(oldest / DATABASE)
    with closing(sqlite3.connect(oldest / DATABASE)) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [(SAVED[0],)]
    assert list((oldest / BACKUPS).iterdir()) == []


def test_an_upgrade_that_fails_changes_nothing(oldest: Path, monkeypatch):
    """A migration is made whole or not at all; then its backup is not needed, and goes."""
    migrate, before = module._migrate, rows(oldest / DATABASE)

    def migrate_and_fail(connection: Any) -> None:
        migrate(connection)
        assert connection.execute(text("SELECT * FROM alembic_version")).scalar() == HEAD
        raise ZeroDivisionError

    monkeypatch.setattr(module, "_migrate", migrate_and_fail)
    with pytest.raises(ZeroDivisionError):
        Database(oldest / DATABASE)
    assert rows(oldest / DATABASE) == before
    assert list((oldest / BACKUPS).iterdir()) == []


def test_two_that_open_a_home_at_once_upgrade_it_once(oldest: Path):
    """The second waits for the first, and finds a home of today's schema."""
    opened: list[Database] = []
    threads = [
        threading.Thread(target=lambda: opened.append(Database(oldest / DATABASE)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    assert sum(d.upgraded is not None for d in opened) == 1
    assert len(list((oldest / BACKUPS).iterdir())) == 1
    for database in opened:
        database.close()


def test_an_upgrade_is_told(oldest: Path):
    """Whoever uses a command is told once, beside its answer, that it happened and what to do."""
    first = called("--home", oldest, "check", "--json")
    second = called("--home", oldest, "check", "--json")
    [file] = (oldest / BACKUPS).iterdir()

    assert first.returncode == second.returncode == 0
    assert orjson.loads(first.stdout)["ok"]
    told = " ".join(first.stderr.decode().split())
    assert f"upgraded from schema {SAVED[0]} to {HEAD}" in told
    assert str(file) in told
    assert b"upgraded" not in second.stderr
