"""Votes, comments, notices and moderation over the API, in a shared collection."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from broadsheet.collection import schema
from broadsheet.factory import open_library
from broadsheet.readers.rules import Rules
from broadsheet.web import forms, forms_people
from broadsheet.web.app import create_app
from broadsheet.web.who import SESSION
from web.invented import PAGE, RECORDS, no_sources, now

DOCS = Path(__file__).parents[2] / "docs"
SINCE = "2026-02-01T08:00:00Z"
DOI = "10.1234/kitchen.(7)/x"
PEOPLE = {"ada": "reader", "bo": "reader", "cleo": "curator"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """Return the application of a shared collection, with a few papers and readers."""
    home = tmp_path_factory.mktemp("shared")
    rules = Rules(is_shared=True, is_public=True, address="http://testserver")
    with open_library(home, clock=now, rules=rules, newsroom=no_sources) as library:
        for _ in library.file(RECORDS, source="invented", page=PAGE, counts=Counter()):
            pass
        with library.database.write() as connection:
            for name, role in PEOPLE.items():
                row = {"name": name, "role": role, "joined": SINCE}
                made = connection.execute(insert(schema.readers).values(row))
                row = {
                    "digest": hashlib.sha256(name.encode()).hexdigest(),
                    "reader_id": made.inserted_primary_key[0],
                    "made": SINCE, "used": SINCE, "ends": "2026-12-01T00:00:00Z",
                }  # fmt: skip
                connection.execute(insert(schema.sessions).values(row))
        yield create_app(library, clock=now, names=["testserver"])


@pytest.fixture
def who(app):
    """Return a function that gives a client for somebody, or for nobody."""
    app.state.site.library.community._desk.limits._done.clear()

    def client(name=None):
        made = TestClient(app, follow_redirects=False)
        if name:
            made.cookies.set(SESSION, name)
        return made

    return client


def post(client, path, status=200, form=None, **body: object):
    """Return the JSON that a POST is answered with."""
    answer = client.post(f"/api/{path}", json=body)
    assert answer.status_code == status, answer.text
    if form is not None:
        form.model_validate(answer.json())
    return answer.json()


def get(client, path, form=None, status=200):
    """Return the JSON at an address."""
    answer = client.get(f"/api/{path}")
    assert answer.status_code == status, answer.text
    if form is not None:
        form.model_validate(answer.json())
    return answer.json()


def test_a_vote_and_the_paper_that_has_it(who):
    """Any id of a paper will do, slashes and all."""
    voted = post(who("ada"), f"papers/{DOI}/upvote", form=forms_people.VoteForm, up=True)
    assert voted == {"id": voted["id"], "upvotes": 1, "comments": 0, "is_mine": True}
    assert post(who("bo"), f"papers/{DOI}/upvote", up=True)["upvotes"] == 2
    assert get(who(), f"papers/{DOI}", forms.SheetForm)["here"] == {"upvotes": 2, "comments": 0}
    assert post(who("ada"), f"papers/{DOI}/upvote", up=False)["upvotes"] == 1
    assert post(who("bo"), f"papers/{DOI}/upvote", up=False)["upvotes"] == 0


def test_a_thread_from_its_first_comment_to_its_end(who):
    """Written, answered, edited, and deleted."""
    made = post(who("ada"), "papers/p2/comments", 201, forms_people.CommentForm, text="*one* @bo")
    answer = post(who("bo"), "papers/p2/comments", 201, text="to one", parent=made["id"])
    post(who("ada"), f"comments/{made['id']}/edit", text="two <script>")
    thread = get(who(), "papers/p2/comments", forms_people.ThreadForm)
    assert [(c["by"], c["depth"], c["html"]) for c in thread["comments"]] == [
        ("ada", 0, "<p>two &lt;script&gt;</p>\n"), ("bo", 1, "<p>to one</p>\n")
    ]  # fmt: skip
    assert (thread["id"], thread["count"], thread["locked"]) == ("p2", 2, None)
    shown = get(who(), f"comments/{made['id']}", forms_people.CommentWithHistoryForm)
    assert [w["text"] for w in shown["earlier"]] == ["*one* @bo"]

    notices = get(who("bo"), "me/notices", forms_people.NoticesForm)
    assert notices["unseen"] >= 1
    assert (notices["notices"][0]["kind"], notices["notices"][0]["by"]) == ("mention", "ada")
    seen = post(who("bo"), "me/notices/seen", form=forms_people.UnseenForm)
    assert seen == {"unseen": 0}
    muted = post(who("bo"), "readers/Ada/mute", form=forms_people.MutedForm, muted=True)
    assert muted == {"name": "ada", "muted": True}
    assert get(who("bo"), "papers/p2/comments")["comments"][0]["is_muted"]

    left = post(who("ada"), f"comments/{made['id']}/delete", form=forms_people.CommentForm)
    assert (left["state"], left["text"], left["html"]) == ("deleted", "", "")
    post(who("bo"), f"comments/{answer['id']}/delete")
    assert get(who(), "papers/p2/comments")["comments"] == []


def test_the_work_of_a_curator(who):
    """A report, the queue, what is decided, a lock, and the log of it."""
    made = post(who("ada"), "papers/p3/comments", 201, text="rude")
    reported = post(
        who("bo"), f"comments/{made['id']}/report", 201, forms_people.ReportedForm, reason="rude"
    )
    assert reported == {"id": made["id"], "reported": True}
    queue = get(who("cleo"), "moderation", forms_people.QueueForm)
    case = queue["comments"][0]
    assert (case["comment"]["id"], case["reports"][0]["by"]) == (made["id"], "bo")
    number = case["reports"][0]["id"]
    decided = post(
        who("cleo"), f"moderation/reports/{number}", form=forms_people.CommentForm, upheld=True
    )
    assert decided["state"] == "hidden"
    assert get(who(), "papers/p3/comments")["comments"] == []
    shown = post(who("cleo"), f"moderation/comments/{made['id']}", hidden=False, note="well")
    assert shown["state"] == "shown"

    locked = post(
        who("cleo"), "moderation/papers/p3/lock", form=forms_people.LockedForm, locked=True
    )
    assert locked == {"id": "p3", "locked": True}
    assert "closed" in post(who("ada"), "papers/p3/comments", 422, text="more")["detail"]
    post(who("cleo"), "moderation/papers/p3/lock", locked=False)
    log = get(who("cleo"), "moderation/log?limit=4", forms_people.LogForm)["actions"]
    assert [a["action"] for a in log] == ["unlock", "lock", "show", "hide"]
    assert {a["by"] for a in log} == {"cleo"}


@pytest.mark.parametrize(
    ("name", "path", "body", "status"),
    [
        (None, "papers/p4/upvote", {"up": True}, 401),
        (None, "papers/p4/comments", {"text": "x"}, 401),
        ("ada", "papers/p4/upvote", {}, 400),
        ("ada", "papers/p4/upvote", {"up": True, "as": "bo"}, 400),
        ("ada", "papers/p99/upvote", {"up": True}, 404),
        ("ada", "papers/p4/comments", {"text": " "}, 422),
        ("ada", "papers/p4/comments", {"text": "x" * 10_001}, 422),
        ("ada", "papers/p4/comments", {"text": "x" * 70_000}, 413),
        ("ada", "papers/p4/comments", {"text": "x", "parent": 10**9}, 404),
        ("ada", "papers/p4/comments", {"text": "x", "parent": "one"}, 400),
        ("ada", f"comments/{10**16}/edit", {"text": "x"}, 400),
        ("ada", "comments/999999/delete", {}, 404),
        ("ada", "readers/nobody/mute", {"muted": True}, 404),
        ("ada", "moderation/papers/p4/lock", {"locked": True}, 403),
        ("ada", "moderation/comments/1", {"hidden": True}, 403),
        ("cleo", "moderation/reports/999999", {"upheld": True}, 404),
    ],
)
def test_what_cannot_be_done_is_said_with_its_status(who, name, path, body, status):
    """And changes nothing."""
    answer = who(name).post(f"/api/{path}", json=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert get(who("ada"), "papers/p4/comments")["comments"] == []
    assert get(who(), "papers/p4")["here"] == {"upvotes": 0, "comments": 0}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://elsewhere.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "elsewhere.example"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"),
    [("papers/p5/upvote", b'{"up":true}'), ("papers/p5/comments", b'{"text":"x"}')],
)
def test_another_site_can_make_nobody_vote_or_comment(who, path, body, headers, status):
    """Whatever a page elsewhere can make a browser send with the cookie of who has signed in."""
    sent = {"content-type": "application/json"} | headers
    answer = who("ada").post(f"/api/{path}", content=body, headers=sent)

    assert answer.status_code == status
    assert get(who(), "papers/p5")["here"] == {"upvotes": 0, "comments": 0}


def test_reading_is_no_voting(who):
    """A vote is posted; an address alone changes nothing."""
    assert who("ada").get("/api/papers/p5/upvote?up=true").status_code == 404
    assert who("ada").get("/api/comments/1/delete").status_code == 405


def test_too_often_says_when(who):
    """With the seconds in the header that programs read."""
    client = who("ada")
    for n in range(30):
        post(client, "papers/p6/upvote", up=n % 2 == 0)
    answer = client.post("/api/papers/p6/upvote", json={"up": True})

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "many votes" in answer.json()["detail"]


def test_every_field_of_what_people_do_is_documented():
    """What is sent and what is answered, on the page of whoever made it."""
    text = "".join(page.read_text("utf-8") for page in DOCS.glob("*.md"))
    kinds = [k for k in vars(forms_people).values() if hasattr(k, "model_fields")]
    names = {name for kind in kinds for name in kind.model_fields}

    assert {name for name in names if f"`{name}`" not in text} == set()
