"""Papers like a list of references, by form and by API; what was understood is told."""

import re

import pytest
from fastapi.testclient import TestClient

from broadsheet.web import forms
from broadsheet.web.api import LIKE

UNFILED = "@article{x, title={On knitting graphs nobody has filed}}"


@pytest.fixture
def client(app):
    """Return a client that came to an address of this machine."""
    return TestClient(app, base_url="http://127.0.0.1:8620", follow_redirects=False)


def bib(library, number):
    """Return an entry with the title of one of the papers."""
    title = library.papers([library.resolve(f"p{number}")])[0].title
    return f"@article{{k{number}, title={{{title}}}}}\n"


def form(client):
    """Return the token of a fresh form, whose cookie the client keeps."""
    page = client.get("/like")
    assert page.status_code == 200
    return re.search(r'name="token" value="(\w+)"', page.text)[1]


def test_references_that_are_here_lead_to_a_search(client, library):
    """The address that the form leads to is a search like any other."""
    sent = {"token": form(client), "papers": bib(library, 3) + bib(library, 5)}
    answer = client.post("/like", data=sent)
    assert answer.status_code == 303
    assert client.get(answer.headers["location"]).text.count('class="hit"') == 10


def test_references_from_elsewhere_make_a_page(client, library):
    """What is not here counts by its title; there is no address for that."""
    sent = {"token": form(client), "papers": UNFILED + bib(library, 3)}
    page = client.post("/like", data=sent)
    assert page.status_code == 200
    assert "Papers like 2 that were given; in the collection: 1" in page.text


@pytest.mark.parametrize(
    ("papers", "status"), [("", 415), ("what is this", 415), ("x" * (LIKE + 1), 413)]
)
def test_what_is_no_list_is_refused(client, papers, status):
    """Neither nothing nor anything else is a pattern, and none is longer than a file may be."""
    answer = client.post("/like", data={"token": form(client), "papers": papers})
    assert answer.status_code == status


def test_the_form_needs_its_token(client, library):
    """As with all forms, another site cannot send it."""
    assert client.post("/like", data={"papers": bib(library, 3)}).status_code == 403


def test_programs_send_a_file(client, library):
    """The answer is a page as of a search, without these papers and within the query."""
    answer = client.post("/api/search/like?limit=5&q=-zebra", content=UNFILED + bib(library, 3))
    assert answer.status_code == 200
    found = answer.json()
    forms.PageForm.model_validate(found)
    assert len(found["hits"]) == 5
    assert "p3" not in {h["id"] for h in found["hits"]}
    assert found["understood"][0]["kind"] == "like"


@pytest.mark.parametrize("content", ["{}", "[]", "# nothing"])
def test_a_file_without_a_paper_is_the_senders_fault(client, content):
    """It is told so, and not as if something else had failed."""
    answer = client.post("/api/search/like", content=content)
    assert answer.status_code == 415
    assert answer.json()["detail"]


def test_another_site_cannot_send_a_file(client):
    """A page elsewhere cannot make this server read anything."""
    answer = client.post("/api/search/like", content=UNFILED, headers={"origin": "https://x.test"})
    assert answer.status_code == 403


def test_a_slip_is_told_with_a_way_back(client):
    """The page says what was searched for, and links to what was typed."""
    page = client.get("/search?q=knittting").text
    assert "Did you mean “knitting”?" in page
    assert "Search only as typed" in page
    exact = client.get("/search?q=%22knittting%22").text
    assert "Did you mean" not in exact
