"""A shared collection of a few papers, and readers who have signed in to it."""

import hashlib
import re
from collections import Counter
from functools import lru_cache

from fastapi.testclient import TestClient
from sqlalchemy import insert

from broadsheet.collection import schema
from broadsheet.factory import open_library
from broadsheet.readers.permissions import Actor
from broadsheet.readers.rules import Rules
from broadsheet.web.app import create_app
from broadsheet.web.who import SESSION
from web.invented import PAGE, RECORDS, SCRIPT, no_sources, now
from web.reading import Reading

ADDRESS = "http://127.0.0.1:8620"
RULES = Rules(is_shared=True, is_public=True, address=ADDRESS)
PAPERS = 8
"""Those that are hostile are among them."""
SINCE = "2026-01-01T08:00:00Z"
PEOPLE = {
    "ada": Actor(10, "reader", "ada"),
    "bo": Actor(11, "reader", "bo"),
    "cleo": Actor(12, "curator", "cleo"),
    "dan": Actor(13, "admin", "dan"),
    "eve": Actor(14, "reader", "eve"),
}
SHOWN = {"ada": "Ada Example", "eve": SCRIPT}
"""What some of them are called on pages; nobody should be called so."""


def opened(home):
    """Return the shared library in a home."""
    return open_library(home, clock=now, newsroom=no_sources, rules=RULES)


def gather(home):
    """Make a home with the first papers of `RECORDS`, and with those of `PEOPLE`."""
    with opened(home) as library:
        list(library.file(RECORDS[:PAPERS], source="invented", page=PAGE, counts=Counter()))
        _invite(library)


def _invite(library):
    with library.database.write() as connection:
        for name, actor in PEOPLE.items():
            row = {"id": actor.id, "name": name, "role": actor.role, "joined": SINCE,
                   "shown": SHOWN.get(name, "")}  # fmt: skip
            connection.execute(insert(schema.readers), [row])
            row = {"digest": hashlib.sha256(name.encode()).hexdigest(), "reader_id": actor.id,
                   "made": SINCE, "used": SINCE, "ends": "2030-01-01T00:00:00Z"}  # fmt: skip
            connection.execute(insert(schema.sessions), [row])


@lru_cache(maxsize=2)
def app_of(library):
    """Return the application on a library, ten papers a page."""
    return create_app(library, page_size=10, clock=now)


def client_of(library, name=""):
    """Return a client through which one of `PEOPLE`, or nobody, looks at the pages."""
    made = TestClient(app_of(library), base_url=ADDRESS, follow_redirects=False)
    if name:
        made.cookies.set(SESSION, name)
    return made


def token(client):
    """Return the field that the forms of a client's pages carry."""
    pages = client.get("/notices").text
    # Who reads alone has no form there to sign out.
    pages = pages if "<form method" in pages else client.get("/paper/p1").text
    name, value = re.search(r'name="(\w+)" value="([0-9a-f]{64})"', pages).groups()
    return {name: value}


def send(client, url, status=303, **fields: object):
    """Send a form of ours to an address, and return where it leads, or the page that it makes."""
    answer = client.post(url, data={**token(client), **fields})
    assert answer.status_code == status, answer.text
    return answer.headers["location"] if status == 303 else Reading(answer.text)
