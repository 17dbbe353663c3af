"""OpenAlex read and asked. All works here are invented."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import drifted, filed, records, resumed, stage, survives, wanted
from broadsheet.errors import RecordError, SourceError, SourceRejected, SourceUnavailable
from broadsheet.papers.types import ExternalId, Signal
from broadsheet.sources.base import Ask, Enriching, Harvested, LookedUp, Searched
from broadsheet.sources.openalex import OpenAlex, abstract_of, parse_works
from loopback import json_reply, not_found, redirect, too_many

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def work(number: int = 1, **changed: Any) -> dict[str, Any]:
    """Return a work as OpenAlex writes one."""
    return {
        "id": f"https://openalex.org/W100{number}",
        "doi": f"https://doi.org/10.48550/arXiv.2611.0000{number}",
        "title": f"Kites {number}",
        "display_name": f"Kites {number}",
        "publication_date": "2026-11-17",
        "publication_year": 2026,
        "type": "preprint",
        "language": "en",
        "ids": {"openalex": f"https://openalex.org/W100{number}"},
        "cited_by_count": 7,
        "is_retracted": False,
        "primary_location": {
            "landing_page_url": f"https://arxiv.org/abs/2611.0000{number}",
            "pdf_url": f"https://arxiv.org/pdf/2611.0000{number}",
            "source": {
                "id": "https://openalex.org/S1",
                "display_name": "arXiv",
                "type": "repository",
            },
            "version": "submittedVersion",
        },
        "authorships": [
            {"author": {"display_name": "Ada Example"}},
            {"raw_author_name": "B. Sample"},
        ],
        "abstract_inverted_index": {"We": [0], "fly": [1, 3], "and": [2]},
        "keywords": [{"display_name": "Kite"}],
    } | changed


def page(*works: Any, count: int | None = None, following: str | None = None) -> dict[str, Any]:
    """Return a page of results."""
    meta = {"count": len(works) if count is None else count, "next_cursor": following}
    return {"meta": meta, "results": list(works)}


def parsed(**changed: Any) -> Any:
    """Return the record of one work with some changes."""
    (record,) = records(parse_works(orjson.dumps(page(work(**changed)))))
    return record


# ------------------------------------------------------------------ reading


def test_every_field_of_a_work_is_read():
    """DOIs are addresses there, the abstract is an index, and counts stand beside the record."""
    record = parsed(ids={"pmid": "https://pubmed.ncbi.nlm.nih.gov/123"})
    assert (record.source, record.key, record.title) == ("openalex", "W1001", "Kites 1")
    assert record.abstract == "We fly and fly"
    assert record.authors == ("Ada Example", "B. Sample")
    assert record.external_ids == (
        ExternalId("arxiv", "2611.00001"),
        ExternalId("pmid", "123"),
        ExternalId("openalex", "W1001"),
    )
    assert (record.published, record.year, record.keywords) == ("2026-11-17", 2026, ("Kite",))
    assert record.signals == (Signal("citations", 7.0),)
    assert dict(record.links)["pdf"] == "https://arxiv.org/pdf/2611.00001"
    assert record.announced is record.submitted is None
    assert not record.withdrawn


def test_orcids_are_kept_by_name():
    """With them authors can show that they wrote a paper."""
    ada = {"display_name": "Ada Example", "orcid": "https://orcid.org/0000-0002-1825-0097"}
    people = [{"author": ada}, {"author": {"display_name": "Bo"}}, {"author": None}, "nobody"]
    assert parsed(authorships=people).extra["orcids"] == {"Ada Example": "0000-0002-1825-0097"}


def test_a_repository_is_no_venue_and_a_journal_is():
    """That a preprint lies at arXiv says nothing about where it was published."""
    assert parsed().venue == ""
    journal = {"source": {"display_name": "J. Kites", "type": "journal"}}
    assert parsed(primary_location=journal).venue == "J. Kites"


def test_a_retracted_paper_is_withdrawn():
    """Only the flag of the work itself counts."""
    record = parsed(is_retracted=True)
    assert record.withdrawn
    assert record.extra["is_retracted"] is True


def test_the_first_of_january_means_that_only_the_year_is_known():
    """OpenAlex has no dates without a day."""
    record = parsed(publication_date="2026-01-01")
    assert (record.published, record.year) == (None, 2026)


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (None, ""),
        ({}, ""),
        ([], ""),
        ({"a": [0], "c": [2]}, "a c"),
        ({"a": [10**12, 0], "b": [-1], "c": [1.5], "d": [True], "e": "no", "f": [29_999]}, "a f"),
        ({"<jats:p>We": [0], "fly</jats:p>": [1]}, "We fly"),
        ({"A": [0, 1], "B": [1]}, "A A"),
    ],
)
def test_an_abstract_with_holes_and_wild_places(index, text):
    """Whatever places are given, memory stays bounded and the words that can be placed are."""
    assert abstract_of(index) == text


def test_a_missing_count_is_not_zero():
    """A ranking must be able to tell the two apart."""
    assert parsed(cited_by_count=None).signals == ()
    assert parsed(cited_by_count=0).signals == (Signal("citations", 0.0),)


def test_a_title_with_markup_is_read_as_words_and_none_is_a_fault():
    """Publishers send tags and entities; some works have no title at all."""
    assert parsed(title="H<sub>2</sub>O &amp; <i>kites</i>").title == "H2O & kites"
    (fault,) = parse_works(orjson.dumps(page(work(title=None, display_name=None))))
    assert isinstance(fault, RecordError)
    assert (fault.reason, fault.place) == ("no title", 1)


def test_one_bad_work_is_set_aside():
    """The works beside it are read, and its place counts from 1."""
    items = parse_works(orjson.dumps(page(work(1), 5, work(2, id="W"), work(3))))
    assert [type(i).__name__ for i in items] == ["Record", "RecordError", "RecordError", "Record"]
    assert "a number" in str(items[1])


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error":"x","message":"y"}'])
def test_what_is_no_answer_at_all_is_said(body):
    """An error in another form, or a page of a proxy, is no empty list."""
    with pytest.raises(SourceError):
        parse_works(body)


@settings(max_examples=150)
@given(st.binary(max_size=60) | drifted([page(work(), work(2))]))
def test_nothing_but_our_errors_comes_out(body):
    """Whatever the bytes are, and wherever a field has another type."""
    survives(parse_works, body)


# ------------------------------------------------------------------ asking


def test_it_is_what_it_says():
    """It offers all four abilities, and harvests nothing unless it is told what."""
    source = OpenAlex()
    kinds = (Harvested, LookedUp, Searched, Enriching)
    assert all(isinstance(source, kind) for kind in kinds)
    assert {o.name for o in source.options} == {"url", "filter", "overlap_days"}
    assert source.parts(Ask(NOW)) == ()


def test_papers_are_asked_about_by_their_dois_at_once(tmp_path):
    """One request for all; a DOI that would break the filter is left out."""
    with stage(tmp_path) as play:
        play.server.route(
            "/works", json_reply(page(work(1), work(9, doi="https://doi.org/10.5555/j.9")))
        )
        source = OpenAlex(url=play.url, key="secret")
        asked = [
            wanted(1, "arxiv:2611.00001"),
            wanted(2, "doi:10.5555/j.9"),
            wanted(3, "arxiv:2611.00777"),
            wanted(4, "doi:10.5555/a,b|c"),
        ]
        found = source.enrich(play.client(source), asked, NOW)
        (request,) = play.server.log
    assert request.query["filter"] == (
        "doi:10.48550/arxiv.2611.00001|10.5555/j.9|10.48550/arxiv.2611.00777"
    )
    assert request.query["api_key"] == "secret"
    assert [r.key for r in records(found.items)] == ["W1001", "W1009"]
    assert found.kept == {
        1: {"works": ["W1001"]},
        2: {"works": ["W1009"]},
        3: {"works": []},
        4: {"works": []},
    }


def test_a_work_that_is_none_of_the_papers_is_not_brought(tmp_path):
    """It would be filed as a new paper that nobody asked for."""
    with stage(tmp_path) as play:
        play.server.route("/works", json_reply(page(work(1), work(7), 5)))
        source = OpenAlex(url=play.url, key="k")
        found = source.enrich(play.client(source), [wanted(1, "arxiv:2611.00001")], NOW)
    assert [getattr(i, "key", None) for i in found.items] == ["W1001", None]


def test_a_paper_without_doi_is_asked_about_by_its_other_id(tmp_path):
    """Each kind of id is a filter, and a request, of its own."""
    with stage(tmp_path) as play:
        play.server.route("/works", json_reply(page()))
        source = OpenAlex(url=play.url, key="k")
        asked = [wanted(1, "pmid:77"), wanted(2, "openalex:W5555")]
        assert all(map(source.wants, asked))
        assert not source.wants(wanted(3, "openreview:abcdefgh"))
        source.enrich(play.client(source), asked, NOW)
        assert [r.query["filter"] for r in play.server.log] == ["pmid:77", "openalex:W5555"]


def test_what_was_answered_before_an_error_is_kept(tmp_path):
    """The others have no entry in `kept`, and so are asked about again."""
    with stage(tmp_path) as play:
        play.server.route("/works", [json_reply(page(work(1))), json_reply({"message": "x"})])
        source = OpenAlex(url=play.url, key="k")
        found = source.enrich(
            play.client(source), [wanted(1, "arxiv:2611.00001"), wanted(2, "pmid:7")], NOW
        )
        assert found.kept == {1: {"works": ["W1001"]}}
        with pytest.raises(SourceError):
            source.enrich(play.client(source), [wanted(2, "pmid:7")], NOW)


def test_a_storm_of_429_ends(tmp_path):
    """The client gives up within its tries."""
    with stage(tmp_path) as play:
        play.server.route("/works", too_many())
        source = OpenAlex(url=play.url, key="k")
        with pytest.raises(SourceUnavailable):
            source.enrich(play.client(source), [wanted(1, "arxiv:2611.00001")], NOW)
        assert len(play.server.log) <= source.manner.tries


def test_401_is_said_in_words_and_the_key_is_never_shown(tmp_path):
    """People must be able to act on it, even if the host repeats the key."""
    with stage(tmp_path) as play:
        play.server.route("/works*", json_reply({"error": "x", "message": "api_key=hush"}, 401))
        for key, words in (("", "needs a key since 2026-02-13"), ("hush", "OPENALEX_API_KEY")):
            source = OpenAlex(url=play.url, key=key)
            with pytest.raises(SourceRejected, match=words) as caught:
                source.enrich(play.client(source), [wanted(1, "arxiv:2611.00001")], NOW)
            assert "hush" not in str(caught.value)
            assert caught.value.status == 401


def test_a_look_up_follows_a_merged_id_and_passes_over_unknown_ones(tmp_path):
    """The record of a merged work keeps the id that it was asked for by."""
    with stage(tmp_path) as play:
        play.server.route("/works/W1000", redirect("/works/W1001", 301))
        play.server.route("/works/W1001", json_reply(work()))
        play.server.route("/works/doi:10.48550/arxiv.2611.00009", not_found())
        play.server.route("/works/doi:10.5555/a%23b", json_reply(work(2)))
        source = OpenAlex(url=play.url)
        ids = [
            ExternalId("openalex", "W1000"),
            ExternalId("arxiv", "2611.00009"),
            ExternalId("doi", "10.5555/a#b"),
        ]
        merged, other = records(source.look_up(play.client(source), ids))
    assert merged.key == "W1001"
    assert merged.external_ids[-1] == ExternalId("openalex", "W1000")
    assert merged.extra["merged"] == ["W1000"]
    assert other.key == "W1002"


def test_a_title_is_searched_for_without_the_signs_of_filters(tmp_path):
    """A comma in a title would begin another filter; no words cost no money."""
    with stage(tmp_path) as play:
        play.server.route("/works", json_reply(page(work())))
        source = OpenAlex(url=play.url, key="k")
        assert len(records(source.find_title(play.client(source), "Kites: a, b | c?"))) == 1
        assert play.server.log[0].query["filter"] == "title.search:Kites a b c"
        assert list(source.find_title(play.client(source), "?!")) == []
        assert len(play.server.log) == 1


# ------------------------------------------------------------------ harvesting


def pages_with_a_key(play, most=3):
    """Let the server show its works by cursor."""

    def answer(request):
        at = request.query["cursor"]
        number = 1 if at == "*" else int(at[1:])
        following = f"c{number + 1}" if number < most else None
        return json_reply(page(work(number), count=most, following=following))

    play.server.route("/works", answer)


def test_a_harvest_follows_the_cursor_to_its_end(tmp_path):
    """The next one asks for two weeks again, for works that come late."""
    with stage(tmp_path) as play:
        pages_with_a_key(play)
        source = OpenAlex(url=play.url, filter="type:preprint", key="k")
        assert source.parts(Ask(NOW)) == ("works",)
        held, cursor = filed(source.harvest(play.client(source), "works", {}, Ask(NOW)))
        assert set(held) == {"W1001", "W1002", "W1003"}
        assert cursor == {"done": "2026-11-20"}
        filters = {r.query["filter"] for r in play.server.log}
        assert filters == {
            "type:preprint,from_publication_date:2026-11-13,to_publication_date:2026-11-20"
        }
        filed(source.harvest(play.client(source), "works", cursor, Ask(NOW)))
        assert "from_publication_date:2026-11-06" in play.server.log[-1].query["filter"]


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
@pytest.mark.parametrize("since", [None, date(2026, 11, 1)])
def test_a_stopped_harvest_goes_on_where_it_was(tmp_path, stop, since):
    """After any batch, the cursor that was filed with it leads to the rest."""
    with stage(tmp_path) as play:
        pages_with_a_key(play)
        source = OpenAlex(url=play.url, filter="type:preprint", key="k")
        ask = Ask(NOW, since=since)
        held = resumed(lambda at: source.harvest(play.client(source), "works", at, ask), stop)
    assert set(held) == {"W1001", "W1002", "W1003"}


def test_a_cursor_that_is_not_known_any_more_begins_anew(tmp_path):
    """Tokens die, and a harvest must not hang on a dead one for ever."""
    with stage(tmp_path) as play:

        def answer(request):
            if request.query["cursor"] != "*":
                return json_reply({"error": "bad cursor"}, 400)
            return json_reply(page(work()))

        play.server.route("/works", answer)
        source = OpenAlex(url=play.url, filter="x:y", key="k")
        cursor = {"from": "2026-11-01", "to": "2026-11-20", "next": "old"}
        held, after = filed(source.harvest(play.client(source), "works", cursor, Ask(NOW)))
    assert set(held) == {"W1001"}
    assert after == {"done": "2026-11-20"}


def test_a_cursor_that_leads_in_a_circle_is_noticed(tmp_path):
    """Else the harvest would never end."""
    with stage(tmp_path) as play:
        play.server.route("/works", json_reply(page(work(), following="same")))
        source = OpenAlex(url=play.url, filter="x:y", key="k")
        with pytest.raises(SourceError, match="back to itself"):
            filed(source.harvest(play.client(source), "works", {}, Ask(NOW)))


def test_without_a_key_pages_are_numbered_and_never_asked_for_by_cursor(tmp_path):
    """Cursors need a key; without one there are 10,000 works, which is said."""
    with stage(tmp_path) as play:
        play.server.route(
            "/works", lambda r: json_reply(page(work(int(r.query["page"])), count=150))
        )
        source = OpenAlex(url=play.url, filter="x:y")
        held, _ = filed(source.harvest(play.client(source), "works", {}, Ask(NOW)))
        assert set(held) == {"W1001", "W1002"}
        assert not any("cursor" in r.query for r in play.server.log)
        at_last = {"from": "2026-11-13", "to": "2026-11-20", "next": "100"}
        play.server.route("/works", json_reply(page(work(), count=20_000)))
        with pytest.raises(SourceError, match="10,000"):
            filed(source.harvest(play.client(source), "works", at_last, Ask(NOW)))


# ------------------------------------------------------------------ checking


def test_a_check_says_what_has_drifted(tmp_path):
    """In one request: a type that changed and a field that is gone."""
    with stage(tmp_path) as play:
        source = OpenAlex(url=play.url)
        play.server.route("/works/*", json_reply(work()))
        assert all(f.is_well for f in source.check(play.client(source)))
        assert len(play.server.log) == 1
        play.server.route("/works/*", json_reply(work(cited_by_count="7", id=None)))
        wrong = {f.field for f in source.check(play.client(source)) if not f.is_well}
        assert wrong == {"cited_by_count", "id"}
