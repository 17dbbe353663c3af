"""Submitting in the pages and the API: what leads where, what is told, what nothing comes of."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from broadsheet.factory import open_library
from broadsheet.papers.types import ExternalId, Record
from broadsheet.web.app import create_app
from broadsheet.web.guard import FIELD
from broadsheet.web.who import SESSION
from loopback import Loopback, html
from readers.bringing import Press, bringing
from readers.circle import filed, join, signed_in
from web.invented import SCRIPT, no_sources, now
from web.reading import Reading, read

ADDRESS = "http://127.0.0.1:8620"
ENTRY = {
    "title": "Larks of an invented morning", "authors": "Ada Example\nBo Sample",
    "abstract": "They", "link": "https://larks.example/1", "day": "2026-03-01",
}  # fmt: skip


@pytest.fixture(scope="module")
def press():
    """Give a press that prints nothing yet."""
    with Loopback() as server:
        yield Press(server)


@pytest.fixture(scope="module")
def library(press, tmp_path_factory):
    """Give a shared library."""
    with bringing(tmp_path_factory.mktemp("pages") / "home", press) as opened:
        yield opened


@pytest.fixture(scope="module")
def app(library):
    """Return the application on the library."""
    return create_app(library, clock=now)


@pytest.fixture
def visiting(app, library, request):
    """Return a function that gives a client for a new reader of a role, or for nobody."""

    def made(role: str = "") -> TestClient:
        client = TestClient(app, base_url=ADDRESS, follow_redirects=False)
        if role:
            name = f"{role}-{abs(hash(request.node.nodeid)) % 10**9}"
            client.cookies.set(SESSION, signed_in(library, join(library, name, role)))
        return client

    return made


def sent(client, path: str, fields: dict, at: str = "/submit"):
    """Return the answer to a form of ours."""
    token = next(f["fields"][FIELD] for f in read(client, at).forms if FIELD in f["fields"])
    return client.post(path, data={FIELD: token} | fields)


def asked(client, **wish: object):
    """Return what the API says to a wish."""
    answer = client.post("/api/submissions", json=wish)
    assert answer.status_code == 200, answer.text
    return answer.json()


# ---------------------------------------------------------------------------- pages


def test_the_rules_are_told_to_everybody(visiting):
    """Also to whoever may not submit: nothing is learned by failing."""
    nobody = read(visiting(), "/submit")
    assert "Who: every reader with an account" in nobody.text
    assert "How often: 5 papers a day" in nobody.text
    assert "Sign in to submit" in nobody.text
    assert not any(f["action"] == "/submit" for f in nobody.forms)
    assert "0 of 5 today" in read(visiting("reader"), "/submit").text
    assert "as often as you like" in read(visiting("curator"), "/submit").text


def test_a_paper_that_is_found_is_led_to(visiting, library, press):
    """New or not."""
    client, doi = visiting("reader"), press.print(1, "Larks over a found invented field")
    answer = sent(client, "/submit", {"what": doi})
    paper = library.resolve(doi)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/paper/p{paper}")
    again = sent(client, "/submit", {"what": f"doi:{doi}"})
    assert again.headers["location"] == f"/paper/p{paper}"
    assert "Larks over a found invented field is here already" in read(client, "/submissions").text
    assert "1 of 5 today" in read(client, "/submit").text


def test_candidates_are_offered_with_their_forms(visiting, press):
    """One press chooses; what is here is a link."""
    client, doi = visiting("reader"), press.print(2, "Larks of a title of the second kind")
    answer = sent(client, "/submit", {"what": "larks of a title of the second kind"})
    page = Reading(answer.text)
    chosen = [f["fields"] for f in page.forms if f["fields"].get("what") == f"doi:{doi}"]

    assert answer.status_code == 200
    assert len(chosen) == 1
    assert client.post("/submit", data=chosen[0]).status_code == 303
    page = Reading(sent(client, "/submit", {"what": "larks of a title of the second kind"}).text)
    assert "here already" in page.text


def test_a_page_that_names_nothing_known_fills_the_form(visiting, press):
    """Hostile as it may be."""
    url = press.page("/hostile", html(
        f'<meta name="citation_title" content="{SCRIPT}"><meta name="citation_author" '
        f'content="{SCRIPT}"><meta name="citation_abstract" content="</textarea>{SCRIPT}">'
    ))  # fmt: skip
    answer = sent(visiting("reader"), "/submit", {"what": url})
    page = Reading(answer.text)

    assert answer.status_code == 200
    assert "script" not in page.tags
    assert any("alert(1)" in f["fields"].get("title", "") for f in page.forms)


def test_what_is_refused_comes_back_as_it_was_typed(visiting):
    """With the reason, and nothing lost."""
    client = visiting("reader")
    answer = sent(client, "/submit", ENTRY | {"day": "2099-01-01"})
    page = Reading(answer.text)
    fields = next(f["fields"] for f in page.forms if f["fields"].get("title"))

    assert answer.status_code == 422
    assert "The date has not come yet." in page.text
    assert (fields["title"], fields["link"]) == (ENTRY["title"], ENTRY["link"])
    assert "Bo Sample" in page.text
    inward = sent(client, "/submit", {"what": "http://169.254.169.254/latest/meta-data"})
    assert inward.status_code == 422
    assert "not on the public internet" in Reading(inward.text).text


def test_what_is_entered_waits_and_a_curator_decides(visiting, library):
    """On one page, with buttons; its reader sees what became of it."""
    reader, curator = visiting("reader"), visiting("curator")
    answer = sent(reader, "/submit", ENTRY)
    where = answer.headers["location"]
    number = int(where.rpartition("#s")[2])
    assert (answer.status_code, where) == (303, f"/submissions#s{number}")
    assert "Larks of an invented morning waits for a curator" in read(reader, "/submissions").text

    page = read(curator, "/submissions")
    assert "Ada Example, Bo Sample" in page.text
    assert any(f["action"] == f"/submissions/{number}" for f in page.forms)
    done = sent(curator, f"/submissions/{number}", {"taken": "1", "reason": "Fine"})
    assert (done.status_code, done.headers["location"]) == (303, "/submissions")
    assert f"{ENTRY['title']} was added: Fine" in read(reader, "/submissions").text
    assert sent(curator, f"/submissions/{number}", {"taken": "0"}).status_code == 422
    assert sent(curator, f"/submissions/{number}", {}).status_code == 400
    assert sent(curator, "/submissions/999999", {"taken": "1"}).status_code == 404
    assert sent(curator, f"/submissions/{10**30}", {"taken": "1"}).status_code == 400


def test_near_misses_come_before_a_new_paper(visiting, library):
    """The form below then says that it is none of them."""
    title = "Larks in the second invented morning of a long spring"
    filed(library, Record("file", "n", title, authors=("Ada Example", "Bo Sample")))
    client = visiting("reader")
    fields = ENTRY | {"title": "Larks in the second invented morning of the long spring"}
    answer = sent(client, "/submit", fields)
    page = Reading(answer.text)

    assert answer.status_code == 200
    assert title in page.text
    assert any(f["fields"].get("is_new") == "1" for f in page.forms)
    assert sent(client, "/submit", fields | {"is_new": "1"}).status_code == 303


def test_another_site_submits_nothing(visiting, library):
    """Neither with a form nor with JSON."""
    client = visiting("reader")
    before = len(library.submissions.submissions(join(library, "looking", "curator")))
    token = read(client, "/submit").forms[0]["fields"]
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/submit", data=token | ENTRY, headers=headers).status_code == 403
        answer = client.post("/api/submissions", json={"what": "x"}, headers=headers)
        assert answer.status_code == 403
    assert client.post("/submit", data=ENTRY).status_code == 403
    text = client.post(
        "/api/submissions", content=b'{"what": "x"}', headers={"content-type": "text/plain"}
    )
    assert text.status_code == 415
    assert len(library.submissions.submissions(join(library, "looked", "curator"))) == before


def test_more_than_a_form_holds_is_refused(visiting):
    """Before any of it is read as a paper."""
    answer = sent(visiting("reader"), "/submit", ENTRY | {"abstract": "a" * 500_000})
    assert answer.status_code == 413


def test_a_private_library_takes_papers_as_well(tmp_path):
    """Its reader is a curator, so that nothing waits."""
    with open_library(tmp_path / "home", clock=now, newsroom=no_sources) as library:
        client = TestClient(
            create_app(library, clock=now), base_url=ADDRESS, follow_redirects=False
        )
        assert "by hand is, too" in read(client, "/submit").text
        answer = sent(client, "/submit", ENTRY)

        assert answer.headers["location"] == "/paper/p1"
        assert "by owner" not in read(client, "/submissions").text


# ---------------------------------------------------------------------------- the API


def test_the_api_says_what_became_of_it(visiting, library, press):
    """Here, added, to choose from, unknown, waiting."""
    client = visiting("reader")
    paper = filed(
        library, Record("file", "a", "Held", external_ids=(ExternalId("arxiv", "2603.00007"),))
    )
    doi = press.print(7, "Larks that the interface found")

    here = asked(client, what="2603.00007")
    assert (here["state"], here["paper"]) == ("here", f"p{paper[0]}")
    assert asked(client, what=doi)["state"] == "added"
    chosen = asked(client, what="Larks that the interface found")
    assert [c["paper"] for c in chosen["candidates"]] == [f"p{library.resolve(doi)}"]
    unknown = asked(client, what="10.5555/never.1")
    assert (unknown["state"], unknown["submission"]) == ("unknown", None)
    made = asked(client, title="Larks by hand", authors=["A B"], day="2026")
    assert made["state"] == "waiting"

    told = client.get("/api/submissions").json()
    assert told["terms"] == {
        "may": True, "by": "readers", "used": 2, "most": 5, "oldest": None, "filed_at_once": False,
    }  # fmt: skip
    assert [s["state"] for s in told["submissions"]] == ["waiting", "added", "here"]
    assert told["submissions"][0]["entry"] == {
        "title": "Larks by hand", "authors": ["A B"], "abstract": "", "link": "", "day": "2026",
    }  # fmt: skip
    only = client.get("/api/submissions?state=added&limit=1").json()["submissions"]
    assert [s["title"] for s in only] == ["Larks that the interface found"]

    curator = visiting("curator")
    refusing = {"taken": False, "reason": "No larks"}
    refused = curator.post(f"/api/submissions/{made['submission']}", json=refusing).json()
    assert (refused["state"], refused["reason"]) == ("refused", "No larks")
    assert client.post(f"/api/submissions/{made['submission']}", json=refusing).status_code == 403


def test_the_api_names_the_rule_that_is_against_it(visiting, press):
    """And says when it can be tried again."""
    client = visiting("reader")
    empty = client.post("/api/submissions", json={})
    assert (empty.status_code, "Say which paper" in empty.text) == (422, True)
    inward = client.post("/api/submissions", json={"what": "http://127.0.0.1/"})
    assert (inward.status_code, "public internet" in inward.text) == (422, True)
    for number in range(5):
        asked(client, what=press.print(100 + number, f"Larks of number {number}"))
    answer = client.post("/api/submissions", json={"what": press.print(106, "Larks too many")})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 3600
    assert "5 papers a day" in answer.json()["detail"]
    assert client.post("/api/submissions", json={"nonsense": 1}).status_code in {400, 422}
