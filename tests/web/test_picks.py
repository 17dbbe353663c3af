"""Picks in pages and API: what curators send, what everybody sees, and what is refused."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import date

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from broadsheet.collection import schema
from broadsheet.factory import open_library
from broadsheet.readers.permissions import OWNER
from broadsheet.readers.rules import PRIVATE, Rules
from broadsheet.web import forms, forms_people
from broadsheet.web.app import create_app
from broadsheet.web.who import SESSION
from web.invented import PRESS, SCRIPT, no_sources, now
from web.reading import TAGS, Reading, read

ADDRESS = "http://127.0.0.1:8620"
TUESDAY = "/2026/03/17"
ENDED = "2026-03-18T12:00:00Z"
DAY = date(2026, 3, 17)
API = "/api/editions/2026-03-17/picks"
PUBLIC = Rules(is_shared=True, is_public=True, address=ADDRESS)


@pytest.fixture(scope="module")
def filed(tmp_path_factory):
    """Return a home with papers of some days, a reader and two curators."""
    home = tmp_path_factory.mktemp("filed")
    with open_library(home, clock=now) as library:
        for _ in library.file(PRESS, source="invented", counts=Counter()):
            pass
        with library.database.write() as connection:
            for number, (name, role) in enumerate(
                [("ada", "curator"), ("bo", "curator"), ("cy", "reader")], 10
            ):
                since = "2026-03-01T08:00:00Z"
                row = {"id": number, "name": name, "role": role, "joined": since}
                connection.execute(insert(schema.readers), [row])
                digest = hashlib.sha256(name.encode()).hexdigest()
                row = {"digest": digest, "reader_id": number, "made": since, "used": since,
                       "ends": "2026-04-01T00:00:00Z"}  # fmt: skip
                connection.execute(insert(schema.sessions), [row])
    return home


@pytest.fixture(scope="module")
def opened(filed):
    """Give the library of that home."""
    with open_library(filed, clock=now, newsroom=no_sources) as made:
        yield made


@pytest.fixture
def library(opened):
    """Return that library, in which nothing is picked; afterwards neither."""
    yield opened
    # Picks are taken back and never deleted: by their numbers editions know what is new.
    with opened.database.write() as connection:
        now_picked = schema.picks.c.ended.is_(None)
        connection.execute(schema.picks.update().where(now_picked).values(ended=ENDED))
        connection.execute(schema.actions.delete())


@pytest.fixture
def client_of(library):
    """Return a function that gives a client of somebody, nobody, or the owner of a private one."""

    def made(name=None):
        library.accounts.rules = PRIVATE if name is None else PUBLIC
        client = TestClient(
            create_app(library, clock=now), base_url=ADDRESS, follow_redirects=False
        )
        if name:
            client.cookies.set(SESSION, name)
        return client

    return made


@pytest.fixture
def own(client_of):
    """Return a client of the one reader of a private collection."""
    return client_of()


def form(client, url, action):
    """Return the fields of the first form on a page that leads to `action`."""
    return next(f["fields"] for f in read(client, url).forms if f.get("action") == action)


def story(text, ident):
    """Return the story of a paper on a page, as HTML."""
    found = re.findall(r"<article class=\"story.*?</article>", text, re.DOTALL)
    return next(s for s in found if f'href="/paper/{ident}"' in s)


# ---------------------------------------------------------------------------- pages


def test_pick_and_take_back_from_the_page_of_an_edition(own):
    """The paper leads with its note, and a button in the list of picks takes that back."""
    fields = form(own, TUESDAY, "/edition/pick")
    assert fields["day"] == "2026-03-17"
    answer = own.post("/edition/pick", data=fields | {"paper": "p30", "note": "Read this."})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{TUESDAY}#p30")
    assert "Picked: Read this." in Reading(story(own.get(TUESDAY).text, "p30")).text
    assert 'class="story lead' in story(own.get(TUESDAY).text, "p30")

    answer = own.post("/edition/unpick", data=form(own, TUESDAY, "/edition/unpick"))
    assert answer.headers["location"] == f"{TUESDAY}#p30"
    assert "Picked" not in read(own, TUESDAY).text


def test_pick_and_take_back_from_the_page_of_a_paper(own):
    """There the paper need not be named, and the way leads back to it."""
    fields = form(own, "/paper/p30", "/edition/pick")
    answer = own.post("/edition/pick", data=fields | {"note": "Read this."})
    assert answer.headers["location"] == "/paper/p30#p30"
    assert "Picked: Read this." in read(own, "/paper/p30").text

    own.post("/edition/unpick", data=form(own, "/paper/p30", "/edition/unpick"))
    assert "Picked" not in read(own, "/paper/p30").text


def test_everybody_sees_who_picked_and_only_curators_may(client_of, library):
    """Visitors and readers see the mark with its name, and no form; curators have one."""
    ada = client_of("ada")
    ada.post("/edition/pick", data=form(ada, TUESDAY, "/edition/pick") | {"paper": "p30"})
    for name, may in (("", False), ("cy", False), ("bo", True)):
        client = client_of(name)
        for url in (TUESDAY, "/2026/w12", "/2026/03", f"{TUESDAY}?section=lead", "/paper/p30"):
            page = read(client, url)
            assert "Picked by ada" in page.text
            actions = {f.get("action") for f in page.forms}
            assert ("/edition/unpick" in actions) == (may and "section" not in url)
    assert [p.by for p in library.picks.of_paper(30)] == ["ada"]


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"paper": " "}, 400, "Say which paper"),
        ({"paper": "p999"}, 404, "p999"),
        ({"paper": "p77", "day": "2026-03-17"}, 422, "belongs to the edition of"),
        ({"paper": "p30", "day": "2026-02-30"}, 400, "February 2026 has 28 days."),
        ({"paper": "p30", "note": "x" * 501}, 422, "500 characters at most"),
    ],
)
def test_what_cannot_be_picked_is_told(own, library, sent, status, said):
    """A page says what is wrong, and nothing is picked."""
    answer = own.post("/edition/pick", data=form(own, "/paper/p30", "/edition/pick") | sent)

    assert (answer.status_code, said in Reading(answer.text).text) == (status, True)
    assert library.picks.of_paper(30) == []


@pytest.mark.parametrize("path", ["/edition/pick", "/edition/unpick"])
def test_forms_of_other_sites_pick_nothing(own, library, path):
    """Nor does one without our token, or a link."""
    library.picks.pick(OWNER, "p31", "Stays.")
    fields = form(own, TUESDAY, "/edition/pick") | {
        "paper": "p30" if "unpick" not in path else "p31"
    }
    answers = [
        own.post(path, data={"paper": "p30"}),
        own.post(path, data=fields, headers={"origin": "https://evil.example"}),
        own.post(path, data=fields, headers={"sec-fetch-site": "cross-site"}),
        own.post(path, data=fields | {"token": "0" * 64}),
        own.get(path),
    ]

    assert [a.status_code for a in answers] == [403, 403, 403, 403, 405]
    assert [p.paper for p in library.picks.between(DAY, DAY)] == [31]


@pytest.mark.parametrize("path", [API, f"{API}/p31/end"])
def test_pages_of_other_sites_call_no_api(own, library, path):
    """A form is no JSON, and JSON of another site is refused."""
    library.picks.pick(OWNER, "p31", "Stays.")
    sent = {"paper": "p30"} if path == API else {}
    answers = [
        own.post(path, json=sent, headers={"origin": "https://evil.example"}),
        own.post(path, json=sent, headers={"sec-fetch-site": "cross-site"}),
        own.post(path, data={"paper": "p30"}),
    ]

    assert [a.status_code for a in answers] == [403, 403, 415]
    assert [p.paper for p in library.picks.between(DAY, DAY)] == [31]


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_the_way_back_leads_nowhere_else(own, back):
    """A form that was tampered with leads to the front page."""
    fields = form(own, TUESDAY, "/edition/pick") | {"paper": "p30", "back": back}

    assert own.post("/edition/pick", data=fields).headers["location"] == "/#p30"


def test_a_hostile_note_is_words(own, library):
    """A script is shown as it was written, on every page that has the note."""
    library.picks.pick(OWNER, "p30", SCRIPT)
    for url in (TUESDAY, "/paper/p30", f"{TUESDAY}?section=lead"):
        page = read(own, url)
        assert SCRIPT in page.text
        assert set(page.tags) <= set(TAGS.split())


def test_many_long_picks_leave_the_page_small(own, library):
    """An edition of which everything is picked is still under 100 kB."""
    for number in range(10, 60):
        library.picks.pick(OWNER, f"p{number}", "&" * 500)

    assert len(read(own, TUESDAY).text) > 1000
    assert len(own.get(TUESDAY).content) < 100_000


def test_votes_and_counts_stand_in_editions(own):
    """Every story has its count, and the button that votes for it; a vote moves it up at once."""
    text = own.get(TUESDAY).text
    last = re.findall(r'id="(p[0-9]+)"', text)[-1]
    assert text.count('<article class="story') == text.count('name="up"') > 10
    fields = next(f["fields"] for f in Reading(text).forms if f.get("id") == "ballot")
    answer = own.post(f"/paper/{last}/vote", data=fields | {"up": "1"})
    moved = story(own.get(TUESDAY).text, last)

    assert answer.headers["location"] == f"{TUESDAY}#{last}"
    assert 'aria-pressed="true"' in moved
    assert "1 upvote in" in Reading(moved).text
    own.post(f"/paper/{last}/vote", data=fields | {"up": "0"})


# ---------------------------------------------------------------------------- the API


def test_picks_in_the_api(own):
    """A program picks, reads what was picked, and takes it back."""
    made = own.post(API, json={"paper": "p30", "note": "Read this."})
    assert made.status_code == 201
    forms_people.PickForm.model_validate(made.json())
    assert made.json() == {
        "paper": "p30", "day": "2026-03-17", "by": "owner", "note": "Read this.",
        "at": "2026-03-18T12:00:00Z",
    }  # fmt: skip
    found = own.get(API).json()
    forms_people.PicksForm.model_validate(found)
    assert found == {"picks": [made.json()]}
    edition = own.get("/api/edition?date=2026-03-17").json()
    forms.EditionForm.model_validate(edition)
    assert edition["leads"][0]["pick"] == {k: made.json()[k] for k in ("by", "note", "at")}
    assert edition["leads"][1]["pick"] is None
    assert own.post(f"{API}/p30/end", json={}).json() == found
    assert own.get(API).json() == {"picks": []}


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        (API, {}, 400),
        (API, {"paper": "p30", "colour": "red"}, 400),
        (API, {"paper": "p999"}, 404),
        ("/api/editions/2026-03-16/picks", {"paper": "p30"}, 422),
        ("/api/editions/2026-02-30/picks", {"paper": "p30"}, 400),
        (f"{API}/p30/end", {}, 422),
        (f"{API}/p999/end", {}, 404),
    ],
)
def test_what_the_api_refuses(own, path, sent, status):
    """Each refusal is a problem with words."""
    answer = own.post(path, json=sent)

    assert (answer.status_code, answer.headers["content-type"]) == (
        status, "application/problem+json",
    )  # fmt: skip
    assert answer.json()["detail"]
