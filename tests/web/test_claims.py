"""Author claims in the pages and the API."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from broadsheet.factory import open_library
from broadsheet.papers.types import Record
from broadsheet.readers.rules import Rules
from broadsheet.web.app import create_app
from broadsheet.web.guard import FIELD
from broadsheet.web.who import SESSION
from readers.circle import filed, join, signed_in
from web.invented import SCRIPT, no_sources, now
from web.reading import read

ADDRESS = "http://127.0.0.1:8620"
ORCID = "0000-0002-1825-0097"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Give a shared library."""
    rules = Rules(is_shared=True, is_public=True)
    home = tmp_path_factory.mktemp("claimed")
    with open_library(home, clock=now, newsroom=no_sources, rules=rules) as opened:
        yield opened


@pytest.fixture
def paper(library, request):
    """Return the address of a paper of two authors, one of them with an ORCID."""
    record = Record(
        "openalex", request.node.name, f"On {request.node.name}", authors=("Ada Example", SCRIPT),
        extra={"orcids": {"Ada Example": ORCID}},
    )  # fmt: skip
    return f"/paper/p{filed(library, record)[0]}"


@pytest.fixture(scope="module")
def app(library):
    """Return the application on the library."""
    return create_app(library, clock=now)


@pytest.fixture
def visiting(app, library, request):
    """Return a function that gives a client for a new reader, and their name."""

    def made(role: str, **account: str) -> tuple[TestClient, str]:
        name = f"{role}-{abs(hash(request.node.nodeid)) % 10**9}"
        client = TestClient(app, base_url=ADDRESS, follow_redirects=False)
        client.cookies.set(SESSION, signed_in(library, join(library, name, role, **account)))
        return client, name

    return made


def sent(client, path: str, at: str, **fields: str):
    """Return the answer to a form on a page of ours."""
    token = next(f["fields"][FIELD] for f in read(client, at).forms if FIELD in f["fields"])
    return client.post(path, data={FIELD: token} | fields)


def test_an_author_claims_a_paper_and_it_is_shown(visiting, paper):
    """At once, where a source knows them; and it can be withdrawn."""
    client, name = visiting("reader", orcid=ORCID)
    assert any(f["action"] == f"{paper}/claim" for f in read(client, paper).forms)
    answer = sent(client, f"{paper}/claim", paper, author="Ada Example")

    assert (answer.status_code, answer.headers["location"]) == (303, f"{paper}#claims")
    page = read(client, paper)
    assert f"Claimed by {name} , an author ( Ada Example )." in page.text
    away = next(f["action"] for f in page.forms if f["action"].endswith("/withdraw"))
    assert (
        sent(client, away, paper, back=f"{paper}#claims").headers["location"] == f"{paper}#claims"
    )
    assert "Claimed by" not in read(client, paper).text
    assert "withdrawn" in read(client, "/claims").text


def test_other_claims_wait_for_an_admin(visiting, paper):
    """Who sees them on a page, and whose word is told to their reader."""
    (client, name), (admin, _) = visiting("reader"), visiting("admin")
    sent(client, f"{paper}/claim", paper, author=SCRIPT, note=SCRIPT)
    page = read(client, paper)
    assert "waits for an admin" in page.text
    assert "Claimed by" not in page.text
    queue = read(admin, "/claims")
    assert "script" not in set(queue.tags)
    assert name in queue.text
    action = next(f["action"] for f in queue.forms if f["action"].startswith("/claims/"))
    assert sent(client, action, paper, granted="1").status_code == 403
    assert sent(admin, action, "/claims").status_code == 400
    assert sent(admin, action, "/claims", granted="1").headers["location"] == "/claims"
    assert f"Claimed by {name}" in read(client, paper).text
    assert "was granted" in read(client, "/notices").text


def test_what_nobody_wrote_cannot_be_claimed(visiting, paper):
    """The reason is said."""
    client, _ = visiting("reader")
    answer = sent(client, f"{paper}/claim", paper, author="Eve Nobody")
    assert answer.status_code == 422
    assert "not among the authors" in answer.text
    assert sent(client, "/paper/p999999/claim", paper, author="A").status_code == 404
    assert sent(client, f"/claims/{10**30}/withdraw", paper).status_code == 400


def test_nobody_claims_without_an_account(app, paper):
    """Nor sees the form."""
    client = TestClient(app, base_url=ADDRESS, follow_redirects=False)
    assert not any(f["action"].endswith("/claim") for f in read(client, paper).forms)
    assert client.post(f"/api/papers/{paper[7:]}/claim", json={}).status_code == 401


def test_the_api_does_the_same(visiting, paper):
    """Claim, list, grant, refuse, withdraw."""
    (client, name), (admin, _) = visiting("reader"), visiting("admin")
    ident = paper.removeprefix("/paper/")
    made = client.post(f"/api/papers/{ident}/claim", json={"author": "Example"}).json()
    assert (made["by"], made["author"], made["state"], made["how"]) == (
        name, "Ada Example", "waiting", "asked",
    )  # fmt: skip
    assert client.get("/api/claims").json() == {"claims": [made]}
    assert made in admin.get("/api/claims?state=waiting").json()["claims"]
    where = f"/api/claims/{made['id']}"
    assert client.post(where, json={"granted": True}).status_code == 403
    assert admin.post(where, json={"granted": True}).json()["state"] == "granted"
    assert admin.post(where, json={"granted": False, "reason": "No"}).json()["state"] == "refused"
    assert admin.post(f"{where}/withdraw", json={}).status_code == 404
    assert client.post(f"{where}/withdraw", json={}).json()["state"] == "refused"
    assert admin.post("/api/claims/999999", json={"granted": True}).status_code == 404


def test_a_private_library_has_no_claims_on_its_pages(tmp_path):
    """Its one reader needs nobody's word."""
    with open_library(tmp_path / "home", clock=now, newsroom=no_sources) as library:
        paper = filed(library, Record("file", "1", "Mine", authors=("Ada Example",)))[0]
        client = TestClient(create_app(library, clock=now), base_url=ADDRESS)
        assert "an author" not in read(client, f"/paper/p{paper}").text
