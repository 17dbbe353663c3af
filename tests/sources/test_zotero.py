"""A library of Zotero, as it comes over real HTTP from a server here. All papers are invented."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import (
    ConfigError,
    RecordError,
    SourceError,
    SourceRejected,
    SourceUnavailable,
)
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.base import Ask, Batch, Harvested
from broadsheet.sources.polite import PoliteClient
from broadsheet.sources.zotero import Zotero, parse_items
from loopback import FakeTime, Loopback, Reply, Request, html, json_reply, too_many

NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
ASK = Ask(NOW)
TOP = "/users/123/items/top"


def item(number: int, **more: Any) -> dict[str, Any]:
    """Return an item of a library as the Web API writes it."""
    return {
        "key": f"KITE{number:04}",
        "version": number,
        "library": {"type": "user", "id": 123, "name": "ada"},
        "links": {},
        "meta": {"parsedDate": "2026-03"},
        "data": {
            "key": f"KITE{number:04}",
            "version": number,
            "itemType": "preprint",
            "title": f"Kites, Part {number}",
            "creators": [{"creatorType": "author", "firstName": "Ada", "lastName": "Example"}],
            "abstractNote": "We fly kites.",
            "date": "2026-03-17",
            "DOI": "",
            "url": "",
            "archiveID": f"arXiv:2603.{number:05}",
            "extra": "",
            "tags": [{"tag": "kites"}],
            "collections": [],
            "dateAdded": "2026-03-17T06:00:00Z",
        }
        | more,
    }


class Library:
    """A library that answers as the Web API does; `versions` are those of the answers to come."""

    def __init__(self, items: list[dict[str, Any]], *versions: int) -> None:
        self.items = items
        self.versions = list(versions)
        self.more: dict[str, str] = {}

    def __call__(self, request: Request) -> Reply:
        """Answer a request for items."""
        version = self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]
        since = int(request.query.get("since", "0"))
        known = int(request.headers.get("if-modified-since-version", "0"))
        headers = {"Last-Modified-Version": str(version), **self.more}
        if known >= version:
            return Reply(status=304, headers=headers)
        found = [i for i in self.items if i["version"] > since]
        start, limit = int(request.query["start"]), int(request.query["limit"])
        headers["Total-Results"] = str(len(found))
        if start + limit < len(found):
            headers["Link"] = '<https://api.example/x?start=1>; rel="next", <https://x>; rel="last"'
        return json_reply(found[start : start + limit], headers=headers)


@pytest.fixture
def talk(tmp_path: Path) -> Callable[..., Any]:
    """Return a block with a server that plays `answer`, a source and its client."""

    @contextmanager
    def talking(
        answer: Any, library: str = "users/123", **options: Any
    ) -> Iterator[tuple[Loopback, Zotero, PoliteClient]]:
        clock = FakeTime(NOW)
        with Loopback(time=clock) as server:
            server.route(f"/{library}/items/top", answer)
            source = Zotero(url=f"{server.url}/", library=library, **options)
            with PoliteClient(
                source.manner, version="1", locks=tmp_path, time=clock, trusted=[server.url]
            ) as client:
                yield server, source, client

    return talking


def titles(batches: list[Batch]) -> list[str]:
    """Return the titles in some batches, and the reasons of what was set aside."""
    items = (i for b in batches for i in b.items)
    return [i.title if isinstance(i, Record) else i.reason for i in items]


def test_a_source():
    """It is a source that is harvested, of one library, and has no past of its own."""
    source = Zotero(library="groups/45", key="secret")
    assert isinstance(source, Harvested)
    assert source.parts(ASK) == ("groups/45",)
    assert source.parts(Ask(NOW, is_backfill=True)) == ()
    assert Zotero().parts(ASK) == ()
    assert source.rhythm.every_h == 6
    with pytest.raises(ConfigError, match="users/123"):
        Zotero(library="ada")


def test_a_first_pass_and_the_next(talk):
    """A first pass reads every page; the next asks what has changed since, and gets it alone."""
    library = Library([item(n) for n in range(1, 251)], 250)
    with talk(library, key="secret") as (server, source, client):
        batches = list(source.harvest(client, "users/123", {}, ASK))
        assert titles(batches) == [f"Kites, Part {n}" for n in range(1, 251)]
        assert [b.cursor for b in batches] == [
            {"version": 0, "target": 250, "start": 100},
            {"version": 0, "target": 250, "start": 200},
            {"version": 250},
        ]
        assert {b.total for b in batches} == {250}
        assert list(source.harvest(client, "users/123", {"version": 250}, ASK)) == [
            Batch((), {"version": 250})
        ]
        library.items.append(item(251))
        library.versions = [251]
        (new,) = source.harvest(client, "users/123", {"version": 250}, ASK)
        assert (titles([new]), new.cursor) == (["Kites, Part 251"], {"version": 251})

        first, *_, unchanged, changed = server.log
        assert first.headers["zotero-api-key"] == "secret"
        assert first.headers["zotero-api-version"] == "3"
        assert first.query == {
            "format": "json", "limit": "100", "start": "0", "sort": "dateAdded",
            "direction": "asc",
        }  # fmt: skip
        assert unchanged.status == 304
        assert changed.query["since"] == "250"
        assert min(server.gaps) >= 1


def test_a_record(talk):
    """The record of an item is named by library and key, and has the item's fields."""
    with talk(Library([item(1)], 1)) as (_, source, client):
        (batch,) = source.harvest(client, "users/123", {}, ASK)
    (found,) = batch.items
    assert found == Record(
        source="zotero",
        key="users/123/KITE0001",
        title="Kites, Part 1",
        abstract="We fly kites.",
        authors=("Ada Example",),
        external_ids=(ExternalId("arxiv", "2603.00001"),),
        year=2026,
        published="2026-03-17",
        keywords=("kites",),
        extra={"entry_type": "preprint", "zotero": {"dateAdded": "2026-03-17T06:00:00Z"}},
    )


