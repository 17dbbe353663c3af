"""Semantic Scholar read and asked. All papers here are invented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import drifted, records, stage, survives, wanted
from broadsheet.errors import RecordError, SourceError, SourceRejected, SourceUnavailable
from broadsheet.papers.types import ExternalId, Record, Signal
from broadsheet.sources.base import Enriching, Harvested, LookedUp, Searched
from broadsheet.sources.semantic_scholar import SemanticScholar, parse_batch, parse_search
from loopback import Reply, json_reply, too_many

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
ALL_UNKNOWN = json_reply({"error": "No valid paper ids given"}, 400)


def sha(number: int) -> str:
    """Return an id as Semantic Scholar makes them."""
    return f"{number:040x}"


def paper(number: int = 1, **changed: Any) -> dict[str, Any]:
    """Return a paper as Semantic Scholar writes one."""
    return {
        "paperId": sha(number),
        "externalIds": {
            "ArXiv": f"2611.0000{number}",
            "DOI": f"10.48550/arXiv.2611.0000{number}",
            "CorpusId": 1234,
            "DBLP": "journals/x/1",
        },
        "title": f"Kites {number}",
        "abstract": None,
        "year": 2026,
        "publicationDate": "2026-11-17",
        "venue": "arXiv.org",
        "publicationTypes": ["JournalArticle"],
        "citationCount": 3,
        "influentialCitationCount": 1,
        "openAccessPdf": {"url": "https://arxiv.org/pdf/2611.00001", "status": "GREEN"},
        "tldr": {"model": "tldr@v2.0.0", "text": "Kites fly."},
        "authors": [{"authorId": "1", "name": "Ada Example"}, {"authorId": None, "name": None}],
    } | changed


def batch(*papers: Any) -> bytes:
    """Return the answer to a batch."""
    return orjson.dumps(list(papers))


def test_every_field_of_a_paper_is_read():
    """The short summary is no abstract, and arXiv is no venue."""
    (record,) = records(filter(None, parse_batch(batch(paper()), 1)))
    assert record == Record(
        source="s2",
        key=sha(1),
        title="Kites 1",
        summary="Kites fly.",
        authors=("Ada Example",),
        external_ids=(ExternalId("arxiv", "2611.00001"), ExternalId("s2", sha(1))),
        year=2026,
        published="2026-11-17",
        links=(("pdf", "https://arxiv.org/pdf/2611.00001"),),
        extra={"corpus_id": 1234, "types": ["JournalArticle"]},
    )
    assert record.signals == (Signal("citations", 3.0), Signal("influential_citations", 1.0))


def test_ids_of_all_namespaces_are_ours():
    """ACL, PubMed, and a DOI that is not arXiv's."""
    given = {"ACL": "P18-1001", "PubMed": "123", "DOI": "10.5555/X", "MAG": "9"}
    (record,) = records(filter(None, parse_batch(batch(paper(externalIds=given)), 1)))
    assert set(map(str, record.external_ids)) == {
        "acl:P18-1001", "pmid:123", "doi:10.5555/x", f"s2:{sha(1)}",
    }  # fmt: skip


def test_nulls_keep_their_places():
    """Null is unknown; what cannot be used is a fault at its place; counts may be missing."""
    bare = paper(2, tldr=None, externalIds=None, citationCount=None, influentialCitationCount=None)
    one, none, fault, two = parse_batch(batch(paper(), None, paper(title=None), bare), 4)
    assert isinstance(one, Record)
    assert none is None
    assert isinstance(fault, RecordError)
    assert fault.place == 3
    assert isinstance(two, Record)
    assert (two.signals, two.summary) == ((), "")


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b"<p>", batch(paper(), paper(2))])
def test_an_answer_of_another_length_is_no_answer(body):
    """Papers are told by their places, so that counts would go to wrong papers."""
    with pytest.raises(SourceError):
        parse_batch(body, 1)


@settings(max_examples=150)
@given(
    st.binary(max_size=60) | drifted([[paper(), None]]) | drifted([{"total": 1, "data": [paper()]}])
)
def test_nothing_but_our_errors_comes_out(body):
    """Whatever the bytes are, and wherever a field has another type."""
    survives(lambda b: parse_batch(b, 2), body)
    survives(parse_search, body)


# ------------------------------------------------------------------ asking


