"""What comes back, over HTTP: who may hand it in, in what form, and what is listed."""

from __future__ import annotations

import hashlib

import pytest
from fastapi.testclient import TestClient

from broadsheet.delivery.bounces import LONGEST
from broadsheet.factory import open_library
from broadsheet.readers.permissions import OWNER
from broadsheet.readers.rules import Rules
from broadsheet.web.app import create_app
from delivery.letters_back import failed, plain, report
from web.invented import no_sources, now

ADDRESS = "http://127.0.0.1:8620"
LETTER = {"Content-Type": "message/rfc822"}
ADA = "ada@example.net"
HASH = hashlib.sha256(ADA.encode()).hexdigest()


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Return a shared collection that everybody may read."""
    rules = Rules(is_shared=True, is_public=True, address=ADDRESS)
    home = tmp_path_factory.mktemp("returned")
    with open_library(home, clock=now, rules=rules, newsroom=no_sources) as opened:
        yield opened


@pytest.fixture
def program(library):
    """Return a client that carries a token of an admin."""
    token = library.accounts.make_token(OWNER, "pipe", ["administer"]).secret
    client = TestClient(create_app(library, clock=now), base_url=ADDRESS)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_a_letter_is_taken_as_it_is(program):
    """Whatever comes back is answered: what it was, and what was done."""
    found = program.post("/api/bounces", content=report(failed("5.1.1", "550 no")), headers=LETTER)

    assert found.status_code == 200
    assert found.json() == {
        "kind": "hard", "is_ours": False, "done": "nothing", "status": "5.1.1", "words": "550 no",
    }  # fmt: skip
    for data in (b"", b"\x00\xff", plain("Hello")):
        assert program.post("/api/bounces", content=data, headers=LETTER).json()["kind"] in {
            "unknown", "auto",
        }  # fmt: skip


def test_nothing_else_is_taken(program):
    """A form of another site could say what it likes, but not what type it is."""
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", ""):
        found = program.post("/api/bounces", content=b"To: x", headers={"Content-Type": kind})
        assert found.status_code == 415
    assert program.post(
        "/api/bounces", content=b"x" * (LONGEST + 1), headers=LETTER
    ).status_code == 413  # fmt: skip


def test_addresses_are_listed_as_hashes(program, library):
    """What is suppressed can be seen, added and removed, and nobody learns an address."""
    added = {"address": f" {ADA.upper()}", "note": "asked for it"}

    assert program.post("/api/suppressions", json=added).json() == {"changed": True}
    assert program.post("/api/suppressions", json=added).json() == {"changed": False}
    listed = program.get("/api/suppressions")
    assert listed.json() == {
        "suppressions": [
            {
                "address": HASH,
                "reason": "hand",
                "note": "asked for it",
                "at": "2026-03-18T12:00:00Z",
            }
        ]
    }
    assert program.get("/api/suppressions?limit=0").status_code == 400
    removed = {"address": ADA}
    assert program.post("/api/suppressions/remove", json=removed).json() == {"changed": True}
    assert program.post("/api/suppressions/remove", json=removed).json() == {"changed": False}
    assert program.get("/api/suppressions").json() == {"suppressions": []}
    assert not library.mailroom.returns.is_suppressed(ADA)


@pytest.mark.parametrize(
    ("given", "status"), [({"address": "ada"}, 422), ({}, 400), ({"address": ADA, "x": 1}, 400)]
)
def test_what_is_no_address_is_refused(program, given, status):
    """In words that say what is wrong."""
    assert program.post("/api/suppressions", json=given).status_code == status
    assert program.post("/api/suppressions/remove", json=given).status_code == status


def test_nobody_else_sees_or_changes_it(library):
    """A reader's browser cannot, nor can a token that may only read."""
    stranger = TestClient(create_app(library, clock=now), base_url=ADDRESS)
    token = library.accounts.make_token(OWNER, "less", ["curate"]).secret
    less = {"Authorization": f"Bearer {token}"}
    for headers, status in (({}, 401), (less, 403)):
        asked = stranger.get("/api/suppressions", headers=headers)
        taken = stranger.post("/api/bounces", content=b"", headers=LETTER | headers)
        added = stranger.post("/api/suppressions", json={"address": ADA}, headers=headers)
        assert {asked.status_code, taken.status_code, added.status_code} == {status}


def test_other_sites_cannot_make_the_owner_do_it(tmp_path):
    """In a private collection the one reader needs no token, so that their browser is asked."""
    with open_library(tmp_path, clock=now, newsroom=no_sources) as library:
        client = TestClient(create_app(library, clock=now), base_url=ADDRESS)
        foreign = {"Origin": "https://evil.example", **LETTER}
        assert client.post("/api/bounces", content=b"", headers=foreign).status_code == 403
        assert client.post("/api/bounces", content=b"", headers=LETTER).status_code == 200
