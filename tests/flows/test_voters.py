"""Many readers vote and comment at once, and the server is killed in the middle of it.

The long form (BROADSHEET_LONG=1) has 200 readers and eight kills.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select

from broadsheet.collection import schema, votes
from broadsheet.factory import DATABASE, open_library
from broadsheet.measure import voting
from broadsheet.measure.crowd import Act
from processes import IS_LONG, PATIENCE, printed

READERS, KILLS, SECONDS = (200, 8, 12) if IS_LONG else (24, 2, 5)
PAPERS = 40


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    """Return a shared home, and the tokens of its readers by their names."""
    home = tmp_path_factory.mktemp("voters") / "home"
    return home, voting.gather(home, READERS, lambda *_: None, PAPERS)


def told_by_one_server(home: Path, tokens: dict[str, str], seed: int, *, killed: bool):
    """Return what a crowd did to one server, which may have been killed while it did."""
    with voting.serving(home) as (server, address):
        found = []

        def act():
            found.append(
                voting.crowd(address, tokens, seconds=SECONDS, pause=0.4, seed=seed, papers=PAPERS)
            )

        crowd = Thread(target=act)
        crowd.start()
        if killed:
            wait_for_votes(home)
            server.send_signal(signal.SIGKILL)
            assert server.wait(PATIENCE) == -signal.SIGKILL
        crowd.join(PATIENCE)
    return found[0]


def wait_for_votes(home: Path) -> None:
    """Wait until as many more votes were kept as there are readers: then all are at it."""
    ends = time.monotonic() + PATIENCE
    with closing(sqlite3.connect(f"file:{home / DATABASE}?mode=ro", uri=True)) as record:
        first = kept = votes_in(record)
        while kept < first + READERS:
            assert time.monotonic() < ends, "nobody votes"
            time.sleep(0.02)
            kept = votes_in(record)


def votes_in(record: sqlite3.Connection) -> int:
    """Return how many votes the ledger holds."""
    count: int = record.execute("SELECT count(*) FROM votes").fetchone()[0]
    return count


def state_after(acts: list[Act], state: dict[str, set[bool]]) -> None:
    """Follow what one reader was told; after an answer that never came both may be so."""
    for act in acts:
        if act.what == "comment":
            continue
        if act.status == 200:
            state[act.paper] = {act.what == "up"}
        elif act.status == 0:
            state[act.paper] = state.get(act.paper, {False}) | {act.what == "up"}


def test_no_vote_is_lost_or_counted_twice(gathered):
    """Whatever was answered is kept, once; counts equal the ledger, after kills too."""
    home, tokens = gathered
    states: dict[str, dict[str, set[bool]]] = {name: {} for name in tokens}
    comments = {201: 0, 202: 0, 0: 0}
    for number in range(KILLS + 1):
        told = told_by_one_server(home, tokens, number, killed=number < KILLS)
        assert set(told.statuses()) <= {0, 200, 201, 202, 429}
        assert told.statuses()[200] > 0
        for name, acts in told.acts.items():
            state_after(acts, states[name])
            for act in acts:
                if act.what == "comment" and act.status in comments:
                    comments[act.status] += 1

    with open_library(home) as library, library.database.read() as connection:
        assert votes.disagreements(connection) == []
        readers = dict(
            map(tuple, connection.execute(select(schema.readers.c.id, schema.readers.c.name)))
        )
        held = {
            (readers[reader], f"p{paper}")
            for paper, reader in connection.execute(
                select(schema.voted.c.paper_id, schema.voted.c.reader_id)
            )
        }
        written = connection.execute(select(schema.comments.c.text)).scalars().all()
    wrong = [
        (name, paper, may_be)
        for name, papers in states.items()
        for paper, may_be in papers.items()
        if ((name, paper) in held) not in may_be
    ]
    assert wrong == []
    assert held <= {(name, paper) for name, papers in states.items() for paper in papers}
    kept = comments[201] + comments[202]
    assert kept <= len(written) <= kept + comments[0]
    assert len(set(written)) == len(written)
    assert printed("check", "--home", home)["problems"] == []