def known(*papers: dict[str, Any]):
    """Return a route that knows some papers by their arXiv ids and DOIs."""
    by_name = {f"ARXIV:{p['externalIds'].get('ArXiv')}": p for p in papers}
    by_name |= {f"DOI:{p['externalIds'].get('DOI', '').lower()}": p for p in papers}

    def answer(request):
        ids = request.json()["ids"]
        assert 0 < len(ids) <= 500
        assert all(ids)
        found = [by_name.get(i) for i in ids]
        return json_reply(found) if any(found) else ALL_UNKNOWN

    return answer


def test_it_is_what_it_says():
    """It enriches, looks up and searches, and brings nothing by itself."""
    source = SemanticScholar()
    assert all(isinstance(source, kind) for kind in (LookedUp, Searched, Enriching))
    assert not isinstance(source, Harvested)
    assert (source.manner.gap_s, SemanticScholar(key="k").manner.gap_s) == (3.0, 1.1)


def test_papers_are_asked_about_at_once_by_their_surest_id(tmp_path):
    """In one request, with the key as a header; the unknown have an empty entry."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", known(paper(1), paper(2)))
        source = SemanticScholar(url=play.url, key="secret")
        asked = [
            wanted(1, "doi:10.48550/arxiv.2611.00001", "arxiv:2611.00001"),
            wanted(2, "arxiv:2611.00002"),
            wanted(3, "arxiv:2611.00003"),
            wanted(4, "openreview:abcdefgh"),
        ]
        assert [source.wants(w) for w in asked] == [True, True, True, False]
        found = source.enrich(play.client(source), asked, NOW)
        (request,) = play.server.log
    assert request.json()["ids"] == ["ARXIV:2611.00001", "ARXIV:2611.00002", "ARXIV:2611.00003"]
    assert request.headers["x-api-key"] == "secret"
    assert {"tldr", "citationCount"} < set(request.query["fields"].split(","))
    assert [r.key for r in records(found.items)] == [sha(1), sha(2)]
    assert found.kept == {1: {"paper": sha(1)}, 2: {"paper": sha(2)}, 3: {}, 4: {}}


def test_a_paper_unknown_by_one_id_is_asked_for_by_another(tmp_path):
    """Only that one, in a second request."""
    journal = paper(2, externalIds={"DOI": "10.5555/j"})
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", known(paper(1), journal))
        source = SemanticScholar(url=play.url)
        asked = [wanted(1, "arxiv:2611.00001"), wanted(2, "arxiv:2611.09999", "doi:10.5555/j")]
        found = source.enrich(play.client(source), asked, NOW)
        assert [r.json()["ids"] for r in play.server.log] == [
            ["ARXIV:2611.00001", "ARXIV:2611.09999"],
            ["DOI:10.5555/j"],
        ]
    assert found.kept[2] == {"paper": sha(2)}


def test_an_answer_belongs_to_the_paper_that_was_asked_about(tmp_path):
    """It is filed with that paper even if it does not name it, unless it names another e-print."""
    with stage(tmp_path) as play:
        silent, wrong = paper(1, externalIds={}), paper(2)
        play.server.route("/paper/batch", json_reply([silent, wrong]))
        source = SemanticScholar(url=play.url)
        asked = [wanted(1, "arxiv:2611.00001"), wanted(2, "arxiv:2611.00777")]
        found = source.enrich(play.client(source), asked, NOW)
    (record,) = records(found.items)
    assert record.external_ids[0] == ExternalId("arxiv", "2611.00001")
    assert found.kept == {1: {"paper": sha(1)}, 2: {}}


def test_where_nobody_is_known_all_are_unknown(tmp_path):
    """The refusal of such a batch is no error: papers of today are not there yet."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", ALL_UNKNOWN)
        source = SemanticScholar(url=play.url)
        found = source.enrich(play.client(source), [wanted(1, "arxiv:2611.00001")], NOW)
        assert (found.kept, found.items) == ({1: {}}, [])
        play.server.route("/paper/batch", json_reply({"error": "Unrecognized fields: [x]"}, 400))
        with pytest.raises(SourceRejected, match="Unrecognized"):
            source.enrich(play.client(source), [wanted(1, "arxiv:2611.00001")], NOW)


def test_an_empty_id_is_never_sent(tmp_path):
    """One would have the whole batch refused."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", known(paper(1)))
        source = SemanticScholar(url=play.url)
        asked = [wanted(1, "arxiv:2611.00001"), wanted(2, "arxiv:"), wanted(3, "doi: ")]
        assert not source.wants(asked[1])
        found = source.enrich(play.client(source), asked, NOW)
        assert len(play.server.log) == 1
    assert set(found.kept) == {1, 2, 3}


def test_a_storm_of_429_ends_and_leaves_everybody_for_later(tmp_path):
    """Refusals of the shared allowance are no reason to ask for less at once."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", too_many())
        source = SemanticScholar(url=play.url)
        with pytest.raises(SourceUnavailable):
            source.enrich(play.client(source), [wanted(1, "arxiv:2611.00001")], NOW)
        assert len(play.server.log) <= source.manner.tries
        assert min(play.server.gaps) >= 3
        assert source.most == 500