def test_a_pass_goes_on_where_it_was_killed(talk):
    """From the cursor of any batch a pass goes on, and what was filed is not asked for again."""
    library = Library([item(n) for n in range(1, 251)], 250)
    with talk(library) as (server, source, client):
        first = next(source.harvest(client, "users/123", {}, ASK))
        rest = list(source.harvest(client, "users/123", first.cursor, ASK))
        assert titles([first, *rest]) == [f"Kites, Part {n}" for n in range(1, 251)]
        assert [r.query["start"] for r in server.log] == ["0", "100", "200"]
        assert rest[-1].cursor == {"version": 250}


def test_a_library_that_changes_during_a_pass(talk):
    """The pass begins anew, so that nothing is lost whichever pages have moved."""
    library = Library([item(n) for n in range(1, 151)], 150, 151, 151)
    with talk(library) as (server, source, client):
        batches = list(source.harvest(client, "users/123", {}, ASK))
        assert [r.query["start"] for r in server.log] == ["0", "100", "0", "100"]
        assert set(titles(batches)) == {f"Kites, Part {n}" for n in range(1, 151)}
        assert batches[-1].cursor == {"version": 151}


def test_a_library_that_keeps_changing(talk):
    """A pass that is begun anew again and again is given up; its cursor goes on later."""
    library = Library([item(n) for n in range(1, 151)], *range(150, 400))
    with talk(library) as (server, source, client):
        pages = source.harvest(client, "users/123", {}, ASK)
        with pytest.raises(SourceUnavailable, match="keeps changing"):
            list(pages)
        assert len(server.log) < 10


def test_the_app_is_read_whole(talk):
    """What the app has not synchronised has no version, so its library is read whole each time."""
    library = Library([item(1), {**item(2), "version": 0}], 7)
    library.items[1]["version"] = 1
    with talk(library, "users/0") as (server, source, client):
        for cursor in ({}, {"version": 7}):
            (batch,) = source.harvest(client, "users/0", cursor, ASK)
            assert len(batch.items) == 2
            assert batch.cursor == {"version": 7}
        assert all("since" not in r.query for r in server.log)
        assert source.manner.gap_s == 0


def test_a_day_that_is_asked_for(talk):
    """With a day, all of the library is read again."""
    with talk(Library([item(1)], 7)) as (_, source, client):
        ask = Ask(NOW, since=date(2026, 1, 1))
        (batch,) = source.harvest(client, "users/123", {"version": 7}, ask)
        assert len(batch.items) == 1


def test_an_answer_without_a_version(talk):
    """Without the header a library is read whole again the next time."""
    with talk(json_reply([item(1)])) as (_, source, client):
        (batch,) = source.harvest(client, "users/123", {}, ASK)
        assert (len(batch.items), batch.cursor) == (1, {"version": 0})


