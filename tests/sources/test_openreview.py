"""OpenReview read and asked. All papers here are invented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import drifted, filed, records, resumed, stage, survives
from broadsheet.errors import RecordError, SourceError, SourceRejected
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.base import Ask, Harvested, LookedUp
from broadsheet.sources.openreview import OpenReview, parse_notes
from loopback import json_reply, not_found

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
VENUE = "Kites.cc/2026/Conference"


def note(number: int = 1, content: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    """Return a paper as OpenReview writes one."""
    ident = f"Kite{number:06d}"
    values = {
        "title": f"Kites {number}",
        "authors": ["Ada Example", "B. Sample"],
        "authorids": ["~Ada_Example1", "~B_Sample1"],
        "keywords": ["kites", "wind"],
        "abstract": "We let kites\nfall.",
        "TLDR": "Kites fall.",
        "venue": "Kites 2026 Poster",
        "venueid": VENUE,
        "pdf": "/pdf/0123abcd.pdf",
        "primary_area": "strings",
    } | (content or {})
    return {
        "id": ident,
        "forum": ident,
        "number": number,
        "cdate": 1_790_000_000_000,
        "pdate": 1_795_000_000_000,
        "mdate": 1_795_000_000_001,
        "replyto": None,
        "content": {name: {"value": value} for name, value in values.items()},
    } | changed


def notes(*given_notes: Any) -> dict[str, Any]:
    """Return an answer with some notes."""
    return {"notes": list(given_notes), "count": len(given_notes)}


def parsed(*given_notes: Any) -> list[Record]:
    """Return the records of an answer with these notes."""
    return records(parse_notes(orjson.dumps(notes(*given_notes))))


def test_every_field_of_a_paper_is_read():
    """Values are wrapped, days are milliseconds, and the text lies beside the site."""
    assert parsed(note()) == [
        Record(
            source="openreview",
            key="Kite000001",
            title="Kites 1",
            abstract="We let kites fall.",
            summary="Kites fall.",
            authors=("Ada Example", "B. Sample"),
            external_ids=(ExternalId("openreview", "Kite000001"),),
            year=2026,
            submitted="2026-09-21",
            published="2026-11-18",
            keywords=("kites", "wind"),
            venue="Kites 2026 Poster",
            links=(
                ("abs", "https://openreview.net/forum?id=Kite000001"),
                ("pdf", "https://openreview.net/pdf/0123abcd.pdf"),
            ),
            extra={"venueid": VENUE, "number": 1, "area": "strings"},
        )
    ]


def test_papers_of_the_old_api_are_read_too():
    """There the values stand bare, and the summary is called TL;DR."""
    bare = {"title": "Kites", "TL;DR": "They fall.", "authors": None, "keywords": ["a; b, c"]}
    (record,) = parsed(note(content=None) | {"content": bare})
    assert (record.title, record.summary, record.authors) == ("Kites", "They fall.", ())
    assert record.keywords == ("a", "b", "c")


@pytest.mark.parametrize(
    "other",
    [
        note(content={"venueid": f"{VENUE}/Rejected_Submission"}),
        note(content={"venueid": f"{VENUE}/Withdrawn_Submission"}),
        note(content={"venueid": f"{VENUE}/Desk_Rejected_Submission"}),
        note(content={"venueid": "dblp.org/journals/Rejected"}),
        note(ddate=1_795_000_000_000),
        note(id="Review0001"),
        note(replyto="Kite000009"),
    ],
)
def test_what_is_no_accepted_paper_is_left_out(other):
    """Rejected, withdrawn and deleted papers, reviews and replies are no faults either."""
    assert parsed(other, note(2)) == parsed(note(2))


@pytest.mark.parametrize("moment", [None, 0, -5, "2026", True, 10**15, 1e300])
def test_wild_moments_are_no_days(moment):
    """The year follows the day."""
    (record,) = parsed(note(pdate=moment, cdate=moment))
    assert (record.published, record.submitted, record.year) == (None, None, None)


def test_addresses_that_are_none_are_no_links():
    """What people type as their code may be anything."""
    content = {"pdf": "kites.pdf", "code": "on request", "project_page": "https://kites.example"}
    (record,) = parsed(note(content=content))
    assert [kind for kind, _ in record.links] == ["abs", "project"]


def test_one_bad_note_is_set_aside():
    """The papers beside it are read."""
    items = parse_notes(orjson.dumps(notes(note(), 5, note(3, {"title": ""}), note(4))))
    assert [type(i).__name__ for i in items] == ["Record", "RecordError", "RecordError", "Record"]
    assert isinstance(items[2], RecordError)
    assert items[2].place == 3


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"name":"Error"}'])
def test_what_is_no_answer_at_all_is_said(body):
    """An error in another form is no empty venue."""
    with pytest.raises(SourceError):
        parse_notes(body)


@settings(max_examples=150)
@given(st.binary(max_size=60) | drifted([notes(note(), note(2))]))
def test_nothing_but_our_errors_comes_out(body):
    """Whatever the bytes are, and wherever a field has another type."""
    survives(parse_notes, body)


# ------------------------------------------------------------------ harvesting


def venue(play, count: int) -> None:
    """Let the server show so many papers of the venue, by id."""

    def answer(request):
        asked = request.query
        assert (asked["content.venueid"], asked["sort"]) == (VENUE, "id")
        first = int(asked["after"][4:]) + 1 if "after" in asked else 1
        last = min(count, first + int(asked["limit"]) - 1)
        return json_reply(notes(*(note(n) for n in range(first, last + 1))))

    play.server.route("/notes", answer)


def test_it_is_what_it_says():
    """Its parts are the venues that are wanted."""
    source = OpenReview(venues=(VENUE, " "))
    assert isinstance(source, Harvested)
    assert source.parts(Ask(NOW)) == (VENUE,)


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
@pytest.mark.parametrize("count", [0, 9, 20, 21])
def test_a_stopped_harvest_goes_on_where_it_was(tmp_path, monkeypatch, stop, count):
    """Pages follow the last id, so that nothing is skipped where papers vanish meanwhile."""
    monkeypatch.setattr("broadsheet.sources.openreview._LIMIT", 10)
    with stage(tmp_path) as play:
        venue(play, count)
        source = OpenReview(url=play.url, venues=(VENUE,))
        held = resumed(lambda at: source.harvest(play.client(source), VENUE, at, Ask(NOW)), stop)
    assert len(held) == count


def test_the_next_harvest_reads_all_again(tmp_path):
    """Decisions change papers that were there long ago."""
    with stage(tmp_path) as play:
        venue(play, 3)
        source = OpenReview(url=play.url, venues=(VENUE,), key="token")
        _, cursor = filed(source.harvest(play.client(source), VENUE, {}, Ask(NOW)))
        assert cursor == {"done": "2026-11-20"}
        held, _ = filed(source.harvest(play.client(source), VENUE, cursor, Ask(NOW)))
        assert len(held) == 3
        assert play.server.log[0].headers["authorization"] == "Bearer token"


def test_a_server_that_does_not_turn_pages_is_noticed(tmp_path, monkeypatch):
    """Else the harvest would never end."""
    monkeypatch.setattr("broadsheet.sources.openreview._LIMIT", 10)
    with stage(tmp_path) as play:
        same = [note(n) for n in range(10)]
        play.server.route("/notes", json_reply(notes(*same)))
        source = OpenReview(url=play.url, venues=(VENUE,))
        with pytest.raises(SourceError, match="repeats a page"):
            filed(source.harvest(play.client(source), VENUE, {}, Ask(NOW)))


@pytest.mark.parametrize(("key", "words"), [("", "that a person asks"), ("hush", "does not take")])
def test_a_challenge_is_said_in_words(tmp_path, key, words):
    """Since autumn 2026 questions without a token are answered with 403."""
    with stage(tmp_path) as play:
        play.server.route("/notes", json_reply({"name": "ChallengeRequiredError"}, 403))
        source = OpenReview(url=play.url, venues=(VENUE,), key=key)
        with pytest.raises(SourceRejected, match=words) as caught:
            filed(source.harvest(play.client(source), VENUE, {}, Ask(NOW)))
    assert "OPENREVIEW_TOKEN" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_paper_is_looked_up_by_its_forum(tmp_path):
    """Whoever asks for one paper gets it, rejected or not; replies and unknown ids are left out."""
    with stage(tmp_path) as play:
        rejected = note(1, {"venueid": f"{VENUE}/Rejected_Submission"})
        reply = note(2, forum="Kite000001")
        known = {"Kite000001": json_reply(notes(rejected, reply)), "Kite000003": not_found()}
        play.server.route("/notes", lambda r: known.get(r.query["id"], json_reply(notes())))
        source = OpenReview(url=play.url)
        assert isinstance(source, LookedUp)
        ids = [ExternalId("openreview", f"Kite00000{n}") for n in (1, 3, 4)]
        ids.append(ExternalId("doi", "10.5555/x"))
        (record,) = records(source.look_up(play.client(source), ids))
        assert record.key == "Kite000001"
        assert len(play.server.log) == 3


def test_a_check_says_what_has_drifted(tmp_path):
    """In one request: a type that changed and a field that is gone."""
    with stage(tmp_path) as play:
        source = OpenReview(url=play.url)
        play.server.route("/notes", json_reply(notes(note(), note(2, {"TLDR": None}))))
        assert all(f.is_well for f in source.check(play.client(source)))
        assert len(play.server.log) == 1
        changed = note(2, {"keywords": "kites"}, cdate=None)
        play.server.route("/notes", json_reply(notes(note(), changed)))
        wrong = {f.field for f in source.check(play.client(source)) if not f.is_well}
        assert wrong == {"content.keywords.value", "cdate"}
