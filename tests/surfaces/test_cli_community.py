"""Votes, comments and moderation from the command line, by the owner and as a reader."""

from __future__ import annotations

import re
import shutil

import pytest
from sqlalchemy import insert

from broadsheet.collection import schema
from broadsheet.collection.database import Database
from processes import answer, called, write_lines

PAPER = {"title": "Of kites and their strings", "abstract": "Kites fly.", "arxiv_id": "2603.00001"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Return a home with a paper, and readers called ada and cleo."""
    folder = tmp_path_factory.mktemp("made")
    file = write_lines(folder / "papers.jsonl", [PAPER])
    assert called("--home", folder / "home", "import", file).returncode == 0
    people = [
        {"name": name, "role": role, "joined": "2026-01-01T00:00:00Z"}
        for name, role in (("ada", "reader"), ("cleo", "curator"))
    ]
    with Database(folder / "home" / "broadsheet.db") as database, database.write() as connection:
        connection.execute(insert(schema.readers), people)
    return folder / "home"


@pytest.fixture
def made(base, home):
    """Return a copy of it for one test."""
    shutil.copytree(base, home)
    return home


def told(home, *words: object, stdin: bytes = b"", code: int = 0) -> str:
    """Return what a command tells people."""
    ended = called("--home", home, *words, stdin=stdin)
    assert ended.returncode == code, ended.stderr.decode()
    return (ended.stderr if code else ended.stdout).decode()


def test_upvote(made):
    """By the owner and as somebody; twice is once; and back."""
    assert told(made, "upvote", "2603.00001") == "p1: 1 upvote, yours among them\n"
    assert told(made, "upvote", "p1", "--as", "ada") == "p1: 2 upvotes, yours among them\n"
    assert answer("--home", made, "upvote", "p1", "--as", "ada")["upvotes"] == 2
    assert told(made, "upvote", "p1", "--back") == "p1: 1 upvote\n"
    assert answer("--home", made, "upvote", "p1", "--back", "--as", "ada") == {
        "id": "p1", "upvotes": 0, "comments": 0, "is_mine": False
    }  # fmt: skip
    assert "no reader 'nobody'" in told(made, "upvote", "p1", "--as", "nobody", code=1)
    assert "no paper 'p9'" in told(made, "upvote", "p9", code=1)


def test_a_thread_and_what_a_curator_does_with_it(made):
    """Comments are read indented; hiding, locking and the queue tell what they did."""
    told(made, "comment", "p1", "Do they *fly*?", "--as", "ada")
    told(made, "comment", "p1", "-", "--parent", 1, stdin=b"They do.\nAnd how!\n")
    shown = told(made, "comments", "p1")
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "WHEN", shown) == (
        "p1: 2 comments\n\n1  ada, WHEN\n  Do they *fly*?\n\n  2  owner, WHEN\n    They do.\n"
        "    And how!\n"
    )
    assert told(made, "hide", 1, "--note", "off topic", "--as", "cleo") == "comment 1 is hidden\n"
    assert told(made, "lock", "p1", "--note", "enough") == "p1 takes no more comments\n"
    assert "closed: enough" in told(made, "comment", "p1", "more", code=1)
    thread = answer("--home", made, "comments", "p1", "--as", "ada")
    assert [c["state"] for c in thread["comments"]] == ["hidden", "shown"]
    assert thread["locked"]["reason"] == "enough"
    assert told(made, "hide", 1, "--back") == "comment 1 is shown\n"
    assert told(made, "lock", "p1", "--back") == "p1 takes comments again\n"
    assert answer("--home", made, "lock", "p1", "--back") == {"id": "p1", "locked": False}

    lines = told(made, "log").splitlines()
    assert [line.split("Z  ")[1] for line in lines] == [
        "owner: unlock paper p1", "owner: show comment 1", "owner: lock paper p1: enough",
        "cleo: hide comment 1: off topic",
    ]  # fmt: skip
    assert len(answer("--home", made, "log", "--limit", 2)["actions"]) == 2


def test_the_queue(made):
    """Nothing at first; then a report, with who made it and why."""
    assert told(made, "queue") == "nothing waits for a decision\n"
    number = answer("--home", made, "comment", "p1", "Rude words", "--as", "ada")["id"]
    row = {"comment_id": number, "reason": "it is rude", "at": "2026-03-01T00:00:00Z"}
    with Database(made / "broadsheet.db") as database, database.write() as connection:
        connection.execute(insert(schema.reports), [row])

    assert "report 1 by the test for spam: it is rude" in told(made, "queue")
    found = answer("--home", made, "queue")
    assert found["comments"][0]["reports"][0]["by"] is None
    assert "Only curators and admins moderate here" in told(made, "queue", "--as", "ada", code=77)
    assert answer("--home", made, "hide", number)["state"] == "hidden"
    assert answer("--home", made, "queue")["comments"] == []
