"""Moderation in the pages: the queue, what curators do with it, and the log."""

import re
import shutil

import pytest
from sqlalchemy import insert

from broadsheet.collection import schema
from web.crowd import PEOPLE, client_of, gather, opened, send
from web.reading import read


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a shared home in which bo has written two comments, and ada has reported one."""
    made = tmp_path_factory.mktemp("moderated")
    gather(made)
    with opened(made) as library:
        library.community.comments.write(PEOPLE["bo"], "p1", "Buy my soap")
        library.community.comments.write(PEOPLE["bo"], "p1", "A fair question")
        library.community.comments.report(PEOPLE["ada"], 1, "It sells soap")
    return made


@pytest.fixture
def library(home, tmp_path):
    """Return a library to moderate in."""
    shutil.copytree(home, tmp_path / "own")
    with opened(tmp_path / "own") as made:
        yield made


@pytest.fixture(scope="module")
def still(home):
    """Return the library itself, in which no test changes anything."""
    with opened(home) as made:
        yield made


@pytest.fixture
def cleo(library):
    """Return a client of a curator."""
    return client_of(library, "cleo")


@pytest.fixture
def bo(library):
    """Return a client of the one who wrote the comments."""
    return client_of(library, "bo")


def test_a_reported_comment_is_hidden_from_the_queue(cleo, bo, library):
    """The queue says who reported what and why; hidden, it is nobody's but its writer's."""
    page = read(cleo, "/moderation")
    assert re.search("bo .* on p1 Buy my soap ada , .*: It sells soap", page.text)
    fields = next(f["fields"] for f in page.forms if f["action"] == "/comment/1/hide")
    answer = cleo.post("/comment/1/hide", data={**fields, "note": "No soap here"})
    assert answer.headers["location"] == "/moderation"

    page = read(cleo, "/moderation")
    assert "No comment waits for a decision" in page.text
    assert "cleo : hide, comment 1 No soap here" in page.text
    assert "Buy my soap" not in read(client_of(library, "ada"), "/paper/p1").text
    assert "hidden by a curator Buy my soap" in read(bo, "/paper/p1").text
    assert "A curator has hidden your comment: No soap here" in read(bo, "/notices").text
    assert "is hidden now" in read(client_of(library, "ada"), "/notices").text


def test_a_reported_comment_may_stand(cleo, library):
    """Dismissed, the report is gone from the queue and the comment stays."""
    assert send(cleo, "/comment/1/show", back="/moderation") == "/moderation"

    assert "No comment waits" in read(cleo, "/moderation").text
    assert "Buy my soap" in read(client_of(library, "ada"), "/paper/p1").text
    assert "dismiss" in read(cleo, "/moderation/log").text


def test_a_comment_is_hidden_and_shown_from_its_own_page(cleo, bo):
    """Its page has the form that fits its state, and leads back to it."""
    assert "Hide this comment" in read(cleo, "/comment/2/history").text
    assert send(cleo, "/comment/2/hide", note="Off topic") == "/comment/2"
    assert "Show this comment" in read(cleo, "/comment/2/history").text
    assert send(bo, "/comment/2/edit", 422, text="Again") is not None
    assert send(cleo, "/comment/2/show") == "/comment/2"
    assert "A fair question" in read(bo, "/paper/p1").text


def test_what_waits_is_shown_to_its_writer_and_to_curators(cleo, library):
    """A comment that looks like spam waits, says so to its writer, and is shown by a curator."""
    eve, ada = client_of(library, "eve"), client_of(library, "ada")
    links = " ".join(f"https://shop{n}.example/buy" for n in range(9))
    send(eve, "/paper/p1/comment", text=f"See {links}")
    assert "waits for a curator: " in read(eve, "/paper/p1").text
    assert "shop1.example" not in read(ada, "/paper/p1").text
    assert ada.get("/comment/3").status_code == 404
    page = read(cleo, "/moderation")
    assert "The test for spam" in page.text
    assert "Show it" in page.text
    send(cleo, "/comment/3/show", back="/moderation")
    assert "shop1.example" in read(ada, "/paper/p1").text


def test_a_paper_is_closed_and_opened(cleo, bo):
    """Closed, it takes no comments and says why; the form beside it opens it again."""
    page = read(cleo, "/paper/p1")
    fields = next(f["fields"] for f in page.forms if f["action"] == "/paper/p1/lock")
    answer = cleo.post("/paper/p1/lock", data={**fields, "reason": "Too hot"})
    assert answer.headers["location"] == "/paper/p1#comments"
    page = read(bo, "/paper/p1")
    assert "are closed: Too hot" in page.text
    assert "/paper/p1/lock" not in [f["action"] for f in page.forms]
    assert "/comment/2/reply" not in {a["href"] for a in page.links}

    page = read(cleo, "/paper/p1")
    fields = next(f["fields"] for f in page.forms if f["action"] == "/paper/p1/lock")
    cleo.post("/paper/p1/lock", data=fields)
    assert "are closed" not in read(bo, "/paper/p1").text
    assert re.search(
        "unlock, paper p1 .* lock, paper p1 Too hot", read(cleo, "/moderation/log").text
    )


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("/comment/1/hide", {}),
        ("/comment/1/show", {}),
        ("/paper/p1/lock", {"locked": "1"}),
    ],
)
def test_readers_moderate_nothing(still, url, fields):
    """They are told who may, and have no form or link for it."""
    bo = client_of(still, "bo")
    assert "Only curators and admins moderate here" in send(bo, url, 403, **fields).text
    assert "Only curators" in read(bo, "/moderation", 403).text
    assert "Only curators" in read(bo, "/moderation/log", 403).text
    page = read(client_of(still, "ada"), "/paper/p1")

    assert not {f["action"] for f in page.forms} & {url, "/decide/merge", "/decide/split"}
    assert not [a for a in page.links if "moderat" in a["href"]]


def test_a_long_queue_and_a_long_log_have_pages(cleo, library):
    """Whatever was reported and done, each page has a bounded size and leads to the next."""
    said = [
        {"id": n, "paper_id": 1, "reader_id": 11, "text": f"Number {n} " * 900, "state": "shown",
         "at": "2026-03-01T00:00:00Z"}
        for n in range(10, 35)
    ]  # fmt: skip
    reports = [
        {"reader_id": 10, "comment_id": row["id"], "reason": "<b>" * 300, "at": row["at"]}
        for row in said
    ]
    done = [
        {"reader_id": 12, "action": "hide", "subject": "comment 9", "note": "<i>" * 300,
         "at": "2026-03-01T00:00:00Z"}
        for _ in range(60)
    ]  # fmt: skip
    with library.database.write() as connection:
        connection.execute(insert(schema.comments), said)
        connection.execute(insert(schema.reports), reports)
        connection.execute(insert(schema.actions), done)
    for url, most in (("/moderation", 3), ("/moderation/log", 2)):
        pages = [url, *(f"{url}?page={n}" for n in range(2, most + 1))]
        for number, page in enumerate(pages, 1):
            found = read(cleo, page)
            turns = {a["href"] for a in found.links if a.get("rel") == "next"}
            assert turns == ({pages[number]} if number < most else set())
    assert "No comment waits for a decision on this page" in read(cleo, "/moderation?page=9").text


def test_what_is_not_there_is_not_found(still):
    """Numbers of comments that nobody wrote, and words in their place, are errors in words."""
    cleo = client_of(still, "cleo")
    for url in ("/comment/999/hide", "/comment/999/show"):
        send(cleo, url, 404)
    assert cleo.get("/comment/999").status_code == 404
    assert cleo.get("/comment/x").status_code == 400
    assert cleo.get(f"/comment/{'9' * 30}").status_code == 400
    send(cleo, "/paper/p1/comment", 400, text="Hm", parent="one")
    send(cleo, "/paper/p1/comment", 404, text="Hm", parent="999")
    send(cleo, "/reader/nobody/mute", 404, muted=1)
    send(cleo, "/reader/cleo/mute", 422, muted=1)
    send(cleo, "/paper/p1/lock", 400)
