"""The page of what is trending."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from broadsheet.collection import signals
from broadsheet.collection.signals import Observed
from broadsheet.factory import open_library
from broadsheet.papers.types import PaperId, Record
from broadsheet.web.app import create_app
from web.invented import SCRIPT
from web.reading import TAGS, read

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
RECORDS = [
    Record("arxiv", "1", "Lunar nets for tides", announced="2026-03-16", categories=("cs.LG",)),
    Record("arxiv", "2", "Coral from orbit", announced="2026-03-17", categories=("cs.CV",)),
    Record("arxiv", "3", "Old window glass", announced="2026-03-17", categories=("cs.CV",)),
]
SEEN = [
    (1, "upvotes", "hf", "2026-03-16T20:00:00Z", 10),
    (1, "upvotes", "hf", "2026-03-17T08:00:00Z", 38),
    (2, "upvotes", "hf", "2026-03-17T08:00:00Z", 60),
    (2, SCRIPT, SCRIPT, "2026-03-17T08:00:00Z", 3),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory, embedder):
    """Give a client of three papers, of two of which something was counted."""
    with open_library(tmp_path_factory.mktemp("trending"), embedder=embedder) as library:
        list(library.file(RECORDS, source="invented", counts=Counter()))
        with library.database.write() as connection:
            signals.note(
                connection, [Observed(PaperId(p), k, s, str(p), at, v) for p, k, s, at, v in SEEN]
            )
        yield TestClient(create_app(library, clock=lambda: NOON), follow_redirects=False)


def titles(page):
    """Return the papers that a page lists, in its order."""
    return [link["href"] for link in page.links if link["href"].startswith("/paper/")]


def test_a_list_shows_its_parts_and_its_formula(client):
    """Papers with counts stand in order, each with its counts, below which is how it is made."""
    page = read(client, "/trending?at=2026-03-17T12:00Z")
    assert titles(page) == ["/paper/p2", "/paper/p1"]
    assert "38 upvotes in 2 days (+28 today)" in page.text
    assert "as of 2026-03-17T12:00Z" in page.text
    assert "Half a unit is taken off for each day" in page.text
    assert "upvotes, hf" in page.text


def test_a_page_leads_to_the_other_lists(client):
    """What is narrowed stays narrowed, and the list that is shown is marked."""
    page = read(client, "/trending?view=rising&window=week&q=cat:cs.LG&at=2026-03-17T12:00Z")
    assert titles(page) == ["/paper/p1"]
    ways = [link["href"] for link in page.links if link["href"].startswith("/trending?")]
    ways = [way for way in ways if "cat%3Acs.LG" in way]
    assert len(ways) == 5
    assert [w["href"] for w in page.links if "aria-current" in w] == [ways[2]]
    for way in ways:
        read(client, way)


def test_what_has_no_counts_says_why(client):
    """An empty list is told from a query that matches nothing."""
    assert "No source has counted" in read(client, "/trending?at=2020-01-01").text
    assert "No paper with a count matches" in read(client, "/trending?q=glass").text
    assert "gained anything" in read(client, "/trending?view=rising&at=2020-01-01").text


def test_what_a_source_calls_its_counts_is_escaped(client):
    """Names of kinds and sources come from outside."""
    page = read(client, "/trending")
    assert set(page.tags) <= set(TAGS.split())
    assert "<script>" in page.text


@pytest.mark.parametrize("asked", ["at=never", "view=best", "window=year", "q=sort:date"])
def test_what_cannot_be_understood_is_refused(client, asked):
    """Each with a page that says so."""
    read(client, f"/trending?{asked}", 400)