def test_429_that_passes_is_waited_for(tmp_path):
    """Without a key, refusals now and then are normal."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", [too_many(), too_many(7), known(paper(1))])
        source = SemanticScholar(url=play.url)
        found = source.enrich(play.client(source), [wanted(1, "arxiv:2611.00001")], NOW)
        assert len(records(found.items)) == 1


def weak(most: int, poison: str = ""):
    """Return a route that fails if asked for more than `most` at once, or for `poison`."""

    def answer(request):
        ids = request.json()["ids"]
        if len(ids) > most or poison in ids:
            return Reply(b"too large", 500)
        return json_reply([paper(int(i[-4:])) for i in ids])

    return answer


def many(count: int):
    """Return so many held papers."""
    return [wanted(n, f"arxiv:2611.0{n:04d}") for n in range(1, count + 1)]


def test_a_batch_that_is_too_large_for_the_host_is_asked_for_in_pieces(tmp_path):
    """All papers are answered, and the next call begins with smaller batches."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", weak(70))
        source = SemanticScholar(url=play.url, key="k")
        found = source.enrich(play.client(source), many(200), NOW)
        assert len(records(found.items)) == len(found.kept) == 200
        assert all(found.kept.values())
        assert source.most <= 70


def test_one_paper_that_the_host_stumbles_over_spoils_no_other(tmp_path):
    """It is left out after it failed alone, and has no entry, so that it is asked again."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", weak(500, "ARXIV:2611.00030"))
        source = SemanticScholar(url=play.url, key="k")
        found = source.enrich(play.client(source), many(40), NOW)
    assert len(records(found.items)) == 39
    assert set(found.kept) == set(range(1, 41)) - {30}


def test_a_host_that_is_down_is_not_asked_for_ever(tmp_path):
    """Smaller batches do not help there, and the client stops."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", weak(0))
        source = SemanticScholar(url=play.url, key="k")
        with pytest.raises(SourceUnavailable):
            source.enrich(play.client(source), many(300), NOW)
        assert len(play.server.log) <= 3 * source.manner.tries


def test_what_was_answered_before_an_error_is_kept(tmp_path):
    """The second question fails; what the first one found is not lost."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", [known(paper(1)), Reply(b"[", 200)])
        source = SemanticScholar(url=play.url)
        asked = [wanted(1, "arxiv:2611.00001"), wanted(2, "arxiv:2611.09999", "doi:10.5555/j")]
        found = source.enrich(play.client(source), asked, NOW)
    assert found.kept == {1: {"paper": sha(1)}}


def test_papers_are_looked_up_and_found_by_title(tmp_path):
    """Unknown ids are passed over; hyphens, which find nothing there, become spaces."""
    with stage(tmp_path) as play:
        play.server.route("/paper/batch", known(paper(1)))
        play.server.route("/paper/search", json_reply({"total": 1, "data": [paper(2)]}))
        source = SemanticScholar(url=play.url)
        ids = [ExternalId("arxiv", "2611.00001"), ExternalId("doi", "10.5555/unknown")]
        assert [r.key for r in records(source.look_up(play.client(source), ids))] == [sha(1)]
        found = records(source.find_title(play.client(source), "Self-flying Kites"))
        assert [r.key for r in found] == [sha(2)]
        assert play.server.log[-1].query["query"] == "Self flying Kites"
        play.server.route("/paper/search", json_reply({"total": 0, "offset": 0}))
        assert list(source.find_title(play.client(source), "Nothing")) == []
        assert list(source.find_title(play.client(source), " ")) == []


def test_a_check_says_what_has_drifted(tmp_path):
    """In one request: the type of a field, a field that is gone, and nulls that are left out."""
    with stage(tmp_path) as play:
        source = SemanticScholar(url=play.url)
        play.server.route("/paper/batch", json_reply([paper(), None]))
        assert all(f.is_well for f in source.check(play.client(source)))
        assert len(play.server.log) == 1
        play.server.route("/paper/batch", json_reply([paper(citationCount="3", title=None)]))
        wrong = {f.field for f in source.check(play.client(source)) if not f.is_well}
        assert wrong == {"citationCount", "title", "as many answers as ids"}