def test_backoff(talk):
    """Where Zotero asks for a pause with a good answer, the next request waits for it."""
    library = Library([item(n) for n in range(1, 151)], 150)
    library.more = {"Backoff": "30"}
    with talk(library) as (server, source, client):
        pages = list(source.harvest(client, "users/123", {}, ASK))
        assert sum(len(batch.items) for batch in pages) == 150
        assert min(server.gaps) >= 30


def test_busy(talk):
    """A refusal that names a time is waited for."""
    with talk([too_many(5), Library([item(1)], 1)]) as (server, source, client):
        assert len(list(source.harvest(client, "users/123", {}, ASK))) == 1
        assert server.gaps[0] >= 5


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Reply(b"Forbidden", 403), SourceRejected, "403"),
        (Reply(b"Not found", 404), SourceRejected, "404"),
        (html("<html>Sign in</html>"), SourceError, "HTML|html|page"),
        (json_reply({"error": "x"}), SourceError, "not with a list of items"),
        (json_reply([], headers={"Total-Results": "9"}), SourceError, "empty page"),
    ],
)
def test_answers_that_are_none(talk, answer, error, says):
    """What is no list of items is told of in a sentence, and nothing is filed."""
    with talk(answer) as (_, source, client), pytest.raises(error, match=says):
        list(source.harvest(client, "users/123", {}, ASK))


def test_items_that_are_none():
    """Notes and files are passed over; what cannot be used is set aside with its place."""
    given = [
        {"key": "N", "data": {"itemType": "note", "note": "mine"}},
        {"key": "A", "data": {"itemType": "attachment", "title": "PDF", "path": "/media/a.pdf"}},
        7,
        item(1, title=""),
        {**item(2, key=""), "key": None},
        item(3),
    ]
    found = parse_items(orjson.dumps(given), library="users/1", first=100)
    told = [(i.place, i.reason) for i in found if isinstance(i, RecordError)]
    assert told == [(103, "not an object but a number"), (104, "no title"), (105, "no key")]
    assert [i.key for i in found if isinstance(i, Record)] == ["users/1/KITE0003"]


def findings(talk: Any, answer: Any, library: str = "users/123") -> dict[str, bool]:
    """Return which fields of an answer are as they should be."""
    with talk(answer, library) as (server, source, client):
        found = {f.field: f.is_well for f in source.check(client)}
        assert len(server.log) == 1
    return found


def test_check(talk):
    """One request tells field by field whether the answer still has its form."""
    assert all(findings(talk, Library([item(1), item(2)], 2)).values())
    assert findings(talk, Library([], 2)) == {"Last-Modified-Version": True, "items": True}
    drifted = [item(1, itemType=7, tags="kites"), {k: v for k, v in item(2).items() if k != "key"}]
    found = findings(talk, json_reply(drifted))
    wrong = {field for field, is_well in found.items() if not is_well}
    assert wrong == {"Last-Modified-Version", "key", "data.itemType", "data.tags"}
    assert findings(talk, json_reply([item(1)]), "users/0")["Last-Modified-Version"]
    with pytest.raises(SourceError, match="not with a list"):
        findings(talk, json_reply({"items": []}))


def test_check_without_a_library(talk):
    """Where no library is named there is nothing to check, and nothing is asked."""
    with talk(Library([], 1)) as (server, _, client):
        (finding,) = Zotero(url=server.url).check(client)
        assert (finding.is_well, server.log) == (True, [])


@given(st.binary() | st.integers(0, 900).map(lambda n: orjson.dumps([item(1)] * 2)[:n]))
def test_any_bytes(body):
    """Any bytes give records, record errors, or one error of the source."""
    try:
        found = parse_items(body, library="users/1")
    except SourceError as error:
        assert not isinstance(error, RecordError)  # noqa: PT017 (which kind it is)
    else:
        assert all(isinstance(i, Record | RecordError) for i in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from([*item(1)["data"], "deleted"]), JSON),
    st.dictionaries(st.sampled_from([*item(1)]), JSON),
)
def test_any_json(data, outer):
    """Items may have anything in any field."""
    body = orjson.dumps([{**item(1, **data), **outer}])
    assert all(isinstance(i, Record | RecordError) for i in parse_items(body, library="users/1"))
