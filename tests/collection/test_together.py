"""Writes of many threads: each is kept or undone by itself, in few transactions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import event, insert, select

from broadsheet.collection import schema
from broadsheet.collection.database import Database
from broadsheet.collection.together import Together
from broadsheet.errors import RefusedError

NOW = "2026-11-21T08:00:00Z"


@pytest.fixture
def database(tmp_path: Path):
    """Return a record."""
    with Database(tmp_path / "broadsheet.db") as opened:
        yield opened


def noted(note: str):
    """Return a change that writes a line into the log."""

    def change(connection):
        row = {"reader_id": 1, "action": "test", "subject": "", "note": note, "at": NOW}
        connection.execute(insert(schema.actions), [row])
        return note

    return change


def notes(database: Database) -> list[str]:
    """Return what was written."""
    with database.read() as connection:
        return list(connection.execute(select(schema.actions.c.note)).scalars())


def test_each_gets_what_its_own_change_returns(database: Database):
    """Many threads write at once: nothing is lost, nothing is done twice."""
    together, wanted = Together(database), [str(n) for n in range(300)]
    with ThreadPoolExecutor(30) as threads:
        found = list(threads.map(lambda n: together.write(noted(n)), wanted))

    assert found == wanted
    assert sorted(notes(database)) == sorted(wanted)


def test_those_who_wait_are_written_in_one_transaction(database: Database):
    """While one holds the turn others queue up; the next one carries them all out."""
    together, goes_on, holds = Together(database), Event(), Event()
    commits = []
    event.listen(database._engine, "commit", commits.append)

    def slow(connection):
        noted("first")(connection)
        holds.set()
        assert goes_on.wait(60)

    threads = [Thread(target=together.write, args=(slow,))]
    threads[0].start()
    assert holds.wait(60)
    for n in range(8):
        threads.append(Thread(target=together.write, args=(noted(str(n)),)))
        threads[-1].start()
    while len(together._waiting) < 8:
        pass
    goes_on.set()
    for thread in threads:
        thread.join(60)

    assert len(notes(database)) == 9
    assert len(commits) == 2


def test_what_is_refused_undoes_only_itself(database: Database):
    """An error is raised where it belongs; what others wrote beside it is kept."""
    together = Together(database)

    def refused(connection):
        noted("no")(connection)
        raise RefusedError("not so")

    def one(number: int):
        return together.write(refused if number % 3 == 0 else noted(str(number)))

    with ThreadPoolExecutor(12) as threads:
        outcomes = [threads.submit(one, n) for n in range(60)]
    failed = [n for n, o in enumerate(outcomes) if isinstance(o.exception(), RefusedError)]

    assert failed == list(range(0, 60, 3))
    assert sorted(notes(database), key=int) == [str(n) for n in range(60) if n % 3]


def test_a_commit_that_fails_is_told_to_all(database: Database, monkeypatch: pytest.MonkeyPatch):
    """Nobody is told that something was kept which was not."""
    together = Together(database)

    def fails(_connection):
        raise RuntimeError("the disk is gone")

    event.listen(database._engine, "commit", fails)
    with pytest.raises(RuntimeError, match="the disk is gone"):
        together.write(noted("lost"))
    event.remove(database._engine, "commit", fails)

    assert notes(database) == []
    assert together.write(noted("kept")) == "kept"
